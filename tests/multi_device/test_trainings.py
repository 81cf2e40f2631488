"""What many devices wrote one device reads and goes on from, and the other way round, without a flag.

The number of devices is fixed when JAX starts: four and eight of them have a process each, this one has one.
"""

import os
import pathlib
import shutil
import subprocess
import sys

import jax
import numpy as np
import pytest

from mccl_jax.errors import UserError
from mccl_jax.evaluation.embeddings import Embeddings, path_of_epoch
from mccl_jax.training.checkpoints import load
from mccl_jax.training.runs import CHECKPOINTS
from tests.multi_device.trainings import EPOCHS, STEPS, experiment, go_on, train

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOLERANCE = 1e-4  # relative to the largest value of an array; only the order of sums differs


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> pathlib.Path:
    """A folder of trainings: on one, four and eight devices, and begun on some and ended on others."""
    assert jax.device_count() == 1
    place = tmp_path_factory.mktemp("trainings")
    train(place / "one", experiment())
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.multi_device.trainings", how, *(place / name for name in names)],
            cwd=ROOT,
            env=os.environ
            | {
                "JAX_PLATFORMS": "cpu",
                "JAX_NUM_CPU_DEVICES": devices,
            },
            stderr=subprocess.PIPE,
            text=True,
        )
        for devices, how, *names in (("4", "jit", "four", "one", "one then four"), ("8", "pmap", "eight"))
    ]
    for process in processes:
        _, errors = process.communicate(timeout=900)
        assert process.returncode == 0, errors
    for other, how in (("four", "jit"), ("eight", "pmap")):
        assert f"goes on after step {STEPS // 2} of {STEPS}" in " ".join(
            go_on(place / other, place / f"{other} then one", experiment(how))
        )
    return place


@pytest.mark.parametrize("name", ["four", "eight", "four then one", "eight then one", "one then four"])
def test_every_way_ends_as_one_device_alone(folder, name):
    expected, found = (load(folder / which / CHECKPOINTS / str(STEPS)) for which in ("one", name))
    leaves, _ = jax.tree.flatten_with_path(expected[0])
    assert any("opt_state" in jax.tree_util.keystr(path) for path, _ in leaves)
    for (path, value), other in zip(leaves, jax.tree.leaves(found[0]), strict=True):
        limit = TOLERANCE * max(1e-3, np.abs(value).max())
        np.testing.assert_allclose(other, value, rtol=0, atol=limit, err_msg=jax.tree_util.keystr(path))
    best, other = (metadata["selection"]["best"] for _, metadata in (expected, found))
    assert other["step"] == best["step"]
    assert other["score"] == pytest.approx(best["score"], rel=TOLERANCE)
    z, other = (Embeddings.load(path_of_epoch(folder / which, EPOCHS)).features for which in ("one", name))
    np.testing.assert_allclose(other, z, rtol=0, atol=TOLERANCE * np.abs(z).max())


def test_the_first_half_was_that_of_other_devices(folder):
    """Bit for bit they are not the same, so that there was something to compare."""
    halves = [load(folder / name / CHECKPOINTS / str(STEPS // 2))[0]["state"] for name in ("one", "four", "eight")]
    kernels = [max(half["params"].values(), key=np.size) for half in halves]
    assert len({kernel.tobytes() for kernel in kernels}) > 1


def test_a_checkpoint_of_another_training_is_refused(folder, tmp_path):
    """Of equal shapes, on the same data, so that nothing else would notice it."""
    shutil.copytree(folder / "one" / CHECKPOINTS, tmp_path / CHECKPOINTS)
    with pytest.raises(UserError, match=r"checkpoints/8: belongs to another config \(seed: 1 here, 0 there\)"):
        train(tmp_path, experiment(seed=1))
