"""What the model attends to and relies on: the figures of insight.json, whose form docs/results.md has."""

from collections.abc import Mapping
from typing import Any

from mccl_jax.report import face
from mccl_jax.report.canvas import Drawing

# Kind of reliance -> what is hidden, in the words of a title.
_KINDS = {
    "regions": "each region of the face",
    "aus": "each action unit",
    "cues": "each cue",
    "segments": "each stretch",
}
_HIDING = (
    "How much worse the predictions get when that part is hidden from the trained model (occlusion). What a model "
    "relies on is no cause of depression, and parts that say the same can stand in for each other."
)
_LOOKING = (
    "Each row says how one part shares its attention among all of them; a row adds to 1. Attention says where the "
    "model looks, not why, nor that it matters for the prediction."
)


def drawings(insight: Mapping[str, Any], simulated: bool) -> list[Drawing]:
    """Those of the parts that are there."""
    mark = " (SIMULATED data)" if simulated else ""
    found = []
    reliance = insight.get("reliance", {})
    for kind, what in _KINDS.items():
        if of_kind := _values(reliance.get(kind, {})):
            draw = face.face if kind == "regions" else face.bars
            title = f"Reliance on {what}{mark}"
            found.append(draw(f"reliance_{kind}", title, reliance["unit"], _HIDING, of_kind))
    attention = insight.get("attention", {})
    if inter := attention.get("inter"):
        title = f"Attention between cues{mark}"
        found.append(face.attention("attention_cues", title, _LOOKING, inter["tokens"], {"": inter["heads"]}))
    if intra := attention.get("intra"):
        tokens = next(iter(intra.values()))["tokens"]
        blocks = {cue: of_cue["heads"] for cue, of_cue in intra.items()}
        title = f"Attention between stretches of a session{mark}"
        found.append(face.attention("attention_segments", title, _LOOKING, tokens, blocks))
    return found


def _values(scores: Mapping[str, Mapping[str, Any]]) -> face.Reliance:
    return {
        part: (score["estimate"], score["lower"], score["upper"])
        for part, score in scores.items()
        if score["estimate"] is not None
    }
