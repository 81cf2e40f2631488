"""The training loop: steps, embeddings of evaluated epochs, checkpoints; it goes on where it stopped."""

import dataclasses
import functools
import json
import math
import pathlib
from collections.abc import Callable, Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from mccl_jax.data.batches import resident
from mccl_jax.data.transfer import digest_of
from mccl_jax.data.windows import Scaler, Windows
from mccl_jax.errors import UserError
from mccl_jax.evaluation.embeddings import Embeddings, path_of_epoch
from mccl_jax.experiment import Experiment, TrainOptions
from mccl_jax.models.mccl import ModelOptions
from mccl_jax.models.network import Network
from mccl_jax.training import mesh as meshes
from mccl_jax.training import step as steps
from mccl_jax.training.begin import begin
from mccl_jax.training.checkpoints import Checkpoints, newest
from mccl_jax.training.progress import Progress
from mccl_jax.training.rehearsal import rehearse
from mccl_jax.training.schedule import Schedule
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


@functools.lru_cache(maxsize=4)
def programs(cues: tuple, model: ModelOptions, options: TrainOptions, steps_per_epoch: int, batch_size: int):
    """(network, optimizer, mesh, training step, embedding); the same objects again for equal arguments.

    So the trainings of one process that differ in seed, learning rate, weight decay, temperature or members share
    their traces.
    """
    network, optimizer, mesh = Network(dict(cues), model), steps.adam(options.adam_eps), meshes.make_mesh()
    schedule = Schedule(steps_per_epoch, options.epochs, options.warmup_epochs, options.floor)
    train = functools.partial(
        steps.train_step, network, optimizer, schedule, head_learns=options.projection_head_learns
    )
    embed = functools.partial(steps.embed, network)
    return (
        network,
        optimizer,
        mesh,
        meshes.parallel_train_step(train, mesh, batch_size, options.shuffle),
        meshes.parallel_embed(embed, mesh, options.batch_size),
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


def fit(
    experiment: Experiment,
    data: TrainingData,
    fingerprint: str,
    workdir: pathlib.Path,
    say: Callable[[str], None] = print,
) -> None:
    """Trains on the sessions whose split is "train" and keeps the embeddings of all sessions at evaluated epochs.

    Leaves checkpoints/, embeddings/, metrics.jsonl and tensorboard/ in `workdir`, and begins from the newest checkpoint
    there. Raises UserError where the loss is no longer finite.
    """
    options, windows = experiment.train, data.windows
    train = np.flatnonzero(data.split == "train").astype(np.int32)
    count = len(train)
    batch_size = min(options.batch_size, count)
    per_epoch = math.ceil(count / batch_size)
    total = per_epoch * options.epochs
    say(f"training: {options.epochs} epochs of {per_epoch} steps, {count} sessions in batches of {batch_size}")
    # As long as all sessions together, so that folds of unequal size share one program.
    members = np.pad(train, (0, len(windows) - count))

    cues = tuple((name, cue.shape) for name, cue in windows.specification.items())
    # What is traced must not make another program of it.
    static = dataclasses.replace(options, learning_rate=0.0, weight_decay=0.0, temperature=1.0)
    network, optimizer, mesh, advance, embed = programs(cues, experiment.model, static, per_epoch, batch_size)
    metadata = metadata_of(experiment, data, fingerprint, per_epoch)

    with Checkpoints(workdir / CHECKPOINTS, options.keep) as checkpoints:
        state = steps.init_state(*begin(network, experiment.seed, experiment.init), optimizer)
        if (kept := newest(workdir / CHECKPOINTS)) is not None:
            arrays, before, folder = kept
            _must_agree(before, metadata, folder)
            state = jax.tree.map(lambda fresh, saved: jnp.asarray(saved, fresh.dtype), state, arrays["state"])
        done = int(state["step"])
        on_device = meshes.put(resident(windows), mesh, meshes.EVERYWHERE)
        runs = functools.partial(jax.tree.map, lambda x: np.asarray(x)[None])
        states = meshes.put(runs(state), mesh, meshes.RUN)
        arguments = meshes.put(runs((members, np.int32(count), _hyper(experiment))), mesh, meshes.RUN)
        if done:
            say(f"goes on after step {done} of {total}, from {folder}")

        def keep_embeddings(epoch):
            z = np.asarray(embed(states, on_device))[0]
            _embeddings(data, z).save(path_of_epoch(workdir, epoch))

        if done >= total:
            if not path_of_epoch(workdir, options.epochs).exists():
                keep_embeddings(options.epochs)
            return

        advance = rehearse(advance, states, arguments, on_device, mesh, total - done, say)

        writer = Writer(workdir, done)
        pending = None  # metrics of the step before: fetched while the next one runs

        def settle():
            if pending is not None:
                _write(writer, *pending, per_epoch, checkpoints)

        try:
            with Progress(done, total, per_epoch) as progress:
                for step in range(done, total):
                    states, metrics = advance(states, *arguments, on_device)
                    settle()
                    pending = step, metrics
                    progress.step()
                    epoch, within = divmod(step + 1, per_epoch)
                    if within:
                        continue
                    last = epoch == options.epochs
                    if last or epoch % options.evaluate_every == 0:
                        settle()
                        pending = None
                        keep_embeddings(epoch)
                        progress.line(f"epoch {epoch}/{options.epochs}, loss {float(metrics['loss'][0][0]):.3f}")
                    if last or epoch % options.checkpoint_every == 0:
                        settle()
                        pending = None
                        writer.flush()
                        solo = jax.tree.map(lambda x: x[0], states)
                        arrays = {"state": solo, "scaler": scaler_arrays(data.scaler)}
                        checkpoints.save(step + 1, arrays, metadata)
        finally:
            writer.close()


def _hyper(experiment: Experiment) -> steps.Hyper:
    options = experiment.train
    rates = (options.learning_rate, options.weight_decay, options.temperature)
    return steps.Hyper(np.int32(experiment.seed), *map(np.float32, rates))


def _must_agree(before: dict, now: dict, folder: pathlib.Path) -> None:
    if before["cues"] != now["cues"] or before["data"] != now["data"]:
        raise UserError(f"{folder}: was trained on other data than there are now: choose another --workdir")


def _embeddings(data: TrainingData, z: np.ndarray) -> Embeddings:
    windows = data.windows
    return Embeddings(
        windows.session, windows.subject, data.split, windows.severity, z[:, 0], z[:, 1], dict(data.labels)
    )


def _write(writer: Writer, step: int, metrics: dict, per_epoch: int, checkpoints: Checkpoints) -> None:
    means = {name: float(total[0]) / float(count[0]) for name, (total, count) in metrics.items()}
    if not all(map(math.isfinite, means.values())):
        kept = checkpoints.latest
        raise UserError(
            f"train: at step {step} the loss is {means['loss']} and the norm of its gradient {means['gradient_norm']}, "
            f"expected finite numbers; the last good checkpoint is {kept or 'none'}: lower "
            "train.learning_rate or raise train.temperature, and choose another --workdir"
        )
    writer(step, {"epoch": step // per_epoch, **means})
