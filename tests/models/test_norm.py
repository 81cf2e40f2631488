"""Both normalisations against plain sums over what is there."""

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from mccl_jax.models.norm import EVALUATION, BatchNorm, Pass, TokenNorm

MASK = np.array([[1, 1, 0, 1, 0], [1, 1, 1, 1, 1], [0, 0, 0, 0, 0]], np.float32)


def frames(seed=0):
    """(3, 5, 2, 4) values and the mask as (3, 5, 1, 1)."""
    x = np.random.default_rng(seed).normal(1, 2, (3, 5, 2, 4)).astype(np.float32)
    return x, MASK[:, :, None, None]


def batch_norm(rows=2):
    norm = BatchNorm(4, rows)
    norm.scale[...], norm.bias[...] = jnp.array([1.0, 2, 3, 4]), jnp.array([0.0, 1, -1, 2])
    return norm


def test_batch_norm_counts_valid_frames_only():
    norm, (x, mask) = batch_norm(), frames()
    y = np.asarray(norm(x, mask, Pass(train=True)))
    valid = x[MASK > 0]  # (7, 2, 4)
    mean, var = valid.mean((0, 1)), valid.var((0, 1))
    expected = (valid - mean) / np.sqrt(var + 1e-5) * [1, 2, 3, 4] + [0, 1, -1, 2]
    np.testing.assert_allclose(y[MASK > 0], expected, rtol=1e-4, atol=1e-5)
    # PyTorch's convention: the running variance is the unbiased one.
    np.testing.assert_allclose(norm.mean[0], 0.1 * mean, rtol=1e-5)
    np.testing.assert_allclose(norm.var[0], 0.9 + 0.1 * valid.var((0, 1), ddof=1), rtol=1e-5)


def test_batch_norm_keeps_a_row_for_each_cue():
    norm, (x, mask) = batch_norm(), frames()
    norm(x, mask, Pass(train=True, row=1))
    np.testing.assert_array_equal(norm.mean[0], 0)
    np.testing.assert_array_equal(norm.var[0], 1)
    assert (norm.mean[1] != 0).all()
    # Evaluation reads the row of the cue.
    first, second = (norm(x, mask, Pass(row=row)) for row in (0, 1))
    np.testing.assert_allclose(first, x / np.sqrt(1 + 1e-5) * [1, 2, 3, 4] + [0, 1, -1, 2], rtol=1e-4, atol=1e-5)
    assert not np.allclose(first, second)


def test_batch_norm_with_one_row_is_moved_by_every_cue_in_turn():
    norm, (x, mask), (other, _) = batch_norm(rows=1), frames(), frames(1)
    norm(x, mask, Pass(train=True, row=0))
    norm(other, mask, Pass(train=True, row=3))
    first, second = (values[MASK > 0].mean((0, 1)) for values in (x, other))
    np.testing.assert_allclose(norm.mean[0], 0.9 * 0.1 * first + 0.1 * second, rtol=1e-5)


def test_batch_norm_is_not_moved_by_padding_or_evaluation():
    norm, (x, mask) = batch_norm(), frames()
    assert np.isfinite(norm(x, 0 * mask, Pass(train=True))).all()
    norm(x, mask, EVALUATION)
    np.testing.assert_array_equal(norm.mean[...], 0)
    np.testing.assert_array_equal(norm.var[...], 1)


@pytest.mark.parametrize("eps", [1e-5, 0.1])
def test_token_norm_mixes_instance_and_layer_statistics(eps):
    rng = np.random.default_rng(0)
    x, mask = rng.normal(1, 2, (3, 4, 6)).astype(np.float32), np.array([[1, 1, 1, 1], [1, 0, 1, 1], [0, 1, 0, 0]])
    norm = TokenNorm(6, eps)
    norm.scale[...], norm.bias[...] = jnp.arange(1.0, 7), jnp.linspace(-1, 1, 6)
    norm.mean_mix[...], norm.var_mix[...] = jnp.array([1.0, 2]), jnp.array([0.5, -1])
    y = np.asarray(norm(x, mask.astype(np.float32)))
    a, b = (np.exp(mix) / np.exp(mix).sum() for mix in (np.array([1, 2.0]), np.array([0.5, -1])))
    for sample in range(3):
        there = x[sample][mask[sample] > 0].astype(np.float64)
        m_in = there.mean(axis=0)
        v_in = there.var(axis=0, ddof=1) if len(there) > 1 else np.zeros(6)
        m_ln, v_ln = m_in.mean(), (v_in + m_in**2).mean() - m_in.mean() ** 2
        mean, var = a[0] * m_in + a[1] * m_ln, b[0] * v_in + b[1] * v_ln
        expected = (there - mean) / np.sqrt(var + eps) * np.arange(1, 7) + np.linspace(-1, 1, 6)
        np.testing.assert_allclose(y[sample][mask[sample] > 0], expected, rtol=1e-4, atol=1e-4)


def test_token_norm_without_any_token_is_finite():
    def mean_square(norm, x):
        return (norm(x, jnp.zeros((2, 3))) ** 2).mean()

    norm, x = TokenNorm(4, 1e-5), jnp.ones((2, 3, 4))
    value, gradient = nnx.value_and_grad(mean_square)(norm, x)
    assert np.isfinite(value)
    assert all(np.isfinite(leaf).all() for leaf in nnx.to_pure_dict(gradient).values())
