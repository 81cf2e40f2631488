"""A hand-made face of 68 points, how faces differ, and how each action unit moves one.

Head coordinates in mm, as OpenFace's: x to the right of the image, y down, z away from the camera, so that the tip of
the nose has the smallest z. The face is symmetric: tables give the half at the left of the image and the midline; the
other half is its mirror image. The shapes are plausible, not measured.
"""

import numpy as np

from mccl_jax.cues import OPENFACE_AUS

# Each point's mirror image in the 68-point scheme.
_MIRROR = np.array([
    *range(16, -1, -1), *range(26, 16, -1), *range(27, 31), *range(35, 30, -1),  # jaw, brows, nose
    45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40,  # eyes
    54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55, 64, 63, 62, 61, 60, 67, 66, 65,  # mouth
])  # fmt: skip
_REFLECTION = np.array([-1.0, 1.0, 1.0])

_HALF_FACE = {
    0: (-73, -42, 42), 1: (-72, -20, 44), 2: (-70, 2, 46), 3: (-67, 24, 47), 4: (-60, 45, 45),
    5: (-47, 62, 36), 6: (-32, 74, 24), 7: (-16, 80, 13), 8: (0, 82, 9),
    17: (-59, -54, 14), 18: (-51, -61, 8), 19: (-39, -64, 2), 20: (-27, -63, -3), 21: (-15, -59, -6),
    27: (0, -42, -5), 28: (0, -30, -13), 29: (0, -18, -22), 30: (0, -7, -29),
    31: (-12, 3, -11), 32: (-6, 6, -15), 33: (0, 8, -17),
    36: (-45, -39, 8), 37: (-37, -44, 4), 38: (-27, -44, 3), 39: (-19, -39, 4), 40: (-27, -35, 3), 41: (-36, -35, 4),
    48: (-25, 32, 2), 49: (-16, 27, -7), 50: (-6, 24, -13), 51: (0, 25, -14),
    57: (0, 41, -13), 58: (-7, 40, -12), 59: (-16, 38, -7),
    60: (-22, 32, 0), 61: (-7, 30, -11), 62: (0, 30, -12), 66: (0, 33, -11), 67: (-7, 33, -10),
}  # fmt: skip

# mm for each unit of intensity (0..5).
_HALF_MOVEMENTS = {
    "AU01": {19: (0, -0.7, 0), 20: (0, -1.6, 0), 21: (0, -2.2, 0)},
    "AU02": {17: (0, -1.8, 0), 18: (0, -2.0, 0), 19: (0, -1.3, 0)},
    "AU04": {17: (0, 0.4, 0), 18: (0.2, 0.7, 0), 19: (0.5, 1.1, 0), 20: (0.8, 1.4, 0), 21: (0.9, 1.4, 0)},
    "AU05": {37: (0, -0.5, 0), 38: (0, -0.5, 0)},
    "AU06": {37: (0, 0.2, 0), 40: (0, -0.7, 0), 41: (0, -0.7, 0), 48: (0, -0.2, 0)},
    "AU07": {37: (0, 0.4, 0), 38: (0, 0.4, 0), 40: (0, -0.4, 0), 41: (0, -0.4, 0)},
    "AU09": {21: (0.2, 0.4, 0), 31: (0, -0.8, 0), 32: (0, -0.8, 0), 33: (0, -0.5, 0), 50: (0, -0.5, 0)},
    "AU10": {49: (0, -0.6, 0), 50: (0, -1.0, 0), 51: (0, -0.8, 0), 61: (0, -0.9, 0), 62: (0, -0.8, 0)},
    "AU12": {
        48: (-1.7, -1.5, 0.8), 60: (-1.5, -1.3, 0.6), 49: (-1.0, -0.8, 0.4), 59: (-0.9, -0.7, 0.4),
        58: (-0.3, -0.2, 0), 61: (-0.4, -0.3, 0), 67: (-0.4, -0.2, 0), 4: (-0.3, -0.1, 0),
    },
    "AU14": {48: (-0.9, 0, 0.6), 60: (-0.8, 0, 0.5)},
    "AU15": {48: (-0.2, 1.3, 0), 60: (-0.2, 1.1, 0), 49: (0, 0.5, 0), 59: (0, 0.6, 0)},
    "AU17": {
        6: (0, -0.5, 0), 7: (0, -1.0, 0), 8: (0, -1.1, 0), 57: (0, -1.0, -0.3), 58: (0, -0.9, -0.3), 59: (0, -0.5, 0),
        66: (0, -0.5, 0), 67: (0, -0.4, 0),
    },
    "AU20": {48: (-1.6, 0.2, 0.6), 60: (-1.4, 0.2, 0.5), 49: (-0.8, 0, 0.2), 59: (-0.8, 0.1, 0.2)},
    "AU23": {48: (0.6, 0, 0), 60: (0.5, 0, 0), 50: (0, 0.3, 0), 51: (0, 0.3, 0), 57: (0, -0.4, 0), 58: (0, -0.4, 0)},
    "AU25": {
        50: (0, -0.2, 0), 51: (0, -0.2, 0), 61: (0, -0.3, 0), 62: (0, -0.3, 0),
        57: (0, 1.2, 0), 58: (0, 1.1, 0), 59: (0, 0.7, 0), 66: (0, 1.5, 0), 67: (0, 1.3, 0),
    },
    "AU26": {
        4: (0, 0.8, 0), 5: (0, 1.6, 0), 6: (0, 2.2, 0.3), 7: (0, 2.6, 0.5), 8: (0, 2.7, 0.5), 48: (0.2, 0.6, 0),
        57: (0, 2.2, 0), 58: (0, 2.0, 0), 59: (0, 1.4, 0), 60: (0.2, 0.6, 0), 66: (0, 2.1, 0), 67: (0, 1.8, 0),
    },
    "AU45": {37: (0, 1.6, 0), 38: (0, 1.6, 0), 40: (0, -0.4, 0), 41: (0, -0.4, 0)},
}  # fmt: skip

