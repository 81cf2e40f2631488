"""What training costs against the number of sessions, frames, sessions a batch, channels and runs.

python benchmarks/cost.py               about 15 minutes on 2 cores; also writes benchmarks/cost.png

From the model and training of configs/simulated.py at 80 sessions of 360 frames, one size at a time is halved and
doubled; the windows hold noise. Time is the median of several epochs, memory what XLA says that the program takes:
temporaries of a step, and its arguments, of which the windows are the most. Runs are whole trainings of 6 epochs one
after the other on one device, behind one that is not timed, which compiles for all. Fitted is cost = a x size^b by
least squares of the logarithms: b = 1 is proportional, 0 does not depend on it.
"""

import dataclasses
import os
import pathlib
import platform
import time
from typing import NamedTuple

import jax
import matplotlib.pyplot as plt
import noise
import numpy as np
from absl import app, flags, logging

from configs import simulated
from mccl_jax.experiment import Experiment

REPETITIONS = flags.DEFINE_integer("repetitions", 7, "Epochs that are timed, of which the median counts.")
FIGURE = pathlib.Path(__file__).with_name("cost.png")
SESSIONS, SECONDS = 80, 120.0
SIZES = {  # the third of each is the base
    "sessions": (20, 40, 80, 160, 320),
    "frames": (90, 180, 360, 720, 1440),
    "batch": (4, 8, 16, 32, 64),
    "width": (4, 8, 16, 32, 64),
}
RUNS = (1, 2, 4, 8)


class Cost(NamedTuple):
    """seconds of an epoch; MiB of temporaries; MiB of arguments."""

    seconds: float
    temporaries: float
    arguments: float


def experiment_of(**changed) -> Experiment:
    """The default experiment with another number of frames, sessions a batch, or channels."""
    base = Experiment.from_dict(simulated.get_config().to_dict())
    seconds = changed.get("frames", 3 * SECONDS) / 3
    return dataclasses.replace(
        base,
        windows=dataclasses.replace(base.windows, seconds=seconds),
        model=dataclasses.replace(base.model, width=changed.get("width", base.model.width)),
        train=dataclasses.replace(base.train, batch_size=changed.get("batch", base.train.batch_size)),
    )


def cost(**changed) -> Cost:
    """Of an epoch."""
    experiment = experiment_of(**changed)
    data = noise.data_of(experiment, changed.get("sessions", SESSIONS), dev=1)
    at_hand = noise.programs_of(experiment, data, an_epoch_a_call=False)
    program = at_hand.advance.lower(at_hand.states, *at_hand.arguments).compile()
    steps = -(-changed.get("sessions", SESSIONS) // experiment.train.batch_size)
    states, seconds = at_hand.states, []
    for _ in range(REPETITIONS.value + 1):
        begin = time.perf_counter()
        for slot in range(steps):
            states, _ = program(states, *at_hand.arguments[:-1], np.int32(slot))
        jax.block_until_ready(states)
        seconds.append(time.perf_counter() - begin)
    memory = program.memory_analysis()
    sizes = memory.temp_size_in_bytes, memory.argument_size_in_bytes
    return Cost(float(np.median(seconds[1:])), *(size / 2**20 for size in sizes))


def exponent_of(sizes, costs) -> float:
    """b of cost = a x size^b, to two places, as it is shown."""
    return round(float(np.polyfit(np.log(sizes), np.log(costs), 1)[0]), 2) + 0.0  # not -0.00


def draw(axes, name: str, sizes, measured: dict[str, list[float]], unit: dict[str, str]) -> None:
    """One panel: each cost, and its fitted line."""
    for label, values in measured.items():
        slope, level = np.polyfit(np.log(sizes), np.log(values), 1)
        exponent = exponent_of(sizes, values)
        (points,) = axes.plot(sizes, values, "o", label=f"{label} [{unit[label]}], exponent {exponent:.2f}")
        axes.plot(sizes, np.exp(level) * np.asarray(sizes) ** slope, "--", color=points.get_color())
    axes.set(xscale="log", yscale="log", xlabel=name)
    axes.set_xticks(sizes, [f"{size}" for size in sizes])
    axes.xaxis.minorticks_off()
    axes.legend(fontsize="small")


def main(_) -> None:
    logging.set_verbosity(logging.ERROR)
    where = f"{len(os.sched_getaffinity(0))} cores, {jax.devices()[0].device_kind}"
    print(f"{where}, Python {platform.python_version()}, jax {jax.__version__}; SIMULATED windows", flush=True)
    figure, panels = plt.subplots(1, len(SIZES) + 1, figsize=(4.2 * (len(SIZES) + 1), 4), layout="constrained")
    units = {"epoch": "s", "temporaries": "MiB", "arguments": "MiB", "all runs": "s"}
    for axes, (name, sizes) in zip(panels, SIZES.items(), strict=False):
        costs = []
        for size in sizes:
            costs.append(cost(**{name: size}))
            print(
                f"{name:9s} {size:5d}: {costs[-1].seconds:7.3f} s an epoch, {costs[-1].temporaries:7.1f} MiB of "
                f"temporaries, {costs[-1].arguments:6.1f} MiB of arguments",
                flush=True,
            )
        measured = dict(zip(("epoch", "temporaries", "arguments"), map(list, zip(*costs, strict=True)), strict=True))
        fitted = ", ".join(f"{label} {exponent_of(sizes, values):.2f}" for label, values in measured.items())
        print(f"{name:9s} exponents: {fitted}", flush=True)
        draw(axes, name, sizes, measured, units)
    base, seconds = experiment_of(), []
    data = noise.data_of(base, SESSIONS, dev=40)
    noise.seconds_of_trainings(base, data, 1)
    for runs in RUNS:
        seconds.append(noise.seconds_of_trainings(base, data, runs))
        print(f"runs      {runs:5d}: {seconds[-1]:7.3f} s", flush=True)
    print(f"runs      exponent: {exponent_of(RUNS, seconds):.2f}")
    draw(panels[-1], "runs", RUNS, {"all runs": seconds}, units)
    figure.suptitle(f"What training costs against each size, SIMULATED windows ({where})")
    figure.savefig(FIGURE, dpi=110)


if __name__ == "__main__":
    app.run(main)
