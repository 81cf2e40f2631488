"""Random initial values, drawn on the host: equal on every backend, and nothing to compile."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array


class Draw:
    """Draws initial values in the order in which a model is built; `Draw(None)` gives zeros in their place."""

    def __init__(self, seed: int | None):
        self._generator = None if seed is None else np.random.default_rng(seed)

    def uniform(self, bound: float, shape: tuple[int, ...]) -> Array:
        """U(-bound, bound): PyTorch's default for linear, recurrent and 1-D convolution layers."""
        if self._generator is None:
            return jnp.zeros(shape)
        return jnp.asarray(self._generator.uniform(-bound, bound, shape), jnp.result_type(float))

    def normal(self, deviation: float, shape: tuple[int, ...]) -> Array:
        """N(0, deviation^2): with fan-out scaling, torchvision's default for the ResNet."""
        if self._generator is None:
            return jnp.zeros(shape)
        return jnp.asarray(deviation * self._generator.standard_normal(shape), jnp.result_type(float))
