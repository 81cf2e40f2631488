"""How sure a score is: intervals over subjects."""

import dataclasses
import math
from collections.abc import Callable

import numpy as np

# Below this share of resamples in which a metric is defined, its interval would describe another question.
_LEAST_DEFINED = 0.5


@dataclasses.dataclass(frozen=True)
class Interval:
    """`lower` and `upper` end, NaN where there is no interval, which `reason` then explains.

    `undefined` counts the resamples in which the metric had no value; the interval is taken over the others.
    """

    lower: float
    upper: float
    undefined: int = 0
    reason: str = ""


def subject_bootstrap(subject: np.ndarray, resamples: int = 2000, seed: int = 0) -> np.ndarray:
    """(R, N) multiplicities of N sessions: subjects drawn with replacement, all sessions of a subject together.

    Several metrics, and two predictors that are compared, must share one such array: then differences are paired.
    """
    subjects, index = np.unique(subject, return_inverse=True)
    if len(subjects) == 0:
        return np.zeros((resamples, 0))
    draws = np.random.default_rng(seed).multinomial(len(subjects), np.full(len(subjects), 1 / len(subjects)), resamples)
    return draws[:, index].astype(np.float64)


def bootstrap_interval(estimate: float, values: np.ndarray, subjects: int, level: float = 0.95) -> Interval:
    """The interval from a metric's values in R resamples of so many `subjects`: percentile type.

    The one place that fixes the type. `estimate` is the metric's value on all sessions, (R,) `values` are NaN where it
    was undefined.
    """
    defined = values[np.isfinite(values)]
    undefined = len(values) - len(defined)
    if not math.isfinite(estimate):
        return Interval(math.nan, math.nan, undefined, "no value")
    if subjects < 2:
        return Interval(math.nan, math.nan, undefined, "one subject: nothing to resample")
    if len(defined) < _LEAST_DEFINED * len(values):
        return Interval(math.nan, math.nan, undefined, "undefined in most resamples of subjects")
    lower, upper = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(lower), float(upper), undefined)


def score_interval(
    score: Callable[[np.ndarray], np.ndarray],
    subject: np.ndarray,
    weights: np.ndarray,
    once: np.ndarray | None = None,
    level: float = 0.95,
) -> tuple[float, Interval]:
    """A score of N rows and its interval over subjects: `score` maps weights (..., N) to values (...).

    `weights` (R, N) as `subject_bootstrap` gives them. `once` (N,): how much each row counts, 1 where it is None; less
    than 1 where a session stands in several rows, so that it counts once. A difference of two metrics as the score is
    paired: both meet the same resamples.
    """
    once = np.ones(len(subject)) if once is None else once
    estimate = float(score(once))
    return estimate, bootstrap_interval(estimate, score(weights * once), len(np.unique(subject)), level)


def counted(sessions: int, subjects: int) -> str:
    """The n of a number, in words: "3 sessions of 1 subject"."""
    return f"{sessions} session{'s' * (sessions != 1)} of {subjects} subject{'s' * (subjects != 1)}"
