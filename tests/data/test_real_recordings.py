"""What the cues mean, on the output of the real tool on real people."""

import dataclasses

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from data_builders.openface.session import read_session
from mccl_jax.cues import BONY_POINTS
from mccl_jax.data.windows import WindowOptions, cut_windows

FILES = (
    "openface/exploface_video2",
    "openface/opendbm_subj01_timepoint01",
    "openface/opendbm_subj01_timepoint02",
    "openface/opendbm_subj02_timepoint01",
    "openface/openfacer_lara",
    "openface/openfacer_teddy",
    "openface/pyfeat_OpenFace_Test",
    "react/facialfeatures_PP102_g3",
    "react/facialfeatures_PP128_g2",
    "react/facialfeatures_PP166_g1",
)


def with_rotation(session, change):
    """The session as it would be read if its pose were another: `change` makes it from (F, 2, 3)."""
    return dataclasses.replace(session, cues=dict(session.cues) | {"pose": change(session.cues["pose"].copy())})


def transposed(pose):
    pose[:, 1] = Rotation.from_euler("XYZ", pose[:, 1]).inv().as_euler("XYZ")
    return pose


@pytest.mark.parametrize("name", FILES)
def test_alignment_removes_rigid_head_motion(shared, name):
    session = read_session(shared / "real" / f"{name}.csv.gz")
    variants = {
        "aligned": session,
        "raw": with_rotation(session, np.zeros_like),
        "transposed": with_rotation(session, transposed),
    }
    landmarks, gaze = {}, {}
    for variant, one in variants.items():
        windows, left_out = cut_windows([one], WindowOptions(rate=10, seconds=200))
        assert not left_out
        valid = {cue: x[windows.mask] for cue, x in windows.cues.items()}
        landmarks[variant] = valid["landmarks"][:, list(BONY_POINTS)].std(axis=0).max()
        gaze[variant] = np.linalg.norm(valid["gaze"].mean(axis=1).std(axis=0))
        if variant == "aligned":
            # People look ahead of their face most of the time.
            assert valid["gaze"][..., 2].mean() < -0.8
    assert landmarks["aligned"] < landmarks["raw"] / 3
    assert landmarks["aligned"] < landmarks["transposed"]
    assert gaze["aligned"] < gaze["transposed"]
