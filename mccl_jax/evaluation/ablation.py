"""Variants of a model against their parent: a pure function of the results and the predictions of each.

Compared are the headline regressor's predictions for the same sessions, in the same folds, of trainings of equal seed.

With folds a difference is taken in each fold, meaned over the seeds, and its interval and p are those of the corrected
resampled t test: trainings on other people are among what is compared. (Seeds are meaned because they train and test on
the same people: taken for folds of their own they would make five folds look like fifteen.) Without folds the reported
sessions are the same in all trainings, whatever their seed: interval and p are over subjects, as everywhere
(`ScoredSessions.difference`), of what is meaned over the seeds, and by how much the seeds differ stands beside them.
All p of a table are one family, which Holm's correction is for; baselines are no members of it.
"""

import dataclasses
import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mccl_jax.ablations import PARENT, Variant
from mccl_jax.evaluation.comparison import TESTS, detectable, holm, nadeau_bengio
from mccl_jax.evaluation.header import NO_DIAGNOSIS
from mccl_jax.evaluation.intervals import counted
from mccl_jax.evaluation.results import Predictions
from mccl_jax.evaluation.scoring import POWER, ScoredSessions, or_none
from mccl_jax.metrics import METRICS
from mccl_jax.regressors import Network

SCHEMA_VERSION = 1
COMPARED = ("mae", "ccc")


@dataclasses.dataclass(frozen=True)
class Trained:
    """One finished setting: what its results.json and its predictions.csv hold."""

    results: Mapping[str, Any]
    predictions: Predictions


def against_parent(
    grid: str,
    variants: Sequence[Variant],
    trained: Mapping[str, Mapping[int, Trained]],
    failed: Mapping[str, Mapping[int, str]],
    seeds: Sequence[int],
) -> dict[str, Any]:
    """What ablation.json holds.

    `trained`: name of a variant, or of the parent -> seed -> what is done of it. `failed`: name -> seed -> why. What is
    in neither is waiting. Rows: the parent, the variants, and the parent's baselines.
    """
    parents = trained.get(PARENT, {})
    table = {
        "schema_version": SCHEMA_VERSION,
        "notice": NO_DIAGNOSIS,
        "simulated_notice": None,
        "grid": grid,
        "seeds": list(seeds),
        "rows": [],
    }
    one = next(iter(parents.values()), None)
    asked = [Variant(PARENT, "the config as it stands"), *variants]
    if one is None:
        return table | {"rows": [_unfinished(variant, failed.get(variant.name, {})) for variant in asked]}
    primary = one.results["primary"]["regressor"]
    sessions = one.predictions.scored(one.results)
    rows = []
    for variant in asked:
        source = trained.get(PARENT if variant.reads else variant.name, {})
        column = variant.reads or primary
        done = {seed: of for seed, of in source.items() if seed in parents and column in of.predictions.by}
        if not done:
            why = failed.get(variant.name, {}) or ({0: _UNREAD} if variant.reads else {})
            rows.append(_unfinished(variant, why))
            continue
        rows.append(_row(variant, column, done, parents, primary, sessions, failed.get(variant.name, {})))
        if not variant.reads and all(Network.name in of.predictions.by for of in done.values()):
            own = Variant(f"{variant.name}, output", "what the network itself says", variant.setting)
            rows.append(_row(own, Network.name, done, parents, primary, sessions, {}))
    family = _correct(rows)
    for name, of in one.results["baselines"].items():
        if name not in [variant.reads for variant in variants]:
            baseline = Variant(name.replace("_", " "), of["description"])
            rows.append(_row(baseline, name, parents, parents, primary, sessions, {}, "baseline"))
    return table | _said(one, primary, parents, sessions, family) | {"rows": rows}


_UNREAD = "the parent's workdir has no embeddings of the encoder before its training: remove the parent to train anew"


def _unfinished(variant: Variant, why: Mapping[int, str]) -> dict[str, Any]:
    return {
        "name": variant.name,
        "kind": PARENT if variant.name == PARENT else "variant",
        "what": variant.what,
        "setting": dict(variant.setting),
        "state": "failed" if why else "waiting",
        "why": next(iter(why.values()), None),
        "seeds": [],
    }


