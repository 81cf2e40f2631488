"""What is known of sessions besides their cues stays beside the right windows."""

import dataclasses

import numpy as np
import pytest

from mccl_jax.data.sessions import windows_and_facts
from mccl_jax.data.windows import WindowOptions
from mccl_jax.errors import UserError
from tests.data.made import plain

OPTIONS = WindowOptions(rate=2.0, seconds=4.0)
TIME = np.arange(0, 4, 0.5)


def made(name, labels=None, usable=8, **fields):
    return plain(TIME, TIME, np.arange(8) < usable, session=name, subject=name, labels=labels or {}, **fields)


def test_labels_become_columns_of_numbers_or_texts():
    sessions = [
        made("a", {"group": "HC", "MDD": 0.0, "mixed": 3.0, "unknown": None}, gender="female"),
        made("b", {"group": None, "MDD": None, "mixed": "many", "unknown": None}),
        made("c", {"group": "MDD", "MDD": 1.0, "mixed": None, "late": 2.0}, gender="male"),
    ]
    _, facts, notes = windows_and_facts(iter(sessions), OPTIONS)
    expected = {
        "gender": ["female", "", "male"],
        "group": ["HC", "", "MDD"],
        "MDD": [0, np.nan, 1],
        "mixed": ["3.0", "many", ""],
        "unknown": [np.nan] * 3,
        "late": [np.nan, np.nan, 2],
    }
    assert list(facts.labels) == list(expected)
    for name, values in expected.items():
        found = facts.labels[name]
        assert found.dtype.kind == ("f" if isinstance(values[-1], int | float) else "U"), name
        np.testing.assert_array_equal(found, np.array(values))
    assert notes == []


def test_facts_are_of_the_sessions_that_have_windows_in_their_order():
    sessions = [
        made("a", {"site": "North"}, split="train", folds=(1,)),
        made("b", {"site": "East", "only": 1.0}, usable=0, split="dev", folds=(2,)),
        made("c", {"site": "South"}, usable=3, split="test", folds=(1, 5)),
    ]
    windows, facts, notes = windows_and_facts(sessions, OPTIONS)
    assert windows.session.tolist() == ["a", "c"]
    assert facts.split.tolist() == ["train", "test"]
    assert facts.folds == ((1,), (1, 5))
    assert facts.labels["site"].tolist() == ["North", "South"]
    assert "only" not in facts.labels
    assert notes == ["b: no usable frame in its first 4 s, left out", "c: only 38% of its frames are usable"]


def test_without_splits_folds_and_labels():
    _, facts, _ = windows_and_facts([made("a"), made("b")], OPTIONS)
    assert facts.split.tolist() == ["", ""]
    assert facts.folds == ((), ())
    assert {name: values.tolist() for name, values in facts.labels.items()} == {"gender": ["", ""]}


def test_nothing_usable_at_all_is_refused():
    with pytest.raises(UserError, match="no session with a usable frame: a: no usable frame"):
        windows_and_facts([made("a", usable=0)], OPTIONS)


def test_what_no_window_holds_is_said():
    """Of an interview of 39.5 s a window of 4 s sees a tenth; frames that failed are another matter."""
    long = plain(np.arange(0, 40, 0.5), np.arange(80), session="long", subject="long")
    gap = plain(np.r_[0:1:0.5, 3:4:0.5], np.arange(4), session="gap", subject="gap")
    _, _, notes = windows_and_facts(iter([made("a"), long, gap]), OPTIONS)
    assert notes == [
        "1 of 3 sessions are longer than their window: 76% of the time of all sessions is not seen (windows.seconds)",
        "long: only 4 of its 40 s are in the window",
    ]
    assert windows_and_facts(iter([made("a"), gap]), OPTIONS)[2] == []


def test_an_answer_that_is_longer_than_its_share_is_said():
    time = np.arange(0, 30, 0.5)
    one = plain(time, time, session="a", subject="a")
    one = dataclasses.replace(one, question=np.where(time < 20, 1, 2).astype(np.int32))
    options = WindowOptions(rate=2.0, seconds=120.0, segments="question")
    _, _, notes = windows_and_facts(iter([one]), options)
    assert notes == [
        "1 of 1 sessions are longer than their window: 33% of the time of all sessions is not seen (windows.seconds)"
    ]


def test_recordings_are_known_by_their_digests():
    one = made("a", provenance={"sha256": "f00"})
    assert windows_and_facts(iter([one, made("b")]), OPTIONS)[1].digests == ("f00", "")
