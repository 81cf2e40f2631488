"""How long do many trainings take side by side, against one after the other?

python benchmarks/sweep.py              about 25 minutes on 2 cores

The model and training of configs/simulated.py on 80 sessions of noise; trainings that differ in their seed, as a sweep
does them: one a device along the mesh's axis of runs, in waves where there are more of them than devices. Each number
of CPU devices has a process of its own, for it is fixed when JAX starts; the devices share the cores of the machine.
What is compiled first is told apart from what trainings cost then.
"""

import os
import platform
import subprocess
import sys

import jax
import noise
from absl import app, flags, logging

from configs import simulated
from mccl_jax.experiment import Experiment

CHILD = flags.DEFINE_bool("child", False, "For the processes that are measured.")
DEVICES, RUNS = (1, 2, 4), (1, 2, 4, 8)


def child() -> None:
    """All numbers of trainings on the devices of this process; each twice, the first time with what is compiled."""
    experiment = Experiment.from_dict(simulated.get_config().to_dict())
    data = noise.data_of(experiment, train=80, dev=40)
    for runs in RUNS:
        first, again = (noise.seconds_of_trainings(experiment, data, runs) for _ in range(2))
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
