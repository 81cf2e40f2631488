"""Multi-Cue Contrastive Learning: two views of one session, one across its cues and one across its time.

Source: Wang et al., IEEE TCSVT 2025, and its official code. The paper's names: CCAI relates the cues (inter-cue),
TSAI relates the time segments within each cue (intra-cue).
"""

import dataclasses
from collections.abc import Mapping
from typing import NamedTuple

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float, Int

from mccl_jax.models.interaction import AttentiveInteraction, TokenConv
from mccl_jax.models.norm import EVALUATION, Pass
from mccl_jax.models.resnet import Trunk, TrunkOptions, uniform

Cues = Mapping[str, Float[Array, "B T V C"]]


@dataclasses.dataclass(frozen=True)
class ModelOptions:
    """Every size of the model. The defaults are the paper's.

    masked                honour the mask; off, every frame counts and segments are cut by position (official code).
    statistics_per_cue    BatchNorm keeps running statistics for each cue; off, all cues share one set (official code).
    norm_eps              of the normalisation inside the interaction (official code: 0.1, by accident).
    """

    width: int = 64
    blocks: tuple[int, ...] = (2, 2, 2, 2)
    hidden: int = 64
    heads: int = 2
    segments: int = 3
    projection: int = 128
    norm_eps: float = 1e-5
    masked: bool = True
    statistics_per_cue: bool = True

    @property
    def embedding(self) -> int:
        """D, the size of z_inter and of z_intra."""
        return 2 * self.hidden


class View(NamedTuple):
    """One embedding of a session and what led to it; K cues, S segments, N tokens, D = 2 x hidden.

    z           (B, D)
    features    tokens out of the trunk: inter (B, K, F), intra (K, B, S, F)
    attention   inter (B, heads, K, K), intra (K, B, heads, S, S): weights between tokens, not importance
    gated       inter (B, K, D), intra (K, B, S, D)
    """

    z: Float[Array, "B D"]
    features: Array
    attention: Array
    gated: Array


class Views(NamedTuple):
    """The two views of a batch of sessions."""

    inter: View
    intra: View


class CrossCharacteristicAttentiveInteraction(nnx.Module):
    """CCAI, the inter-cue branch: the whole sequence of each cue is one token."""

    def __init__(self, cues: Mapping[str, tuple[int, int]], options: ModelOptions, rngs: nnx.Rngs):
        self.trunk, self.interaction = _trunk_and_interaction(cues, options, rngs)
        self.cue_conv = TokenConv(len(cues), rngs)

    def __call__(self, cues: Cues, mask: Float[Array, "B T"] | None, how: Pass) -> View:
        features = jnp.stack(
            [self.trunk(x, mask, dataclasses.replace(how, row=row)) for row, x in enumerate(cues.values())], axis=1
        )
        B, K, _ = features.shape
        takes_part = jnp.ones((B, K), features.dtype) if mask is None else _any(mask)[:, None].repeat(K, axis=1)
        gated, attention = self.interaction(features, takes_part)
        return View(self.cue_conv(gated), features, attention, gated)


class TemporalSegmentAttentiveInteraction(nnx.Module):
    """TSAI, the intra-cue branch: each segment of a cue is a token; interaction and convolution are shared by cues."""

    def __init__(self, cues: Mapping[str, tuple[int, int]], options: ModelOptions, rngs: nnx.Rngs):
        self.trunk, self.interaction = _trunk_and_interaction(cues, options, rngs)
        self.segment_conv = TokenConv(options.segments, rngs)
        self.cue_conv = TokenConv(len(cues), rngs)
        self.segments = options.segments

    def __call__(self, cues: Cues, mask: Float[Array, "B T"] | None, segment: Int[Array, "B T"], how: Pass) -> View:
        B, S = segment.shape[0], self.segments
        at, inside = segment_frames(segment, S)
        if mask is not None:
            mask = jnp.take_along_axis(mask, at.reshape(B, -1), axis=1).reshape(B * S, -1) * inside.reshape(B * S, -1)
            takes_part = _any(mask).reshape(B, S)
        else:
            takes_part = jnp.ones((B, S), next(iter(cues.values())).dtype)

        def tokens(x, row):
            cut = x[jnp.arange(B)[:, None, None], at]  # (B, S, L, V, C)
            return self.trunk(cut.reshape(B * S, *cut.shape[2:]), mask, dataclasses.replace(how, row=row))

        features = jnp.stack([tokens(x, row).reshape(B, S, -1) for row, x in enumerate(cues.values())])
        K, F = len(cues), features.shape[-1]
        gated, attention = self.interaction(features.reshape(K * B, S, F), jnp.tile(takes_part, (K, 1)))
        gated = gated.reshape(K, B, S, -1)
        of_cues = jnp.moveaxis(self.segment_conv(gated), 0, 1)  # (B, K, D)
        return View(self.cue_conv(of_cues), features, attention.reshape(K, B, *attention.shape[1:]), gated)


