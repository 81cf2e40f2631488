"""Several devices compute what one does. The number of devices is fixed when JAX starts, so each has a process."""

import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Devices, runs at once (each on its share of them).
LAYOUTS = ((1, 1), (2, 1), (3, 1), (4, 2))


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """(devices, runs at once) -> what steps.py wrote; float64, so that only the order of sums differs."""
    folder, processes = tmp_path_factory.mktemp("steps"), {}
    for devices, runs in LAYOUTS:
        processes[devices, runs] = subprocess.Popen(
            [sys.executable, "-m", "tests.multi_device.steps", str(folder / f"{devices}.npz"), str(runs)],
            cwd=ROOT,
            env=os.environ
            | {
                "JAX_PLATFORMS": "cpu",
                "JAX_NUM_CPU_DEVICES": str(devices),
                "JAX_ENABLE_X64": "1",
                "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",  # compiling is what these processes do
            },
            stderr=subprocess.PIPE,
            text=True,
        )
    found = {}
    for (devices, runs), process in processes.items():
        _, errors = process.communicate(timeout=600)
        assert process.returncode == 0, errors
        with np.load(folder / f"{devices}.npz") as file:
            found[devices, runs] = dict(file)
    return found


@pytest.mark.parametrize(("devices", "runs"), LAYOUTS[1:])
def test_several_devices_equal_one(results, devices, runs):
    expected, found = results[1, 1], results[devices, runs]
    assert (expected["devices"], found["devices"]) == (1, devices)
    for name in expected.keys() - {"devices"}:
        value = expected[name]
        assert np.isfinite(value).all(), name
        np.testing.assert_allclose(found[name], value, rtol=1e-8, atol=1e-10, err_msg=name)


def test_the_steps_moved_everything_that_is_compared(results):
    one = results[1, 1]
    losses = np.array([one[f"loss/{step}"] for step in range(3)])
    assert losses[1, 1] == 0  # a batch of one
    assert len(np.unique(losses)) == losses.size
    assert one["embeddings"].shape == (2, 7, 2, 8)
    assert np.unique(one["embeddings"], axis=1).shape == (2, 7, 2, 8)
    for name, value in one.items():
        if name.startswith("batch_stats/"):
            assert (value != (1.0 if name.endswith("var") else 0.0)).all(), name
