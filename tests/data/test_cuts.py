"""Sessions cut in other ways than one window each."""

import numpy as np
import pytest

from mccl_jax.data.cuts import ALL_WINDOWS, CROPS, Reach, parts, possible, reach_of
from mccl_jax.data.windows import WindowOptions, cut_windows
from mccl_jax.evaluation.options import CUTS
from tests.data.made import plain

OPTIONS = WindowOptions(rate=2.0, seconds=20.0, segments=2)


def session_of(seconds, untracked=0.0, span=None, name="s"):
    """A recording of so many seconds at 10 Hz, its value the time, the first seconds of it untracked."""
    time = np.arange(round(seconds * 10) + 1) / 10
    fields = {} if span is None else {"speech_span": np.array(span)}
    return plain(time, time, time >= untracked, session=name, **fields)


def test_the_names_are_those_of_the_evaluation():
    assert (CROPS, ALL_WINDOWS) == CUTS


def test_how_far_a_session_reaches():
    assert reach_of(session_of(15), OPTIONS) == Reach(15.0, 15.0)
    assert reach_of(session_of(50), OPTIONS) == Reach(50.0, 19.5)
    late = reach_of(session_of(50, untracked=5, span=(2.0, 42.0)), OPTIONS)
    assert (late.whole, late.in_window) == (pytest.approx(40), pytest.approx(16.5))
    assert reach_of(session_of(50, untracked=30, span=(2.0, 42.0)), OPTIONS).in_window == 0


def test_crops_are_of_the_shortest_and_all_windows_of_those_that_have_several():
    assert possible([Reach(60, 19.5), Reach(15, 15)], OPTIONS) == {CROPS: 15, ALL_WINDOWS: 20.0}
    assert possible([Reach(19.5, 19.5), Reach(25, 19.5)], OPTIONS) == {}
    assert possible([Reach(60, 19.5), Reach(5, 5)], OPTIONS) == {ALL_WINDOWS: 20.0}  # of 5 s nothing is said
    assert possible([Reach(60, 19.5), Reach(15, 15)], WindowOptions(seconds=420.0, segments="question")) == {}
    assert possible([], OPTIONS) == {}


def test_crops_are_equally_long_and_begin_where_something_is_seen():
    sessions = [session_of(50, untracked=5, span=(2.0, 42.0), name="a"), session_of(15, name="b")]
    cropped = [part for one in sessions for part in parts(one, CROPS, 14.0, OPTIONS)]
    windows, left_out = cut_windows(cropped, OPTIONS)
    assert not left_out
    assert windows.mask.sum(axis=1).tolist() == [29, 29]
    assert windows.cues["plain"][:, 0, 0, 0].tolist() == pytest.approx([5.0, 0.0], abs=0.06)
    for segment in windows.segment:
        assert [int((segment == i).sum()) for i in (0, 1)] in ([14, 15], [15, 14])


@pytest.mark.parametrize(("seconds", "number"), [(15, 1), (29, 1), (31, 2), (49, 2), (65, 3)])
def test_all_windows_follow_each_other_and_a_last_half_counts(seconds, number):
    found = parts(session_of(seconds), ALL_WINDOWS, 20.0, OPTIONS)
    assert len(found) == number
    windows, _ = cut_windows(found, OPTIONS)
    assert windows.cues["plain"][:, 0, 0, 0].tolist() == [20.0 * i for i in range(number)]
    first, _ = cut_windows([session_of(seconds)], OPTIONS)
    np.testing.assert_array_equal(windows.cues["plain"][0], first.cues["plain"][0])
    np.testing.assert_array_equal(windows.mask[0], first.mask[0])
