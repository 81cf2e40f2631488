"""One session as every builder writes it and everything downstream reads it, and its form as a TFDS record.

On disk arrays are zlib-compressed bytes, so that every value comes back bit by bit (a plain TFDS scalar passes through
a 32-bit float), and whatever has no fixed shape is JSON text. TFDS is imported where it is needed only: prediction
uses `Session` without it.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from mccl_jax.cues import Cue

if TYPE_CHECKING:
    import tensorflow_datasets as tfds

_TEXTS = ("session", "subject", "split", "gender")
_JSON = ("labels", "provenance", "statistics")
_FRAMES = {"time": np.float64, "confidence": np.float32, "success": np.bool_, "question": np.int32}  # (F,) each


@dataclasses.dataclass(frozen=True)
class Session:
    """One recording of one person: what the tool wrote, untouched. F frames at the tool's own rate.

    cues            name -> (F, V, C) float32; the meaning of V and C is in `specification`. A cell that the tool
                    left unreadable is NaN.
    specification   name -> Cue, in the order of `cues`.
    time            (F,) float64, seconds, strictly increasing; answers to questions are laid end to end.
    confidence      (F,) float32, 0..1; NaN where the tool left it unreadable.
    success         (F,) bool: the tool says that it tracked the face.
    question        (F,) int32: number of the interview question (1..), 0 where the recording is not cut by questions.
    speech_span     (2,) float64, seconds: first and last word of the interview; NaN where no transcript says.
    target          severity (PHQ-8 or PHQ-9 score, or the column that the user named); NaN where unknown.
    split           "train", "dev", "test", or "" where the corpus has no splits.
    folds           numbers of the folds in which the session is tested: none, one, or several where folds overlap.
    gender          "female", "male" or "".
    labels          every further label column, as the corpus has it.
    provenance      source file or members, SHA-256, the reader's version, notes of the reader; of interviews with a
                    transcript "turns", the lines with words of whom it does not call the interviewer. What stands
                    beside the values, so that these stay as the tool wrote them: "exclude_seconds", [[begin, end], ...]
                    whose frames are not used; "thinned", where only some frames were kept (see `thinning.thin`). Of a
                    corpus with a table of defects "corrections", [{"id", "what", "was", "is"}, ...] in the order in
                    which they were made: by its row `id`, a label or other `what`, which `was` so in the files (or by a
                    correction before it), `is` so now, None where unknown; and "switched_off", the same of those that
                    would have been made.
    statistics      per cue and channel at the full rate, over usable frames: means, deviations, velocities.
    """

    session: str
    subject: str
    cues: Mapping[str, np.ndarray]
    specification: Mapping[str, Cue]
    time: np.ndarray
    confidence: np.ndarray
    success: np.ndarray
    question: np.ndarray
    speech_span: np.ndarray
    target: float = float("nan")
    split: str = ""
    folds: tuple[int, ...] = ()
    gender: str = ""
    labels: Mapping[str, str | float | None] = dataclasses.field(default_factory=dict)
    provenance: Mapping[str, object] = dataclasses.field(default_factory=dict)
    statistics: Mapping[str, object] = dataclasses.field(default_factory=dict)

    @property
    def usable(self) -> np.ndarray:
        """(F,) bool: the face was tracked, every cell of every cue could be read, and the frame is not excluded."""
        usable = self.success & np.all([np.isfinite(cue).all(axis=(1, 2)) for cue in self.cues.values()], axis=0)
        for begin, end in self.provenance.get("exclude_seconds", ()):
            usable &= (self.time < begin) | (self.time >= end)
        return usable

    @property
    def recorded(self) -> tuple[int, int]:
        """(frames, usable frames) of the recording at the tool's own rate, even where not all of them were kept."""
        thinned = self.provenance.get("thinned")
        return (thinned["frames"], thinned["usable"]) if thinned else (len(self.time), int(self.usable.sum()))


def features(specification: Mapping[str, Cue]) -> tfds.features.FeaturesDict:
    """The TFDS features of a data set whose sessions hold, at most, the cues of `specification`."""
    import tensorflow_datasets as tfds

    def tensor(shape, dtype):
        return tfds.features.Tensor(shape=shape, dtype=dtype, encoding="zlib")

    return tfds.features.FeaturesDict(
        {
            "cues": {name: tensor((None, *cue.shape), np.float32) for name, cue in specification.items()},
            **{name: tensor((None,), dtype) for name, dtype in _FRAMES.items()},
            "speech_span": tensor((2,), np.float64),
            "target": tensor((), np.float64),
            "folds": tensor((None,), np.int32),
            **{name: tfds.features.Text() for name in (*_TEXTS, "specification", *_JSON)},
        }
    )


def encode(session: Session, specification: Mapping[str, Cue]) -> dict:
    """`session` as an example of `features(specification)`; a cue that the session lacks has no frames there.

    Raises ValueError where the session holds a cue that `specification` lacks or defines otherwise.
    """
    for name, cue in session.specification.items():
        if specification.get(name) != cue:
            raise ValueError(f"{session.session}: {name} is not as the data set defines it")
    return {
        "cues": {
            name: session.cues.get(name, np.empty((0, *cue.shape), np.float32)) for name, cue in specification.items()
        },
        **{name: getattr(session, name) for name in (*_FRAMES, "speech_span", "target", *_TEXTS)},
        "folds": np.array(session.folds, np.int32),
        "specification": json.dumps({name: dataclasses.asdict(cue) for name, cue in session.specification.items()}),
        **{name: json.dumps(getattr(session, name), allow_nan=False) for name in _JSON},
    }


def decode(example: Mapping[str, object]) -> Session:
    """The session that `encode` made `example` of, bit by bit, as TFDS hands it back (texts as bytes)."""
    specification = {
        name: Cue(cue["name"], tuple(cue["points"]), tuple(cue["channels"]), cue["units"])
        for name, cue in json.loads(example["specification"]).items()
    }
    return Session(
        cues={name: np.asarray(example["cues"][name], np.float32) for name in specification},
        specification=specification,
        speech_span=np.asarray(example["speech_span"], np.float64),
        target=float(example["target"]),
        folds=tuple(np.asarray(example["folds"]).tolist()),
        **{name: np.asarray(example[name], dtype) for name, dtype in _FRAMES.items()},
        **{name: example[name].decode("utf-8") for name in _TEXTS},
        **{name: json.loads(example[name]) for name in _JSON},
    )
