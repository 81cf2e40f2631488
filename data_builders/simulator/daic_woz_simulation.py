"""The people and the interviews of a simulated DAIC-WOZ: who is in which split, how severe, when was what said.

What is known to be wrong with the corpus is written down here a second time, from its sources, and not taken from
`data_builders.daic_woz.defects`: a mistake there is to be found, not to be simulated.
"""

import dataclasses
import functools

import numpy as np

from data_builders.simulator.latents import deal, draw_severity
from data_builders.simulator.options import Options, require
from data_builders.simulator.simulation import Simulation
from data_builders.simulator.subjects import Subject
from data_builders.simulator.tracker import Track

SESSIONS = {"train": 107, "dev": 35, "test": 47}
ABSENT = (342, 394, 398, 460)
# Sessions with known defects come first, so that a small corpus has them too; 319 and 409 at places of train.
_FIRST = ("318", "319", "321", "341", "362", "373", "402", "444", "409", "451", "458", "480", "487")
NUMBERS = _FIRST + tuple(str(n) for n in range(300, 493) if n not in ABSENT and str(n) not in _FIRST)

# Seconds by which the transcript is early.
SHIFTS = {"318": 34.319917, "321": 3.8379167, "341": 6.1892, "362": 16.8582}
# Seconds of the recording, from and to, that are no interview.
INTERRUPTIONS = {"373": (352.0, 420.0), "444": (286.0, 387.0)}
INTERRUPTED_AUS = 5.0  # the intensity of all action units meanwhile: whoever uses these frames can tell
WITHOUT_INTERVIEWER = ("451", "458", "480")
VIDEO_ENDS_EARLY = {"402": 120.0}  # seconds that the transcript goes on
SCORES = {"319": 13, "409": 10}  # the others' are drawn
ITEMS = ("NoInterest", "Depressed", "Sleep", "Tired", "Appetite", "Failure", "Concentrating", "Moving")
EMPTY_ITEM = ("319", "Sleep", 2)  # session, item, and what it is by the total
SYNC_MARKERS = ("<sync>", "<synch>", "[sync]", "[syncing]")
SCRUBBED = "scrubbed_entry"

