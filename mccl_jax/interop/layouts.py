"""Layouts of PyTorch's arrays against ours, and the tensors of a ResNet of basic blocks.

PyTorch: convolutions OIHW, linear (out, in), LSTM gates stacked i, f, g, o along the first axis. Ours: HWIO, (in, out),
gates along the last axis with the two directions stacked in front. Every change of layout is a permutation of the same
numbers, so that there and back is exact.
"""

import dataclasses
from collections.abc import Callable, Iterator

import numpy as np

from mccl_jax.models.resnet import TrunkOptions


@dataclasses.dataclass(frozen=True)
class Layout:
    """How arrays change on the way in (theirs, one or more, to ours) and on the way back."""

    ours: Callable[..., np.ndarray]
    theirs: Callable[[np.ndarray], tuple[np.ndarray, ...]]


SAME = Layout(lambda w: w, lambda w: (w,))
CONV = Layout(lambda w: w.transpose(2, 3, 1, 0), lambda w: (w.transpose(3, 2, 0, 1),))
LINEAR = Layout(lambda w: w.T, lambda w: (w.T,))
BOTH_DIRECTIONS = Layout(lambda f, b: np.stack([f.T, b.T]), lambda w: (w[0].T, w[1].T))
# PyTorch's models keep one set of running statistics for all cues: a single row of ours.
SINGLE_ROW = Layout(lambda w: w[None], lambda w: (w[0],))
CHANNELS = Layout(lambda w: w.reshape(-1), lambda w: (w.reshape(1, -1, 1),))
TOKEN_CONV = Layout(lambda w: w[0].T, lambda w: (w.T[None],))
SCALAR = Layout(lambda b: b[0], lambda b: (b[None],))


@dataclasses.dataclass(frozen=True)
class Entry:
    """One array of ours, the one or more of theirs that it is made of, and the shape of each of these."""

    ours: str
    theirs: tuple[str, ...]
    shape: tuple[int, ...]
    layout: Layout

    @property
    def is_statistic(self) -> bool:
        """A running statistic, of which ours may have a row for each cue."""
        return self.layout is SINGLE_ROW

    def our_shape(self, rows: int) -> tuple[int, ...]:
        """The shape of our array, with so many rows where it is a running statistic."""
        shape = self.layout.ours(*(np.broadcast_to(0, self.shape) for _ in self.theirs)).shape
        return (rows, *shape[1:]) if self.is_statistic else shape


def conv(ours: str, theirs: str, outputs: int, inputs: int, size: int) -> Entry:
    """A 2-D convolution without bias."""
    return Entry(f"{ours}/kernel", (f"{theirs}.weight",), (outputs, inputs, size, size), CONV)


def batch_norm(ours: str, theirs: str, channels: int) -> Iterator[Entry]:
    """Its affine part and its running statistics."""
    for mine, name, layout in (
        ("scale", "weight", SAME),
        ("bias", "bias", SAME),
        ("mean", "running_mean", SINGLE_ROW),
        ("var", "running_var", SINGLE_ROW),
    ):
        yield Entry(f"{ours}/{mine}", (f"{theirs}.{name}",), (channels,), layout)


def backbone(ours: str, theirs: str, options: TrunkOptions) -> Iterator[Entry]:
    """All of a trunk but its stem convolutions and what stands behind the pooling.

    Their names are torchvision's and timm's alike, with `theirs` in front (either empty or ending in a dot). Sources:
    torchvision/models/resnet.py, timm/models/resnet.py.
    """
    yield from batch_norm(f"{ours}/stem_norm", f"{theirs}bn1", options.width)
    number, inputs = 0, options.width
    for stage, count in enumerate(options.blocks):
        outputs = options.width * 2**stage
        for i in range(count):
            block, layer = f"{ours}/blocks/{number}", f"{theirs}layer{stage + 1}.{i}"
            for k, channels in ((1, inputs), (2, outputs)):
                yield conv(f"{block}/conv{k}", f"{layer}.conv{k}", outputs, channels, 3)
                yield from batch_norm(f"{block}/norm{k}", f"{layer}.bn{k}", outputs)
            if stage and not i:
                yield conv(f"{block}/shortcut", f"{layer}.downsample.0", outputs, inputs, 1)
                yield from batch_norm(f"{block}/shortcut_norm", f"{layer}.downsample.1", outputs)
            number, inputs = number + 1, outputs
