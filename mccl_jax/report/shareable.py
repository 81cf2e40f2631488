"""What of a report may be given away: nothing of single participants, and nothing of fewer than ten people."""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Any

from mccl_jax.metrics import METRICS
from mccl_jax.report.contents import Contents

LEAST = 10
FEW = f"fewer than {LEAST} people: left out"
TELLS = "left out: the whole less the other parts would tell of few people"
LEFT_OUT = "(left out)"
FAILED = "failed; why is left out, for it may name files"
# Keys of the config that name folders or files, or, as ids of defects do, participants.
_PRIVATE = ("manual_dir", "data_dir", "labels", "corrections", "weights", "official")
# What they are when they name none.
_NAMES_NONE = ("", (), ("all",), "random")
# Counts of people by class, and all by class.
_PEOPLE_OF_CLASSES = {"n_positive_subjects", "n_negative_subjects"}
_OF_CLASSES = {"n_positive", *_PEOPLE_OF_CLASSES}
# A note that counts fewer than ten.
_SMALL = re.compile(r"\b(?:[0-9]|No) (?:\w+ )?(?:session|subject|people|person)")


def shareable(contents: Contents) -> Contents:
    """The same training without rows, names and points of participants, without paths, and without cells under ten.

    A cell under ten is one whose people are fewer than `LEAST`, or that a reader could get by subtracting what is told
    from the whole.
    """
    results, counts = contents.results, contents.counts
    subgroups = {}
    for part in results["subgroups"]:
        subgroups.setdefault(part["by"], []).append(part)
    few = counts["n_subjects"] < LEAST
    without = [] if few else [name for name, metric in METRICS.items() if not metric.of_classes]
    if not few and _both_classes(counts):
        without = [*METRICS]
    results = _told(results, few, without) | {
        "counts": {split: _counts(of_split) for split, of_split in results["counts"].items()},
        "groups": told_parts(results["groups"], counts),
        "folds": told_parts(results["folds"], counts),
        "subgroups": [part for of_one in subgroups.values() for part in told_parts(of_one, counts)],
        "notes": [note for note in results["notes"] if not _SMALL.search(note)],
        "sessions": [],
        "encoders": results["encoders"] if contents.experiment.init.words == "begun at random" else "begun with files",
    }
    config = {
        key: LEFT_OUT if _is_path(value) or (key.rpartition(".")[2] in _PRIVATE and value not in _NAMES_NONE) else value
        for key, value in contents.config.items()
    }
    return dataclasses.replace(
        contents,
        name=contents.experiment.name,
        config=config,
        results=results,
        predictions=[],
        preparation=None,
        embeddings=None,
        insight=None if few else contents.insight,
        ablation=None if few or contents.ablation is None else _without_reasons(contents.ablation),
        shareable=True,
    )


def told_parts(parts: Sequence[Mapping[str, Any]], whole: Mapping[str, int]) -> list[dict[str, Any]]:
    """Parts of the sessions that `whole` counts, those of few people without their scores and counts.

    The whole less the told parts tells of all other sessions, also of those that are in no part because what divides
    them is unknown. Where these may be of fewer than ten people, the next smaller part is left out with them. How many
    they are of is not known, for one person's sessions may lie in several parts; but no fewer than the largest part
    that is left out, nor than those whom the told parts do not have even if nobody is in two. Parts that share sessions
    are all left out: their sums tell of those that they share.
    """
    by_size = sorted(range(len(parts)), key=lambda index: parts[index]["counts"]["n_subjects"])
    people, sessions = ([parts[index]["counts"][key] for index in by_size] for key in ("n_subjects", "n_sessions"))
    if sum(sessions) > whole["n_sessions"]:
        return [_hidden_part(part) for part in parts]
    out = sum(size < LEAST for size in people)
    while out < len(parts) and sum(sessions[out:]) < whole["n_sessions"]:
        if max([whole["n_subjects"] - sum(people[out:]), *people[:out]]) >= LEAST:
            break
        out += 1
    hidden = set(by_size[:out])
    return [_hidden_part(part) if index in hidden else _part(part) for index, part in enumerate(parts)]


def _without_reasons(ablation: Mapping[str, Any]) -> dict[str, Any]:
    """An ablation that does not say why a training failed."""
    return {**ablation, "rows": [{**row, "why": FAILED if row["why"] else None} for row in ablation["rows"]]}


def _part(part: Mapping[str, Any]) -> dict[str, Any]:
    return {**part, "counts": _counts(part["counts"]) | dict.fromkeys(_OF_CLASSES & part["counts"].keys())}


def _hidden_part(part: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **part,
        "counts": dict.fromkeys(part["counts"]),
        "suppressed": FEW if part["counts"]["n_subjects"] < LEAST else TELLS,
        "predictors": None,
        **{key: None for key in ("bias", "coverage") if key in part},
    }


def _counts(counts: Mapping[str, int]) -> dict[str, int | None]:
    """Counts, None in place of those under ten, and of positive sessions where one of the classes is of fewer people.

    Those of the people of each class are never told: they would tell how few are in one class alone.
    """
    told = {key: count if count >= LEAST else None for key, count in counts.items()}
    untold = _PEOPLE_OF_CLASSES if _both_classes(counts) else _OF_CLASSES
    return told | dict.fromkeys(untold & counts.keys())


def _both_classes(counts: Mapping[str, int]) -> bool:
    """Whether it is known that positive and negative sessions are each of ten people or more."""
    return min(counts.get(key, 0) for key in _PEOPLE_OF_CLASSES) >= LEAST


def _told(results: Mapping[str, Any], few: bool, metrics: Sequence[str]) -> dict[str, Any]:
    """Results with the scores of these metrics alone; of `few` people nothing is said at all."""

    def scores(of_one):
        return {name: score if name in metrics else _hidden(score) for name, score in of_one.items()}

    def model(of_one):
        hidden = {"difference_to_baseline": _hidden(of_one["difference_to_baseline"]), "verdict": FEW} if few else {}
        return {**of_one, "metrics": scores(of_one["metrics"]), **hidden}

    told = {
        **results,
        "baselines": {name: {**one, "metrics": scores(one["metrics"])} for name, one in results["baselines"].items()},
        "protocols": {
            name: {**protocol, "models": {which: model(one) for which, one in protocol["models"].items()}}
            for name, protocol in results["protocols"].items()
        },
    }
    if few:
        curve = [{**entry, "mae": dict.fromkeys(entry["mae"])} for entry in results["curve"]]
        told |= {"verdict": FEW, "curve": curve, "comparisons": [], "prediction_intervals": {}}
    return told


def _hidden(score: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: score[key] for key in ("metric", "baseline") if key in score}
    ends = dict.fromkeys(("estimate", "lower", "upper", "n_sessions", "n_subjects", "undefined_resamples"))
    return {**kept, **ends, "reason": FEW}


def _is_path(value: object) -> bool:
    return isinstance(value, str) and ("/" in value or "\\" in value)
