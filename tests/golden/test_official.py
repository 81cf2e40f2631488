"""Our forward pass, loss, running statistics and gradients against those of the official code."""

import pytest

from tests.golden import official, ours


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_small_batch(dtype):
    found = ours.whole(dtype)
    assert official.names("small/") <= set(found)
    assert official.wrong(found, dtype) == {}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_loss_alone(dtype):
    found = ours.losses(dtype)
    assert {name for name in official.names("loss/") if "/value" in name} <= set(found)
    assert official.wrong(found, dtype) == {}
