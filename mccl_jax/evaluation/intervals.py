"""How sure a number is: intervals over subjects.

The type is the one that came nearest to its promise, over all metrics, in `benchmarks/coverage.py`: a t interval from
the jackknife, on a scale on which the metric has no end.
"""

import dataclasses
import math
from collections.abc import Callable

import numpy as np

TYPE = "t interval by jackknife over subjects, on a scale without ends"
ENDLESS = (-math.inf, math.inf)


@dataclasses.dataclass(frozen=True)
class Interval:
    """`lower` and `upper` end, NaN where there is no interval, which `reason` then explains.

    `standard_error` is that of the jackknife, on the metric's own scale, NaN where there is no interval. `undefined`:
    without how many of the subjects, one at a time, the metric has no value.
    """

    lower: float
    upper: float
    undefined: int = 0
    reason: str = ""
    standard_error: float = math.nan


def without_each(subject: np.ndarray) -> np.ndarray:
    """(S, N) weights of N sessions, 0 for those of one of the S subjects and 1 for all others, subject by subject."""
    return (np.unique(subject)[:, None] != np.asarray(subject)).astype(np.float64)


def jackknife_interval(
    estimate: float, without: np.ndarray, level: float = 0.95, ends: tuple[float, float] = ENDLESS
) -> Interval:
    """The interval from a metric's values (S,) without each of S subjects; the one place that fixes the type.

    `estimate` is the metric's value on all sessions; NaN, there as in `without`, where it is undefined. `ends` of the
    metric's range: the interval is made on a scale without ends, the logarithm of the distance from a single end, the
    logit between two (for a correlation that is Fisher's z), to which the standard error is carried by the delta
    method. So it never leaves the range, and leans to the side where there is room. Its half-width there is the
    (1 + level) / 2 quantile of t with S - 1 degrees times the standard error. At an end of the range it has no width.
    Source: Efron and Tibshirani 1993, "An Introduction to the Bootstrap", chapter 11; Efron 1981, "Nonparametric
    standard errors and confidence intervals".
    """
    subjects, undefined = len(without), int((~np.isfinite(without)).sum())
    reason = ""
    if not math.isfinite(estimate):
        reason = "no value"
    elif subjects < 2:
        reason = "one subject: nothing to resample"
    elif undefined:
        reason = "undefined without one of the subjects"
    if reason:
        return Interval(math.nan, math.nan, undefined, reason)
    error = float(np.sqrt((subjects - 1) / subjects * ((without - without.mean()) ** 2).sum()))
    if estimate in ends:
        return Interval(estimate, estimate, standard_error=error)
    from scipy.special import stdtrit  # slow to import

    there, back, slope = _endless(*ends)
    half = float(stdtrit(subjects - 1, (1 + level) / 2)) * error * slope(estimate)
    lower, upper = back(there(estimate) - half), back(there(estimate) + half)
    if not (math.isfinite(lower) and math.isfinite(upper)):
        return Interval(math.nan, math.nan, reason="wider than any number: too few subjects")
    return Interval(lower, upper, standard_error=error)


def score_interval(
    score: Callable[[np.ndarray], np.ndarray],
    subject: np.ndarray,
    once: np.ndarray | None = None,
    level: float = 0.95,
    ends: tuple[float, float] = ENDLESS,
) -> tuple[float, Interval]:
    """A score of N rows and its interval over subjects: `score` maps weights (..., N) to values (...).

    `once` (N,): how much each row counts, 1 where it is None; less than 1 where a session stands in several rows, so
    that it counts once. All sessions of a subject are left out together. A difference of two metrics as the score is
    paired: both lose the same subject.
    """
    once = np.ones(len(subject)) if once is None else once
    estimate = float(score(once))
    return estimate, jackknife_interval(estimate, score(without_each(subject) * once), level, ends)


def counted(sessions: int, subjects: int) -> str:
    """The n of a number, in words: "3 sessions of 1 subject"."""
    return f"{sessions} session{'s' * (sessions != 1)} of {subjects} subject{'s' * (subjects != 1)}"


def _endless(low: float, high: float) -> tuple[Callable[[float], float], ...]:
    """To a scale without ends, back from it, and how steep the way there is."""
    if math.isinf(low) and math.isinf(high):
        return (lambda x: x), (lambda z: z), (lambda x: 1.0)
    if math.isinf(high):
        return (lambda x: math.log(x - low)), (lambda z: low + _exp(z)), (lambda x: 1 / (x - low))
    width = high - low

    def back(z):
        return low + width * (1 / (1 + _exp(-z)) if z > 0 else _exp(z) / (1 + _exp(z)))

    return (lambda x: math.log((x - low) / (high - x))), back, (lambda x: width / ((x - low) * (high - x)))


def _exp(z: float) -> float:
    """The exponential, infinite where it is beyond all numbers."""
    return math.exp(z) if z < 700 else math.inf
