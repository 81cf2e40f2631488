"""The official PyTorch model against ours: names and layouts of all tensors, in and out.

A tensor's name is that in the state dict of its module, with the module in front: `inter.` for the inter-cue branch,
`intra.` for the intra-cue branch, `loss.` for the loss, which holds the projection head. Source: xkwangcn/MCCL, commit
19ce640, the two branch modules, the interaction's normalisation and the loss.

There a branch registers its ResNet three times: `model` (with the one-channel stem as `conv1`, and `fc`),
`features_2d_gray` (the same module) and `features_2d` (a sequence of its layers, with the three-channel stem at 0). A
state dict holds a shared tensor under each of its names. Read as well: `resnet`, each layer once, with the stems
`conv1_rgb` and `conv1_gray`.
"""

from collections.abc import Iterator, Mapping

import numpy as np

from mccl_jax.errors import UserError
from mccl_jax.interop.layouts import (
    BOTH_DIRECTIONS,
    CHANNELS,
    LINEAR,
    SAME,
    SCALAR,
    TOKEN_CONV,
    Entry,
    backbone,
    conv,
)
from mccl_jax.interop.matching import matched
from mccl_jax.models.mccl import ModelOptions
from mccl_jax.models.network import Arrays
from mccl_jax.models.resnet import TrunkOptions

# The cues of the official model in its order, which ours must have too: its convolutions over cues know no names.
CUES = ("landmarks", "gaze", "pose", "aus")
# Where the layers of a torchvision ResNet stand in `features_2d`.
_PLACES = {"bn1": 1, "layer1": 4, "layer2": 5, "layer3": 6, "layer4": 7}


def entries(options: ModelOptions) -> Iterator[Entry]:
    """Every parameter and running statistic of the model, branch by branch; their names with each layer once."""
    features = TrunkOptions(options.width, options.blocks).features
    for branch in ("inter", "intra"):
        yield from _trunk(f"{branch}/trunk", f"{branch}.resnet.", options, features)
        yield from _interaction(f"{branch}/interaction", branch, options, features)
    for ours, theirs, tokens in (
        ("inter/cue_conv", "inter.pwconv_cues", len(CUES)),
        ("intra/segment_conv", "intra.pwconv_video", options.segments),
        ("intra/cue_conv", "intra.pwconv_second", len(CUES)),
    ):
        yield Entry(f"{ours}/kernel", (f"{theirs}.weight",), (1, tokens, 3), TOKEN_CONV)
        yield Entry(f"{ours}/bias", (f"{theirs}.bias",), (1,), SCALAR)
    for i, shape in ((1, (options.projection, options.embedding)), (2, (options.embedding, options.projection))):
        yield Entry(f"head/kernel{i}", (f"loss.fc{i}.weight",), shape, LINEAR)
        yield Entry(f"head/bias{i}", (f"loss.fc{i}.bias",), shape[:1], SAME)


def _trunk(ours: str, theirs: str, options: ModelOptions, features: int) -> Iterator[Entry]:
    yield conv(f"{ours}/stems/3", f"{theirs}conv1_rgb", options.width, 3, 7)
    yield conv(f"{ours}/stems/1", f"{theirs}conv1_gray", options.width, 1, 7)
    yield Entry(f"{ours}/one_channel_kernel", (f"{theirs}fc.weight",), (features, features), LINEAR)
    yield Entry(f"{ours}/one_channel_bias", (f"{theirs}fc.bias",), (features,), SAME)
    yield from backbone(ours, theirs, TrunkOptions(options.width, options.blocks))


def _interaction(ours: str, theirs: str, options: ModelOptions, features: int) -> Iterator[Entry]:
    gates, size = 4 * options.hidden, options.embedding
    for mine, name, shape in (
        ("input_kernel", "weight_ih_l0", (gates, features)),
        ("state_kernel", "weight_hh_l0", (gates, options.hidden)),
        ("input_bias", "bias_ih_l0", (gates,)),
        ("state_bias", "bias_hh_l0", (gates,)),
    ):
        pair = f"{theirs}.lstm.{name}", f"{theirs}.lstm.{name}_reverse"
        yield Entry(f"{ours}/lstm/{mine}", pair, shape, BOTH_DIRECTIONS)
    yield Entry(f"{ours}/qkv", (f"{theirs}.to_qkv.weight",), (3 * size, size), LINEAR)
    yield Entry(f"{ours}/norm/scale", (f"{theirs}.norm.weight",), (1, size, 1), CHANNELS)
    yield Entry(f"{ours}/norm/bias", (f"{theirs}.norm.bias",), (1, size, 1), CHANNELS)
    yield Entry(f"{ours}/norm/mean_mix", (f"{theirs}.norm.mean_weight",), (2,), SAME)
    yield Entry(f"{ours}/norm/var_mix", (f"{theirs}.norm.var_weight",), (2,), SAME)


