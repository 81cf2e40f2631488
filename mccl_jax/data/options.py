"""How sessions are cut into windows: ours, and the official preparation's with its mistakes."""

import dataclasses

from mccl_jax.errors import UserError

SAMPLINGS = ("nearest", "mean")
BY_QUESTION = "question"
QUESTIONS = 12  # of the longest interview that is cut by questions, CMDC's
REPRESENTATIONS = ("relative", "min_max")


@dataclasses.dataclass(frozen=True)
class OfficialOptions:
    """Which mistakes of the official preparation are made; D1 to D4 are their names in this project's notes.

    raw_translation_zero_rotation   D1: translation in mm, as the tool wrote it, and rotation 0. Off: translation
                                    scaled, rotation in rad.
    landmarks_uncut_in_train        D2: in train landmarks begin with the recording, not with the interview, and lag
                                    behind the other cues. Off: all cues are cut alike.
    train_hop_50                    D3: in train a window begins 50 s after the one before, so that neighbours share
                                    10 s. Off: 60 s, as in dev and test.
    fill_with_one_value             D4: zeroed frames count as measured, and cells that are no number get one value a
                                    file (see `readers.clnf.official_fill`), or make the whole array NaN. Off: the rule
                                    of `windows`: scaled by usable frames, gaps up to a second bridged, longer ones
                                    masked.
    """

    raw_translation_zero_rotation: bool = False
    landmarks_uncut_in_train: bool = False
    train_hop_50: bool = False
    fill_with_one_value: bool = False


@dataclasses.dataclass(frozen=True)
class WindowOptions:
    """How a session is cut. Times in seconds, rate in Hz.

    sampling "nearest" takes the usable frame nearest to each point of the grid, "mean" the mean of the usable frames
    within half a step of it. A point that has none is interpolated between its usable neighbours where these lie at
    most `max_gap` apart, and masked otherwise. Nothing is taken across the end of an answer.

    segments: into how many stretches of equal length the valid part is cut; or "question": each answer is a segment.
    Then question q has the q-th twelfth of the window, which holds the answer's beginning, as far as it reaches; the
    rest of it, and the whole of it where the answer is absent, is masked.

    official_windows: the windows of the official preparation instead (`mccl_jax.data.official`), 1260 frames from a
    DAIC-WOZ record with all frames; `official` switches its mistakes on.
    """

    rate: float = 3.0
    seconds: float = 420.0
    segments: int | str = 3
    sampling: str = "nearest"
    max_gap: float = 1.0
    representation: str = "relative"
    official_windows: bool = False
    official: OfficialOptions = OfficialOptions()

    def __post_init__(self):
        if self.sampling not in SAMPLINGS:
            raise UserError(f"windows.sampling: {self.sampling!r} is not one of {', '.join(SAMPLINGS)}")
        if self.representation not in REPRESENTATIONS:
            raise UserError(f"windows.representation: {self.representation!r}: choose {' or '.join(REPRESENTATIONS)}")
        if self.rate <= 0 or self.seconds <= 0 or self.max_gap < 0:
            raise UserError("windows: rate and seconds must be positive, max_gap must not be negative")
        if isinstance(self.segments, str) and self.segments != BY_QUESTION:
            raise UserError(f"windows.segments is {self.segments!r}: expected a number, or {BY_QUESTION}")
        if self.official_windows and (self.frames != 1260 or isinstance(self.segments, str)):
            raise UserError(
                f"windows.official_windows: {self.seconds:g} s at {self.rate:g} Hz in segments {self.segments!r}; "
                "expected 420 s at 3 Hz, the official size, and a number of segments"
            )
        mistakes = [name for name, on in dataclasses.asdict(self.official).items() if on]
        if mistakes and not self.official_windows:
            raise UserError(f"windows.official.{mistakes[0]} is of official windows: set windows.official_windows too")
        if not 1 <= self.num_segments <= self.frames:
            raise UserError(f"windows: {self.frames} frames cannot be cut into {self.num_segments} segments")

    @property
    def frames(self) -> int:
        """T, the number of grid points of a window."""
        return round(self.rate * self.seconds)

    @property
    def num_segments(self) -> int:
        """S, the number of segments of a window."""
        return QUESTIONS if isinstance(self.segments, str) else self.segments
