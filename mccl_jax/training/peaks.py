"""What accelerators can do at most, from their public data sheets: to say how much of it a training uses."""

import re
from typing import NamedTuple

import jax


class Peak(NamedTuple):
    """flops: products and sums a second of one device; products: in which precision these are."""

    flops: float
    products: str


# device_kind -> (rate of bfloat16, rate and name of how JAX multiplies float32 by default), dense, in 1e12 a second.
# The first that matches counts. JAX's default (jax.lax.Precision.DEFAULT): TPUs multiply float32 in bfloat16, NVIDIA
# GPUs since Ampere in TF32. Sources: cloud.google.com/tpu/docs/v4, v5e, v5p, v6e; NVIDIA's data sheets, whose numbers
# for tensor cores are halved where they are given with sparsity. A T4 and a V100 have no products of bfloat16.
_PEAKS = (
    (r"TPU v4", 275, 275, "bfloat16"),
    (r"TPU v5 ?(lite|e)", 197, 197, "bfloat16"),
    (r"TPU v5p?", 459, 459, "bfloat16"),
    (r"TPU v6 ?(lite|e)", 918, 918, "bfloat16"),
    (r".*\bA100\b.*", 312, 156, "TF32"),
    (r".*\bH100 PCIe\b.*", 756, 378, "TF32"),
    (r".*\b(H100|H200) NVL\b.*", 835, 417, "TF32"),
    (r".*\b(H100|H200)\b.*", 989, 495, "TF32"),
    (r".*\bL4\b.*", 121, 60, "TF32"),
    (r".*\bT4\b.*", None, 8.1, "float32"),
    (r".*\bV100-PCIE\b.*", None, 14, "float32"),
    (r".*\bV100\b.*", None, 15.7, "float32"),
)


def peak(device_kind: str, dtype: str) -> Peak | None:
    """The most that a device of this kind does for a model of `dtype` (`ModelOptions.dtype`); None: not known.

    It is not known either where JAX_DEFAULT_MATMUL_PRECISION has float32 multiplied in another way than by default.
    """
    for kind, narrow, wide, wide_products in _PEAKS:
        if not re.fullmatch(kind, device_kind):
            continue
        if dtype == "bfloat16":
            return Peak(narrow * 1e12, "bfloat16") if narrow else None
        return Peak(wide * 1e12, wide_products) if jax.config.jax_default_matmul_precision is None else None
    return None