# One standard deviation, in mm, of each way in which faces differ from each other.
_HALF_DIFFERENCES = (
    {point: (-3.0, 0, 0) for point in range(2, 7)},  # width of the jaw
    {5: (0, 1.5, 0), 6: (0, 2.5, 0), 7: (0, 3.0, 0), 8: (0, 3.0, 0)},  # length of the chin
    {point: (0, -2.0, 0) for point in range(17, 22)},  # height of the brows
    {
        29: (0, 0.8, -0.5),
        30: (0, 1.5, -1.5),
        31: (0, 1.5, 0),
        32: (0, 1.5, 0),
        33: (0, 1.5, -0.5),
    },  # length of the nose
    {48: (-1.8, 0, 0.4), 49: (-1.0, 0, 0), 59: (-1.0, 0, 0), 60: (-1.6, 0, 0.3)},  # width of the mouth
    {50: (0, -0.6, 0), 51: (0, -0.6, 0), 57: (0, 0.9, 0), 58: (0, 0.9, 0), 59: (0, 0.5, 0)},  # fullness of the lips
    {37: (0, -0.7, 0), 38: (0, -0.7, 0), 40: (0, 0.4, 0), 41: (0, 0.4, 0)},  # opening of the eyes
    {36: (-1.2, 0, 0.5), 39: (-1.0, 0, 0), 37: (-1.1, 0, 0), 38: (-1.1, 0, 0), 40: (-1.1, 0, 0), 41: (-1.1, 0, 0)},
)


def _whole(half: dict[int, tuple[float, float, float]]) -> np.ndarray:
    face = np.zeros((68, 3))
    for point, xyz in half.items():
        face[point] = xyz
        face[_MIRROR[point]] = xyz * _REFLECTION
    return face


TEMPLATE = _whole(_HALF_FACE)  # (68, 3) mm
MOVEMENTS = np.stack([_whole(_HALF_MOVEMENTS[au]) for au in OPENFACE_AUS])  # (17, 68, 3) mm a unit of intensity
DIFFERENCES = np.stack([_whole(half) for half in _HALF_DIFFERENCES])  # (8, 68, 3) mm a standard deviation


def draw_face(rng: np.random.Generator) -> np.ndarray:
    """(68, 3) mm: somebody's neutral face, its proportions, its features and its slight asymmetry."""
    scale = np.exp(0.04 * rng.standard_normal(3))
    features = np.tensordot(rng.standard_normal(len(DIFFERENCES)), DIFFERENCES, axes=1)
    return scale * (TEMPLATE + features) + 0.5 * rng.standard_normal(TEMPLATE.shape)
