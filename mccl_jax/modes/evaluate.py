"""--mode=evaluate: scores, figures and the final model from what a training left in its workdir."""

import dataclasses
import json
import pathlib

from mccl_jax.errors import UserError
from mccl_jax.evaluation import protocols, results
from mccl_jax.evaluation.embeddings import evaluated_epochs
from mccl_jax.experiment import Experiment
from mccl_jax.report import figures, tables
from mccl_jax.training import checkpoints
from mccl_jax.training.loop import CHECKPOINTS
from mccl_jax.training.writers import read_metrics

MODEL = "model"


def run(workdir: pathlib.Path, options: protocols.Options | None = None, say=print) -> None:
    """Writes results.json, predictions.csv, two figures and model/, and prints the table.

    `options` in place of the evaluation options of the training, which otherwise hold.
    """
    with checkpoints.Checkpoints(workdir / CHECKPOINTS, keep=1_000_000) as kept:
        newest = kept.restore()
    if newest is None:
        raise UserError(f"{workdir}: holds no checkpoint; expected the workdir of a training")
    arrays, metadata, _ = newest
    experiment = Experiment.from_json(metadata["experiment"])
    options = options or experiment.evaluation
    options = dataclasses.replace(options, simulated=experiment.simulation is not None)
    evaluation = protocols.evaluate(evaluated_epochs(workdir), options)

    metrics = read_metrics(workdir)
    per_epoch = (
        1
        + max(line["step"] for line in metrics)
        - min(line["step"] for line in metrics if line["epoch"] == metrics[-1]["epoch"])
    )
    figures.draw_curves(
        workdir / "curves.png",
        evaluation.results,
        [(line["step"] + 1) / per_epoch for line in metrics],
        [line["loss"] for line in metrics],
    )
    figures.draw_predicted_against_true(
        workdir / "predicted_against_true.png", evaluation.results, evaluation.predictions
    )
    state = {name: arrays["state"][name] for name in ("params", "batch_stats")}
    regressors = {
        name: {
            "regressor": json.loads(regressor.to_json()),
            "interval": dataclasses.asdict(evaluation.residual_intervals[name]),
        }
        for name, regressor in evaluation.regressors.items()
    }
    checkpoints.save(
        workdir / MODEL,
        {"state": state, "scaler": arrays["scaler"]},
        {**metadata, "regressors": regressors, "primary": options.primary},
    )
    results.write(evaluation, workdir)
    say(tables.results_table(evaluation.results))
