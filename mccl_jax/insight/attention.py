"""Attention weights, averaged over sessions: who looks at whom. Weights are no importance.

After the BiLSTM a token is no longer one cue or one segment: each has read all others. So a weight says how one token
shares its look, not what the prediction rests on; for that a part must be hidden (`mccl_jax.insight.reliance`).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mccl_jax.evaluation.subgroups import BANDS, LEAST_SUBJECTS, PHQ, severity_bands

WORDS = "attention weights, not importance"


def mean_attention(
    inter: np.ndarray, intra: np.ndarray, takes_part: np.ndarray, cues: Sequence[str], once: np.ndarray
) -> dict[str, Any]:
    """Of N sessions: `inter` (N, heads, K, K), `intra` (N, K, heads, S, S), `takes_part` (N, K, S); `once` (N,) weighs.

    A row of `heads` says how one token shares its look and adds to 1: the mean over the sessions in which that token
    has a frame; null where there is none.
    """
    K, S = takes_part.shape[1:]
    segments = [str(s + 1) for s in range(S)]
    looks = takes_part.max(axis=2)  # (N, K)
    of_cues = _mean(inter, looks[:, None], once)
    of_segments = [_mean(intra[:, k], takes_part[:, k][:, None], once) for k in range(K)]
    return {
        "inter": {"tokens": [*cues], "heads": of_cues},
        "intra": {cue: {"tokens": segments, "heads": heads} for cue, heads in zip(cues, of_segments, strict=True)},
    }


def by_band(
    inter: np.ndarray,
    intra: np.ndarray,
    takes_part: np.ndarray,
    cues: Sequence[str],
    once: np.ndarray,
    severity: np.ndarray,
    subject: np.ndarray,
    ends: tuple[float | None, float | None],
) -> Mapping[str, Any] | None:
    """The same for each band of severity (N,); None on a scale that is not the PHQ's, whose ends are `ends`.

    Nothing is said of a band of fewer than `LEAST_SUBJECTS` people, be they nobody. A severity that is unknown is in
    no band.
    """
    if ends not in PHQ:
        return None
    found, band_of = {}, severity_bands(severity, *ends)
    for _, band in BANDS:
        which = band_of == band
        people = len(np.unique(subject[which]))
        if people < LEAST_SUBJECTS:
            found[band] = {"suppressed": f"fewer than {LEAST_SUBJECTS} people"}
        else:
            weights = mean_attention(inter[which], intra[which], takes_part[which], cues, once[which])
            found[band] = {"n_subjects": people, **weights}
    return found


def _mean(attention: np.ndarray, looks: np.ndarray, once: np.ndarray) -> list:
    """`attention` (N, heads, M, M) over the sessions whose token looks, `looks` (N, 1, M); rows of nobody are null."""
    weights = np.broadcast_to(looks * once[:, None, None], attention.shape[:3]).astype(np.float64)
    total = weights.sum(axis=0)[..., None]
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = (attention * weights[..., None]).sum(axis=0) / total
    return [[[*map(float, row)] if np.isfinite(row).all() else [None] * len(row) for row in head] for head in mean]
