"""--mode=evaluate: scores, a report and the final model from what a training, or one a fold, left in a workdir."""

import contextlib
import dataclasses
import json
import pathlib
from collections.abc import Iterable, Mapping, Sequence

import tqdm

from mccl_jax import regressors
from mccl_jax.data.splits import ALL, FOLD, direct_of, inner_of, is_outer
from mccl_jax.errors import UserError
from mccl_jax.evaluation import protocols, results
from mccl_jax.evaluation.described import FILE as DESCRIBED
from mccl_jax.evaluation.described import Described
from mccl_jax.evaluation.embeddings import evaluated_epochs, path_of_cut
from mccl_jax.evaluation.options import Options
from mccl_jax.experiment import Experiment
from mccl_jax.files import replacing
from mccl_jax.report import card, tables
from mccl_jax.report.contents import Contents
from mccl_jax.report.page import PAGE, write_report
from mccl_jax.training import checkpoints
from mccl_jax.training.runs import CHECKPOINTS

CONFIG, MODEL, REPORT = "config.json", "model", "report"

# Above the card of a checkpoint.
_OF_STATE = (
    "> The state after step {step} of {training}, one of those behind the scores below, which are of last steps."
)


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
    """Writes results.json, predictions.csv, the report and model/ with its card, and prints the table.

    `changes` to the evaluation options of the experiment, for this evaluation; `notes` on its sessions, for the
    results (those of the evaluation before where there are none). Raises UserError where the training is not finished.
    """
    experiment = experiment_of(workdir)
    before = dataclasses.asdict(experiment.evaluation)
    changed = {key: value for key, value in (changes or {}).items() if before[key] != value}
    experiment = dataclasses.replace(experiment, evaluation=Options(**{**before, **changed}))
    arrays, metadata = end_of_training(workdir / _final(workdir), experiment)
    trainings = metadata["trainings"]
    _refuse_missing(workdir, trainings)
    for name in trainings:
        end_of_training(workdir / name, experiment)
    epochs = {name: evaluated(workdir / name, experiment) for name in trainings}

    def track(of_training):
        return tqdm.tqdm(of_training, desc="scoring", unit="epoch", disable=None)

    options, scored, besides = experiment.evaluation, reported(trainings), beside(workdir, trainings, experiment)
    if ALL in trainings:
        of_folds, final = {name: epochs[name] for name in scored}, epochs[ALL][experiment.train.epochs]
        evaluation = protocols.cross_validate(of_folds, final, options, track, besides)
    else:
        evaluation = protocols.evaluate(epochs[""], options, track, besides)
    if notes is None:
        notes = []
        with contextlib.suppress(UserError):  # what is damaged, or of an older form, is written anew now
            notes = results.read(workdir)["sessions"]
    evaluation.results["sessions"] = list(notes)
    evaluation.results["changed_after_training"] = sorted(changed)
    evaluation.results["notes"] += [
        f"CHANGED AFTER TRAINING: evaluation.{key} was {before[key]!r}, is {value!r}; the scores may have guided it."
        for key, value in changed.items()
    ]
    evaluation.results["corpora"] = experiment.transfer_names
    evaluation.results["encoders"] = experiment.init.words
    if mistakes := experiment.official_mistakes:
        evaluation.results["notes"].append(
            f"Mistakes of the official code are switched on: {', '.join(mistakes)}. What it would report is the "
            "protocol official."
        )

    (workdir / REPORT / PAGE).unlink(missing_ok=True)  # which is written last, and tells that all is
    _save_model(workdir / MODEL, arrays, metadata, evaluation, experiment)
    results.write(evaluation, workdir)
    _add_card(workdir, trainings, card.model_card(evaluation.results, experiment))
    write_report(Contents.of(workdir, experiment_of(workdir)), workdir / REPORT)
    say(tables.results_table(evaluation.results))


def refuse_unended(workdir: pathlib.Path) -> None:
    """Raises UserError where the last evaluation of a workdir did not come to its end."""
    checkpoints.load(workdir / MODEL)  # of a folder in a bucket its digests come last
    for path in (workdir / MODEL / card.NAME, workdir / REPORT / PAGE):
        if not path.is_file():
            raise UserError(f"{path}: is missing; expected it beside the results: run --mode=evaluate in this workdir")


def reported(trainings: Iterable[str]) -> list[str]:
    """Those of the trainings of a workdir that predict the reported sessions."""
    return [name for name in trainings if is_outer(name) and name != ALL]


