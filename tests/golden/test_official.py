"""Our forward pass, loss, running statistics, gradients and training steps against those of the official code."""

import json
import os
import subprocess
import sys

import jax
import numpy as np
import pytest

from tests.golden import official, ours, precision


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_small_batch(dtype):
    found = ours.whole(dtype)
    assert official.names("small/") <= set(found)
    assert official.wrong(found, dtype) == {}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_loss_alone(dtype):
    found = ours.losses(dtype)
    assert {name for name in official.names("loss/") if "/value" in name} <= set(found)
    assert official.wrong(found, dtype) == {}


def test_trajectory():
    found = ours.trajectory("float64")
    assert set(found) == official.names("trajectory/")
    assert official.wrong(found, "float64") == {}


def test_trajectory_in_float32():
    # Not the embeddings at the end: eight steps make of float32's rounding a difference of 5e-4 (inter-cue) and 1.3e-2
    # (intra-cue) of the largest entry, while no loss differs by more than 5e-5 of the largest one.
    found = {name: x for name, x in ours.trajectory("float32").items() if "/final/" not in name}
    assert set(found) == {"trajectory/loss", "trajectory/lr"}
    assert official.wrong(found, "float32") == {}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_full_size(dtype):
    # Drawn from seed 5 where the recipe's is 0; of other sets only the values tell whether 5 moves with the recipe's.
    for seed in sorted({5, official.SEED + 5}):
        found = ours.full(dtype, seed)
        assert set(found) == official.names("full/")
        off = official.wrong(found, dtype)
        if not off:
            break
    assert off == {}


def test_every_golden_value_is_held():
    held = official.names("small/", "loss/", "trajectory/", "full/", "schedule/")  # the last in test_schedule.py
    assert official.names("") == held


_WHERE = """
import json
from tests.golden import official
print(json.dumps([official.SEED, float(official.values()["trajectory/lr"][1]), str(official.raw_folder()),
                  float(official.tensors()["loss.fc1.bias"][0])]))
"""


def test_other_golden_sets_are_read_where_the_variables_point(tmp_path):
    np.savez(tmp_path / "other.npz", **{"trajectory/lr": np.array([0.0, 0.125])})
    other = {
        "MCCL_GOLDEN_MODEL": str(tmp_path / "other.npz"),
        "MCCL_GOLDEN_SEED": "7",
        "MCCL_GOLDEN_RAW": str(tmp_path),
    }
    command = [sys.executable, "-c", _WHERE]
    done = subprocess.run(command, env=os.environ | other, check=True, capture_output=True, text=True)
    seed, rate, raw, weight = json.loads(done.stdout)
    assert (seed, rate) == (7, 0.125)
    assert raw == str(tmp_path.resolve())
    assert weight == official.recipe.weight("loss.fc1.bias", (128,), 7)[0]


def test_schedule():
    assert official.wrong(ours.schedule("float64"), "float64") == {}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_training_of_a_tiny_problem(dtype):
    """Warm-up, unequal batches and a head that learns, which the golden trajectory lacks, against the loop in numpy."""
    found = ours.training(dtype)
    assert set(found) == set(official.plain.values())
    assert official.wrong(found, dtype) == {}


# bfloat16 has 8 bits, so that a rounding is up to 2e-3 of a value, in each of twenty layers. Found on the CPU: see
# "Precision" in README.md here; the limits are about twice that.
OF_BFLOAT16 = {
    "z_inter": 0.1,
    "z_intra": 0.1,
    "loss": 0.01,
    "running statistics": 0.03,
    "norm of the gradient": 0.03,
    # The loss of these weights is steep: with weights and inputs rounded to bfloat16 and all else in float32 the cosine
    # is 0.955 already. Here it is 0.945.
    "1 - cosine of the gradient": 0.07,
}


def test_bfloat16_is_near_and_leaves_float32():
    state, step = ours.in_bfloat16()
    assert {x.dtype for x in jax.tree.leaves((state, step))} == {np.dtype("float32"), np.dtype("int32")}
    assert {x.dtype for x in (state["step"], state["opt_state"]["count"])} == {np.dtype("int32")}
    found = precision.differences()
    assert {what: share for what, share in found.items() if share >= OF_BFLOAT16[what]} == {}
    # Not nearer than bfloat16 can be, or it would not be what is multiplied.
    assert min(found["z_inter"], found["z_intra"]) > 1e-3
