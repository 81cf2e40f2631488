"""Simulated features of a network: what they look like, and that they tell of the face what a network's would."""

import dataclasses

import numpy as np
import pytest

from data_builders.simulator.behaviour import behave
from data_builders.simulator.deep_features import STEP, deep_features
from data_builders.simulator.latents import LATENTS
from data_builders.simulator.options import Options
from data_builders.simulator.simulation import Simulation
from mccl_jax.cues import OPENFACE_AUS

SIMULATION = Simulation(Options(subjects=12, seconds=(60.0, 60.0), fps=3.0))


def seen(i, seed=0):
    """(behaviour, features) of session i."""
    behaviour = SIMULATION.behaviour(i)
    return behaviour, deep_features(behaviour, SIMULATION.subject(i), 3.0, np.random.default_rng([seed, i]))


@pytest.fixture(scope="module")
def sessions():
    return [seen(i) for i in range(12)]


def test_they_are_rectified_and_coarse(sessions):
    for behaviour, features in sessions:
        assert features.shape == (len(behaviour.aus), 2048)
        assert features.dtype == np.float32
        assert features.min() == 0
        assert 0.2 < (features == 0).mean() < 0.7
        assert features.max() < 10
        assert (features % STEP == 0).all()
        assert not (features == 0).all(axis=1).any()  # which would count as a face that was not tracked


def test_the_same_generator_gives_the_same_features(sessions):
    assert np.array_equal(seen(3)[1], sessions[3][1])
    assert not np.array_equal(seen(3, seed=1)[1], sessions[3][1])


@pytest.mark.parametrize(
    ("target", "at_least"),
    [
        (lambda behaviour: behaviour.aus[:, OPENFACE_AUS.index("AU12")], 0.7),
        (lambda behaviour: behaviour.aus[:, OPENFACE_AUS.index("AU04")], 0.7),
        (lambda behaviour: behaviour.rotation[:, 1], 0.7),
        (lambda behaviour: behaviour.eyes[:, 1], 0.7),
    ],
    ids=["AU12", "AU04", "yaw", "pitch of the eyes"],
)
def test_a_line_finds_the_state_of_a_face_that_it_never_saw(sessions, target, at_least):
    """Within a session, after one on others: around each session's mean, so that whose face it is does not count."""
    centred = [(features - features.mean(axis=0), target(b) - target(b).mean()) for b, features in sessions]
    x, y = (np.concatenate(parts) for parts in zip(*centred[:9], strict=True))
    weights = x.T @ np.linalg.solve(x @ x.T + 100 * np.eye(len(x)), y)
    for features, expected in centred[9:]:
        assert np.corrcoef(features @ weights, expected)[0, 1] > at_least


def test_they_tell_faces_apart(sessions):
    means = np.stack([features.mean(axis=0) for _, features in sessions])
    within = np.mean([features.var(axis=0).sum() for _, features in sessions])
    assert np.linalg.matrix_rank(means - means.mean(axis=0)) == 11
    assert 0.5 < means.var(axis=0).sum() / within < 20


def test_a_latent_moves_them():
    subject = SIMULATION.subject(0)
    still = dict.fromkeys(LATENTS, 0.0)

    def mean_of(latents):
        behaviour = behave(latents, subject, 300, 3.0, np.random.default_rng(1))
        return deep_features(behaviour, subject, 3.0, np.random.default_rng(2)).mean(axis=0)

    baseline, noise = mean_of(still), mean_of(still)
    assert np.array_equal(baseline, noise)
    for latent in ("tension", "gaze_down"):
        assert np.abs(mean_of(still | {latent: 1.0}) - baseline).max() > 20 * STEP


def test_an_interruption_shows():
    behaviour, features = seen(0)
    aus = behaviour.aus.copy()
    aus[:30] = 5.0
    other = deep_features(
        dataclasses.replace(behaviour, aus=aus), SIMULATION.subject(0), 3.0, np.random.default_rng([0, 0])
    )
    assert np.array_equal(other[30:], features[30:])
    assert (np.abs(other[:30] - features[:30]).max(axis=1) > 0.5).all()
