"""What a session's cues look like at the tool's own rate, before any window is cut."""

import numpy as np

from data_builders.records import Session

LONGEST_STEP = 1.0  # seconds; over a longer gap a difference says little about speed


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
        values = cue[usable].astype(np.float64)
        way = np.abs(np.diff(cue, axis=0)[pairs]).sum(axis=0, dtype=np.float64)
        found[name] = {
            "mean": values.mean(axis=0).tolist(),
            "std": values.std(axis=0).tolist(),
            "velocity": (way / seconds).tolist() if pairs.any() else None,
        }
    return found
