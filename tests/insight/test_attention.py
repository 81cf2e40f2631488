"""Averages of attention: rows add to 1, tokens without frames say nothing, few people are not told."""

import numpy as np
import pytest

from mccl_jax.insight.attention import by_band, mean_attention

CUES = ["gaze", "pose"]


def seen(n=6, heads=2, segments=3, seed=0):
    """Attention as a softmax gives it: inter (n, heads, 2, 2), intra (n, 2, heads, S, S), all tokens taking part."""
    rng = np.random.default_rng(seed)
    inter, intra = rng.random((n, heads, 2, 2)), rng.random((n, 2, heads, segments, segments))
    return (*(x / x.sum(axis=-1, keepdims=True) for x in (inter, intra)), np.ones((n, 2, segments)))


def test_rows_add_to_one():
    found = mean_attention(*seen(), CUES, np.ones(6))
    assert found["inter"]["tokens"] == CUES
    assert [*found["intra"]] == CUES
    assert found["intra"]["gaze"]["tokens"] == ["1", "2", "3"]
    for heads in (found["inter"]["heads"], found["intra"]["gaze"]["heads"], found["intra"]["pose"]["heads"]):
        assert np.array(heads).sum(axis=-1) == pytest.approx(1)
    inter, intra, _ = seen()
    assert np.array(found["inter"]["heads"]) == pytest.approx(inter.mean(axis=0))
    assert np.array(found["intra"]["pose"]["heads"]) == pytest.approx(intra[:, 1].mean(axis=0))


def test_a_segment_without_frames_looks_at_nothing():
    inter, intra, takes_part = seen()
    takes_part[0, :, 2] = 0
    found = np.array(mean_attention(inter, intra, takes_part, CUES, np.ones(6))["intra"]["gaze"]["heads"])
    assert found[:, 2] == pytest.approx(intra[1:, 0, :, 2].mean(axis=0))
    assert found[:, 0] == pytest.approx(intra[:, 0, :, 0].mean(axis=0))
    takes_part[:, :, 2] = 0
    assert mean_attention(inter, intra, takes_part, CUES, np.ones(6))["intra"]["gaze"]["heads"][0][2] == [None] * 3


def test_a_session_of_two_rows_counts_once():
    inter, intra, takes_part = seen(3)
    found = mean_attention(inter, intra, takes_part, CUES, np.array([0.5, 0.5, 1]))
    expected = (inter[:2].mean(axis=0) + inter[2]) / 2
    assert np.array(found["inter"]["heads"]) == pytest.approx(expected)


def test_bands_of_few_people_are_not_told():
    arrays = seen(12)
    severity = np.array([2.0] * 5 + [7.0] * 6 + [np.nan])
    subject = np.array([f"s{i}" for i in range(5)] + ["x"] * 3 + ["y"] * 3 + ["z"])
    found = by_band(*arrays, CUES, np.ones(12), severity, subject, (0.0, 27.0))
    assert found["0 to 4, none or minimal"]["n_subjects"] == 5
    assert np.array(found["0 to 4, none or minimal"]["inter"]["heads"]) == pytest.approx(arrays[0][:5].mean(axis=0))
    for band in ("5 to 9, mild", "10 to 14, moderate", "20 and more, severe"):  # six sessions, but two people; nobody
        assert found[band] == {"suppressed": "fewer than 5 people"}
    assert by_band(*arrays, CUES, np.ones(12), severity, subject, (0.0, 10.0)) is None
