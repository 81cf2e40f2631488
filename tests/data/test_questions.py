"""Windows of interviews that are cut by questions: each answer in its own place, and nothing taken from the next."""

import dataclasses

import numpy as np
import pytest

from mccl_jax.data.windows import BY_QUESTION, QUESTIONS, WindowOptions, cut_windows
from mccl_jax.errors import UserError
from tests.data.made import cut, face, plain

RATE = 2.0


def interview(lengths, rate=10.0, failed=()):
    """Answers end to end, as the readers lay them; `lengths`: question -> frames. A frame's value is its question."""
    question = np.repeat(list(lengths), list(lengths.values())).astype(np.int32)
    time = np.arange(len(question)) / rate
    success = ~np.isin(np.arange(len(question)), failed)
    return dataclasses.replace(plain(time, question, success), question=question)


def by_question(one, **options):
    """cues (T,), mask, segment with 12 times 2 s at 2 Hz: four grid points a question."""
    cues, mask, segment = cut(one, **{"segments": BY_QUESTION, "rate": RATE, "seconds": 24.0} | options)
    return cues["plain"].ravel(), mask, segment


def test_each_answer_has_its_own_twelfth():
    values, mask, segment = by_question(interview({question: 16 for question in range(1, 13)}))
    assert len(mask) == 48
    # 16 frames at 10 Hz last 1.5 s: four points at 2 Hz, that is the whole of a twelfth.
    assert values.tolist() == np.repeat(np.arange(1, 13), 4).tolist()
    assert segment.tolist() == np.repeat(np.arange(12), 4).tolist()
    assert mask.all()


def test_absent_and_short_answers_are_masked_where_they_do_not_reach():
    values, mask, segment = by_question(interview({1: 16, 3: 6, 7: 1, 12: 11}))
    expected = {0: 4, 2: 2, 6: 1, 11: 3}  # twelfth -> points that the answer reaches
    for k in range(12):
        n = expected.get(k, 0)
        place = slice(4 * k, 4 * k + 4)
        assert mask[place].tolist() == [True] * n + [False] * (4 - n)
        assert values[place].tolist() == [k + 1] * n + [0] * (4 - n)
        assert segment[place].tolist() == [k] * n + [-1] * (4 - n)


def test_a_long_answer_is_cut_to_its_beginning():
    one = interview({2: 500, 5: 16})
    one.cues["plain"][:, 0, 0] = one.time  # of which the second begins at 50 s
    values, mask, _ = by_question(one)
    assert values[4:8].tolist() == [0, 0.5, 1, 1.5]
    np.testing.assert_allclose(values[16:20], [50, 50.5, 51, 51.5], rtol=1e-6)
    assert mask.sum() == 8


@pytest.mark.parametrize("seconds", [24.5, 29.0, 29.5])
def test_what_twelve_does_not_divide_is_left_masked_at_the_end(seconds):
    frames = round(RATE * seconds)
    values, mask, segment = by_question(interview({question: 60 for question in range(1, 13)}), seconds=seconds)
    share = frames // 12
    assert len(mask) == frames
    assert values[: 12 * share].tolist() == np.repeat(np.arange(1, 13), share).tolist()
    assert not mask[12 * share :].any()
    assert (segment[12 * share :] == -1).all()


def test_failed_frames_shorten_an_answer_and_gaps_within_it_are_masked():
    # Of the second answer (frames 20 to 59) the first 5 and the last 5 failed, and 2 s in its middle.
    one = interview({1: 20, 2: 40}, failed=[*range(20, 25), *range(30, 50), *range(55, 60)])
    values, mask, segment = by_question(one, seconds=96.0)
    # Its grid begins at its first usable frame, 2.5 s; 2.9 s and 5.0 s are the ends of the gap.
    assert mask[16:32].tolist() == [True, True, False, False, False, True] + [False] * 10
    assert segment[16:32].tolist() == [1] * 6 + [-1] * 10
    assert values[16:18].tolist() == [2, 2]


def test_an_answer_that_failed_altogether_is_as_if_absent():
    values, mask, segment = by_question(interview({1: 16, 2: 16, 3: 16}, failed=range(16, 32)))
    assert mask.reshape(12, 4).any(axis=1).tolist() == [True, False, True] + [False] * 9
    assert set(values[mask].tolist()) == {1, 3}
    assert set(segment.tolist()) == {-1, 0, 2}


@pytest.mark.parametrize("sampling", ["nearest", "mean"])
@pytest.mark.parametrize("segments", [3, BY_QUESTION])
def test_nothing_is_taken_across_the_end_of_an_answer(sampling, segments):
    """Values of neighbouring answers lie far apart: a mean or an interpolation of two would show."""
    rng = np.random.default_rng(0)
    for seed in range(20):
        lengths = {q: int(rng.integers(1, 30)) for q in sorted(rng.choice(np.arange(1, 13), 7, replace=False))}
        failed = np.flatnonzero(np.random.default_rng(seed).uniform(size=sum(lengths.values())) < 0.4)
        one = interview(lengths, failed=failed)
        one.cues["plain"][:] = 100.0 ** one.question[:, None, None] % 997
        allowed = set(np.unique(one.cues["plain"][one.usable]).tolist())
        options = {"segments": segments, "sampling": sampling, "seconds": 30.0, "rate": 3.0, "max_gap": 2.0}
        cues, mask, _ = cut(one, **options)
        assert set(np.round(cues["plain"].ravel()[mask], 3).tolist()) <= allowed


