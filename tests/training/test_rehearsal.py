"""What is said of a training before it begins: how much it computes, how fast, and against which peak."""

import jax
import jax.numpy as jnp
import pytest

from mccl_jax.training.peaks import Peak, peak
from mccl_jax.training.rehearsal import rehearse, speed


@pytest.mark.parametrize(
    ("kind", "dtype", "expected"),
    [
        ("TPU v5 lite", "float32", Peak(197e12, "bfloat16")),
        ("TPU v5", "bfloat16", Peak(459e12, "bfloat16")),
        ("TPU v6 lite", "bfloat16", Peak(918e12, "bfloat16")),
        ("TPU v4", "float32", Peak(275e12, "bfloat16")),
        ("NVIDIA A100-SXM4-80GB", "float32", Peak(156e12, "TF32")),
        ("NVIDIA A100 80GB PCIe", "bfloat16", Peak(312e12, "bfloat16")),
        ("NVIDIA H100 80GB HBM3", "float32", Peak(495e12, "TF32")),
        ("NVIDIA H100 PCIe", "bfloat16", Peak(756e12, "bfloat16")),
        ("NVIDIA H200", "bfloat16", Peak(989e12, "bfloat16")),
        ("NVIDIA H100 NVL", "float32", Peak(417e12, "TF32")),
        ("NVIDIA L4", "float32", Peak(60e12, "TF32")),
        ("Tesla T4", "float32", Peak(8.1e12, "float32")),
        ("Tesla T4", "bfloat16", None),
        ("Tesla V100-SXM2-16GB", "float32", Peak(15.7e12, "float32")),
        ("cpu", "float32", None),
        ("NVIDIA L40S", "float32", None),
        ("TPU v4 lite", "float32", None),
    ],
)
def test_peaks_are_those_of_the_data_sheets(kind, dtype, expected):
    assert peak(kind, dtype) == expected


def test_a_peak_is_not_known_where_float32_is_multiplied_otherwise():
    with jax.default_matmul_precision("float32"):
        assert peak("TPU v5 lite", "float32") is None
        assert peak("TPU v5 lite", "bfloat16") == Peak(197e12, "bfloat16")


def test_the_speed_is_said_with_the_peak_or_that_there_is_none():
    assert speed(1.53e12, 0.05, 8, "TPU v5 lite", "float32") == (
        "speed: 12.2 TFLOP a step, 30.6 TFLOP/s on each device, 15.5% of its 197 TFLOP/s for products of bfloat16"
    )
    assert speed(999.6, 1, 1, "cpu", "float32") == (
        "speed: 1 kFLOP a step, 1 kFLOP/s on each device; of which share, is not known of cpu with model.dtype float32"
    )


@pytest.mark.parametrize("how", ["jit", "pmap"])
def test_either_way_of_wrapping_can_be_rehearsed(how):
    def local(states, data, epoch, first):
        return {**states, "step": states["step"] + 1}, states["params"]["a"] @ data

    advance = jax.jit(local, donate_argnums=0)
    if how == "pmap":
        mapped = jax.pmap(lambda device, *rest: local(*rest), in_axes=(0, *[None] * 4), out_axes=None, axis_name="data")
        advance = jax.tree_util.Partial(mapped, jnp.arange(1))
    states = {"params": {"a": jnp.ones((1, 8, 8))}, "step": jnp.zeros(1, jnp.int32)}
    said = []
    mesh = jax.make_mesh((1, 1), ("run", "data"))
    compiled = rehearse(advance, (states, jnp.ones((8, 8))), mesh, 5, 2, "float32", said.append)
    after, _ = compiled(states, jnp.ones((8, 8)), jnp.int32(0), jnp.int32(0))
    assert after["step"] == 1
    assert [line.partition(":")[0] for line in said] == ["model", "estimate", "speed"]
    assert "64 parameters on 1 x cpu" in said[0]
    assert said[1].startswith("estimate: 10 steps of ")
    assert said[2].startswith("speed: 512 FLOP a step, ")  # 2 x 8^3, shared by the two steps of a call
