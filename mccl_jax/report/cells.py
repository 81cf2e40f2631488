"""Numbers as the tables of a report show them, and why one is missing."""

from collections.abc import Mapping
from typing import Any

from mccl_jax.evaluation.intervals import counted
from mccl_jax.evaluation.scoring import p_value
from mccl_jax.metrics import METRICS
from mccl_jax.report.markup import Markup, joined, tag
from mccl_jax.report.tables import number

# What a training makes small, by train.objective; losses.py, which names these, would load JAX.
LOSSES = {"contrastive": "contrastive loss", "severity": "squared error of severity"}


def score(of_one: Mapping[str, Any]) -> Markup:
    """A score with its interval, and with what chance alone would give where that is known."""
    if of_one["estimate"] is None:
        return Markup("-")
    if of_one["lower"] is None:
        return tag("span", number(of_one["estimate"]), class_="nowrap")
    interval = f"[{number(of_one['lower'])}, {number(of_one['upper'])}]"
    p = [p_value(of_one["p"])] if of_one.get("p") is not None else []
    p += [f"corrected {p_value(of_one['p_adjusted'])}"] if of_one.get("p_adjusted") is not None else []
    return joined(
        [
            f"{number(of_one['estimate'])} ",
            tag("span", interval, class_="interval"),
            tag("span", f" {', '.join(p)}", class_="interval") if p else None,
        ]
    )


def people(counts: Mapping[str, int | None]) -> str:
    """The n of a number."""
    if counts["n_subjects"] is None or counts["n_sessions"] is None:
        return "fewer than 10 people"
    return counted(counts["n_sessions"], counts["n_subjects"])


def known(count: int | None) -> str:
    """A count, or that it is left out: it is too small, or would tell of one that is."""
    return "left out" if count is None else str(count)


def readable(name: str) -> str:
    return name.replace("_", " ")


def by_chance(null: Mapping[str, float] | None) -> object:
    """Where a metric lies if predictions have nothing to do with whom they are of."""
    if null is None:
        return ""
    ends = f"{number(null['lower'])} to {number(null['upper'])}"
    return joined([ends, " ", tag("span", p_value(null["p"]), class_="interval")])


def label_of(key: str) -> str:
    return METRICS[key].label if key in METRICS else key.replace("mae_minus_", "MAE minus ").replace("_", " ") + "'s"


def reasons(rows: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> list[str]:
    """Why scores or intervals are missing, a line for each reason and set of rows."""
    names: dict[tuple[str, str], list[str]] = {}
    for row, of_row in rows.items():
        for key, of_one in of_row.items():
            if of_one["reason"]:
                names.setdefault((label_of(key), of_one["reason"]), []).append(row)
    labels: dict[tuple[str, str], list[str]] = {}
    for (label, reason), which in names.items():
        labels.setdefault(("" if len(which) == len(rows) else f" of {', '.join(which)}", reason), []).append(label)
    return [
        f"No value or no interval for {', '.join(of_one)}{who}: {reason}." for (who, reason), of_one in labels.items()
    ]
