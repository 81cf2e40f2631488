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


AGREEMENT = ["ccc", "pearson", "auroc"]


@pytest.fixture
def fold():
    """The folds of the 60 sessions of `scores`: four, of different sizes."""
    return np.random.default_rng(5).choice(["fold_1", "fold_2", "fold_3", "fold_4"], 60, p=[0.4, 0.3, 0.2, 0.1])


@pytest.mark.parametrize("name", METRICS)
def test_one_fold_is_no_fold(scores, name):
    weights = np.random.default_rng(0).integers(0, 3, (7, 60))
    with_fold = METRICS[name](*scores, weights, THRESHOLD, fold=np.full(60, "fold_1"))
    np.testing.assert_array_equal(with_fold, METRICS[name](*scores, weights, THRESHOLD))


@pytest.mark.parametrize("name", METRICS)
def test_folds_matter_to_agreement_and_order_alone(scores, fold, name):
    with_folds, without = (float(METRICS[name](*scores, threshold=THRESHOLD, fold=one)) for one in (fold, None))
    assert (with_folds != without) == (name in AGREEMENT) == METRICS[name].within_folds


@pytest.mark.parametrize("name", METRICS)
def test_a_weight_is_a_repetition_in_folds_too(scores, fold, name):
    weights = np.random.default_rng(0).integers(0, 4, (6, 60))
    weights[5] = np.where(fold == "fold_1", 0, weights[5])  # a resample that misses a fold
    at_once = METRICS[name](*scores, weights, THRESHOLD, fold=fold)
    for found, row in zip(at_once, weights, strict=True):
        *repeated, folds = (np.repeat(values, row) for values in (*scores, fold))
        assert found == pytest.approx(float(METRICS[name](*repeated, threshold=THRESHOLD, fold=folds)), rel=1e-12)


@pytest.mark.parametrize("name", METRICS)
def test_half_a_weight_twice_is_a_session_once(scores, fold, name):
    expected = METRICS[name](*scores, threshold=THRESHOLD, fold=fold)
    twice = [np.tile(values, 2) for values in scores]
    found = METRICS[name](*twice, np.full(120, 0.5), THRESHOLD, fold=np.tile(fold, 2))
    assert found == pytest.approx(float(expected), rel=1e-12)


def test_by_hand_in_two_folds():
    fold = np.array(list("aaabb"))
    true, predicted = np.array([1.0, 2, 12, 10, 20]), np.array([3.0, 5, 4, 30, 10])
    # Means: a 5 and 4, b 15 and 20. Squares about them: 16+9+49+25+25, 1+1+0+100+100; products 4-3+0-50-50.
    assert METRICS["pearson"](true, predicted, fold=fold) == pytest.approx(-99 / np.sqrt(124 * 202))
    apart = (9 - 10.4) ** 2  # of the means of all
    assert METRICS["ccc"](true, predicted, fold=fold) == pytest.approx(2 * -99 / 5 / (124 / 5 + 202 / 5 + apart))
    # Pairs at a threshold of 12: in a 12 above 1 but not above 2; in b 20 is not above 10.
    assert METRICS["auroc"](true, predicted, threshold=12.0, fold=fold) == pytest.approx(1 / 3)


def test_a_constant_that_a_fold_adds_changes_neither_correlation_nor_order(scores, fold):
    true, predicted = scores
    added = predicted + np.select([fold == f"fold_{k}" for k in (1, 2, 3, 4)], [-40.0, 0.0, 15.0, 7.0])
    for name in ("pearson", "auroc"):
        found, expected, pooled = (
            float(METRICS[name](true, values, threshold=THRESHOLD, fold=one))
            for values, one in ((added, fold), (predicted, fold), (added, None))
        )
        assert found == pytest.approx(expected, rel=1e-12)
        assert pooled != pytest.approx(expected, abs=0.1)
    assert METRICS["ccc"](true, added, fold=fold) < METRICS["ccc"](true, predicted, fold=fold)  # it is no agreement


