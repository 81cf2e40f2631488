"""Whether two predictors differ: tests for the same trainings and for retrained variants, families of them, and power.

All are pure functions of losses or scores. Negative differences are in favour of the first of the two where a loss is
compared.
"""

import dataclasses
import math
import statistics
from collections.abc import Callable, Sequence

import numpy as np

# The tests in words, as results.json names them.
TESTS = {
    "difference": "two-sided, by sign flips over subjects",
    "chance": "one-sided, by predictions dealt anew among the subjects of each fold",
    "family": "Holm, over the comparisons of the headline regressor with the baselines; its verdict is not corrected",
}
# Below this share of their size two sums are equal: signs in another order give another rounding.
_ROUNDING = 1e-12


@dataclasses.dataclass(frozen=True)
class Comparison:
    """A mean difference with the ends of its interval and the two-sided p of no difference; NaN where there is none."""

    estimate: float
    lower: float
    upper: float
    p: float


def nadeau_bengio(
    differences: np.ndarray, n_train: np.ndarray | float, n_test: np.ndarray | float, level: float = 0.95
) -> Comparison:
    """Two variants, each trained anew in J folds: the corrected resampled t test.

    `differences` (J,) of the scores of the two in the same fold, where there are several seeds meaned over them;
    `n_train`, `n_test`: how many subjects each training knew and was tested on, (J,) or one number for all. Folds share
    training data, so their differences vary less than those of independent trainings would: the variance of the mean is
    taken as (1 / J + n_test / n_train) of that of the differences instead of 1 / J of it. With it, unlike with an
    interval over subjects, what training itself varies by is in the interval. Source: Nadeau and Bengio 2003,
    "Inference for the generalization error".

    There is neither interval nor p where J is below 2, or where all differences are one number other than 0. Raises
    ValueError where a difference is not finite or a size is not above 0.
    """
    from scipy.special import stdtr, stdtrit  # slow to import, and needed only here

    differences = np.asarray(differences, np.float64)
    n_train, n_test = (np.broadcast_to(np.asarray(size, np.float64), differences.shape) for size in (n_train, n_test))
    if not np.isfinite(differences).all():
        raise ValueError("differences must be finite")
    if not ((n_train > 0).all() and (n_test > 0).all()):
        raise ValueError("each training must have been trained and tested on somebody")
    number = len(differences)
    if number == 0:
        return Comparison(math.nan, math.nan, math.nan, math.nan)
    estimate = float(differences.mean())
    if number == 1:
        return Comparison(estimate, math.nan, math.nan, math.nan)
    if np.ptp(differences) == 0:
        return Comparison(0.0, 0.0, 0.0, 1.0) if estimate == 0 else Comparison(estimate, math.nan, math.nan, math.nan)
    error = math.sqrt(differences.var(ddof=1) * (1 / number + float((n_test / n_train).mean())))
    half = float(stdtrit(number - 1, (1 + level) / 2)) * error
    p = 2 * float(stdtr(number - 1, -abs(estimate) / error))
    return Comparison(estimate, estimate - half, estimate + half, p)


