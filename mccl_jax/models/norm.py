"""Normalisation: batch statistics that are exact over devices and masks, and the mixed one inside the interaction."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float

from mccl_jax.models.init import filled
from mccl_jax.models.ops import batch_norm, normalise
from mccl_jax.models.precision import FLOAT32, Precision


@dataclasses.dataclass(frozen=True)
class Pass:
    """How a pass through a trunk runs.

    train       normalise by the statistics of the batch and move the running ones; otherwise use the running ones.
    axis        name of the mapped axis over which the batch is spread (statistics are then global), or None.
    row         which row of running statistics belongs to the cue.
    precision   of convolutions and products; the model sets it.
    """

    train: bool = False
    axis: str | None = None
    row: int = 0
    precision: Precision = FLOAT32


EVALUATION = Pass()


class BatchNorm(nnx.Module):
    """Batch normalisation over valid frames, with a row of running statistics for each cue.

    In training by those of the whole batch on all devices (see `ops.plain_batch_norm`). Flax's own averages the
    devices' means without weights, which is wrong where their numbers of valid frames differ.
    running = 0.9 running + 0.1 batch, with the unbiased batch variance (PyTorch's convention).

    The official code keeps a single set (rows = 1) that all cues move in turn, so that evaluation normalises each cue
    by a mixture of all of them. Here rows = number of cues.

    Of x in bfloat16 the sums, the statistics and the normalisation are float32 (as mask and parameters are); only the
    result is rounded.
    """

    def __init__(self, channels: int, rows: int, eps: float = 1e-5, momentum: float = 0.1):
        self.scale = nnx.Param(filled(1, (channels,)))
        self.bias = nnx.Param(filled(0, (channels,)))
        self.mean = nnx.BatchStat(filled(0, (rows, channels)))
        self.var = nnx.BatchStat(filled(1, (rows, channels)))
        self.eps, self.momentum = eps, momentum

    def __call__(self, x: Float[Array, "B T V C"], mask: Float[Array, "B T 1 1"], how: Pass) -> Float[Array, "B T V C"]:
        """Normalises; masked frames do not count, and what is returned for them means nothing."""
        row = min(how.row, self.mean.shape[0] - 1)
        if how.train:
            y, *batch = batch_norm(x, mask, self.scale[...], self.bias[...], self.eps, how.axis)
            self._move(row, *batch)
            return y
        inverse = jax.lax.rsqrt(self.var[row] + self.eps)
        return normalise(x, self.mean[row], inverse, self.scale[...], self.bias[...])

    def _move(self, row, mean, var, n):
        """Moves a row of running statistics towards a batch's, which are of n values."""
        unbiased = var * (n / jnp.maximum(n - 1, 1))
        own = np.arange(self.mean.shape[0]) == row
        share = np.asarray(self.momentum * own[:, None], mean.dtype)
        for running, batch in ((self.mean, mean), (self.var, unbiased)):
            # set_value: assigning through [...] asks each traced array for its sharding, 20 s in a whole model.
            running.set_value(_moved(running[...], batch, share, n))


@jax.jit
def _moved(running, batch, share, n):
    """Running statistics, of which each row takes its share of the batch's, and of a batch of padding nothing.

    (Not a scatter into one row: that compiles to a loop.)
    """
    return running + share * (n > 0) * (batch - running)


class TokenNorm(nnx.Module):
    """Normalises tokens by a learned mixture of instance and layer statistics (switchable normalisation).

    Per sample: m_in, v_in over the tokens of each channel (v_in unbiased); m_ln = mean_c m_in,
    v_ln = mean_c (v_in + m_in^2) - m_ln^2; then mean = a0 m_in + a1 m_ln with (a0, a1) = softmax(mean_mix), the
    variance likewise with var_mix; y = (x - mean) / sqrt(variance + eps) * scale + bias. Source: the official code.
    """

    def __init__(self, channels: int, eps: float):
        self.scale = nnx.Param(filled(1, (channels,)))
        self.bias = nnx.Param(filled(0, (channels,)))
        self.mean_mix = nnx.Param(filled(1, (2,)))
        self.var_mix = nnx.Param(filled(1, (2,)))
        self.eps = eps

    def __call__(self, x: Float[Array, "B N C"], mask: Float[Array, "B N"]) -> Float[Array, "B N C"]:
        """Normalises over the tokens that take part (mask 1)."""
        weight = mask[:, :, None]
        n = weight.sum(1, keepdims=True)
        m_in = (weight * x).sum(1, keepdims=True) / jnp.maximum(n, 1)
        v_in = (weight * (x - m_in) ** 2).sum(1, keepdims=True) / jnp.maximum(n - 1, 1)
        m_ln = m_in.mean(-1, keepdims=True)
        v_ln = (v_in + m_in**2).mean(-1, keepdims=True) - m_ln**2
        a, b = jax.nn.softmax(self.mean_mix[...]), jax.nn.softmax(self.var_mix[...])
        mean, var = a[0] * m_in + a[1] * m_ln, b[0] * v_in + b[1] * v_ln
        return (x - mean) * jax.lax.rsqrt(var + self.eps) * self.scale[...] + self.bias[...]
