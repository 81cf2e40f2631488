"""--mode=predict: one JSON line a recording."""

import json
import pathlib

from mccl_jax.errors import UserError
from mccl_jax.inference import Model


def run(checkpoint: pathlib.Path, source: pathlib.Path, say=print) -> int:
    """Predicts for a file or for every CSV below a folder. Returns how many recordings could not be used.

    A recording that cannot be used gives a line with its error; where it is the only one, the error is raised.
    """
    files = recordings(source)
    model = Model.load(checkpoint)
    refused = 0
    for file in files:
        try:
            line = model.predict_file(file)
        except UserError as error:
            if len(files) == 1:
                raise
            refused += 1
            line = {"recording": str(file), "error": str(error)}
        say(json.dumps(line))
    return refused


def recordings(source: pathlib.Path) -> list[pathlib.Path]:
    """The CSVs (plain or .gz) that `source` is or holds."""
    if source.is_file():
        return [source]
    files = sorted(p for p in source.rglob("*") if p.name.endswith((".csv", ".csv.gz")) and p.name != "labels.csv")
    if not files:
        raise UserError(f"{source}: expected an OpenFace CSV, or a folder that holds some: correct --input")
    return files
