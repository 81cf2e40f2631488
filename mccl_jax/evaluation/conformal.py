"""The interval around one prediction that held-out errors justify, and how often such intervals hold."""

import dataclasses
import math

import numpy as np

from mccl_jax.evaluation.intervals import counted

# Tolerance for counts that are sums of fractions.
_ROUNDING = 1e-9


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


def left_out_coverage(
    residuals: np.ndarray, level: float, subject: np.ndarray, session: np.ndarray | None = None
) -> np.ndarray:
    """(N,) bool: whether each session lies within the interval that the errors on all other subjects justify.

    How often intervals of this kind hold, measured without using a session for its own. True where too few others are
    left, so that the interval is the whole scale.
    """
    errors, covered = np.abs(np.asarray(residuals, np.float64)), np.ones(len(residuals), bool)
    for one in np.unique(subject):
        here = subject == one
        of_others = residual_interval(
            errors[~here], level, subject=subject[~here], session=None if session is None else session[~here]
        )
        if of_others.halfwidth is not None:
            covered[here] = errors[here] <= of_others.halfwidth
    return covered


def _least_subjects(level: float) -> int:
    return math.ceil(level / (1 - level) - _ROUNDING)
