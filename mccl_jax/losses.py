"""The contrastive loss between the two views of a session."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int


def contrastive_loss(
    a: Float[Array, "b D"],
    b: Float[Array, "b D"],
    subject: Int[Array, " b"],
    mask: Float[Array, " b"],
    temperature: Float[Array, ""],
    axis: str | None = None,
) -> Float[Array, ""]:
    """Mean over sessions of the two-way contrastive loss, over all devices along `axis`.

    a, b are the projected embeddings of the two views. With s(x, y) = cosine / temperature, for anchor i of view a:

        -log  exp s(a_i, b_i) / ( exp s(a_i, b_i) + sum_{j in neg(i)} [ exp s(a_i, a_j) + exp s(a_i, b_j) ] )

    and the mean with the same for b. neg(i): every session of the whole batch that is there (mask 1) and is of another
    subject. Computed in the log domain, local rows against the columns of all devices. A batch without any session
    gives 0. Source: paper, contrastive loss; official code. There every other session is a negative, also of the same
    subject.
    """
    a, b = (_unit(x) for x in (a, b))
    columns = a, b, subject, mask
    if axis is not None:
        columns = jax.lax.all_gather(columns, axis, tiled=True)
    all_a, all_b, all_subject, all_mask = columns
    negative = (subject[:, None] != all_subject[None, :]) & (all_mask[None, :] > 0)
    positive = jnp.sum(a * b, axis=-1) / temperature

    def one_way(anchor, same_view, other_view):
        scores = jnp.concatenate([anchor @ same_view.T, anchor @ other_view.T], axis=1) / temperature
        scores = jnp.where(jnp.tile(negative, (1, 2)), scores, -jnp.inf)
        return jax.nn.logsumexp(jnp.concatenate([scores, positive[:, None]], axis=1), axis=1) - positive

    each = (one_way(a, all_a, all_b) + one_way(b, all_b, all_a)) / 2
    sums = jnp.sum(each * mask), jnp.sum(mask)
    if axis is not None:
        sums = jax.lax.psum(sums, axis)
    return sums[0] / jnp.maximum(sums[1], 1)


def _unit(x: Float[Array, "b D"]) -> Float[Array, "b D"]:
    """x / max(|x|, 1e-12), written so that a row of zeros has a finite gradient."""
    return x * jax.lax.rsqrt(jnp.maximum(jnp.sum(x * x, axis=-1, keepdims=True), 1e-24))
