"""The results of a sweep as plain text: one row a setting."""

from typing import Any

from mccl_jax.evaluation.intervals import counted
from mccl_jax.report.tables import cell, number, rendered, wrapped
from mccl_jax.sweeps import name_of


def sweep_table(sweep: dict[str, Any]) -> str:
    """Renders what `evaluation.sweeps.side_by_side` gives: errors with their intervals beside the baselines'."""
    rows = sweep["settings"]
    done = [row for row in rows if row["state"] == "done"]
    heading = [sweep["simulated_notice"]] if sweep["simulated_notice"] else []
    heading.append(f"Sweep of {len(rows)} settings, {len(done)} of them done{_reported(done)}")
    blocks = ["\n".join(map(wrapped, heading))]
    if done:
        blocks.append(_scores(done))
    if sweep["over_seeds"]:
        blocks += ["MAE over seeds", _seeds(sweep["over_seeds"])]
    lines = [f"FAILED: {row['name']}: {row['why']}" for row in rows if row["state"] == "failed"]
    if waiting := [row["name"] for row in rows if row["state"] == "waiting"]:
        lines.append(f"waiting: {', '.join(waiting)}")
    if done:
        intervals = done[0]["intervals"]
        lines += [
            f"[ ]: {intervals['level']:.0%} interval, {intervals['type']}; covers {intervals['covers']}.",
            "MAE - better: the difference to the better of train mean and train median on the same sessions; below 0 "
            "is better than either.",
            sweep["choosing"],
        ]
    blocks.append("\n".join(wrapped(line, "  ") for line in [*lines, sweep["notice"]]))
    return "\n\n".join(blocks) + "\n"


def _reported(done: list[dict[str, Any]]) -> str:
    """Of what and of whom the scores are, where it is the same for all settings."""
    said = {
        f": {row['target']}, protocol {row['primary']['protocol']}, {row['primary']['regressor']}; reported "
        f"({row['reported_split']}) {counted(row['counts']['n_sessions'], row['counts']['n_subjects'])}"
        for row in done
    }
    return said.pop() if len(said) == 1 else ""


def _scores(done: list[dict[str, Any]]) -> str:
    columns = {
        "": [row["name"] for row in done],
        "regressor": [row["primary"]["regressor"] for row in done],
        "n": [str(row["counts"]["n_sessions"]) for row in done],
        "MAE": [cell(row["metrics"]["mae"]) for row in done],
        "MAE - better": [cell(row["difference_to_baseline"]) for row in done],
        "train mean": [_estimate(row["baselines"]["train_mean"]) for row in done],
        "train median": [_estimate(row["baselines"]["train_median"]) for row in done],
        "CCC": [cell(row["metrics"]["ccc"]) for row in done],
    }
    if len({*columns["regressor"]}) == 1:  # stands in the heading
        del columns["regressor"]
    return rendered(columns, left=("", "regressor"))


def _seeds(groups: list[dict[str, Any]]) -> str:
    mae = [group["mae"] for group in groups]
    return rendered(
        {
            "": [name_of(group["setting"]) if group["setting"] else "the config" for group in groups],
            "seeds": [str(len(group["seeds"])) for group in groups],
            "mean": [number(one["mean"]) for one in mae],
            "standard deviation": [number(one["standard_deviation"]) for one in mae],
            "range": [f"{number(one['least'])} to {number(one['most'])}" for one in mae],
            "of their mean prediction": [cell(one["averaged"]) if one["averaged"] else "-" for one in groups],
        }
    )


def _estimate(score: dict[str, Any]) -> str:
    return cell(score).partition(" ")[0]
