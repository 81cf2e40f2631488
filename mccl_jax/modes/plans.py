"""One experiment before its training begins: which trainings it takes, and where they are kept."""

import contextlib
import dataclasses
import os
import pathlib
from collections.abc import Iterator, Mapping

import numpy as np

from mccl_jax.data.cuts import words
from mccl_jax.data.splits import (
    ALL,
    check_unreported,
    direct_of,
    is_direct,
    is_outer,
    with_direct,
)
from mccl_jax.data.windows import Windows
from mccl_jax.errors import UserError
from mccl_jax.evaluation import held_out
from mccl_jax.evaluation.described import FILE as DESCRIBED
from mccl_jax.experiment import Experiment, on_severity
from mccl_jax.files import locked, replacing
from mccl_jax.inference import Model
from mccl_jax.losses import CONTRASTIVE
from mccl_jax.modes import evaluate, recut
from mccl_jax.modes.material import Material
from mccl_jax.training import checkpoints, hosts
from mccl_jax.training.runs import CHECKPOINTS, Run
from mccl_jax.training.selection import LOSS

LOCK = ".lock"


class Plan:
    """One experiment on its material, and its workdir: one training, or one for each fold and a final one.

    `experiment` says that its data are simulated wherever they are. `notes` are all that a reader of the results must
    know of the sessions, `summary` what will be trained and reported. Raises UserError where a label is not there that
    the evaluation asks for, or no split by which checkpoints can be chosen as train.best_by asks.
    """

    def __init__(self, experiment: Experiment, material: Material, workdir: pathlib.Path):
        if material.simulated:
            evaluation = dataclasses.replace(experiment.evaluation, simulated=True)
            experiment = dataclasses.replace(experiment, evaluation=evaluation)
        self.experiment, self.material, self.workdir = experiment, material, workdir
        held_out.check_labels(material.facts.labels, material.windows.session, experiment.evaluation)
        if (by := experiment.train.best_by) != LOSS:
            reported = experiment.evaluation.reported_split
            check_unreported(material.windows, material.facts, material.divided, by, reported)
        besides = words(recut.cuts_of(experiment, material))
        self.notes = [*material.notes, *besides, *_batch_notes(material.divided, experiment.train.batch_size)]
        if mistakes := experiment.official_mistakes:
            keys = "; ".join(f"{name} {', '.join(keys)}" for name, keys in mistakes.items())
            self.notes.append(f"mistakes of the official code that are switched on: {keys}")
        self.summary = _summary(material.windows, material.divided, experiment)

    @property
    def trainings(self) -> Mapping[str, np.ndarray]:
        """Name -> (N,) the split of each session: one training, or one a fold and, last, that of the final model.

        Before each of them what chooses for it, and its baseline.
        """
        divided = self.material.divided
        train = self.experiment.train
        return with_direct(divided) if train.direct_baseline and train.objective == CONTRASTIVE else divided

    def run(self, training: str, name: str = "") -> Run:
        """One of the trainings; `name` is what it is called where several go side by side."""
        experiment, of = self.experiment_of(training), training
        if is_direct(training):
            of = next(name for name in self.material.divided if direct_of(name) == training)
        data = self.material.data(of, tuple(self.trainings))
        return Run(experiment, data, self.material.fingerprint, self.workdir / training, name)

    def experiment_of(self, training: str) -> Experiment:
        """That of the workdir, or of its baseline."""
        return on_severity(self._first) if is_direct(training) else self._first

    @property
    def _first(self) -> Experiment:
        """With what a first call said of the evaluation: what a later one says otherwise is a change after training."""
        if not (self.workdir / evaluate.CONFIG).exists():
            return self.experiment
        evaluation = evaluate.experiment_of(self.workdir).evaluation
        return dataclasses.replace(self.experiment, evaluation=evaluation)

    def refuse_another(self) -> None:
        """Raises UserError where the workdir is another experiment's, or was trained on other data; writes nothing."""
        refuse_another(self.experiment, self.workdir)
        for training in self.trainings:
            for kept in checkpoints.said(self.workdir / training / CHECKPOINTS):
                if kept.get("data") != self.material.fingerprint:
                    raise UserError(
                        f"{self.workdir}: was trained on other data than there are now: choose another --workdir, or "
                        "remove it"
                    )

    @contextlib.contextmanager
    def claimed(self) -> Iterator[None]:
        """Makes the workdir this experiment's and keeps processes off it that do not train together with this one.

        Raises UserError as `refuse_another` does, for it may have become another's while the data were prepared.
        """
        if not hosts.is_main():
            yield
            return
        preparation = "\n".join([self.material.said, self.summary, *self.notes]) + "\n"
        with claimed(self.workdir):
            self.refuse_another()
            first = self._first
            for name, text in ((evaluate.CONFIG, first.to_json() + "\n"), ("preparation.txt", preparation)):
                with replacing(self.workdir / name) as temporary:
                    temporary.write_text(text)
            self.material.described(self.experiment.model.cues).save(self.workdir / DESCRIBED)
            yield

    def evaluate(self, say) -> None:
        """Scores what was trained; of several processes the main one does."""
        if hosts.is_main():
            self._recut()
            evaluate.run(self.workdir, dataclasses.asdict(self.experiment.evaluation), self.notes, say)

    def _recut(self) -> None:
        """Has the trained models see the sessions cut in the other ways that are scored besides."""
        if not (cuts := recut.cuts_of(self.experiment, self.material)):
            return
        for name in evaluate.reported(self.trainings):
            run = self.run(name)
            model = Model(*evaluate.end_of_training(run.workdir, self.experiment))
            recut.embed_cuts(cuts, self.material, run.data, model, run.workdir)


