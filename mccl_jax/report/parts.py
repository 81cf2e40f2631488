"""Who a model is wrong for: the section of errors within parts of the reported sessions."""

from collections.abc import Mapping, Sequence
from typing import Any

from mccl_jax.report.cells import known, label_of, readable, reasons, score
from mccl_jax.report.markup import Markup, bullets, joined, table, tag


def parts_table(by: str, parts: Sequence[Mapping[str, Any]], headline: str) -> Markup:
    """Errors within each part of the reported sessions: a row for each part and predictor.

    `headline`: the regressor that subgroups are of. Of a part that is hidden, one row says so.
    """
    columns: dict[str, list[object]] = {}
    told = [part for part in parts if not part.get("suppressed")]
    keys = list(dict.fromkeys(key for part in told for of_one in part["predictors"].values() for key in of_one))
    levels = next((part["coverage"] for part in told if part.get("coverage")), [])
    for part in parts:
        hidden = part.get("suppressed")
        for name, of_one in ({"": {}} if hidden else part["predictors"]).items():
            model = name in ("model", "")
            row = {
                readable(by): readable(part["name"]) + (f", {readable(headline if model else name)}" if name else ""),
                "sessions": known(part["counts"]["n_sessions"]),
                "people": known(part["counts"]["n_subjects"]),
                **{label_of(key): score(of_one[key]) if key in of_one else "" for key in keys},
                **({label_of(keys[0]): hidden} if hidden else {}),
            }
            if levels:
                row["bias"] = score(part["bias"]) if name == "model" else ""
                for place, one in enumerate(levels):
                    share = part["coverage"][place]["share"] if name == "model" else None
                    row[f"in the {one['level']:.0%} interval"] = "" if share is None else f"{share:.0%}"
            for column, value in row.items():
                columns.setdefault(column, []).append(value)
    said = bullets(reasons({readable(part["name"]): next(iter(part["predictors"].values())) for part in told}))
    if levels:
        bias = "bias: mean of predicted less true; the last columns: how many lie within their prediction intervals."
        said = joined([tag("p", bias, class_="soft"), said])
    return joined([table(f"Errors by {readable(by)}", columns), said])


def subgroups(results: Mapping[str, Any]) -> dict[str, tuple[str, list[Mapping[str, Any]]]]:
    """Name of a file -> (what the parts differ in, the parts); a single part is the whole, and is none."""
    found = {}
    if len(results["groups"]) > 1:
        found["errors_by_group"] = results["target"]["group"], results["groups"]
    of_kind: dict[str, list[Mapping[str, Any]]] = {}
    for part in results["subgroups"]:
        of_kind.setdefault(part["by"], []).append(part)
    found |= {f"errors_by_{by}": (by, parts) for by, parts in of_kind.items() if len(parts) > 1}
    if len(results["folds"]) > 1:
        found["errors_by_fold"] = "fold", results["folds"]
    return found