# The chair is empty, no face tracked, until so many seconds before the first word. This makes a shift show: words at
# uncorrected times fall where there is nobody.
SEATED = 1.0
_AFTER_INTERRUPTION = 30.0  # seconds, at least, for which the interview goes on
_GOLDEN_RATIO = (5**0.5 - 1) / 2


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
    shift           how much earlier the transcript says that everything was.
    """

    begin: float
    end: float
    video: float
    before: float
    after: float
    shift: float


class DaicWozSimulation(Simulation):
    """Session i is NUMBERS[i]; `options.seconds` are those of the interview, and the recording is a little longer.

    `track` is the recording, `transcript` what was said, `items` the answers to the PHQ-8 that add up to `severity`.
    """

    purposes = (*Simulation.purposes, "items", "timing", "transcript", "unread")

    def __init__(self, options: Options):
        """Raises UserError for options that this corpus does not know."""
        require(options.splits is None, "splits", options.splits, "None: DAIC-WOZ has splits of its own")
        size = f"5, so that no split is empty, to {len(NUMBERS)}, the number of its sessions"
        require(5 <= options.subjects <= len(NUMBERS), "subjects", options.subjects, size)
        require(options.fps >= 1, "fps", options.fps, "at least 1, the slowest that a reader takes for true")
        shortest = options.seconds[0] * options.fps
        require(shortest >= 12, "seconds x fps", shortest, "at least 12 frames")
        super().__init__(options)

    def name(self, i: int) -> str:
        """The number by which the corpus knows session i and its participant, such as "318"."""
        return NUMBERS[i]

    def split(self, i: int) -> str:
        """train, dev or test: exactly SESSIONS of the whole corpus, and in these shares at any size."""
        return _SPLITS[i]

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

    def timing(self, i: int) -> Timing:
        """When the interview of session i takes place."""
        rng, name = self._generator(i, "timing"), self.name(i)
        before, after = rng.uniform(2.0, 4.0), rng.uniform(1.0, 2.0)
        shift = SHIFTS.get(name, 0.0)
        begin = before + shift
        end = begin + super().subject(i).seconds
        if name in INTERRUPTIONS:
            end = max(end, INTERRUPTIONS[name][1] + _AFTER_INTERRUPTION)
        if name in VIDEO_ENDS_EARLY:
            return Timing(begin, end + VIDEO_ENDS_EARLY[name], end, before, after, shift)
        return Timing(begin, end, end + after, before, after, shift)

    def subject(self, i: int) -> Subject:
        """The person of session i; `seconds` are those of the whole recording."""
        return dataclasses.replace(super().subject(i), seconds=self.timing(i).video)

    def track(self, i: int) -> Track:
        """What the tracker writes about the recording: nobody at first, then the person."""
        track = super().track(i)
        columns = {field.name: getattr(track, field.name).copy() for field in dataclasses.fields(Track)}
        nobody = track.time < self.timing(i).begin - SEATED
        for name, values in columns.items():
            if name != "time":
                values[nobody] = 0
        if self.name(i) in INTERRUPTIONS:
            begin, end = INTERRUPTIONS[self.name(i)]
            columns["aus"][(track.time >= begin) & (track.time < end) & track.success] = INTERRUPTED_AUS
        return Track(**columns)

    def transcript(self, i: int) -> list[Line]:
        """A sync marker, turns of Ellie and the participant, and a passage that was removed.

        The marker and the passage lie before the first and behind the last word, so that they matter to who counts
        them as words.
        """
        name, timing = self.name(i), self.timing(i)
        begin, end = timing.begin - timing.shift, timing.end - timing.shift
        marker = Line(0.3 * timing.before, 0.4 * timing.before, "Participant", SYNC_MARKERS[i % len(SYNC_MARKERS)])
        lines = [marker, *self._turns(i, begin, end)]
        if name in INTERRUPTIONS:
            cut, back = INTERRUPTIONS[name]
            lines = [line for line in lines if line.stop <= cut or line.start >= back]
        if name in WITHOUT_INTERVIEWER:
            lines = [line for line in lines if line.speaker != "Ellie"]
        lines.append(Line(end + 0.2 * timing.after, end + 0.6 * timing.after, "Participant", SCRUBBED))
        return [dataclasses.replace(line, start=round(line.start, 3), stop=round(line.stop, 3)) for line in lines]

    def speech_span(self, i: int) -> tuple[float, float]:
        """First and last word of the interview, in seconds of the recording."""
        words = [line for line in self.transcript(i) if line.value not in (*SYNC_MARKERS, SCRUBBED)]
        shift = self.timing(i).shift
        return min(line.start for line in words) + shift, max(line.stop for line in words) + shift

    def unread(self, i: int) -> bytes:
        """Noise in place of HOG features."""
        return self._generator(i, "unread").bytes(4096)

    def _turns(self, i: int, begin: float, end: float) -> list[Line]:
        """Question and answer in turn, about ten seconds a pair, from `begin` to `end`."""
        pairs = max(1, round((end - begin) / 10))
        shares = self._generator(i, "transcript").dirichlet(np.full(2 * pairs, 4.0))
        starts = begin + (end - begin) * (np.cumsum(shares) - shares)
        stops = starts + 0.85 * (end - begin) * shares
        stops[-1] = end
        speakers = ("Ellie", "simulated question"), ("Participant", "simulated answer")
        return [
            Line(float(start), float(stop), speaker, f"{words} {1 + k // 2}")
            for k, (start, stop) in enumerate(zip(starts, stops, strict=True))
            for speaker, words in [speakers[k % 2]]
        ]


def _splits() -> tuple[str, ...]:
    """A sequence of splits any beginning of which has them in the shares of the whole."""
    place = (0.5 + np.arange(len(NUMBERS)) * _GOLDEN_RATIO) % 1
    return tuple(np.repeat(list(SESSIONS), list(SESSIONS.values()))[np.argsort(np.argsort(place))].tolist())


_SPLITS = _splits()
