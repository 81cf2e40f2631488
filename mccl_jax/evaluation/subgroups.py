"""Who a model is wrong for: its errors within parts of the reported sessions."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from mccl_jax.evaluation.conformal import left_out_coverage
from mccl_jax.evaluation.described import Described
from mccl_jax.evaluation.options import Options
from mccl_jax.evaluation.pooled import Pooled

# Of fewer people nothing is said: a mean of theirs is all but one person's.
LEAST_SUBJECTS = 5
# Of PHQ-8 and PHQ-9; the words are those of the questionnaire's manual (Kroenke et al. 2001, 2009).
BANDS = ((0, "0 to 4, none or minimal"), (5, "5 to 9, mild"), (10, "10 to 14, moderate"))
BANDS += ((15, "15 to 19, moderately severe"), (20, "20 and more, severe"))
PHQ = ((0.0, 24.0), (0.0, 27.0))
# Labels that divide the sessions where a corpus has them.
_LABELS = ("gender", "interviewer")


def subgroups(pooled: Pooled, described: Described | None, predicted: np.ndarray) -> list[dict[str, Any]]:
    """The errors of `predicted` (R,), within each part, beside the train mean's on the same sessions.

    By severity, gender, interviewer, length and tracking quality, as far as these are known. A part has its counts, the
    errors of both, the mean of predicted - true, and the share of its sessions that lie within the prediction
    intervals; nothing but counts and a reason where it has fewer than `LEAST_SUBJECTS` people.
    """
    found = []
    for by, values in _divisions(pooled, described):
        for name in _in_order(by, values[pooled.known], pooled.target[pooled.known]):
            which = values == name
            rows = pooled.known & which
            sessions = pooled.scored(which)
            part = {"by": by, "name": str(name), "counts": sessions.counts, "suppressed": None}
            if sessions.counts["n_subjects"] < LEAST_SUBJECTS:
                part["suppressed"] = f"fewer than {LEAST_SUBJECTS} people"
                found.append(part | {"predictors": None, "bias": None, "coverage": None})
                continue
            mean = pooled.baselines["train_mean"]
            found.append(
                part
                | {
                    "predictors": {
                        "model": sessions.errors(predicted[rows]),
                        "train_mean": sessions.errors(mean[rows]),
                    },
                    "bias": sessions.bias(predicted[rows]),
                    "coverage": coverage(pooled, predicted, pooled.options, which),
                }
            )
    return found


def coverage(
    pooled: Pooled, predicted: np.ndarray, options: Options, which: np.ndarray | None = None
) -> list[dict[str, float]]:
    """How many of the sessions that `which` (R,) selects lie within the interval of each level.

    Each session by an interval from the errors on all other subjects.
    """
    known = pooled.known
    part = np.ones(known.sum(), bool) if which is None else which[known]
    residuals = pooled.target[known] - predicted[known]
    found = []
    for level in options.prediction_levels:
        covered = left_out_coverage(residuals, level, pooled.subject[known], pooled.session[known])[part]
        _, index, times = np.unique(pooled.session[known][part], return_inverse=True, return_counts=True)
        share = float(np.average(covered, weights=1 / times[index])) if len(covered) else None
        found.append({"level": level, "share": share})
    return found


def severity_bands(target: np.ndarray, low: float | None, high: float | None) -> np.ndarray:
    """(R,) str: the band of each target, of the questionnaire where the scale is its; else thirds of the targets."""
    if (low, high) in PHQ:
        begins = np.array([begin for begin, _ in BANDS])
        names = np.array([name for _, name in BANDS])
        return np.where(np.isfinite(target), names[np.searchsorted(begins, np.nan_to_num(target), "right") - 1], "")
    known = target[np.isfinite(target)]
    first, second = np.quantile(known, [1 / 3, 2 / 3]) if len(known) else (0.0, 0.0)
    names = np.array([f"up to {first:.3g}", f"up to {second:.3g}", f"above {second:.3g}"])
    third = (target > first).astype(int) + (target > second)
    return np.where(np.isfinite(target), names[third], "")


def _divisions(pooled: Pooled, described: Described | None) -> Iterator[tuple[str, np.ndarray]]:
    """What the sessions are divided by -> (R,) str, "" where it is unknown; only what divides them."""
    options = pooled.options
    found = {"severity": severity_bands(pooled.target, options.low, options.high)}
    found |= {name: pooled.labels[name] for name in _LABELS if name in pooled.labels and name != options.group}
    if described is not None:
        here = described.of(pooled.session)
        found["length"] = _halves(here.nuisance["seconds"] / 60, "{:.3g} minutes")
        found["tracking"] = _halves(here.nuisance["failed_share"], "{:.1%} frames failed")
    for by, values in found.items():
        if values.dtype.kind == "U" and len({*values[pooled.known].tolist()} - {""}) > 1:
            yield by, values


def _halves(values: np.ndarray, words: str) -> np.ndarray:
    """(R,) which half of the sessions each is in."""
    middle = np.nanmedian(values) if np.isfinite(values).any() else np.nan
    said = words.format(middle)
    return np.where(np.isfinite(values), np.where(values <= middle, f"at most {said}", f"more than {said}"), "")


def _in_order(by: str, values: np.ndarray, target: np.ndarray) -> list[str]:
    """The parts: bands of severity from below, others as texts are ordered; not those of whom it is unknown."""
    names = sorted({*values.tolist()} - {""})
    return sorted(names, key=lambda name: target[values == name].min()) if by == "severity" else names
