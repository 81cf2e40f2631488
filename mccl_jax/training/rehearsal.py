"""What a training will cost, said before it begins."""

import time
from collections.abc import Callable

import jax
import jax.numpy as jnp

from mccl_jax.data.batches import Batch
from mccl_jax.training.progress import duration

_compiled = {}


def rehearse(
    advance: Callable, states, arguments, data: Batch, mesh: jax.sharding.Mesh, steps_left: int, say: Callable
) -> Callable:
    """Compiles the step and times it on copies that are thrown away, to say beforehand what training will cost.

    A step that this process has compiled before for the same shapes is used again.
    """
    begin = time.perf_counter()
    leaves, tree = jax.tree.flatten((states, arguments, data))
    key = advance, tree, tuple((x.shape, x.dtype) for x in leaves)
    known = key in _compiled
    if not known:
        _compiled.clear()  # a program is large, and trainings of one kind follow each other
        _compiled[key] = advance.lower(states, *arguments, data).compile()
    compiled = _compiled[key]
    seconds = time.perf_counter() - begin
    for _ in range(2):  # the first one also warms up
        copy = jax.tree.map(jnp.copy, states)
        begin = time.perf_counter()
        jax.block_until_ready(compiled(copy, *arguments, data))
        per_step = time.perf_counter() - begin
    analysis = compiled.memory_analysis()
    step_bytes = getattr(analysis, "temp_size_in_bytes", 0) + sum(x.nbytes for x in jax.tree.leaves(states))
    data_bytes = sum(x.nbytes for x in jax.tree.leaves(data))
    parameters = sum(x.size for x in states["params"].values())
    if not known:
        kind = jax.devices()[0].device_kind
        say(f"model: {parameters:,} parameters on {mesh.size} x {kind}; step compiled in {seconds:.0f} s")
    say(
        f"estimate: {steps_left} steps of {per_step:.2f} s, about {duration(steps_left * per_step)}; "
        f"{step_bytes / 2**20:.0f} MiB for the step, {data_bytes / 2**20:.0f} MiB for the data, on each device"
    )
    return compiled
