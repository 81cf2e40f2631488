"""What a session's cues look like at the tool's own rate, before any window is cut."""

import numpy as np

from data_builders.records import Session

LONGEST_STEP = 1.0  # seconds; over a longer gap a difference says little about speed
_POINTS = 128  # looked at together: in double precision the features of an hour would have 2 GB


def statistics(session: Session) -> dict[str, dict[str, list]]:
    """Per cue, over usable frames: mean, std and velocity, each (V, C) as nested lists in the cue's units.

    velocity is the length of the way a second: the sum of |x[i+1] - x[i]| over neighbouring rows that are both usable,
    of the same question and at most a second apart, divided by the time these pairs cover. None where there is no such
    pair.
    """
    usable, steps = session.usable, np.diff(session.time)
    pairs = usable[1:] & usable[:-1] & (steps <= LONGEST_STEP) & (np.diff(session.question) == 0)
    seconds = steps[pairs].sum()
    found = {}
    for name, cue in session.cues.items():
        parts = [
            _of_points(cue[:, first : first + _POINTS], usable, pairs) for first in range(0, cue.shape[1], _POINTS)
        ]
        mean, std, way = (np.concatenate(part) for part in zip(*parts, strict=True))
        found[name] = {
            "mean": mean.tolist(),
            "std": std.tolist(),
            "velocity": (way / seconds).tolist() if pairs.any() else None,
        }
    return found


def _of_points(cue: np.ndarray, usable: np.ndarray, pairs: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(V, C) each: mean, standard deviation and length of the way of some points (F, V, C)."""
    values = cue[usable].astype(np.float64)
    way = np.abs(np.diff(cue.astype(np.float64), axis=0)[pairs]).sum(axis=0)
    return values.mean(axis=0), values.std(axis=0), way
