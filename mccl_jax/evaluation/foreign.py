"""Predictions that another program made of the reported sessions, scored as a training's own are."""

import dataclasses
import hashlib
import math
import os
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from mccl_jax.errors import UserError
from mccl_jax.evaluation import header, protocols
from mccl_jax.evaluation.baselines import INFORMED
from mccl_jax.evaluation.embeddings import UNTRAINED
from mccl_jax.evaluation.options import Options
from mccl_jax.evaluation.pooled import Pooled, joined
from mccl_jax.evaluation.subgroups import subgroups

FOREIGN, OWN = "foreign", "own_model"
DESCRIPTION = "predictions made elsewhere; how its epoch was chosen is not known here, nor on whom it was trained"
_COLUMNS = ("session", "predicted", "fold")
_MOST_NAMED = 10


def score(
    path: str | os.PathLike, folds: Mapping[str, protocols.Files], options: Options, beside: protocols.Beside
) -> dict[str, Any]:
    """What the predictions in a CSV are worth: the results, in the form of results.json, without a curve.

    `folds`: name -> epoch -> file of the embeddings of a finished training, "" where there are no folds. They give the
    sessions, truths, folds and baselines; and the headline regressor at the last epoch stands beside, with the paired
    difference from it (`own_model` of the comparisons). Raises UserError as `hold_out` and `read` do.
    """
    held_out = []
    for fold, files in folds.items():
        needed = {epoch: file for epoch, file in files.items() if epoch in (UNTRAINED, max(files))}
        held_out.append(dataclasses.replace(beside, cuts={}).hold_out(fold, needed, options, iter))
    pooled = Pooled.of(held_out, options)
    sessions, name = pooled.scored(), pathlib.Path(path).name
    predicted = read(path, pooled)
    epoch = max(held_out[0].predicted)
    own = joined([one.predicted[epoch][options.primary] for one in held_out])
    baselines = protocols.baselines_of(pooled, sessions)

    def protocol(description, of, values, at):
        scores = protocols.scores_of(of, values, pooled, sessions, baselines)
        return {"description": description, "optimistic": False, "models": {of: {"epoch": at, **scores}}}

    found = {
        FOREIGN: protocol(DESCRIPTION, name, predicted, None),
        "last": protocol(protocols.PROTOCOLS["last"] + " of this workdir", options.primary, own, epoch),
    }
    model, own_metrics = found[FOREIGN]["models"][name], found["last"]["models"][options.primary]["metrics"]
    for metric, by_chance in sessions.chance(predicted[pooled.known]).items():
        model["metrics"][metric]["null"] = by_chance
    with_own = dataclasses.replace(pooled, baselines={**pooled.baselines, OWN: own})
    rivals = {**baselines, OWN: {"description": f"this workdir's own {options.primary}", "metrics": own_metrics}}
    several = len(held_out) > 1
    shown = {one: values for one, values in pooled.baselines.items() if one in protocols.SHOWN}
    predictors = {name: predicted, OWN: own, **shown}
    return {
        **header.header_of(options),
        "primary": {"protocol": FOREIGN, "regressor": name},
        "foreign": {"file": name, "sha256": hashlib.sha256(_bytes(path)).hexdigest()},
        "choices": [],
        "verdict": model["verdict"],
        "counts": header.counts_of(held_out, sessions, options),
        "notes": header.notes_of(held_out, pooled, sessions, options),
        "baselines": baselines,
        "protocols": found,
        "comparisons": protocols.comparisons_of(name, predicted, with_own, sessions, rivals),
        "groups": pooled.parts(pooled.group, predictors, INFORMED) if options.group else [],
        "subgroups": subgroups(pooled, beside.described, predicted),
        "folds": pooled.parts(pooled.fold, predictors) if several else [],
        "curve": [],
        "prediction_intervals": {name: []},
    }


def read(path: str | os.PathLike, pooled: Pooled) -> np.ndarray:
    """(R,) the predictions that a CSV has for the rows of `pooled`; NaN for one without a known target and without row.

    Its columns are session, predicted and, where a session's prediction differs by fold, fold; the order of columns and
    rows is free. Raises UserError, naming file, row and session, where a row is of no reported session, is there twice
    or has no finite number, or where a session with a known target has none.
    """
    table = _table(path)
    by_fold = "fold" in table
    keys = list(zip(pooled.session.tolist(), pooled.fold.tolist(), strict=True) if by_fold else pooled.session.tolist())
    expected, values = set(keys), {}
    for i, text in enumerate(table["predicted"]):
        session, row = table["session"][i], i + 2
        key = (session, table["fold"][i]) if by_fold else session
        where = f"{path}: row {row}, session {session or '(empty)'}{f', fold {key[1]}' if by_fold else ''}"
        if key not in expected:
            raise UserError(
                f"{where}: is not reported in this workdir; expected one of the {len(expected)} there, such as "
                f"{pooled.session[0]}{f' in {pooled.fold[0]}' if by_fold else ''}: correct or remove the row"
            )
        if key in values:
            raise UserError(f"{where}: is there a second time; expected each once: remove one of the rows")
        values[key] = _number(text, where)
    missing = [key for key, known in zip(keys, pooled.known.tolist(), strict=True) if known and key not in values]
    if missing := list(dict.fromkeys(missing)):
        named = [" in ".join(key) if by_fold else key for key in missing[:_MOST_NAMED]]
        raise UserError(
            f"{path}: has no row for {len(missing)} of {len(expected)} reported sessions: {', '.join(named)}"
            f"{' ...' if missing[_MOST_NAMED:] else ''}; expected all, for whom one leaves out changes the "
            "score: add them"
        )
    return np.array([values.get(key, math.nan) for key in keys])


def _table(path: str | os.PathLike) -> dict[str, list[str]]:
    """The columns that are known, as text."""
    import pyarrow
    from pyarrow import csv  # slow to import

    content = _bytes(path)
    try:
        header = csv.read_csv(pyarrow.BufferReader(content)).column_names
        as_text = csv.ConvertOptions(column_types=dict.fromkeys(header, pyarrow.string()))
        table = csv.read_csv(pyarrow.BufferReader(content), convert_options=as_text)
    except (pyarrow.ArrowInvalid, UnicodeDecodeError) as error:
        raise UserError(
            f"{path}: cannot be read as CSV ({str(error).splitlines()[0]}); expected columns session, predicted and, "
            "where it differs by fold, fold: correct the file"
        ) from error
    names = [name.strip() for name in table.column_names]
    for name in ("session", "predicted"):
        if names.count(name) != 1:
            raise UserError(
                f"{path}: {names.count(name) or 'no'} column{'s' * (names.count(name) > 1)} {name!r} among "
                f"{', '.join(names) or 'none'}; expected session, predicted and, where it differs by fold, fold, "
                "divided by commas: correct the first line"
            )
    columns = {name: table.column(i).to_pylist() for i, name in enumerate(names) if name in _COLUMNS}
    return {name: [text.strip() for text in texts] for name, texts in columns.items()}


def _bytes(path: str | os.PathLike) -> bytes:
    try:
        return pathlib.Path(path).read_bytes()
    except OSError as error:
        raise UserError(
            f"{path}: cannot be read ({error.strerror}); expected a CSV of predictions: correct --predictions"
        ) from error


def _number(text: str, where: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise UserError(f"{where}: predicted is {text!r}; expected a finite number: correct the row")
    return value
