"""The people and the interviews of a simulated DAIC-WOZ: who is in which split, when was what said.

What is known to be wrong with the corpus is written down here and in `interview_simulation` a second time, from its
sources, and not taken from `data_builders.daic_woz.defects`: a mistake there is to be found, not to be simulated.
"""

import dataclasses

from data_builders.simulator.interview_simulation import (
    ABSENT,
    INTERVIEWER,
    PARTICIPANT,
    InterviewSimulation,
    Line,
    Timing,
    spread,
)

SESSIONS = {"train": 107, "dev": 35, "test": 47}
# Sessions with known defects come first, so that a small corpus has them too; 319 and 409 at places of train.
_FIRST = ("318", "319", "321", "341", "362", "373", "402", "444", "409", "451", "458", "480", "487")
NUMBERS = _FIRST + tuple(str(n) for n in range(300, 493) if n not in ABSENT and str(n) not in _FIRST)

# Seconds by which the transcript is early; the recording begins as much earlier.
SHIFTS = {"318": 34.319917, "321": 3.8379167, "341": 6.1892, "362": 16.8582}
WITHOUT_INTERVIEWER = ("451", "458", "480")
VIDEO_ENDS_EARLY = {"402": 120.0}  # seconds that the transcript goes on
SYNC_MARKERS = ("<sync>", "<synch>", "[sync]", "[syncing]")
SCRUBBED = "scrubbed_entry"


class DaicWozSimulation(InterviewSimulation):
    """`transcript` is what was said."""

    corpus, numbers, splits = "DAIC-WOZ", NUMBERS, spread(SESSIONS)
    purposes = (*InterviewSimulation.purposes, "unread")

    def delay(self, i: int) -> float:
        """Seconds by which the interview begins later than the transcript says."""
        return SHIFTS.get(self.name(i), 0.0)

    def timing(self, i: int) -> Timing:
        """When the interview of session i takes place; of 402 the video ends before."""
        timing = super().timing(i)
        more = VIDEO_ENDS_EARLY.get(self.name(i))
        return timing if more is None else dataclasses.replace(timing, end=timing.end + more, video=timing.end)

    def transcript(self, i: int) -> list[Line]:
        """A sync marker, turns of Ellie and the participant, and a passage that was removed.

        The marker and the passage lie before the first and behind the last word, so that they matter to who counts
        them as words.
        """
        timing, shift = self.timing(i), self.delay(i)
        begin, end = timing.begin - shift, timing.end - shift
        marker = Line(0.3 * timing.before, 0.4 * timing.before, PARTICIPANT, SYNC_MARKERS[i % len(SYNC_MARKERS)])
        lines = [marker, *self.turns(i, begin, end)]
        if self.name(i) in WITHOUT_INTERVIEWER:
            lines = [line for line in lines if line.speaker != INTERVIEWER]
        lines.append(Line(end + 0.2 * timing.after, end + 0.6 * timing.after, PARTICIPANT, SCRUBBED))
        return [dataclasses.replace(line, start=round(line.start, 3), stop=round(line.stop, 3)) for line in lines]

    def speech_span(self, i: int) -> tuple[float, float]:
        """First and last word of the interview, in seconds of the recording."""
        words = [line for line in self.transcript(i) if line.value not in (*SYNC_MARKERS, SCRUBBED)]
        shift = self.delay(i)
        return min(line.start for line in words) + shift, max(line.stop for line in words) + shift

    def unread(self, i: int) -> bytes:
        """Noise in place of HOG features."""
        return self._generator(i, "unread").bytes(4096)
