"""A made-up evaluation to report, and the workdir that holds it."""

import copy
import dataclasses
import json
import pathlib
import shutil

import numpy as np
import pytest

from mccl_jax.evaluation import results
from mccl_jax.evaluation.embeddings import Embeddings, evaluated_epochs, path_of_epoch
from mccl_jax.evaluation.options import Options
from mccl_jax.evaluation.protocols import Beside, Evaluation, cross_validate, evaluate
from mccl_jax.experiment import DataOptions, Experiment
from mccl_jax.report.contents import Contents

OPTIONS = Options(target="PHQ-8", threshold=10.0, low=0.0, high=24.0, resamples=100, simulated=True)


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """A function that makes an evaluation and the folder of its embeddings, once for equal arguments."""
    kept = {}

    def once(**arguments) -> tuple[Evaluation, pathlib.Path]:
        if (key := repr(arguments)) not in kept:
            folder = tmp_path_factory.mktemp("made")
            kept[key] = _evaluated(folder, **arguments), folder
        return kept[key]

    return once


def _evaluated(folder, sessions=60, scale=1.0, known=True, folds=0, groups=(), inner=0, **options) -> Evaluation:
    rng, row = np.random.default_rng(0), np.arange(sessions)
    target = scale * np.clip(np.round(rng.gamma(1.3, 5, sessions)), 0, 24)
    chosen = dataclasses.replace(OPTIONS, **options)
    split = np.where(row < sessions * 2 // 3, "train", chosen.reported_split)
    subject, session = [f"person{one // 2}" for one in row], [f"session{one}" for one in row]
    labels = {chosen.group: np.array(groups)[row // 2 % len(groups)]} if groups else {}
    trainings = [*(f"fold_{fold + 1}" for fold in range(folds)), *(["all"] if folds else [""])]
    for number, name in enumerate(trainings):
        if folds:  # of the last, "all", nobody is reported
            split = np.where(row // 2 % folds == number, chosen.reported_split, "train")
        _embed(folder / name, rng, session, subject, split, target, scale, known, labels)
    choosing = {f"inner_{part + 1}": (split == "train") & (row // 2 % max(inner, 1) == part) for part in range(inner)}
    for name, left_out in choosing.items():
        divided = np.where(left_out, "inner", split)
        _embed(folder / name, rng, session, subject, divided, target, scale, known, labels)
    of_inner = {name: evaluated_epochs(folder / name) for name in choosing}
    files = {name: evaluated_epochs(folder / name) for name in trainings}
    if folds:
        return cross_validate(files, files.pop("all")[3], chosen)
    return evaluate(files[""], chosen, beside=Beside(inner={"": of_inner} if inner else {}))


def _embed(folder, rng, session, subject, split, target, scale, known, labels) -> None:
    """The embeddings of three epochs, noise in which there is some severity."""
    for epoch in (1, 2, 3):
        z_inter, z_intra = rng.normal(size=(2, len(target), 4)) + 0.2 * target[:, None] / (scale or 1)
        shown = target if known else np.where(np.isin(split, ("train", "inner")), target, np.nan)
        Embeddings(session, subject, split, shown, z_inter, z_intra, labels).save(path_of_epoch(folder, epoch))


@pytest.fixture
def evaluation_of(made):
    """A function that evaluates made-up embeddings of `sessions` sessions, two a subject, a third of them reported.

    With `folds`, of so many trainings, each of which reports another part of all; with `groups`, these are the values
    of the label `group`; with `inner`, epoch and regressor are chosen by so many parts of train.
    """
    return lambda **arguments: copy.deepcopy(made(**arguments)[0])


@pytest.fixture
def workdir_of(made, evaluation_of, tmp_path):
    """A function that makes a whole workdir, as a training leaves it, of made-up embeddings."""

    def make(data: DataOptions | None = None, notes=("session7 has no face",), **arguments):
        shutil.copytree(made(**arguments)[1], tmp_path, dirs_exist_ok=True)
        evaluation = evaluation_of(**arguments)
        evaluation.results.update({"sessions": [*notes], "encoders": "begun at random", "corpora": None})
        results.write(evaluation, tmp_path)
        chosen = {key: value for key, value in arguments.items() if hasattr(OPTIONS, key)}
        experiment = Experiment(
            name="made_up",
            data=data or DataOptions(manual_dir="/secret/folder"),
            evaluation=dataclasses.replace(OPTIONS, **chosen),
        )
        (tmp_path / "config.json").write_text(experiment.to_json())
        (tmp_path / "preparation.txt").write_text("60 sessions of 30 subjects from /secret/folder\nskipped: session3\n")
        for folder in [fold["name"] for fold in evaluation.results["folds"]] or [""]:
            lines = [{"step": step, "epoch": step // 4, "loss": 3 * 0.8**step} for step in range(12)]
            (tmp_path / folder / "metrics.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\n")
        return tmp_path

    return make


@pytest.fixture
def contents_of(workdir_of):
    """A function that reads such a workdir."""

    def make(**options) -> Contents:
        workdir = workdir_of(**options)
        return Contents.of(workdir, Experiment.from_json((workdir / "config.json").read_text()))

    return make


def score(value: float, width: float | None = 0.1) -> dict:
    """A score as results.json has it, as far as an interval goes."""
    ends = (None, None) if width is None else (value - width, value + width)
    return dict(zip(("estimate", "lower", "upper"), (value, *ends), strict=True))


def made_up_insight() -> dict:
    """What insight.json may hold."""
    cues, rng = ("landmarks", "gaze", "pose", "aus"), np.random.default_rng(0)

    def heads(n):
        shares = rng.random((2, n, n))
        found = (shares / shares.sum(axis=-1, keepdims=True)).tolist()
        found[0][0] = None  # of a token that nobody has
        return found

    segments = ["1", "2", "3"]
    return {
        "schema_version": 1,
        "level": 0.95,
        "counts": {"n_sessions": 20, "n_subjects": 10},
        "attention": {
            "words": "attention weights, not importance. More words.",
            "inter": {"tokens": [*cues], "heads": heads(4)},
            "intra": {cue: {"tokens": segments, "heads": heads(3)} for cue in cues},
        },
        "reliance": {
            "unit": "MAE when hidden - MAE",
            "regions": {"lips": score(0.8), "brows": score(0.4), "nose": score(0.05), "eyes": score(0.2, None)},
            "aus": {"AU01": score(0.1), "AU12": score(0.5)},
            "cues": {cue: score(0.1 * place) for place, cue in enumerate(cues)},
            "segments": {name: score(0.2) for name in segments},
            "segments_missing": {name: score(0.3) for name in segments},
            "swaps": {cue: score(0.4) for cue in cues},
        },
    }


def made_up_ablation() -> dict:
    """What ablation.json may hold."""
    row = {"kind": "variant", "what": "", "state": "done", "why": None, "seeds": [0]}
    scores = {"mae": score(4.5), "ccc": score(0.3)}
    of_mae = score(0.25) | {"p": 0.0004, "p_adjusted": 0.012, "detectable": 0.75}
    difference = {"difference": {"mae": of_mae, "ccc": score(-0.1)}, "over_seeds": None}
    return {
        "schema_version": 1,
        "simulated_notice": "SIMULATED data",
        "grid": "cues",
        "seeds": [0],
        "about": "What these differences are about.",
        "power": 0.8,
        "rows": [
            {**row, "name": "parent", "kind": "parent", "metrics": scores},
            {**row, "name": "without gaze", "what": "three cues", "metrics": scores, **difference},
            {**row, "name": "without pose", "state": "failed", "why": "the loss is nan"},
            {**row, "name": "without aus", "state": "waiting"},
        ],
    }
