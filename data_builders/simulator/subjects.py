"""What makes subjects differ and has nothing to do with severity, unless a confound is switched on."""

import dataclasses

import numpy as np
from scipy.special import ndtr

from data_builders.simulator.faces import draw_face
from data_builders.simulator.options import Options
from mccl_jax.cues import OPENFACE_AUS


@dataclasses.dataclass(frozen=True)
class Subject:
    """A person and the room he or she sits in.

    face            (68, 3) mm, neutral.
    mobility        factor on how far action units move the face.
    resting_aus     (17,) intensities of the face at rest.
    au_rates        (17,) factor on the rate of incidental events of each action unit.
    blinks          blinks a minute.
    cheeks          AU06 as a share of AU12 in a smile.
    head            (3,) rad, mean rotation.
    place           (3,) mm, mean translation.
    gaze_aside      rad, mean of the eye-in-head yaw; positive is to the right of the image.
    vergence        rad, half the angle between the two eyes' lines.
    failed_share    expected share of frames at which the tracker fails.
    noise           factor on the tracker's noise.
    seconds         length of the session.
    gender          "female" or "male".
    """

    face: np.ndarray
    mobility: float
    resting_aus: np.ndarray
    au_rates: np.ndarray
    blinks: float
    cheeks: float
    head: np.ndarray
    place: np.ndarray
    gaze_aside: float
    vergence: float
    failed_share: float
    noise: float
    seconds: float
    gender: str


def draw_subject(confounded: dict[str, float], options: Options, rng: np.random.Generator) -> Subject:
    """`confounded`: standard normal duration, gender and distance of the session."""
    normal = rng.standard_normal
    shortest, longest = options.seconds
    resting = np.maximum(0, 0.25 * normal(len(OPENFACE_AUS)) + [0.5 if au == "AU07" else 0 for au in OPENFACE_AUS])
    quality = rng.beta(0.8, 14)
    return Subject(
        face=draw_face(rng),
        mobility=float(np.exp(0.1 * normal())),
        resting_aus=resting,
        au_rates=np.exp(0.4 * normal(len(OPENFACE_AUS))),
        blinks=float(15 * np.exp(0.3 * normal())),
        cheeks=float(rng.uniform(0.5, 0.8)),
        head=np.array([0.05, 0, 0]) + [0.1, 0.08, 0.04] * normal(3),
        place=np.array([0, 10, 600]) + [25, 20, 0] * normal(3) + [0, 0, 50 * np.clip(confounded["distance"], -3, 3)],
        gaze_aside=float(0.04 * normal()),
        vergence=float(0.06 + 0.01 * normal()),
        failed_share=min(float(quality), 0.5),
        noise=float(np.exp(0.2 * normal())) * (1 + float(quality)),
        seconds=shortest + (longest - shortest) * float(ndtr(confounded["duration"])),
        gender="female" if confounded["gender"] > 0 else "male",
    )
