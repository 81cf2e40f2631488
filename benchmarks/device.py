"""What the accelerator at hand does with the full-size model: steps, embeddings, a whole training, a sweep.

python benchmarks/device.py            on whatever JAX finds; meant for a GPU or TPU, hours on a CPU
python benchmarks/device.py --small    a tiny model, to see that it runs: a few minutes on 2 cores

DAIC-WOZ's size: four cues, 1260 frames, 107 sessions of train and 35 of dev, batches of 32, the paper's model. What is
in the windows is noise. A training is that of the program's own loop, with its embeddings and checkpoints, and the
sweep takes 1 to 16 trainings that differ in their seed, as many side by side as there are devices; what has to be
compiled for them is in the time. Rates are of all devices together; the share is of the peak in
mccl_jax/training/peaks.py, where there is one.
"""

import dataclasses
import platform
import time

import jax
import noise
import numpy as np
from absl import app, flags, logging

from configs import daic_woz
from mccl_jax.experiment import Experiment
from mccl_jax.models.precision import PRECISIONS
from mccl_jax.training.compilation import keep_compiled_programs
from mccl_jax.training.flops import flops
from mccl_jax.training.peaks import peak

SMALL = flags.DEFINE_bool("small", False, "A tiny model and few sessions.")
REPETITIONS = flags.DEFINE_integer("repetitions", 10, "Calls that are timed, of which the median counts.")


def experiment_of(dtype: str = "float32", **train) -> Experiment:
    """configs/daic_woz.py, or what --small makes of it."""
    experiment = Experiment.from_dict(daic_woz.get_config().to_dict())
    model = {"dtype": dtype}
    if SMALL.value:
        model |= {"width": 4, "blocks": (1,), "hidden": 4, "projection": 8}
        train = {"batch_size": 4, "epochs": 12, **train}
        experiment = dataclasses.replace(experiment, windows=dataclasses.replace(experiment.windows, seconds=20.0))
    return dataclasses.replace(
        experiment,
        model=dataclasses.replace(experiment.model, **model),
        train=dataclasses.replace(experiment.train, **train),
    )


def sessions() -> tuple[int, int]:
    """As many as DAIC-WOZ has in train and dev."""
    return (10, 4) if SMALL.value else (107, 35)


def median(call) -> float:
    """Seconds, the median of several calls after one that warms up."""
    seconds = []
    for _ in range(REPETITIONS.value + 1):
        begin = time.perf_counter()
        jax.block_until_ready(call())
        seconds.append(time.perf_counter() - begin)
    return float(np.median(seconds[1:]))


def time_step(dtype: str) -> None:
    """A training step, and the embedding of all sessions."""
    train, dev = sessions()
    experiment = experiment_of(dtype)
    at_hand = noise.programs_of(experiment, noise.data_of(experiment, train, dev), an_epoch_a_call=True)
    begin = time.perf_counter()
    work = flops(at_hand.advance, at_hand.states, *at_hand.arguments) / at_hand.steps
    compiled = at_hand.advance.lower(at_hand.states, *at_hand.arguments).compile()
    compile_seconds = time.perf_counter() - begin
    # Each is given away.
    copies = iter([jax.tree.map(jax.numpy.copy, at_hand.states) for _ in range(REPETITIONS.value + 1)])
    seconds = median(lambda: compiled(next(copies), *at_hand.arguments)) / at_hand.steps
    rate, memory = work / seconds, compiled.memory_analysis()
    most = peak(jax.devices()[0].device_kind, dtype)
    share = f", {rate / most.flops:.1%} of the peak of {most.products}" if most else ", peak not known"
    print(
        f"{dtype:8s} training step: {train / at_hand.steps / seconds:8.1f} sessions/s, {1e3 * seconds:.1f} ms a step "
        f"of {train / at_hand.steps:.0f}, {rate / 1e9:.1f} GFLOP/s a device{share}; "
        f"{memory.temp_size_in_bytes / 2**20:.0f} MiB of temporaries, compiled in {compile_seconds:.0f} s",
        flush=True,
    )
    seconds = median(lambda: at_hand.embed(at_hand.states, at_hand.sessions))
    print(f"{dtype:8s} embedding:     {(train + dev) / seconds:8.1f} sessions/s{_most_memory()}", flush=True)


def _most_memory() -> str:
    stats = jax.devices()[0].memory_stats() or {}
    most = stats.get("peak_bytes_in_use")
    return f"; at most {most / 2**20:.0f} MiB were in use on a device since the start" if most else ""


def time_training(dtype: str, runs: int, **train) -> float:
    """Seconds of so many whole trainings."""
    experiment = experiment_of(dtype, **train)
    return noise.seconds_of_trainings(experiment, noise.data_of(experiment, *sessions()), runs)


def main(_) -> None:
    logging.set_verbosity(logging.ERROR)
    keep_compiled_programs()
    devices = jax.devices()
    print(f"SIMULATED windows; {len(devices)} x {devices[0].device_kind}, Python {platform.python_version()}, ", end="")
    print(f"jax {jax.__version__}{', a tiny model (--small)' if SMALL.value else ''}", flush=True)
    for dtype in PRECISIONS:
        time_step(dtype)
    for dtype in PRECISIONS:
        seconds, epochs = time_training(dtype, 1), experiment_of().train.epochs
        print(f"{dtype:8s} {epochs} epochs from start to end: {seconds:.1f} s", flush=True)
    epochs = experiment_of().train.epochs // 30 or 1
    for runs in (1, 2) if SMALL.value else (1, 2, 4, 8, 16):
        seconds = time_training("float32", runs, epochs=epochs)
        line = f"sweep: {runs:2d} trainings of {epochs} epochs in {seconds:.1f} s, {3600 * runs / seconds:.0f} an hour"
        print(line, flush=True)


if __name__ == "__main__":
    app.run(main)
