"""Windows on disk are those in memory, read row by row; their files are whole or absent."""

import itertools

import numpy as np
import pytest

from mccl_jax.data.scaling import Scaler
from mccl_jax.data.windows import WindowOptions, cut_windows
from mccl_jax.errors import UserError
from tests.data.made import face

OPTIONS = WindowOptions(rate=2.0, seconds=16.0)


def faces():
    for seed in range(4):
        one, *_ = face(20 + seed, seed)
        object.__setattr__(one, "session", str(seed))
        yield one


def test_they_are_those_in_memory(tmp_path):
    (kept, _), (stored, _) = cut_windows(faces(), OPTIONS), cut_windows(faces(), OPTIONS, tmp_path / "windows")
    train = np.array([True, False, True, True])
    scalers = [Scaler.fit(one, train, OPTIONS) for one in (kept, stored)]
    np.testing.assert_array_equal(kept.mask, stored.mask)
    for name, values in kept.cues.items():
        np.testing.assert_array_equal(scalers[0].scale[name], scalers[1].scale[name])
        np.testing.assert_array_equal(scalers[0].centre[name], scalers[1].centre[name])
        scaled, of_disk = (scaler(one).cues[name] for scaler, one in zip(scalers, (kept, stored), strict=True))
        assert stored.cues[name].shape == of_disk.shape == values.shape
        for row in range(4):
            np.testing.assert_array_equal(stored.cues[name][row], values[row])
            np.testing.assert_array_equal(of_disk[row], scaled[row])


def test_what_is_there_is_not_written_again(tmp_path):
    cut_windows(faces(), OPTIONS, tmp_path)
    before = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert {*before} == {f"{name}.array_record" for name in ("landmarks", "gaze", "pose", "aus")}
    cut_windows(faces(), OPTIONS, tmp_path)
    assert before == {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}


def test_what_was_interrupted_is_not_there(tmp_path):
    def interrupted():
        yield from itertools.islice(faces(), 2)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cut_windows(interrupted(), OPTIONS, tmp_path)
    assert not any(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_to_is_one_line(tmp_path):
    (tmp_path / "windows").write_text("a file")
    with pytest.raises(UserError, match="windows") as caught:
        cut_windows(faces(), OPTIONS, tmp_path / "windows")
    assert "\n" not in str(caught.value)
