"""How far predictions lie from the truth: each metric a function of (true, predicted, weights) or of two classes.

`true` and `predicted` are (N,), `weights` is (..., N) and says how often each session counts; the result has the
leading axes of `weights`. A weight of 2 is the session twice, a weight of 0 is the session left out, so that a
jackknife over S subjects is one call with weights (S, N). A metric is NaN where it is not defined;
`Metric.undefined` says when that is.

Predictions from several folds are not pooled where it matters: a model of one fold may predict a little higher than
that of another, and each predicts the mean of the others' severities, which is low where its own are high. Predicting
the train mean would so get a negative correlation. So CCC, Pearson's r and AUROC compare sessions of the same
fold only: `folds` (N, K) has a 1 where the session is of the fold. Source: Forman and Scholz 2010, "Apples-to-apples
in cross-validation studies".
"""

import dataclasses
import enum
import math
from collections.abc import Callable

import numpy as np


def mae(true: np.ndarray, predicted: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Mean absolute error, in the units of the target."""
    return _mean(np.abs(predicted - true), weights)


def rmse(true: np.ndarray, predicted: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Root of the mean squared error, in the units of the target."""
    return np.sqrt(_mean((predicted - true) ** 2, weights))


def ccc(true: np.ndarray, predicted: np.ndarray, weights: np.ndarray, folds: np.ndarray) -> np.ndarray:
    """Concordance correlation coefficient: 2 cov / (var + var + (difference of means)^2), with 1/N variances.

    Variances and covariance are about the means of the folds. The difference of means is that of all sessions: those of
    single folds are mostly chance, and their squares would count it as disagreement. Source: Lin 1989, "A concordance
    correlation coefficient to evaluate reproducibility".
    """
    _, (var_true, var_predicted), cov = _moments(true, predicted, weights, folds)
    apart = (_mean(true, weights) - _mean(predicted, weights)) ** 2
    agreement = ratio(2 * cov, var_true + var_predicted + apart)
    # Exactly 0 for constant predictions, whose variance would be a rounding error.
    agreement = np.where(_constant(predicted, weights, folds), 0.0, agreement)
    return np.where(_constant(true, weights, folds), np.nan, agreement)


def pearson(true: np.ndarray, predicted: np.ndarray, weights: np.ndarray, folds: np.ndarray) -> np.ndarray:
    """Pearson's correlation coefficient, of deviations from the means of the folds."""
    _, (var_true, var_predicted), cov = _moments(true, predicted, weights, folds)
    undefined = _constant(true, weights, folds) | _constant(predicted, weights, folds)
    return np.where(undefined, np.nan, np.clip(ratio(cov, np.sqrt(var_true * var_predicted)), -1, 1))


def f1(positive: np.ndarray, called: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """F1 of the positive class, 2 TP / (2 TP + FP + FN)."""
    hits = _sum(positive & called, weights)
    return ratio(2 * hits, _sum(positive, weights) + _sum(called, weights))


def sensitivity(positive: np.ndarray, called: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Share of the positive sessions that are called so."""
    return ratio(_sum(positive & called, weights), _sum(positive, weights))


def specificity(positive: np.ndarray, called: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Share of the negative sessions that are called so."""
    return ratio(_sum(~positive & ~called, weights), _sum(~positive, weights))


def auroc(positive: np.ndarray, predicted: np.ndarray, weights: np.ndarray, folds: np.ndarray) -> np.ndarray:
    """Share of (positive, negative) pairs of a fold whose positive session has the higher prediction; ties count half.

    A pair counts as often as the product of its weights says.
    """
    above, below = predicted[positive], predicted[~positive]
    together = folds[positive] @ folds[~positive].T  # (P, N - P)
    won = together * ((above[:, None] > below) + 0.5 * (above[:, None] == below))
    weight_above, weight_below = weights[..., positive], weights[..., ~positive]
    pairs = ((weight_above @ together) * weight_below).sum(-1)
    return ratio(((weight_above @ won) * weight_below).sum(-1), pairs)


class Kind(enum.Enum):
    """What a metric compares: values, values within folds, two classes, or a class and the order of values in folds."""

    VALUES = enum.auto()
    AGREEMENT = enum.auto()
    CLASSES = enum.auto()
    ORDER = enum.auto()


@dataclasses.dataclass(frozen=True)
class Metric:
    """A metric by its key in `results.json` and its label in tables, and when it has no value."""

    name: str
    label: str
    function: Callable[..., np.ndarray]
    kind: Kind
    lower_is_better: bool
    undefined: str

    @property
    def of_classes(self) -> bool:
        """Whether it needs to be known which sessions are positive."""
        return self.kind in (Kind.CLASSES, Kind.ORDER)

    @property
    def ends(self) -> tuple[float, float]:
        """Of the values that it can have."""
        return {Kind.VALUES: (0.0, math.inf), Kind.AGREEMENT: (-1.0, 1.0)}.get(self.kind, (0.0, 1.0))

    @property
    def within_folds(self) -> bool:
        """Whether only sessions of one fold are compared with each other."""
        return self.kind in (Kind.AGREEMENT, Kind.ORDER)

    def __call__(
        self,
        true: np.ndarray,
        predicted: np.ndarray,
        weights: np.ndarray | None = None,
        threshold: float | None = None,
        positive: np.ndarray | None = None,
        fold: np.ndarray | None = None,
    ) -> np.ndarray:
        """The metric for `weights` (..., N), every session once where they are None; shape: leading axes of `weights`.

        A session is called positive where its prediction is at or above `threshold`; it is positive where `positive`
        (N,) says so, or, where that is None, where its true value is. `fold` (N,): which sessions belong together; all
        do where it is None. Raises ValueError where a value is not finite or what the metric needs is not given.
        """
        true, predicted = np.asarray(true, np.float64), np.asarray(predicted, np.float64)
        weights = np.ones(true.shape) if weights is None else np.asarray(weights, np.float64)
        if not (true.shape == predicted.shape == weights.shape[-1:]):
            raise ValueError(f"{self.name}: shapes differ: {true.shape}, {predicted.shape}, {weights.shape}")
        if not (np.isfinite(true).all() and np.isfinite(predicted).all()):
            raise ValueError(f"{self.name}: true and predicted values must be finite")
        if positive is None and threshold is not None:
            positive = true >= threshold
        if (self.of_classes and positive is None) or (self.kind is Kind.CLASSES and threshold is None):
            raise ValueError(f"{self.name}: needs a threshold")
        folds = [_one_hot(np.zeros(len(true)) if fold is None else fold)] if self.within_folds else []
        truth = np.asarray(positive, bool) if self.of_classes else true
        found = predicted >= threshold if self.kind is Kind.CLASSES else predicted
        return self.function(truth, found, weights, *folds)


_NONE = "no session"
_CONSTANT = "the true or the predicted values are all equal"
# Every metric there is, in the order of the tables.
METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("mae", "MAE", mae, Kind.VALUES, True, _NONE),
        Metric("rmse", "RMSE", rmse, Kind.VALUES, True, _NONE),
        Metric("ccc", "CCC", ccc, Kind.AGREEMENT, False, "the true values are all equal"),
        Metric("pearson", "Pearson", pearson, Kind.AGREEMENT, False, _CONSTANT),
        Metric("f1", "F1", f1, Kind.CLASSES, False, "no session is positive, nor called so"),
        Metric("sensitivity", "Sensitivity", sensitivity, Kind.CLASSES, False, "no session is positive"),
        Metric("specificity", "Specificity", specificity, Kind.CLASSES, False, "no session is negative"),
        Metric("auroc", "AUROC", auroc, Kind.ORDER, False, "no positive and negative session to compare"),
    )
}


def applicable(threshold: float | None, positive: bool = False) -> list[Metric]:
    """The metrics that can be computed with a threshold or without, `positive`: with a label that says who is."""
    possible = {
        Kind.VALUES: True,
        Kind.AGREEMENT: True,
        Kind.CLASSES: threshold is not None,
        Kind.ORDER: positive or threshold is not None,
    }
    return [metric for metric in METRICS.values() if possible[metric.kind]]


def _sum(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return weights @ np.asarray(values, np.float64)


def ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """numerator / denominator, NaN where the denominator is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(denominator > 0, numerator / denominator, np.nan)


def _mean(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(N,) or (..., N) -> (...)."""
    return ratio((values * weights).sum(-1), weights.sum(-1))


def _moments(true: np.ndarray, predicted: np.ndarray, weights: np.ndarray, folds: np.ndarray) -> tuple:
    """Each session's weighted means over its fold (..., N), and the variances and the covariance about them (...).

    In two passes: no cancellation.
    """
    size = weights @ folds  # (..., K)
    means = tuple(
        np.where(size > 0, ratio((weights * values) @ folds, size), 0.0) @ folds.T for values in (true, predicted)
    )
    from_true, from_predicted = true - means[0], predicted - means[1]
    variances = tuple(_mean(off * off, weights) for off in (from_true, from_predicted))
    return means, variances, _mean(from_true * from_predicted, weights)


def _constant(values: np.ndarray, weights: np.ndarray, folds: np.ndarray) -> np.ndarray:
    """Whether the values that count are all equal in each fold: exact, where a variance would be a rounding error."""
    constant = np.ones(weights.shape[:-1], bool)
    for fold in folds.T:
        counted = (weights > 0) & (fold > 0)
        lowest = np.where(counted, values, np.inf).min(-1, initial=np.inf)
        highest = np.where(counted, values, -np.inf).max(-1, initial=-np.inf)
        constant &= ~(highest > lowest)
    return constant


def _one_hot(fold: np.ndarray) -> np.ndarray:
    """(N,) -> (N, K), a column for each fold."""
    return (np.asarray(fold)[:, None] == np.unique(fold)).astype(np.float64)
