"""In which precision a model multiplies: that of its parameters, or bfloat16 with sums in float32."""

import dataclasses

import jax
import jax.numpy as jnp
from jaxtyping import Array

PRECISIONS = ("float32", "bfloat16")
# For products that are float32 in every model: on their own, a TPU multiplies them in bfloat16, newer GPUs in TF32.
EXACT = jax.lax.Precision.HIGHEST


@dataclasses.dataclass(frozen=True)
class Precision:
    """The convolutions and products of a model, by the name of `ModelOptions.dtype`.

    float32    everything is as the parameters are (in float64 too, where these are), multiplied as the device does by
               default: on a TPU in bfloat16, on NVIDIA GPUs since Ampere in TF32, with sums in float32.
               JAX_DEFAULT_MATMUL_PRECISION=float32 has them do it in full, which takes several times as long.
    bfloat16   what is multiplied is rounded to bfloat16, parameters included, whose own values stay float32. Sums are
               float32; those of a product leave as such, those of a convolution rounded to bfloat16.
    """

    name: str = "float32"

    def einsum(self, equation: str, a: Array, b: Array) -> Array:
        """jnp.einsum of two operands."""
        return jnp.einsum(equation, self._rounded(a), self._rounded(b), precision=self._algorithm)

    def matmul(self, a: Array, b: Array) -> Array:
        """a @ b."""
        return jnp.matmul(self._rounded(a), self._rounded(b), precision=self._algorithm)

    def conv(self, x: Array, kernel: Array, *arguments, **named) -> Array:
        """jax.lax.conv_general_dilated; the large activations lie between convolutions, so they are kept narrow."""
        if self._narrow:
            x, kernel = x.astype(jnp.bfloat16), kernel.astype(jnp.bfloat16)
        return jax.lax.conv_general_dilated(x, kernel, *arguments, **named)

    def product(self, x: Array, kernel: Array) -> Array:
        """x @ kernel, in the stead of a convolution: what comes in and goes out is kept as `conv` keeps it."""
        y = self.matmul(x.astype(kernel.dtype), kernel)
        return y.astype(jnp.bfloat16) if self._narrow else y

    @property
    def _narrow(self) -> bool:
        return self.name == "bfloat16"

    @property
    def _algorithm(self):
        # Not bfloat16 operands with float32 results: on the CPU XLA has that for some shapes only. With the algorithm
        # it multiplies the rounded values in float32 there, which is the same number, and in bfloat16 where it can.
        return jax.lax.DotAlgorithmPreset.BF16_BF16_F32 if self._narrow else None

    def _rounded(self, x: Array) -> Array:
        return jax.lax.reduce_precision(x, exponent_bits=8, mantissa_bits=7) if self._narrow else x


FLOAT32 = Precision()
