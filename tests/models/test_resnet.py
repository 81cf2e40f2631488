"""The backbone: masks through strides, and features that only valid frames make."""

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from mccl_jax.models.init import Draw
from mccl_jax.models.norm import EVALUATION
from mccl_jax.models.resnet import Conv, Trunk, TrunkOptions, halve


def as_mask(*frames):
    return jnp.asarray(frames, jnp.float32)[None, :, None, None]


@pytest.mark.parametrize("frames", range(1, 10))
def test_a_mask_of_leading_frames_shrinks_like_the_convolution(frames):
    for T in range(frames, frames + 4):
        out = halve(as_mask(*[1] * frames, *[0] * (T - frames)))[0, :, 0, 0]
        assert len(out) == -(-T // 2)
        assert out.tolist() == [1] * -(-frames // 2) + [0] * (len(out) - -(-frames // 2))


def test_no_valid_frame_is_lost_to_the_stride():
    assert halve(as_mask(0, 1, 0, 0, 1, 0, 0))[0, :, 0, 0].tolist() == [1, 0, 1, 0]


@pytest.mark.parametrize(("size", "stride"), [(7, 2), (3, 1), (1, 2)])
def test_convolution_pads_by_half_its_kernel(size, stride):
    conv, x = Conv(size, 2, 3, stride, Draw(0)), np.random.default_rng(0).normal(size=(1, 6, 5, 2)).astype(np.float32)
    kernel, half = np.asarray(conv.kernel[...]), size // 2
    padded = np.pad(x, [(0, 0), (half, half), (half, half), (0, 0)])
    found = conv(x)
    assert found.shape == (1, -(-6 // stride), -(-5 // stride), 3)
    for t, v in np.ndindex(found.shape[1:3]):
        patch = padded[0, t * stride : t * stride + size, v * stride : v * stride + size]
        np.testing.assert_allclose(found[0, t, v], np.einsum("tvi,tvio->o", patch, kernel), rtol=1e-4, atol=1e-5)


def test_features_average_valid_frames_and_are_zero_without():
    trunk = Trunk({"pose": (2, 3), "aus": (4, 1)}, TrunkOptions(4, (1, 1)), rows=2, draw=Draw(0))
    trunk.blocks = nnx.List([])  # what remains: stem, pooling, average
    trunk.stem_norm.bias[...] = jnp.full(4, 3.0)
    x = np.random.default_rng(0).normal(size=(2, 12, 2, 3)).astype(np.float32)
    mask = np.array([[1] * 12, [0] * 12], np.float32)
    features = trunk(x, mask, EVALUATION)
    assert features.shape == (2, 4)
    assert (features[0] > 0).all()
    np.testing.assert_array_equal(features[1], 0)
    # A recording that stays the same gives the same features however long it is (away from its ends).
    constant = np.ones((1, 200, 2, 3), np.float32)
    half = np.concatenate([np.ones((1, 100)), np.zeros((1, 100))], axis=1).astype(np.float32)
    np.testing.assert_allclose(
        trunk(constant, np.ones((1, 200)), EVALUATION), trunk(constant, half, EVALUATION), rtol=0.1
    )


def test_cues_of_one_channel_have_a_stem_and_a_linear_layer_of_their_own():
    cues = {"pose": (2, 3), "aus": (4, 1), "landmarks": (5, 3)}
    trunk = Trunk(cues, TrunkOptions(4, (1, 1)), rows=3, draw=Draw(0))
    assert {channels: stem.kernel.shape for channels, stem in trunk.stems.items()} == {
        "3": (7, 7, 3, 4),
        "1": (7, 7, 1, 4),
    }
    x, mask = np.random.default_rng(0).normal(size=(2, 12, 4, 1)).astype(np.float32), np.ones((2, 12), np.float32)
    before = trunk(x, mask, EVALUATION)
    trunk.one_channel_kernel[...] = 2 * trunk.one_channel_kernel[...]
    assert not np.allclose(before, trunk(x, mask, EVALUATION))
    assert not hasattr(Trunk({"pose": (2, 3)}, TrunkOptions(4, (1,)), rows=1, draw=Draw(0)), "one_channel_kernel")
