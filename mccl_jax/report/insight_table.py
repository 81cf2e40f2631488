"""insight.json as plain text: what a model relies on, attends to, and holds."""

from collections.abc import Mapping
from typing import Any

from mccl_jax.evaluation.intervals import counted
from mccl_jax.report.tables import cell, number, p_cell, rendered, wrapped

_KINDS = {
    "cues": "Cues, hidden",
    "regions": "Regions of the face, hidden; beside as many landmarks drawn at random",
    "aus": "Action units, hidden",
    "segments": "Segments of time, hidden",
    "segments_missing": "Segments of time, taken away",
    "swaps": "Cues of another person; beside the MAE under such exchanges",
}
_NONE = "-"


def insight_table(insight: dict[str, Any]) -> str:
    """Every number with its interval; why there is none stands beside it."""
    counts = insight["counts"]
    n = counted(counts["n_sessions"], counts["n_subjects"])
    unseen = "each by a training that did not see it" if insight["trainings"] else "none of them trained on"
    heading = [insight["simulated_notice"]] if insight["simulated"] else []
    heading += [
        f"What the model relies on: {insight['target']}, {insight['regressor']} after epoch {insight['epoch']}, on "
        f"{n} of {insight['reported_split']}, {unseen}.",
        f"This shows {insight['shows']}.",
    ]
    intervals = insight["intervals"]
    reliance, attention, decodable = insight["reliance"], insight["attention"], insight["decodable"]
    blocks = ["\n".join(map(wrapped, heading))]
    blocks.append(wrapped(f"MAE as it is: {cell(reliance['mae'])}. Below, how much it grows:"))
    for kind, title in _KINDS.items():
        if reliance.get(kind):
            blocks += [title, _effects(reliance[kind])]
    blocks += [f"Attention between cues ({attention['words'].partition('.')[0]})", _attention(attention["inter"])]
    blocks += [
        wrapped(
            "How the two views of a session lie, as embeddings, behind the projection head where the loss compares "
            "them, and before any training; found: how often the nearest other view is the session's own"
        ),
        _views(insight["views"]),
    ]
    blocks += ["What can be read linearly from the embeddings", _decodable(decodable["labels"])]
    said = [f"{kind}: {words}." for kind, words in reliance["replacement"].items()]
    said += [
        f"p: {reliance['p']}; Holm: {reliance['p_holm']}. Changes: how far predictions move, whether right or wrong.",
        f"decodable: {decodable['how']}.",
        *(
            f"{label} is not shown: {of_label['both']['reason']}."
            for label, of_label in decodable["labels"].items()
            if of_label["both"]["estimate"] is None
        ),
        f"the same person nearest: {_identity(decodable['identity'])}.",
        f"[ ]: {insight['level']:.0%} interval, {intervals['type']}; covers {intervals['covers']}.",
        insight["notice"],
    ]
    blocks.append("\n".join(wrapped(line, "  ") for line in said))
    return "\n\n".join(blocks) + "\n"


def _effects(family: Mapping[str, dict[str, Any]]) -> str:
    columns = {
        "": [*family],
        "MAE grows by": [cell(one) for one in family.values()],
        "p": [_p(one["p"]) for one in family.values()],
        "Holm": [_p(one["p_holm"]) for one in family.values()],
        "changes": [_estimate(one["change"]) for one in family.values()],
    }
    for key, title in (("random", "at random"), ("null", "MAE, exchanged")):
        if any(one.get(key) for one in family.values()):
            columns[title] = [_range(one.get(key)) for one in family.values()]
    return rendered(columns)


def _attention(inter: dict[str, Any]) -> str:
    tokens = inter["tokens"]
    rows = [
        (f"head {head + 1}, {token} at", weights)
        for head, matrix in enumerate(inter["heads"])
        for token, weights in zip(tokens, matrix, strict=True)
    ]
    columns = {token: [_number(weights[i]) for _, weights in rows] for i, token in enumerate(tokens)}
    return rendered({"": [name for name, _ in rows], **columns})


def _views(views: dict[str, Any]) -> str:
    rows = {f"{space}, {split}": one for space, of_space in views.items() for split, one in of_space.items()}
    return rendered(
        {
            "": [*rows],
            "alignment": [cell(one["alignment"]) for one in rows.values()],
            "uniformity inter": [_estimate(one["uniformity"]["inter"]) for one in rows.values()],
            "intra": [_estimate(one["uniformity"]["intra"]) for one in rows.values()],
            "found": [cell(one["retrieval"]) for one in rows.values()],
            "chance": [_number(one["retrieval"]["chance"]) for one in rows.values()],
            "p": [_p(one["retrieval"]["p"]) for one in rows.values()],
        }
    )


def _decodable(labels: dict[str, dict[str, dict[str, Any]]]) -> str:
    rows = [(label, view, one) for label, views in labels.items() for view, one in views.items()]
    shown: dict[str, list[str]] = {name: [] for name in ("label", "view", "measure", "value", "by chance", "p", "Holm")}
    before = None
    for label, view, one in rows:
        if one["estimate"] is None:
            continue  # why stands below
        texts = (label if label != before else "", view, one["measure"], cell(one))
        texts += (_range(one.get("null")), _p(one["p"]), _p(one["p_holm"]))
        for column, text in zip(shown.values(), texts, strict=True):
            column.append(text)
        before = label
    return rendered(shown, left=("label", "view", "measure"))


def _identity(views: dict[str, dict[str, Any]]) -> str:
    if len(reasons := {one["reason"] for one in views.values()}) == 1 and None not in reasons:
        return reasons.pop()
    return "; ".join(
        f"{view}: {one['reason']}"
        if one["estimate"] is None
        else f"{view}: {cell(one)}, by chance {_range(one['null'])}, p {_p(one['p'])}"
        for view, one in views.items()
    )


def _range(null: dict[str, Any] | None) -> str:
    if not null or null["mean"] is None:
        return ""
    return f"{number(null['mean'])} ({number(null['lower'])} to {number(null['upper'])})"


def _estimate(score: dict[str, Any]) -> str:
    return cell(score).partition(" ")[0]


def _p(p: float | None) -> str:
    return _NONE if p is None else p_cell(p)


def _number(value: float | None) -> str:
    return _NONE if value is None else number(value)
