"""The learning rate against the official sequence and the formula."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mccl_jax.training.schedule import Schedule
from tests.golden import official

DEFAULTS = {"epochs": 300, "warmup_epochs": 10, "floor": 5e-6}


def rates(per_epoch, schedule, steps, peak=5e-4, dtype="float64"):
    with jax.enable_x64(dtype == "float64"):
        return np.asarray(jax.vmap(schedule, (0, None, None))(jnp.arange(steps), jnp.asarray(peak, dtype), per_epoch))


def test_official_sequence():
    expected = official.values()["schedule/lr_300_epochs_of_4"]
    found = rates(4, Schedule(**DEFAULTS), 1200)
    assert len(expected) == 1200
    np.testing.assert_allclose(found, expected, rtol=1e-8, atol=0)
    np.testing.assert_allclose(rates(4, Schedule(**DEFAULTS), 1200, dtype="float32"), expected, rtol=2e-4, atol=1e-9)


def test_official_sequence_of_the_short_run():
    # 4 epochs of 2 batches, one epoch of warm-up.
    expected = official.values()["trajectory/lr"]
    np.testing.assert_allclose(rates(2, Schedule(4, 1, 5e-6), 8), expected, rtol=1e-8, atol=0)


def test_starts_at_zero_and_ends_on_the_floor():
    found = rates(3, Schedule(**DEFAULTS), 1000)
    assert found[0] == 0
    # The second step is already that of epoch 1: t = n.
    assert found[1] == pytest.approx(5e-4 * 3 / 30)
    assert (found[900:] == 5e-6).all()
    assert found.max() <= 5e-4
    after = found[30:]
    assert (np.diff(after) <= 0).all()


def test_without_warm_up_and_with_a_part_of_an_epoch():
    assert rates(4, Schedule(10, 0, 0.0), 2)[1] == pytest.approx(5e-4 / 2 * (1 + np.cos(np.pi * 4 / 40)))
    # A warm-up of half an epoch ends before the first step that counts.
    assert rates(4, Schedule(10, 0.5, 0.0), 2)[1] == rates(4, Schedule(10, 0, 0.0), 2)[1]
    assert rates(4, Schedule(10, 1.25, 0.0), 2)[1] == pytest.approx(5e-4 * 4 / 5)


def test_peak_and_steps_an_epoch_are_traced():
    schedule = Schedule(**DEFAULTS)
    traces = []

    @jax.jit
    def rate(step, peak, per_epoch):
        traces.append(None)
        return schedule(step, peak, per_epoch)

    assert rate(jnp.array(8), jnp.array(1e-3), 4) == pytest.approx(2 * rate(jnp.array(8), jnp.array(5e-4), 4))
    assert rate(jnp.array(8), jnp.array(1e-3), 2) == pytest.approx(1e-3 * 9 / 20)
    assert len(traces) == 1
