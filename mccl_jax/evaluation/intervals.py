"""How sure a number is: intervals over subjects, and the interval around one prediction."""

import dataclasses
import math
from collections.abc import Callable

import numpy as np

# Below this share of resamples in which a metric is defined, its interval would describe another question.
_LEAST_DEFINED = 0.5
# Tolerance for counts that are sums of fractions.
_ROUNDING = 1e-9


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


@dataclasses.dataclass(frozen=True)
class ResidualInterval:
    """The interval around a new prediction that held-out errors justify; plain values, so that JSON can hold it.

    `halfwidth` is None where there were too few subjects for `level`: then the interval is the whole scale, from `low`
    to `high` (None: the scale has no known end there). `out_of_fold`: the errors are those of other models, each of
    which knew a part of the sessions, while the one that predicts knew them all; then `level` is approximate.
    """

    level: float
    halfwidth: float | None
    low: float | None
    high: float | None
    sessions: int
    subjects: int
    out_of_fold: bool = False

    def around(self, prediction: float) -> tuple[float | None, float | None]:
        """(lower, upper) end for one prediction, clipped to the scale; None where no end is known."""
        if self.halfwidth is None:
            return self.low, self.high
        low = -math.inf if self.low is None else self.low
        high = math.inf if self.high is None else self.high
        ends = prediction - self.halfwidth, prediction + self.halfwidth
        return tuple(min(max(end, low), high) for end in ends)

    @property
    def explanation(self) -> str:
        """How the interval was made, in words."""
        held_out = counted(self.sessions, self.subjects)
        if self.halfwidth is None:
            return (
                f"the whole scale: {held_out} held out, too few for {self.level:.0%}, which needs "
                f"{_least_subjects(self.level)} subjects"
            )
        if self.out_of_fold:
            return (
                f"approximate {self.level:.0%}: the prediction +- {self.halfwidth:.4g}, from the absolute errors on "
                f"{held_out}, each made by a model of the other folds, while this model has seen all of them; clipped "
                "to the scale; not valid outside the population of this corpus"
            )
        return (
            f"{self.level:.0%} split-conformal: the prediction +- {self.halfwidth:.4g}, from the absolute errors on "
            f"{held_out} held out, clipped to the scale; not valid outside the population of this corpus"
        )


def residual_interval(
    residuals: np.ndarray,
    level: float = 0.9,
    low: float | None = None,
    high: float | None = None,
    subject: np.ndarray | None = None,
    session: np.ndarray | None = None,
    out_of_fold: bool = False,
) -> ResidualInterval:
    """Split-conformal half-width from (N,) held-out residuals, with the (n + 1) correction of finite samples.

    The half-width is the smallest absolute residual r such that the residuals up to r weigh at least level x (n + 1),
    n being the subjects: every subject weighs 1, shared by its sessions, because what must resemble the new person are
    people, not recordings. With one session a subject (the default) this is the textbook rule, the
    ceil(level x (n + 1))-th smallest. Sources: Lei et al. 2018, "Distribution-free predictive inference for
    regression"; for repeated sessions Dunn et al. 2022, "Distribution-free prediction sets for two-layer hierarchical
    models" (pooling CDFs). `session` (N,) tells how many sessions the residuals are of; each is one where it is None.
    `out_of_fold`: see `ResidualInterval`.

    Raises ValueError where a residual is not finite.
    """
    errors = np.abs(np.asarray(residuals, np.float64))
    if not np.isfinite(errors).all():
        raise ValueError("residuals must be finite")
    subject = np.arange(len(errors)) if subject is None else subject
    _, index, sessions = np.unique(subject, return_inverse=True, return_counts=True)
    order = np.argsort(errors, kind="stable")
    weight_up_to = np.cumsum(1 / sessions[index[order]])
    reached = np.flatnonzero(weight_up_to >= level * (len(sessions) + 1) - _ROUNDING)
    halfwidth = float(errors[order[reached[0]]]) if len(reached) else None
    number = len(errors) if session is None else len(np.unique(session))
    return ResidualInterval(level, halfwidth, low, high, number, len(sessions), out_of_fold)


def _least_subjects(level: float) -> int:
    return math.ceil(level / (1 - level) - _ROUNDING)
