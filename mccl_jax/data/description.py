"""What can be said of a session without a model: what is no behaviour of the face, and simple statistics of its cues.

A model of faces has to beat predictors that know only this (`mccl_jax.evaluation.baselines`).
"""

from collections.abc import Mapping, Sequence

import numpy as np

from data_builders.records import Session
from mccl_jax.cues import Cue

# What says nothing of behaviour, and may go along with severity all the same.
NUISANCE = {
    "seconds": "how long the recording lasts",
    "answers": "questions that were answered, or lines of the transcript that are not the interviewer's",
    "frame_rate": "frames a second",
    "head_distance": "mean distance of the head from the camera, mm",
    "failed_share": "share of the frames in which the face was not tracked or not readable",
    "female": "1: female, 0: male",
}
_MOMENTS = ("mean", "std", "velocity")


def nuisance(session: Session) -> dict[str, float]:
    """The values of `NUISANCE`, at the tool's own rate, NaN where unknown."""
    frames, usable = session.recorded
    seconds = float(session.time[-1] - session.time[0]) if len(session.time) else np.nan
    questions = np.unique(session.question[session.question > 0])
    turns = session.provenance.get("turns") or len(questions) or np.nan
    pose = session.statistics.get("pose")
    return {
        "seconds": seconds,
        "answers": float(turns),
        "frame_rate": (frames - 1) / seconds if seconds > 0 else np.nan,
        "head_distance": float(np.linalg.norm(pose["mean"][0])) if pose else np.nan,
        "failed_share": 1 - usable / frames if frames else np.nan,
        "female": {"female": 1.0, "male": 0.0}.get(session.gender, np.nan),
    }


def statistics(session: Session) -> np.ndarray:
    """(M,) float32: mean, deviation and velocity of every channel of every cue at the tool's own rate.

    In the order of the cues; NaN where there is none, as there is no velocity without two frames in a row.
    """
    parts = []
    for name, cue in session.specification.items():
        of_cue = session.statistics.get(name, {})
        for moment in _MOMENTS:
            values = of_cue.get(moment)
            parts.append(np.full(cue.shape, np.nan) if values is None else np.asarray(values))
    return np.concatenate([part.reshape(-1) for part in parts]).astype(np.float32)


def of_cues(statistics: np.ndarray, specification: Mapping[str, Cue], names: Sequence[str]) -> np.ndarray:
    """Of (N, M) `statistics` by a specification, those of the cues of these names; all where none is named."""
    whose = np.repeat([*specification], [len(_MOMENTS) * np.prod(cue.shape) for cue in specification.values()])
    return statistics[:, np.isin(whose, names or [*specification])]


def stacked(rows: Sequence[Mapping[str, float]]) -> dict[str, np.ndarray]:
    """Name -> (N,) of what N sessions have."""
    return {name: np.array([row[name] for row in rows]) for name in NUISANCE}
