"""Where the pure step meets the devices: one mesh with the axes `run` and `data`, and the functions wrapped over it.

Every array has a leading axis over runs, which is spread over `run`; a solo run is run = 1. Within a run the batch is
spread over `data`, and all else is the same on each of its devices. Of several hosts each calls the same functions with
the same arguments, and gets the same results.
"""

import functools
from collections.abc import Callable, Iterable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from mccl_jax.data.batches import Batch, draw, take

# How the step is wrapped: jit of shard_map over the mesh, what pjit became; or pmap, which spreads a solo run only.
PARALLELISMS = ("jit", "pmap")
# How windows come to the devices (mccl_jax/training/feeding.py).
FEEDINGS = ("resident", "stream")
RUN, SPREAD, EVERYWHERE = PartitionSpec("run"), PartitionSpec("run", "data"), PartitionSpec()


def make_mesh(runs: int = 1, devices: Sequence[jax.Device] | None = None) -> Mesh:
    """`devices`, or all of all hosts: `runs` along `run`, the others along `data`; what is left over stays idle."""
    devices = jax.devices() if devices is None else devices
    per_run = len(devices) // runs
    # Automatic axes: under the default, explicit ones, indexing a spread batch is an error.
    kinds = (AxisType.Auto,) * 2
    return jax.make_mesh((runs, per_run), ("run", "data"), devices=devices[: runs * per_run], axis_types=kinds)


def put(runs: Sequence, mesh: Mesh):
    """One tree of the host arrays of each run, the same on all hosts: each is put on the devices of its run."""
    sharding = NamedSharding(mesh, RUN)

    def leaf(*of_runs):
        shape = (len(runs), *np.shape(of_runs[0]))
        return jax.make_array_from_callback(shape, sharding, lambda index: np.stack(of_runs[index[0]]))

    return jax.tree.map(leaf, *runs)


def everywhere(mesh: Mesh, parallelism: str = "jit") -> Callable:
    """tree -> the same arrays, whole on every device: what a host must have before it can look at it.

    What comes out of pmap is whole on each device of the host already, and on those of no other.
    """
    if mesh.size == 1 or parallelism == "pmap":
        return lambda tree: tree
    return jax.jit(lambda tree: tree, out_shardings=NamedSharding(mesh, EVERYWHERE))


def one_run(mesh: Mesh, parallelism: str = "jit") -> Callable:
    """(tree, i) -> the arrays of run i, whole on every device, or, of pmap, on the host."""
    if parallelism == "pmap":
        return lambda tree, i: jax.tree.map(lambda x: np.asarray(x)[i], tree)
    return jax.jit(
        lambda tree, i: jax.tree.map(lambda x: jax.lax.dynamic_index_in_dim(x, i, keepdims=False), tree),
        out_shardings=NamedSharding(mesh, EVERYWHERE),
    )


