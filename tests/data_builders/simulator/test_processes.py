import numpy as np
import pytest

from data_builders.simulator.processes import bouts, events, ornstein_uhlenbeck, renewals


@pytest.mark.parametrize("fps", [5.0, 30.0])
def test_ornstein_uhlenbeck_noise_has_variance_one_and_forgets_at_the_same_pace_at_any_rate(fps):
    x = ornstein_uhlenbeck(np.random.default_rng(0), int(400 * fps), fps, 1.0, 40)
    assert abs(x.var() - 1) < 0.05
    assert abs(x[:1].var() - 1) < 0.5
    lag = int(fps)
    assert abs(np.mean(x[:-lag] * x[lag:]) - np.exp(-1)) < 0.05


@pytest.mark.parametrize("regularity", [1.0, 3.0])
def test_renewals_keep_their_rate_from_the_first_second_on(regularity):
    rng = np.random.default_rng(1)
    times = np.concatenate([renewals(rng, 0.2, 60.0, regularity) for _ in range(3000)])
    counts = np.histogram(times, bins=[0, 5, 20, 40, 60])[0] / 3000
    assert np.allclose(counts, [1, 3, 4, 4], atol=0.08)


def test_events_rise_to_their_height_and_fall_to_nothing():
    level = events(100, 10.0, *np.array([[2.0], [1.0], [2.0], [1.0], [3.0]]))
    assert level[:20].max() == 0
    assert level[60:].max() == 0
    assert (level[30:50] == 3).all()
    assert (np.diff(level[20:31]) > 0).all()
    assert (np.diff(level[50:60]) < 0).all()


def test_events_that_overlap_do_not_add_and_those_that_run_over_the_end_are_cut():
    twice = events(50, 10.0, *np.array([[1.0, 1.5, 4.5], [0.5] * 3, [1.0] * 3, [0.5] * 3, [2.0] * 3]))
    assert twice.max() == 2


def test_bouts_take_their_share_of_the_time():
    rng = np.random.default_rng(2)
    active = np.stack([bouts(rng, 600, 10.0, on=3.0, off=2.0) for _ in range(200)])
    assert abs(active.mean() - 0.6) < 0.02
    assert abs(active[:, :20].mean() - active[:, -20:].mean()) < 0.1
    assert active.min() >= 0
    assert active.max() <= 1
