"""What a training makes small: the contrastive loss between the two views of a session, or errors of severity."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from mccl_jax.models.precision import EXACT

CONTRASTIVE, SEVERITY = OBJECTIVES = ("contrastive", "severity")
# Scores of anchors against all sessions of the batch that are held at once, for each pair of views: 16 MiB of float32.
_HELD = 1 << 22


def contrastive_loss(
    a: Float[Array, "b D"],
    b: Float[Array, "b D"],
    subject: Int[Array, " b"],
    mask: Float[Array, " b"],
    temperature: Float[Array, ""],
    axis: str | None = None,
    held: int = _HELD,
) -> Float[Array, ""]:
    """Mean over sessions of the two-way contrastive loss, over all devices along `axis`.

    a, b are the projected embeddings of the two views. With s(x, y) = cosine / temperature, for anchor i of view a:

        -log  exp s(a_i, b_i) / ( exp s(a_i, b_i) + sum_{j in neg(i)} [ exp s(a_i, a_j) + exp s(a_i, b_j) ] )

    and the mean with the same for b. neg(i): every session of the whole batch that is there (mask 1) and is of another
    subject. Computed in the log domain, local anchors against the sessions of all devices. Where there are more than
    `held` such pairs, some anchors at a time, and once more for the gradient, so that memory grows with the batch and
    not with its square. A batch without any session gives 0. Source: paper, contrastive loss; official code. There
    every other session is a negative, also of the same subject.
    """
    a, b = (_unit(x) for x in (a, b))
    columns = a, b, subject, mask
    if axis is not None:
        columns = jax.lax.all_gather(columns, axis, tiled=True)
    all_a, all_b, all_subject, all_mask = columns

    def of_anchor(anchor):
        a_i, b_i, subject_i = anchor
        negative = (all_subject != subject_i) & (all_mask > 0)
        positive = jnp.dot(a_i, b_i, precision=EXACT) / temperature

        def one_way(anchor, same_view, other_view):
            scores = jnp.stack([jnp.dot(view, anchor, precision=EXACT) for view in (same_view, other_view)])
            scores = scores / temperature
            scores = jnp.where(negative, scores, -jnp.inf).ravel()
            return jax.nn.logsumexp(jnp.append(scores, positive)) - positive

        return (one_way(a_i, all_a, all_b) + one_way(b_i, all_b, all_a)) / 2

    together = max(1, held // len(all_mask))
    if len(mask) <= together:
        each = jax.vmap(of_anchor)((a, b, subject))
    else:
        each = jax.lax.map(jax.checkpoint(of_anchor), (a, b, subject), batch_size=together)
    sums = jnp.sum(each * mask), jnp.sum(mask)
    if axis is not None:
        sums = jax.lax.psum(sums, axis)
    return sums[0] / jnp.maximum(sums[1], 1)


def severity_loss(
    predicted: Float[Array, " b"],
    target: Float[Array, " b"],
    mask: Float[Array, " b"],
    axis: str | None = None,
) -> Float[Array, ""]:
    """Mean of (predicted - target)^2 over sessions that are there (mask 1) and whose target is known, not NaN.

    Over all devices along `axis`. A batch without any such session gives 0.
    """
    known = jnp.isfinite(target)
    errors = jnp.where(known, predicted - jnp.where(known, target, 0), 0)
    mask = mask * known
    sums = jnp.sum(errors**2 * mask), jnp.sum(mask)
    if axis is not None:
        sums = jax.lax.psum(sums, axis)
    return sums[0] / jnp.maximum(sums[1], 1)


def _unit(x: Float[Array, "b D"]) -> Float[Array, "b D"]:
    """x / max(|x|, 1e-12), written so that a row of zeros has a finite gradient."""
    return x * jax.lax.rsqrt(jnp.maximum(jnp.sum(x * x, axis=-1, keepdims=True), 1e-24))
