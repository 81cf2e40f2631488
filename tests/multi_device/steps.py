"""Six steps of three runs and the embeddings after them, in several layouts of eight devices: written to a file.

    JAX_NUM_CPU_DEVICES=8 python -m tests.multi_device.steps OUT.npz

Seven, six or four sessions in batches of five: the second batch of an epoch holds two or one, so that some of several
devices have padding only; the third run has a single batch an epoch. Sessions differ in length, so that devices differ
in valid frames.
"""

import functools
import itertools
import sys

import jax
import jax.numpy as jnp
import numpy as np

from mccl_jax.data.batches import Batch
from mccl_jax.losses import SEVERITY
from mccl_jax.models.mccl import ModelOptions
from mccl_jax.models.network import Network
from mccl_jax.training import mesh as meshes
from mccl_jax.training.schedule import Schedule
from mccl_jax.training.step import Hyper, adam, embed, init_state, train_step

CUES = {"aus": (2, 1)}
OPTIONS = ModelOptions(width=4, blocks=(1,), hidden=4, segments=2, projection=6)
T, LENGTHS, BATCH_SIZE = 12, (12, 3, 9, 12, 1, 7, 10), 5
# Run -> seed of its values and batches, sessions that take part, temperature. The last has shorter epochs.
RUNS = ((0, 7, 0.09), (1, 6, 0.5), (2, 4, 0.2))
EPOCHS, SLOTS = 3, 2
# Name -> devices, runs side by side, steps at once, how they are wrapped, what is trained.
LAYOUTS = {
    "one device": (1, 1, 1, "jit", "contrastive"),
    "three devices": (3, 1, 1, "jit", "contrastive"),
    "eight devices": (8, 1, 1, "jit", "contrastive"),
    "two devices, an epoch at once": (2, 1, 2, "jit", "contrastive"),
    "runs on two devices each, an epoch at once": (6, 3, 2, "jit", "contrastive"),
    "runs on one device each": (3, 3, 1, "jit", "contrastive"),
    "pmap on three devices": (3, 1, 1, "pmap", "contrastive"),
    "pmap on eight devices, an epoch at once": (8, 1, 2, "pmap", "contrastive"),
    "severity on one device": (1, 1, 1, "jit", "severity"),
    "severity, runs on two devices each, an epoch at once": (6, 3, 2, "jit", "severity"),
    "severity, pmap on three devices": (3, 1, 1, "pmap", "severity"),
}


# In float32 those that differ most: compiling all of them takes minutes.
IN_FLOAT32 = ("one device", "eight devices", "runs on two devices each, an epoch at once", "pmap on three devices")


def layouts_of(precision: str) -> dict[str, tuple]:
    """Those that are tried in a precision, "float64" or "float32"."""
    return LAYOUTS if precision == "float64" else {name: LAYOUTS[name] for name in IN_FLOAT32}


def sessions() -> Batch:
    rng, N = np.random.default_rng(0), len(LENGTHS)
    mask = (np.arange(T) < np.array(LENGTHS)[:, None]).astype(float)
    segment = np.where(mask > 0, np.arange(T) * 2 // np.array(LENGTHS)[:, None], -1).astype(np.int32)
    cues = {name: rng.normal(size=(N, T, *shape)) * mask[:, :, None, None] for name, shape in CUES.items()}
    # Two sessions of one person, which may lie on different devices.
    # Of some of them it is not known how severe they are.
    target = np.array([1.0, np.nan, -0.5, 0.3, np.nan, 2.0, -1.0])
    return Batch(cues, mask, segment, np.array([0, 1, 2, 3, 0, 4, 5], np.int32), np.ones(N), target)


def arguments_of(network, optimizer, runs, dtype):
    """(state, members, count, hyper, data) of each of these runs."""
    of_runs = []
    for seed, count, temperature in runs:
        state = jax.tree.map(np.asarray, init_state(*network.init(seed), optimizer))
        rates = (np.asarray(x, dtype) for x in (0.05, 0.1, temperature))
        hyper = Hyper(np.int32(seed), *rates, np.int32(-(-count // BATCH_SIZE)))
        of_runs.append((state, np.arange(len(LENGTHS)), np.int32(count), hyper, sessions()))
    return jax.tree.map(lambda x: x.astype(dtype) if x.dtype.kind == "f" else x, of_runs)


def trained(layout, dtype) -> dict[str, np.ndarray]:
    """Metrics of every step, and what the runs are in the end, (runs, ...) each, in one layout."""
    (devices, together, at_once, how, objective), optimizer = layout, adam(1e-8)
    network = Network(CUES, OPTIONS, objective == SEVERITY)
    mesh = meshes.make_mesh(together, jax.devices()[:devices])
    schedule = Schedule(epochs=4, warmup_epochs=1, floor=1e-3)
    step = functools.partial(train_step, network, optimizer, schedule, objective=objective)
    advance = meshes.parallel_train_step(step, mesh, BATCH_SIZE, steps=at_once, parallelism=how)
    embed_all = meshes.parallel_embed(functools.partial(embed, network), mesh, BATCH_SIZE, how)
    parts = []
    for first in range(0, len(RUNS), together):
        runs = RUNS[first : first + together]
        states, *others = meshes.put(arguments_of(network, optimizer, runs, dtype), mesh)
        out = {}
        for epoch, slot in itertools.product(range(EPOCHS), range(0, SLOTS, at_once)):
            states, metrics = advance(states, *others, np.int32(epoch), np.int32(slot))
            for name, (total, count) in jax.device_get(metrics).items():
                out |= {f"{name}/{epoch}/{slot + k}": total[:, k] * count[:, k] for k in range(at_once)}
        for part in ("params", "batch_stats"):
            out |= {f"{part}/{name}": value for name, value in states[part].items()}
        parts.append(jax.device_get(out | {"step": states["step"], "embeddings": embed_all(states, others[-1])}))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def main(path: str) -> None:
    dtype = jnp.zeros(()).dtype
    found = {layout: trained(how, dtype) for layout, how in layouts_of(str(dtype)).items()}
    np.savez(path, **{f"{layout}: {name}": value for layout, of_it in found.items() for name, value in of_it.items()})


if __name__ == "__main__":
    main(sys.argv[1])
