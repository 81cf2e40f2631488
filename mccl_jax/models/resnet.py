"""The backbone: a ResNet of basic blocks that reads a cue as an image (time is height, points are width)."""

import dataclasses
from collections.abc import Mapping

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from mccl_jax.models.init import Draw
from mccl_jax.models.norm import BatchNorm, Pass
from mccl_jax.models.ops import conv, max_pool
from mccl_jax.models.precision import FLOAT32, Precision


class Conv(nnx.Module):
    """2-D convolution without bias, kernel (k, k, in, out), padding k // 2; Kaiming-normal by fan-out."""

    def __init__(self, size: int, inputs: int, outputs: int, stride: int, draw: Draw):
        self.kernel = nnx.Param(draw.normal((2 / (size * size * outputs)) ** 0.5, (size, size, inputs, outputs)))
        self.stride = stride

    def __call__(self, x: Float[Array, "B T V C"], precision: Precision = FLOAT32) -> Float[Array, "B t v c"]:
        """Masked frames must be 0 on the way in: they then act exactly like the padding beyond the image."""
        return conv(x, self.kernel[...], self.stride, precision)


def halve(mask: Float[Array, "B T 1 1"]) -> Float[Array, "B t 1 1"]:
    """The mask after a stride of 2: valid where either of the two frames that it stands for was.

    For frames masked at the end this is exactly the length of the convolution's output without them; elsewhere no valid
    frame is ever lost to the stride.
    """
    even = jnp.pad(mask, [(0, 0), (0, mask.shape[1] % 2), (0, 0), (0, 0)])
    return even.reshape(mask.shape[0], -1, 2, 1, 1).max(axis=2)


def keep(x: Float[Array, "B T V C"], mask: Float[Array, "B T 1 1"]) -> Float[Array, "B T V C"]:
    """x with 0 in masked frames, in its own precision."""
    return x * mask.astype(x.dtype)


class Block(nnx.Module):
    """Basic block: two 3 x 3 convolutions and a shortcut, which a 1 x 1 convolution adapts where the shape changes."""

    def __init__(self, inputs: int, outputs: int, stride: int, rows: int, draw: Draw):
        self.conv1 = Conv(3, inputs, outputs, stride, draw)
        self.norm1 = BatchNorm(outputs, rows)
        self.conv2 = Conv(3, outputs, outputs, 1, draw)
        self.norm2 = BatchNorm(outputs, rows)
        self.stride = stride
        if stride != 1 or inputs != outputs:
            self.shortcut = Conv(1, inputs, outputs, stride, draw)
            self.shortcut_norm = BatchNorm(outputs, rows)
        else:
            self.shortcut = None

    def __call__(self, x, mask, how: Pass):
        after = halve(mask) if self.stride == 2 else mask
        y = keep(nnx.relu(self.norm1(self.conv1(x, how.precision), after, how)), after)
        y = self.norm2(self.conv2(y, how.precision), after, how)
        if self.shortcut is not None:
            x = self.shortcut_norm(self.shortcut(x, how.precision), after, how)
        return keep(nnx.relu(x + y), after), after


@dataclasses.dataclass(frozen=True)
class TrunkOptions:
    """width: channels behind the stem, doubled by each further stage; blocks: basic blocks a stage.

    The defaults are ResNet-18.
    """

    width: int = 64
    blocks: tuple[int, ...] = (2, 2, 2, 2)

    @property
    def features(self) -> int:
        """F, the size of a pooled feature."""
        return self.width * 2 ** (len(self.blocks) - 1)


class Trunk(nnx.Module):
    """All layers are shared by the cues, except the stem (one for each number of channels) and, for one-channel cues
    such as AUs, a linear layer of their own behind the pooling. Source: official code, "Backbone"."""

    def __init__(self, cues: Mapping[str, tuple[int, int]], options: TrunkOptions, rows: int, draw: Draw):
        width, channels = options.width, sorted({c for _, c in cues.values()}, reverse=True)
        self.stems = nnx.Dict({str(c): Conv(7, c, width, 2, draw) for c in channels})
        self.stem_norm = BatchNorm(width, rows)
        blocks, inputs = [], width
        for stage, count in enumerate(options.blocks):
            outputs = width * 2**stage
            for i in range(count):
                blocks.append(Block(inputs, outputs, 2 if stage and not i else 1, rows, draw))
                inputs = outputs
        self.blocks = nnx.List(blocks)
        if 1 in channels:
            bound = options.features**-0.5
            self.one_channel_kernel = nnx.Param(draw.uniform(bound, (options.features, options.features)))
            self.one_channel_bias = nnx.Param(draw.uniform(bound, (options.features,)))

    def __call__(self, x: Float[Array, "B T V C"], mask: Float[Array, "B T"], how: Pass) -> Float[Array, "B F"]:
        """Features of a cue, pooled over its valid frames; 0 for a sample that has none."""
        one_channel = x.shape[-1] == 1
        mask = mask[:, :, None, None]
        x = self.stems[str(x.shape[-1])](x * mask, how.precision)
        mask = halve(mask)
        x = max_pool(keep(nnx.relu(self.stem_norm(x, mask, how)), mask))
        mask = halve(mask)
        for block in self.blocks:
            x, mask = block(x, mask, how)
        total = x.sum((1, 2), dtype=jnp.promote_types(x.dtype, mask.dtype))
        features = total / (jnp.maximum(mask.sum((1, 2)), 1) * x.shape[2])
        if one_channel:
            features = how.precision.matmul(features, self.one_channel_kernel[...]) + self.one_channel_bias[...]
        return features
