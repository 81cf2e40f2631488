"""Initial values, made on the host: equal on every backend, and nothing to compile.

(jnp.ones and jnp.asarray compile a program for each shape: 0.8 s in a whole model.)
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array


def filled(value: float, shape: tuple[int, ...]) -> Array:
    """`value` throughout."""
    return _at_hand(np.full(shape, value))


class Draw:
    """Draws initial values in the order in which a model is built; `Draw(None)` gives zeros in their place."""

    def __init__(self, seed: int | None):
        self._generator = None if seed is None else np.random.default_rng(seed)

    def uniform(self, bound: float, shape: tuple[int, ...]) -> Array:
        """U(-bound, bound): PyTorch's default for linear, recurrent and 1-D convolution layers."""
        if self._generator is None:
            return jnp.zeros(shape)
        return _at_hand(self._generator.uniform(-bound, bound, shape))

    def normal(self, deviation: float, shape: tuple[int, ...]) -> Array:
        """N(0, deviation^2): with fan-out scaling, torchvision's default for the ResNet."""
        if self._generator is None:
            return jnp.zeros(shape)
        return _at_hand(deviation * self._generator.standard_normal(shape))


def _at_hand(values: np.ndarray) -> Array:
    """In the precision that JAX computes in."""
    return jax.device_put(np.asarray(values, jnp.result_type(float)))
