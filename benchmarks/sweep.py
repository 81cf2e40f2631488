"""How long do many trainings take side by side, against one after the other?

python benchmarks/sweep.py              about 10 minutes on 2 cores

The model and training of configs/simulated.py on 80 sessions of noise; trainings that differ in their seed, as a sweep
does them: one a device along the mesh's axis of runs, in waves where there are more of them than devices. Each number
of CPU devices has a process of its own, for it is fixed when JAX starts; the devices share the cores of the machine.
What is compiled first is told apart from what trainings cost then.
"""

import dataclasses
import os
import pathlib
import platform
import subprocess
import sys
import tempfile
import time

import jax
import noise
from absl import app, flags, logging

from configs import simulated
from mccl_jax.experiment import Experiment
from mccl_jax.training.loop import fit_together
from mccl_jax.training.runs import Run

CHILD = flags.DEFINE_bool("child", False, "For the processes that are measured.")
DEVICES, RUNS = (1, 2, 4), (1, 2, 4, 8)


def seconds_of(runs: int) -> float:
    """Of so many trainings, in waves of as many as there are devices."""
    experiment = Experiment.from_dict(simulated.get_config().to_dict())
    data, at_once = noise.data_of(experiment, train=80, dev=40), min(runs, jax.device_count())
    begin = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        every = [
            Run(dataclasses.replace(experiment, seed=i), data, "simulated", pathlib.Path(folder, str(i)), f"seed {i}")
            for i in range(runs)
        ]
        for first in range(0, runs, at_once):
            for error in fit_together(every[first : first + at_once], say=lambda line: None).values():
                raise error
    return time.perf_counter() - begin


def child() -> None:
    """All numbers of trainings on the devices of this process; each twice, the first time with what is compiled."""
    for runs in RUNS:
        first, again = seconds_of(runs), seconds_of(runs)
        rate = f"again {again:6.1f} s, {3600 * runs / again:6.0f} an hour"
        print(f"{jax.device_count():7d} {runs:9d} {first:8.1f} s, {rate}", flush=True)


def main(_) -> None:
    logging.set_verbosity(logging.ERROR)
    if CHILD.value:
        return child()
    print(f"{len(os.sched_getaffinity(0))} cores, Python {platform.python_version()}, jax {jax.__version__}; SIMULATED")
    print("devices trainings", flush=True)
    for devices in DEVICES:
        environment = {**os.environ, "JAX_NUM_CPU_DEVICES": str(devices)}
        subprocess.run([sys.executable, __file__, "--child"], env=environment, check=True, stderr=subprocess.DEVNULL)


if __name__ == "__main__":
    app.run(main)
