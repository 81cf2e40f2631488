"""The section of an ablation: a config and its variants, each trained anew, as ablation.json has them."""

from collections.abc import Mapping
from typing import Any

from mccl_jax.report.cells import score
from mccl_jax.report.markup import Markup, bullets, joined, paragraphs, table
from mccl_jax.report.tables import number, p_cell


def ablation(found: Mapping[str, Any]) -> Markup:
    """A row for the parent, each variant and each baseline: its scores, and how it differs from the parent."""
    rows = [row for row in found["rows"] if row["state"] == "done"]

    def scores(metric):
        return [score(row["metrics"][metric]) for row in rows]

    def of_mae(key, form):
        differences = [row["difference"]["mae"] if "difference" in row else {} for row in rows]
        return ["" if one.get(key) is None else form(one[key]) for one in differences]

    plain = ("estimate", "lower", "upper", "reason")  # p has a column of its own here

    def difference(metric):
        found = [row.get("difference", {}).get(metric) for row in rows]
        return ["" if one is None else score({key: one.get(key) for key in plain}) for one in found]

    columns = {
        "setting": [row["name"] for row in rows],
        "MAE": scores("mae"),
        "MAE minus the parent's": difference("mae"),
        "p": of_mae("p", p_cell),
        "p, corrected": of_mae("p_adjusted", p_cell),
        "detectable": of_mae("detectable", number),
        "over seeds": ["" if row.get("over_seeds") is None else number(row["over_seeds"]) for row in rows],
        "CCC": scores("ccc"),
        "CCC minus the parent's": difference("ccc"),
    }
    columns = {name: cells for name, cells in columns.items() if any(cells)}
    said = [
        found["simulated_notice"],
        "Each setting was trained anew. Below 0 its error is lower than the parent's; above 0, the difference is what "
        "the part that it lacks was worth here.",
        found.get("about"),
    ]
    other = [f"{row['name']}: {row['what']}." for row in rows if row["what"]]
    other += [f"{row['name']}: {row['why'] or 'not trained yet'}" for row in found["rows"] if row["state"] != "done"]
    if "detectable" in columns:
        other.append(
            f"detectable: the smallest true difference of MAE that {found['power']:.0%} of such studies would find; a "
            "smaller one may be there all the same."
        )
    return joined(
        [
            paragraphs(filter(None, said)),
            table(f"Variants, grid {found['grid']}, seeds {', '.join(map(str, found['seeds']))}", columns, [0])
            if rows
            else None,
            bullets(other),
        ]
    )
