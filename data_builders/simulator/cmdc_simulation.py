"""The people and the interviews of a simulated CMDC: who is in which group, how severe, and what was answered."""

import dataclasses
import functools

import numpy as np

from data_builders.simulator.latents import deal, draw_severity
from data_builders.simulator.options import Options, require
from data_builders.simulator.simulation import Simulation
from data_builders.simulator.tracker import DECIMALS, Track

QUESTIONS = 12
PEOPLE = 78
# Scores that the latent model may draw, lowest and highest. They overlap, so that the group is no threshold on them.
SCORES = {"HC": (0, 9), "MDD": (8, 24)}

# Video is flagged for every other healthy person, and for all patients but these.
_HEALTHY_EXCHANGED = {23: False, 24: True}
_PATIENTS_WITHOUT_VIDEO = (3, 6, 9, 12, 15, 23, 25)
FLAGGED_BUT_ABSENT = "MDD11"
# Questions that these did not answer: no file of theirs exists.
MISSING_ANSWERS = {"MDD14": (11, 12), "MDD17": (9, 11), "HC24": (10,), "HC41": (9, 10, 11, 12)}

# The most that OpenFace takes off an action unit as an answer's neutral face.
LARGEST_OFFSET = 0.3
EMBEDDING = 768

PHQ_ITEMS = np.full(9, 3)  # highest score of each
HAMD_ITEMS = np.array([4, 4, 4, 2, 2, 2, 4, 4, 4, 4, 4, 2, 2, 2, 4, 2, 2])


def video_is_flagged(name: str) -> bool:
    """Whether SubjectInfo.xlsx says that this person has video."""
    number = int(name[-2:])
    if name.startswith("HC"):
        return _HEALTHY_EXCHANGED.get(number, number % 2 == 1)
    return number not in _PATIENTS_WITHOUT_VIDEO


def has_video(name: str) -> bool:
    """Whether OpenFace's output and the video embeddings of this person are there."""
    return video_is_flagged(name) and name != FLAGGED_BUT_ABSENT


def questions(name: str) -> list[int]:
    """Numbers of the questions that this person answered."""
    return [n for n in range(1, QUESTIONS + 1) if n not in MISSING_ANSWERS.get(name, ())]


class CmdcSimulation(Simulation):
    """Every third person is a patient (MDD), the others are healthy (HC); `severity` is drawn by group.

    `track` is the whole interview, `answers` what OpenFace would write about each answer.
    """

    purposes = (*Simulation.purposes, "phq", "hamd", "answers", "neutral", "embeddings")

    def __init__(self, options: Options):
        """Raises UserError for options that this corpus does not know."""
        require(options.splits is None, "splits", options.splits, "None: CMDC has folds, not splits")
        require(options.subjects <= PEOPLE, "subjects", options.subjects, f"at most {PEOPLE}, CMDC's number")
        shortest = options.seconds[0] * options.fps
        require(shortest >= QUESTIONS, "seconds x fps", shortest, f"at least {QUESTIONS}, a frame an answer")
        super().__init__(options)

    def name(self, i: int) -> str:
        """HC01, HC02, MDD01, HC03, HC04, MDD02, ...: the same person whatever their number is."""
        patients = (i + 1) // 3
        return f"MDD{patients:02d}" if i % 3 == 2 else f"HC{i + 1 - patients:02d}"

    def group(self, i: int) -> str:
        """HC or MDD."""
        return self.name(i)[:-2]

    @functools.cached_property
    def severity(self) -> np.ndarray:
        """(N,) int, 0..24, the scale of the latent model; `phq` has the corpus's own."""
        return np.array(
            [draw_severity(self._generator(i, "severity"), *SCORES[self.group(i)]) for i in range(len(self))]
        )

    def phq(self, i: int) -> np.ndarray:
        """(9,) int: the items of PHQ-9, 0..3 each, whose sum is the severity stretched to 0..27."""
        total = round(27 / 24 * int(self.severity[i]))
        return deal(total, PHQ_ITEMS, self._generator(i, "phq"))

    def hamd(self, i: int) -> np.ndarray:
        """(17,) int: the items of HAMD-17, 0..4 or 0..2 each, whose sum goes with the severity."""
        rng = self._generator(i, "hamd")
        total = round(1.2 * int(self.severity[i]) + 3 * rng.standard_normal())
        return deal(min(max(total, 0), int(HAMD_ITEMS.sum())), HAMD_ITEMS, rng)

    def offsets(self, i: int) -> np.ndarray:
        """(A, 17) what the neutral face of each answer takes off each action unit's intensity."""
        size = len(questions(self.name(i))), 17
        return np.round(self._generator(i, "neutral").uniform(0, LARGEST_OFFSET, size), DECIMALS["aus"])

    def answers(self, i: int) -> dict[int, Track]:
        """Question -> its answer: the interview, cut at random, with frames, time and neutral face of its own."""
        whole, numbers = self.track(i), questions(self.name(i))
        rng = self._generator(i, "answers")
        shares = rng.dirichlet(np.full(len(numbers), 3.0))
        lengths = 1 + rng.multinomial(len(whole.time) - len(numbers), shares)
        ends = np.cumsum(lengths)
        return {
            number: _answer(whole, slice(end - length, end), offset)
            for number, end, length, offset in zip(numbers, ends, lengths, self.offsets(i), strict=True)
        }

    def embeddings(self, i: int) -> dict[int, np.ndarray]:
        """Question -> (768,) float32 where the corpus has an embedding of the answer's video; here it is noise."""
        rng = self._generator(i, "embeddings")
        return {number: rng.standard_normal(EMBEDDING, np.float32) for number in questions(self.name(i))}


def _answer(whole: Track, frames: slice, offset: np.ndarray) -> Track:
    """These frames as a video of their own; `offset`: (17,)."""
    cut = {field.name: getattr(whole, field.name)[frames] for field in dataclasses.fields(Track)}
    cut["time"] = whole.time[: len(cut["time"])]
    cut["aus"] = np.round(np.clip(cut["aus"] - offset, 0, 5), DECIMALS["aus"])
    return Track(**cut)
