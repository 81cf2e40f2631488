"""--mode=train: prepares what is missing, trains (once for each fold, where there are folds), evaluates."""

import contextlib
import dataclasses
import hashlib
import json
import os
import pathlib
import time
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from data_builders.preparation import SessionBuilder
from data_builders.records import Session
from data_builders.report import Report
from mccl_jax.cues import shared_cues
from mccl_jax.data.sessions import Facts, read_sessions, windows_and_facts
from mccl_jax.data.splits import ALL, divisions, excluded
from mccl_jax.data.transfer import left_out, trained_and_reported
from mccl_jax.data.windows import Scaler, Windows
from mccl_jax.errors import UserError
from mccl_jax.evaluation import held_out
from mccl_jax.experiment import Experiment
from mccl_jax.files import locked, replacing
from mccl_jax.modes import evaluate
from mccl_jax.modes.prepare import is_simulated, prepare_all
from mccl_jax.training.loop import TrainingData, fit

TIMINGS, LOCK = "timings.json", ".lock"


def run(experiment: Experiment, workdir: pathlib.Path, say=print) -> None:
    """Leaves in `workdir` what the README lists under "What you get"; run again, it goes on where it stopped."""
    _refuse_unwritable(workdir)
    _refuse_another(experiment, workdir)
    clock = Clock()
    prepared = prepare_all(experiment, say)
    reports = [report for _, report in prepared]
    said = "\n".join(report.words().rstrip() for report in reports)
    say(said)
    if any(is_simulated(report.source) for report in reports):
        experiment = dataclasses.replace(
            experiment, evaluation=dataclasses.replace(experiment.evaluation, simulated=True)
        )
    clock.lap("prepare")

    sessions, points = _sessions(experiment, [builder for builder, _ in prepared])
    windows, facts, notes = windows_and_facts(sessions, experiment.windows)
    held_out.check_labels(facts.labels, windows.session, experiment.evaluation)
    data, evaluation = experiment.data, experiment.evaluation
    reported = evaluation.reported_split
    divided = divisions(windows, facts, reported, data.dev_fraction, data.split_seed, data.exclude_overlap)
    notes += points + excluded(windows, divided, reported) + _batch_notes(divided, experiment.train.batch_size)
    if mistakes := experiment.official_mistakes:
        keys = "; ".join(f"{name} {', '.join(keys)}" for name, keys in mistakes.items())
        notes.append(f"mistakes of the official code that are switched on: {keys}")
    summary = _summary(windows, divided, experiment)
    say("\n".join([summary, *notes]))
    clock.lap("windows")

    preparation = "\n".join([said, summary, *notes]) + "\n"
    # What a first call said of the evaluation stays: what a later one says otherwise is a change after training.
    options, first = experiment.evaluation, experiment
    if (workdir / evaluate.CONFIG).exists():
        first = dataclasses.replace(experiment, evaluation=evaluate.experiment_of(workdir).evaluation)
    with _claimed(first, workdir, preparation):
        for name, split in divided.items():
            if name:
                say(f"{name.replace('_', ' ')}: {(split == 'train').sum()} of {len(split)} sessions are trained on")
            ready = scaled(windows, facts, split, experiment, tuple(divided))
            fit(experiment, ready, _fingerprint(reports), workdir / name, say)
        clock.lap("train")
        evaluate.run(workdir, dataclasses.asdict(options), notes, say)
        clock.lap("evaluate")
        clock.write(workdir)


def _sessions(experiment: Experiment, builders: Sequence[SessionBuilder]) -> tuple[Iterator[Session], list[str]]:
    """The sessions of the corpus, or those of a transfer and a line on what of them is not used."""
    if experiment.transfer is None:
        return read_sessions(builders[0]), []
    one, other = (builder.specification for builder in builders)
    sessions = trained_and_reported(
        *map(read_sessions, builders),
        (experiment.data.corpus, experiment.transfer.corpus),
        experiment.evaluation.reported_split,
        shared_cues(one, other),
    )
    return sessions, left_out(one, other, [*experiment.transfer_names.values()])


def _fingerprint(reports: Sequence[Report]) -> str:
    """Of all that is trained on and reported."""
    if len(reports) == 1:
        return reports[0].fingerprint
    return hashlib.sha256("".join(report.fingerprint for report in reports).encode()).hexdigest()


