"""One session as every builder writes it and everything downstream reads it."""

import dataclasses
import json
from collections.abc import Mapping

import numpy as np

from mccl_jax.cues import Cue


@dataclasses.dataclass(frozen=True)
class Session:
    """One recording of one person: what the tool wrote, untouched. F frames at the tool's own rate.

    cues            name -> (F, V, C) float32; the meaning of V and C is in `specification`. A cell that the tool
                    left unreadable is NaN.
    specification   name -> Cue, in the order of `cues`.
    time            (F,) float64, seconds, strictly increasing.
    confidence      (F,) float32, 0..1.
    success         (F,) bool: the tool says that it tracked the face.
    question        (F,) int32: number of the interview question (1..), 0 where the recording is not cut by questions.
    speech_span     (2,) float64, seconds: first and last word of the interview; NaN where no transcript says.
    target          severity (PHQ-8 or PHQ-9 score, or the column that the user named); NaN where unknown.
    split           "train", "dev", "test", or "" where the corpus has no splits.
    fold            number of the fold in which the session is tested, -1 where there are none.
    gender          "female", "male" or "".
    labels          every further label column, as the corpus has it.
    provenance      source file or members, SHA-256, the reader's version, notes of the reader.
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
    fold: int = -1
    gender: str = ""
    labels: Mapping[str, str | float | None] = dataclasses.field(default_factory=dict)
    provenance: Mapping[str, object] = dataclasses.field(default_factory=dict)
    statistics: Mapping[str, object] = dataclasses.field(default_factory=dict)
