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

from mccl_jax.errors import UserError
from mccl_jax.models.init import Draw
from mccl_jax.models.interaction import AttentiveInteraction, TokenConv, Unrelated
from mccl_jax.models.norm import EVALUATION, Pass
from mccl_jax.models.precision import EXACT, FLOAT32, PRECISIONS, Precision
from mccl_jax.models.resnet import Trunk, TrunkOptions

Cues = Mapping[str, Float[Array, "B T V C"]]
# A face has 68 landmarks; a cue of more points than this is no image of a face, but a vector of features.
MOST_POINTS = 128
BRANCHES = ("inter", "intra")
NORMS = ("mixed", "none")


@dataclasses.dataclass(frozen=True)
class ModelOptions:
    """Every size of the model, and what it goes without. The defaults are the paper's.

    cues                  which of data.cues it reads, and in which order; empty: all of them, as they stand there. The
                          frames are the same whichever are read, and so is what the head's pose has removed from them.
    interaction           the branches whose tokens the attentive interaction relates. "inter" missing is a model
                          without CCAI, "intra" missing one without TSAI: there each token goes by a linear map of its
                          own, y = W x + b, into the convolution (see `Unrelated`). The two views and their contrast,
                          which are the method, stay.
    projection            width of the projection head; 0: none, the embeddings themselves are contrasted.
    norm                  of the attention before it gates: "mixed" (see `TokenNorm`) or "none".
    masked                honour the mask; off, every frame counts and segments are cut by position (official code).
    statistics_per_cue    BatchNorm keeps running statistics for each cue; off, all cues share one set (official code).
    norm_eps              of the normalisation inside the interaction (official code: 0.1, by accident).
    dtype                 what convolutions and products multiply: "float32" (as the parameters are; see `Precision`)
                          or "bfloat16".
                          Parameters, sums, statistics, normalisation, LSTM states, softmax, pooled features, all from
                          the gated tokens on (embeddings, projection head) and the loss stay float32.
    deep_width            points to which a cue of CNN features is projected (see `FeatureProjection`).
    """

    cues: tuple[str, ...] = ()
    interaction: tuple[str, ...] = BRANCHES
    width: int = 64
    blocks: tuple[int, ...] = (2, 2, 2, 2)
    hidden: int = 64
    heads: int = 2
    segments: int = 3
    projection: int = 128
    norm: str = "mixed"
    norm_eps: float = 1e-5
    masked: bool = True
    statistics_per_cue: bool = True
    dtype: str = "float32"
    deep_width: int = 64

    def __post_init__(self):
        sizes = {
            name: getattr(self, name) for name in ("width", "hidden", "heads", "segments", "deep_width", "projection")
        }
        for name, size in sizes.items():
            if size < (least := int(name != "projection")):
                raise UserError(f"model.{name} is {size}: expected at least {least}")
        if not {*self.interaction} <= {*BRANCHES} or len({*self.interaction}) < len(self.interaction):
            raise UserError(f"model.interaction is {self.interaction}: expected some of {', '.join(BRANCHES)}, or ()")
        if self.norm not in NORMS:
            raise UserError(f"model.norm is {self.norm!r}: expected {' or '.join(map(repr, NORMS))}")
        if not self.blocks or min(self.blocks) < 1:
            raise UserError(f"model.blocks is {self.blocks}: expected a number of blocks for each stage, as in (2, 2)")
        if self.embedding % self.heads:
            raise UserError(f"model.heads is {self.heads}: expected a divisor of twice model.hidden, {self.embedding}")
        if self.norm_eps <= 0:
            raise UserError(f"model.norm_eps is {self.norm_eps}: expected a positive number")
        if self.dtype not in PRECISIONS:
            raise UserError(f"model.dtype is {self.dtype!r}: expected {' or '.join(map(repr, PRECISIONS))}")

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
    takes_part  inter (B, K), intra (K, B, S): 1 where the token has a frame; weights of others mean nothing
    """

    z: Float[Array, "B D"]
    features: Array
    attention: Array
    gated: Array
    takes_part: Array


class Views(NamedTuple):
    """The two views of a batch of sessions."""

    inter: View
    intra: View


class FeatureProjection(nnx.Module):
    """y_t = W x_t for each cue of CNN features: a frame's V activations become `deep_width` points of one channel.

    Features are told by their number of points, more than `MOST_POINTS`; other cues pass. Without it a convolution
    would slide along 2048 activations whose neighbours have nothing to do with each other, at 30 times the cost of the
    landmarks. There is no bias, so that masked frames stay 0. Each branch has a projection of its own, as it has a
    trunk. Ours: the paper does not say how it feeds the features of E-DAIC, and the official code has no such part.
    """

    def __init__(self, cues: Mapping[str, tuple[int, int]], width: int, draw: Draw):
        sizes = {name: V * C for name, (V, C) in cues.items() if V > MOST_POINTS}
        self.kernels = nnx.Dict(
            {name: nnx.Param(draw.uniform(size**-0.5, (size, width))) for name, size in sizes.items()}
        )

    def __call__(self, cues: Cues) -> Cues:
        """All cues, those of features as (B, T, width, 1)."""
        return {name: self._projected(x, self.kernels[name]) if name in self.kernels else x for name, x in cues.items()}

    @staticmethod
    def _projected(x: Float[Array, "B T V C"], kernel: nnx.Param) -> Float[Array, "B T W 1"]:
        return (x.reshape(*x.shape[:2], -1) @ kernel[...])[..., None]


class CrossCharacteristicAttentiveInteraction(nnx.Module):
    """CCAI, the inter-cue branch: the whole sequence of each cue is one token."""

    def __init__(self, cues: Mapping[str, tuple[int, int]], options: ModelOptions, draw: Draw):
        self.projection = FeatureProjection(cues, options.deep_width, draw)
        self.trunk, self.interaction = _trunk_and_interaction(cues, options, "inter", draw)
        self.cue_conv = TokenConv(len(cues), draw)

    def __call__(self, cues: Cues, mask: Float[Array, "B T"], how: Pass) -> View:
        cues = self.projection(cues).values()
        features = jnp.stack(
            [self.trunk(x, mask, dataclasses.replace(how, row=row)) for row, x in enumerate(cues)], axis=1
        )
        return self.related(features, jnp.broadcast_to(_any(mask)[:, None], features.shape[:2]), how.precision)

    def related(
        self, features: Float[Array, "B K F"], takes_part: Float[Array, "B K"], precision: Precision = FLOAT32
    ) -> View:
        """The view that tokens make, whoever's they are."""
        gated, attention = self.interaction(features, takes_part, precision)
        return View(self.cue_conv(gated), features, attention, gated, takes_part)


