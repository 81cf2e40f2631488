"""Batches drawn on the device from resident windows: every epoch a permutation, made from seed and step alone."""

import functools
from collections.abc import Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from mccl_jax.data.windows import Windows


class Batch(NamedTuple):
    """B sessions; a row whose mask is 0 throughout only fills up the batch.

    cues name -> (B, T, V, C); mask (B, T) 1 where a frame holds data; segment (B, T); subject (B,) a number for each
    person; present (B,) 1 where the row is a session; target (B,) what is to be predicted, NaN where it is unknown, or
    None where no loss asks for it.
    """

    cues: Mapping[str, Float[Array, "B T V C"]]
    mask: Float[Array, "B T"]
    segment: Int[Array, "B T"]
    subject: Int[Array, " B"]
    present: Float[Array, " B"]
    target: Float[Array, " B"] | None = None


def resident(windows: Windows, target: Float[np.ndarray, " N"] | None = None) -> Batch:
    """All N windows as one batch, to be put on the device once."""
    return Batch(
        {name: np.asarray(values, np.float32) for name, values in windows.cues.items()},
        windows.mask.astype(np.float32),
        windows.segment,
        numbered(windows),
        np.ones(len(windows), np.float32),
        target,
    )


def numbered(windows: Windows) -> Int[np.ndarray, " N"]:
    """A number for each subject."""
    return np.unique(windows.subject, return_inverse=True)[1].astype(np.int32)


def take(data: Batch, rows: Int[Array, " B"], present: Bool[Array, " B"]) -> Batch:
    """Rows of `data`; those that are not present are emptied."""
    batch = jax.tree.map(lambda x: x[rows], data)
    present = present.astype(batch.mask.dtype)
    return batch._replace(mask=batch.mask * present[:, None], present=present)


def draw(
    seed: Int[Array, ""],
    step: Int[Array, ""],
    members: Int[Array, " M"],
    count: Int[Array, ""],
    batch_size: int,
    shuffle: bool = True,
) -> tuple[Int[Array, " B"], Bool[Array, " B"]]:
    """The rows of step `step` and which of them are sessions.

    members: rows that take part, the first `count` of them real, so that runs with folds of unequal size share one
    program. Each epoch of ceil(count / batch_size) steps is a fresh permutation; its last batch may be partial. Without
    `shuffle` every epoch has the order of `members`, so that a session always meets the same others.
    """
    steps = (count + batch_size - 1) // batch_size
    at = (step % steps) * batch_size + jnp.arange(batch_size)
    places = order(seed, step // steps, len(members), count, shuffle)
    return members[places[jnp.minimum(at, len(members) - 1)]], at < count


@functools.partial(jax.jit, static_argnames=("places", "shuffle"))
def order(
    seed: Int[Array, ""], epoch: Int[Array, ""], places: int, count: Int[Array, ""], shuffle: bool = True
) -> Int[Array, " M"]:
    """A permutation of so many places in which those below `count` come first: the order of one epoch."""
    if not shuffle:
        return jnp.arange(places)
    key = jax.random.fold_in(jax.random.key(seed), epoch)
    return jnp.argsort(jnp.where(jnp.arange(places) < count, jax.random.uniform(key, (places,)), 2.0))
