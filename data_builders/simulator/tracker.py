"""What a face tracker would write about a behaviour: camera coordinates, noise, failures, decimals."""

import dataclasses
import math

import numpy as np
from scipy.spatial.transform import Rotation

from data_builders.simulator.behaviour import Behaviour
from data_builders.simulator.faces import DIFFERENCES, MOVEMENTS
from data_builders.simulator.processes import ornstein_uhlenbeck, renewals
from data_builders.simulator.subjects import Subject
from mccl_jax.cues import OPENFACE_AUS

# Action units whose presence (0 or 1) OpenFace also writes.
PRESENCE = (*OPENFACE_AUS[:-1], "AU28", OPENFACE_AUS[-1])

# Decimals in OpenFace's text.
DECIMALS = {
    "time": 3, "confidence": 2, "gaze": 6, "gaze_angle": 3, "translation": 1, "rotation": 3, "landmarks": 1, "aus": 2,
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Track:
    """F frames as the tool writes them, each number rounded to the decimals of its text (float64).

    time            (F,) s.
    confidence      (F,) 0..1.
    success         (F,) bool.
    gaze            (F, 2, 3) unit vectors, camera frame; the eye at the left of the image first.
    gaze_angle      (F, 2) rad, both eyes' mean: right and down are positive.
    translation     (F, 3) mm, camera frame.
    rotation        (F, 3) rad; R = Rx Ry Rz.
    landmarks       (F, 68, 3) mm, camera frame.
    aus             (F, 17) 0..5.
    presence        (F, 18) 0 or 1, in the order of PRESENCE.
    """

    time: np.ndarray
    confidence: np.ndarray
    success: np.ndarray
    gaze: np.ndarray
    gaze_angle: np.ndarray
    translation: np.ndarray
    rotation: np.ndarray
    landmarks: np.ndarray
    aus: np.ndarray
    presence: np.ndarray


def track(behaviour: Behaviour, subject: Subject, fps: float, rng: np.random.Generator) -> Track:
    """Follows a behaviour, (F, ...), through the camera of its session."""
    frames = len(behaviour.aus)
    noise_rng, failure_rng = rng.spawn(2)
    turned = Rotation.from_euler("XYZ", behaviour.rotation).as_matrix().swapaxes(1, 2)  # x @ turned is Rx Ry Rz x
    gaze = _lines_of_sight(behaviour.eyes, subject.vergence) @ turned
    x, y, z = gaze.mean(axis=1).T
    seen = {
        "gaze": gaze,
        "gaze_angle": np.stack([np.arctan2(x, -z), np.arctan2(y, -z)], axis=1),
        "translation": behaviour.translation,
        "rotation": behaviour.rotation,
        "landmarks": _face(behaviour.aus, subject, fps, noise_rng) @ turned + behaviour.translation[:, None],
    }
    errors = 0.1 * subject.noise * ornstein_uhlenbeck(noise_rng, frames, fps, 0.3, len(OPENFACE_AUS))
    aus = np.clip(behaviour.aus + errors, 0, 5)
    presence = _presence(aus, fps, noise_rng)

    success, stale = _failures(subject.failed_share, frames, fps, failure_rng)
    confident = np.maximum(0.98 - 0.02 * subject.noise * failure_rng.exponential(size=frames), 0.8)
    values = {
        "time": np.arange(frames) / fps,
        "confidence": np.where(success, confident, failure_rng.uniform(0.0, 0.6, frames)),
        "aus": np.where(success[:, None], aus, 0.0),
        **{name: _as_left_by_failures(value, success, stale) for name, value in seen.items()},
    }
    # + 0.0 turns -0.0 into 0.0.
    rounded = {name: np.round(value, DECIMALS[name]) + 0.0 for name, value in values.items()}
    return Track(**rounded, success=success, presence=np.where(success[:, None], presence, 0))


def _face(aus: np.ndarray, subject: Subject, fps: float, rng: np.random.Generator) -> np.ndarray:
    """(F, 68, 3) mm in head coordinates: neutral face, what muscles do to it, and the tracker's errors."""
    frames = len(aus)
    moved = np.tensordot(aus, subject.mobility * MOVEMENTS, axes=1)
    # A fit that drifts among the shapes that faces may have, and jitter of the single point, twice as large in depth.
    drift = np.tensordot(ornstein_uhlenbeck(rng, frames, fps, 5.0, len(DIFFERENCES)), DIFFERENCES, axes=1)
    jitter = ornstein_uhlenbeck(rng, frames, fps, 0.3, 68 * 3).reshape(frames, 68, 3)
    return subject.face + moved + subject.noise * (0.25 * drift + 0.2 * jitter * [1, 1, 2])


def _lines_of_sight(eyes: np.ndarray, vergence: float) -> np.ndarray:
    """(F, 2) yaw and pitch -> (F, 2, 3) unit vectors in head coordinates; at the camera is about (0, 0, -1)."""
    yaw = eyes[:, :1] + [vergence, -vergence]
    pitch = np.broadcast_to(eyes[:, 1:], yaw.shape)
    return np.stack([np.sin(yaw) * np.cos(pitch), np.sin(pitch), -np.cos(yaw) * np.cos(pitch)], axis=2)


def _presence(aus: np.ndarray, fps: float, rng: np.random.Generator) -> np.ndarray:
    """(F, 18) 0 or 1: intensity above about 1; AU28 (lips sucked in) now and then, by itself."""
    scores = np.column_stack([aus[:, :-1], np.full(len(aus), 0.2), aus[:, -1]])
    return (scores + 0.3 * ornstein_uhlenbeck(rng, len(aus), fps, 0.3, len(PRESENCE)) > 1).astype(np.int64)


def _failures(share: float, frames: int, fps: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """(F,) success, and (F,) whether a failed frame repeats the last good one or is zero. They come in bursts."""
    success, stale = np.ones(frames, bool), np.zeros(frames, bool)
    # Four bursts in five are short (0.4 s), one is long (3 s): 0.92 s in the mean. The logarithm allows for overlaps.
    rate = -math.log1p(-max(share, 1e-6)) / 0.92
    for onset in renewals(rng, rate, frames / fps, regularity=1.0):
        length = rng.exponential(0.4 if rng.random() < 0.8 else 3.0)
        burst = slice(math.ceil(onset * fps), math.ceil((onset + length) * fps))
        success[burst] = False
        stale[burst] = rng.random() < 0.5
    return success, stale


def _as_left_by_failures(values: np.ndarray, success: np.ndarray, stale: np.ndarray) -> np.ndarray:
    """Failed frames (F, ...) made stale or zero; before the first good frame there is nothing to repeat, so zero."""
    last_good = np.maximum.accumulate(np.where(success, np.arange(len(success)), -1))
    kept = (success | stale) & (last_good >= 0)
    return np.where(kept.reshape(-1, *[1] * (values.ndim - 1)), values[last_good], 0.0)
