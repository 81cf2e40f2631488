"""The training loop: steps, embeddings of evaluated epochs, checkpoints; it goes on where it stopped."""

import contextlib
import dataclasses
import functools
import hashlib
import json
import math
import pathlib
from collections.abc import Callable, Iterator, Mapping, Sequence

import jax
import numpy as np

from mccl_jax.data.scaling import Scaler
from mccl_jax.data.transfer import digest_of
from mccl_jax.data.windows import Windows
from mccl_jax.errors import UserError
from mccl_jax.evaluation.embeddings import Embeddings, path_of_epoch
from mccl_jax.experiment import Experiment, TrainOptions
from mccl_jax.models.mccl import ModelOptions
from mccl_jax.models.network import Network
from mccl_jax.training import hosts
from mccl_jax.training import mesh as meshes
from mccl_jax.training import step as steps
from mccl_jax.training.begin import begin
from mccl_jax.training.checkpoints import Checkpoints, newest
from mccl_jax.training.feeding import Resident, Source, Stream
from mccl_jax.training.profiling import Profile
from mccl_jax.training.progress import Progress
from mccl_jax.training.rehearsal import rehearse
from mccl_jax.training.schedule import Schedule
from mccl_jax.training.selection import LOSS, Selection
from mccl_jax.training.stopping import STATUS, Stopping
from mccl_jax.training.writers import Writer

CHECKPOINTS, PROFILE = "checkpoints", "profile"


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


@functools.lru_cache(maxsize=4)
def programs(
    cues: tuple,
    model: ModelOptions,
    options: TrainOptions,
    batch_size: int,
    runs: int = 1,
    steps_at_once: int = 1,
    devices: tuple[jax.Device, ...] | None = None,
):
    """(network, optimizer, mesh, training steps, embedding); the same objects again for equal arguments.

    On `devices`, or on all that there are. So the trainings of one process that differ in seed, learning rate, weight
    decay, temperature or members share their traces.
    """
    network, optimizer = Network(dict(cues), model), steps.adam(options.adam_eps)
    mesh = meshes.make_mesh(runs, devices)
    schedule = Schedule(options.epochs, options.warmup_epochs, options.floor)
    train = functools.partial(
        steps.train_step, network, optimizer, schedule, head_learns=options.projection_head_learns
    )
    embed, how = functools.partial(steps.embed, network), options.parallelism
    streamed = options.feeding == "stream"
    return (
        network,
        optimizer,
        mesh,
        meshes.parallel_train_step(train, mesh, batch_size, options.shuffle, steps_at_once, how, streamed),
        meshes.parallel_embed(embed, mesh, options.batch_size, how, streamed),
    )


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


def fit(run: Run, say: Callable[[str], None] = print) -> None:
    """Trains on the sessions whose split is "train" and keeps the embeddings of all sessions at evaluated epochs.

    Leaves checkpoints/, embeddings/, metrics.jsonl and tensorboard/ in the run's workdir, and begins from the newest
    checkpoint there. Raises UserError where the loss is no longer finite, or the devices' memory does not suffice.
    """
    for error in fit_together([run], say).values():
        raise error


def structure(experiment: Experiment, windows: Windows) -> tuple:
    """What must be equal of runs that train together: all that makes another program, and the number of sessions."""
    options = experiment.train
    # What is traced makes no other program.
    static = dataclasses.replace(options, learning_rate=0.0, weight_decay=0.0, temperature=1.0, keep=1, best_by=LOSS)
    cues = tuple((name, cue.shape) for name, cue in windows.specification.items())
    return cues, experiment.model, static, windows.mask.shape


