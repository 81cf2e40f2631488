"""Scores of predictors on one set of sessions: numbers with their n and interval, and reasons where there is none."""

import dataclasses
import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from mccl_jax.evaluation.comparison import chance, detectable, paired_test
from mccl_jax.evaluation.intervals import ENDLESS, Interval, counted, score_interval
from mccl_jax.metrics import METRICS, Kind, Metric, applicable

# A score as it stands in results.json: estimate, lower, upper, n_sessions, n_subjects, undefined_resamples
# (without how many of the subjects, one at a time, it has no value), reason.
Score = dict[str, Any]
_NO_WIDTH = "the same whoever is left out, which does not make it certain"
# Below this many subjects no comparison is called won or lost, whatever the interval says.
_TOO_FEW = 10
# How often a true difference of the size called detectable would be found.
POWER = 0.8


@dataclasses.dataclass(frozen=True)
class ScoredSessions:
    """N predicted sessions with a known target, on which any number of predictors is compared.

    true (N,), subject (N,). At or above `threshold` a session is called positive; None where the target has none.
    `level` is of intervals, `resamples` and `seed` are of tests.
    positive   (N,) bool: which sessions are positive; by the threshold where it is None.
    fold       (N,) in which fold a session was predicted; all in one where it is None.
    session    (N,) its name: one that stands in several rows, because several folds test it, counts once in all. Each
               row is a session of its own where it is None.
    """

    true: np.ndarray
    subject: np.ndarray
    threshold: float | None = None
    resamples: int = 2000
    level: float = 0.95
    seed: int = 0
    positive: np.ndarray | None = None
    fold: np.ndarray | None = None
    session: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.true)

    @functools.cached_property
    def counts(self) -> dict[str, int]:
        """Sessions and subjects and, where it is known who is positive, the positive sessions.

        And the subjects of these, and of the negative ones: one who has sessions of both kinds is in both.
        """
        first = np.unique(self._session, return_index=True)[1]
        counts = {"n_sessions": len(first), "n_subjects": len(np.unique(self.subject))}
        if self.positive is not None or self.threshold is not None:
            positive = self.true >= self.threshold if self.positive is None else self.positive
            counts["n_positive"] = int(np.sum(positive[first]))
            counts["n_positive_subjects"] = len(np.unique(self.subject[positive]))
            counts["n_negative_subjects"] = len(np.unique(self.subject[~positive]))
        return counts

    @functools.cached_property
    def _session(self) -> np.ndarray:
        return np.arange(len(self)) if self.session is None else self.session

    @functools.cached_property
    def _once(self) -> np.ndarray:
        """How much each row counts, so that every session counts once."""
        _, index, times = np.unique(self._session, return_inverse=True, return_counts=True)
        return 1 / times[index]

    def metrics(self, predicted: np.ndarray) -> dict[str, Score]:
        """Every metric that applies, by name; nulls and a reason where one has no value or no interval."""
        return self._scores(applicable(self.threshold, self.positive is not None), predicted)

    def errors(self, predicted: np.ndarray) -> dict[str, Score]:
        """Only the metrics that say how far values lie apart: those that mean something within a group."""
        return self._scores([metric for metric in applicable(None) if metric.kind is Kind.VALUES], predicted)

    def mae(self, predicted: np.ndarray) -> float | None:
        """The estimate of MAE alone; None where there is no session."""
        return or_none(float(self._value(METRICS["mae"], predicted, self._once)))

    def difference_of_mae(self, predicted: np.ndarray, baseline: np.ndarray) -> Score:
        """MAE(predicted) - MAE(baseline), as `difference` gives it; negative where `predicted` is the better one."""
        return self.difference("mae", [predicted], [baseline])

    def mean(self, name: str, predicted: Sequence[np.ndarray]) -> Score:
        """A metric, meaned over the predictions (N,) of several trainings."""
        metric = METRICS[name]
        return self._score(*self._interval(functools.partial(self._mean, metric, predicted), metric.ends), metric)

    def difference(self, name: str, predicted: Sequence[np.ndarray], others: Sequence[np.ndarray]) -> Score:
        """A metric of several trainings' predictions less that of `others`, paired, each meaned over the trainings.

        With, as `detectable`, the smallest true difference that would be found with `POWER` among so many, at `level`,
        and, of MAE, the two-sided `p` of no difference (sign flips over subjects, of meaned errors); None where there
        is none. All is about who is in the sessions: what trainings vary by is not in it.
        """
        metric = METRICS[name]
        difference, interval = self._interval(
            lambda weights: self._mean(metric, predicted, weights) - self._mean(metric, others, weights), ENDLESS
        )
        p = math.nan
        if name == "mae":
            losses = (np.mean([np.abs(one - self.true) for one in of], axis=0) for of in (predicted, others))
            p = paired_test(*losses, self.subject, self._once, self.resamples, self.seed)
        return {
            **self._score(difference, interval, metric),
            "p": or_none(p),
            # Two that predict the same tell nothing of what could have been found.
            "detectable": or_none(detectable(interval.standard_error or math.nan, self.level, POWER)),
        }

    def _mean(self, metric: Metric, predicted: Sequence[np.ndarray], weights: np.ndarray) -> np.ndarray:
        return sum(self._value(metric, one, weights) for one in predicted) / len(predicted)

    def bias(self, predicted: np.ndarray) -> Score:
        """The mean of predicted - true: above 0 where severities are overestimated."""
        off = predicted - self.true
        return self._score(*self._interval(lambda weights: (weights @ off) / weights.sum(-1), ENDLESS), METRICS["mae"])

    def chance(self, predicted: np.ndarray) -> dict[str, dict[str, float] | None]:
        """What CCC, Pearson's r and AUROC would be by chance, by name; None where the metric has no value.

        `lower` and `upper` hold the share `level` of their values when predictions are dealt anew among the subjects of
        each fold; `p` is the share that is at least as high as what was seen.
        """
        metrics = [m for m in applicable(self.threshold, self.positive is not None) if m.within_folds]
        fold = np.zeros(len(self)) if self.fold is None else self.fold
        found = {}
        for m in metrics:
            of = functools.partial(self._value, m, weights=self._once)
            by_chance = chance(of, predicted, self.subject, fold, self.level, self.resamples, self.seed)
            found[m.name] = None if by_chance is None else dataclasses.asdict(by_chance)
        return found

    def _scores(self, metrics: Sequence[Metric], predicted: np.ndarray) -> dict[str, Score]:
        return {
            m.name: self._score(*self._interval(lambda weights, m=m: self._value(m, predicted, weights), m.ends), m)
            for m in metrics
        }

    def _value(self, metric: Metric, predicted: np.ndarray, weights: np.ndarray) -> np.ndarray:
        return metric(self.true, predicted, weights, self.threshold, self.positive, self.fold)

    def _interval(self, score: Callable[[np.ndarray], np.ndarray], ends: tuple[float, float]) -> tuple[float, Interval]:
        return score_interval(score, self.subject, self._once, self.level, ends)

    def _score(self, estimate: float, interval: Interval, metric: Metric) -> Score:
        if metric.of_classes and interval.lower == interval.upper:
            interval = dataclasses.replace(interval, lower=math.nan, upper=math.nan, reason=_NO_WIDTH)
        return {
            "estimate": or_none(estimate),
            "lower": or_none(interval.lower),
            "upper": or_none(interval.upper),
            "n_sessions": self.counts["n_sessions"],
            "n_subjects": self.counts["n_subjects"],
            "undefined_resamples": interval.undefined,
            "reason": self._reason(estimate, interval, metric),
        }

    def _reason(self, estimate: float, interval: Interval, metric: Metric) -> str | None:
        if len(self) == 0:
            return "no session has a known target"
        several = self.fold is not None and len(np.unique(self.fold)) > 1
        undefined = metric.undefined + (", in each fold" if several and metric.within_folds else "")
        return (interval.reason if math.isfinite(estimate) else undefined) or None


