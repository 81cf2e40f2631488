"""Published numbers, and ours under them: literature.json holds what was read, with split, selection and caveats."""

import functools
import importlib.resources
import json
from collections.abc import Sequence
from typing import Any

from mccl_jax.experiment import NAMES
from mccl_jax.report.cells import score
from mccl_jax.report.contents import Contents
from mccl_jax.report.markup import Markup, bullets, joined, paragraphs, table
from mccl_jax.report.sections import EPOCHS

_LABELS = {"mae": "MAE", "rmse": "RMSE", "ccc": "CCC", "auroc": "AUROC", "macro_f1": "macro-F1"}
_FIXED = "none: fixed before training"
_CHOSEN = {"official": "lowest MAE on the reported sessions", "inner": "lowest MAE within train"}
_UNSTATED = "not stated here"


@functools.cache
def published() -> dict[str, Any]:
    """What literature.json holds. Scores that `read` is false of were not found in their source."""
    text = importlib.resources.files("mccl_jax.report").joinpath("literature.json").read_text(encoding="utf-8")
    return json.loads(text)


def beside_the_literature(contents: Contents) -> Markup:
    """Published numbers of the reported corpus and ours below; of other data those of all corpora."""
    rows = published()["rows"]
    simulated = contents.results["simulated"]
    corpora = [contents.corpus] if any(row["corpus"] == contents.corpus for row in rows) else _corpora()
    if contents.corpus in corpora:
        said = [
            f"What others have published on {NAMES[contents.corpus]}, and below it this training. Only rows of the "
            "same split, with the same way of choosing a model, can be compared."
        ]
    else:
        said = [
            f"Nobody has published on {'this simulated corpus' if simulated else 'these data'}. The numbers below are "
            "of other people and other recordings: they say what is usual, and cannot be compared with the last table."
        ]
    if simulated:
        said.append("The rows of this training are of SIMULATED data, and say nothing about people.")
    own = _own_rows(contents)
    blocks = [paragraphs([*said, published()["unknown"]])]
    for corpus in corpora:
        known = [_published_row(row) for row in rows if row["corpus"] == corpus]
        ours = own if corpus == contents.corpus else []
        title = f"Published on {NAMES[corpus]}" + (", and this training in the last rows" if ours else "")
        blocks.append(_table(title, known + ours, [*range(len(known), len(known + ours))]))
    if contents.corpus not in corpora:
        blocks.append(_table("This training", own, []))
    return joined([*blocks, bullets(published()["cautions"])])


def _corpora() -> list[str]:
    return list(dict.fromkeys(row["corpus"] for row in published()["rows"]))


def _table(title: str, rows: Sequence[dict[str, Any]], ours: Sequence[int]) -> Markup:
    keys = [key for key in _LABELS if any(key in row["scores"] for row in rows)]
    columns = {
        "method": [row["method"] for row in rows],
        "input": [row["input"] for row in rows],
        "split": [row["split"] for row in rows],
        **{_LABELS[key]: [row["scores"].get(key, "-") for row in rows] for key in keys},
        "model chosen by": [row["selection"] for row in rows],
        "caveats": [row["caveat"] for row in rows],
        "source": [row["source"] for row in rows],
    }
    return table(title, columns, ours)


def _published_row(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "method": f"{row['method']} ({row['year']})",
        "input": row["input"],
        "split": row["split"] or _UNSTATED,
        "scores": row["scores"],
        "selection": row["selection"] or _UNSTATED,
        "caveat": row["caveat"] or "-",
        "source": row["source"] if row["read"] else f"{row['source']}: UNVERIFIED",
    }


def _own_rows(contents: Contents) -> list[dict[str, Any]]:
    """The headline, the same at its best epoch, and predicting the train mean."""
    results, regressor = contents.results, contents.results["primary"]["regressor"]
    mark = "SIMULATED: " if results["simulated"] else ""
    scored: Sequence[tuple[str, str, str, str, dict[str, Any]]] = [
        *(
            (
                f"this training, {regressor}, {EPOCHS[name]}",
                ", ".join(contents.experiment.cues),
                _CHOSEN.get(name, _FIXED),
                "optimistic" if protocol["optimistic"] else "one seed",
                protocol["models"][regressor]["metrics"],
            )
            for name, protocol in results["protocols"].items()
        ),
        (
            "predicting the train mean",
            "nothing",
            "-",
            "has seen no face",
            results["baselines"]["train_mean"]["metrics"],
        ),
    ]
    counts = contents.counts
    n = "" if counts["n_subjects"] is None else f", {counts['n_subjects']} subjects"
    of_folds = " (out of fold)" if results["folds"] else ""
    return [
        {
            "method": f"{mark}{method}",
            "input": seen,
            "split": f"{results['reported_split']}{of_folds}{n}",
            "scores": {key: score(metrics[key]) for key in _LABELS if key in metrics},
            "selection": chosen,
            "caveat": caveat,
            "source": "this report",
        }
        for method, seen, chosen, caveat, metrics in scored
    ]
