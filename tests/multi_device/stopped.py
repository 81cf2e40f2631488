"""Two trainings side by side on two devices, one of shorter epochs: in peace, and stopped by SIGTERM on the way.

JAX_NUM_CPU_DEVICES=2 python -m tests.multi_device.stopped FOLDER

It leaves FOLDER/peace, and for each of STOPS FOLDER/NAME, gone on with together, and FOLDER/NAME alone, which nobody
has gone on with.
"""

import contextlib
import pathlib
import shutil
import signal
import sys
from unittest import mock

from mccl_jax.training.loop import fit_together
from mccl_jax.training.stopping import Stopping
from tests.multi_device.trainings import experiment, run_of

# Train sessions of each, in batches of five: two steps an epoch, and one.
SIZES = {"long": 7, "short": 5}
# Steps until SIGTERM: the first of two of the second epoch, and of the last one.
STOPS = {"in the second epoch": 3, "in the last epoch": 7}


def together(folder: pathlib.Path, stop_after: int = 0) -> None:
    """Trains both in `folder`, going on from what is there; after so many steps comes SIGTERM."""
    wished, steps = Stopping.wished, 0

    def asked(self) -> bool:
        nonlocal steps
        steps += 1
        if steps == stop_after:
            signal.raise_signal(signal.SIGTERM)
        return wished(self)

    runs = [run_of(folder / name, experiment(), name, size) for name, size in SIZES.items()]
    with mock.patch.object(Stopping, "wished", asked):
        assert not fit_together(runs)


def main(place: str) -> None:
    folder = pathlib.Path(place)
    together(folder / "peace")
    for name, steps in STOPS.items():
        with contextlib.suppress(SystemExit):
            together(folder / name, steps)
            raise AssertionError("did not stop")
        shutil.copytree(folder / name, folder / f"{name} alone")
        together(folder / name)


if __name__ == "__main__":
    main(*sys.argv[1:])
