"""What may be asked of the simulator: size, length, strength of each effect, confounds."""

import dataclasses
import math

from mccl_jax.errors import UserError


@dataclasses.dataclass(frozen=True)
class Effects:
    """Strength of each effect of severity at `signal=1`; 0 switches the effect off. README.md says what each acts on.

    The first five are correlations between severity and a session latent. The last two are couplings between two
    latents of different cues: their correlation falls evenly, from `strength` in the least severe to `-strength` in
    the most severe, while each of the two alone is the same at every severity.
    """

    smile_rate: float = -0.5
    smile_amplitude: float = -0.45
    head_motion: float = -0.5
    gaze_down: float = 0.55
    speech_trend: float = -0.45
    tension_sway: float = 0.8
    speech_wander: float = 0.8

    @classmethod
    def only(cls, *names: str) -> "Effects":
        """The effects `names` at their default strength, all others off."""
        return cls(**{f.name: f.default if f.name in names else 0.0 for f in dataclasses.fields(cls)})


@dataclasses.dataclass(frozen=True)
class Confounds:
    """Correlation of severity with what has nothing to do with the face; `signal` does not touch them."""

    duration: float = 0.0
    gender: float = 0.0
    distance: float = 0.0


@dataclasses.dataclass(frozen=True)
class Options:
    """A simulated corpus: equal options give equal corpora.

    subjects    number of subjects, one session each.
    seconds     shortest and longest session; lengths are uniform between the two.
    fps         frames a second.
    signal      scales every effect: 1 as `effects` says, 0 none.
    splits      shares of train, dev and test; None writes no `split` column.
    """

    subjects: int = 80
    seconds: tuple[float, float] = (60.0, 150.0)
    fps: float = 10.0
    signal: float = 1.0
    effects: Effects = Effects()
    confounds: Confounds = Confounds()
    splits: tuple[float, float, float] | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        """Raises UserError where an option cannot be met."""
        shortest, longest = self.seconds
        require(self.subjects >= 1, "subjects", self.subjects, "at least 1")
        require(0 < self.fps < 1000, "fps", self.fps, "above 0 and below 1000 (timestamps have 3 decimals)")
        require(1 / self.fps <= shortest <= longest < math.inf, "seconds", self.seconds, "(shortest, longest)")
        require(self.seed >= 0, "seed", self.seed, "0 or more")
        for name, effect in dataclasses.asdict(self.effects).items():
            strength = self.signal * effect
            require(abs(strength) < 1, f"signal x effects.{name}", strength, "within (-1, 1)")
        for name, strength in dataclasses.asdict(self.confounds).items():
            require(abs(strength) < 1, f"confounds.{name}", strength, "within (-1, 1)")
        if self.splits is not None:
            fair = len(self.splits) == 3 and min(self.splits) >= 0 and math.isclose(sum(self.splits), 1)
            require(fair, "splits", self.splits, "three shares (train, dev, test) that sum to 1")


def require(holds: bool, name: str, found: object, expected: str) -> None:
    """Raises UserError about the option `name` unless it `holds`."""
    if not holds:
        raise UserError(f"simulator: {name} is {found}; expected {expected}: change it in the config")