def in_state_dict(name: str) -> tuple[str, ...]:
    """The names under which the official state dicts hold a tensor that has a single name in `entries`."""
    branch, of_resnet, layer = name.partition(".resnet.")
    if not of_resnet:
        return (name,)
    if layer == "conv1_rgb.weight":
        return (f"{branch}.features_2d.0.weight",)
    layer = layer.replace("conv1_gray.", "conv1.") if layer.startswith("conv1_gray.") else layer
    names = f"{branch}.model.{layer}", f"{branch}.features_2d_gray.{layer}"
    first, _, rest = layer.partition(".")
    return (*names, f"{branch}.features_2d.{_PLACES[first]}.{rest}") if first in _PLACES else names


def from_official(
    tensors: Mapping[str, np.ndarray],
    options: ModelOptions,
    *,
    fresh: Arrays | None = None,
    source: str = "official model",
) -> tuple[Arrays, Arrays]:
    """(params, batch statistics) of ours from the official tensors by name, in their dtype.

    fresh    params of a fresh model (`Network.init`), for tensors without a head: the official code never saves its
             own (which never learns either), so the fresh one is kept. Without it the head must be among the tensors.
    source   where the tensors come from, for the message.

    The model must read the cues of `CUES` in that order. With options.statistics_per_cue every cue begins with the same
    running statistics; it computes what the official one does under ModelOptions(norm_eps=0.1, masked=False,
    statistics_per_cue=False). `num_batches_tracked` is left aside. Raises UserError, listing all at once, where tensors
    are missing, not expected, of another shape or given in copies that differ, and where `fresh` is of another model.
    """
    tensors = {name: x for name, x in tensors.items() if not name.endswith(".num_batches_tracked")}
    table = list(entries(options))
    headless = fresh is not None and not any(name.startswith("loss.") for name in tensors)
    taken = [entry for entry in table if not (headless and entry.ours.startswith("head/"))]
    shapes = {name: entry.shape for entry in taken for name in entry.theirs}
    layer_by_layer = any(".resnet." in name for name in tensors)
    spellings = {name: (name,) if layer_by_layer else in_state_dict(name) for name in shapes}
    expected = "the state dicts of an official MCCL model, named inter., intra. and loss., of the sizes in config.model"
    found = matched(tensors, shapes, source, expected, spellings)
    rows, params, statistics = _rows(options), {}, {}
    for entry in taken:
        value = np.array(entry.layout.ours(*(found[name] for name in entry.theirs)), order="C")
        if entry.is_statistic:
            statistics[entry.ours] = np.repeat(value, rows, axis=0)
        else:
            params[entry.ours] = value
    if fresh is not None:
        ours = {entry.ours: entry.our_shape(rows) for entry in table if not entry.is_statistic}
        checked = matched(fresh, ours, "the fresh model", f"a model of the cues {', '.join(CUES)}, as the official one")
        params = checked | params
    return params, statistics


def to_official(params: Arrays, batch_stats: Arrays, options: ModelOptions) -> dict[str, np.ndarray]:
    """The official state dicts, each tensor under all its names, from a whole model of ours.

    `num_batches_tracked` is not among them: PyTorch sets it to 0 itself on loading. Raises UserError where running
    statistics differ between cues, which the official model cannot hold, and, listing all at once, where arrays are
    missing, not expected or of another shape.
    """
    rows, table = _rows(options), list(entries(options))
    ours = {entry.ours: entry.our_shape(rows) for entry in table}
    expected = f"a model of the cues {', '.join(CUES)}, as the official one"
    arrays = matched({**params, **batch_stats}, ours, "the model", expected)
    statistics = {entry.ours for entry in table if entry.is_statistic}
    differ = [name for name in statistics if not (arrays[name] == arrays[name][:1]).all()]
    if differ:
        raise UserError(
            f"{len(differ)} running statistics differ between cues (such as {min(differ)}), and the official model has "
            "one set for all: train with model.statistics_per_cue=False"
        )
    layers = by_layer({name: x[:1] if name in statistics else x for name, x in arrays.items()}, options)
    return {spelling: tensor for name, tensor in layers.items() for spelling in in_state_dict(name)}


def by_layer(arrays: Mapping[str, np.ndarray], options: ModelOptions) -> dict[str, np.ndarray]:
    """Tensors in PyTorch's layout from whichever arrays of ours are given (params, statistics, gradients).

    Each comes under its single name in `entries`; of running statistics, the first row.
    """
    out = {}
    for entry in entries(options):
        if entry.ours in arrays:
            tensors = entry.layout.theirs(np.asarray(arrays[entry.ours]))
            out.update(zip(entry.theirs, tensors, strict=True))
    return out


def _rows(options: ModelOptions) -> int:
    return len(CUES) if options.statistics_per_cue else 1
