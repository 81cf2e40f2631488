"""What a person does during a session: action units, head and eyes, driven by the session latents."""

import dataclasses
import math

import numpy as np

from data_builders.simulator.processes import bouts, events, ornstein_uhlenbeck, renewals
from data_builders.simulator.subjects import Subject
from mccl_jax.cues import OPENFACE_AUS

# How far one unit (one standard deviation over sessions) of a latent goes. Log factors, except where a unit is named.
PER_UNIT = {
    "smile_rate": 0.45,
    "smile_amplitude": 0.35,
    "head_motion": 0.4,
    "gaze_down": 0.07,  # rad
    "speech_trend": 0.7,  # log factor at the last frame; its inverse at the first
    "tension": 0.5,
    "sway": 0.5,
    "speech": 0.35,
    "wander": 0.45,
}
SMILES_A_MINUTE = 6.0
INCIDENTAL = ("AU01", "AU02", "AU05", "AU09", "AU10", "AU14", "AU15", "AU20", "AU23")


@dataclasses.dataclass(frozen=True)
class Behaviour:
    """F frames.

    aus             (F, 17) intensities 0..5.
    rotation        (F, 3) rad, pitch, yaw and roll of the head.
    translation     (F, 3) mm, camera frame.
    eyes            (F, 2) rad, yaw (positive to the right of the image) and pitch (positive down) in the head.
    """

    aus: np.ndarray
    rotation: np.ndarray
    translation: np.ndarray
    eyes: np.ndarray


def behave(latents: dict[str, float], subject: Subject, frames: int, fps: float, rng: np.random.Generator) -> Behaviour:
    """`latents`: the nine of latents.LATENTS by name, each standard normal over the corpus."""
    # Each part has a generator of its own, so that a stronger latent in one leaves the draws of the others alone.
    face_rng, head_rng, eyes_rng = rng.spawn(3)
    return Behaviour(
        _action_units(latents, subject, frames, fps, face_rng),
        *_head(latents, subject, frames, fps, head_rng),
        _eyes(latents, subject, frames, fps, eyes_rng),
    )


def _action_units(latents, subject, frames, fps, rng) -> np.ndarray:
    aus = dict(zip(OPENFACE_AUS, np.tile(subject.resting_aus[:, None], frames), strict=True))
    smile_rng, tension_rng, speech_rng, other_rng = rng.spawn(4)

    rate = SMILES_A_MINUTE / 60 * _factor(latents, "smile_rate")
    smile = _random_events(smile_rng, rate, 2.0 * _factor(latents, "smile_amplitude"), frames, fps, hold=1.2)
    aus["AU12"] += smile
    aus["AU06"] += subject.cheeks * smile
    for au in ("AU10", "AU14", "AU25"):
        aus[au] += 0.15 * smile

    tension = 0.7 * _factor(latents, "tension")
    tension *= np.exp(0.5 * ornstein_uhlenbeck(tension_rng, frames, fps, 2.0, 1)[:, 0] - 0.125)
    aus["AU04"] += tension
    aus["AU17"] += 0.8 * tension
    aus["AU07"] += 0.3 * tension

    lips, jaw = _speech(latents, frames, fps, speech_rng)
    aus["AU25"] += 1.1 * lips
    aus["AU26"] += 0.9 * jaw
    aus["AU20"] += 0.15 * lips

    aus["AU45"] += _random_events(other_rng, subject.blinks / 60, 2.0, frames, fps, rise=0.1, hold=0.05, fall=0.15)
    for au, factor in zip(OPENFACE_AUS, subject.au_rates, strict=True):
        if au in INCIDENTAL:
            aus[au] += _random_events(other_rng, factor * 2 / 60, 0.9, frames, fps)
    return np.clip(np.stack([aus[au] for au in OPENFACE_AUS], axis=1), 0, 5)


def _speech(latents, frames, fps, rng) -> tuple[np.ndarray, np.ndarray]:
    """Opening of the lips and of the jaw, each (F,) with mean about 0.6; the trend leaves the mean alone."""
    slope = PER_UNIT["speech_trend"] * latents["speech_trend"]
    trend = np.exp(slope * np.linspace(-1, 1, frames))
    level = 1.25 * _factor(latents, "speech") * trend / trend.mean()
    talking = bouts(rng, frames, fps, on=3.0, off=2.0)
    lips, jaw = np.abs(ornstein_uhlenbeck(rng, frames, fps, 0.12, 2)).T
    return level * talking * lips, level * talking * (0.5 * lips + 0.5 * jaw)


def _head(latents, subject, frames, fps, rng) -> tuple[np.ndarray, np.ndarray]:
    posture = ornstein_uhlenbeck(rng, frames, fps, 4.0, 3)
    nods = ornstein_uhlenbeck(rng, frames, fps, 0.6, 3)
    sway = ornstein_uhlenbeck(rng, frames, fps, 2.0, 3)
    turning = _factor(latents, "head_motion") * np.array([0.05, 0.06, 0.03])
    leaning = _factor(latents, "sway") * np.array([6.0, 5.0, 9.0])
    return subject.head + turning * (posture + nods) / math.sqrt(2), subject.place + leaning * sway


def _eyes(latents, subject, frames, fps, rng) -> np.ndarray:
    wandering = _factor(latents, "wander") * np.array([0.08, 0.05])
    mean = [subject.gaze_aside, 0.1 + PER_UNIT["gaze_down"] * latents["gaze_down"]]
    return mean + wandering * ornstein_uhlenbeck(rng, frames, fps, 0.5, 2)


def _factor(latents: dict[str, float], name: str) -> float:
    return math.exp(PER_UNIT[name] * latents[name])


def _random_events(rng, rate, height, frames, fps, rise=0.5, hold=0.8, fall=0.7) -> np.ndarray:
    """(F,) events at `rate` a second whose parts vary by about a quarter."""
    onsets = renewals(rng, rate, frames / fps)
    parts = np.array([rise, hold, fall, height])[:, None] * np.exp(0.25 * rng.standard_normal((4, len(onsets))))
    return events(frames, fps, onsets, *parts)
