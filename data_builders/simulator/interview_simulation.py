"""What simulated DAIC-WOZ and E-DAIC share: numbered sessions, splits, PHQ-8, an interview within a recording.

Sessions 300 to 492 are the same in both. What is known to be wrong with them is written down here a second time, from
its sources, and not taken from the builders' tables of defects: a mistake there is to be found, not to be simulated.
"""

import dataclasses
import functools
from collections.abc import Hashable, Mapping
from typing import ClassVar, TypeVar

import numpy as np

from data_builders.simulator.latents import deal, draw_severity
from data_builders.simulator.options import Options, require
from data_builders.simulator.simulation import GOLDEN_RATIO, Simulation
from data_builders.simulator.subjects import Subject
from data_builders.simulator.tracker import Track

ABSENT = (342, 394, 398, 460)  # of 300 to 492
# Seconds of the recording, from and to, that are no interview.
INTERRUPTIONS = {"373": (352.0, 420.0), "444": (286.0, 387.0)}
INTERRUPTED_AUS = 5.0  # the intensity of all action units meanwhile: whoever uses these frames can tell
SCORES = {"319": 13, "409": 10}  # the others' are drawn
ITEMS = ("NoInterest", "Depressed", "Sleep", "Tired", "Appetite", "Failure", "Concentrating", "Moving")
EMPTY_ITEM = ("319", "Sleep", 2)  # session, item, and what it is by the total
DEPRESSED_FROM = 10
WRONG_BINARY = {"409": 0}  # beside a score of 10

INTERVIEWER, PARTICIPANT = "Ellie", "Participant"
# The chair is empty, no face tracked, until so many seconds before the first word. This makes wrong times show: words
# that are taken for earlier than they are fall where there is nobody.
SEATED = 1.0
_AFTER_INTERRUPTION = 30.0  # seconds, at least, for which the interview goes on

_Key = TypeVar("_Key", bound=Hashable)


@dataclasses.dataclass(frozen=True)
class Line:
    """A row of a transcript: from `start` to `stop`, in seconds of the transcript, `speaker` said `value`."""

    start: float
    stop: float
    speaker: str
    value: str


@dataclasses.dataclass(frozen=True)
class Timing:
    """When the interview begins and ends, and how long the video is, in seconds of the recording.

    before, after   what the recording has of other things on either side of the interview, if the transcript is right.
    """

    begin: float
    end: float
    video: float
    before: float
    after: float


