"""One run on the host: what it trains on, and what is its own while it trains, alone or beside others."""

import contextlib
import dataclasses
import json
import math
import pathlib
from collections.abc import Callable, Mapping, Sequence

import jax
import numpy as np

from mccl_jax.data.scaling import Scaler, SeverityScale
from mccl_jax.data.transfer import digest_of
from mccl_jax.data.windows import Windows
from mccl_jax.errors import UserError
from mccl_jax.evaluation.embeddings import Embeddings, path_of_epoch
from mccl_jax.experiment import Experiment
from mccl_jax.losses import SEVERITY
from mccl_jax.models.network import Arrays, Network
from mccl_jax.regressors import Network as LastLayer
from mccl_jax.training import hosts
from mccl_jax.training import step as steps
from mccl_jax.training.begin import begin
from mccl_jax.training.checkpoints import Checkpoints, newest
from mccl_jax.training.selection import Selection
from mccl_jax.training.writers import Writer

CHECKPOINTS = "checkpoints"


@dataclasses.dataclass(frozen=True)
class TrainingData:
    """N sessions ready to train on.

    windows   scaled by `scaler`, which was fitted on the sessions of train.
    split     (N,) str: "train", or the split that is reported.
    labels    name -> (N,), to be kept with the embeddings.
    digests   (N,) str: SHA-256 of each recording, by which a model knows those that it was trained on.
    trainings the names of all trainings of the workdir, of which this is one.
    """

    windows: Windows
    split: np.ndarray
    scaler: Scaler
    labels: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)
    digests: Sequence[str] = ()
    trainings: Sequence[str] = ("",)


@dataclasses.dataclass(frozen=True)
class Run:
    """One training: what it trains on, where it is kept, and what it is called where several go side by side."""

    experiment: Experiment
    data: TrainingData
    fingerprint: str
    workdir: pathlib.Path
    name: str = ""

    @property
    def windows(self) -> Windows:
        """What its model reads of the data."""
        return self.data.windows.of(self.experiment.model.cues)


class Lane:
    """One of the runs that train together: what is its own, on the host."""

    def __init__(self, run: Run):
        self.run, self.failed, self.loss = run, None, math.nan
        self.train = np.flatnonzero(run.data.split == "train").astype(np.int32)
        self.count, self.per_epoch = len(self.train), 0
        self.members = np.pad(self.train, (0, len(run.data.windows) - self.count))
        self.called = f"{run.name}: " if run.name else ""
        self.severity_scale = self.target = None
        if run.experiment.train.objective == SEVERITY:
            severity = run.data.windows.severity
            self.severity_scale = SeverityScale.fit(severity[self.train])
            of_train = np.where(run.data.split == "train", severity, np.nan)  # no other comes near the devices
            self.target = self.severity_scale(of_train)

    @property
    def hyper(self) -> steps.Hyper:
        """What differs between runs that share one program."""
        experiment, options = self.run.experiment, self.run.experiment.train
        rates = (options.learning_rate, options.weight_decay, options.temperature)
        return steps.Hyper(np.int32(experiment.seed), *map(np.float32, rates), np.int32(self.per_epoch))

    def begin(self, stack: contextlib.ExitStack, network: Network, optimizer, say: Callable[[str], None]) -> None:
        """First values, or those of the newest checkpoint; files are open until `stack` is left."""
        run, experiment = self.run, self.run.experiment
        place = run.workdir / CHECKPOINTS
        self.metadata = metadata_of(experiment, run.data, run.fingerprint, self.per_epoch)
        self.checkpoints = stack.enter_context(Checkpoints(place, experiment.train.keep))
        self.state = steps.init_state(*begin(network, experiment.seed, experiment.init), optimizer)
        before = {}
        if (kept := newest(place)) is not None:
            arrays, before, folder = kept
            _must_agree(before, self.metadata, folder)
            self.state = jax.tree.map(lambda fresh, saved: np.asarray(saved, fresh.dtype), self.state, arrays["state"])
        self.selection = Selection(experiment.train.best_by, experiment.evaluation, before.get("selection"))
        done, total = int(self.state["step"]), self.per_epoch * experiment.train.epochs
        self.epoch, self.slot = divmod(done, self.per_epoch)
        if done:
            say(f"{self.called}goes on after step {done} of {total}, from {folder}")
        self.writer = None
        if done < total and hosts.is_main():
            self.writer = Writer(run.workdir, done)
            stack.callback(self.writer.close)

    def keep_embeddings(self, epoch: int, z: np.ndarray, last_layer: Arrays, to_be_saved: bool) -> None:
        """Those of the end of an epoch, z (N, 2, D), unless they are there or it was further ahead from the start.

        `last_layer` are the parameters of the severity head, if there is one. Where a checkpoint of it is
        `to_be_saved`, the epoch gets its score.
        """
        path = path_of_epoch(self.run.workdir, epoch)
        began_here = (self.epoch, self.slot) == (epoch, 0) and not path.exists()
        embeddings = embeddings_of(self.run.data, z)
        if self.severity_scale:
            network = LastLayer.of(last_layer, self.severity_scale.centre, self.severity_scale.scale)
            embeddings = dataclasses.replace(embeddings, output=network.predict(embeddings.features))
        if hosts.is_main() and self.failed is None and (self.epoch < epoch or began_here):
            embeddings.save(path)
        if self.failed is None and self.epoch < epoch and to_be_saved:
            self.selection.score(embeddings)

    def save(self, epoch: int, slots: int, one_run: Callable, states, i: int) -> None:
        """Begins to save a checkpoint of what it is after so many steps of an epoch, or all where there are fewer."""
        step = epoch * self.per_epoch + min(slots, self.per_epoch)
        if self.failed is None and step > self.epoch * self.per_epoch + self.slot:
            if self.writer:
                self.writer.flush()
            # As numpy arrays, which the main process writes alone; of others each would write a part, on its own disk.
            state = jax.device_get(one_run(states, i))
            arrays = {"state": state, "scaler": scaler_arrays(self.run.data.scaler)}
            if self.severity_scale:
                arrays["severity"] = dataclasses.asdict(self.severity_scale)
            selection = self.selection.saved(step, epoch + 1)
            best = self.selection.best and self.selection.best["step"]
            self.checkpoints.save(step, arrays, {**self.metadata, "selection": selection}, best)

    def say_best(self, say: Callable[[str], None]) -> None:
        """Which of its checkpoints is the best, and by what."""
        if self.failed is None and (best := self.selection.best):
            place = self.run.workdir / CHECKPOINTS / str(best["step"])
            say(
                f"{self.called}best checkpoint: {place}, epoch {best['epoch']}, by {self.selection.words} "
                f"({best['score']:.4g}); what is reported is the last epoch"
            )

    def write(self, epoch: int, slot: int, metrics: dict[str, tuple[np.ndarray, np.ndarray]]) -> None:
        """Metrics (steps,) of the steps from `slot` on; where they are not finite, the run has failed."""
        for k in range(len(metrics["loss"][0])):
            means = {name: float(total[k]) / float(count[k]) for name, (total, count) in metrics.items() if count[k]}
            if self.failed or not means:
                continue
            step = epoch * self.per_epoch + slot + k
            if not all(map(math.isfinite, means.values())):
                self.failed = _not_finite(step, means, self.checkpoints.latest)
                continue
            self.loss = means["loss"]
            self.selection.step(slot + k, self.loss)
            if self.writer:
                self.writer(step, {"epoch": epoch, **means})


