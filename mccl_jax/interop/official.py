"""Names and layouts of the official PyTorch model against ours.

PyTorch: convolutions OIHW, linear (out, in), LSTM gates stacked i, f, g, o along the first axis. Ours: HWIO, (in, out),
gates along the last axis with the two directions stacked in front. Source: xkwangcn/MCCL, models.
"""

import dataclasses
from collections.abc import Callable, Iterator, Mapping

import numpy as np

from mccl_jax.models.mccl import ModelOptions


@dataclasses.dataclass(frozen=True)
class Layout:
    """How arrays change on the way in (theirs, one or more, to ours) and on the way back."""

    ours: Callable[..., np.ndarray]
    theirs: Callable[[np.ndarray], tuple[np.ndarray, ...]]


SAME = Layout(lambda w: w, lambda w: (w,))
CONV = Layout(lambda w: w.transpose(2, 3, 1, 0), lambda w: (w.transpose(3, 2, 0, 1),))
LINEAR = Layout(lambda w: w.T, lambda w: (w.T,))
BOTH_DIRECTIONS = Layout(lambda f, b: np.stack([f.T, b.T]), lambda w: (w[0].T, w[1].T))
# The official code keeps one set of running statistics for all cues: a single row of ours.
SINGLE_ROW = Layout(lambda w: w[None], lambda w: (w[0],))
CHANNELS = Layout(lambda w: w.reshape(-1), lambda w: (w.reshape(1, -1, 1),))
TOKEN_CONV = Layout(lambda w: w[0].T, lambda w: (w.T[None],))
SCALAR = Layout(lambda b: b[0], lambda b: (b[None],))


@dataclasses.dataclass(frozen=True)
class Entry:
    """One array of ours and the one or more of theirs that it is made of."""

    ours: str
    theirs: tuple[str, ...]
    layout: Layout


def entries(options: ModelOptions) -> Iterator[Entry]:
    """Every parameter and running statistic of the model, branch by branch."""
    for branch in ("inter", "intra"):
        yield from _trunk(f"{branch}/trunk", f"{branch}.resnet", options)
        yield from _interaction(f"{branch}/interaction", branch)
    for ours, theirs in (
        ("inter/cue_conv", "inter.pwconv_cues"),
        ("intra/segment_conv", "intra.pwconv_video"),
        ("intra/cue_conv", "intra.pwconv_second"),
    ):
        yield Entry(f"{ours}/kernel", (f"{theirs}.weight",), TOKEN_CONV)
        yield Entry(f"{ours}/bias", (f"{theirs}.bias",), SCALAR)
    for i in (1, 2):
        yield Entry(f"head/kernel{i}", (f"loss.fc{i}.weight",), LINEAR)
        yield Entry(f"head/bias{i}", (f"loss.fc{i}.bias",), SAME)


def _trunk(ours: str, theirs: str, options: ModelOptions) -> Iterator[Entry]:
    yield Entry(f"{ours}/stems/3/kernel", (f"{theirs}.conv1_rgb.weight",), CONV)
    yield Entry(f"{ours}/stems/1/kernel", (f"{theirs}.conv1_gray.weight",), CONV)
    yield Entry(f"{ours}/one_channel_kernel", (f"{theirs}.fc.weight",), LINEAR)
    yield Entry(f"{ours}/one_channel_bias", (f"{theirs}.fc.bias",), SAME)
    yield from _batch_norm(f"{ours}/stem_norm", f"{theirs}.bn1")
    number = 0
    for stage, count in enumerate(options.blocks):
        for i in range(count):
            block, layer = f"{ours}/blocks/{number}", f"{theirs}.layer{stage + 1}.{i}"
            for k in (1, 2):
                yield Entry(f"{block}/conv{k}/kernel", (f"{layer}.conv{k}.weight",), CONV)
                yield from _batch_norm(f"{block}/norm{k}", f"{layer}.bn{k}")
            if stage and not i:
                yield Entry(f"{block}/shortcut/kernel", (f"{layer}.downsample.0.weight",), CONV)
                yield from _batch_norm(f"{block}/shortcut_norm", f"{layer}.downsample.1")
            number += 1


def _batch_norm(ours: str, theirs: str) -> Iterator[Entry]:
    yield Entry(f"{ours}/scale", (f"{theirs}.weight",), SAME)
    yield Entry(f"{ours}/bias", (f"{theirs}.bias",), SAME)
    yield Entry(f"{ours}/mean", (f"{theirs}.running_mean",), SINGLE_ROW)
    yield Entry(f"{ours}/var", (f"{theirs}.running_var",), SINGLE_ROW)


def _interaction(ours: str, theirs: str) -> Iterator[Entry]:
    for mine, name in (
        ("input_kernel", "weight_ih_l0"),
        ("state_kernel", "weight_hh_l0"),
        ("input_bias", "bias_ih_l0"),
        ("state_bias", "bias_hh_l0"),
    ):
        pair = f"{theirs}.lstm.{name}", f"{theirs}.lstm.{name}_reverse"
        yield Entry(f"{ours}/lstm/{mine}", pair, BOTH_DIRECTIONS)
    yield Entry(f"{ours}/qkv", (f"{theirs}.to_qkv.weight",), LINEAR)
    yield Entry(f"{ours}/norm/scale", (f"{theirs}.norm.weight",), CHANNELS)
    yield Entry(f"{ours}/norm/bias", (f"{theirs}.norm.bias",), CHANNELS)
    yield Entry(f"{ours}/norm/mean_mix", (f"{theirs}.norm.mean_weight",), SAME)
    yield Entry(f"{ours}/norm/var_mix", (f"{theirs}.norm.var_weight",), SAME)


def from_official(
    tensors: Mapping[str, np.ndarray], options: ModelOptions
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """(params, batch statistics) of ours from the official tensors by name; statistics have a single row."""
    params, statistics = {}, {}
    for entry in entries(options):
        into = statistics if entry.ours.endswith(("/mean", "/var")) else params
        into[entry.ours] = entry.layout.ours(*(tensors[name] for name in entry.theirs))
    return params, statistics


def to_official(arrays: Mapping[str, np.ndarray], options: ModelOptions) -> dict[str, np.ndarray]:
    """Tensors by their official names from whichever arrays of ours are given (params, statistics, gradients)."""
    out = {}
    for entry in entries(options):
        if entry.ours in arrays:
            tensors = entry.layout.theirs(np.asarray(arrays[entry.ours]))
            out.update(zip(entry.theirs, tensors, strict=True))
    return out
