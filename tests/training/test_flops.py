"""What a program computes is counted from its trace, and on CPUs, where XLA counts too, the numbers are XLA's."""

import jax
import jax.numpy as jnp
import pytest

from mccl_jax.training.flops import flops


def counted_by_xla(function, *arguments) -> float:
    return jax.jit(function).lower(*arguments).cost_analysis()["flops"]


@pytest.mark.parametrize(
    ("size", "stride", "padding", "shape"),
    [
        (7, 2, 3, (2, 30, 17, 3)),
        (3, 1, 1, (2, 12, 1, 4)),
        (3, 2, 1, (2, 13, 2, 4)),
        (1, 2, 0, (3, 9, 5, 2)),
        (3, 1, 1, (1, 1, 1, 1)),
    ],
)
def test_convolutions_and_their_gradients_count_as_in_xla(size, stride, padding, shape):
    kernel = jnp.ones((size, size, shape[-1], 5))

    def conv(x, kernel):
        strides, pads = (stride, stride), [(padding, padding)] * 2
        return jax.lax.conv_general_dilated(x, kernel, strides, pads, dimension_numbers=("NHWC", "HWIO", "NHWC"))

    x = jnp.ones(shape)
    assert flops(conv, x, kernel) == counted_by_xla(conv, x, kernel) > 0
    out, pull = jax.vjp(conv, x, kernel)
    assert flops(pull, out) == counted_by_xla(pull, out) > 0


def test_products_count_as_in_xla_and_in_a_loop_each_time():
    a, b = jnp.ones((3, 4, 5)), jnp.ones((3, 5, 6))
    assert flops(jnp.matmul, a, b) == counted_by_xla(jnp.matmul, a, b) == 2 * 3 * 4 * 5 * 6
    looped = jax.jit(lambda x, y: jax.lax.scan(lambda x, _: (x @ y, None), x, None, length=7)[0])
    assert flops(looped, jnp.ones((8, 8)), jnp.ones((8, 8))) == 7 * 2 * 8**3


def test_of_branches_the_dearest_counts_and_other_work_does_not():
    def branched(x):
        return jax.lax.cond(x[0, 0] > 0, lambda x: x @ x, lambda x: x @ x @ x, jnp.tanh(x))

    assert flops(branched, jnp.ones((8, 8))) == 2 * 2 * 8**3
    assert flops(jnp.tanh, jnp.ones((8, 8))) == 0


def test_each_device_has_its_own_share():
    mesh = jax.sharding.AbstractMesh((4,), ("data",))
    spread = jax.shard_map(lambda x: x @ jnp.ones((4, 3)), mesh=mesh, in_specs=jax.P("data"), out_specs=jax.P("data"))
    assert flops(spread, jnp.ones((8, 4))) == 2 * 2 * 4 * 3
