"""Several devices compute what one does, however they are wrapped, alone or side by side with other runs.

The number of devices is fixed when JAX starts, so that they have a process of their own, one for each precision.
"""

import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

from tests.multi_device.steps import EPOCHS, LAYOUTS, SLOTS, layouts_of

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Relative to the largest value of an array; only the order of sums differs.
TOLERANCES = {"float64": 1e-9, "float32": 1e-4}
ONE = {}  # what is trained -> the layout on one device
for _name, (*_, _objective) in LAYOUTS.items():
    ONE.setdefault(_objective, _name)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """(precision, layout) -> what steps.py wrote."""
    folder, processes = tmp_path_factory.mktemp("steps"), {}
    for precision in TOLERANCES:
        processes[precision] = subprocess.Popen(
            [sys.executable, "-m", "tests.multi_device.steps", str(folder / f"{precision}.npz")],
            cwd=ROOT,
            env=os.environ
            | {
                "JAX_PLATFORMS": "cpu",
                "JAX_NUM_CPU_DEVICES": "8",
                "JAX_ENABLE_X64": str(int(precision == "float64")),
            },
            stderr=subprocess.PIPE,
            text=True,
        )
    found = {}
    for precision, process in processes.items():
        _, errors = process.communicate(timeout=900)
        assert process.returncode == 0, errors
        with np.load(folder / f"{precision}.npz") as file:
            for key in file:
                layout, _, name = key.partition(": ")
                found.setdefault((precision, layout), {})[name] = file[key]
    return found


@pytest.mark.parametrize(
    ("precision", "layout"),
    [(precision, layout) for precision in TOLERANCES for layout in layouts_of(precision) if layout not in ONE.values()],
)
def test_every_layout_equals_one_device(results, precision, layout):
    *_, objective = LAYOUTS[layout]
    tolerance = TOLERANCES[precision]
    expected, found = results[precision, ONE[objective]], results[precision, layout]
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert np.isfinite(value).all(), name
        assert found[name].dtype == value.dtype == (np.int32 if name == "step" else precision)
        np.testing.assert_allclose(
            found[name], value, rtol=0, atol=tolerance * max(1e-3, np.abs(value).max()), err_msg=name
        )


@pytest.mark.parametrize("objective", ONE)
def test_the_steps_moved_everything_that_is_compared(results, objective):
    one = results["float64", ONE[objective]]
    losses = np.array([[one[f"loss/{epoch}/{slot}"] for slot in range(SLOTS)] for epoch in range(EPOCHS)])
    assert (losses[:, 1, 2] == 0).all()  # an epoch that has ended
    if objective == "contrastive":
        assert (losses[:, 1, 1] == 0).all()  # a batch of one
    assert (losses[:, 0] > 0).all()
    assert one["step"].tolist() == [6, 6, 3]
    assert one["embeddings"].shape == (3, 7, 2, 8)
    assert np.unique(one["embeddings"], axis=1).shape == (3, 7, 2, 8)
    for name, value in one.items():
        if name.startswith("batch_stats/"):
            assert (value != (1.0 if name.endswith("var") else 0.0)).all(), name