def beside(workdir: pathlib.Path, trainings: Sequence[str], experiment: Experiment) -> protocols.Beside:
    """What else a workdir with these trainings has for their scores. Raises UserError where a part of it is missing."""
    inner = {
        name: {one: evaluated(workdir / one, experiment) for one in inner_of(name, trainings)}
        for name in reported(trainings)
    }
    direct = {
        name: evaluated(workdir / direct_of(name), experiment)[experiment.train.epochs]
        for name in reported(trainings)
        if direct_of(name) in trainings
    }
    cuts = {
        name: {cut: path for cut in experiment.evaluation.cuts if (path := path_of_cut(workdir / name, cut)).exists()}
        for name in reported(trainings)
    }
    return protocols.Beside(Described.load(workdir / DESCRIBED), inner, direct, cuts)


def finished(workdir: pathlib.Path, experiment: Experiment) -> list[str]:
    """The trainings of a workdir, all there and the final model's at its end. Raises UserError where they are not."""
    _, metadata = end_of_training(workdir / _final(workdir), experiment)
    _refuse_missing(workdir, metadata["trainings"])
    return metadata["trainings"]


def _final(workdir: pathlib.Path) -> str:
    """The name of the training of the final model: with folds the one on all sessions, else the only one."""
    folds = [path for path in workdir.glob(f"{FOLD}*") if path.name.removeprefix(FOLD).isdecimal()]
    return ALL if folds else ""


def _refuse_missing(workdir: pathlib.Path, trainings: Sequence[str]) -> None:
    if missing := [name for name in trainings if not (workdir / name).is_dir()]:
        raise UserError(
            f"{workdir / missing[0]}: is missing, one of {len(trainings)} trainings of this workdir; expected all of "
            "them: run the training's command again, which makes it anew"
        )


def end_of_training(workdir: pathlib.Path, experiment: Experiment) -> tuple[dict, dict]:
    """(arrays, metadata) of the checkpoint after the last step."""
    newest = checkpoints.newest(workdir / CHECKPOINTS)
    if newest is not None:
        arrays, metadata, _ = newest
        total = metadata["steps_per_epoch"] * experiment.train.epochs
        if int(arrays["state"]["step"]) == total:
            return arrays, metadata
    found = f"step {int(newest[0]['state']['step'])} of {total}" if newest else "none"
    raise UserError(
        f"{workdir}: its training is not finished (newest readable checkpoint: {found}); run the training's command "
        "again, which goes on from there"
    )


def evaluated(workdir: pathlib.Path, experiment: Experiment) -> dict[int, pathlib.Path]:
    epochs = evaluated_epochs(workdir)
    if experiment.train.epochs not in epochs:
        raise UserError(
            f"{workdir}: the embeddings of its last epoch are missing; run the training's command again, which makes "
            "them anew"
        )
    return epochs


def _save_model(
    folder: pathlib.Path, arrays: dict, metadata: dict, evaluation: protocols.Evaluation, experiment: Experiment
) -> None:
    """The final model with its regressors and the intervals around their predictions."""
    kept = {
        name: {
            "regressor": json.loads(regressor.to_json()),
            "intervals": [dataclasses.asdict(interval) for interval in evaluation.residual_intervals[name]],
        }
        for name, regressor in _predictors(arrays, evaluation).items()
    }
    checkpoints.save(
        folder,
        _model(arrays),
        {**metadata, "experiment": experiment.to_json(), "regressors": kept},
    )


def _predictors(arrays: dict, evaluation: protocols.Evaluation) -> dict[str, regressors.Regressor]:
    """The regressors, and what the network itself says where it does."""
    if "severity" not in arrays:
        return dict(evaluation.regressors)
    own = regressors.Network.of(arrays["state"]["params"], **arrays["severity"])
    return {**evaluation.regressors, own.name: own}


def _add_card(workdir: pathlib.Path, trainings: Sequence[str], text: str) -> None:
    """Lays the model card beside the final model and beside every checkpoint, which says what it is a state of."""
    with replacing(workdir / MODEL / card.NAME) as temporary:
        temporary.write_text(text, encoding="utf-8")
    for name in trainings:
        for folder in checkpoints.folders(workdir / name / CHECKPOINTS):
            state = _OF_STATE.format(step=folder.name, training=f"the training {name}" if name else "the training")
            with replacing(folder / card.NAME) as temporary:
                temporary.write_text(f"{state}\n\n{text}", encoding="utf-8")


def _model(arrays: dict) -> dict:
    """Those of a checkpoint that a model needs."""
    return {
        "state": {name: arrays["state"][name] for name in ("params", "batch_stats")},
        "scaler": arrays["scaler"],
    }
