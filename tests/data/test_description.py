"""What is said of a session without a model."""

import dataclasses

import numpy as np
import pytest

from data_builders.statistics import statistics as of_record
from mccl_jax.data.description import NUISANCE, nuisance, of_cues, stacked, statistics
from tests.data.made import FACE, session


def session_of(frames, fps=2.0):
    """A recording whose cues are noise."""
    rng = np.random.default_rng(frames)
    cues = {name: rng.normal(size=(frames, *cue.shape)) for name, cue in FACE.items()}
    return session(np.arange(frames) / fps, FACE, cues)


def test_nuisance_is_of_the_recording_not_of_the_face():
    one = session_of(frames=61, fps=10.0)
    one.success[:15] = False
    one = dataclasses.replace(one, gender="female", provenance={"turns": 12}, statistics=of_record(one))
    found = nuisance(one)
    assert list(found) == list(NUISANCE)
    assert found["seconds"] == pytest.approx(6.0)
    assert found["frame_rate"] == pytest.approx(10.0)
    assert found["answers"] == 12
    assert found["failed_share"] == pytest.approx(15 / 61)
    assert found["female"] == 1
    mean = one.cues["pose"][15:, 0].astype(np.float64).mean(axis=0)
    assert found["head_distance"] == pytest.approx(np.linalg.norm(mean))


def test_what_is_unknown_is_nan_and_answers_are_questions_where_there_is_no_transcript():
    found = nuisance(dataclasses.replace(session_of(frames=1), question=np.array([3], np.int32)))
    assert (found["seconds"], found["answers"]) == (0, 1)
    for name in ("frame_rate", "head_distance", "female"):
        assert np.isnan(found[name])
    assert np.isnan(nuisance(session_of(frames=3))["answers"])


def test_a_thinned_record_is_described_as_all_of_it():
    thinned = {"rate": 3.0, "frames": 301, "usable": 280}
    found = nuisance(dataclasses.replace(session_of(frames=31, fps=3.0), provenance={"thinned": thinned}))
    assert found["frame_rate"] == pytest.approx(30.0)
    assert found["failed_share"] == pytest.approx(21 / 301)


def test_statistics_are_those_of_the_record_in_the_order_of_the_cues():
    many = session_of(frames=20)
    found = statistics(dataclasses.replace(many, statistics=of_record(many)))
    V, C = FACE["landmarks"].shape
    np.testing.assert_allclose(found[: V * C], many.cues["landmarks"].mean(axis=0).reshape(-1), atol=1e-6)
    assert len(found) == sum(3 * V * C for V, C in (cue.shape for cue in FACE.values()))
    assert np.isfinite(found).all()
    one = session_of(frames=1)
    one = dataclasses.replace(one, statistics=of_record(one))
    assert np.isnan(statistics(one)).mean() == pytest.approx(1 / 3)  # no velocity


def test_stacked_has_a_row_a_session():
    found = stacked([nuisance(session_of(frames=n)) for n in (11, 31)])
    assert list(found) == list(NUISANCE)
    assert found["seconds"].shape == (2,)
    assert found["seconds"][0] < found["seconds"][1]


def test_a_model_of_some_cues_has_to_beat_statistics_of_the_same():
    one = session_of(frames=20)
    alone = {name: dataclasses.replace(one, specification={name: FACE[name]}) for name in ("gaze", "aus")}
    whole, *parts = (statistics(dataclasses.replace(s, statistics=of_record(one))) for s in (one, *alone.values()))
    np.testing.assert_array_equal(of_cues(whole[None], FACE, ("aus", "gaze"))[0], np.concatenate(parts))
    assert of_cues(whole[None], FACE, ()).shape == (1, len(whole))
