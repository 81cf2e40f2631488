"""The two files that a scored training leaves: results.json and predictions.csv.

Both are whole or absent and depend on the evaluation alone: no time, no machine, no path, so that two runs of the same
training can be compared byte by byte. Numbers are written as the shortest text that reads back as the same float64.
"""

import csv
import json
import os
import pathlib
from typing import Any

from mccl_jax.errors import UserError
from mccl_jax.evaluation.protocols import SCHEMA_VERSION, Evaluation
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