def verdict(model: str, baseline: str, mae: Score, baseline_mae: Score, difference: Score, level: float) -> str:
    """Says in words whether `model` has a lower MAE than `baseline`; `difference` is the paired one, at `level`.

    Where it is one of a family, and has `p_adjusted`, nothing is won or lost that does not hold for the family.
    """
    n = counted(difference["n_sessions"], difference["n_subjects"])
    if difference["estimate"] is None:
        return f"{model} cannot be compared with {baseline}: {difference['reason']} ({n})."
    numbers = f"MAE {mae['estimate']:.2f} against {baseline_mae['estimate']:.2f}"
    if difference["lower"] is None:
        return f"{model} cannot be told apart from {baseline}: {numbers}, no interval ({difference['reason']}; {n})."
    numbers += (
        f", difference {difference['estimate']:+.2f} "
        f"({level:.0%} interval {difference['lower']:+.2f} to {difference['upper']:+.2f}, "
        f"{p_value(difference['p'])}, {n})"
    )
    if difference["n_subjects"] < _TOO_FEW:
        return f"{model} cannot be told apart from {baseline} by so few: {numbers}."
    if not certain(difference, level):
        corrected = "" if difference["lower"] <= 0 <= difference["upper"] else _UNCERTAIN
        return f"{model} does not beat {baseline}{corrected}: {numbers}."
    return f"{model} {'beats' if difference['upper'] < 0 else 'is worse than'} {baseline}: {numbers}."


_UNCERTAIN = " once p is corrected for all comparisons"


def certain(difference: Score, level: float) -> bool:
    """Whether a difference is one: its interval leaves out 0 and, in a family of them, its corrected p is small too."""
    if difference["lower"] is None or difference["lower"] <= 0 <= difference["upper"]:
        return False
    return difference.get("p_adjusted") is None or difference["p_adjusted"] < 1 - level


# A smaller p is not told apart from it: so many exchanges say no more.
LEAST_P = 0.001


def p_value(p: float) -> str:
    """A p in words: "p = 0.012"."""
    return f"p = {p:.3f}" if p >= LEAST_P else f"p < {LEAST_P}"


def or_none(value: float) -> float | None:
    """JSON knows no NaN."""
    return float(value) if math.isfinite(value) else None