def paired_test(
    loss_a: np.ndarray,
    loss_b: np.ndarray,
    subject: np.ndarray,
    once: np.ndarray | None = None,
    resamples: int = 2000,
    seed: int = 0,
) -> float:
    """Two predictors of the same N sessions, one training each: the two-sided p of equal mean losses.

    A sign-flip permutation test over subjects. Were the two alike, their names could be exchanged within any subject,
    all sessions of it together; p is the share of exchanges, the one that was seen among them, after which the means
    lie at least as far apart. All exchanges are looked at where they are no more than `resamples`, else so many random
    ones. `once` (N,): how much each row counts, as in `score_interval`. NaN where there is no session. Exact where the
    differences of a subject are as likely in one direction as in the other, and nearly so for unequal tails at some
    tens of subjects. What training varies by is not in it: it is about these two trained predictors. Source: Good 2005,
    "Permutation, Parametric and Bootstrap Tests of Hypotheses".

    Raises ValueError where a loss is not finite.
    """
    difference = np.asarray(loss_a, np.float64) - np.asarray(loss_b, np.float64)
    if not np.isfinite(difference).all():
        raise ValueError("losses must be finite")
    if len(difference) == 0:
        return math.nan
    _, index = np.unique(subject, return_inverse=True)
    of_subject = np.bincount(index, difference if once is None else difference * once)
    number = len(of_subject)
    if all_of_them := 2**number <= resamples:
        signs = 1 - 2 * (np.arange(2**number)[:, None] >> np.arange(number) & 1)
    else:
        signs = np.random.default_rng(seed).integers(0, 2, (resamples, number)) * 2 - 1
    seen = abs(of_subject.sum()) - _ROUNDING * np.abs(of_subject).sum()
    as_far = int((np.abs(signs @ of_subject) >= seen).sum())
    return as_far / len(signs) if all_of_them else (as_far + 1) / (resamples + 1)


def holm(p: Sequence[float]) -> list[float]:
    """The p of a family of tests, adjusted so that all of them together err as rarely as one; in the order given.

    A NaN stays NaN and is no member of the family. Source: Holm 1979, "A simple sequentially rejective multiple test
    procedure".
    """
    tested = sorted((value, at) for at, value in enumerate(p) if not math.isnan(value))
    adjusted, least = [math.nan] * len(p), 0.0
    for rank, (value, at) in enumerate(tested):
        least = max(least, min(1.0, value * (len(tested) - rank)))
        adjusted[at] = least
    return adjusted


def detectable(standard_error: float, level: float = 0.95, power: float = 0.8) -> float:
    """The smallest true difference that a study of this size would find so often, in the units of the standard error.

    "Find": the interval at `level` leaves out 0, in the share `power` of such studies; by the normal law, so for few
    subjects it is a little too small.
    """
    normal = statistics.NormalDist()
    return (normal.inv_cdf((1 + level) / 2) + normal.inv_cdf(power)) * standard_error


@dataclasses.dataclass(frozen=True)
class Chance:
    """Where a score would lie by chance, and the one-sided p: the share of such values at least as high as the one."""

    lower: float
    upper: float
    p: float


def chance(
    score: Callable[[np.ndarray], np.ndarray],
    predicted: np.ndarray,
    subject: np.ndarray,
    fold: np.ndarray,
    level: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> Chance | None:
    """The permutation null of a score of (N,) predictions for which higher is better; None where it has no value.

    Predictions are dealt anew among the subjects of each fold, all that a subject has there together: so a shift
    between folds, or the likeness of a person's sessions, does not pass for agreement. Where subjects have unequal
    numbers of sessions, the predictions for one are repeated, or cut off, to fit the other's: the test is exact only
    where the numbers are equal. `lower` and `upper` hold the share `level` of the values by chance.
    """
    seen = float(score(predicted))
    if not math.isfinite(seen):
        return None
    _, of_fold = np.unique(fold, return_inverse=True)
    _, of_subject = np.unique(subject, return_inverse=True)
    hand = of_fold * len(predicted) + of_subject  # what one subject has in one fold, in the order of the folds
    order = np.argsort(hand, kind="stable")
    _, begin, size = np.unique(hand[order], return_index=True, return_counts=True)
    mine, rng = np.repeat(np.arange(len(size)), size), np.random.default_rng(seed)
    place, in_order = np.arange(len(predicted)) - begin[mine], predicted[order]
    values, dealt = np.empty(resamples), np.empty(len(predicted))
    for i in range(resamples):
        theirs = np.lexsort((rng.random(len(size)), of_fold[order][begin]))[mine]
        dealt[order] = in_order[begin[theirs] + place % size[theirs]]
        values[i] = score(dealt)
    values = values[np.isfinite(values)]
    if len(values) == 0:
        return None
    as_high = int((values >= seen - _ROUNDING).sum())
    lower, upper = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return Chance(float(lower), float(upper), (as_high + 1) / (len(values) + 1))
