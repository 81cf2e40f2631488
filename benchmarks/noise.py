"""Sessions of noise, and what trains on them: what device.py, cost.py, epoch.py and sweep.py share."""

import dataclasses
import pathlib
import sys
import tempfile
import time
from collections.abc import Callable
from typing import NamedTuple

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import jax
import numpy as np

from mccl_jax.cues import DAIC_WOZ_CUES
from mccl_jax.data.batches import resident
from mccl_jax.data.scaling import Scaler
from mccl_jax.data.windows import Windows
from mccl_jax.experiment import Experiment
from mccl_jax.training import mesh as meshes
from mccl_jax.training import step as steps
from mccl_jax.training.loop import fit_together, programs, structure
from mccl_jax.training.runs import Run, TrainingData


def data_of(experiment: Experiment, train: int, dev: int) -> TrainingData:
    """So many sessions of train and dev, which are there in every frame."""
    rng, T, N = np.random.default_rng(0), experiment.windows.frames, train + dev
    names = np.array([f"simulated_{i}" for i in range(N)])
    windows = Windows(
        {name: rng.normal(size=(N, T, *cue.shape)).astype(np.float32) for name, cue in DAIC_WOZ_CUES.items()},
        DAIC_WOZ_CUES,
        np.ones((N, T), bool),
        np.tile(np.arange(T, dtype=np.int32) * experiment.model.segments // T, (N, 1)),
        rng.integers(0, 25, N).astype(float),
        names,
        names,
        np.ones(N),
    )
    split = np.array(["train"] * train + ["dev"] * dev)
    return TrainingData(windows, split, Scaler.fit(windows, split == "train", experiment.windows))


class Programs(NamedTuple):
    """advance(states, *arguments): `steps` training steps, which give their states away; embed(states, sessions)."""

    advance: Callable
    embed: Callable
    states: dict
    arguments: tuple
    steps: int

    @property
    def sessions(self):
        """All windows, on the devices."""
        return self.arguments[-3]


def programs_of(experiment: Experiment, data: TrainingData, an_epoch_a_call: bool) -> Programs:
    """Those of one training, and what it begins with."""
    members = np.flatnonzero(data.split == "train").astype(np.int32)
    cues, model, options, _ = structure(experiment, data.windows)
    count, N = len(members), len(data.windows)
    batch = min(options.batch_size, count)
    per_epoch = -(-count // batch)
    at_once = per_epoch if an_epoch_a_call else 1
    network, optimizer, mesh, advance, embed = programs(cues, model, options, batch, 1, at_once)
    state = jax.tree.map(np.asarray, steps.init_state(*network.init(0), optimizer))
    hyper = steps.Hyper(np.int32(0), *map(np.float32, (5e-4, 0.05, 0.09)), np.int32(per_epoch))
    of_run = meshes.put([(np.pad(members, (0, N - count)), np.int32(count), hyper)], mesh)
    arguments = (*of_run, meshes.put([resident(data.windows)], mesh), np.int32(0), np.int32(0))
    return Programs(advance, embed, meshes.put([state], mesh), arguments, at_once)


def seconds_of_trainings(experiment: Experiment, data: TrainingData, runs: int) -> float:
    """Of so many whole trainings that differ in their seed, in waves of as many as there are devices."""
    at_once = min(runs, jax.device_count())
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