def metadata_of(experiment: Experiment, data: TrainingData, fingerprint: str, steps_per_epoch: int) -> dict:
    """What stands beside the arrays of every checkpoint."""
    cues = [dataclasses.asdict(cue) for cue in data.windows.specification.values()]
    trained = {one for one, split in zip(data.digests, data.split, strict=False) if split == "train" and one}
    if experiment.transfer:  # the same people are in other recordings, too
        trained |= {digest_of(one) for one in data.windows.subject[data.split == "train"]}
    # Through JSON, as it will come back: tuples are lists there.
    return {
        "experiment": experiment.to_json(),
        "cues": json.loads(json.dumps(cues)),
        "data": fingerprint,
        "steps_per_epoch": steps_per_epoch,
        "trained_on": sorted(trained),
        "trainings": list(data.trainings),
    }


def scaler_arrays(scaler: Scaler) -> dict:
    """A scaler as a tree of arrays, to be saved."""
    return {"centre": dict(scaler.centre), "scale": dict(scaler.scale)}


def _must_agree(before: dict, now: dict, folder: pathlib.Path) -> None:
    """Raises UserError where a checkpoint is none of this training's."""
    if any(before.get(key) != now[key] for key in ("cues", "data", "trained_on", "steps_per_epoch")):
        raise UserError(f"{folder}: was trained on other data than there are now: choose another --workdir")
    here, there = (Experiment.from_json(one["experiment"]) for one in (now, before))
    if differences := here.differences(there):
        raise UserError(
            f"{folder}: belongs to another config ({differences[0]}): remove it, or choose another --workdir"
        )


def embeddings_of(data: TrainingData, z: np.ndarray) -> Embeddings:
    windows = data.windows
    return Embeddings(
        windows.session, windows.subject, data.split, windows.severity, z[:, 0], z[:, 1], dict(data.labels)
    )


def _not_finite(step: int, means: dict, kept: pathlib.Path | None) -> UserError:
    return UserError(
        f"train: at step {step} the loss is {means['loss']} and the norm of its gradient {means['gradient_norm']}, "
        f"expected finite numbers; the last good checkpoint is {kept or 'none'}: lower "
        "train.learning_rate or raise train.temperature, and choose another --workdir"
    )
