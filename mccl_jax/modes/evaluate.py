"""--mode=evaluate: scores, figures and the final model from what a training left in its workdir."""

import dataclasses
import json
import pathlib
from collections.abc import Mapping, Sequence

import tqdm

from mccl_jax.errors import UserError
from mccl_jax.evaluation import protocols, results
from mccl_jax.evaluation.embeddings import evaluated_epochs
from mccl_jax.experiment import Experiment
from mccl_jax.report import figures, tables
from mccl_jax.training import checkpoints
from mccl_jax.training.loop import CHECKPOINTS
from mccl_jax.training.writers import read_metrics

CONFIG, MODEL = "config.json", "model"


def experiment_of(workdir: pathlib.Path) -> Experiment:
    """The experiment that a workdir belongs to. Raises UserError where it is none's."""
    path = workdir / CONFIG
    try:
        return Experiment.from_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(
            f"{path}: cannot be read; expected the workdir of a training: correct --workdir, or train first"
        ) from error


def run(
    workdir: pathlib.Path, changes: Mapping[str, object] | None = None, notes: Sequence[str] | None = None, say=print
) -> None:
    """Writes results.json, predictions.csv, two figures and model/, and prints the table.

    `changes` to the evaluation options of the experiment, for this evaluation; `notes` on its sessions, for the
    results (those of the evaluation before where there are none). Raises UserError where the training is not finished.
    """
    experiment = experiment_of(workdir)
    changes = {**dataclasses.asdict(experiment.evaluation), **(changes or {})}
    experiment = dataclasses.replace(experiment, evaluation=protocols.Options(**changes))
    arrays, metadata, steps_per_epoch = _end_of_training(workdir, experiment)
    epochs = evaluated_epochs(workdir)
    if experiment.train.epochs not in epochs:
        raise UserError(
            f"{workdir}: the embeddings of its last epoch are missing; run --mode=train here, which makes them anew"
        )
    evaluation = protocols.evaluate(
        epochs, experiment.evaluation, track=lambda e: tqdm.tqdm(e, desc="scoring", unit="epoch", disable=None)
    )
    if notes is None:
        notes = results.read(workdir)["sessions"] if (workdir / results.RESULTS).exists() else []
    evaluation.results["sessions"] = list(notes)

    metrics = read_metrics(workdir)
    figures.draw_curves(
        workdir / "curves.png",
        evaluation.results,
        [(line["step"] + 1) / steps_per_epoch for line in metrics],
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
        {**metadata, "experiment": experiment.to_json(), "regressors": regressors},
    )
    results.write(evaluation, workdir)
    say(tables.results_table(evaluation.results))


def _end_of_training(workdir: pathlib.Path, experiment: Experiment):
    """(arrays, metadata, steps an epoch) of the checkpoint after the last step."""
    newest = checkpoints.newest(workdir / CHECKPOINTS)
    if newest is not None:
        arrays, metadata, _ = newest
        total = metadata["steps_per_epoch"] * experiment.train.epochs
        if int(arrays["state"]["step"]) == total:
            return arrays, metadata, metadata["steps_per_epoch"]
    found = f"step {int(newest[0]['state']['step'])} of {total}" if newest else "none"
    raise UserError(
        f"{workdir}: its training is not finished (newest readable checkpoint: {found}); run --mode=train in this "
        "workdir, which goes on from there"
    )
