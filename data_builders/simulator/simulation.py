"""A simulated corpus in memory, session by session."""

import functools
from collections.abc import Iterator

import numpy as np

from data_builders.records import Session
from data_builders.simulator.behaviour import Behaviour, behave
from data_builders.simulator.latents import LATENTS, draw_confounded, draw_latents, draw_severity
from data_builders.simulator.options import Options
from data_builders.simulator.subjects import Subject, draw_subject
from data_builders.simulator.tracker import Track, track
from mccl_jax.cues import OPENFACE_CUES

GOLDEN_RATIO = (5**0.5 - 1) / 2


class Simulation:
    """`options.subjects` sessions, one a subject, each made when it is asked for.

    A session depends on the options and its own number alone: not on how many there are, nor on the order of asking.
    """

    # What has draws of its own; a subclass may add to it.
    purposes = ("severity", "latents", "confounded", "subject", "behaviour", "tracker")

    def __init__(self, options: Options):
        self.options = options

    def __len__(self) -> int:
        return self.options.subjects

    @functools.cached_property
    def severity(self) -> np.ndarray:
        """(N,) int, 0..24."""
        return np.array([draw_severity(self._generator(i, "severity")) for i in range(len(self))])

    @functools.cached_property
    def latents(self) -> np.ndarray:
        """(N, 9) what severity acts on, in the order of latents.LATENTS."""
        severity = self.severity[:, None]
        return np.concatenate(
            [draw_latents(severity[i], self.options, self._generator(i, "latents")) for i in range(len(self))]
        )

    def latent(self, name: str) -> np.ndarray:
        """(N,) one of latents.LATENTS."""
        return self.latents[:, LATENTS.index(name)]

    def name(self, i: int) -> str:
        """The subject of session i, the session, and the stem of its file."""
        return f"simulated_{i:04d}"

    def split(self, i: int) -> str:
        """train, dev or test, in shares that are right to within a session or two at any size; "" without splits."""
        if self.options.splits is None:
            return ""
        train, dev, _ = self.options.splits
        place = (0.5 + i * GOLDEN_RATIO) % 1
        return "train" if place < train else "dev" if place < train + dev else "test"

    def subject(self, i: int) -> Subject:
        """The person of session i."""
        confounded = draw_confounded(int(self.severity[i]), self.options, self._generator(i, "confounded"))
        return draw_subject(confounded, self.options, self._generator(i, "subject"))

    def rate(self, i: int) -> float:
        """Frames a second of session i."""
        return self.options.fps

    def behaviour(self, i: int) -> Behaviour:
        """What the person of session i does, frame by frame."""
        subject, fps = self.subject(i), self.rate(i)
        latents = dict(zip(LATENTS, self.latents[i].tolist(), strict=True))
        return behave(latents, subject, max(1, round(subject.seconds * fps)), fps, self._generator(i, "behaviour"))

    def track(self, i: int) -> Track:
        """What the tracker writes about session i."""
        return track(self.behaviour(i), self.subject(i), self.rate(i), self._generator(i, "tracker"))

    def session(self, i: int) -> Session:
        """The record of session i, holding what a reader finds in its text."""
        written = self.track(i)
        cues = {
            "landmarks": written.landmarks,
            "gaze": written.gaze,
            "pose": np.stack([written.translation, written.rotation], axis=1),
            "aus": written.aus[:, :, None],
        }
        return Session(
            session=self.name(i),
            subject=self.name(i),
            cues={name: values.astype(np.float32) for name, values in cues.items()},
            specification=OPENFACE_CUES,
            time=written.time,
            confidence=written.confidence.astype(np.float32),
            success=written.success,
            question=np.zeros(len(written.time), np.int32),
            speech_span=np.full(2, np.nan),
            target=float(self.severity[i]),
            split=self.split(i),
            gender=self.subject(i).gender,
            provenance={"simulated": True},
        )

    def sessions(self) -> Iterator[Session]:
        """All of them, one at a time."""
        return map(self.session, range(len(self)))

    def _generator(self, i: int, purpose: str) -> np.random.Generator:
        """One for each session and purpose, so that what one draws leaves the draws of the others alone."""
        return np.random.default_rng([self.options.seed, i, self.purposes.index(purpose)])