def fit_together(runs: Sequence[Run], say: Callable[[str], None] = print) -> dict[int, UserError]:
    """Trains runs of one `structure` side by side, each on its share of the devices, as `fit` trains one.

    Each draws its own batches and ends as it would alone, to the last places of the floats. They need not have equally
    many train sessions, nor begin from the same epoch. Returns, by its place in `runs`, why a run failed: its loss was
    no longer finite. The others are not affected.
    """
    windows = runs[0].data.windows
    cues, model, static, _ = structure(runs[0].experiment, windows)
    lanes = [_Lane(run) for run in runs]
    options = static
    batch_size = min(options.batch_size, max(lane.count for lane in lanes))
    for lane in lanes:
        lane.per_epoch = math.ceil(lane.count / batch_size)
    slots = max(lane.per_epoch for lane in lanes)
    streamed = options.feeding == "stream"
    # An epoch a dispatch where nothing is to be brought for each step; a CPU has no idle time to fill.
    at_once = 1 if streamed or jax.default_backend() == "cpu" else slots
    network, optimizer, mesh, advance, embed = programs(cues, model, static, batch_size, len(runs), at_once)
    for size, of_size in _by_size(lanes, batch_size).items():
        called = of_size[0].called if len(of_size) == 1 else f"{len(of_size)} runs: "
        say(f"{called}training: {options.epochs} epochs of {size}")

    with contextlib.ExitStack() as stack:
        stack.enter_context(_memory())
        hosts.wait("ready")  # before what waits for the others only so long
        for lane in lanes:
            lane.begin(stack, network, optimizer, say)
        _same_on_all_hosts(lanes)
        states = meshes.put([lane.state for lane in lanes], mesh)
        of_lanes = [(lane.members, np.int32(lane.count), _hyper(lane)) for lane in lanes]
        arguments = meshes.put(of_lanes, mesh)
        sources = [Source(lane.run.data.windows, *of_lane) for lane, of_lane in zip(lanes, of_lanes, strict=True)]
        fed = Stream(sources, mesh, batch_size, options.shuffle) if streamed else Resident(sources, mesh)
        everywhere, one_run = meshes.everywhere(mesh), meshes.one_run(mesh)

        def keep_embeddings(epoch: int, to_be_saved: bool = False) -> None:
            z = np.asarray(everywhere(embed(states, fed.everything(options.batch_size))))[:, : len(windows)]
            for lane, of_run in zip(lanes, z, strict=True):
                lane.keep_embeddings(epoch, of_run, to_be_saved)

        first, slot_of_first = min((lane.epoch, lane.slot) for lane in lanes)
        if first >= options.epochs:
            there = all(path_of_epoch(lane.run.workdir, options.epochs).exists() for lane in lanes)
            if hosts.share("embeddings", str(there)) != "True":
                keep_embeddings(options.epochs)
            for lane in lanes:
                lane.say_best(say)
            return {}
        calls = slots // at_once
        left = (options.epochs - first) * calls
        at = first * slots + slot_of_first // at_once * at_once
        data = next(fed.batches(at, at + 1, slots))
        advance = rehearse(advance, (states, *arguments, data), mesh, left, at_once, model.dtype, say)
        feed = fed.batches(at, options.epochs * slots, slots)
        pending = None  # metrics of the call before: fetched while the next one runs

        def settle() -> None:
            if pending is not None:
                metrics = jax.tree.map(np.asarray, everywhere(pending[2]))
                for i, lane in enumerate(lanes):
                    lane.write(*pending[:2], jax.tree.map(lambda x, i=i: x[i], metrics))

        profile = stack.enter_context(Profile(runs[0].workdir / PROFILE, options.profile, say))
        with Progress(left * at_once, not hosts.is_main()) as progress, Stopping() as stopping:
            for epoch in range(first, options.epochs):
                begin = slot_of_first // at_once * at_once if epoch == first else 0
                for slot in range(begin, slots, at_once):
                    profile.begin()
                    states, metrics = advance(states, *arguments, next(feed), np.int32(epoch), np.int32(slot))
                    profile.end(at_once, metrics)
                    settle()
                    pending = epoch, slot, metrics
                    progress.step(at_once)
                    if wished := stopping.wished():
                        break
                done, ended = epoch + 1, slot + at_once >= slots
                last = done == options.epochs
                evaluated = ended and (last or done % options.evaluate_every == 0)
                due = last or done % options.checkpoint_every == 0
                saved = due or wished
                if evaluated or saved:
                    settle()
                    pending = None
                if all(lane.failed for lane in lanes):
                    break
                if evaluated:
                    keep_embeddings(done, due)
                    progress.line(f"epoch {done}/{options.epochs}, loss {_mean_loss(lanes):.3f}")
                if saved:
                    for i, lane in enumerate(lanes):
                        lane.save(epoch, slot + at_once, one_run, states, i)
                if wished:
                    stack.close()  # the saves have come to their end, or why they could not is said
                    say("stopped by SIGTERM, all is saved: the same command again goes on from here")
                    raise SystemExit(STATUS)
            stack.close()  # the last saves, too, come to their end before SIGTERM does
    for lane in lanes:
        lane.say_best(say)
    return {i: lane.failed for i, lane in enumerate(lanes) if lane.failed}