def test_the_correlation_in_folds_is_that_of_deviations_from_their_means(scores, fold):
    centred = [values - sum(values[fold == one].mean() * (fold == one) for one in np.unique(fold)) for values in scores]
    expected = scipy.stats.pearsonr(*centred)[0]
    assert METRICS["pearson"](*scores, fold=fold) == pytest.approx(expected, rel=1e-12)


def test_the_mean_of_the_others_knows_nothing_though_pooled_it_seems_to():
    """Pooled, predicting the train mean is anticorrelated with the truth by construction."""
    rng = np.random.default_rng(0)
    naive, order = [], []
    for _ in range(50):
        true, fold = rng.permutation(np.arange(45) % 25).astype(float), np.arange(45) % 5
        predicted = np.array([true[fold != one].mean() for one in fold])
        naive.append(float(METRICS["pearson"](true, predicted)))
        order.append(float(METRICS["auroc"](true, predicted, threshold=THRESHOLD)))
        assert np.isnan(METRICS["pearson"](true, predicted, fold=fold))
        assert METRICS["ccc"](true, predicted, fold=fold) == 0
        assert METRICS["auroc"](true, predicted, threshold=THRESHOLD, fold=fold) == 0.5
    assert max(naive) < 0
    assert np.mean(naive) < -0.1
    assert np.mean(order) < 0.45


def test_perfect_predictions_are_perfect_in_folds(scores, fold):
    true, _ = scores
    for name in AGREEMENT:
        assert METRICS[name](true, true, threshold=THRESHOLD, fold=fold) == pytest.approx(1)


def test_a_session_alone_in_its_fold_is_compared_with_nobody():
    true, predicted, fold = np.array([1.0, 12, 20]), np.array([2.0, 1, 0]), np.array(list("aab"))
    assert METRICS["auroc"](true, predicted, threshold=THRESHOLD, fold=fold) == 0
    assert METRICS["pearson"](true, predicted, fold=fold) == pytest.approx(-1)
    for name in ("auroc", "pearson", "ccc"):
        assert np.isnan(METRICS[name](true, predicted, threshold=THRESHOLD, fold=np.arange(3)))


def test_a_label_says_who_is_positive_in_place_of_the_threshold(scores):
    true, predicted = scores
    positive = np.random.default_rng(0).uniform(size=60) < 0.4
    called = predicted >= THRESHOLD
    expected = {
        "sensitivity": (positive & called).sum() / positive.sum(),
        "specificity": (~positive & ~called).sum() / (~positive).sum(),
        "f1": 2 * (positive & called).sum() / (positive.sum() + called.sum()),
        "auroc": np.mean([(a > b) + (a == b) / 2 for a in predicted[positive] for b in predicted[~positive]]),
    }
    for name, value in expected.items():
        found = METRICS[name](true, predicted, threshold=THRESHOLD, positive=positive)
        assert found == pytest.approx(value, rel=1e-12)
        by_threshold = METRICS[name](true, predicted, threshold=THRESHOLD, positive=true >= THRESHOLD)
        assert by_threshold == METRICS[name](true, predicted, threshold=THRESHOLD)
    assert METRICS["auroc"](true, predicted, positive=positive) == pytest.approx(expected["auroc"])
    with pytest.raises(ValueError, match="threshold"):
        METRICS["f1"](true, predicted, positive=positive)  # who is called so is still a matter of the prediction
    assert METRICS["mae"](true, predicted, positive=positive) == METRICS["mae"](true, predicted)


def test_which_metrics_apply():
    def names(*args):
        return [metric.name for metric in applicable(*args)]

    values = ["mae", "rmse", "ccc", "pearson"]
    assert names(None, False) == values
    assert names(None, True) == [*values, "auroc"]
    assert names(10.0, True) == names(10.0) == [*METRICS]
