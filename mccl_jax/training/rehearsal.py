"""What a training will cost, said before it begins."""

import functools
import math
import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from mccl_jax.training import hosts
from mccl_jax.training.flops import flops
from mccl_jax.training.peaks import peak
from mccl_jax.training.progress import duration

_compiled = {}


def rehearse(
    advance: Callable,
    arguments: tuple,
    mesh: jax.sharding.Mesh,
    calls_left: int,
    steps: int,
    dtype: str,
    say: Callable[[str], None],
) -> Callable:
    """Compiles the training steps and times them on copies that are thrown away, to say what training will cost.

    `arguments` are those of `parallel_train_step` but the last two, `steps` are taken by each call, `dtype` is that of
    the model. What this process has compiled before for the same shapes is used again.
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
        work = flops(advance, *arguments) / steps
        _compiled[key] = getattr(advance, "func", advance).lower(*given, *arguments).compile(), work
    program, work = _compiled[key]
    compiled = functools.partial(program, *given) if given else program
    if given and hosts.several():
        # What is made of a pmapped step wants that argument of all hosts, each of which has its own part of it only.
        compiled = advance
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
    kind = jax.devices()[0].device_kind
    if not known:
        parameters = sum(x.size for x in states["params"].values()) // runs
        side_by_side = f", {runs} runs side by side" if runs > 1 else ""
        say(f"model: {parameters:,} parameters on {mesh.size} x {kind}{side_by_side}; compiled in {seconds:.0f} s")
    say(
        f"estimate: {calls_left * steps} steps of {per_call / steps:.2f} s, about {duration(calls_left * per_call)}; "
        f"{step_bytes / 2**20:.0f} MiB for the step, {_bytes_on_a_device(others) / 2**20:.0f} MiB for the data, on "
        "each device"
    )
    say(speed(work, per_call / steps, mesh.size, kind, dtype))
    return compiled


def speed(work: float, seconds: float, devices: int, kind: str, dtype: str) -> str:
    """A line on how fast the devices are, and how much of what they could do that is, where this is known."""
    rate = work / seconds
    line = f"speed: {_with_prefix(work * devices)}FLOP a step, {_with_prefix(rate)}FLOP/s on each device"
    if (most := peak(kind, dtype)) is None:
        return f"{line}; of which share, is not known of {kind} with model.dtype {dtype}"
    return f"{line}, {rate / most.flops:.1%} of its {_with_prefix(most.flops)}FLOP/s for products of {most.products}"


def _with_prefix(number: float) -> str:
    """1.53e12 -> "1.53 T"."""
    prefixes = ["", "k", "M", "G", "T", "P"]
    while number >= 999.5 and prefixes[1:]:
        number, prefixes = number / 1000, prefixes[1:]
    return f"{number:.3g} {prefixes[0]}"


def _bytes_on_a_device(tree) -> int:
    """What one device holds of a tree of arrays."""
    return sum(
        math.prod(x.sharding.shard_shape(x.shape)) * x.dtype.itemsize
        for x in jax.tree.leaves(tree)
        if isinstance(x, jax.Array)
    )
