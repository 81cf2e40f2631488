"""Fast forms of operations against their plain ones, in value and gradient."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mccl_jax.models import ops
from mccl_jax.models.precision import FLOAT32, Precision

SHAPES = [(1, 1), (1, 2), (8, 1), (7, 1), (7, 4), (8, 3)]


def both(fast, plain, *arguments):
    """((value, gradients) of the fast form, the same of the plain one) in a random direction of the result."""
    direction = np.random.default_rng(1).normal(size=jax.eval_shape(plain, *arguments).shape)

    def of(form):
        y, pull = jax.vjp(form, *arguments)
        return jax.device_get((y, pull(jnp.asarray(direction, y.dtype))))

    return of(fast), of(plain)


def assert_near(found, expected, tolerance):
    (y, gradients), (plain_y, plain_gradients) = found, expected
    for a, b in zip((y, *gradients), (plain_y, *plain_gradients), strict=True):
        assert a.shape == b.shape
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a.astype(float), b.astype(float), rtol=0, atol=tolerance * np.abs(b).max())


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("k", "stride"), [(1, 1), (1, 2), (3, 1), (3, 2), (7, 2)])
def test_convolution(k, stride, dtype):
    with jax.enable_x64(dtype == "float64"):
        rng = np.random.default_rng(0)
        kernel = jnp.asarray(rng.normal(size=(k, k, 5, 6)), dtype)
        for T, V in SHAPES:
            x = jnp.asarray(rng.normal(size=(2, T, V, 5)), dtype)
            forms = (lambda x, kernel, form=form: form(x, kernel, stride) for form in (ops.conv, ops.plain_conv))
            assert_near(*both(*forms, x, kernel), 1e-14 if dtype == "float64" else 1e-5)


@pytest.mark.parametrize(("k", "V"), [(1, 3), (3, 1)])
def test_convolution_in_bfloat16(k, V):
    rng, narrow = np.random.default_rng(0), Precision("bfloat16")
    x = jnp.asarray(rng.normal(size=(2, 7, V, 5)), jnp.bfloat16)
    kernel = jnp.asarray(rng.normal(size=(k, k, 5, 6)), jnp.float32)
    fast, plain = both(
        *(lambda x, w, form=form: form(x, w, 2, narrow) for form in (ops.conv, ops.plain_conv)), x, kernel
    )
    assert fast[0].dtype == jnp.bfloat16
    assert_near(fast, plain, 2**-7)
    assert np.abs(fast[0].astype(float) - ops.plain_conv(x.astype(float), kernel, 2, FLOAT32)).max() > 1e-4


VALID = np.array([[1, 1, 0, 1, 0], [1, 1, 1, 1, 1], [0, 0, 0, 0, 0]], np.float32)[:, :, None, None]


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-13), ("float32", 1e-5), ("bfloat16", 2**-6)])
@pytest.mark.parametrize("mask", [VALID, np.ones_like(VALID), np.zeros_like(VALID)], ids=["holes", "whole", "padding"])
def test_batch_norm(dtype, tolerance, mask):
    with jax.enable_x64(dtype == "float64"):
        wide, rng = "float64" if dtype == "float64" else "float32", np.random.default_rng(0)
        mask, x = jnp.asarray(mask, wide), jnp.asarray(rng.normal(1, 2, (3, 5, 2, 4)), dtype)
        scale, bias = (jnp.asarray(rng.normal(size=4), wide) for _ in range(2))
        for values in (x, jnp.zeros_like(x)):  # as of dead channels, whose variance is 0
            forms = (
                lambda x, scale, bias, form=form: form(x, mask, scale, bias, 1e-5, None).y
                for form in (ops.batch_norm, ops.plain_batch_norm)
            )
            assert_near(*both(*forms, values, scale, bias), tolerance)


def test_statistics_of_batch_norm_carry_no_gradient():
    x, some = np.random.default_rng(0).normal(size=(3, 5, 2, 4)).astype(np.float32), np.ones(4, np.float32)

    def of_statistics(x, form):
        _, mean, var, n = form(x, VALID, some, some, 1e-5, None)
        return (mean + var).sum() + n

    fast, plain = (jax.value_and_grad(of_statistics)(x, form) for form in (ops.batch_norm, ops.plain_batch_norm))
    assert fast[0] == pytest.approx(plain[0])
    np.testing.assert_array_equal(fast[1], 0)
    np.testing.assert_array_equal(plain[1], 0)


def test_max_pool_is_the_maximum_of_each_neighbourhood():
    x = np.random.default_rng(0).random((2, 7, 4, 3)).astype(np.float32)
    found = ops.max_pool(x)
    assert found.shape == (2, 4, 2, 3)
    for t in range(4):
        for v in range(2):
            rows, columns = slice(max(2 * t - 1, 0), 2 * t + 2), slice(max(2 * v - 1, 0), 2 * v + 2)
            np.testing.assert_array_equal(found[:, t, v], x[:, rows, columns].max(axis=(1, 2)))


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_max_pool_is_the_plain_one_where_values_are_equal_too(dtype):
    for T, V in SHAPES:
        # Whole numbers: many neighbourhoods have several largest values, and only one of them gets the gradient.
        x = jnp.asarray(np.random.default_rng(T).integers(-2, 2, (2, T, V, 3)), dtype)
        assert_near(*both(ops.max_pool, ops.plain_max_pool, x), 1e-6 if dtype == "float32" else 2**-7)


def test_max_pool_does_not_swallow_nan():
    for at in np.ndindex(3, 3):
        x = np.zeros((1, 3, 3, 1), np.float32)
        x[0, at[0], at[1], 0] = np.nan
        found = np.asarray(ops.max_pool(x))[0, :, :, 0]
        # Each of the 2 x 2 neighbourhoods that the point is in.
        inside = [[abs(2 * t - at[0]) <= 1 and abs(2 * v - at[1]) <= 1 for v in range(2)] for t in range(2)]
        np.testing.assert_array_equal(np.isnan(found), inside)


def test_forms_work_under_vmap_and_shard_map():
    mesh = jax.make_mesh((1,), ("data",), axis_types=(jax.sharding.AxisType.Auto,))
    rng = np.random.default_rng(0)
    x, kernel = (jnp.asarray(rng.normal(size=shape), jnp.float32) for shape in ((2, 2, 6, 1, 3), (3, 3, 3, 4)))

    def gradient(x):
        return jax.grad(lambda x: (ops.max_pool(ops.conv(x, kernel, 1)) ** 2).sum())(x)

    spec = jax.sharding.PartitionSpec(None, "data")
    spread = jax.shard_map(jax.vmap(gradient), mesh=mesh, in_specs=spec, out_specs=spec)
    np.testing.assert_allclose(jax.jit(spread)(x), jnp.stack([gradient(one) for one in x]), rtol=1e-5, atol=1e-5)
