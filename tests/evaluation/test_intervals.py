"""Subjects are left out whole, differences are paired, intervals stay in range and hold what they promise."""

import math

import numpy as np
import pytest

from mccl_jax.evaluation.intervals import counted, jackknife_interval, score_interval, without_each
from mccl_jax.metrics import METRICS


def mae_of(true, predicted):
    return lambda weights: METRICS["mae"](true, predicted, weights)


def test_whole_subjects_are_left_out_one_at_a_time():
    weights = without_each(np.array(["b", "a", "b", "c"]))
    assert weights.tolist() == [[1, 0, 1, 1], [0, 1, 0, 1], [1, 1, 1, 0]]
    assert without_each(np.zeros(0)).shape == (0, 0)


def test_of_a_mean_it_is_the_textbooks_t_interval():
    """The jackknife's standard error of a mean is s / sqrt(n)."""
    values = np.array([1.0, 2, 4, 9])
    estimate, interval = score_interval(lambda weights: (weights @ values) / weights.sum(-1), np.arange(4))
    error = values.std(ddof=1) / 2
    assert estimate == 4
    assert interval.standard_error == pytest.approx(error)
    half = 3.1824463 * error
    assert (interval.lower, interval.upper) == (pytest.approx(4 - half), pytest.approx(4 + half))
    assert (interval.undefined, interval.reason) == (0, "")
    _, narrow = score_interval(lambda weights: (weights @ values) / weights.sum(-1), np.arange(4), level=0.8)
    assert narrow.upper == pytest.approx(4 + 1.6377444 * error)


@pytest.mark.parametrize(
    ("ends", "there", "slope"),
    [
        ((0.0, math.inf), math.log, lambda x: 1 / x),
        ((-1.0, 1.0), math.atanh, lambda x: 1 / (1 - x * x)),
        ((0.0, 1.0), lambda x: math.log(x / (1 - x)), lambda x: 1 / (x * (1 - x))),
    ],
)
def test_where_the_range_ends_it_is_made_on_a_scale_without_ends(ends, there, slope):
    """Log, Fisher's z, logit: symmetric there, leaning away from the end here, never beyond it."""
    without = np.array([0.3, 0.55, 0.5, 0.62, 0.71])
    plain, interval = jackknife_interval(0.6, without), jackknife_interval(0.6, without, ends=ends)
    assert interval.standard_error == plain.standard_error == pytest.approx(math.sqrt(0.8 * 5 * without.var()))
    # Fisher's z is half of the logit of (x + 1) / 2: the interval is the same.
    half = 2.7764451 * plain.standard_error * slope(0.6)
    assert there(interval.upper) - there(0.6) == pytest.approx(half)
    assert there(0.6) - there(interval.lower) == pytest.approx(half)
    assert ends[0] < interval.lower < 0.6 < interval.upper < ends[1]
    assert plain.upper > 1


def test_every_metric_knows_its_range():
    assert METRICS["mae"].ends == METRICS["rmse"].ends == (0, math.inf)
    assert METRICS["ccc"].ends == METRICS["pearson"].ends == (-1, 1)
    assert {METRICS[name].ends for name in ("f1", "sensitivity", "specificity", "auroc")} == {(0, 1)}


def test_repeated_sessions_do_not_narrow_the_interval():
    """Each session five times over is no new knowledge of people."""
    rng = np.random.default_rng(0)
    true, predicted, subject = rng.normal(size=30), rng.normal(size=30), np.arange(30)
    _, once = score_interval(mae_of(true, predicted), subject)
    *repeated, subjects = [np.tile(values, 5) for values in (true, predicted, subject)]
    _, five = score_interval(mae_of(*repeated), subjects)
    assert (five.lower, five.upper) == pytest.approx((once.lower, once.upper))


def test_a_difference_is_paired():
    """One predictor errs by 1 more than the other on every session: certain, however much the sessions differ."""
    errors, true, subject = np.random.default_rng(0).gamma(1, 9, 20), np.full(20, 3.0), np.arange(20)
    worse, better = true - errors - 1, true + errors
    of_worse, of_better = mae_of(true, worse), mae_of(true, better)
    estimate, interval = score_interval(lambda w: of_worse(w) - of_better(w), subject)
    assert (estimate, interval.lower, interval.upper) == pytest.approx((1, 1, 1))


def test_what_hangs_on_one_subject_has_no_interval():
    """One positive among ten: without him there is no AUROC."""
    true, predicted, subject = np.array([12.0] + [1.0] * 9), np.arange(10.0)[::-1], np.arange(10)
    estimate, interval = score_interval(
        lambda weights: METRICS["auroc"](true, predicted, weights, threshold=10), subject, ends=(0, 1)
    )
    assert estimate == 1
    assert (interval.undefined, interval.reason) == (1, "undefined without one of the subjects")
    assert math.isnan(interval.lower)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("estimate", "without", "reason"),
    [
        (np.nan, [np.nan] * 4, "no value"),
        (np.nan, [], "no value"),
        (1.0, [np.nan], "one subject"),
        (1.0, [np.nan, np.nan, np.nan, 1.0], "undefined without"),
        (1.0, [0.0, 1e9], "wider than any number"),
    ],
)
def test_where_there_is_no_interval_a_reason_is(estimate, without, reason):
    interval = jackknife_interval(estimate, np.array(without), ends=(0, math.inf))
    assert np.isnan([interval.lower, interval.upper, interval.standard_error]).all()
    assert reason in interval.reason
    assert interval.undefined == np.isnan(without).sum()


@pytest.mark.parametrize("end", [0.0, 1.0])
def test_at_an_end_it_has_no_width(end):
    interval = jackknife_interval(end, np.full(9, end), ends=(0.0, 1.0))
    assert (interval.lower, interval.upper, interval.reason) == (end, end, "")


def test_it_holds_as_much_as_it_promises_of_a_skewed_error():
    """35 subjects: `benchmarks/coverage.py` in small, where the percentile bootstrap holds 91 %."""
    rng, held = np.random.default_rng(0), []
    for _ in range(2000):
        errors = rng.gamma(1.3, 3, 35)
        _, interval = score_interval(mae_of(np.zeros(35), errors), np.arange(35), ends=(0, math.inf))
        held.append(interval.lower <= 1.3 * 3 <= interval.upper)
    assert 0.93 < np.mean(held) < 0.965


def test_what_counts_less_than_once_counts_so_without_each():
    """A session in two rows: half of either."""
    true, predicted = np.zeros(4), np.array([2.0, 4, 6, 8])
    once = np.array([0.5, 0.5, 1, 1])
    estimate, interval = score_interval(mae_of(true, predicted), np.array(list("aabc")), once)
    merged = score_interval(mae_of(true[1:], np.array([3.0, 6, 8])), np.array(list("abc")))
    assert (estimate, interval) == (pytest.approx(17 / 3), merged[1])


def test_counts_in_words():
    assert counted(1, 1) == "1 session of 1 subject"
    assert counted(3, 2) == "3 sessions of 2 subjects"
    assert counted(0, 0) == "0 sessions of 0 subjects"