@contextlib.contextmanager
def claimed(workdir: pathlib.Path) -> Iterator[None]:
    """Keeps other processes off a workdir."""

    def busy():
        raise UserError(f"{workdir}: another process is training in it; wait for its end, or choose another --workdir")

    with locked(workdir / LOCK, busy):
        yield


def refuse_unwritable(workdir: pathlib.Path) -> None:
    """Raises UserError where `workdir` cannot be made or written to, before hours are spent; writes nothing."""
    nearest = workdir.absolute()
    while not nearest.exists():
        nearest = nearest.parent
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        wrong = "cannot be written to" if nearest.is_dir() else "is no folder"
        raise UserError(f"{workdir}: {nearest} {wrong}; expected a place for the results: choose another --workdir")


def refuse_another(experiment: Experiment, workdir: pathlib.Path) -> None:
    """Raises UserError where `workdir` belongs to another experiment; writes nothing."""
    if not (workdir / evaluate.CONFIG).exists():
        return
    differences = experiment.differences(evaluate.experiment_of(workdir))
    if differences:
        more = f", and {len(differences) - 1} more" if differences[1:] else ""
        raise UserError(
            f"{workdir}: belongs to another config ({differences[0]}{more}): choose another --workdir, or remove it"
        )


def _summary(windows: Windows, divided: Mapping[str, np.ndarray], experiment: Experiment) -> str:
    """What will be trained and what will be reported, said before anything is."""
    reported = experiment.evaluation.reported_split
    of = {split: f" of {corpus}" for split, corpus in (experiment.transfer_names or {}).items()}
    outer = {name: split for name, split in divided.items() if is_outer(name)}
    if ALL in outer:
        tested = ", ".join(str((split == reported).sum()) for name, split in outer.items() if name != ALL)
        how = f"{len(outer) - 1} folds that test {tested}; then a final model on all"
    else:
        (split,) = outer.values()
        how = ", ".join(f"{(split == name).sum()} {name}{of.get(name, '')}" for name in sorted(set(split.tolist())))
    return (
        f"windows: {len(windows)} sessions ({how}) of up to {experiment.windows.frames} frames; "
        f"{windows.usable.mean():.1%} of the recorded frames are usable\n"
        f"to be reported: the last epoch on {reported}{of.get(reported, '')}, {experiment.evaluation.primary} as the "
        f"headline{_choosing(experiment)}"
    )


def _choosing(experiment: Experiment) -> str:
    parts = experiment.data.inner_folds
    return f"; also the epoch and regressor that {parts} inner folds of train choose" if parts else ""


def _batch_notes(divided: Mapping[str, np.ndarray], batch_size: int) -> list[str]:
    fewest = min((split == "train").sum() for split in divided.values())
    notes = []
    if fewest < batch_size:
        notes.append(f"a batch of {batch_size} is larger than the {fewest} train sessions: a batch has them all")
    if fewest == 1:
        notes.append("a single train session: the contrastive loss has nothing to tell it from")
    return notes
