"""What is multiplied in bfloat16 and what is not: the products alone, and the normalisation between them."""

import jax.numpy as jnp
import numpy as np
import pytest

from mccl_jax.models.norm import BatchNorm, Pass
from mccl_jax.models.precision import FLOAT32, Precision

BFLOAT16 = Precision("bfloat16")


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def rounded(x):
    return np.asarray(jnp.asarray(x).astype(jnp.bfloat16), np.float64)


@pytest.mark.parametrize(
    ("equation", "shape"), [("zbnf,zfg->nzbg", (2, 3, 4, 500)), ("zbf,zfg->zbg", (2, 3, 500))], ids=["input", "state"]
)
def test_products_round_their_factors_but_not_their_sums(equation, shape):
    a, b = normal(*shape), normal(2, 500, 6, seed=1)
    found = BFLOAT16.einsum(equation, a, b)
    assert found.dtype == jnp.float32
    np.testing.assert_allclose(found, np.einsum(equation, rounded(a), rounded(b)), atol=1e-4)
    assert np.abs(found - np.einsum(equation, a, b)).max() > 1e-2
    np.testing.assert_array_equal(FLOAT32.einsum(equation, a, b), jnp.einsum(equation, a, b))
    np.testing.assert_array_equal(BFLOAT16.matmul(a[0], b[0]), BFLOAT16.einsum("...f,fg->...g", a[0], b[0]))


def test_statistics_of_narrow_activations_are_wide():
    """Sums over 18,000 values near 3: in bfloat16 they would stop growing where 3 is less than half a step."""
    x, norm = jnp.asarray(3 + normal(4, 500, 10, 2)).astype(jnp.bfloat16), BatchNorm(2, rows=1)
    mask = np.ones((4, 500, 1, 1), np.float32)
    mask[1, 300:] = 0
    y = norm(x, mask, Pass(train=True))
    assert y.dtype == jnp.bfloat16
    assert norm.mean.dtype == norm.var.dtype == jnp.float32
    there = np.asarray(x, np.float64)[mask[:, :, 0, 0] > 0].reshape(-1, 2)
    np.testing.assert_allclose(norm.mean[0], 0.1 * there.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(norm.var[0], 0.9 + 0.1 * there.var(axis=0, ddof=1), rtol=1e-5)
    expected = (np.asarray(x, np.float64) - there.mean(axis=0)) / there.std(axis=0)
    np.testing.assert_allclose(np.asarray(y, np.float64), expected, rtol=2**-8, atol=1e-4)
