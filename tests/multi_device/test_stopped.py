"""SIGTERM in the midst of an epoch, after a training beside it, of shorter epochs, has come to the end of its own."""

import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

from mccl_jax.evaluation.embeddings import Embeddings, evaluated_epochs
from mccl_jax.training import checkpoints
from mccl_jax.training.loop import fit
from mccl_jax.training.runs import CHECKPOINTS
from tests.multi_device.stopped import SIZES, STOPS
from tests.multi_device.trainings import EPOCHS, experiment, run_of

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> pathlib.Path:
    place = tmp_path_factory.mktemp("stopped")
    subprocess.run(
        [sys.executable, "-m", "tests.multi_device.stopped", place],
        cwd=ROOT,
        env=os.environ | {"JAX_PLATFORMS": "cpu", "JAX_NUM_CPU_DEVICES": "2"},
        check=True,
        timeout=600,
    )
    for name in STOPS:
        fit(run_of(place / f"{name} alone" / "short", experiment(), trained=SIZES["short"]), lambda line: None)
    return place


@pytest.mark.parametrize(
    "name", [*(f"{stop}/{run}" for stop in STOPS for run in SIZES), *(f"{stop} alone/short" for stop in STOPS)]
)
def test_it_leaves_what_it_leaves_in_peace(folder, name):
    """All embeddings, and the scores by which the best checkpoint is chosen."""
    expected, found = folder / "peace" / pathlib.Path(name).name, folder / name
    assert [*evaluated_epochs(found)] == [*evaluated_epochs(expected)] == [*range(EPOCHS + 1)]
    for epoch, path in evaluated_epochs(found).items():
        one, other = (Embeddings.load(file).features for file in (path, evaluated_epochs(expected)[epoch]))
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-4, err_msg=str(epoch))
    steps = [path.name for path in checkpoints.folders(expected / CHECKPOINTS)]
    assert len(steps) == EPOCHS
    for step in steps:
        here, there = (checkpoints.load(place / CHECKPOINTS / step)[1]["selection"] for place in (found, expected))
        assert here["score"] == pytest.approx(there["score"], rel=1e-4), step
        assert here["best"] == pytest.approx(there["best"], rel=1e-4), step
