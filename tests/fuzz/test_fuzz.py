"""The short form of the fuzzer: a few hundred damaged files and archives; and whether it would notice."""

import ctypes
import subprocess
import time
import warnings

import numpy as np
import pytest

from mccl_jax.errors import UserError
from tests.data.made import plain
from tests.fuzz import kinds, pool, worker
from tests.fuzz.__main__ import cases, table, told
from tests.fuzz.kinds import KINDS, Case
from tests.fuzz.worker import ERROR, FAILURE, RECORD


def test_damaged_files_end_in_a_record_or_in_one_clear_line():
    results = list(pool.run(cases(300, list(KINDS)), seed=0, processes=2))
    assert not (failures := [told(result, 0) for result in results if result.outcome == FAILURE]), "\n".join(failures)
    assert {result.kind for result in results} == set(KINDS)
    assert {RECORD, ERROR} <= {result.outcome for result in results}
    past = sum(result.past for result in results) / len(results)
    assert past >= 0.3, table(results)


def test_a_case_is_the_same_again():
    """Whatever was done before it, and in another process."""
    asked = [("zip", 3), ("labels", 5), ("tar", 4)]
    first, again = (sorted(pool.run(some, 7, 1), key=lambda r: r.kind) for some in (asked, asked[::-1]))
    assert [(r.said, r.outcome, r.past) for r in first] == [(r.said, r.outcome, r.past) for r in again]


def test_kinds_have_their_shares():
    chosen = cases(1000, list(KINDS))
    total = sum(share for _, share in KINDS.values())
    assert len(set(chosen)) == 1000
    for kind, (_, share) in KINDS.items():
        assert sum(one == kind for one, _ in chosen) == pytest.approx(1000 * share / total, abs=2)


def _raises(error):
    def read():
        raise error

    return read


def _warns():
    warnings.warn("odd", RuntimeWarning, stacklevel=1)
    return "a note"


def _slow():
    start = time.process_time()
    while time.process_time() - start < worker.MOST_SECONDS * 1.2:
        pass
    return "a note"


def _swallows():
    try:
        return np.zeros(worker.MOST_MEMORY // 4)
    except MemoryError as error:
        raise UserError("a file: cannot be read") from error


def _not_finite():
    session = plain(np.arange(5.0), np.arange(5.0), session="a", subject="b")
    session.time[3] = np.nan
    return session


# What a reader must not do, and what is said of it.
_HARM = {
    "another exception": (lambda place: _raises(KeyError("x")), "KeyError"),
    "a warning": (lambda place: _warns, "RuntimeWarning: odd"),
    "a long message": (lambda place: _raises(UserError("x" * 1000)), "1000 characters"),
    "an empty message": (lambda place: _raises(UserError("")), "an empty message"),
    "a file elsewhere": (lambda place: lambda: open("left", "w").close() or "a note", "wrote left"),
    "a file in the folder": (lambda place: lambda: (place / "x").touch() or "a note", "wrote"),
    "another program": (lambda place: lambda: subprocess.run("true") and "a note", "subprocess.Popen"),
    "too much memory": (lambda place: lambda: np.zeros(worker.MOST_MEMORY // 4), "MemoryError"),
    "too much memory, swallowed": (lambda place: _swallows, "MemoryError"),
    "too slow": (lambda place: _slow, "took"),
    "a crash": (lambda place: lambda: ctypes.string_at(0), "died with exit code -11"),
    "no end": (lambda place: lambda: time.sleep(60), "hangs"),
    "a record that is none": (lambda place: _not_finite, "time is not finite"),
    "a note of two lines": (lambda place: lambda: "a\nb", "not one printable line"),
    "nothing wrong": (lambda place: lambda: "a note", ""),
    "a clean error": (lambda place: _raises(UserError("a file: is empty; expected some: copy it again")), "a file"),
}


def _serve(connection, seed, scratch):
    """A process of the fuzzer that reads what is in `_HARM`."""
    worker.MOST_SECONDS = 0.2
    for name, (make, _) in _HARM.items():
        kinds.KINDS[name] = (lambda rng, place, make=make: Case("made up", make(place), ("",)), 1)
    worker.serve(connection, seed, scratch)


def test_the_fuzzer_would_notice(monkeypatch):
    monkeypatch.setattr(pool, "HANGS_AFTER", 5.0)
    found = {result.kind: result for result in pool.run([(name, 0) for name in _HARM], 0, 2, _serve)}
    for name, (_, said) in _HARM.items():
        expected = {"nothing wrong": RECORD, "a clean error": ERROR}.get(name, FAILURE)
        assert found[name].outcome == expected, (name, found[name].reason)
        assert said in found[name].reason, name
