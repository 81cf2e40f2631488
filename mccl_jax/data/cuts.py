"""Other ways to cut sessions than one window each from the first word on, for scores of a model that is trained.

crops         an equally long stretch of every session, from its first usable frame on: none is told by its length
all_windows   all windows that a session has, one after the other, the last one if at least half of it is there
"""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from data_builders.records import Session
from mccl_jax.data.options import BY_QUESTION, WindowOptions

CROPS, ALL_WINDOWS = "crops", "all_windows"
_SHORTEST = 10.0  # seconds; less of a face says little
_HALF = 0.5


@dataclasses.dataclass(frozen=True)
class Reach:
    """Of one session, in seconds: how long the interview is, and how much of its window is left from the first usable
    frame in it."""

    whole: float
    in_window: float


def reach_of(session: Session, options: WindowOptions) -> Reach:
    """What can be cut of a session; 0 where it has no usable frame in its window."""
    first, start, end = _span(session, options)
    return Reach(end - start, max(0.0, min(end, start + _last(options)) - first))


def possible(reaches: Sequence[Reach], options: WindowOptions) -> dict[str, float]:
    """Name of each other way that makes a difference -> seconds of its stretches.

    None for windows that are cut by questions, or as the official preparation cuts them.
    """
    if not reaches or options.segments == BY_QUESTION or options.official_windows:
        return {}
    found, shortest = {}, min(reach.in_window for reach in reaches)
    if shortest >= _SHORTEST and max(reach.in_window for reach in reaches) > shortest + 1 / options.rate:
        found[CROPS] = shortest
    if any(reach.whole >= (1 + _HALF) * options.seconds for reach in reaches):
        found[ALL_WINDOWS] = options.seconds
    return found


def parts(session: Session, how: str, seconds: float, options: WindowOptions) -> list[Session]:
    """The session once for each stretch, as one whose interview is no more than that."""
    first, start, end = _span(session, options)
    if how == CROPS:
        begins, length = [first], seconds
    else:
        number = max(1, int((end - start) / seconds + 1 - _HALF))
        begins, length = [start + i * seconds for i in range(number)], _last(options)
    spans = [np.array([begin, min(end, begin + length)]) for begin in begins]
    return [dataclasses.replace(session, speech_span=span) for span in spans]


def _span(session: Session, options: WindowOptions) -> tuple[float, float, float]:
    """(first usable frame of the window, first word, last word), the last two as windows take them."""
    time = session.time[session.usable]
    if not len(time):
        return 0.0, 0.0, 0.0
    start, end = (float(x) for x in np.where(np.isfinite(session.speech_span), session.speech_span, time[[0, -1]]))
    inside = time[(time >= start) & (time <= min(end, start + _last(options)))]
    return float(inside[0]) if len(inside) else end, start, end


def _last(options: WindowOptions) -> float:
    """Of a window, seconds from its first to its last frame."""
    return (options.frames - 1) / options.rate


def words(cuts: Mapping[str, float]) -> list[str]:
    """What is scored besides, for the report."""
    said = {
        CROPS: "scored too on the first {:.0f} s of every session",
        ALL_WINDOWS: "scored too on all windows of {:.0f} s of a session, meaned",
    }
    return [said[name].format(seconds) for name, seconds in cuts.items()]
