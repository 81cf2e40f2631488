"""How much a trained model's error depends on a part of its input: effects with interval and p, from predictions alone.

This shows what this model relies on, not what a cue is worth: another training may lean on another cue that says the
same, and a model cannot be asked for what it has not learned.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mccl_jax.evaluation.comparison import holm, paired_test
from mccl_jax.evaluation.scoring import or_none
from mccl_jax.insight.scores import POSITIVE, Rows

Effect = dict[str, Any]


def effect(rows: Rows, true: np.ndarray, predicted: np.ndarray, hidden: np.ndarray) -> Effect:
    """MAE with the part hidden less MAE as it is, above 0 where hiding hurts; (N,) predictions of the same sessions.

    With an interval over subjects, the two-sided p of a sign-flip test over subjects, and the mean absolute change of
    the prediction: a model may change its mind without getting worse.
    """
    errors = np.abs(hidden - true), np.abs(predicted - true)
    return {
        **rows.mean(errors[0] - errors[1]),
        "p": or_none(paired_test(*errors, rows.subject, rows.once, rows.resamples, rows.seed)),
        "change": rows.mean(np.abs(hidden - predicted), POSITIVE),
    }


def swap(rows: Rows, true: np.ndarray, predicted: np.ndarray, swapped: np.ndarray, own: np.ndarray) -> Effect:
    """The same where a cue comes from another person: `swapped` (P, N) predictions under P exchanges of people.

    `own` (P, N) bool: the cue came from the same person, by chance; such are left out of the effect, which is the mean
    over all others. They are part of the null: the MAE under each exchange. Were it of no matter whose cue it is, what
    was seen would be one exchange of them all; `p` is the share of them whose MAE is as low or lower, and `null` has
    their mean and 95 % range. It is exact where the cue depends on nothing else that the model sees or predicts.
    """
    as_it_is = np.abs(predicted - true)
    errors = np.abs(swapped - true)
    times = np.maximum((~own).sum(axis=0), 1)
    worse = np.where(own, 0, errors - as_it_is).sum(axis=0) / times
    change = np.where(own, 0, np.abs(swapped - predicted)).sum(axis=0) / times
    if len(rows) == 0:
        return {**rows.mean(worse), "p": None, "change": rows.mean(change, POSITIVE), "null": None}
    mae = (errors @ rows.once) / rows.once.sum()
    seen = float(as_it_is @ rows.once / rows.once.sum())
    return {
        **rows.mean(worse),
        "p": float((1 + (mae <= seen * (1 + 1e-12)).sum()) / (1 + len(mae))),
        "change": rows.mean(change, POSITIVE),
        "null": {**null_range(mae), "seen": seen, "exchanges": len(mae)},
    }


def beside_random(found: Effect, rows: Rows, true: np.ndarray, predicted: np.ndarray, others: np.ndarray) -> Effect:
    """`found` beside hiding as many points drawn at random: `others` (D, N) predictions, D draws.

    `share` of the draws whose effect is as large or larger.
    """
    effects = ((np.abs(others - true) - np.abs(predicted - true)) @ rows.once) / max(rows.once.sum(), 1)
    if found["estimate"] is None:
        return found
    share = float((effects >= found["estimate"]).mean())
    return {**found, "random": {**null_range(effects), "draws": len(effects), "share": share}}


def adjusted(family: Mapping[str, Effect]) -> dict[str, Effect]:
    """Each with `p_holm`: its p, adjusted for being one of so many."""
    values = holm([np.nan if one["p"] is None else one["p"] for one in family.values()])
    return {name: {**one, "p_holm": or_none(p)} for (name, one), p in zip(family.items(), values, strict=True)}


def null_range(values: Sequence[float] | np.ndarray) -> dict[str, float | None]:
    """Mean and 95 % range of what was seen under a null."""
    values = np.asarray(values)[np.isfinite(values)]
    lower, upper = np.quantile(values, [0.025, 0.975]) if len(values) else (np.nan, np.nan)
    mean = values.mean() if len(values) else np.nan
    return {"mean": or_none(mean), "lower": or_none(lower), "upper": or_none(upper)}
