"""A training on the devices that there are, whole or from a checkpoint of another: in a folder each.

JAX_NUM_CPU_DEVICES=4 python -m tests.multi_device.trainings jit NEW [OTHER GOES_ON]

It trains in the folder NEW, and in GOES_ON from what OTHER was after half of its epochs.
"""

import pathlib
import shutil
import sys

import numpy as np

from mccl_jax.data.sessions import windows_and_facts
from mccl_jax.experiment import Experiment
from mccl_jax.modes.material import scaled
from mccl_jax.training.loop import fit
from mccl_jax.training.runs import CHECKPOINTS, Run
from tests.data.made import face, session

EPOCHS, COUNT = 4, 10
STEPS = EPOCHS * 2  # two batches an epoch, of five sessions and of two


def experiment(parallelism: str = "jit", seed: int = 0) -> Experiment:
    """A small one that keeps all its checkpoints."""
    return Experiment.from_dict(
        {
            "seed": seed,
            "windows": {"rate": 2.0, "seconds": 16.0},
            "model": {"width": 4, "blocks": (1,), "hidden": 4, "projection": 6},
            "train": {
                "epochs": EPOCHS,
                "batch_size": 5,
                "warmup_epochs": 1.0,
                "evaluate_every": 1,
                "checkpoint_every": 1,
                "keep": EPOCHS + 1,  # also one in the midst of an epoch
                "parallelism": parallelism,
            },
        }
    )


def run_of(workdir: pathlib.Path, options: Experiment, name: str = "", trained: int = 7) -> Run:
    """One in `workdir` that trains on the first sessions, so many of them."""
    sessions = []
    for i in range(COUNT):
        cues = {name: face(30 + 3 * i, seed=i)[0].cues[name] for name in ("aus",)}
        specification = {name: face(30, seed=0)[0].specification[name] for name in cues}
        who = {"session": str(i), "subject": str(i), "target": float(i)}
        sessions.append(session(np.arange(30 + 3 * i) / 2, specification, cues, **who))
    windows, facts, _ = windows_and_facts(sessions, options.windows)
    split = np.where(np.arange(COUNT) < trained, "train", "test")
    return Run(options, scaled(windows, facts, split, options.windows), "made", workdir, name)


def train(workdir: pathlib.Path, options: Experiment) -> list[str]:
    """Trains in `workdir`, going on from what is there; what was said."""
    said = []
    fit(run_of(workdir, options), said.append)
    return said


def go_on(other: pathlib.Path, workdir: pathlib.Path, options: Experiment) -> list[str]:
    """`train` from what the training in `other` was after half of its epochs."""
    step = str(STEPS // 2)
    shutil.copytree(other / CHECKPOINTS / step, workdir / CHECKPOINTS / step)
    return train(workdir, options)


def main(parallelism: str, *folders: str) -> None:
    new, *others = map(pathlib.Path, folders)
    train(new, experiment(parallelism))
    if others:
        go_on(*others, experiment(parallelism))


if __name__ == "__main__":
    main(*sys.argv[1:])