def scaled(
    windows: Windows, facts: Facts, split: np.ndarray, experiment: Experiment, trainings: Sequence[str] = ("",)
) -> TrainingData:
    """The data of one of the `trainings` of a workdir: the scales are those of its train sessions."""
    scaler = Scaler.fit(windows, split == "train", experiment.windows)
    return TrainingData(scaler(windows), split, scaler, facts.labels, facts.digests, trainings)


class Clock:
    """Seconds spent on each part."""

    def __init__(self):
        self._begin, self._seconds = time.perf_counter(), {}

    def lap(self, part: str) -> None:
        """All since the lap before went into `part`."""
        now = time.perf_counter()
        self._seconds[part], self._begin = now - self._begin, now

    def write(self, workdir: pathlib.Path) -> None:
        """Into timings.json, a list with one entry for each call of the program that came to its end."""
        path = workdir / TIMINGS
        before = json.loads(path.read_text()) if path.exists() else []
        with replacing(path) as temporary:
            parts = {part: round(seconds, 3) for part, seconds in self._seconds.items()}
            temporary.write_text(json.dumps([*before, parts], indent=1) + "\n")


def _summary(windows: Windows, divided: Mapping[str, np.ndarray], experiment: Experiment) -> str:
    """What will be trained and what will be reported, said before anything is."""
    reported = experiment.evaluation.reported_split
    of = {split: f" of {corpus}" for split, corpus in (experiment.transfer_names or {}).items()}
    if ALL in divided:
        tested = ", ".join(str((split == reported).sum()) for name, split in divided.items() if name != ALL)
        how = f"{len(divided) - 1} folds that test {tested}; then a final model on all"
    else:
        (split,) = divided.values()
        how = ", ".join(f"{(split == name).sum()} {name}{of.get(name, '')}" for name in sorted(set(split.tolist())))
    return (
        f"windows: {len(windows)} sessions ({how}) of up to {experiment.windows.frames} frames; "
        f"{windows.usable.mean():.1%} of the recorded frames are usable\n"
        f"to be reported: the last epoch on {reported}{of.get(reported, '')}, {experiment.evaluation.primary} as the "
        "headline"
    )


def _batch_notes(divided: Mapping[str, np.ndarray], batch_size: int) -> list[str]:
    fewest = min((split == "train").sum() for split in divided.values())
    notes = []
    if fewest < batch_size:
        notes.append(f"a batch of {batch_size} is larger than the {fewest} train sessions: a batch has them all")
    if fewest == 1:
        notes.append("a single train session: the contrastive loss has nothing to tell it from")
    return notes


def _refuse_unwritable(workdir: pathlib.Path) -> None:
    """Raises UserError where `workdir` cannot be made or written to, before hours are spent; writes nothing."""
    nearest = workdir.absolute()
    while not nearest.exists():
        nearest = nearest.parent
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        wrong = "cannot be written to" if nearest.is_dir() else "is no folder"
        raise UserError(f"{workdir}: {nearest} {wrong}; expected a place for the results: choose another --workdir")


def _refuse_another(experiment: Experiment, workdir: pathlib.Path) -> None:
    """Raises UserError where `workdir` belongs to another experiment; writes nothing."""
    if not (workdir / evaluate.CONFIG).exists():
        return
    differences = experiment.differences(evaluate.experiment_of(workdir))
    if differences:
        more = f", and {len(differences) - 1} more" if differences[1:] else ""
        raise UserError(
            f"{workdir}: belongs to another config ({differences[0]}{more}): choose another --workdir, or remove it"
        )


@contextlib.contextmanager
def _claimed(experiment: Experiment, workdir: pathlib.Path, preparation: str) -> Iterator[None]:
    """Makes `workdir` this experiment's and keeps other processes off it."""

    def busy():
        raise UserError(f"{workdir}: another process is training in it; wait for its end, or choose another --workdir")

    with locked(workdir / LOCK, busy):
        for name, text in ((evaluate.CONFIG, experiment.to_json() + "\n"), ("preparation.txt", preparation)):
            with replacing(workdir / name) as temporary:
                temporary.write_text(text)
        yield
