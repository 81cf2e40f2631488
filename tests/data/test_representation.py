"""What the cues mean in a window, on a made-up head that turns and travels."""

import dataclasses

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from tests.data.made import cut, face


def test_head_motion_leaves_the_landmarks_and_expressions_stay():
    one, _, local = face()
    found = cut(one, seconds=20)[0]["landmarks"]
    # In units of the distance between the eyes' centres, 60 mm, around the resting face.
    np.testing.assert_allclose(found, (local - np.median(local, axis=0)) / 60, atol=1e-4)
    assert np.abs(np.delete(found, 48, axis=1)).max() < 1e-4
    assert found[:, 48, 1].std() > 0.01


def test_eyes_straight_ahead_in_a_turning_head_do_not_move():
    found = cut(face()[0], seconds=20)[0]["gaze"]
    np.testing.assert_allclose(found, np.tile([0, 0, -1.0], (40, 2, 1)), atol=1e-6)


@pytest.mark.parametrize(
    ("to", "axis", "sign"), [((0, 0.3, -1), 1, 1), ((0, -0.3, -1), 1, -1), ((0.3, 0, -1), 0, 1), ((-0.3, 0, -1), 0, -1)]
)
def test_signs_of_gaze_relative_to_the_head(to, axis, sign):
    """y grows downwards and x to the right of the image, as in OpenFace's camera frame, also in a turned head."""
    one, *_ = face()
    for turn in ([0, 0, 0], [0.3, -0.4, 0.2]):
        matrix = Rotation.from_euler("XYZ", turn).as_matrix()
        gaze = np.tile(matrix @ (np.array(to) / np.linalg.norm(to)), (40, 2, 1))
        pose = np.stack([np.zeros((40, 3)), np.tile(turn, (40, 1))], axis=1)
        turned = dataclasses.replace(one, cues=dict(one.cues) | {"gaze": gaze, "pose": pose})
        found = cut(turned, seconds=20)[0]["gaze"]
        np.testing.assert_allclose(found[:, :, axis], sign * 0.3 / np.hypot(0.3, 1), atol=1e-6)


def test_pose_is_centred_on_the_session_and_aus_keep_their_absolute_scale():
    one, *_ = face()
    found = cut(one, seconds=20)[0]
    np.testing.assert_allclose(found["pose"], one.cues["pose"] - np.median(one.cues["pose"], axis=0), atol=1e-4)
    np.testing.assert_allclose(found["aus"], one.cues["aus"] / 5, rtol=1e-6)


def test_the_resting_face_is_that_of_the_valid_frames_of_the_window():
    one, *_ = face(expression=False)
    cues = {name: np.array(x) for name, x in one.cues.items()}
    # Tracking fails after a last odd frame and writes zeros; behind the window the face is another one.
    cues["landmarks"][5, 48] += 60
    cues["landmarks"][20:, 48] += 100
    failed = (np.arange(40) > 5) & (np.arange(40) < 20)
    for x in cues.values():
        x[failed] = 0
    one = dataclasses.replace(one, cues=cues, success=~failed, speech_span=np.array([0, 15.0]))
    found, mask, _ = cut(one, seconds=8)
    assert mask.tolist() == [True] * 6 + [False] * 10
    np.testing.assert_allclose(found["landmarks"][:5], 0, atol=1e-4)
    assert np.linalg.norm(found["landmarks"][5, 48]) == pytest.approx(np.sqrt(3), rel=1e-4)  # (60, 60, 60) mm / 60 mm


def test_min_max_scales_by_the_extremes_of_the_session():
    one, *_ = face()
    found = cut(one, seconds=20, representation="min_max")[0]
    landmarks = one.cues["landmarks"].astype(float)
    low, high = landmarks.min(axis=(0, 1)), landmarks.max(axis=(0, 1))
    np.testing.assert_allclose(found["landmarks"], (landmarks - low) / (high - low), atol=1e-6)
    translation, rotation = one.cues["pose"][:, 0].astype(float), one.cues["pose"][:, 1]
    low, high = translation.min(), translation.max()
    np.testing.assert_allclose(found["pose"][:, 0], (translation - low) / (high - low), atol=1e-6)
    np.testing.assert_array_equal(found["pose"][:, 1], rotation)
    np.testing.assert_array_equal(found["gaze"], one.cues["gaze"])
    aus = one.cues["aus"].astype(float)
    np.testing.assert_allclose(found["aus"], (aus - aus.min()) / (aus.max() - aus.min()), atol=1e-6)


def test_a_flat_cue_divides_by_nothing():
    one, *_ = face()
    flat = dataclasses.replace(one, cues={name: np.full_like(x, 0.25) for name, x in one.cues.items()})
    for representation in ("relative", "min_max"):
        found = cut(flat, seconds=20, representation=representation)[0]
        assert all(np.isfinite(x).all() for x in found.values())
