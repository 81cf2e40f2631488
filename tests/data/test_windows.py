"""From sessions to windows, by hand values: resampling, gaps, lengths, segments, and what is left out or refused."""

import numpy as np
import pytest

from mccl_jax.cues import AUS, LANDMARKS
from mccl_jax.data.windows import WindowOptions, cut_windows
from mccl_jax.errors import UserError
from tests.data.made import PLAIN, cut, face, plain, session


def test_nearest_takes_the_frame_nearest_in_time():
    time = [0.0, 0.1, 0.4, 0.55, 0.75, 1.25, 1.45, 1.6]
    cues, mask, _ = cut(plain(time, np.arange(8.0) + 1), seconds=2.0)
    # 0.0 is there; 0.55 is nearest to 0.5; 0.75 and 1.25 are as near to 1.0: the earlier; 1.45 is nearest to 1.5.
    assert cues["plain"].ravel().tolist() == [1, 4, 5, 7]
    assert mask.all()


def test_mean_averages_the_frames_within_half_a_step():
    time = [0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.1]
    cues, mask, _ = cut(plain(time, [1, 2, 3, 5, 9, 10, 20]), sampling="mean", seconds=2.0)
    # Around 0.0: 0.0 and 0.1; around 0.5: 0.3, 0.5, 0.7; around 1.0: 0.9 and 1.1.
    np.testing.assert_allclose(cues["plain"].ravel(), [1.5, 17 / 3, 15, 0], rtol=1e-6)
    assert mask.tolist() == [True, True, True, False]


def test_means_stay_exact_far_into_a_session_of_large_numbers():
    time = np.arange(0, 600, 1 / 30)
    cues, mask, _ = cut(plain(time, 5000 + np.sin(time)), rate=3.0, seconds=600.0, sampling="mean")
    grid = np.arange(1800)[mask] / 3
    smooth = np.sin(grid) * np.sinc(1 / 3 / 2 / np.pi)  # a sine's mean over a third of a second
    np.testing.assert_allclose(cues["plain"].ravel()[mask][1:-1] - 5000, smooth[1:-1], atol=0.02)


@pytest.mark.parametrize("sampling", ["nearest", "mean"])
def test_gaps_up_to_a_second_are_interpolated_and_longer_ones_masked(sampling):
    time = np.arange(0, 6.01, 0.1)
    failed = ((time > 1.05) & (time < 1.95)) | ((time > 3.05) & (time < 4.25))
    # OpenFace writes zeros where it fails.
    values = np.where(failed, 0, 10 + time)
    cues, mask, _ = cut(plain(time, values, ~failed), rate=5.0, seconds=6.0, sampling=sampling)
    grid = np.arange(30) / 5
    # 3.0 and 4.3 are 1.3 s apart. What lies half a step (0.1 s) from either is read from there: 4.2 is, 3.2 is not.
    np.testing.assert_array_equal(mask, (grid < 3.1) | (grid > 4.1))
    np.testing.assert_allclose(cues["plain"].ravel()[mask], 10 + grid[mask], atol=0.101)
    inside = (grid > 1.15) & (grid < 1.85)
    np.testing.assert_allclose(cues["plain"].ravel()[inside], 10 + grid[inside], rtol=1e-6)
    np.testing.assert_array_equal(cues["plain"].ravel()[~mask], 0)


@pytest.mark.parametrize(("gap", "bridged"), [(0.9, True), (1.0, True), (1.1, False)])
def test_the_limit_of_a_gap_is_the_option(gap, bridged):
    time = np.array([0.0, 0.5, 0.5 + gap, 1.0 + gap])
    _, mask, _ = cut(plain(time, [1, 2, 3, 4]), rate=10.0)
    assert mask[7] == bridged
    _, mask, _ = cut(plain(time, [1, 2, 3, 4]), rate=10.0, max_gap=2.0)
    assert mask[7]


def test_a_frame_with_an_unreadable_cell_counts_as_failed():
    time = np.arange(0, 3.01, 0.5)
    values = np.array([1, 2, np.nan, 4, np.inf, 6, 7])
    cues, mask, _ = cut(plain(time, values), seconds=3.0)
    assert mask.all()
    assert cues["plain"].ravel().tolist() == [1, 2, 3, 4, 5, 6]


def test_time_is_read_from_the_time_stamps_not_from_the_rows():
    rng = np.random.default_rng(0)
    time = np.sort(rng.uniform(0, 20, 600))
    cues, mask, _ = cut(plain(time, time), rate=3.0, seconds=18.0)
    np.testing.assert_allclose(cues["plain"].ravel()[mask], time[0] + np.arange(54)[mask] / 3, atol=0.15)


def test_a_short_session_is_padded_and_a_long_one_cut():
    cues, mask, segment = cut(plain([0, 0.5, 1.0, 1.5, 2.0], [1, 2, 3, 4, 5]))
    assert mask.tolist() == [True] * 5 + [False] * 3
    assert cues["plain"].ravel().tolist() == [1, 2, 3, 4, 5, 0, 0, 0]
    assert segment.tolist() == [0, 0, 1, 1, 2, -1, -1, -1]
    cues, mask, segment = cut(plain(np.arange(0, 60, 0.5), np.arange(120.0)))
    assert mask.all()
    assert cues["plain"].ravel().tolist() == list(range(8))
    assert segment.tolist() == [0, 0, 0, 1, 1, 1, 2, 2]


