"""--mode=train: prepares what is missing, trains, evaluates."""

import json
import pathlib
import time

import numpy as np

from data_builders.report import Report
from mccl_jax.data.sessions import read_sessions
from mccl_jax.data.splits import split_by_subject
from mccl_jax.data.windows import Scaler, Windows, cut_windows
from mccl_jax.errors import UserError
from mccl_jax.evaluation.files import replacing
from mccl_jax.experiment import Experiment
from mccl_jax.modes import evaluate
from mccl_jax.modes.prepare import prepare
from mccl_jax.training.loop import fit

CONFIG = "config.json"


def run(experiment: Experiment, workdir: pathlib.Path, say=print) -> None:
    """Leaves in `workdir` what the README lists under "What you get"; run again, it goes on where it stopped."""
    _refuse_another(experiment, workdir)
    timings = {}
    begin = time.perf_counter()
    builder, report = prepare(experiment, say)
    say(report.words().rstrip())
    timings["prepare"] = time.perf_counter() - begin

    begin = time.perf_counter()
    splits = []

    def sessions():
        for session in read_sessions(builder):
            splits.append((session.session, session.split))
            yield session

    windows, left_out = cut_windows(sessions(), experiment.windows)
    for line in left_out:
        say(line)
    split = divide(windows, dict(splits), experiment)
    scaler = Scaler.fit(windows, split == "train", experiment.windows)
    windows = scaler(windows)
    timings["windows"] = time.perf_counter() - begin
    counts = {name: int((split == name).sum()) for name in sorted(set(split.tolist()))}
    say(
        f"windows: {len(windows)} sessions ({', '.join(f'{n} {name}' for name, n in counts.items())}) of "
        f"{experiment.windows.frames} frames, {windows.usable.mean():.1%} of their frames usable"
    )

    begin = time.perf_counter()
    _claim(experiment, workdir, report)
    fit(experiment, windows, split, scaler, report.fingerprint, workdir, say)
    timings["train"] = time.perf_counter() - begin

    begin = time.perf_counter()
    evaluate.run(workdir, say=say)
    timings["evaluate"] = time.perf_counter() - begin
    with replacing(workdir / "timings.json") as temporary:
        temporary.write_text(json.dumps({name: round(value, 3) for name, value in timings.items()}) + "\n")


def divide(windows: Windows, splits: dict[str, str], experiment: Experiment) -> np.ndarray:
    """(N,) the split of each session: the corpus's own, or one by subject where it has none.

    Raises UserError where there is nothing to train on or to report, or where a subject stands in both.
    """
    split = np.array([splits[name] for name in windows.session])
    if not any(split):
        data = experiment.data
        split = split_by_subject(windows.subject, windows.severity, data.dev_fraction, data.split_seed)
    reported = experiment.evaluation.reported_split
    for name in ("train", reported):
        if not np.isfinite(windows.severity[split == name]).any():
            raise UserError(
                f"no labelled session in {name}; there are {', '.join(sorted(set(split.tolist())))}: "
                "correct the labels or evaluation.reported_split"
            )
    both = set(windows.subject[split == "train"]) & set(windows.subject[split == reported])
    if both:
        raise UserError(f"subjects stand in train and in {reported}: {', '.join(sorted(both)[:10])}")
    return split


def _refuse_another(experiment: Experiment, workdir: pathlib.Path) -> None:
    """Raises UserError where `workdir` belongs to another experiment; writes nothing."""
    path = workdir / CONFIG
    if not path.exists():
        return
    differences = experiment.differences(Experiment.from_json(path.read_text()))
    if differences:
        more = f", and {len(differences) - 1} more" if differences[1:] else ""
        raise UserError(
            f"{workdir}: belongs to another config ({differences[0]}{more}): choose another --workdir, or remove it"
        )


def _claim(experiment: Experiment, workdir: pathlib.Path, report: Report) -> None:
    """Makes `workdir` this experiment's."""
    try:
        workdir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{workdir}: cannot be made ({error.strerror}); choose another --workdir") from error
    for name, text in ((CONFIG, experiment.to_json() + "\n"), ("preparation.txt", report.words())):
        with replacing(workdir / name) as temporary:
            temporary.write_text(text)
