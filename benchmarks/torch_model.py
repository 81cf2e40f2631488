"""The same model in PyTorch, written to be held against ours in time: nothing else uses it.

Every frame counts (the masks of ours are all 1), and running statistics are one set for all cues, as in the official
code (model.statistics_per_cue=False). Modules bear the names that `mccl_jax.interop.official.by_layer` gives tensors,
so that `MCCL(...).load_state_dict` takes what that exports.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import full_size
import numpy as np
import torch
from torch import nn
from torch.nn import functional

from mccl_jax.models.mccl import ModelOptions
from mccl_jax.models.resnet import TrunkOptions


def features(options: ModelOptions) -> int:
    """Size of a pooled feature."""
    return TrunkOptions(options.width, options.blocks).features


class Block(nn.Module):
    """Two 3 x 3 convolutions and a shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample = None
        if stride != 1 or inputs != outputs:
            shortcut = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
            self.downsample = nn.Sequential(shortcut, nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = functional.relu(self.bn1(self.conv1(x)), inplace=True)
        y = self.bn2(self.conv2(y))
        return functional.relu(y + (x if self.downsample is None else self.downsample(x)), inplace=True)


class Trunk(nn.Module):
    """A ResNet with a stem for three channels, and a stem and a last linear layer for one."""

    def __init__(self, options: ModelOptions):
        super().__init__()
        self.conv1_rgb = nn.Conv2d(3, options.width, 7, 2, 3, bias=False)
        self.conv1_gray = nn.Conv2d(1, options.width, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(options.width)
        inputs = options.width
        for stage, count in enumerate(options.blocks):
            outputs = options.width * 2**stage
            blocks = [Block(inputs if not i else outputs, outputs, 2 if stage and not i else 1) for i in range(count)]
            setattr(self, f"layer{stage + 1}", nn.Sequential(*blocks))
            inputs = outputs
        self.fc = nn.Linear(features(options), features(options))
        self._stages = len(options.blocks)

    def forward(self, x):
        """(B, C, T, V) to (B, F)."""
        one_channel = x.shape[1] == 1
        x = functional.relu(self.bn1((self.conv1_gray if one_channel else self.conv1_rgb)(x)), inplace=True)
        x = functional.max_pool2d(x, 3, 2, 1)
        for stage in range(self._stages):
            x = getattr(self, f"layer{stage + 1}")(x)
        x = x.mean((2, 3))
        return self.fc(x) if one_channel else x


class MixedNorm(nn.Module):
    """A learned mixture of the statistics over the tokens and those over the tokens and channels of a sample."""

    def __init__(self, channels: int, eps: float):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(1, channels, 1)), nn.Parameter(torch.zeros(1, channels, 1))
        self.mean_weight, self.var_weight = nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(2))
        self.eps = eps

    def forward(self, x):
        """(B, D, N) to the same."""
        mean, var = x.mean(-1, keepdim=True), x.var(-1, keepdim=True)
        of_all = mean.mean(1, keepdim=True)
        var_of_all = (var + mean**2).mean(1, keepdim=True) - of_all**2
        a, b = self.mean_weight.softmax(0), self.var_weight.softmax(0)
        x = (x - a[0] * mean - a[1] * of_all) * (b[0] * var + b[1] * var_of_all + self.eps).rsqrt()
        return x * self.weight + self.bias