def parallel_train_step(
    step: Callable,
    mesh: Mesh,
    batch_size: int,
    shuffle: bool = True,
    steps: int = 1,
    parallelism: str = "jit",
    streamed: bool = False,
) -> Callable:
    """(states, members, counts, hypers, data, epoch, first) -> (states, metrics), `steps` steps of one epoch.

    All arguments but the last two have a leading axis over runs; metrics are (runs, steps). `step(state, batch, hyper,
    axis)` is per device. The batch is drawn on the devices: each takes its share of the global batch, the last one
    perhaps in part padding. Where `streamed`, `data` is instead the batch of the one step, spread over `data`.

    These are the steps from `first` on, counted within the epoch. A run whose turn it is not, for its epochs are
    shorter or it is further ahead, stays as it is; the count of its metrics is then 0.
    """
    axis, share = _axis(mesh), -(-batch_size // mesh.shape["data"])

    def local(states, members, counts, hypers, data: Batch, epoch, first):
        arguments = (states, members, counts, hypers, data)
        state, members, count, hyper, data = jax.tree.map(lambda x: x[0], arguments)

        def drawn(at) -> Batch:
            rows, present = draw(hyper.seed, at, members, count, batch_size, shuffle)
            mine = _first(axis, share) + jnp.arange(share)
            inside, mine = mine < batch_size, jnp.minimum(mine, batch_size - 1)
            return take(data, rows[mine], present[mine] & inside)

        def one(state, at):
            after, metrics = step(state, data if streamed else drawn(state["step"]), hyper, axis)
            due = (at < hyper.steps_per_epoch) & (state["step"] == epoch * hyper.steps_per_epoch + at)
            state = jax.tree.map(functools.partial(jnp.where, due), after, state)
            return state, jax.tree.map(lambda x: jnp.where(due, x, 0), metrics)

        if steps == 1:
            state, metrics = one(state, first)
            metrics = jax.tree.map(lambda x: x[None], metrics)
        else:
            state, metrics = jax.lax.scan(one, state, first + jnp.arange(steps))
        return jax.tree.map(lambda x: x[None], (state, metrics))

    if parallelism == "pmap":
        return _pmapped(local, mesh, 7)
    specs = (*[RUN] * 4, SPREAD if streamed and axis else RUN, EVERYWHERE, EVERYWHERE)
    mapped = jax.shard_map(local, mesh=mesh, in_specs=specs, out_specs=(RUN, RUN))
    return jax.jit(mapped, donate_argnums=0)


def parallel_embed(
    embed: Callable, mesh: Mesh, batch_size: int, parallelism: str = "jit", streamed: bool = False
) -> Callable:
    """(states, data) -> (runs, N, 2, D): embeddings of all N rows of `data`, each batch spread over the devices.

    `streamed`: `data` are batches, one after the other, and N what they have in all.
    """
    axis, share = _axis(mesh), -(-batch_size // mesh.shape["data"])
    size = share * mesh.shape["data"]

    def gathered(z):
        if axis is None:
            return z[None]
        # Written by each device into zeros and added up: the sum is, unlike a gathered array, known to be the same.
        whole = jnp.zeros((size, *z.shape[1:]), z.dtype)
        whole = jax.lax.dynamic_update_slice_in_dim(whole, z, _first(axis, share), axis=0)
        return jax.lax.psum(whole, axis)[None]

    def of_resident(params, batch_stats, rows, present, data: Batch):
        params, batch_stats, data = jax.tree.map(lambda x: x[0], (params, batch_stats, data))
        mine = _first(axis, share) + jnp.arange(share)
        return gathered(embed(params, batch_stats, take(data, rows[mine], present[mine])))

    def of_batch(params, batch_stats, batch: Batch):
        return gathered(embed(*jax.tree.map(lambda x: x[0], (params, batch_stats, batch))))

    def mapped(local, *specs):
        if parallelism == "pmap":
            return _pmapped(local, mesh, len(specs))
        return jax.jit(jax.shard_map(local, mesh=mesh, in_specs=specs, out_specs=RUN))

    if streamed:
        one_batch = mapped(of_batch, RUN, RUN, SPREAD if axis else RUN)

        def all_batches(states, batches: Iterable[Batch]):
            of_model = states["params"], states["batch_stats"]
            return jnp.concatenate([one_batch(*of_model, batch) for batch in batches], axis=1)

        return all_batches
    some_rows = mapped(of_resident, RUN, RUN, EVERYWHERE, EVERYWHERE, RUN)

    def all_rows(states, data: Batch):
        N = data.present.shape[1]
        at = [np.arange(start, start + size, dtype=np.int32) for start in range(0, N, size)]
        of_model = states["params"], states["batch_stats"]
        parts = [some_rows(*of_model, np.minimum(i, N - 1), i < N, data) for i in at]
        return jnp.concatenate(parts, axis=1)[:, :N]

    return all_rows


def _axis(mesh: Mesh) -> str | None:
    """What a run is spread over; None where it has one device: sums over a single one are not left out by all of XLA.

    For TPUs they stay in the program, and of 256 runs, one a chip, libtpu 0.0.42 could not compile it.
    """
    return "data" if mesh.shape["data"] > 1 else None


def _first(axis: str | None, share: int):
    """Where the share of a device begins in a batch."""
    return jax.lax.axis_index(axis) * share if axis else 0


def _pmapped(local: Callable, mesh: Mesh, arguments: int) -> Callable:
    """`local` on each device of a solo run; what goes in and comes out is the same on all of them."""
    if mesh.shape["run"] != 1:
        raise ValueError("pmap spreads a solo run only")
    mapped = jax.pmap(
        lambda device, *rest: local(*rest),
        axis_name="data",
        in_axes=(0,) + (None,) * arguments,  # it wants one argument that differs
        out_axes=None,
        axis_size=mesh.shape["data"],
        devices=mesh.devices.flat,
    )
    return functools.partial(mapped, np.arange(len(mesh.local_devices)))
