"""The training loop: steps, embeddings of evaluated epochs, checkpoints; it goes on where it stopped."""

import contextlib
import dataclasses
import functools
import hashlib
import math
from collections.abc import Callable, Iterator, Sequence

import jax
import numpy as np

from mccl_jax.buckets import publish
from mccl_jax.data.windows import Windows
from mccl_jax.errors import UserError
from mccl_jax.evaluation.embeddings import UNTRAINED, path_of_epoch
from mccl_jax.experiment import Experiment, TrainOptions
from mccl_jax.losses import SEVERITY
from mccl_jax.models.mccl import ModelOptions
from mccl_jax.models.network import Network
from mccl_jax.training import hosts
from mccl_jax.training import mesh as meshes
from mccl_jax.training import step as steps
from mccl_jax.training.checkpoints import count_alike
from mccl_jax.training.feeding import Resident, Source, Stream
from mccl_jax.training.profiling import Profile
from mccl_jax.training.progress import Progress
from mccl_jax.training.rehearsal import rehearse
from mccl_jax.training.runs import Lane, Run, scaler_arrays
from mccl_jax.training.schedule import Schedule
from mccl_jax.training.selection import LOSS
from mccl_jax.training.stopping import STATUS, Stopping

PROFILE = "profile"


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
    network = Network(dict(cues), model, options.objective == SEVERITY)
    optimizer = steps.adam(options.adam_eps)
    mesh = meshes.make_mesh(runs, devices)
    schedule = Schedule(options.epochs, options.warmup_epochs, options.floor)
    train = functools.partial(
        steps.train_step,
        network,
        optimizer,
        schedule,
        head_learns=options.projection_head_learns,
        objective=options.objective,
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
    cues = tuple((name, cue.shape) for name, cue in windows.of(experiment.model.cues).specification.items())
    return cues, experiment.model, static, windows.mask.shape


def fit_together(runs: Sequence[Run], say: Callable[[str], None] = print) -> dict[int, UserError]:
    """Trains runs of one `structure` side by side, each on its share of the devices, as `fit` trains one.

    Each draws its own batches and ends as it would alone, to the last places of the floats. They need not have equally
    many train sessions, nor begin from the same epoch. Returns, by its place in `runs`, why a run failed: its loss was
    no longer finite. The others are not affected.
    """
    windows = runs[0].data.windows
    cues, model, static, _ = structure(runs[0].experiment, windows)
    lanes = [Lane(run) for run in runs]
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
        count_alike()
        states = meshes.put([lane.state for lane in lanes], mesh)
        of_lanes = [(lane.members, np.int32(lane.count), lane.hyper) for lane in lanes]
        arguments = meshes.put(of_lanes, mesh)
        sources = [
            Source(lane.run.windows, *of_lane, lane.target) for lane, of_lane in zip(lanes, of_lanes, strict=True)
        ]
        fed = Stream(sources, mesh, batch_size, options.shuffle) if streamed else Resident(sources, mesh)
        everywhere, one_run = (of(mesh, options.parallelism) for of in (meshes.everywhere, meshes.one_run))

        def keep_embeddings(epoch: int, to_be_saved: bool = False, taken: int = slots) -> None:
            """Of the runs whose epochs end within the `taken` steps; the others are still in the midst of it."""
            z = np.asarray(everywhere(embed(states, fed.everything(options.batch_size))))[:, : len(windows)]
            last_layer = everywhere({name: x for name, x in states["params"].items() if name.startswith("severity/")})
            for i, (lane, of_run) in enumerate(zip(lanes, z, strict=True)):
                of_layer = {name: np.asarray(x)[i] for name, x in last_layer.items()}
                if taken >= lane.per_epoch:
                    lane.keep_embeddings(epoch, of_run, of_layer, to_be_saved)

        if any((lane.epoch, lane.slot) == (0, 0) for lane in lanes):
            keep_embeddings(UNTRAINED)
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
                # Where it is to end in the midst of an epoch, shorter ones have come to their end.
                done, taken = epoch + 1, slot + at_once
                last, ended = done == options.epochs, any(taken >= lane.per_epoch for lane in lanes)
                evaluated = ended and (last or done % options.evaluate_every == 0)
                due = last or done % options.checkpoint_every == 0
                saved = due or wished
                if evaluated or saved:
                    settle()
                    pending = None
                if all(lane.failed for lane in lanes):
                    break
                if evaluated:
                    keep_embeddings(done, due, taken)
                if evaluated and taken >= slots:
                    progress.line(f"epoch {done}/{options.epochs}, loss {_mean_loss(lanes):.3f}")
                if saved:
                    for i, lane in enumerate(lanes):
                        lane.save(epoch, taken, one_run, states, i)
                        if hosts.several() and lanes[1:]:
                            lane.checkpoints.wait()  # Orbax' messages of two saves at a time would be mixed up
                    publish(runs[0].workdir, lambda: [lane.checkpoints.wait() for lane in lanes])
                if wished:
                    stack.close()  # the saves have come to their end, or why they could not is said
                    say("stopped by SIGTERM, all is saved: the same command again goes on from here")
                    raise SystemExit(STATUS)
            stack.close()  # the last saves, too, come to their end before SIGTERM does
    for lane in lanes:
        lane.say_best(say)
    return {i: lane.failed for i, lane in enumerate(lanes) if lane.failed}


def _by_size(lanes: Sequence[Lane], batch_size: int) -> dict[str, list[Lane]]:
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


def _same_on_all_hosts(lanes: Sequence[Lane]) -> None:
    """Raises UserError where a host would begin from other values than the others, or train on other sessions."""
    if not hosts.several():
        return
    digest = hashlib.sha256()
    for lane in lanes:
        digest.update(lane.run.fingerprint.encode())
        digest.update(repr(sorted(_options_of_all_hosts(lane.run.experiment).items())).encode())
        # Of the windows, which may be many, what was fitted on them.
        for leaf in jax.tree.leaves((lane.state, lane.members, lane.hyper, scaler_arrays(lane.run.data.scaler))):
            digest.update(np.ascontiguousarray(leaf))
    hosts.agree(
        "begin",
        digest.hexdigest(),
        "begins from other values, options or data than the main process; expected the same config, "
        f"{lanes[0].run.workdir}, data.data_dir and files of init to be the same for all, on a disk that they share or "
        "in a bucket, and the same version of the program",
    )


def _options_of_all_hosts(experiment: Experiment) -> dict[str, object]:
    """All but those by which no host computes otherwise, and places, what lies in which is compared itself."""
    own = ("manual_dir", "data_dir", "workers", "profile")
    return {
        key: value
        for key, value in experiment.options.items()
        if key.rpartition(".")[2] not in own and not key.startswith(("evaluation.", "init."))
    }


def _mean_loss(lanes: Sequence[Lane]) -> float:
    return float(np.mean([lane.loss for lane in lanes if not lane.failed]))
