"""Windows on disk are those in memory, read row by row; their files are whole or absent."""

import concurrent.futures
import contextlib
import itertools
import threading

import numpy as np
import pytest

from mccl_jax.data.scaling import Scaler
from mccl_jax.data.stored import Store
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


@pytest.mark.parametrize("killed", [False, True])
def test_of_two_that_want_the_same_one_waits(tmp_path, monkeypatch, capsys, killed):
    """And has what the other has written, or, where that came to no end, writes it."""
    folder, waits, written = tmp_path / "windows", threading.Event(), []
    say_busy = Store._say_busy
    monkeypatch.setattr(Store, "_say_busy", lambda self: (say_busy(self), waits.set()))

    def first(other):
        one, *rest = faces()
        yield one
        later.append(other.submit(cut_windows, faces(), OPTIONS, folder))
        assert waits.wait(60)
        yield from rest
        if killed:
            raise KeyboardInterrupt
        written.extend(path.stat().st_ino for path in folder.iterdir())

    later = []
    with concurrent.futures.ThreadPoolExecutor(1) as other:
        with pytest.raises(KeyboardInterrupt) if killed else contextlib.nullcontext():
            cut_windows(first(other), OPTIONS, folder)
        found, _ = later[0].result(60)
    assert capsys.readouterr().err == f"waiting for another process that writes {folder}\n"
    assert killed or sorted(written) == sorted(path.stat().st_ino for path in folder.iterdir())
    kept, _ = cut_windows(faces(), OPTIONS)
    assert {path.name for path in folder.iterdir()} == {f"{name}.array_record" for name in kept.cues}
    for name, values in kept.cues.items():
        for row in range(4):
            np.testing.assert_array_equal(found.cues[name][row], values[row])


def test_what_is_there_can_be_read_where_nothing_can_be_written(tmp_path, monkeypatch):
    cut_windows(faces(), OPTIONS, tmp_path / "windows")
    monkeypatch.setattr("mccl_jax.data.stored.locked", None)
    cut_windows(faces(), OPTIONS, tmp_path / "windows")


def test_a_folder_that_cannot_be_written_to_is_one_line(tmp_path):
    (tmp_path / "windows").write_text("a file")
    with pytest.raises(UserError, match="windows") as caught:
        cut_windows(faces(), OPTIONS, tmp_path / "windows")
    assert "\n" not in str(caught.value)