def test_the_window_begins_with_the_first_word_and_ends_with_the_last():
    time = np.arange(0, 10, 0.25)
    cues, mask, _ = cut(plain(time, time, speech_span=np.array([2.0, 4.1])))
    assert cues["plain"].ravel()[mask].tolist() == [2, 2.5, 3, 3.5, 4]


def test_segments_divide_the_valid_part():
    time = np.arange(0, 4, 0.5)
    failed = np.isin(time, [0, 1.5, 3.5])
    _, mask, segment = cut(plain(time, time, ~failed, speech_span=np.array([0, 3.5])), max_gap=0.0)
    assert mask.tolist() == (~failed).tolist()
    # From the first to the last valid frame, gaps included.
    assert segment.tolist() == [-1, 0, 0, 1, 1, 2, 2, -1]


@pytest.mark.parametrize("segments", [1, 2, 3, 5])
@pytest.mark.parametrize("frames", [1, 2, 3, 7, 8])
def test_segments_are_of_equal_length_and_in_order(frames, segments):
    time = np.arange(frames) / 2
    _, mask, segment = cut(plain(time, time), segments=segments)
    assert mask.sum() == frames
    assert (np.diff(segment[:frames]) >= 0).all()
    lengths = np.bincount(segment[:frames], minlength=segments)
    assert lengths.sum() == frames
    assert lengths.max() - lengths.min() <= 1
    assert (segment[frames:] == -1).all()


def test_rows_carry_who_and_what():
    time = np.arange(0, 4, 0.25)
    half = plain(time, time, np.arange(16) % 2 == 0, session="a", subject="x", target=float("nan"))
    whole = plain(time, time, session="b", subject="y", target=21.0)
    windows, _ = cut_windows(iter([half, whole]), WindowOptions(rate=2, seconds=4))
    assert len(windows) == 2
    assert windows.session.tolist() == ["a", "b"]
    assert windows.subject.tolist() == ["x", "y"]
    np.testing.assert_array_equal(windows.severity, [np.nan, 21])
    assert windows.usable.tolist() == [0.5, 1]
    assert windows.specification == {"plain": PLAIN}
    assert windows.cues["plain"].dtype == np.float32
    assert windows.cues["plain"].shape == (2, 8, 1, 1)


def test_sessions_without_a_usable_frame_are_left_out_and_named():
    time = np.arange(0, 4, 0.5)
    sessions = [
        plain(time, time, session="good"),
        plain(time, time, np.zeros(8), session="never tracked"),
        plain(time, np.full(8, np.nan), session="unreadable"),
        plain(time, time, session="silent", speech_span=np.array([100.0, 120.0])),
    ]
    windows, left_out = cut_windows(sessions, WindowOptions(rate=2, seconds=4))
    assert windows.session.tolist() == ["good"]
    assert [line.split(":")[0] for line in left_out] == ["never tracked", "unreadable", "silent"]
    with pytest.raises(UserError, match="never tracked"):
        cut_windows(sessions[1:], WindowOptions(rate=2, seconds=4))
    with pytest.raises(UserError, match="empty"):
        cut_windows([], WindowOptions())


def test_sessions_must_have_the_same_cues():
    other = session([0.0, 1.0], {"aus": AUS}, {"aus": np.ones((2, 17, 1))}, session="odd")
    with pytest.raises(UserError, match="odd"):
        cut_windows([plain([0.0, 1.0], [1, 2]), other], WindowOptions())


def test_landmarks_relative_to_the_head_need_the_pose():
    one = session([0.0, 1.0], {"landmarks": LANDMARKS}, {"landmarks": np.ones((2, 68, 3))})
    with pytest.raises(UserError, match="pose"):
        cut_windows([one], WindowOptions())
    cut_windows([one], WindowOptions(representation="min_max"))


@pytest.mark.parametrize(
    "options",
    [
        {"sampling": "median"},
        {"representation": "raw"},
        {"rate": 0},
        {"seconds": -1},
        {"max_gap": -0.1},
        {"segments": 0},
        {"rate": 1.0, "seconds": 2.0, "segments": 3},
    ],
)
def test_options_that_make_no_sense_are_refused(options):
    with pytest.raises(UserError):
        WindowOptions(**options)


def test_a_model_of_some_cues_reads_the_windows_of_all():
    """The pose is what makes landmarks relative to the head, be it read or not."""
    one, _, _ = face()
    windows, _ = cut_windows([one], WindowOptions(rate=2.0, seconds=4.0))
    found = windows.of(("aus", "landmarks"))
    assert [*found.cues] == [*found.specification] == ["aus", "landmarks"]
    assert found.cues["landmarks"] is windows.cues["landmarks"]
    assert windows.of(()) is windows
    with pytest.raises(UserError, match=r"model\.cues: the data have no deep; they have landmarks, gaze, pose, aus"):
        windows.of(("deep",))
