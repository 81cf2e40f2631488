"""Checkpoints: what is saved comes back, the newest and the best stay, a damaged one is named and passed over."""

import json
import os
import resource
import shutil
import subprocess

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mccl_jax.errors import UserError
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


def _arrays_of(step):
    return max((path for path in step.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)


def _flip(path, at, bit=1):
    data = bytearray(path.read_bytes())
    data[at] ^= bit
    path.write_bytes(data)


def _cut_short(step):
    for path in (step / "state").rglob("*"):
        if path.is_file():
            path.write_bytes(path.read_bytes()[:10])


def _empty_files(step):
    for path in step.rglob("*"):
        if path.is_file():
            path.write_bytes(b"")


def _wrong_bit_in_an_array(step):
    _flip(_arrays_of(step), 1000)


def _wrong_digit_in_the_metadata(step):
    path = step / "_CHECKPOINT_METADATA"
    path.write_text(path.read_text().replace('"said": [3', '"said": [2'))


def _metadata_of_another_form(step):
    (step / "_CHECKPOINT_METADATA").write_text(json.dumps({"version": 7, "custom_metadata": ["x"]}))


def _metadata_that_are_none(step):
    _flip(step / "_CHECKPOINT_METADATA", 0)


def _file_is_a_folder(step):
    (step / "state/manifest.ocdbt").unlink()
    (step / "state/manifest.ocdbt").mkdir()


def _folder_is_a_file(step):
    shutil.rmtree(step)
    step.write_text("x")


def _empty_folder(step):
    shutil.rmtree(step)
    step.mkdir()


def _another_step(step):
    shutil.rmtree(step)
    shutil.copytree(step.parent / "2", step)


def _cannot_be_opened(step):
    (step / "state/manifest.ocdbt").unlink()
    (step / "state/manifest.ocdbt").symlink_to("manifest.ocdbt")  # a loop, which stops root, too


DAMAGES = {
    "files cut short": _cut_short,
    "files emptied": _empty_files,
    "a folder of arrays removed": lambda step: shutil.rmtree(step / "state/d"),
    "a file removed": lambda step: (step / "state/_METADATA").unlink(),
    "a wrong bit in an array": _wrong_bit_in_an_array,
    "a wrong bit in the digests": lambda step: _flip(step / "SHA256SUMS", 3),
    "the digests removed": lambda step: (step / "SHA256SUMS").unlink(),
    "a wrong digit in the metadata": _wrong_digit_in_the_metadata,
    "metadata of another form": _metadata_of_another_form,
    "metadata that are no JSON": _metadata_that_are_none,
    "a file is a folder": _file_is_a_folder,
    "the folder is a file": _folder_is_a_file,
    "the folder is empty": _empty_folder,
    "a file that cannot be opened": _cannot_be_opened,
    "another step under this name": _another_step,
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_newest_is_named_and_the_one_before_used(tmp_path, capfd, damage):
    folder = _saved(tmp_path / "checkpoints")
    damage(folder / "3")
    arrays, metadata, where = newest(folder)
    assert where.name == "2"
    assert int(arrays["state"]["step"]) == metadata["step"] == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert str(folder / "3") in line
    assert line.endswith("trying the checkpoint before it")
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
        _flip(path, place)
        try:
            arrays, metadata = load(tmp_path / "model")
            unnoticed.append(path.name)  # the time at which it was saved, for one
            assert metadata == {"said": "x"}
            assert jax.tree.all(jax.tree.map(np.array_equal, arrays, ARRAYS))
        except UserError:
            pass
        _flip(path, place)
    assert set(unnoticed) <= {"_CHECKPOINT_METADATA", "commit_success.txt"}
    assert len(unnoticed) < 10


def test_what_came_to_no_end_and_what_is_no_step_are_passed_over(tmp_path, capfd):
    folder = _saved(tmp_path / "checkpoints")
    shutil.copytree(folder / "3", folder / "4.orbax-checkpoint-tmp")
    shutil.copytree(folder / "3", folder / "4 (copy)")
    assert newest(folder)[2].name == "3"
    (line,) = capfd.readouterr().err.splitlines()
    assert line == f"{folder / '4 (copy)'}: is no step's name, and not used as a checkpoint"
    _saved(folder, (4,))
    assert _names(folder) == ["3", "4", "4 (copy)"]


def test_one_that_is_damaged_does_not_crowd_out_what_is_saved_after_it(tmp_path):
    folder = _saved(tmp_path / "checkpoints", (1, 5, 9), keep=3)
    _cut_short(folder / "9")
    _saved(folder, (6,), keep=1)
    assert _names(folder) == ["6"]


def test_all_damaged_is_an_error(tmp_path):
    folder = _saved(tmp_path / "checkpoints")
    for step in "23":
        _cut_short(folder / step)
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
