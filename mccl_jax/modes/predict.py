"""--mode=predict: one JSON line a recording."""

import json
import pathlib

from mccl_jax.errors import UserError
from mccl_jax.inference import Model


def run(checkpoint: str | pathlib.Path, source: pathlib.Path, say=print) -> int:
    """Predicts for a recording or for every one below a folder. Returns how many recordings could not be used.

    A recording that cannot be used gives a line with its error; where it is the only one, the error is raised.
    """
    model = Model.load(checkpoint)
    model.check_regressor(model.primary)
    recordings = model.recordings(source)
    refused = 0
    for recording in recordings:
        try:
            line = model.predict_file(recording)
        except UserError as error:
            if len(recordings) == 1:
                raise
            refused += 1
            line = {"recording": str(recording), "error": str(error)}
        say(json.dumps(line))
    return refused
