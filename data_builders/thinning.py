"""Records that hold only the frames that windows on a given grid look at: a tenth of the disk, the same windows."""

import dataclasses

import numpy as np

from data_builders.records import Session
from mccl_jax.cues import DEEP


def thin(session: Session, rate: float) -> Session:
    """`session` with the frames kept that a grid of `rate` Hz, begun at the first word, needs; values untouched.

    Kept are, of the usable frames, the nearest to each point of the grid (of two as near, the earlier one), and where
    it is more than half a step away those before and after, from which a gap is bridged; the first and last; those in
    which some value of some cue is least or greatest, by which a session may be scaled; and the recording's own first
    and last frame. So windows at `rate`, or a whole part of it, come out as from all frames. provenance["thinned"] says
    the rate, and how many frames and usable ones there were.
    """
    usable = np.flatnonzero(session.usable)
    kept = [np.array([0, len(session.time) - 1])]
    if len(usable):
        time = session.time[usable]
        start, end = np.where(np.isfinite(session.speech_span), session.speech_span, time[[0, -1]])
        grid = start + np.arange(max(0, int((end - start) * rate + 1e-6) + 1)) / rate
        after = np.clip(np.searchsorted(time, grid), 0, len(time) - 1)
        before = np.clip(after - 1, 0, None)
        nearest = np.where(np.abs(time[before] - grid) <= np.abs(time[after] - grid), before, after)
        # A hair less than half a step: windows count a frame as near by their own rounding.
        far = np.abs(time[nearest] - grid) > 0.5 / rate - 1e-6
        kept += [usable[[0, -1]], usable[nearest], usable[before[far]], usable[after[far]]]
        for values in (values for name, values in session.cues.items() if name != DEEP.name):
            flat = values[usable].reshape(len(usable), -1)
            kept += [usable[flat.argmin(axis=0)], usable[flat.argmax(axis=0)]]
    rows = np.unique(np.concatenate(kept))
    return dataclasses.replace(
        session,
        cues={name: values[rows] for name, values in session.cues.items()},
        **{name: getattr(session, name)[rows] for name in ("time", "confidence", "success", "question")},
        provenance={
            **session.provenance,
            "thinned": {"rate": rate, "frames": len(session.time), "usable": len(usable)},
        },
    )
