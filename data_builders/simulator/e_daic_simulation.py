"""The people and the interviews of a simulated E-DAIC: who is in which split, led by whom, what was tracked and said.

What is known to be wrong with the corpus is written down here and in `interview_simulation` a second time, from its
sources, and not taken from `data_builders.e_daic.defects`: a mistake there is to be found, not to be simulated.
"""

import dataclasses

import numpy as np

from data_builders.simulator.deep_features import deep_features
from data_builders.simulator.interview_simulation import ABSENT, InterviewSimulation, Line, emptied, spread
from data_builders.simulator.subjects import Subject
from data_builders.simulator.tracker import Track

# By split, and by who leads the interview, a person behind the avatar or the avatar by itself. All of DAIC-WOZ is in
# train and dev, and all of test is autonomous; how many of train and dev are is made up.
SESSIONS = {
    ("train", "wizard"): 141,
    ("train", "autonomous"): 22,
    ("dev", "wizard"): 48,
    ("dev", "autonomous"): 8,
    ("test", "autonomous"): 56,
}
_PLACES = spread(SESSIONS)

# Frames a second of these sessions; the others have USUAL_RATE.
RATES = {"402": 26.2, "602": 26.0, "603": 32.5, "609": 32.8}
USUAL_RATE = 30.0
# Beside what it does, each face is lost in as many frames more: of the real corpus about 88 % are usable.
LOST_SHARE = 0.085

# Which sessions these are is made up; that there are such ones is not. `LONG` is of dev.
RARELY_TRACKED = "600"  # a frame in a hundred, three at least
LONG = "605"  # as much longer than the longest otherwise: an hour, where others have a quarter of one
LONGER_BY = 4.0
WITHOUT_FACE = "310"  # has features that are all 0 in every tenth frame although the face was tracked
# Rows that CNN_ResNet has more, or less, than the tracker's file.
MORE_ROWS = {"308": 3, "309": -2}

# Sessions with known or made-up defects come first, so that a small corpus has them too.
_FIRST = {
    "wizard": ("319", "373", "402", "409", "444"),  # the made-up ones are 300 to 311
    "autonomous": ("602", "603", "609", "657", "600", "605", "606"),
}
_RANGES = {
    "wizard": [n for n in range(300, 493) if n not in ABSENT],
    # 86 of 119 numbers; which there are is made up.
    "autonomous": [n for n in range(600, 719) if n - 600 not in {1 + k * 119 // 33 for k in range(33)}],
}


def _numbers() -> tuple[str, ...]:
    """A session for each place, one by one from those that are led alike."""
    left = {kind: iter(dict.fromkeys((*_FIRST[kind], *map(str, numbers)))) for kind, numbers in _RANGES.items()}
    return tuple(next(left[kind]) for _, kind in _PLACES)


NUMBERS = _numbers()


class EDaicSimulation(InterviewSimulation):
    """`transcript` is what was said, `features` what a network saw of the face."""

    corpus, numbers, splits = "E-DAIC", NUMBERS, tuple(split for split, _ in _PLACES)
    slowest_fps = 1.2  # 602 has 26/30 of it
    purposes = (*InterviewSimulation.purposes, "features", "ptsd")

    def rate(self, i: int) -> float:
        """Frames a second of session i: `options.fps` stands for USUAL_RATE."""
        return self.options.fps * RATES.get(self.name(i), USUAL_RATE) / USUAL_RATE

    def interview_seconds(self, i: int) -> float:
        """How long the interview of session i is."""
        return LONGER_BY * self.options.seconds[1] if self.name(i) == LONG else super().interview_seconds(i)

    def subject(self, i: int) -> Subject:
        """The person of session i."""
        subject = super().subject(i)
        return dataclasses.replace(subject, failed_share=subject.failed_share + LOST_SHARE)

    def track(self, i: int) -> Track:
        """What the tracker writes about the recording."""
        track = super().track(i)
        if self.name(i) != RARELY_TRACKED:
            return track
        tracked = np.flatnonzero(track.success)
        kept = tracked[np.linspace(0, len(tracked) - 1, max(3, len(track.time) // 100)).round().astype(int)]
        return Track(**emptied(track, ~np.isin(np.arange(len(track.time)), kept)))

    def features(self, i: int) -> np.ndarray:
        """(N, 2048) float32: a row a frame, 0 where no face was tracked; N is not always the number of frames."""
        track, behaviour = self.track(i), self.behaviour(i)
        aus = np.where(self.interrupted(i, track.time)[:, None], 5.0, behaviour.aus)
        behaviour, subject = dataclasses.replace(behaviour, aus=aus), self.subject(i)
        features = deep_features(behaviour, subject, self.rate(i), self._generator(i, "features"))
        features[~track.success] = 0
        if self.name(i) == WITHOUT_FACE:
            features[np.flatnonzero(track.success)[::10]] = 0
        more = MORE_ROWS.get(self.name(i), 0)
        return features[:more] if more < 0 else np.concatenate([features, np.repeat(features[-1:], more, axis=0)])

    def transcript(self, i: int) -> list[Line]:
        """What was said, in the order of the rows.

        In odd sessions the first two rows and the last two have changed places, so that neither end of the interview is
        where the first or the last row says.
        """
        timing = self.timing(i)
        lines = [
            dataclasses.replace(line, start=round(line.start, 1), stop=round(line.stop, 1))
            for line in self.turns(i, timing.begin, timing.end)
        ]
        if runs_back(self.name(i)):
            lines[:2] = lines[1::-1]
            if len(lines) > 3:
                lines[-2:] = lines[:-3:-1]
        return lines

    def speech_span(self, i: int) -> tuple[float, float]:
        """First and last word of the interview, in seconds of the recording."""
        lines = self.transcript(i)
        return min(line.start for line in lines), max(line.stop for line in lines)

    def ptsd(self, i: int) -> tuple[int, int]:
        """Whether somebody is positive on the PCL-C, and its score, 17 to 85, which goes with the severity."""
        score = round(20 + 1.8 * int(self.severity[i]) + 7 * self._generator(i, "ptsd").standard_normal())
        score = min(max(score, 17), 85)
        return int(score >= 44), score


def runs_back(number: str) -> bool:
    """Whether the times of this session's transcript run back."""
    return int(number) % 2 == 1
