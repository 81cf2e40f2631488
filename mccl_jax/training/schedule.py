"""The learning rate, step by step, as the official code sets it."""

import dataclasses

import jax.numpy as jnp
from jaxtyping import Array, Float, Int


@dataclasses.dataclass(frozen=True)
class Schedule:
    """Linear warm-up, then a cosine down to `floor`, counted in steps.

    The official code sets the rate after a step, for t = epoch x n + i with epochs counted from 1 (n steps an epoch),
    so step 0 runs at rate 0 and step k at t = n + k - 1:

        rate(t) = peak t / warmup                                          below the warm-up
                  floor + (peak - floor) / 2 (1 + cos(pi t / total))       above; the cosine counts from 0
                  floor                                                    from `total` on
    """

    epochs: int
    warmup_epochs: float
    floor: float

    def __call__(
        self, step: Int[Array, ""], peak: Float[Array, ""], steps_per_epoch: Int[Array, ""]
    ) -> Float[Array, ""]:
        """The rate of step `step`, counted from 0."""
        n = jnp.asarray(steps_per_epoch).astype(peak.dtype)
        warmup, total = self.warmup_epochs * n, self.epochs * n
        t = jnp.where(step == 0, 0, steps_per_epoch + step - 1).astype(peak.dtype)
        cosine = self.floor + (peak - self.floor) / 2 * (1 + jnp.cos(jnp.pi * t / total))
        rate = jnp.where(t < warmup, peak * t / jnp.maximum(warmup, 1), jnp.where(t < total, cosine, self.floor))
        return jnp.where(step == 0, 0.0, rate)
