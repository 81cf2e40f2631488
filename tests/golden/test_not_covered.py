"""What the golden set has no values of: batches of unequal size, and of one session, in a whole small model."""

import functools

import jax
import numpy as np
import pytest

from mccl_jax.data.batches import Batch, draw, take
from mccl_jax.models.network import Network
from mccl_jax.training.schedule import Schedule
from mccl_jax.training.step import Hyper, adam, init_state, train_step
from tests.models import small

CUES = {"gaze": (3, 3), "aus": (4, 1)}
T, DECAY = 18, 0.05


def advance(masked: bool):
    """One compiled step of a small model for each number of rows."""
    network = Network(CUES, small.Small(CUES, masked=masked).options)
    step = functools.partial(train_step, network, adam(1e-8), Schedule(5, 1, 0.0))
    return network, jax.jit(step, compiler_options=small.QUICK)


@pytest.fixture(scope="module")
def trained():
    """From step 1 on (the first that moves parameters): name -> (state before, state behind, metrics).

    "masked": the last batch of an epoch of 6 sessions in batches of 4, as it is drawn: two sessions and two rows that
    only fill up. "plain": the same two sessions alone, without a mask. "one": the last batch of 5 sessions.
    """
    rng = np.random.default_rng(0)
    cues = {name: rng.normal(size=(6, T, *shape)) for name, shape in CUES.items()}
    segment = np.broadcast_to(np.arange(T, dtype=np.int32) * 3 // T, (6, T))
    sessions = Batch(cues, np.ones((6, T)), segment, np.arange(6), np.ones(6))
    out = {}
    with jax.enable_x64():
        hyper = Hyper(np.int32(0), *(np.float64(x) for x in (1e-3, DECAY, 0.09)), np.int32(2))
        (network, with_mask), (_, without) = advance(masked=True), advance(masked=False)
        state = jax.device_get(init_state(*network.init(0), adam(1e-8))) | {"step": np.int32(1)}
        for name, count in (("masked", 6), ("one", 5)):
            rows, present = draw(0, 1, np.arange(6), count, 4)
            assert present.sum() == count - 4
            out[name] = state, *with_mask(state, take(sessions, rows, present), hyper)
            if name == "masked":
                alone = jax.tree.map(lambda x, at=rows[present]: x[at], sessions)
                out["plain"] = state, *without(state, alone, hyper)
    return jax.device_get(out)


def test_a_smaller_last_batch_is_the_plain_computation_on_its_sessions(trained):
    """Loss, gradient (the moments), running statistics and parameters, at every number."""
    found, expected = trained["masked"][1:], trained["plain"][1:]
    assert expected[1]["loss"][0] > 0.1
    assert expected[1]["gradient_norm"][0] > 0.1
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-13), found, expected)


def test_a_batch_of_one_has_no_negatives_and_moves_nothing_but_decay_and_statistics(trained):
    """Without a negative the positive is certain: the loss is -log 1 = 0, and so is its gradient.

    (The official code crashes on it.) BatchNorm is not degenerate: it counts every frame and point of the session. With
    moments of earlier steps the parameters would go on in their direction.
    """
    before, after, metrics = trained["one"]
    assert metrics["loss"][0] == 0
    assert metrics["gradient_norm"][0] == 0
    assert all(np.isfinite(x).all() for x in jax.tree.leaves(after))
    rate = metrics["learning_rate"][0]
    assert rate > 0
    for name, p in before["params"].items():
        np.testing.assert_allclose(after["params"][name], p * (1 - rate * DECAY), rtol=1e-12)
    assert all((after["batch_stats"][name] != x).any() for name, x in before["batch_stats"].items())
