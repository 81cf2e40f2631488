"""Checkpoints: what is saved comes back, the newest and the best stay, a damaged one is named and passed over."""

import os
import resource
import shutil
import subprocess

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks import damage
from mccl_jax.errors import UserError
from mccl_jax.training import checkpoints
from mccl_jax.training.checkpoints import Checkpoints, load, newest, save

KERNEL = np.random.default_rng(0).normal(size=(30, 40)).astype(np.float32)  # zstd leaves such values as they are
ARRAYS = {"state": {"params": {"a/kernel": jnp.asarray(KERNEL), "a/bias": jnp.ones(3)}, "step": jnp.asarray(3)}}


def _saved(folder, steps=(1, 2, 3), keep=2, best=None):
    with Checkpoints(folder, keep) as checkpoints:
        for step in steps:
            arrays = {"state": {**ARRAYS["state"], "step": jnp.asarray(step)}}
            checkpoints.save(step, arrays, {"said": [step, "x"]}, best)
    return folder


def _names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_comes_back_as_numpy_with_its_metadata(tmp_path):
    save(tmp_path / "model", ARRAYS, {"said": {"deep": [1, None, "x", 0.1]}})
    arrays, metadata = load(tmp_path / "model")
    kernel = arrays["state"]["params"]["a/kernel"]
    assert type(kernel) is np.ndarray
    assert kernel.tobytes() == KERNEL.tobytes()
    assert metadata == {"said": {"deep": [1, None, "x", 0.1]}}


def test_the_latest_are_kept_and_the_newest_restored(tmp_path):
    folder = _saved(tmp_path / "checkpoints")
    assert _names(folder) == ["2", "3"]
    arrays, metadata, where = newest(folder)
    assert int(arrays["state"]["step"]) == 3
    assert metadata == {"said": [3, "x"], "step": 3}
    assert where.name == "3"


def test_the_best_is_kept_beside_the_latest(tmp_path):
    folder = _saved(tmp_path / "checkpoints", (1, 2, 3, 4), best=1)
    assert _names(folder) == ["1", "3", "4"]
    _saved(folder, (5,), best=1)  # another process, which goes on
    assert _names(folder) == ["1", "4", "5"]
    _saved(folder, (6,), best=6)
    assert _names(folder) == ["5", "6"]


def test_none_where_there_is_none(tmp_path):
    assert newest(tmp_path / "checkpoints") is None
    assert not (tmp_path / "checkpoints").exists()


def _folder_is_a_file(step):
    shutil.rmtree(step)
    step.write_text("x")


def _another_step(step):
    shutil.rmtree(step)
    shutil.copytree(step.parent / "2", step)


def _cannot_be_opened(step):
    (path := damage.of_arrays(step)).unlink()
    path.symlink_to(path.name)  # a loop, which stops root, too


