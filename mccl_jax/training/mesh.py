"""Where the pure step meets the devices: one mesh with the axes `run` and `data`, and the functions wrapped over it.

Every array of a state and every hyperparameter has a leading axis over runs, which is spread over `run`; a solo run is
run = 1. Within a run the batch is spread over `data`, and all else is the same on each of its devices.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from mccl_jax.data.batches import Batch, draw, take

RUN, DATA, EVERYWHERE = PartitionSpec("run"), PartitionSpec("data"), PartitionSpec()


def make_mesh(runs: int = 1) -> Mesh:
    """All devices of all hosts: `runs` along `run`, the others along `data`."""
    # Automatic axes: under the default, explicit ones, indexing a spread batch is an error.
    return jax.make_mesh((runs, jax.device_count() // runs), ("run", "data"), axis_types=(AxisType.Auto,) * 2)


def put(tree, mesh: Mesh, spec: PartitionSpec):
    """Puts host arrays on the devices of the mesh."""
    return jax.device_put(tree, NamedSharding(mesh, spec))


def parallel_train_step(step: Callable, mesh: Mesh, batch_size: int, shuffle: bool = True) -> Callable:
    """(states, members, counts, hypers, data) -> (states, metrics), all but `data` with a leading axis over runs.

    `step(state, batch, hyper, axis)` is per device. The batch is drawn on the devices: each takes its share of the
    global batch, the last one perhaps in part padding.
    """
    share = -(-batch_size // mesh.shape["data"])

    def local(state, members, count, hyper, data: Batch):
        state, members, count, hyper = jax.tree.map(lambda x: x[0], (state, members, count, hyper))
        rows, present = draw(hyper.seed, state["step"], members, count, batch_size, shuffle)
        at = jax.lax.axis_index("data") * share + jnp.arange(share)
        inside = at < batch_size
        at = jnp.minimum(at, batch_size - 1)
        state, metrics = step(state, take(data, rows[at], present[at] & inside), hyper, "data")
        return jax.tree.map(lambda x: x[None], (state, metrics))

    mapped = jax.shard_map(local, mesh=mesh, in_specs=(RUN, RUN, RUN, RUN, EVERYWHERE), out_specs=(RUN, RUN))
    return jax.jit(mapped, donate_argnums=0)


def parallel_embed(embed: Callable, mesh: Mesh, batch_size: int) -> Callable:
    """(states, data) -> (runs, N, 2, D): embeddings of all N rows of `data`, each batch spread over the devices."""
    share = -(-batch_size // mesh.shape["data"])

    def local(params, batch_stats, rows, present, data: Batch):
        params, batch_stats = jax.tree.map(lambda x: x[0], (params, batch_stats))
        return embed(params, batch_stats, take(data, rows, present))[None]

    mapped = jax.jit(
        jax.shard_map(
            local, mesh=mesh, in_specs=(RUN, RUN, DATA, DATA, EVERYWHERE), out_specs=PartitionSpec("run", "data")
        )
    )

    def all_rows(states, data: Batch):
        N, size = len(data.present), share * mesh.shape["data"]
        at = [jnp.arange(start, start + size) for start in range(0, N, size)]
        parts = [mapped(states["params"], states["batch_stats"], jnp.minimum(i, N - 1), i < N, data) for i in at]
        return jnp.concatenate(parts, axis=1)[:, :N]

    return all_rows
