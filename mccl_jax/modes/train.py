"""--mode=train: prepares what is missing, trains, evaluates."""

import dataclasses
import json
import pathlib
import time
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from data_builders.records import Session
from mccl_jax.data.sessions import read_sessions
from mccl_jax.data.splits import divide
from mccl_jax.data.windows import Scaler, Windows, cut_windows
from mccl_jax.errors import UserError
from mccl_jax.experiment import Experiment
from mccl_jax.files import replacing
from mccl_jax.modes import evaluate
from mccl_jax.modes.prepare import is_simulated, prepare
from mccl_jax.training.loop import fit

TIMINGS = "timings.json"


class Ready(NamedTuple):
    """What a training begins from: scaled windows, the split of each, the scaler, and what was left out or is odd."""

    windows: Windows
    split: np.ndarray
    scaler: Scaler
    notes: list[str]


def ready(sessions: Iterable[Session], experiment: Experiment) -> Ready:
    """Cuts, divides and scales. Raises UserError where there is nothing to train on or to report."""
    splits = {}

    def passing():
        for session in sessions:
            splits[session.session] = session.split
            yield session

    windows, notes = cut_windows(passing(), experiment.windows)
    notes += [
        f"{session}: only {usable:.0%} of its frames are usable"
        for session, usable in zip(windows.session, windows.usable, strict=True)
        if usable < 0.5
    ]
    data, evaluation = experiment.data, experiment.evaluation
    own = [splits[name] for name in windows.session]
    split = divide(windows, own, evaluation.reported_split, data.dev_fraction, data.split_seed)
    scaler = Scaler.fit(windows, split == "train", experiment.windows)
    return Ready(scaler(windows), split, scaler, notes)


def run(experiment: Experiment, workdir: pathlib.Path, say=print) -> None:
    """Leaves in `workdir` what the README lists under "What you get"; run again, it goes on where it stopped."""
    _refuse_another(experiment, workdir)
    clock = Clock()
    builder, report = prepare(experiment, say)
    say(report.words().rstrip())
    if is_simulated(report.source):
        experiment = dataclasses.replace(
            experiment, evaluation=dataclasses.replace(experiment.evaluation, simulated=True)
        )
    clock.lap("prepare")

    windows, split, scaler, notes = ready(read_sessions(builder), experiment)
    counts = ", ".join(f"{(split == name).sum()} {name}" for name in sorted(set(split.tolist())))
    summary = (
        f"windows: {len(windows)} sessions ({counts}) of up to {experiment.windows.frames} frames; "
        f"{windows.usable.mean():.1%} of the recorded frames are usable"
    )
    say("\n".join([summary, *notes]))
    clock.lap("windows")

    _claim(experiment, workdir, "\n".join([report.words().rstrip(), summary, *notes]) + "\n")
    fit(experiment, windows, split, scaler, report.fingerprint, workdir, say)
    clock.lap("train")
    evaluate.run(workdir, notes=notes, say=say)
    clock.lap("evaluate")
    clock.write(workdir)


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


def _claim(experiment: Experiment, workdir: pathlib.Path, preparation: str) -> None:
    """Makes `workdir` this experiment's."""
    try:
        workdir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{workdir}: cannot be made ({error.strerror}); choose another --workdir") from error
    for name, text in ((evaluate.CONFIG, experiment.to_json() + "\n"), ("preparation.txt", preparation)):
        with replacing(workdir / name) as temporary:
            temporary.write_text(text)
