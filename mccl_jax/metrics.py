"""How far predictions lie from the truth: each metric a function of (true, predicted, weights).

`true` and `predicted` are (N,), `weights` is (..., N) and says how often each session counts; the result has the
leading axes of `weights`. A weight of 2 is the session twice, a weight of 0 is the session left out, so that a
bootstrap of R resamples is one call with multiplicities (R, N). A metric is NaN where it is not defined;
`Metric.undefined` says when that is.
"""

import dataclasses
from collections.abc import Callable

import numpy as np


def mae(true: np.ndarray, predicted: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Mean absolute error, in the units of the target."""
    return _mean(np.abs(predicted - true), weights)


def rmse(true: np.ndarray, predicted: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Root of the mean squared error, in the units of the target."""
    return np.sqrt(_mean((predicted - true) ** 2, weights))


def ccc(true: np.ndarray, predicted: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Concordance correlation coefficient: 2 cov / (var + var + (difference of means)^2), with 1/N variances.

    Source: Lin 1989, "A concordance correlation coefficient to evaluate reproducibility".
    """
    (mean_true, mean_predicted), (var_true, var_predicted), cov = _moments(true, predicted, weights)
    agreement = _ratio(2 * cov, var_true + var_predicted + (mean_true - mean_predicted) ** 2)
    # Exactly 0 for constant predictions, whose variance would be a rounding error.
    agreement = np.where(_constant(predicted, weights), 0.0, agreement)
    return np.where(_constant(true, weights), np.nan, agreement)


def pearson(true: np.ndarray, predicted: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Pearson's correlation coefficient."""
    _, (var_true, var_predicted), cov = _moments(true, predicted, weights)
    undefined = _constant(true, weights) | _constant(predicted, weights)
    return np.where(undefined, np.nan, np.clip(_ratio(cov, np.sqrt(var_true * var_predicted)), -1, 1))


def f1(true: np.ndarray, predicted: np.ndarray, weights: np.ndarray, threshold: float) -> np.ndarray:
    """F1 of the positive class, 2 TP / (2 TP + FP + FN); positive is a value at or above `threshold`."""
    positive, called = true >= threshold, predicted >= threshold
    hits = _sum(positive & called, weights)
    return _ratio(2 * hits, _sum(positive, weights) + _sum(called, weights))


def sensitivity(true: np.ndarray, predicted: np.ndarray, weights: np.ndarray, threshold: float) -> np.ndarray:
    """Share of the sessions truly at or above `threshold` that are predicted to be so."""
    positive, called = true >= threshold, predicted >= threshold
    return _ratio(_sum(positive & called, weights), _sum(positive, weights))


def specificity(true: np.ndarray, predicted: np.ndarray, weights: np.ndarray, threshold: float) -> np.ndarray:
    """Share of the sessions truly below `threshold` that are predicted to be so."""
    positive, called = true >= threshold, predicted >= threshold
    return _ratio(_sum(~positive & ~called, weights), _sum(~positive, weights))


def auroc(true: np.ndarray, predicted: np.ndarray, weights: np.ndarray, threshold: float) -> np.ndarray:
    """Share of (positive, negative) pairs in which the positive session has the higher prediction; ties count half."""
    positive = true >= threshold
    above, below = predicted[positive], predicted[~positive]
    won = (above[:, None] > below) + 0.5 * (above[:, None] == below)  # (P, N - P)
    weight_above, weight_below = weights[..., positive], weights[..., ~positive]
    pairs = weight_above.sum(-1) * weight_below.sum(-1)
    return _ratio(((weight_above @ won) * weight_below).sum(-1), pairs)


@dataclasses.dataclass(frozen=True)
class Metric:
    """A metric by its key in `results.json` and its label in tables, and when it has no value."""

    name: str
    label: str
    function: Callable[..., np.ndarray]
    lower_is_better: bool
    needs_threshold: bool
    undefined: str

    def __call__(
        self,
        true: np.ndarray,
        predicted: np.ndarray,
        weights: np.ndarray | None = None,
        threshold: float | None = None,
    ) -> np.ndarray:
        """The metric for `weights` (..., N), every session once where they are None; shape: leading axes of `weights`.

        Raises ValueError where a value is not finite or the metric needs a threshold and gets none.
        """
        true, predicted = np.asarray(true, np.float64), np.asarray(predicted, np.float64)
        weights = np.ones(true.shape) if weights is None else np.asarray(weights, np.float64)
        if not (true.shape == predicted.shape == weights.shape[-1:]):
            raise ValueError(f"{self.name}: shapes differ: {true.shape}, {predicted.shape}, {weights.shape}")
        if not (np.isfinite(true).all() and np.isfinite(predicted).all()):
            raise ValueError(f"{self.name}: true and predicted values must be finite")
        if not self.needs_threshold:
            return self.function(true, predicted, weights)
        if threshold is None:
            raise ValueError(f"{self.name}: needs a threshold")
        return self.function(true, predicted, weights, threshold)


_NONE = "no session"
_CONSTANT = "the true or the predicted values are all equal"
# Every metric there is, in the order of the tables.
METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("mae", "MAE", mae, True, False, _NONE),
        Metric("rmse", "RMSE", rmse, True, False, _NONE),
        Metric("ccc", "CCC", ccc, False, False, "the true values are all equal"),
        Metric("pearson", "Pearson", pearson, False, False, _CONSTANT),
        Metric("f1", "F1", f1, False, True, "no session at or above the threshold, true or predicted"),
        Metric("sensitivity", "Sensitivity", sensitivity, False, True, "no session truly at or above the threshold"),
        Metric("specificity", "Specificity", specificity, False, True, "no session truly below the threshold"),
        Metric("auroc", "AUROC", auroc, False, True, "all sessions lie on one side of the threshold"),
    )
}


def applicable(threshold: float | None) -> list[Metric]:
    """The metrics that can be computed: those at a threshold only where there is one."""
    return [metric for metric in METRICS.values() if threshold is not None or not metric.needs_threshold]


def _sum(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return weights @ np.asarray(values, np.float64)


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """numerator / denominator, NaN where the denominator is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(denominator > 0, numerator / denominator, np.nan)


def _mean(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return _ratio(_sum(values, weights), weights.sum(-1))


def _moments(true: np.ndarray, predicted: np.ndarray, weights: np.ndarray) -> tuple:
    """Weighted means, variances and covariance, the latter about the means (two passes: no cancellation)."""
    means = _mean(true, weights), _mean(predicted, weights)
    from_true, from_predicted = true - means[0][..., None], predicted - means[1][..., None]
    total = weights.sum(-1)
    variances = tuple(_ratio((weights * off * off).sum(-1), total) for off in (from_true, from_predicted))
    return means, variances, _ratio((weights * from_true * from_predicted).sum(-1), total)


def _constant(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Whether the values that count are all equal: exact, where a variance would be a rounding error."""
    counted = weights > 0
    lowest = np.where(counted, values, np.inf).min(-1, initial=np.inf)
    highest = np.where(counted, values, -np.inf).max(-1, initial=-np.inf)
    return ~(highest > lowest)
