"""A session survives its way through a TFDS record bit by bit."""

import dataclasses
import subprocess
import sys

import numpy as np
import pytest

from data_builders.records import Session, decode, encode, features
from data_builders.statistics import statistics
from mccl_jax.cues import OPENFACE_CUES


def a_session(frames=7, cues=tuple(OPENFACE_CUES), seed=0):
    rng = np.random.default_rng(seed)
    specification = {name: OPENFACE_CUES[name] for name in cues}
    session = Session(
        session="päth/one",
        subject="Ü",
        cues={name: rng.normal(size=(frames, *cue.shape)).astype(np.float32) for name, cue in specification.items()},
        specification=specification,
        time=np.cumsum(rng.uniform(0.01, 0.05, frames)),
        confidence=rng.uniform(size=frames).astype(np.float32),
        success=rng.uniform(size=frames) < 0.9,
        question=np.arange(frames, dtype=np.int32),
        speech_span=np.array([np.nan, 1 / 3]),
        target=0.1,
        split="dev",
        folds=(1, 5),
        gender="female",
        labels={"site": "Zürich", "age": 1 / 3, "none": None},
        provenance={"file": "päth/one.csv", "notes": ["what: details"]},
        statistics={"aus": {"mean": [[0.1]], "velocity": None}},
    )
    if frames:
        session.cues[cues[0]][0, 0, 0] = np.nan
        # Not any NaN, but this one.
        session.cues[cues[0]].view(np.uint32)[-1, 0, 0] = 0x7FC12345
    return session


def through_tfds(session, specification):
    shape = features(specification)
    return decode(shape.deserialize_example_np(shape.serialize_example(encode(session, specification))))


def assert_same(a, b):
    for field in dataclasses.fields(Session):
        x, y = getattr(a, field.name), getattr(b, field.name)
        if field.name == "cues":
            assert list(x) == list(y)
            pairs = [(x[name], y[name]) for name in x]
        elif isinstance(x, np.ndarray):
            pairs = [(x, y)]
        else:
            assert repr(x) == repr(y)  # tells 1 from 1.0 and finds nan like nan
            continue
        for u, v in pairs:
            assert (u.dtype, u.shape) == (v.dtype, v.shape)
            assert u.tobytes() == v.tobytes()


@pytest.mark.parametrize("frames", [0, 1, 7])
def test_round_trip(frames):
    session = a_session(frames)
    assert_same(session, through_tfds(session, session.specification))


@pytest.mark.parametrize("target", [float("nan"), 16777217.0, 1e-300])
def test_round_trip_of_numbers_that_32_bits_do_not_hold(target):
    session = dataclasses.replace(a_session(), target=target)
    assert_same(session, through_tfds(session, session.specification))


def test_a_cue_that_was_left_out_stays_out():
    session = a_session(cues=("gaze", "aus"))
    assert_same(session, through_tfds(session, {name: OPENFACE_CUES[name] for name in ("gaze", "pose", "aus")}))


def test_a_cue_that_the_data_set_does_not_have():
    with pytest.raises(ValueError, match="gaze is not as the data set defines it"):
        encode(a_session(cues=("gaze", "aus")), {"aus": OPENFACE_CUES["aus"]})
    fewer = dataclasses.replace(OPENFACE_CUES["gaze"], units="rad")
    with pytest.raises(ValueError, match="gaze"):
        encode(a_session(cues=("gaze",)), {"gaze": fewer})


def test_usable_frames():
    session = a_session(9)
    session.success[:] = True
    session.success[3] = False
    session.cues["aus"][5, 2, 0] = np.inf
    assert np.flatnonzero(~session.usable).tolist() == [0, 3, 5, 8]


def test_statistics_of_a_known_motion():
    """x = 3 t at an uneven rate: a velocity of 3 whatever the steps; failed frames and long gaps count for nothing."""
    time = np.concatenate([np.cumsum(np.random.default_rng(0).uniform(0.01, 0.2, 50)), [500.0, 500.1]])
    ramp = (3 * time).astype(np.float32)[:, None, None] * np.ones((1, *OPENFACE_CUES["pose"].shape), np.float32)
    ramp[-2:] = 0
    ramp[20] = 1e6
    session = a_session(len(time), cues=("pose",))
    session = dataclasses.replace(
        session,
        time=time,
        cues={"pose": ramp},
        success=np.arange(len(time)) != 20,
        question=np.zeros(len(time), np.int32),
    )
    found = statistics(session)["pose"]
    usable = np.delete(ramp[:, 0, 0], 20).astype(float)
    np.testing.assert_allclose(found["mean"], np.full((2, 3), usable.mean()), rtol=1e-6)
    np.testing.assert_allclose(found["std"], np.full((2, 3), usable.std()), rtol=1e-6)
    steps = np.diff(time)
    inside = np.r_[steps[:19], steps[21:49], 0.1]
    np.testing.assert_allclose(found["velocity"], np.full((2, 3), 3 * (inside.sum() - 0.1) / inside.sum()), rtol=1e-4)


def test_the_way_from_one_answer_to_the_next_is_not_gone():
    session = a_session(6, cues=("pose",))
    session.cues["pose"][:] = np.array([0, 1, 2, 50, 51, 52], np.float32)[:, None, None]
    answers = np.array([1, 1, 1, 4, 4, 4], np.int32)
    session = dataclasses.replace(session, time=np.arange(6.0) / 2, success=np.ones(6, bool), question=answers)
    np.testing.assert_allclose(statistics(session)["pose"]["velocity"], np.full((2, 3), 2.0))


def test_statistics_of_the_greatest_numbers_are_numbers():
    session = dataclasses.replace(a_session(2, cues=("aus",)), success=np.ones(2, bool), question=np.ones(2, np.int32))
    session.cues["aus"][:] = np.array([3e38, -3e38], np.float32)[:, None, None]
    found = statistics(session)["aus"]
    assert all(np.isfinite(values).all() for values in found.values())
    np.testing.assert_allclose(found["velocity"], np.full((17, 1), 6e38 / np.diff(session.time)))


def test_statistics_without_two_neighbours():
    session = dataclasses.replace(a_session(2, cues=("aus",)), success=np.array([True, False]))
    session.cues["aus"][:] = 1
    assert statistics(session)["aus"]["velocity"] is None


def test_a_session_needs_no_tfds():
    code = (
        "import sys, data_builders.records, data_builders.openface.session\n"
        "assert not {'tensorflow_datasets', 'jax', 'tensorflow'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