class InterviewSimulation(Simulation):
    """Session i is `numbers[i]`; `options.seconds` are those of the interview, and the recording is a little longer.

    `track` is the recording, `items` the answers to the PHQ-8 that add up to `severity`. A corpus defines:

    corpus        what people call it.
    numbers       all of its sessions, in the order in which a larger corpus has more of them.
    splits        the split of each, train, dev or test.
    slowest_fps   the fewest frames a second that a reader takes for true.
    """

    corpus: ClassVar[str]
    numbers: ClassVar[tuple[str, ...]]
    splits: ClassVar[tuple[str, ...]]
    slowest_fps: ClassVar[float] = 1.0
    purposes = (*Simulation.purposes, "items", "timing", "transcript")

    def __init__(self, options: Options):
        """Raises UserError for options that this corpus does not know."""
        require(options.splits is None, "splits", options.splits, f"None: {self.corpus} has splits of its own")
        size = f"5, so that no split is empty, to {len(self.numbers)}, the number of its sessions"
        require(5 <= options.subjects <= len(self.numbers), "subjects", options.subjects, size)
        slowest = f"at least {self.slowest_fps:g}, the slowest that a reader takes for true"
        require(options.fps >= self.slowest_fps, "fps", options.fps, slowest)
        shortest = options.seconds[0] * options.fps
        require(shortest >= 12, "seconds x fps", shortest, "at least 12 frames")
        super().__init__(options)

    def name(self, i: int) -> str:
        """The number by which the corpus knows session i and its participant, such as "318"."""
        return self.numbers[i]

    def split(self, i: int) -> str:
        """train, dev or test: exactly as many as the whole corpus has, and in these shares at any size."""
        return self.splits[i]

    @functools.cached_property
    def severity(self) -> np.ndarray:
        """(N,) int, 0..24."""
        drawn = (SCORES.get(self.name(i)) for i in range(len(self)))
        return np.array(
            [draw_severity(self._generator(i, "severity")) if score is None else score for i, score in enumerate(drawn)]
        )

    def items(self, i: int) -> np.ndarray:
        """(8,) int: the items of the PHQ-8, 0..3 each, in the order of ITEMS; their sum is the severity."""
        rng, total, highest = self._generator(i, "items"), int(self.severity[i]), np.full(len(ITEMS), 3)
        session, item, known = EMPTY_ITEM
        if self.name(i) != session:
            return deal(total, highest, rng)
        place = ITEMS.index(item)
        return np.insert(deal(total - known, np.delete(highest, place), rng), place, known)

    def delay(self, i: int) -> float:
        """Seconds by which the interview begins later in the recording than it otherwise would."""
        return 0.0

    def interview_seconds(self, i: int) -> float:
        """How long the interview of session i is, unless something is to befall it later than that."""
        return super().subject(i).seconds

    def timing(self, i: int) -> Timing:
        """When the interview of session i takes place."""
        rng, name = self._generator(i, "timing"), self.name(i)
        before, after = rng.uniform(2.0, 4.0), rng.uniform(1.0, 2.0)
        begin = before + self.delay(i)
        end = begin + self.interview_seconds(i)
        if name in INTERRUPTIONS:
            end = max(end, INTERRUPTIONS[name][1] + _AFTER_INTERRUPTION)
        return Timing(begin, end, end + after, before, after)

    def subject(self, i: int) -> Subject:
        """The person of session i; `seconds` are those of the whole recording."""
        return dataclasses.replace(super().subject(i), seconds=self.timing(i).video)

    def interrupted(self, i: int, time: np.ndarray) -> np.ndarray:
        """Which of these seconds of the recording, (F,), are no interview."""
        begin, end = INTERRUPTIONS.get(self.name(i), (0.0, 0.0))
        return (time >= begin) & (time < end)

    def track(self, i: int) -> Track:
        """What the tracker writes about the recording: nobody at first, then the person."""
        track = super().track(i)
        columns = emptied(track, track.time < self.timing(i).begin - SEATED)
        columns["aus"][self.interrupted(i, track.time) & track.success] = INTERRUPTED_AUS
        return Track(**columns)

    def turns(self, i: int, begin: float, end: float) -> list[Line]:
        """Question and answer in turn, about ten seconds a pair, from `begin` to `end`, none while interrupted."""
        pairs = max(1, round((end - begin) / 10))
        shares = self._generator(i, "transcript").dirichlet(np.full(2 * pairs, 4.0))
        starts = begin + (end - begin) * (np.cumsum(shares) - shares)
        stops = starts + 0.85 * (end - begin) * shares
        stops[-1] = end
        speakers = (INTERVIEWER, "simulated question"), (PARTICIPANT, "simulated answer")
        cut, back = INTERRUPTIONS.get(self.name(i), (np.inf, np.inf))
        return [
            Line(float(start), float(stop), speaker, f"{words} {1 + k // 2}")
            for k, (start, stop) in enumerate(zip(starts, stops, strict=True))
            for speaker, words in [speakers[k % 2]]
            if stop <= cut or start >= back
        ]


def emptied(track: Track, frames: np.ndarray) -> dict[str, np.ndarray]:
    """The columns of a track, copied, in which nothing was tracked in `frames`, (F,) bool."""
    columns = {field.name: getattr(track, field.name).copy() for field in dataclasses.fields(Track)}
    for name, values in columns.items():
        if name != "time":
            values[frames] = 0
    return columns


def spread(counts: Mapping[_Key, int]) -> tuple[_Key, ...]:
    """A sequence with each key as often as said, any beginning of which has them in the shares of the whole."""
    keys = [key for key, count in counts.items() for _ in range(count)]
    place = (0.5 + np.arange(len(keys)) * GOLDEN_RATIO) % 1
    return tuple(keys[rank] for rank in np.argsort(np.argsort(place)))
