"""What the model attends to and relies on: the figures of insight.json (docs/insight.md)."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from mccl_jax.report import face
from mccl_jax.report.canvas import Drawing

# Kind of reliance -> what is hidden, in the words of a title, and what the effect is.
_KINDS = {
    "regions": ("Reliance on each region of the face", "MAE when hidden - MAE"),
    "aus": ("Reliance on each action unit", "MAE when hidden - MAE"),
    "cues": ("Reliance on each cue", "MAE when hidden - MAE"),
    "swaps": ("Reliance on whose each cue is", "MAE when exchanged - MAE"),
    "segments": ("Reliance on each segment of time", "MAE when hidden - MAE"),
    "segments_missing": ("Each segment of time taken away", "MAE when missing - MAE"),
}
_HIDING = (
    "How much worse the predictions get without that part, with {level:.0%} intervals. It shows what this model relies "
    "on, not what the part is worth to another one; parts that say the same can stand in for each other."
)
_LOOKING = (
    "Each row says how one part shares its look among all of them; a row adds to 1. Attention weights, not importance: "
    "they say where the model looks, not why, nor that it matters for the prediction."
)


def drawings(insight: Mapping[str, Any], simulated: bool) -> list[Drawing]:
    """Those of the parts that are there."""
    mark = " (SIMULATED data)" if simulated else ""
    reliance, attention = insight.get("reliance", {}), insight.get("attention", {})
    found = []
    for kind, (title, unit) in _KINDS.items():
        if of_kind := _values(reliance.get(kind) or {}):
            draw = face.face if kind == "regions" else face.bars
            caption = _HIDING.format(level=insight["level"])
            found.append(draw(f"reliance_{kind}", f"{title}{mark}", unit, caption, of_kind))
    if inter := attention.get("inter"):
        title = f"Attention between cues{mark}"
        found.append(face.attention("attention_cues", title, _LOOKING, inter["tokens"], {"": _shares(inter)}))
    if intra := attention.get("intra"):
        tokens = next(iter(intra.values()))["tokens"]
        blocks = {cue: _shares(of_cue) for cue, of_cue in intra.items()}
        title = f"Attention between segments of time{mark}"
        found.append(face.attention("attention_segments", title, _LOOKING, tokens, blocks))
    return found


def _shares(of_one: Mapping[str, Any]) -> np.ndarray:
    """(heads, N, N), NaN in the rows of tokens that nobody has."""
    nobody = [math.nan] * len(of_one["tokens"])
    return np.array([[nobody if row is None else row for row in head] for head in of_one["heads"]], float)


def _values(scores: Mapping[str, Mapping[str, Any]]) -> face.Reliance:
    return {
        part: (score["estimate"], score["lower"], score["upper"])
        for part, score in scores.items()
        if score["estimate"] is not None
    }
