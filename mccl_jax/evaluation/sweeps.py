"""The results of many settings side by side: a pure function of the results of each."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from mccl_jax.evaluation.protocols import NO_DIAGNOSIS

SCHEMA_VERSION = 1
CHOOSING = "The lowest error of a table flatters its setting: who chooses by these sessions must be scored on others."
SEED = "seed"


def side_by_side(
    settings: Mapping[str, Mapping[str, Any]], results: Mapping[str, dict[str, Any]], failed: Mapping[str, str]
) -> dict[str, Any]:
    """What sweep.json holds.

    `settings`: name -> config key -> value. `results`: name -> what its results.json holds, of those that are done.
    `failed`: name -> why. What is in neither is waiting.
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
        "over_seeds": _over_seeds(rows),
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


def _over_seeds(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """MAE of the settings that differ in their seed alone, where these are several: what training itself varies by."""
    groups = {}
    for row in rows:
        if SEED in row["setting"] and row["state"] == "done" and row["metrics"]["mae"]["estimate"] is not None:
            setting = {key: value for key, value in row["setting"].items() if key != SEED}
            groups.setdefault(repr(setting), (setting, []))[1].append(row)
    found = []
    for setting, of_setting in groups.values():
        mae = [row["metrics"]["mae"]["estimate"] for row in of_setting]
        if len(mae) > 1:
            found.append(
                {
                    "setting": setting,
                    "seeds": [row["setting"][SEED] for row in of_setting],
                    "mae": {
                        "mean": statistics.fmean(mae),
                        "standard_deviation": statistics.stdev(mae),
                        "least": min(mae),
                        "most": max(mae),
                    },
                }
            )
    return found
