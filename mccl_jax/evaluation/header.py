"""What stands around the scores in results.json: what is reported, of how many, and what to know besides."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from mccl_jax.evaluation.comparison import TESTS
from mccl_jax.evaluation.held_out import HeldOut
from mccl_jax.evaluation.intervals import TYPE
from mccl_jax.evaluation.options import Options
from mccl_jax.evaluation.pooled import Pooled
from mccl_jax.evaluation.scoring import POWER, ScoredSessions

SCHEMA_VERSION = 4
NO_DIAGNOSIS = "Research software, not a diagnostic device: no number here is a diagnosis of anybody."
SIMULATED = "SIMULATED data: these numbers say nothing about real people."
# Below this many subjects an interval is too narrow to be taken at its word.
_FEW_SUBJECTS = 20


def header_of(options: Options) -> dict[str, Any]:
    return {
        "schema_version": SCHEMA_VERSION,
        "notice": NO_DIAGNOSIS,
        "simulated": options.simulated,
        "simulated_notice": SIMULATED if options.simulated else None,
        "target": {
            "name": options.target,
            "low": options.low,
            "high": options.high,
            "threshold": options.threshold,
            "positive": options.positive or None,
            "group": options.group or None,
        },
        "corpora": None,
        "encoders": None,
        "changed_after_training": [],
        "reported_split": options.reported_split,
        "primary": {"protocol": "last", "regressor": options.primary},
        "intervals": {
            "type": TYPE,
            "level": options.level,
            "covers": "chance in who is in the reported split; training variance excluded",
        },
        "tests": {**TESTS, "power": POWER, "resamples": options.resamples, "seed": options.seed},
    }


def counts_of(held_out: Sequence[HeldOut], sessions: ScoredSessions, options: Options) -> dict[str, dict[str, int]]:
    """Train (without folds; with folds a range over them) and reported."""
    train = [ScoredSessions(one.train.target, one.train.subject).counts for one in held_out]
    if len(held_out) == 1:
        of_train = train[0]
    else:
        of_train = {
            f"{end}_{name}": int(pick(one[name] for one in train))
            for name in ("n_sessions", "n_subjects")
            for end, pick in (("fewest", min), ("most", max))
        }
    return {"train": of_train, options.reported_split: sessions.counts}


def notes_of(held_out: Sequence[HeldOut], pooled: Pooled, sessions: ScoredSessions, options: Options) -> list[str]:
    """What a reader of the numbers must know besides them."""
    notes = []
    several = len(held_out) > 1
    if several:
        notes.append(
            f"Scores are over the out-of-fold predictions of {len(held_out)} folds. CCC, Pearson and AUROC compare "
            "sessions of the same fold only: pooled, even the train means would seem to order them."
        )
    if len(pooled.tested_twice):
        notes.append(
            f"The folds overlap: {len(pooled.tested_twice)} sessions are tested in several; each counts once in all, "
            "its predictions sharing the weight."
        )
    if options.group:
        notes.append(f"group mean: the train mean of each session's {options.group}, which the models are not told.")
        if len(values := np.unique(pooled.group)) == 1:
            notes.append(
                f"All reported sessions have {options.group} {values[0]}: the errors within it are those above."
            )
    if options.positive:
        called = (
            f"; called so at a prediction of {options.threshold:g} or more" if options.threshold is not None else ""
        )
        notes.append(f"Positive is who has {options.positive} 1 in the labels{called}.")
    if held_out[0].reported.has_output:
        notes.append(
            "network: what the network itself says, trained on severity; the regressors are fitted on its embeddings."
        )
    unknown_train = max(one.unknown_train for one in held_out)
    unknown_reported = len(np.unique(pooled.session[~pooled.known]))
    if unknown_train:
        notes.append(f"{unknown_train} train sessions have no known target: the regressors were fitted without them.")
    if unknown_reported:
        notes.append(f"{unknown_reported} reported sessions have no known target: predicted, but not scored.")
    if all(np.ptp(one.train.target) == 0 for one in held_out):
        notes.append("All training targets are equal: there was nothing to learn.")
    if sessions.counts.get("n_positive") == 0:
        by_threshold = f"is at or above the threshold {options.threshold or 0:g}"
        what = f"has {options.positive} 1" if options.positive else by_threshold
        notes.append(f"No reported session {what}.")
    subjects = sessions.counts["n_subjects"]
    if 2 <= subjects < _FEW_SUBJECTS:
        notes.append(f"Only {subjects} subjects were scored: the intervals are narrower than they should be.")
    elif several or options.group:
        notes.append(f"Intervals of folds and groups below {_FEW_SUBJECTS} subjects are narrower than they should be.")
    return notes
