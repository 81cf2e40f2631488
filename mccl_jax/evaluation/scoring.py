"""Scores of predictors on one set of sessions: numbers with their n and interval, and reasons where there is none."""

import dataclasses
import functools
import math
from typing import Any

import numpy as np

from mccl_jax.evaluation.intervals import Interval, counted, difference_interval, metric_interval, subject_bootstrap
from mccl_jax.metrics import METRICS, applicable

# A score as it stands in results.json: estimate, lower, upper, n_sessions, n_subjects, undefined_resamples, reason.
Score = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class ScoredSessions:
    """N sessions with a known target, on which any number of predictors is compared by the same resamples.

    true (N,), subject (N,); `threshold` separates the positive sessions, None where the target has none.
    """

    true: np.ndarray
    subject: np.ndarray
    threshold: float | None = None
    resamples: int = 2000
    level: float = 0.95
    seed: int = 0

    def __len__(self) -> int:
        return len(self.true)

    @functools.cached_property
    def counts(self) -> dict[str, int]:
        """Sessions and subjects, and the positive sessions where there is a threshold."""
        counts = {"n_sessions": len(self), "n_subjects": len(np.unique(self.subject))}
        if self.threshold is not None:
            counts["n_positive"] = int(np.sum(self.true >= self.threshold))
        return counts

    @functools.cached_property
    def _weights(self) -> np.ndarray:
        return subject_bootstrap(self.subject, self.resamples, self.seed)

    def metrics(self, predicted: np.ndarray) -> dict[str, Score]:
        """Every metric that applies, by name; nulls and a reason where one has no value or no interval."""
        scores = {}
        for metric in applicable(self.threshold):
            estimate, interval = metric_interval(
                metric, self.true, predicted, self.subject, self._weights, self.threshold, self.level
            )
            scores[metric.name] = self._score(estimate, interval, metric.undefined)
        return scores

    def difference_of_mae(self, predicted: np.ndarray, baseline: np.ndarray) -> Score:
        """MAE(predicted) - MAE(baseline), paired; negative where `predicted` is the better one."""
        mae = METRICS["mae"]
        estimate, interval = difference_interval(
            mae, self.true, predicted, baseline, self.subject, self._weights, level=self.level
        )
        return self._score(estimate, interval, mae.undefined)

    def _score(self, estimate: float, interval: Interval, undefined: str) -> Score:
        return {
            "estimate": _or_none(estimate),
            "lower": _or_none(interval.lower),
            "upper": _or_none(interval.upper),
            "n_sessions": self.counts["n_sessions"],
            "n_subjects": self.counts["n_subjects"],
            "undefined_resamples": interval.undefined,
            "reason": self._reason(estimate, interval, undefined),
        }

    def _reason(self, estimate: float, interval: Interval, undefined: str) -> str | None:
        if len(self) == 0:
            return "no session has a known target"
        return (interval.reason if math.isfinite(estimate) else undefined) or None


def verdict(model: str, baseline: str, mae: Score, baseline_mae: Score, difference: Score, level: float) -> str:
    """Says in words whether `model` has a lower MAE than `baseline`; `difference` is the paired one, at `level`."""
    n = counted(difference["n_sessions"], difference["n_subjects"])
    if difference["estimate"] is None:
        return f"{model} cannot be compared with {baseline}: {difference['reason']} ({n})."
    numbers = f"MAE {mae['estimate']:.2f} against {baseline_mae['estimate']:.2f}"
    if difference["lower"] is None:
        return f"{model} cannot be told apart from {baseline}: {numbers}, no interval ({difference['reason']}; {n})."
    numbers += (
        f", difference {difference['estimate']:+.2f} "
        f"({level:.0%} interval {difference['lower']:+.2f} to {difference['upper']:+.2f}, {n})"
    )
    if difference["upper"] < 0:
        return f"{model} beats {baseline}: {numbers}."
    if difference["lower"] > 0:
        return f"{model} is worse than {baseline}: {numbers}."
    return f"{model} does not beat {baseline}: {numbers}."


def _or_none(value: float) -> float | None:
    """JSON knows no NaN."""
    return float(value) if math.isfinite(value) else None
