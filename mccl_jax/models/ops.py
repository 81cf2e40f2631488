"""Operations in the form that is fast, each beside its plain form, `plain_...`, which says what it computes.

benchmarks/train_step.py measures what all of them bring to a step, compile.py what they bring before the first one.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from mccl_jax.models.precision import FLOAT32, Precision


def plain_conv(
    x: Float[Array, "B T V C"], kernel: Float[Array, "k k C O"], stride: int, precision: Precision = FLOAT32
) -> Float[Array, "B t v O"]:
    """2-D convolution, padding k // 2."""
    padding = [(kernel.shape[0] // 2,) * 2] * 2
    return precision.conv(x, kernel, (stride, stride), padding, dimension_numbers=("NHWC", "HWIO", "NHWC"))


@functools.partial(jax.jit, static_argnames=("stride", "precision"))  # traced once a shape
def conv(
    x: Float[Array, "B T V C"], kernel: Float[Array, "k k C O"], stride: int, precision: Precision = FLOAT32
) -> Float[Array, "B t v O"]:
    """`plain_conv` as a matrix product where one does: a kernel of 1, and images that are one point wide.

    There only the centre column of a kernel meets data, so that a 3 x 3 kernel has a third of the products, and taps
    laid side by side make it one matrix: on a CPU 2 to 2.7 times faster, forwards and backwards, with 64 to 512
    channels. In most stages three of the four cues of DAIC-WOZ are that narrow. Kernels of 1 with a stride of 2 are 1.4
    to 2.1 times faster.
    """
    k = kernel.shape[0]
    if k == 1:
        return precision.product(x[:, ::stride, ::stride], kernel[0, 0])
    if x.shape[2] > 1:
        return plain_conv(x, kernel, stride, precision)
    last = x.shape[1] - 1 - (x.shape[1] - 1) % stride  # the middle of the last output
    padded = jnp.pad(x, [(0, 0), (k // 2, k // 2), (0, 0), (0, 0)])
    taps = [padded[:, i : i + last + 1 : stride] for i in range(k)]
    return precision.product(jnp.concatenate(taps, axis=-1), kernel[:, k // 2].reshape(-1, kernel.shape[-1]))


def plain_max_pool(x: Float[Array, "B T V C"]) -> Float[Array, "B t v C"]:
    """3 x 3 maximum, stride 2, padding 1; its gradient goes to the first of equal ones."""
    return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 3, 3, 1), (1, 2, 2, 1), [(0, 0), (1, 1), (1, 1), (0, 0)])


def max_pool(x: Float[Array, "B T V C"]) -> Float[Array, "B t v C"]:
    """`plain_max_pool`, equal to the bit, as maxima of shifted strided arrays, first along V and then along T.

    Forwards and backwards 3.3 times faster on a CPU, where the plain form takes 8 % of a step of training. It is also
    what XLA's deterministic mode on GPUs does not refuse.
    """
    return _thirds(_thirds(x, 2), 1)


def _thirds(x: Array, axis: int) -> Array:
    """Maximum of 3, stride 2, padding 1, along one axis."""
    size = x.shape[axis]
    if size == 1:
        return x
    padded = jnp.pad(x, [(0, 0)] * axis + [(1, 1)] + [(0, 0)] * (x.ndim - axis - 1), constant_values=-jnp.inf)
    before, middle, behind = (jax.lax.slice_in_dim(padded, i, i + size - (size - 1) % 2, 2, axis) for i in range(3))
    return _first_largest(_first_largest(before, middle), behind)


def _first_largest(a: Array, b: Array) -> Array:
    """The larger, with the whole gradient for it; of equal ones a; NaN where there is one."""
    return jnp.where((b > a) | jnp.isnan(b), b, a)


def normalise(
    x: Float[Array, "B T V C"],
    mean: Float[Array, " C"],
    inverse: Float[Array, " C"],
    scale: Float[Array, " C"],
    bias: Float[Array, " C"],
) -> Float[Array, "B T V C"]:
    """(x - mean) inverse scale + bias, as one product and one sum, rounded to the precision of x."""
    gain = inverse * scale
    return (x * gain + (bias - mean * gain)).astype(x.dtype)


class Normalised(NamedTuple):
    """What batch normalisation makes of x, and by what: statistics of n values a channel, which carry no gradient."""

    y: Float[Array, "B T V C"]
    mean: Float[Array, " C"]
    var: Float[Array, " C"]
    n: Float[Array, ""]


def plain_batch_norm(
    x: Float[Array, "B T V C"],
    mask: Float[Array, "B T 1 1"],
    scale: Float[Array, " C"],
    bias: Float[Array, " C"],
    eps: float,
    axis: str | None,
) -> Normalised:
    """Batch normalisation by the valid frames: mean = sum(m x) / n, var = sum(m x^2) / n - mean^2, n = sum(m).

    The sums are over all devices of `axis`. They and what follows from them are as precise as the mask; only y is
    rounded to the precision of x.
    """
    mean, var, n = _statistics(x, mask, axis)
    y = normalise(x, mean, jax.lax.rsqrt(var + eps), scale, bias)
    return Normalised(y, *jax.lax.stop_gradient((mean, var, n)))


@functools.partial(jax.custom_vjp, nondiff_argnums=(4, 5))
def batch_norm(
    x: Float[Array, "B T V C"],
    mask: Float[Array, "B T 1 1"],
    scale: Float[Array, " C"],
    bias: Float[Array, " C"],
    eps: float,
    axis: str | None,
) -> Normalised:
    """`plain_batch_norm` with its gradient written out, in terms of sum(dy) and sum(dy x).

    A quarter fewer operations in a step of the whole model than JAX's own gradient has, and 6 % less memory. A step
    takes as long on a CPU, but is traced and loaded sooner (benchmarks/compile.py).
    """
    return _forwards(x, mask, scale, bias, eps, axis)[0]


def _statistics(x, mask, axis):
    kept = x * mask
    sums = kept.sum((0, 1, 2)), (kept * x).sum((0, 1, 2)), mask.sum() * x.shape[2]
    if axis is not None:
        sums = jax.lax.psum(sums, axis)
    total, squares, n = sums
    share = 1 / jnp.maximum(n, 1)
    mean = total * share
    return mean, jnp.maximum(squares * share - mean * mean, 0), n


# Under jit, so that they are traced once for each shape, and not in each of a model's 160 places.


@functools.partial(jax.jit, static_argnums=(4, 5))
def _forwards(x, mask, scale, bias, eps, axis):
    mean, var, n = _statistics(x, mask, axis)
    inverse = jax.lax.rsqrt(var + eps)
    y = normalise(x, mean, inverse, scale, bias)
    return Normalised(y, mean, var, n), (x, mask, scale, inverse, mean, n)


@functools.partial(jax.jit, static_argnums=(0, 1))
def _backwards(eps, axis, of_forwards, of_normalised):
    """dx = gain (dy - m (sum(dy) + z sum(dy z)) / n) with z = (x - mean) / sqrt(var + eps), sums over all devices."""
    x, mask, scale, inverse, mean, n = of_forwards
    gain = inverse * scale
    dy = of_normalised.y.astype(mask.dtype)
    dbias = dy.sum((0, 1, 2))
    dscale = ((dy * x).sum((0, 1, 2)) - mean * dbias) * inverse
    along_one, along_z = (dbias, dscale) if axis is None else jax.lax.psum((dbias, dscale), axis)
    share = gain / jnp.maximum(n, 1)
    slope = share * along_z * inverse
    dx = dy * gain - mask * (x * slope + (share * along_one - mean * slope))
    return dx.astype(x.dtype), jnp.zeros_like(mask), dscale, dbias


batch_norm.defvjp(_forwards, _backwards)