# Those of which there is nothing to name, and permissions, which stop everybody but root, have tests of their own.
UNNAMED = ("half written, the rest missing", "a name that is no step", "a file that may not be read")
WAYS = {name: way for name, way in damage.WAYS.items() if name not in UNNAMED} | {
    "wrong bits in the digests": lambda step: damage.flip(step / "SHA256SUMS", 3),
    "the digests removed": lambda step: (step / "SHA256SUMS").unlink(),
    "metadata that are no JSON": lambda step: damage.flip(step / "_CHECKPOINT_METADATA", 0),
    "metadata that are a list": lambda step: (step / "_CHECKPOINT_METADATA").write_text("[1]"),
    "the folder is a file": _folder_is_a_file,
    "a file that cannot be opened": _cannot_be_opened,
    "another step under this name": _another_step,
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
def test_a_damaged_newest_is_named_and_the_one_before_used(tmp_path, capfd, way):
    folder = _saved(tmp_path / "checkpoints")
    way(folder / "3")
    arrays, metadata, where = newest(folder)
    assert where.name == "2"
    assert int(arrays["state"]["step"]) == metadata["step"] == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert str(folder / "3") in line
    assert line.endswith("trying the checkpoint before it")
    assert "attribute" not in line
    # A training that goes on from there puts another in its place, and the one that it began from stays.
    _saved(folder, (3,))
    assert _names(folder) == ["2", "3"]
    assert newest(folder)[1]["step"] == 3
    assert capfd.readouterr().err == ""


def test_every_wrong_byte_is_noticed(tmp_path):
    save(tmp_path / "model", ARRAYS, {"said": "x"})
    files = [path for path in (tmp_path / "model").rglob("*") if path.is_file()]
    places = np.random.default_rng(0).choice(sum(path.stat().st_size for path in files), 40, replace=False)
    unnoticed = []
    for place in places.tolist():
        for path in files:
            if place < (size := path.stat().st_size):
                break
            place -= size
        damage.flip(path, place)
        try:
            arrays, metadata = load(tmp_path / "model")
            unnoticed.append(path.name)  # the time at which it was saved, for one
            assert metadata == {"said": "x"}
            assert jax.tree.all(jax.tree.map(np.array_equal, arrays, ARRAYS))
        except UserError:
            pass
        damage.flip(path, place)
    assert set(unnoticed) <= {"_CHECKPOINT_METADATA", "commit_success.txt"}
    assert len(unnoticed) < 10


def test_what_came_to_no_end_and_what_is_no_step_are_passed_over(tmp_path, capfd):
    folder = _saved(tmp_path / "checkpoints")
    for number in "45":
        shutil.copytree(folder / "3", folder / number)
    damage.half_written(folder / "5")
    damage.WAYS["a name that is no step"](folder / "4")
    assert newest(folder)[2].name == "3"
    (line,) = capfd.readouterr().err.splitlines()
    assert line == f"{folder / '4 (copy)'}: is no step's name, and not used as a checkpoint"
    _saved(folder, (4,))
    assert _names(folder) == ["3", "4", "4 (copy)"]


def test_one_that_is_damaged_does_not_crowd_out_what_is_saved_after_it(tmp_path):
    folder = _saved(tmp_path / "checkpoints", (1, 5, 9), keep=3)
    damage.cut_short(folder / "9")
    _saved(folder, (6,), keep=1)
    assert _names(folder) == ["6"]


def test_all_damaged_is_an_error(tmp_path):
    folder = _saved(tmp_path / "checkpoints")
    for step in "23":
        damage.cut_short(folder / step)
    with pytest.raises(UserError, match="none of its checkpoints"):
        newest(folder)


def test_a_place_that_is_no_folder_is_not_taken_for_none(tmp_path):
    (tmp_path / "checkpoints").write_text("x")
    with pytest.raises(UserError, match="Not a directory"):
        newest(tmp_path / "checkpoints")


@pytest.mark.parametrize("what", ["nowhere", "empty", "file"])
def test_what_is_no_checkpoint_is_refused_in_one_line(tmp_path, what):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("x")
    with pytest.raises(UserError) as raised:
        load(tmp_path / what)
    assert str(tmp_path / what) in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.fixture
def full_disk():
    """A function, after which no file can become longer than 4 kB."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_full_disk_ends_in_one_line_and_leaves_the_others_whole(tmp_path, full_disk):
    folder = _saved(tmp_path / "checkpoints")
    save(tmp_path / "model", ARRAYS, {"said": "x"})
    full_disk()
    with pytest.raises(UserError, match=r"could not be saved.*those before it are whole") as raised:
        _saved(folder, (4,), keep=1)
    assert "\n" not in str(raised.value)
    assert newest(folder)[1]["step"] == 3
    assert load(folder / "2")[1]["step"] == 2
    with pytest.raises(UserError, match="could not be saved"):
        save(tmp_path / "model", ARRAYS, {"said": "y"})
    assert load(tmp_path / "model")[1] == {"said": "x"}
    assert _names(tmp_path) == ["checkpoints", "model"]


def test_without_room_none_is_begun(tmp_path, monkeypatch):
    folder = _saved(tmp_path / "checkpoints")
    usage = shutil.disk_usage(folder)
    monkeypatch.setattr(checkpoints.shutil, "disk_usage", lambda _: usage._replace(free=1000))
    monkeypatch.setattr(checkpoints.ocp.training.Checkpointer, "save_checkpointables_async", None)  # is not come to
    with pytest.raises(UserError, match=r"could not be saved .*No space left on device"):
        _saved(folder, (4,))
    assert newest(folder)[1]["step"] == 3


def test_a_read_only_folder_ends_in_one_line(tmp_path):
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=9m", "tmpfs", place], capture_output=True)
    if mounted.returncode and os.geteuid() == 0:
        pytest.skip("root writes everywhere, and may mount nothing here")
    folder = _saved(place / "checkpoints")
    try:
        if mounted.returncode:
            folder.chmod(0o555)
        else:
            subprocess.run(["mount", "-o", "remount,ro", place], check=True)
        with pytest.raises(UserError, match="could not be saved"):
            _saved(folder, (4,))
        assert newest(folder)[1]["step"] == 3
        assert _names(folder) == ["2", "3"]
    finally:
        folder.chmod(0o755) if mounted.returncode else subprocess.run(["umount", place], check=True)