class Branch(nn.Module):
    """Trunk and attentive interaction, which both views have."""

    def __init__(self, options: ModelOptions):
        super().__init__()
        size = 2 * options.hidden
        self.resnet = Trunk(options)
        self.lstm = nn.LSTM(features(options), options.hidden, batch_first=True, bidirectional=True)
        self.to_qkv = nn.Linear(size, 3 * size, bias=False)
        self.norm = MixedNorm(size, options.norm_eps)
        self.heads = options.heads

    def interact(self, x):
        """(B, N, F) tokens to (B, N, D)."""
        h, _ = self.lstm(x)
        B, N, D = h.shape
        q, k, v = self.to_qkv(h).reshape(B, N, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        attended = functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(B, N, D)
        if N > 1:
            attended = self.norm(attended.transpose(1, 2)).transpose(1, 2)
        return h * attended.sigmoid()


class Inter(Branch):
    """The inter-cue view: a token a cue."""

    def __init__(self, options: ModelOptions, cues: int):
        super().__init__(options)
        self.pwconv_cues = nn.Conv1d(cues, 1, 3, padding=1)

    def forward(self, cues):
        tokens = torch.stack([self.resnet(x) for x in cues], 1)
        return self.pwconv_cues(self.interact(tokens))[:, 0]


class Intra(Branch):
    """The intra-cue view: a token a segment, cue by cue."""

    def __init__(self, options: ModelOptions, cues: int):
        super().__init__(options)
        self.pwconv_video = nn.Conv1d(options.segments, 1, 3, padding=1)
        self.pwconv_second = nn.Conv1d(cues, 1, 3, padding=1)
        self.segments = options.segments

    def forward(self, cues):
        B, of_cues = cues[0].shape[0], []
        for x in cues:
            cut = torch.stack(x.chunk(self.segments, dim=2), 1).flatten(0, 1)  # (B S, C, T / S, V)
            tokens = self.resnet(cut).reshape(B, self.segments, -1)
            of_cues.append(self.pwconv_video(self.interact(tokens)))
        return self.pwconv_second(torch.cat(of_cues, 1))[:, 0]


class Head(nn.Module):
    """linear, ELU, linear."""

    def __init__(self, size: int, hidden: int):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(size, hidden), nn.Linear(hidden, size)

    def forward(self, z):
        return self.fc2(functional.elu(self.fc1(z)))


class MCCL(nn.Module):
    """Both views; `loss` is the projection head, by its name in the official code."""

    def __init__(self, options: ModelOptions, cues: int):
        super().__init__()
        self.inter, self.intra = Inter(options, cues), Intra(options, cues)
        self.loss = Head(2 * options.hidden, options.projection)

    def forward(self, cues):
        """[(B, C, T, V)] a cue to z_inter, z_intra, (B, D) each."""
        return self.inter(cues), self.intra(cues)


def contrastive(a, b, temperature: float):
    """The two-way loss of projected embeddings (B, D); every other session of the batch is a negative."""
    a, b = functional.normalize(a, eps=1e-12), functional.normalize(b, eps=1e-12)
    itself = torch.eye(len(a), dtype=torch.bool, device=a.device)

    def one_way(x, y):
        same, other = (x @ x.T / temperature).masked_fill(itself, -torch.inf), x @ y.T / temperature
        return torch.logsumexp(torch.cat([same, other], 1), 1) - other.diagonal()

    return (one_way(a, b) + one_way(b, a)).mean() / 2


# How PyTorch runs it: name -> (compiled, channels last).
FORMS = {
    f"PyTorch, {how}{', channels last' if last else ''}": (how == "compiled", last)
    for how in ("eager", "compiled")
    for last in (False, True)
}


class Form(NamedTuple):
    """A model, what is called of it (itself or compiled), and its input."""

    model: MCCL
    call: Callable
    cues: list[torch.Tensor]


def form(
    tensors: Mapping[str, np.ndarray], cues: Mapping[str, np.ndarray], compiled: bool, channels_last: bool
) -> Form:
    """One of `FORMS` of the full-size model with these weights and running statistics, and cues of (B, T, V, C)."""
    model = MCCL(full_size.OPTIONS, len(full_size.CUES))
    given = {name: torch.from_numpy(np.array(x)) for name, x in tensors.items()}
    missing, unexpected = model.load_state_dict(given, strict=False)
    if unexpected or any("num_batches_tracked" not in name for name in missing):  # which ours does not count
        raise ValueError(f"weights of another model: {missing} missing, {unexpected} not expected")
    layout = torch.channels_last if channels_last else torch.contiguous_format
    model = model.to(memory_format=layout)
    images = [torch.from_numpy(x).permute(0, 3, 1, 2).contiguous(memory_format=layout) for x in cues.values()]
    return Form(model, torch.compile(model) if compiled else model, images)
