"""Three steps of two runs and the embeddings after them, on as many devices as this process has: written to a file.

    JAX_NUM_CPU_DEVICES=3 python -m tests.multi_device.steps OUT.npz RUNS_AT_ONCE

Seven sessions in batches of five: the second batch of an epoch holds two, so that with two devices one has padding
only, and with three each batch has some. Sessions differ in length, so that devices differ in valid frames.
"""

import functools
import sys

import jax
import jax.numpy as jnp
import numpy as np

from mccl_jax.data.batches import Batch
from mccl_jax.models.mccl import ModelOptions
from mccl_jax.models.network import Network
from mccl_jax.training import mesh as meshes
from mccl_jax.training.schedule import Schedule
from mccl_jax.training.step import Hyper, adam, embed, init_state, train_step

CUES = {"aus": (2, 1)}
OPTIONS = ModelOptions(width=4, blocks=(1,), hidden=4, segments=2, projection=6)
T, LENGTHS, BATCH_SIZE = 12, (12, 3, 9, 12, 1, 7, 10), 5
# Run -> seed of its values and batches, sessions that take part, temperature.
RUNS = ((0, 7, 0.09), (1, 6, 0.5))


def sessions() -> Batch:
    rng, N = np.random.default_rng(0), len(LENGTHS)
    mask = (np.arange(T) < np.array(LENGTHS)[:, None]).astype(float)
    segment = np.where(mask > 0, np.arange(T) * 2 // np.array(LENGTHS)[:, None], -1).astype(np.int32)
    cues = {name: rng.normal(size=(N, T, *shape)) * mask[:, :, None, None] for name, shape in CUES.items()}
    # Two sessions of one person, which may lie on different devices.
    return Batch(cues, mask, segment, np.array([0, 1, 2, 3, 0, 4, 5], np.int32), np.ones(N))


def states_of(network, optimizer, runs):
    """(states, members, counts, hypers) with a leading axis over these runs."""
    states = [init_state(*network.init(seed), optimizer) for seed, _, _ in runs]
    hypers = [Hyper(*map(jnp.asarray, (seed, 0.05, 0.1, temperature))) for seed, _, temperature in runs]
    states, hypers = (jax.tree.map(lambda *x: jnp.stack(x), *each) for each in (states, hypers))
    return states, jnp.tile(jnp.arange(len(LENGTHS)), (len(runs), 1)), jnp.array([run[1] for run in runs]), hypers


def main(path: str, runs_at_once: int) -> None:
    network, optimizer, mesh = Network(CUES, OPTIONS), adam(1e-8), meshes.make_mesh(runs_at_once)
    schedule = Schedule(steps_per_epoch=2, epochs=4, warmup_epochs=1, floor=1e-3)
    step = functools.partial(train_step, network, optimizer, schedule)
    advance = meshes.parallel_train_step(step, mesh, BATCH_SIZE)
    embed_all = meshes.parallel_embed(functools.partial(embed, network), mesh, BATCH_SIZE)
    data = meshes.put(sessions(), mesh, meshes.EVERYWHERE)

    def after_three_steps(runs) -> dict[str, np.ndarray]:
        states, members, counts, hypers = meshes.put(states_of(network, optimizer, runs), mesh, meshes.RUN)
        out = {}
        for k in range(3):
            states, metrics = advance(states, members, counts, hypers, data)
            out |= {f"{name}/{k}": total / count for name, (total, count) in metrics.items()}
        for part in ("params", "batch_stats"):
            out |= {f"{part}/{name}": value for name, value in states[part].items()}
        return jax.device_get(out | {"embeddings": embed_all(states, data)})

    parts = [after_three_steps(RUNS[i : i + runs_at_once]) for i in range(0, len(RUNS), runs_at_once)]
    together = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    np.savez(path, devices=jax.device_count(), **together)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
