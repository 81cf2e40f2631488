"""ImageNet weights for the trunks, from a torchvision or timm ResNet-18."""

import re
from collections.abc import Mapping

import numpy as np

from mccl_jax.errors import UserError
from mccl_jax.interop.layouts import Entry, backbone, conv
from mccl_jax.interop.matching import matched
from mccl_jax.models.mccl import ModelOptions
from mccl_jax.models.network import Arrays
from mccl_jax.models.resnet import TrunkOptions

RESNET18 = TrunkOptions()
GREY = ("random", "sum")
# They belong to the task that the file was trained for, and to PyTorch's bookkeeping.
_IGNORED = re.compile(r"fc\.(weight|bias)|.*\.num_batches_tracked")
# What wrappers put in front of every name.
_PREFIXES = ("module.", "model.", "backbone.")


def from_resnet18(
    tensors: Mapping[str, np.ndarray],
    params: Arrays,
    batch_stats: Arrays,
    options: ModelOptions,
    *,
    grey: str = "random",
    seed: int = 0,
    source: str = "ImageNet weights",
) -> tuple[Arrays, Arrays]:
    """(params, batch statistics) like those of a fresh model, but with both trunks of a ResNet-18.

    tensors   by torchvision's names, which are timm's too, in PyTorch's layout; a prefix of all names (`module.`,
              `model.`, `backbone.`) is left aside, and so are the classifier `fc` and `num_batches_tracked`.
    grey      the stem convolution of one-channel cues, for which ImageNet has no weights: "random", a new draw from
              U(-1/7, 1/7) in each branch by `seed` (as the official code does), or "sum" of the three-channel stem over
              its channels: the answer to the cue repeated in all three.
    source    where the tensors come from, for the message.

    Running statistics are the same for every cue. Stems for other numbers of channels, the linear layer behind
    one-channel cues, and all that follows the trunks stay as they are. The values take the dtype of a fresh model's.
    Raises UserError, listing all at once, where the tensors are not those of a ResNet-18; where the model's trunks are
    not; or for another `grey`.
    """
    if grey not in GREY:
        raise UserError(f"the grey stem is {grey!r}: expected one of {', '.join(GREY)}")
    if (options.width, tuple(options.blocks)) != (RESNET18.width, RESNET18.blocks):
        raise UserError(
            f"model.width is {options.width} and model.blocks is {tuple(options.blocks)}: ImageNet weights are for a "
            f"ResNet-18; expected {RESNET18.width} and {RESNET18.blocks}: set them so, or begin at random"
        )
    tensors = {name: x for name, x in _without_prefix(tensors).items() if not _IGNORED.fullmatch(name)}
    shapes = {name: entry.shape for entry in _entries("") for name in entry.theirs}
    found = matched(tensors, shapes, f"{source}{_another_net(tensors)}", "a ResNet-18 of torchvision or timm")
    params, batch_stats = dict(params), dict(batch_stats)
    for number, branch in enumerate(("inter", "intra")):
        for entry in _entries(f"{branch}/trunk"):
            into = batch_stats if entry.is_statistic else params
            if entry.ours in into:  # a model without three-channel cues has no such stem
                _fill(into, entry.ours, entry.layout.ours(*(found[name] for name in entry.theirs)))
        stem = f"{branch}/trunk/stems/1/kernel"
        if stem in params and grey == "sum":
            _fill(params, stem, found["conv1.weight"].transpose(2, 3, 1, 0).sum(axis=2, keepdims=True))
        elif stem in params:
            # PyTorch's default for a convolution: U(+-fan_in^-0.5), here 7 x 7 x 1. A stream of its own a branch, apart
            # from the one that drew the rest of the model.
            rng = np.random.default_rng((seed, 7, number))
            _fill(params, stem, rng.uniform(-1 / 7, 1 / 7, params[stem].shape))
    return params, batch_stats


def _entries(trunk: str) -> list[Entry]:
    stem = conv(f"{trunk}/stems/3", "conv1", RESNET18.width, 3, 7)
    return [stem, *backbone(trunk, "", RESNET18)]


def _fill(into: Arrays, name: str, value: np.ndarray) -> None:
    """A copy in the fresh array's dtype and shape: a single row of statistics is repeated for every cue."""
    fresh = into[name]
    into[name] = np.array(np.broadcast_to(value, fresh.shape), fresh.dtype, order="C")


def _without_prefix(tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    for prefix in _PREFIXES:
        if tensors and all(name.startswith(prefix) for name in tensors):
            return _without_prefix({name.removeprefix(prefix): x for name, x in tensors.items()})
    return dict(tensors)


def _another_net(tensors: Mapping[str, np.ndarray]) -> str:
    """Says what the file is, where its names or its stem show that it is a ResNet of other sizes."""
    places = {tuple(map(int, m.groups())) for name in tensors if (m := re.match(r"layer(\d+)\.(\d+)\.", name))}
    stages = sorted({stage for stage, _ in places})
    blocks = tuple(sum(stage == s for stage, _ in places) for s in stages)
    width = np.shape(tensors.get("conv1.weight", np.empty(RESNET18.width)))[:1]
    bottleneck = any(re.match(r"layer\d+\.\d+\.conv3\.", name) for name in tensors)
    if not places or (blocks, width, bottleneck) == (RESNET18.blocks, (RESNET18.width,), False):
        return ""
    kind = "bottleneck blocks" if bottleneck else "blocks"
    return f" (a ResNet with {blocks} {kind} and {width[0] if width else 0} channels behind its stem, not a ResNet-18)"
