"""Checkpoints: what is saved comes back, and a damaged one is named and passed over."""

import shutil

import jax.numpy as jnp
import numpy as np
import pytest

from mccl_jax.errors import UserError
from mccl_jax.training.checkpoints import Checkpoints, load, newest, save

ARRAYS = {"state": {"params": {"a/kernel": jnp.arange(6.0).reshape(2, 3)}, "step": jnp.asarray(3)}}


def _saved(folder, steps=(1, 2, 3), keep=2):
    with Checkpoints(folder, keep) as checkpoints:
        for step in steps:
            checkpoints.save(step, {"state": {**ARRAYS["state"], "step": jnp.asarray(step)}}, {"said": [step, "x"]})
    return folder


def test_comes_back_as_numpy_with_its_metadata(tmp_path):
    save(tmp_path / "model", ARRAYS, {"said": {"deep": [1, None, "x"]}})
    arrays, metadata = load(tmp_path / "model")
    kernel = arrays["state"]["params"]["a/kernel"]
    assert type(kernel) is np.ndarray
    assert kernel.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert metadata == {"said": {"deep": [1, None, "x"]}}


def test_the_latest_are_kept_and_the_newest_restored(tmp_path):
    folder = _saved(tmp_path / "checkpoints")
    assert sorted(path.name for path in folder.iterdir()) == ["2", "3"]
    arrays, metadata, where = newest(folder)
    assert int(arrays["state"]["step"]) == 3
    assert metadata["said"] == [3, "x"]
    assert where.name == "3"


def test_none_where_there_is_none(tmp_path):
    assert newest(tmp_path / "checkpoints") is None
    assert not (tmp_path / "checkpoints").exists()


def _empty_arrays(step):
    shutil.rmtree(step / "state" / "d")


def _without_metadata(step):
    (step / "state" / "_METADATA").unlink()


def _cut_short(step):
    for path in (step / "state" / "d").iterdir():
        path.write_bytes(path.read_bytes()[:10])


@pytest.mark.parametrize("damage", [_empty_arrays, _without_metadata, _cut_short])
def test_a_damaged_newest_is_named_and_the_one_before_used(tmp_path, capsys, damage):
    folder = _saved(tmp_path / "checkpoints")
    damage(folder / "3")
    arrays, _, where = newest(folder)
    assert where.name == "2"
    assert int(arrays["state"]["step"]) == 2
    assert str(folder / "3") in capsys.readouterr().err


def test_all_damaged_is_an_error(tmp_path):
    folder = _saved(tmp_path / "checkpoints")
    for step in "23":
        _empty_arrays(folder / step)
    with pytest.raises(UserError, match="none of its checkpoints"):
        newest(folder)


@pytest.mark.parametrize("what", ["nowhere", "empty", "file"])
def test_what_is_no_checkpoint_is_refused_in_one_line(tmp_path, what):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("x")
    with pytest.raises(UserError) as raised:
        load(tmp_path / what)
    assert str(tmp_path / what) in str(raised.value)
    assert "\n" not in str(raised.value)