class _Lane:
    """One of the runs that train together: what is its own, on the host."""

    def __init__(self, run: Run):
        self.run, self.failed, self.loss = run, None, math.nan
        self.train = np.flatnonzero(run.data.split == "train").astype(np.int32)
        self.count, self.per_epoch = len(self.train), 0
        self.members = np.pad(self.train, (0, len(run.data.windows) - self.count))
        self.called = f"{run.name}: " if run.name else ""

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

    def keep_embeddings(self, epoch: int, z: np.ndarray, to_be_saved: bool) -> None:
        """Those of the end of an epoch, z (N, 2, D), unless they are there or it was further ahead from the start.

        Where a checkpoint of it is `to_be_saved`, the epoch gets its score.
        """
        path = path_of_epoch(self.run.workdir, epoch)
        began_here = (self.epoch, self.slot) == (epoch, 0) and not path.exists()
        embeddings = _embeddings(self.run.data, z)
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
            arrays = {"state": one_run(states, i), "scaler": scaler_arrays(self.run.data.scaler)}
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


def _by_size(lanes: Sequence[_Lane], batch_size: int) -> dict[str, list[_Lane]]:
    """How long an epoch is, in words -> the runs of which it is true."""
    found = {}
    for lane in lanes:
        size = f"{lane.per_epoch} steps, {lane.count} sessions in batches of {min(batch_size, lane.count)}"
        found.setdefault(size, []).append(lane)
    return found


@contextlib.contextmanager
def _memory() -> Iterator[None]:
    """Within it, devices without enough memory are a UserError."""
    try:
        yield
    except jax.errors.JaxRuntimeError as error:
        if "RESOURCE_EXHAUSTED" not in str(error):
            raise
        what = " ".join(str(error).split())[:200]
        raise UserError(
            f"train: the memory of the devices does not suffice ({what}): lower train.batch_size or windows.seconds, "
            "or use more devices"
        ) from error


def _same_on_all_hosts(lanes: Sequence[_Lane]) -> None:
    """Raises UserError where a host would begin from other values than the others, or train on other sessions."""
    if not hosts.several():
        return
    digest = hashlib.sha256()
    for lane in lanes:
        digest.update(lane.run.fingerprint.encode())
        # Of the windows, which may be many, what was fitted on them.
        for leaf in jax.tree.leaves((lane.state, lane.members, _hyper(lane), scaler_arrays(lane.run.data.scaler))):
            digest.update(np.ascontiguousarray(leaf))
    hosts.agree(
        "begin",
        digest.hexdigest(),
        f"begins from other values or data than the main process; expected {lanes[0].run.workdir}, data.data_dir and "
        "files of init to be the same for all, on a disk that they share, and the same version of the program",
    )


def _mean_loss(lanes: Sequence[_Lane]) -> float:
    return float(np.mean([lane.loss for lane in lanes if not lane.failed]))


def _hyper(lane: _Lane) -> steps.Hyper:
    experiment, options = lane.run.experiment, lane.run.experiment.train
    rates = (options.learning_rate, options.weight_decay, options.temperature)
    return steps.Hyper(np.int32(experiment.seed), *map(np.float32, rates), np.int32(lane.per_epoch))


def _must_agree(before: dict, now: dict, folder: pathlib.Path) -> None:
    """Raises UserError where a checkpoint is none of this training's."""
    if any(before.get(key) != now[key] for key in ("cues", "data", "trained_on", "steps_per_epoch")):
        raise UserError(f"{folder}: was trained on other data than there are now: choose another --workdir")
    here, there = (Experiment.from_json(one["experiment"]) for one in (now, before))
    if differences := here.differences(there):
        raise UserError(
            f"{folder}: belongs to another config ({differences[0]}): remove it, or choose another --workdir"
        )


def _embeddings(data: TrainingData, z: np.ndarray) -> Embeddings:
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
