"""A trained network with parts of its input hidden, and its tokens exchanged between sessions."""

import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from mccl_jax.data.batches import Batch
from mccl_jax.insight.occlusion import Hidden
from mccl_jax.models.network import Arrays, Network

# Sessions that go through the interaction together, where only tokens are exchanged.
_RELATED = 512


class Seen(NamedTuple):
    """What a model makes of N sessions; K cues, S segments.

    z                (N, 2, D): z_inter and z_intra.
    inter, intra     attention (N, heads, K, K) and (N, K, heads, S, S): row, which token looks; column, at which.
    inter_tokens, intra_tokens   (N, K, F), (N, K, S, F): what the trunks made of each cue.
    takes_part       (N, K, S) 1: the segment of the cue has a frame.
    """

    z: np.ndarray
    inter: np.ndarray
    intra: np.ndarray
    inter_tokens: np.ndarray
    intra_tokens: np.ndarray
    takes_part: np.ndarray


class Encoder:
    """Networks of one structure, compiled once for batches of `batch_size` sessions and for all that may be hidden."""

    def __init__(self, network: Network, batch_size: int):
        self.cues, self.segments, self._size = tuple(network.cues), network.options.segments, batch_size
        self._look = jax.jit(functools.partial(_look, network))
        self._related = jax.jit(functools.partial(_related, network))
        self._projected = jax.jit(functools.partial(_projected, network))

    def put(self, tree):
        """Arrays onto the device, once."""
        return jax.tree.map(jnp.asarray, tree)

    def batches(self, sessions: Batch) -> list[Batch]:
        """N sessions in batches of one size, on the device; the last one is filled up with empty rows."""
        N = len(sessions.present)
        found = []
        for at in (start + np.arange(self._size) for start in range(0, N, self._size)):
            batch = jax.tree.map(lambda x, at=at: np.asarray(x)[np.minimum(at, N - 1)], sessions)
            there = (at < N).astype(np.float32)
            found.append(self.put(batch._replace(mask=batch.mask * there[:, None], present=there)))
        return found

    def look(self, state: Mapping[str, Arrays], batches: Sequence[Batch], hidden: Hidden, mean) -> Seen:
        """All that a model (its `params` and `batch_stats`) makes of sessions of which a part is replaced by `mean`."""
        seen = [jax.device_get(one) for one in self._looks(state, batches, hidden, mean)]
        there = np.concatenate([np.asarray(batch.present) for batch in batches]) > 0
        return Seen(*(np.concatenate(parts)[there] for parts in zip(*seen, strict=True)))

    def embed(self, state: Mapping[str, Arrays], batches: Sequence[Batch], hidden: Hidden, mean) -> np.ndarray:
        """(N, 2, D) the embeddings alone."""
        there = np.concatenate([np.asarray(batch.present) for batch in batches]) > 0
        z = [one.z for one in self._looks(state, batches, hidden, mean)]
        return np.concatenate(jax.device_get(z))[there]

    def related(
        self, state: Mapping[str, Arrays], inter: np.ndarray, intra: np.ndarray, takes_part: np.ndarray
    ) -> np.ndarray:
        """(M, 2, D): the embeddings of M sets of tokens, shaped as in `Seen`, whoever they are of."""
        found = []
        for start in range(0, len(inter), _RELATED):
            at = np.minimum(start + np.arange(_RELATED), len(inter) - 1)
            found.append(self._related(state["params"], state["batch_stats"], inter[at], intra[at], takes_part[at]))
        return np.concatenate(jax.device_get(found))[: len(inter)]

    def projected(self, state: Mapping[str, Arrays], z: np.ndarray) -> np.ndarray:
        """(N, 2, D): embeddings (N, 2, D) behind the projection head, where the contrastive loss compares them.

        As they are, where the network has no such head.
        """
        return np.asarray(self._projected(state["params"], state["batch_stats"], z))

    def _looks(self, state, batches, hidden, mean) -> Iterator[Seen]:
        for batch in batches:
            yield self._look(state["params"], state["batch_stats"], batch, hidden, mean)


def occluded(batch: Batch, hidden: Hidden, mean: Mapping[str, Float[Array, "V C"]]) -> Batch:
    """A batch of which a part is hidden; a session of which nothing would be left stays as it is."""
    at = batch.segment + 1  # (B, T)
    left = batch.mask * (1 - hidden.missing[at])
    mask = jnp.where((left.sum(axis=1) > 0)[:, None], left, batch.mask)

    def replaced(name: str, x: Float[Array, "B T V C"]) -> Float[Array, "B T V C"]:
        replace = hidden.when[at][:, :, None] * hidden.points[name]  # (B, T, V)
        return jnp.where(replace[..., None] > 0, mean[name], x) * mask[:, :, None, None]

    return batch._replace(cues={name: replaced(name, x) for name, x in batch.cues.items()}, mask=mask)


def _look(network: Network, params: Arrays, batch_stats: Arrays, batch: Batch, hidden: Hidden, mean) -> Seen:
    batch = occluded(batch, hidden, mean)
    inter, intra = network.bind(params, batch_stats)(batch.cues, batch.mask, batch.segment)
    by_session = (jnp.moveaxis(x, 0, 1) for x in (intra.attention, intra.features, intra.takes_part))
    attention, tokens, takes_part = by_session
    z = jnp.stack([inter.z, intra.z], axis=1)
    return Seen(z, inter.attention, attention, inter.features, tokens, takes_part)


def _related(network: Network, params: Arrays, batch_stats: Arrays, inter, intra, takes_part) -> Array:
    model = network.bind(params, batch_stats)
    intra, of_segments = (jnp.moveaxis(x, 1, 0) for x in (intra, takes_part))
    one = model.inter.related(inter, (takes_part.sum(axis=2) > 0).astype(inter.dtype), model.precision)
    other = model.intra.related(intra, of_segments, model.precision)
    return jnp.stack([one.z, other.z], axis=1)


def _projected(network: Network, params: Arrays, batch_stats: Arrays, z) -> Array:
    model = network.bind(params, batch_stats)
    if not hasattr(model, "head"):
        return z
    head = model.head
    return jnp.stack([head(z[:, 0]), head(z[:, 1])], axis=1)
