"""Few frames, the same windows: on a recording in which no frame is kept for its extremes but two."""

import numpy as np
import pytest

from data_builders.thinning import thin
from mccl_jax.data.windows import WindowOptions, cut_windows
from tests.data.made import plain

F = 3000


def recording(seed, span=(np.nan, np.nan)):
    """100 s at about 30 frames a second, half of them failed at random, and gaps of 0.2 to 4 s."""
    rng = np.random.default_rng(seed)
    time = (np.arange(F) + rng.uniform(-0.3, 0.3, F)) / 30
    success = rng.random(F) < 0.5
    for _ in range(20):
        begin = rng.integers(F)
        success[begin : begin + rng.integers(6, 120)] = False
    return plain(time, np.roll(np.arange(F), F // 2), success, speech_span=np.array(span))


@pytest.mark.parametrize("span", [(np.nan, np.nan), (3.21, 91.7), (-5.0, 200.0)])
@pytest.mark.parametrize("seed", range(5))
def test_windows_come_out_as_from_all_frames(seed, span):
    whole = recording(seed, span)
    few = thin(whole, 3.0)
    assert len(few.time) < 0.15 * F
    assert few.recorded == whole.recorded == (F, whole.success.sum())
    assert (few.time[0], few.time[-1]) == (whole.time[0], whole.time[-1])
    np.testing.assert_array_equal(few.cues["plain"], whole.cues["plain"][np.isin(whole.time, few.time)])
    for rate in (3.0, 1.5, 1.0):
        for max_gap in (0.0, 0.5, 1.0, 3.0):
            options = WindowOptions(rate=rate, seconds=120.0, max_gap=max_gap)
            (one, _), (other, _) = (cut_windows([session], options) for session in (whole, few))
            np.testing.assert_array_equal(one.mask, other.mask)
            np.testing.assert_array_equal(one.cues["plain"], other.cues["plain"])
            np.testing.assert_array_equal(one.usable, other.usable)
            assert one.mask.any()


def test_a_recording_without_a_usable_frame_keeps_its_ends():
    failed = plain(np.arange(9) / 30, np.arange(9), np.zeros(9, bool))
    few = thin(failed, 3.0)
    assert few.cues["plain"].ravel().tolist() == [0, 8]
    assert few.recorded == (9, 0)
