"""How the embeddings of two views lie: alignment, uniformity, and whether the other view of a session is found again.

Distances are of embeddings of length 1. Encoders of different trainings cannot be compared row by row, so every number
is the mean over trainings of what holds within each. Source: Wang and Isola 2020, "Understanding contrastive
representation learning through alignment and uniformity on the hypersphere".
"""

from typing import Any

import numpy as np

from mccl_jax.insight.reliance import null_range
from mccl_jax.insight.scores import SHARE, SQUARED, Rows
from mccl_jax.metrics import ratio

# Of the uniformity: log mean exp(-t distance^2). The authors' value.
_T = 2.0


def geometry(rows: Rows, inter: np.ndarray, intra: np.ndarray, exchanges: int = 999) -> dict[str, Any]:
    """`inter`, `intra` (N, D) of the same rows.

    alignment    mean squared distance of the two views of a session: 0 to 4, lower is closer.
    uniformity   of each view, log mean exp(-2 d^2) over pairs of sessions: 0 where all are one point, lower is wider.
    retrieval    how often the nearest of the other view's embeddings is that of the same session, both ways; `chance`
                 is 1 / sessions, and `p` that of as many found again were views paired at random within a training.
    """
    a, b = unit(inter), unit(intra)
    apart = ((a - b) ** 2).sum(axis=1)
    found = np.zeros(len(rows))
    nearest = np.zeros((2, len(rows)), int)
    for which in (rows.training == one for one in np.unique(rows.training)):
        at, likeness = np.flatnonzero(which), a[which] @ b[which].T
        nearest[:, which] = at[likeness.argmax(axis=1)], at[likeness.argmax(axis=0)]
    found = (nearest == np.arange(len(rows))).mean(axis=0)
    return {
        "alignment": rows.by_training(
            lambda which, weights: ratio(weights @ apart[which], weights.sum(axis=-1)), SQUARED
        ),
        "uniformity": {
            name: rows.by_training(lambda which, weights, z=z: _uniformity(z[which], weights))
            for name, z in (("inter", a), ("intra", b))
        },
        "retrieval": {
            **rows.mean(found, SHARE),
            "chance": float((rows.once * _chance(rows)).sum() / rows.once.sum()),
            **_against_random_pairs(rows, nearest, found, exchanges),
        },
    }


def unit(z: np.ndarray) -> np.ndarray:
    """Rows of length 1, in float64."""
    z = np.asarray(z, np.float64)
    return z / np.maximum(np.linalg.norm(z, axis=1, keepdims=True), 1e-12)


def _uniformity(z: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """`weights` (..., n) -> (...); pairs of a session with itself do not count."""
    near = np.exp(-_T * np.maximum(2 - 2 * z @ z.T, 0))
    np.fill_diagonal(near, 0)
    pairs = weights.sum(axis=-1) ** 2 - (weights**2).sum(axis=-1)
    mean = ratio(((weights @ near) * weights).sum(axis=-1), np.where(pairs > 1e-9, pairs, 0))
    with np.errstate(divide="ignore"):
        return np.log(mean)


def _chance(rows: Rows) -> np.ndarray:
    """(N,) of finding a session again at random."""
    _, index, sizes = np.unique(rows.training, return_inverse=True, return_counts=True)
    return 1 / sizes[index]


def _against_random_pairs(rows: Rows, nearest: np.ndarray, found: np.ndarray, exchanges: int) -> dict[str, Any]:
    rng, of_trainings = np.random.default_rng(rows.seed), np.unique(rows.training)
    places, seen = np.arange(len(rows)), found @ rows.once
    shares = np.zeros(exchanges)
    for i in range(exchanges):
        partner = places.copy()  # the row whose intra stands for this row's own
        for which in (rows.training == one for one in of_trainings):
            partner[which] = rng.permutation(places[which])
        inverse = np.empty_like(partner)
        inverse[partner] = places
        hits = ((nearest[0] == partner) * 1.0 + (nearest[1] == inverse)) / 2
        shares[i] = hits @ rows.once
    p = float((1 + (shares >= seen - 1e-9).sum()) / (1 + exchanges))
    return {"p": p, "null": {**null_range(shares / rows.once.sum()), "exchanges": exchanges}}
