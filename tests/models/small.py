"""Models as small as the code allows, and sessions with gaps and ends, for the laws that every size keeps."""

import functools
from collections.abc import Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from mccl_jax.losses import contrastive_loss
from mccl_jax.models.mccl import ModelOptions
from mccl_jax.models.network import Arrays, Network
from mccl_jax.models.norm import Pass

# Little optimisation: these programs take seconds to compile and no time to run.
QUICK = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}


class Sessions(NamedTuple):
    """B sessions as a model takes them."""

    cues: Mapping[str, np.ndarray]
    mask: np.ndarray
    segment: np.ndarray


class Embedded(NamedTuple):
    """What a model makes of sessions: z_inter, z_intra (B, 2, D) in both modes, attention, running statistics."""

    evaluated: np.ndarray
    trained: np.ndarray
    attention: np.ndarray
    statistics: Arrays


class Small:
    """A model whose parameters and running statistics are all random (fresh ones hold zeros that would hide errors)."""

    def __init__(self, cues: Mapping[str, tuple[int, int]], **options):
        self.options = ModelOptions(**{"width": 4, "blocks": (1,), "hidden": 4, "projection": 6} | options)
        self.network = Network(cues, self.options)
        rng = np.random.default_rng(1)
        params, statistics = self.network.init(0)
        self.params = {k: np.asarray(x + 0.3 * rng.normal(size=x.shape), np.float32) for k, x in params.items()}
        self.statistics = {k: np.asarray(x + 0.3 * rng.random(size=x.shape), np.float32) for k, x in statistics.items()}

    def sessions(self, lengths: tuple[int, ...], T: int, seed: int = 2) -> Sessions:
        """Sessions of these lengths, each with a gap of two masked frames (where it is long enough); 0 where masked."""
        rng, B, S = np.random.default_rng(seed), len(lengths), self.options.segments
        mask, segment = np.zeros((B, T), np.float32), np.full((B, T), -1, np.int32)
        for row, n in enumerate(lengths):
            mask[row, :n] = 1
            mask[row, 5:7] = 0
            segment[row, :n] = np.arange(n) * S // max(n, 1)
        cues = {name: rng.normal(size=(B, T, *shape)).astype(np.float32) for name, shape in self.network.cues.items()}
        return Sessions({name: x * mask[:, :, None, None] for name, x in cues.items()}, mask, segment)

    @functools.cached_property
    def _embed(self):
        def embed(sessions):
            evaluated = self.network.bind(self.params, self.statistics)(*sessions)
            model = self.network.bind(self.params, self.statistics)
            trained = model(*sessions, Pass(train=True))
            z = [jnp.stack([views.inter.z, views.intra.z], axis=1) for views in (evaluated, trained)]
            return Embedded(*z, evaluated.intra.attention, self.network.statistics(model))

        return jax.jit(embed, compiler_options=QUICK)

    def embed(self, sessions: Sessions) -> Embedded:
        """One program for each shape of batch."""
        return jax.device_get(self._embed(sessions))

    @functools.cached_property
    def _gradient(self):
        def loss(params, sessions, subject, present):
            model = self.network.bind(params, self.statistics)
            views = model(*sessions, Pass(train=True))
            return contrastive_loss(model.head(views.inter.z), model.head(views.intra.z), subject, present, 0.09)

        return jax.jit(jax.grad(loss), compiler_options=QUICK)

    def gradient(self, sessions: Sessions) -> Arrays:
        """Of the loss by every parameter; a session without a frame is not present."""
        B = len(sessions.mask)
        present = sessions.mask.any(axis=1).astype(np.float32)
        return jax.device_get(self._gradient(self.params, sessions, np.arange(B), present))


def pad_end(sessions: Sessions, frames: int) -> Sessions:
    """`frames` masked frames behind the last one."""

    def pad(x, fill=0):
        return np.pad(x, [(0, 0), (0, frames)] + [(0, 0)] * (x.ndim - 2), constant_values=fill)

    return Sessions({name: pad(x) for name, x in sessions.cues.items()}, pad(sessions.mask), pad(sessions.segment, -1))


def pad_segments(sessions: Sessions, frames: int, segments: int) -> Sessions:
    """`frames` masked frames behind each segment, which belong to it."""
    padded = pad_end(sessions, frames * segments)
    for row, segment in enumerate(sessions.segment):
        n = (segment >= 0).sum()
        to = np.arange(n) + frames * segment[:n]
        for x, old in zip((*padded.cues.values(), padded.mask), (*sessions.cues.values(), sessions.mask), strict=True):
            x[row] = 0
            x[row, to] = old[row, :n]
        lengths = np.bincount(segment[:n], minlength=segments)
        whole = np.repeat(np.arange(segments), np.where(lengths > 0, lengths + frames, 0))
        padded.segment[row] = -1
        padded.segment[row, : len(whole)] = whole
    return padded


def rows(sessions: Sessions, which: slice | np.ndarray) -> Sessions:
    """Some of the sessions, in this order."""
    return jax.tree.map(lambda x: x[which], sessions)


def with_garbage(sessions: Sessions, seed: int = 3) -> Sessions:
    """Large arbitrary values wherever a frame is masked."""
    rng, masked = np.random.default_rng(seed), sessions.mask[:, :, None, None] == 0
    cues = {name: np.where(masked, 1e3 * rng.normal(size=x.shape), x) for name, x in sessions.cues.items()}
    return sessions._replace(cues={name: x.astype(np.float32) for name, x in cues.items()})
