"""Resampling keeps subjects together, and differences are paired."""

import numpy as np
import pytest

from mccl_jax.evaluation.intervals import (
    bootstrap_interval,
    counted,
    score_interval,
    subject_bootstrap,
)
from mccl_jax.metrics import METRICS


def mae_of(true, predicted):
    return lambda weights: METRICS["mae"](true, predicted, weights)


def test_a_resample_draws_whole_subjects():
    subject = np.array(["b", "a", "b", "c", "b", "a", "d"])
    weights = subject_bootstrap(subject, resamples=500, seed=1)
    assert weights.shape == (500, 7)
    for one in np.unique(subject):
        of_one = weights[:, subject == one]
        assert (of_one == of_one[:, :1]).all()
    _, first = np.unique(subject, return_index=True)
    assert (weights[:, first].sum(1) == 4).all()  # as many draws as there are subjects
    assert weights[:, first].mean(0) == pytest.approx(np.ones(4), abs=0.15)
    assert weights[:, first].var(0) == pytest.approx(np.full(4, 3 / 4), abs=0.2)  # with replacement


def test_resamples_are_seeded():
    subject = np.arange(9)
    np.testing.assert_array_equal(subject_bootstrap(subject, 20, 3), subject_bootstrap(subject, 20, 3))
    assert (subject_bootstrap(subject, 20, 3) != subject_bootstrap(subject, 20, 4)).any()
    assert len(subject_bootstrap(subject)) == 2000
    assert subject_bootstrap(subject[:0], 20).shape == (20, 0)


def test_repeated_sessions_do_not_narrow_the_interval():
    """Each session five times over is no new knowledge of people."""
    rng = np.random.default_rng(0)
    true, predicted, subject = rng.normal(size=30), rng.normal(size=30), np.arange(30)
    _, once = score_interval(mae_of(true, predicted), subject, subject_bootstrap(subject))
    *repeated, subjects = [np.tile(values, 5) for values in (true, predicted, subject)]
    _, five = score_interval(mae_of(*repeated), subjects, subject_bootstrap(subjects))
    assert (five.lower, five.upper) == pytest.approx((once.lower, once.upper))


def test_the_interval_of_a_mean_error_is_the_textbooks():
    """MAE is a mean: with 400 subjects its percentile interval is next to the normal one."""
    rng = np.random.default_rng(0)
    errors = rng.gamma(2, 2, 400)
    estimate, interval = score_interval(
        mae_of(np.zeros(400), errors), np.arange(400), subject_bootstrap(np.arange(400), 4000), level=0.9
    )
    half = 1.645 * errors.std() / 20
    assert (interval.lower, interval.upper) == pytest.approx((estimate - half, estimate + half), rel=0.02)
    assert interval.undefined == 0
    assert interval.reason == ""


def test_a_difference_is_paired():
    """One predictor errs by 1 more than the other on every session: certain, however much the sessions differ."""
    errors, true, subject = np.random.default_rng(0).gamma(1, 9, 20), np.full(20, 3.0), np.arange(20)
    weights = subject_bootstrap(subject)
    worse, better = true - errors - 1, true + errors
    of_worse, of_better = mae_of(true, worse), mae_of(true, better)
    estimate, interval = score_interval(lambda w: of_worse(w) - of_better(w), subject, weights)
    assert (estimate, interval.lower, interval.upper) == pytest.approx((1, 1, 1))


def test_undefined_resamples_are_counted_and_left_out():
    """One positive among ten: about (9/10)^10 = 35 % of the resamples hold none."""
    true, predicted, subject = np.array([12.0] + [1.0] * 9), np.arange(10.0)[::-1], np.arange(10)
    weights = subject_bootstrap(subject)
    estimate, interval = score_interval(
        lambda weights: METRICS["auroc"](true, predicted, weights, threshold=10), subject, weights
    )
    assert estimate == 1
    assert interval.undefined == (weights[:, 0] == 0).sum()
    assert 600 < interval.undefined < 800
    assert (interval.lower, interval.upper) == (1, 1)


@pytest.mark.parametrize(
    ("estimate", "values", "subjects", "reason"),
    [
        (np.nan, [np.nan] * 4, 9, "no value"),
        (1.0, [1.0] * 4, 1, "one subject"),
        (1.0, [np.nan, np.nan, np.nan, 1.0], 9, "undefined in most"),
    ],
)
def test_where_there_is_no_interval_a_reason_is(estimate, values, subjects, reason):
    interval = bootstrap_interval(estimate, np.array(values), subjects)
    assert np.isnan([interval.lower, interval.upper]).all()
    assert reason in interval.reason
    assert interval.undefined == np.isnan(values).sum()


def test_counts_in_words():
    assert counted(1, 1) == "1 session of 1 subject"
    assert counted(3, 2) == "3 sessions of 2 subjects"
    assert counted(0, 0) == "0 sessions of 0 subjects"


def test_what_counts_less_than_once_counts_so_in_every_resample():
    """A session in two rows: half of either, in the estimate and in the resamples."""
    true, predicted = np.zeros(4), np.array([2.0, 4, 6, 8])
    subject = np.array(list("aabc"))
    weights = subject_bootstrap(subject, 500)
    once = np.array([0.5, 0.5, 1, 1])
    estimate, interval = score_interval(mae_of(true, predicted), subject, weights, once)
    merged = score_interval(mae_of(true[1:], np.array([3.0, 6, 8])), subject[1:], subject_bootstrap(subject[1:], 500))
    assert (estimate, interval) == (pytest.approx(17 / 3), merged[1])