def segment_frames(segment: Int[Array, "B T"], segments: int) -> tuple[Int[Array, "B S L"], Float[Array, "B S L"]]:
    """Where the frames of each segment lie, L = ceil(T / S) places each, and 1 where the place belongs to it.

    Segments are stretches without holes; one that is longer than L is cut there.
    """
    T = segment.shape[1]
    length = -(-T // segments)
    belongs = segment[:, None, :] == jnp.arange(segments)[None, :, None]  # (B, S, T)
    at = jnp.argmax(belongs, axis=-1)[..., None] + jnp.arange(length)
    inside = (at < T) & jnp.take_along_axis(belongs, jnp.minimum(at, T - 1), axis=-1)
    return jnp.minimum(at, T - 1), inside.astype(jnp.result_type(float))


class ProjectionHead(nnx.Module):
    """linear, ELU, linear: what stands between an embedding and the contrastive loss, shared by both views."""

    def __init__(self, inputs: int, size: int, rngs: nnx.Rngs):
        self.kernel1 = nnx.Param(uniform(rngs, inputs**-0.5, (inputs, size)))
        self.bias1 = nnx.Param(uniform(rngs, inputs**-0.5, (size,)))
        self.kernel2 = nnx.Param(uniform(rngs, size**-0.5, (size, inputs)))
        self.bias2 = nnx.Param(uniform(rngs, size**-0.5, (inputs,)))

    def __call__(self, z: Float[Array, "B D"]) -> Float[Array, "B D"]:
        return nnx.elu(z @ self.kernel1[...] + self.bias1[...]) @ self.kernel2[...] + self.bias2[...]


class MCCL(nnx.Module):
    """The two branches, each with a trunk of its own, and the projection head.

    `cues` says which cues come, in which order, with how many points and channels: name -> (V, C).
    """

    def __init__(self, cues: Mapping[str, tuple[int, int]], options: ModelOptions, rngs: nnx.Rngs):
        self.inter = CrossCharacteristicAttentiveInteraction(cues, options, rngs)
        self.intra = TemporalSegmentAttentiveInteraction(cues, options, rngs)
        self.head = ProjectionHead(options.embedding, options.projection, rngs)
        self.cue_names, self.masked, self.segments = tuple(cues), options.masked, options.segments

    def __call__(
        self, cues: Cues, mask: Float[Array, "B T"], segment: Int[Array, "B T"], how: Pass = EVALUATION
    ) -> Views:
        """Both views of a batch. mask: 1 where a frame holds data; segment: 0..S-1, or -1 beyond the recording."""
        cues = {name: cues[name] for name in self.cue_names}
        if not self.masked:
            T = segment.shape[1]
            segment = jnp.broadcast_to(jnp.arange(T) * self.segments // T, segment.shape)
            mask = None
        return Views(self.inter(cues, mask, how), self.intra(cues, mask, segment, how))


def _trunk_and_interaction(cues, options: ModelOptions, rngs: nnx.Rngs):
    trunk = TrunkOptions(options.width, options.blocks)
    return (
        Trunk(cues, trunk, len(cues) if options.statistics_per_cue else 1, rngs),
        AttentiveInteraction(trunk.features, options.hidden, options.heads, options.norm_eps, rngs),
    )


def _any(mask: Float[Array, "B T"]) -> Float[Array, " B"]:
    return (mask.sum(axis=1) > 0).astype(mask.dtype)
