"""The results of many settings side by side: a pure function of the results of each."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mccl_jax.evaluation.header import NO_DIAGNOSIS
from mccl_jax.evaluation.results import Predictions

SCHEMA_VERSION = 1
CHOOSING = "The lowest error of a table flatters its setting: who chooses by these sessions must be scored on others."
SEED = "seed"
# What repeats a setting and does not change it: the seed of a training, and that of what its folds are drawn by.
SEEDS = {SEED, "data.split_seed"}


def side_by_side(
    settings: Mapping[str, Mapping[str, Any]],
    results: Mapping[str, dict[str, Any]],
    failed: Mapping[str, str],
    predictions: Mapping[str, Predictions] | None = None,
) -> dict[str, Any]:
    """What sweep.json holds.

    `settings`: name -> config key -> value. `results`: name -> what its results.json holds, of those that are done.
    `failed`: name -> why. What is in neither is waiting. `predictions`: name -> those of the done ones, to be averaged
    over seeds; without them that is left out.
    """
    rows = []
    for name, setting in settings.items():
        state = "done" if name in results else "failed" if name in failed else "waiting"
        rows.append(
            {
                "name": name,
                "setting": dict(setting),
                "state": state,
                "why": failed.get(name),
                **(_scores(results[name]) if name in results else {}),
            }
        )
    simulated = [one["simulated_notice"] for one in results.values() if one["simulated"]]
    return {
        "schema_version": SCHEMA_VERSION,
        "notice": NO_DIAGNOSIS,
        "simulated_notice": simulated[0] if simulated else None,
        "choosing": CHOOSING,
        "settings": rows,
        "over_seeds": _over_seeds(rows, results, predictions or {}),
    }


def _scores(results: dict[str, Any]) -> dict[str, Any]:
    """Of the protocol and the regressor that were named before training, and of the two baselines."""
    primary = results["primary"]
    model = results["protocols"][primary["protocol"]]["models"][primary["regressor"]]
    baselines = {name: one["metrics"]["mae"] for name, one in results["baselines"].items()}
    return {
        "primary": primary,
        "target": results["target"]["name"],
        "reported_split": results["reported_split"],
        "counts": results["counts"][results["reported_split"]],
        "intervals": results["intervals"],
        "metrics": model["metrics"],
        "difference_to_baseline": model["difference_to_baseline"],
        "baselines": baselines,
        "verdict": model["verdict"],
    }


def _over_seeds(
    rows: Sequence[dict[str, Any]], results: Mapping[str, dict[str, Any]], predictions: Mapping[str, Predictions]
) -> list[dict[str, Any]]:
    """MAE of the settings that differ in their seeds alone, where these are several: what training itself varies by.

    And the MAE of the mean of their predictions, where all predict the same sessions in the same folds.
    """
    groups = {}
    for row in rows:
        seeded = SEEDS & row["setting"].keys()
        if seeded and row["state"] == "done" and row["metrics"]["mae"]["estimate"] is not None:
            setting = {key: value for key, value in row["setting"].items() if key not in SEEDS}
            groups.setdefault(repr(setting), (setting, []))[1].append(row)
    found = []
    for setting, of_setting in groups.values():
        mae = [row["metrics"]["mae"]["estimate"] for row in of_setting]
        if len(mae) > 1:
            found.append(
                {
                    "setting": setting,
                    "seeds": [
                        {key: value for key, value in row["setting"].items() if key in SEEDS} for row in of_setting
                    ],
                    "mae": {
                        "mean": statistics.fmean(mae),
                        "standard_deviation": statistics.stdev(mae),
                        "least": min(mae),
                        "most": max(mae),
                    },
                    "averaged": _averaged([row["name"] for row in of_setting], results, predictions),
                }
            )
    return found


def _averaged(
    names: Sequence[str], results: Mapping[str, dict[str, Any]], predictions: Mapping[str, Predictions]
) -> dict[str, Any] | None:
    """The MAE of the mean prediction of several; None where they are not of the same sessions, or not known."""
    if not all(name in predictions for name in names):
        return None
    first = predictions[names[0]]
    regressors = {results[name]["primary"]["regressor"] for name in names}
    if len(regressors) > 1 or not all(predictions[name].of_the_same(first) for name in names):
        return None
    known, sessions = first.scored(results[names[0]])
    (regressor,) = regressors
    return sessions.errors(np.mean([predictions[name].by[regressor] for name in names], axis=0)[known])["mae"]
