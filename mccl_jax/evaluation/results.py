"""The two files that a scored training leaves: results.json and predictions.csv.

Both are whole or absent and depend on the evaluation alone: no time, no machine, no path, so that two runs of the same
training can be compared byte by byte. Numbers are written as the shortest text that reads back as the same float64.
"""

import csv
import dataclasses
import json
import os
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from mccl_jax.errors import UserError
from mccl_jax.evaluation.header import SCHEMA_VERSION
from mccl_jax.evaluation.protocols import Evaluation
from mccl_jax.evaluation.scoring import ScoredSessions
from mccl_jax.files import replacing

RESULTS = "results.json"
PREDICTIONS = "predictions.csv"


def write(evaluation: Evaluation, workdir: str | os.PathLike) -> None:
    """Writes both files into `workdir`, results.json last: where it is, the predictions are too.

    Raises UserError where they cannot be written.
    """
    rows = evaluation.predictions
    with (
        replacing(pathlib.Path(workdir) / PREDICTIONS) as temporary,
        open(temporary, "w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    with replacing(pathlib.Path(workdir) / RESULTS) as temporary:
        text = json.dumps(evaluation.results, indent=2, ensure_ascii=False, allow_nan=False)
        temporary.write_text(text + "\n", encoding="utf-8")


@dataclasses.dataclass(frozen=True)
class Predictions:
    """R rows of predictions.csv, one a reported session and fold.

    session, subject, fold (R,) str ("" without folds); target (R,) NaN where unknown; by: predictor -> (R,).
    """

    session: np.ndarray
    subject: np.ndarray
    fold: np.ndarray
    target: np.ndarray
    by: Mapping[str, np.ndarray]

    def scored(self, results: Mapping[str, Any]) -> tuple[np.ndarray, ScoredSessions]:
        """(R,) bool which rows have a known target, and these, scored as the `results` beside them were."""
        known, tests = np.isfinite(self.target), results["tests"]
        sessions = ScoredSessions(
            self.target[known],
            self.subject[known],
            resamples=tests["resamples"],
            level=results["intervals"]["level"],
            seed=tests["seed"],
            fold=self.fold[known],
            session=self.session[known],
        )
        return known, sessions

    def of_the_same(self, other: "Predictions") -> bool:
        """Whether both are of the same sessions in the same folds, row by row."""
        mine, theirs = (np.stack([one.session, one.subject, one.fold]) for one in (self, other))
        return np.array_equal(mine, theirs) and np.array_equal(self.target, other.target, equal_nan=True)


def read_rows(workdir: str | os.PathLike) -> list[dict[str, Any]]:
    """The rows of predictions.csv: texts in the columns before the target, then numbers, None where there is none.

    Raises UserError where the file is absent or damaged.
    """
    path = pathlib.Path(workdir) / PREDICTIONS
    try:
        with path.open(newline="", encoding="utf-8") as file:
            header, *rows = csv.reader(file)
        at = header.index("target")
        numbers = [[float(text) if text else None for text in row[at:]] for row in rows]
        return [dict(zip(header, [*row[:at], *values], strict=True)) for row, values in zip(rows, numbers, strict=True)]
    except (OSError, ValueError) as error:
        raise UserError(
            f"{path}: cannot be read ({type(error).__name__}); expected the predictions of a finished training: "
            "run --mode=evaluate in this workdir"
        ) from error


def read_predictions(workdir: str | os.PathLike) -> Predictions:
    """The content of predictions.csv, with the predictors that predict every row. Raises UserError as `read_rows`."""
    rows = read_rows(workdir)
    names = [*rows[0]] if rows else []
    columns = {name: [row[name] for row in rows] for name in names}
    target = np.array(columns.pop("target", []), np.float64)  # None becomes NaN
    by = {name: values for name, values in columns.items() if names.index(name) > names.index("target")}
    text = {name: np.array(columns.get(name, [""] * len(rows)), np.str_) for name in ("session", "subject", "fold")}
    return Predictions(
        text["session"],
        text["subject"],
        text["fold"],
        target,
        {name: np.array(values, np.float64) for name, values in by.items() if None not in values},
    )


def read(workdir: str | os.PathLike) -> dict[str, Any]:
    """The content of results.json. Raises UserError where it is absent, damaged or of another schema."""
    path = pathlib.Path(workdir) / RESULTS
    try:
        results = json.loads(path.read_text(encoding="utf-8"))
        found = results["schema_version"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{path}: cannot be read ({type(error).__name__}); expected the results of a finished training: "
            "run --mode=evaluate in this workdir"
        ) from error
    if found != SCHEMA_VERSION:
        raise UserError(
            f"{path}: schema version {found}; expected {SCHEMA_VERSION}: run --mode=evaluate in this workdir"
        )
    return results
