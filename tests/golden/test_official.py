"""Our forward pass, loss, running statistics and gradients against those of the official code."""

import jax
import jax.numpy as jnp
import pytest

from mccl_jax.losses import contrastive_loss
from tests.golden import official

FORWARD = sorted(name for name in official.values() if name.startswith("small/") and "/in/" not in name)
FORWARD = [name for name in FORWARD if "/grad_" not in name]
GRADIENTS = sorted(name for name in official.values() if "/grad_" in name)


@pytest.mark.parametrize(("dtype", "forward", "gradient"), [("float64", 1e-8, 1e-8), ("float32", 2e-4, 2e-3)])
def test_small_batch(dtype, forward, gradient):
    found, expected = official.ours(dtype), official.values()
    wrong = [
        f"{name}: {official.error(found[name], expected[name]):.1e}"
        for names, limit in ((FORWARD, forward), (GRADIENTS, gradient))
        for name in names
        if not official.error(found[name], expected[name]) <= _limit(name, limit, expected)
    ]
    assert not wrong, f"{len(wrong)} values differ: {wrong[:8]}"


def _limit(name, limit, expected):
    """The first four entries of a gradient may be tiny beside the whole: the limit is a share of its norm."""
    if "/grad_head/" not in name:
        return limit
    norm = float(expected[name.replace("/grad_head/", "/grad_norm/")])
    return limit * norm / max(abs(expected[name]).max(), 1e-30)


@pytest.mark.parametrize("temperature", ["", "_tau0.05", "_tau0.5"])
@pytest.mark.parametrize("batch", [2, 8, 33])
@pytest.mark.parametrize(("dtype", "limit"), [("float64", 1e-8), ("float32", 2e-4)])
def test_loss(batch, temperature, dtype, limit):
    with jax.enable_x64(dtype == "float64"):
        values = official.values()
        f1, f2 = (jnp.asarray(values[f"loss/{batch}/{f}"], dtype) for f in ("f1", "f2"))
        params, statistics = jax.tree.map(lambda x: jnp.asarray(x, dtype), official.weights())
        head = official.Network(official.OFFICIAL_CUES, official.OFFICIAL).bind(params, statistics).head
        tau = jnp.asarray(float(temperature[4:] or 0.09), dtype)
        loss = contrastive_loss(head(f1), head(f2), jnp.arange(batch), jnp.ones(batch, dtype), tau)
        assert official.error(loss, values[f"loss/{batch}/value{temperature}"]) <= limit
