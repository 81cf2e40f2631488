"""Metrics against values by hand and by scipy, and the law that a weight is a repetition."""

import numpy as np
import pytest
import scipy.stats

from mccl_jax.metrics import METRICS, applicable

THRESHOLD = 10.0


@pytest.fixture
def scores():
    """(true, predicted) of 60 sessions, whole numbers so that there are ties."""
    rng = np.random.default_rng(3)
    true = rng.integers(0, 25, 60).astype(float)
    return true, np.round(0.5 * true + rng.normal(0, 4, 60) + 4)


def test_by_hand():
    true, predicted = np.array([0.0, 4.0, 10.0, 14.0]), np.array([1.0, 11.0, 12.0, 8.0])
    expected = {
        "mae": (1 + 7 + 2 + 6) / 4,
        "rmse": np.sqrt((1 + 49 + 4 + 36) / 4),
        # means 7 and 8, sums of squares 116 and 74, of products 52 (x 1/4 each), difference of means 1
        "ccc": 2 * (52 / 4) / (116 / 4 + 74 / 4 + 1),
        "pearson": 52 / np.sqrt(116 * 74),
        "f1": 2 * 1 / (2 * 1 + 1 + 1),
        "sensitivity": 1 / 2,
        "specificity": 1 / 2,
        "auroc": 3 / 4,
    }
    assert {name: float(metric(true, predicted, threshold=THRESHOLD)) for name, metric in METRICS.items()} == (
        pytest.approx(expected, rel=1e-14)
    )


def test_against_scipy(scores):
    true, predicted = scores
    assert METRICS["pearson"](true, predicted) == pytest.approx(scipy.stats.pearsonr(true, predicted)[0], rel=1e-12)
    positive = true >= THRESHOLD
    won = scipy.stats.mannwhitneyu(predicted[positive], predicted[~positive]).statistic  # ties count half
    expected = won / (positive.sum() * (~positive).sum())
    assert METRICS["auroc"](true, predicted, threshold=THRESHOLD) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("name", METRICS)
def test_a_weight_is_a_repetition(scores, name):
    """Many rows of weights in one call equal one call a row on sessions repeated that often."""
    true, predicted = scores
    weights = np.random.default_rng(0).integers(0, 4, (3, 5, len(true)))
    at_once = METRICS[name](true, predicted, weights, THRESHOLD)
    assert at_once.shape == (3, 5)
    for place in np.ndindex(3, 5):
        repeated = [np.repeat(values, weights[place]) for values in (true, predicted)]
        assert at_once[place] == pytest.approx(float(METRICS[name](*repeated, threshold=THRESHOLD)), rel=1e-12)


@pytest.mark.parametrize("name", METRICS)
def test_the_direction_is_as_said(scores, name):
    """Perfect predictions are better than noisy ones, in the direction that the list of metrics gives."""
    true, predicted = scores
    metric = METRICS[name]
    perfect, noisy = (float(metric(true, values, threshold=THRESHOLD)) for values in (true, predicted))
    assert (perfect < noisy) == metric.lower_is_better
    assert perfect == pytest.approx(0 if metric.lower_is_better else 1)


@pytest.mark.parametrize(
    ("name", "true", "predicted"),
    [
        ("mae", [], []),
        ("rmse", [], []),
        ("ccc", [0.1] * 3, [1, 2, 3]),
        ("pearson", [1, 2, 3], [0.1] * 3),  # the variance of three times 0.1 is not exactly 0 in floating point
        ("pearson", [0.1] * 3, [1, 2, 3]),
        ("pearson", [1], [2]),
        ("f1", [1, 2], [3, 4]),
        ("sensitivity", [1, 2], [3, 14]),
        ("specificity", [11, 12], [3, 14]),
        ("auroc", [1, 2], [3, 14]),
        ("auroc", [11, 12], [3, 14]),
    ],
)
def test_nan_where_undefined(name, true, predicted):
    with np.errstate(all="raise", under="ignore"):
        assert np.isnan(METRICS[name](np.array(true, float), np.array(predicted, float), threshold=THRESHOLD))
    assert METRICS[name].undefined


def test_undefined_only_in_the_rows_of_weights_where_it_is():
    """A resample that draws one session only has no correlation; its neighbours keep theirs."""
    weights = np.array([[1, 1, 1], [0, 3, 0]])
    values = METRICS["pearson"](np.array([1.0, 2, 3]), np.array([2.0, 2.5, 9]), weights)
    assert np.isfinite(values).tolist() == [True, False]


def test_constant_predictions_have_no_agreement_and_no_rank():
    true, constant = np.array([1.0, 5, 12, 20]), np.full(4, 0.1)
    assert METRICS["ccc"](true, constant) == 0
    assert METRICS["auroc"](true, constant, threshold=THRESHOLD) == 0.5


def test_a_threshold_is_asked_for_and_brings_its_metrics():
    names = [metric.name for metric in applicable(None)]
    assert names == ["mae", "rmse", "ccc", "pearson"]
    assert len(applicable(0.0)) == len(METRICS)  # a threshold of 0 is a threshold
    with pytest.raises(ValueError, match="threshold"):
        METRICS["f1"](np.ones(2), np.ones(2))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused(bad):
    with pytest.raises(ValueError, match="finite"):
        METRICS["mae"](np.array([1.0, 2]), np.array([1.0, bad]))