def _row(
    variant: Variant,
    column: str,
    done: Mapping[int, Trained],
    parents: Mapping[int, Trained],
    primary: str,
    scored: tuple[np.ndarray, ScoredSessions],
    failed: Mapping[int, str],
    kind: str = "variant",
) -> dict[str, Any]:
    """Scores of one variant and its differences to the parent, over the seeds that both have."""
    known, sessions = scored
    row = _unfinished(variant, failed)
    row |= {"kind": PARENT if variant.name == PARENT else kind}
    seeds = sorted(done)
    if wrong := [seed for seed in seeds if not done[seed].predictions.of_the_same(parents[seed].predictions)]:
        return row | {"state": "failed", "why": f"was scored on other sessions than the parent (seed {wrong[0]})"}
    mine = [done[seed].predictions.by[column][known] for seed in seeds]
    others = [parents[seed].predictions.by[primary][known] for seed in seeds]
    row |= {
        "state": "done",
        "why": next((f"seed {seed}: {why}" for seed, why in failed.items()), None),
        "seeds": seeds,
        "metrics": {name: sessions.mean(name, mine) for name in COMPARED},
    }
    if row["kind"] == PARENT:
        return row
    of_seeds = [sessions.mae(a) - sessions.mae(b) for a, b in zip(mine, others, strict=True)]
    return row | {
        "difference": {name: _difference(name, mine, others, parents[seeds[0]], sessions) for name in COMPARED},
        "over_seeds": statistics.stdev(of_seeds) if len(of_seeds) > 1 else None,
    }


def _difference(
    name: str,
    mine: Sequence[np.ndarray],
    others: Sequence[np.ndarray],
    parent: Trained,
    sessions: ScoredSessions,
) -> dict[str, Any]:
    """What `ScoredSessions.difference` gives, of the corrected resampled t test where there are folds."""
    folds = np.unique(sessions.fold)
    if len(folds) == 1:
        return sessions.difference(name, mine, others)
    found, tested = [], []
    for fold in folds:
        rows = sessions.fold == fold
        of_seeds = [
            METRICS[name](sessions.true[rows], a[rows]) - METRICS[name](sessions.true[rows], b[rows])
            for a, b in zip(mine, others, strict=True)
        ]
        found.append(np.mean(of_seeds))
        tested.append(len(np.unique(sessions.subject[rows])))
    finite = np.isfinite(found)
    trained = parent.results["counts"]["train"]["fewest_n_subjects"]
    compared = nadeau_bengio(np.array(found)[finite], trained, np.array(tested)[finite], sessions.level)
    reason = None if math.isfinite(compared.lower) else "fewer than two folds in which it is defined, or all alike"
    # By the normal law, so that the t interval of few folds gives a larger one than it has.
    error = (compared.upper - compared.lower) / 2 / statistics.NormalDist().inv_cdf((1 + sessions.level) / 2)
    return {
        **{end: or_none(getattr(compared, end)) for end in ("estimate", "lower", "upper")},
        **_n(sessions),
        "undefined_resamples": 0,
        "reason": reason,
        "p": or_none(compared.p),
        "detectable": or_none(detectable(error, sessions.level, POWER)),
    }


def _correct(rows: Sequence[Mapping[str, Any]]) -> int:
    """Holm's correction, as `p_adjusted`, over MAE's differences of all variants that were compared; how many."""
    family = [row["difference"]["mae"] for row in rows if "difference" in row]
    family = [difference for difference in family if difference["p"] is not None]
    for difference, p in zip(family, holm([difference["p"] for difference in family]), strict=True):
        difference["p_adjusted"] = p
    return len(family)


def _said(
    one: Trained,
    primary: str,
    parents: Mapping[int, Trained],
    scored: tuple[np.ndarray, ScoredSessions],
    family: int,
) -> dict[str, Any]:
    """What stands around the rows."""
    _, sessions = scored
    results, folds, several = one.results, len(np.unique(sessions.fold)), len(parents) > 1
    n = counted(**{name.removeprefix("n_"): number for name, number in _n(sessions).items()})
    if folds > 1:
        method = (
            f"the mean over {folds} folds{', of each the mean over the seeds' if several else ''}; corrected resampled "
            "t test (Nadeau and Bengio)"
        )
        covers = "what trainings on other people of this corpus vary by"
        covers += f"; that of seeds alone is {'meaned out in part' if several else 'not told apart'}"
    else:
        method = f"{results['intervals']['type']}; p {TESTS['difference']}{_OVER_SEEDS if several else ''}"
        covers = f"chance in who is reported; training variance {_PARTLY if several else 'excluded'}"
    return {
        "simulated_notice": results["simulated_notice"],
        "target": results["target"]["name"],
        "primary": {"protocol": results["primary"]["protocol"], "regressor": primary},
        "reported_split": results["reported_split"],
        "counts": _n(sessions),
        "intervals": {
            "level": sessions.level,
            "of_scores": results["intervals"]["type"],
            "of_differences": method,
            "covers": covers,
        },
        "family": {"size": family, "correction": "Holm", "of": "the p of MAE's differences of all variants here"},
        "power": POWER,
        "about": (
            f"A row is about this corpus and these {n}, with this config around it: that a part changes nothing here "
            "does not make it useless elsewhere, nor is a difference here one on other corpora."
        ),
    }


_OVER_SEEDS = ", of errors that are meaned over the seeds"
_PARTLY = "in as far as it is the difference over seeds, whose standard deviation stands beside it"


def _n(sessions: ScoredSessions) -> dict[str, int]:
    return {name: sessions.counts[name] for name in ("n_sessions", "n_subjects")}
