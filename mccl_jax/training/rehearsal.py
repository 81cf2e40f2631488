"""What a training will cost, said before it begins."""

import functools
import math
import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from mccl_jax.training import hosts
from mccl_jax.training.progress import duration

_compiled = {}


def rehearse(advance: Callable, arguments: tuple, mesh: jax.sharding.Mesh, calls_left: int, steps: int, say: Callable):
    """Compiles the training steps and times them on copies that are thrown away, to say what training will cost.

    `arguments` are those of `parallel_train_step` but the last two, `steps` are taken by each call. What this process
    has compiled before for the same shapes is used again.
    """
    begin = time.perf_counter()
    arguments = (*arguments, np.int32(0), np.int32(0))
    leaves, tree = jax.tree.flatten(arguments)
    key = advance, tree, tuple((x.shape, x.dtype) for x in leaves)
    known = key in _compiled
    # A pmapped step comes with its first argument, which what is made of it does not know.
    given = getattr(advance, "args", ())
    if not known:
        _compiled.clear()  # a program is large, and trainings of one kind follow each other
        _compiled[key] = getattr(advance, "func", advance).lower(*given, *arguments).compile()
    program = _compiled[key]
    compiled = functools.partial(program, *given) if given else program
    seconds = time.perf_counter() - begin
    hosts.wait("compiled")  # a step waits for the others only so long, on CPUs half a minute
    states, *others = arguments
    for _ in range(2):  # the first one also warms up
        copy = jax.tree.map(jnp.copy, states)
        begin = time.perf_counter()
        jax.block_until_ready(compiled(copy, *others))
        per_call = time.perf_counter() - begin
    analysis = program.memory_analysis()
    step_bytes = getattr(analysis, "temp_size_in_bytes", 0) + _bytes_on_a_device(states)
    runs, *_ = states["step"].shape
    if not known:
        parameters = sum(x.size for x in states["params"].values()) // runs
        kind = jax.devices()[0].device_kind
        side_by_side = f", {runs} runs side by side" if runs > 1 else ""
        say(f"model: {parameters:,} parameters on {mesh.size} x {kind}{side_by_side}; compiled in {seconds:.0f} s")
    say(
        f"estimate: {calls_left * steps} steps of {per_call / steps:.2f} s, about {duration(calls_left * per_call)}; "
        f"{step_bytes / 2**20:.0f} MiB for the step, {_bytes_on_a_device(others) / 2**20:.0f} MiB for the data, on "
        "each device"
    )
    return compiled


def _bytes_on_a_device(tree) -> int:
    """What one device holds of a tree of arrays."""
    return sum(
        math.prod(x.sharding.shard_shape(x.shape)) * x.dtype.itemsize
        for x in jax.tree.leaves(tree)
        if isinstance(x, jax.Array)
    )