class TemporalSegmentAttentiveInteraction(nnx.Module):
    """TSAI, the intra-cue branch: each segment of a cue is a token; interaction and convolution are shared by cues."""

    def __init__(self, cues: Mapping[str, tuple[int, int]], options: ModelOptions, draw: Draw):
        self.projection = FeatureProjection(cues, options.deep_width, draw)
        self.trunk, self.interaction = _trunk_and_interaction(cues, options, "intra", draw)
        self.segment_conv = TokenConv(options.segments, draw)
        self.cue_conv = TokenConv(len(cues), draw)
        self.segments = options.segments

    def __call__(self, cues: Cues, mask: Float[Array, "B T"], segment: Int[Array, "B T"], how: Pass) -> View:
        B, S = segment.shape[0], self.segments
        at, inside = segment_frames(segment, S)
        mask = jnp.take_along_axis(mask, at.reshape(B, -1), axis=1).reshape(B * S, -1) * inside.reshape(B * S, -1)
        takes_part = _any(mask).reshape(B, S)

        def tokens(x, row):
            cut = x[jnp.arange(B)[:, None, None], at]  # (B, S, L, V, C)
            return self.trunk(cut.reshape(B * S, *cut.shape[2:]), mask, dataclasses.replace(how, row=row))

        cues = self.projection(cues).values()
        features = jnp.stack([tokens(x, row).reshape(B, S, -1) for row, x in enumerate(cues)])
        return self.related(features, jnp.broadcast_to(takes_part, features.shape[:3]), how.precision)

    def related(
        self, features: Float[Array, "K B S F"], takes_part: Float[Array, "K B S"], precision: Precision = FLOAT32
    ) -> View:
        """The view that tokens make, whoever's they are."""
        K, B, S, F = features.shape
        gated, attention = self.interaction(features.reshape(K * B, S, F), takes_part.reshape(K * B, S), precision)
        gated = gated.reshape(K, B, S, -1)
        of_cues = jnp.moveaxis(self.segment_conv(gated), 0, 1)  # (B, K, D)
        z, attention = self.cue_conv(of_cues), attention.reshape(K, B, *attention.shape[1:])
        return View(z, features, attention, gated, takes_part)


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

    def __init__(self, inputs: int, size: int, draw: Draw):
        self.kernel1 = nnx.Param(draw.uniform(inputs**-0.5, (inputs, size)))
        self.bias1 = nnx.Param(draw.uniform(inputs**-0.5, (size,)))
        self.kernel2 = nnx.Param(draw.uniform(size**-0.5, (size, inputs)))
        self.bias2 = nnx.Param(draw.uniform(size**-0.5, (inputs,)))

    def __call__(self, z: Float[Array, "B D"]) -> Float[Array, "B D"]:
        y = nnx.elu(jnp.matmul(z, self.kernel1[...], precision=EXACT) + self.bias1[...])
        return jnp.matmul(y, self.kernel2[...], precision=EXACT) + self.bias2[...]


