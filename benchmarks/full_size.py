"""The full-size model on noise, ours and PyTorch's, and calls that take turns under the clock.

What train_step.py, embed.py and compile.py share.
"""

import contextlib
import dataclasses
import functools
import os
import pathlib
import platform
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from unittest import mock

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

import jax
import numpy as np

from configs import daic_woz
from mccl_jax.cues import DAIC_WOZ_CUES
from mccl_jax.data.batches import Batch
from mccl_jax.experiment import Experiment
from mccl_jax.interop.official import by_layer
from mccl_jax.models import norm, ops, resnet
from mccl_jax.models.network import Network
from mccl_jax.training.schedule import Schedule
from mccl_jax.training.step import Hyper, adam, embed, init_state, train_step

EXPERIMENT = Experiment.from_dict(daic_woz.get_config().to_dict())
# PyTorch's model keeps one set of running statistics for all cues, as the official one does.
OPTIONS = dataclasses.replace(EXPERIMENT.model, statistics_per_cue=False)
CUES = {name: cue.shape for name, cue in DAIC_WOZ_CUES.items()}
FRAMES = EXPERIMENT.windows.frames
RATE, DECAY, TEMPERATURE, EPS = 5e-4, 0.05, 0.09, 1e-8


def machine() -> str:
    """Where and with what: the first line of every table."""
    info = pathlib.Path("/proc/cpuinfo")
    names = [line for line in info.read_text().splitlines() if line.startswith("model name")] if info.exists() else []
    name = names[0].partition(":")[2].strip() if names else platform.processor()
    return (
        f"{len(os.sched_getaffinity(0))} cores ({name}), Python {platform.python_version()}, jax {jax.__version__}; "
        f"SIMULATED windows of {FRAMES} frames"
    )


def noise(B: int) -> Batch:
    """A batch of sessions that are there in every frame."""
    rng = np.random.default_rng(0)
    return Batch(
        {name: rng.normal(size=(B, FRAMES, *shape)).astype(np.float32) for name, shape in CUES.items()},
        np.ones((B, FRAMES), np.float32),
        np.tile(np.arange(FRAMES, dtype=np.int32) * OPTIONS.segments // FRAMES, (B, 1)),
        np.arange(B),
        np.ones(B, np.float32),
    )


@functools.cache
def network() -> tuple[Network, dict, dict]:
    """(structure, params, batch statistics) of our model."""
    network = Network(CUES, OPTIONS)
    return network, *network.init(0)


@contextlib.contextmanager
def plain_forms() -> Iterator[None]:
    """What is traced within it has the plain form of every operation of mccl_jax/models/ops.py."""
    plain = {name: getattr(ops, f"plain_{name}") for name in vars(ops) if hasattr(ops, f"plain_{name}")}
    with contextlib.ExitStack() as stack:
        for module in (norm, resnet):
            used = {name: form for name, form in plain.items() if hasattr(module, name)}
            stack.enter_context(mock.patch.multiple(module, **used))
        yield


def our_step(batch: Batch) -> tuple[Callable, tuple]:
    """(step under jit, arguments): one step of training; it leaves its arguments as they are."""
    net, params, batch_stats = network()
    optimizer = adam(EPS)
    step = functools.partial(train_step, net, optimizer, Schedule(epochs=300, warmup_epochs=10, floor=5e-6))
    hyper = Hyper(np.int32(0), *map(np.float32, (RATE, DECAY, TEMPERATURE)), np.int32(14))
    arguments = jax.device_put((init_state(params, batch_stats, optimizer), batch, hyper))
    return jax.jit(step), arguments


def our_embedding(batch: Batch) -> tuple[Callable, tuple]:
    """(embedding under jit, arguments)."""
    net, params, batch_stats = network()
    arguments = jax.device_put((params, batch_stats, batch))
    return jax.jit(functools.partial(embed, net)), arguments


def by_their_names(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Our params, statistics or gradients by the names, and in the layouts, of PyTorch's model."""
    return by_layer(arrays, OPTIONS)


def difference(found: np.ndarray, expected: np.ndarray) -> float:
    """Largest error as a share of the largest entry."""
    return float(np.abs(found - expected).max() / np.abs(expected).max())


def in_turns(calls: Mapping[str, Callable], repetitions: int) -> dict[str, list[tuple[float, float]]]:
    """Name -> (seconds, seconds of the process on a core) of each repetition, after a call of each that warms up."""
    for call in calls.values():
        call()
    taken = {name: [] for name in calls}
    for _ in range(repetitions):
        for name, call in calls.items():
            begin, on_cores = time.perf_counter(), _on_cores()
            call()
            taken[name].append((time.perf_counter() - begin, _on_cores() - on_cores))
    return taken


def _on_cores() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def table(taken: Mapping[str, list[tuple[float, float]]], sessions: int) -> None:
    """Prints a line for each: median and range of the seconds, rate, time on cores, and the first's ratio to it.

    The ratio is the median of the ratios of calls that followed one another, so that what else the machine does meets
    both.
    """
    first = next(iter(taken.values()))
    for name, every in taken.items():
        seconds = [wall for wall, _ in every]
        on_cores = statistics.median(spent for _, spent in every)
        ratio = statistics.median(wall / of_first for (wall, _), (of_first, _) in zip(every, first, strict=True))
        middle = statistics.median(seconds)
        print(
            f"  {name:30} {middle:7.3f} s ({min(seconds):.3f} to {max(seconds):.3f}), {sessions / middle:5.1f} "
            f"sessions/s, {on_cores:6.2f} s on cores, {ratio:5.2f} times the first",
            flush=True,
        )