def test_a_gap_from_answer_to_answer_is_not_bridged():
    one = interview({1: 10, 2: 10}, failed=range(7, 13))  # usable to 0.6 s and from 1.3 s on
    options = {"rate": 10.0, "seconds": 2.0, "max_gap": 1.0, "segments": 2}
    _, mask, _ = cut(one, **options)
    assert np.flatnonzero(~mask).tolist() == list(range(7, 13))
    _, mask, _ = cut(dataclasses.replace(one, question=np.zeros_like(one.question)), **options)
    assert mask.all()


def test_means_end_with_the_answer():
    one = interview({1: 12, 2: 12})  # the second begins at 1.2 s
    cues, mask, _ = cut(one, rate=1.0, seconds=3.0, sampling="mean", segments=1)
    assert cues["plain"].ravel()[mask].tolist() == [1, 1, 2]
    cues, _, _ = cut(
        dataclasses.replace(one, question=np.zeros_like(one.question)),
        rate=1.0,
        seconds=3.0,
        sampling="mean",
        segments=1,
    )
    assert 1 < cues["plain"].ravel()[1] < 2


@pytest.mark.parametrize("question", [[0, 0, 0], [0, 1, 2], [1, 2, 13]])
def test_what_is_not_cut_by_questions_is_refused(question):
    one = dataclasses.replace(plain([0.0, 1.0, 2.0], [1, 2, 3]), question=np.array(question, np.int32))
    options = WindowOptions(segments=BY_QUESTION, rate=2.0, seconds=24.0)
    with pytest.raises(UserError, match=r"s: windows.segments is 'question', but .*: give a number") as caught:
        cut_windows([one], options)
    assert "\n" not in str(caught.value)


def test_options_by_question():
    options = WindowOptions(segments=BY_QUESTION)
    assert options.num_segments == QUESTIONS == 12
    assert WindowOptions(segments=5).num_segments == 5
    for mistake in ({"segments": "questions"}, {"segments": BY_QUESTION, "rate": 1.0, "seconds": 11.0}):
        with pytest.raises(UserError, match="windows"):
            WindowOptions(**mistake)


@pytest.mark.parametrize("sampling", ["nearest", "mean"])
def test_an_interview_of_one_frame(sampling):
    values, mask, segment = by_question(interview({5: 1}), sampling=sampling)
    assert np.flatnonzero(mask).tolist() == [16]
    assert (values[16], segment[16]) == (5, 4)
    cues, mask, segment = cut(interview({5: 1}), sampling=sampling, segments=3)
    assert np.flatnonzero(mask).tolist() == [0]
    assert (cues["plain"].ravel()[0], segment[0]) == (5, 0)


def test_the_resting_face_is_that_of_the_whole_window():
    """Placing the answers moves frames, and changes no number in them."""
    one, _, _ = face(40)
    one = dataclasses.replace(one, question=np.repeat([1, 2, 4, 12], 10).astype(np.int32))
    whole = cut(one, rate=2.0, seconds=120.0, segments=4)
    placed = cut(one, rate=2.0, seconds=120.0, segments=BY_QUESTION)
    assert whole[1].sum() == placed[1].sum() == 40
    for name, cue in whole[0].items():
        np.testing.assert_array_equal(placed[0][name][placed[1]], cue[whole[1]])
    assert np.flatnonzero(placed[1]).tolist() == [20 * k + i for k in (0, 1, 3, 11) for i in range(10)]


def simply(time, values, usable, rate, frames, max_gap, sampling):
    """One cue of one number a frame onto the grid, point by point: values and mask (frames,)."""
    time, values = time[usable], values[usable].astype(np.float64)
    out, mask = np.zeros(frames), np.zeros(frames, bool)
    half = 0.5 / rate + 1e-9
    total = np.concatenate([[0.0], np.cumsum(values)])
    for k in range(frames):
        point = time[0] + k / rate
        if point > time[-1] + 1e-6 / rate:
            break
        distance = np.abs(time - point)
        if distance.min() <= half:
            near = np.flatnonzero((time >= point - half) & (time <= point + half))
            first, last = near[0], near[-1] + 1
            mean = (total[last] - total[first]) / (last - first)
            out[k], mask[k] = values[np.argmin(distance)] if sampling == "nearest" else mean, True
            continue
        after = np.flatnonzero(time > point)[0]
        before = after - 1
        gap = time[after] - time[before]
        if gap <= max_gap + 1e-9:
            share = (point - time[before]) / gap
            out[k], mask[k] = (1 - share) * values[before] + share * values[after], True
    return out.astype(np.float32), mask


@pytest.mark.parametrize("sampling", ["nearest", "mean"])
@pytest.mark.parametrize("question", [0, 1])
def test_where_there_is_one_question_it_makes_no_difference(sampling, question):
    rng = np.random.default_rng(0)
    for _ in range(20):
        n = int(rng.integers(1, 200))
        time = np.cumsum(rng.choice([0.03, 0.04, 0.3, 1.4], n, p=[0.5, 0.4, 0.07, 0.03]))
        values, success = rng.normal(size=n).astype(np.float32), rng.uniform(size=n) < 0.8
        success[0] = True
        one = plain(time, values, success)
        one = dataclasses.replace(one, question=np.full(n, question, np.int32))
        cues, mask, segment = cut(one, rate=3.0, seconds=10.0, sampling=sampling, segments=1)
        expected, expected_mask = simply(time, values, success, 3.0, 30, 1.0, sampling)
        np.testing.assert_array_equal(mask, expected_mask)
        np.testing.assert_array_equal(cues["plain"].ravel(), expected)
        valid = np.flatnonzero(mask)
        assert (segment[valid[0] : valid[-1] + 1] == 0).all()
        assert (segment == 0).sum() == valid[-1] - valid[0] + 1
