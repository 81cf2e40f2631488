"""What is hidden from a trained model, and what stands in its place: plain arrays, nothing of models.

A cue, a region of the face, an action unit or a segment of time is hidden by its train mean: the mean of that input,
point by point and channel by channel, over all frames with data of the train sessions, after scaling. It is the same
in every frame, so nothing moves there any more; frames without data stay so. A segment can be taken away instead, as if
it had no data. Or a whole cue comes from another person: `donors` says from whom.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from mccl_jax.cues import FACIAL_REGIONS, Cue
from mccl_jax.data.windows import Windows

CUES, REGIONS, AUS, SEGMENTS, MISSING = KINDS = ("cues", "regions", "aus", "segments", "segments_missing")


@dataclasses.dataclass(frozen=True)
class Part:
    """A part of what a model sees of a session: `points` (indices) of each cue, in one segment or, None, in all frames.

    kind, name   as they stand in the results; `missing`: its frames are taken away rather than replaced.
    """

    kind: str
    name: str
    points: Mapping[str, Sequence[int]]
    segment: int | None = None
    missing: bool = False


class Hidden(NamedTuple):
    """A part as arrays whose shapes are those of any other part, so that one compiled program serves all.

    points    cue -> (V,) 1: the point is replaced.
    when      (S + 1,) 1: it is, in frames of this segment; place 0 is of frames outside all segments.
    missing   (S + 1,) 1: frames of this segment are taken away.
    """

    points: Mapping[str, np.ndarray]
    when: np.ndarray
    missing: np.ndarray


def parts(specification: Mapping[str, Cue], segments: int, masked: bool = True) -> list[Part]:
    """All that is hidden, part by part: each cue, each region and action unit that the cues have, each segment.

    `masked` False: the model does not honour masks, so that nothing can be taken away from it.
    """
    everything = {name: range(len(cue.points)) for name, cue in specification.items()}
    found = [Part(CUES, name, {name: points}) for name, points in everything.items()]
    if "landmarks" in specification:
        places = {point: at for at, point in enumerate(specification["landmarks"].points)}
        for region, members in FACIAL_REGIONS.items():
            if there := [places[str(point)] for point in members if str(point) in places]:
                found.append(Part(REGIONS, region, {"landmarks": there}))
    if "aus" in specification:
        found += [Part(AUS, au, {"aus": [at]}) for at, au in enumerate(specification["aus"].points)]
    if segments > 1:
        names = {s: str(s + 1) for s in range(segments)}
        found += [Part(SEGMENTS, name, everything, s) for s, name in names.items()]
        if masked:
            found += [Part(MISSING, name, everything, s, missing=True) for s, name in names.items()]
    return found


def as_many(part: Part, of: int, draws: int, seed: int) -> list[Part]:
    """Other parts of the same size: points of its one cue, which has `of`, drawn at random, so many times."""
    ((cue, points),) = part.points.items()
    rng = np.random.default_rng((seed, len(points)))
    return [Part("random", part.name, {cue: rng.choice(of, len(points), replace=False)}) for _ in range(draws)]


def hidden(part: Part | None, specification: Mapping[str, Cue], segments: int) -> Hidden:
    """The arrays of a part; None: nothing is hidden."""
    points = {name: np.zeros(len(cue.points), np.float32) for name, cue in specification.items()}
    when, missing = np.zeros((2, segments + 1), np.float32)
    if part is not None:
        frames = slice(None) if part.segment is None else part.segment + 1
        (missing if part.missing else when)[frames] = 1
        for name, which in part.points.items():
            points[name][[*which]] = 1
    return Hidden(points, when, missing)


def train_mean(windows: Windows, rows: np.ndarray) -> dict[str, np.ndarray]:
    """Cue -> (V, C) float32: the mean over all frames with data of `rows`, which are read one at a time."""
    frames = sum(int(windows.mask[row].sum()) for row in rows)

    def mean(values) -> np.ndarray:
        return sum(values[row][windows.mask[row]].astype(np.float64).sum(axis=0) for row in rows) / frames

    return {name: mean(values).astype(np.float32) for name, values in windows.cues.items()}


def donors(subject: np.ndarray, permutations: int, seed: int) -> np.ndarray:
    """(P, N) indices of the session that each of N sessions gets a cue from: people exchanged at random, P times.

    All sessions of a person come from one other (or, as in any permutation, the same) person, in order, beginning again
    where that one has fewer.
    """
    people, index = np.unique(subject, return_inverse=True)
    sessions = [np.flatnonzero(index == one) for one in range(len(people))]
    place = np.array([np.flatnonzero(sessions[one] == row)[0] for row, one in enumerate(index)])
    rng, found = np.random.default_rng(seed), np.zeros((permutations, len(subject)), int)
    for row in found:
        to = rng.permutation(len(people))[index]
        row[:] = [sessions[one][at % len(sessions[one])] for one, at in zip(to, place, strict=True)]
    return found