class SeverityHead(nnx.Module):
    """y = w . [z_inter, z_intra] + b: what stands in the place of the projection head where severity is trained on.

    Ours, for comparison: the paper's network never sees a severity.
    """

    def __init__(self, inputs: int, draw: Draw):
        bound = (2 * inputs) ** -0.5
        self.kernel = nnx.Param(draw.uniform(bound, (2 * inputs,)))
        self.bias = nnx.Param(draw.uniform(bound, ()))

    def __call__(self, inter: Float[Array, "B D"], intra: Float[Array, "B D"]) -> Float[Array, " B"]:
        z = jnp.concatenate([inter, intra], axis=1)
        return jnp.matmul(z, self.kernel[...], precision=EXACT) + self.bias[...]


class MCCL(nnx.Module):
    """The two branches, each with a trunk of its own, and the projection head.

    `cues` says which cues come, in which order, with how many points and channels: name -> (V, C). With
    `predicts_severity` there is a `SeverityHead` instead, as `severity`.
    """

    def __init__(
        self, cues: Mapping[str, tuple[int, int]], options: ModelOptions, draw: Draw, predicts_severity: bool = False
    ):
        self.inter = CrossCharacteristicAttentiveInteraction(cues, options, draw)
        self.intra = TemporalSegmentAttentiveInteraction(cues, options, draw)
        if predicts_severity:
            self.severity = SeverityHead(options.embedding, draw)
        else:
            self.head = ProjectionHead(options.embedding, options.projection, draw) if options.projection else _as_it_is
        self.cue_names, self.masked, self.segments = tuple(cues), options.masked, options.segments
        self.precision = Precision(options.dtype)

    def __call__(
        self, cues: Cues, mask: Float[Array, "B T"], segment: Int[Array, "B T"], how: Pass = EVALUATION
    ) -> Views:
        """Both views of a batch. mask: 1 where a frame holds data; segment: 0..S-1, or -1 outside the valid part."""
        cues, how = {name: cues[name] for name in self.cue_names}, dataclasses.replace(how, precision=self.precision)
        if not self.masked:
            T = segment.shape[1]
            segment = jnp.broadcast_to(jnp.arange(T) * self.segments // T, segment.shape)
            mask = jnp.broadcast_to(_any(mask)[:, None], mask.shape)  # a row without any frame fills up the batch
        return Views(self.inter(cues, mask, how), self.intra(cues, mask, segment, how))


def _trunk_and_interaction(cues, options: ModelOptions, branch: str, draw: Draw):
    trunk = TrunkOptions(options.width, options.blocks)
    shapes = {name: (options.deep_width, 1) if V > MOST_POINTS else (V, C) for name, (V, C) in cues.items()}
    of_branch = Trunk(shapes, trunk, len(cues) if options.statistics_per_cue else 1, draw)
    if branch not in options.interaction:
        return of_branch, Unrelated(trunk.features, options.hidden, draw)
    normalised = options.norm != "none"
    return of_branch, AttentiveInteraction(
        trunk.features, options.hidden, options.heads, options.norm_eps, draw, normalised
    )


def _as_it_is(z: Float[Array, "B D"]) -> Float[Array, "B D"]:
    return z


def _any(mask: Float[Array, "B T"]) -> Float[Array, " B"]:
    return (mask.sum(axis=1) > 0).astype(mask.dtype)
