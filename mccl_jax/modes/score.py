"""--mode=score: predictions made elsewhere, under the folds, baselines, intervals and tests of a training."""

import json
import pathlib

from mccl_jax.evaluation import foreign
from mccl_jax.files import replacing
from mccl_jax.modes import evaluate
from mccl_jax.report import tables

FOLDER = "scores"


def run(workdir: pathlib.Path, predictions: pathlib.Path, say=print) -> None:
    """Writes scores/NAME.json and scores/NAME.txt into `workdir`, NAME being the file's, and prints the table.

    What the training left there stays as it is. Raises UserError where the training is not finished, or the file is
    not what `foreign.read` expects.
    """
    experiment = evaluate.experiment_of(workdir)
    trainings = evaluate.finished(workdir, experiment)
    folds = {name: evaluate.evaluated(workdir / name, experiment) for name in evaluate.reported(trainings)}
    beside = evaluate.beside(workdir, trainings, experiment)
    results = foreign.score(predictions, folds, experiment.evaluation, beside)
    results["corpora"] = experiment.transfer_names
    text = tables.results_table(results)
    name = workdir / FOLDER / predictions.stem
    with replacing(f"{name}.txt") as temporary:
        temporary.write_text(text, encoding="utf-8")
    with replacing(f"{name}.json") as temporary:
        content = json.dumps(results, indent=2, ensure_ascii=False, allow_nan=False)
        temporary.write_text(content + "\n", encoding="utf-8")
    say(text)
