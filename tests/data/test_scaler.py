"""The scaler: fitted on the valid frames of train alone, pooled by unit."""

import dataclasses

import numpy as np
import pytest

from mccl_jax.cues import DEEP
from mccl_jax.data.scaling import Scaler, SeverityScale
from mccl_jax.data.windows import WindowOptions, cut_windows
from mccl_jax.errors import UserError
from tests.data.made import face, session


def faces(N=4):
    sessions = [dataclasses.replace(face(seed=n)[0], session=f"s{n}") for n in range(N)]
    for n, one in enumerate(sessions):
        for x in one.cues.values():
            x *= 1 + n
        one.success[10 * n : 10 * n + 8] = False
    options = WindowOptions(rate=2, seconds=20, max_gap=0.0)
    return cut_windows(sessions, options)[0], options


def test_the_scaler_is_fitted_on_the_valid_frames_of_the_given_rows():
    windows, options = faces()
    rows = np.array([0, 2])
    expected = Scaler.fit(windows, rows, options)
    other = {name: x.copy() for name, x in windows.cues.items()}
    for x in other.values():
        x[[1, 3]] = 1e6
        x[~windows.mask] = -1e6
    found = Scaler.fit(dataclasses.replace(windows, cues=other), rows, options)
    for name in windows.cues:
        np.testing.assert_array_equal(found.centre[name], expected.centre[name])
        np.testing.assert_array_equal(found.scale[name], expected.scale[name])
    assert not np.allclose(Scaler.fit(windows, np.array([1, 3]), options).scale["pose"], expected.scale["pose"])


def test_scales_are_pooled_by_unit_and_gaze_alone_is_centred():
    windows, options = faces()
    rows = np.arange(4)
    scaler = Scaler.fit(windows, rows, options)
    for name, cue in windows.specification.items():
        assert scaler.centre[name].shape == scaler.scale[name].shape == cue.shape
    assert len(np.unique(scaler.scale["landmarks"])) == 1
    assert [len(np.unique(scaler.scale["pose"][point])) for point in (0, 1)] == [1, 1]
    np.testing.assert_array_equal(scaler.scale["aus"], 1)
    for name in ("landmarks", "pose", "aus"):
        np.testing.assert_array_equal(scaler.centre[name], 0)
    scaled = scaler(windows)
    valid = {name: x[windows.mask].astype(float) for name, x in scaled.cues.items()}
    assert np.sqrt((valid["landmarks"] ** 2).mean()) == pytest.approx(1, rel=1e-4)
    np.testing.assert_allclose(np.sqrt((valid["pose"] ** 2).mean(axis=(0, 2))), 1, rtol=1e-4)
    np.testing.assert_allclose(valid["gaze"].mean(axis=(0, 1)), 0, atol=1e-4)
    np.testing.assert_array_equal(valid["aus"], windows.cues["aus"][windows.mask])
    for name, x in scaled.cues.items():
        np.testing.assert_array_equal(x[~windows.mask], 0)
        assert x.dtype == np.float32, name


@pytest.mark.parametrize("representation", ["relative", "min_max"])
def test_cnn_features_are_centred_each_and_scaled_together(representation):
    rng = np.random.default_rng(0)
    level, spread = rng.uniform(0, 9, len(DEEP.points)), rng.uniform(0, 2, len(DEEP.points))
    sessions = [
        session(
            np.arange(30) / 2,
            {"deep": DEEP},
            {"deep": (level + spread * rng.normal(size=(30, len(DEEP.points))))[..., None]},
            success=np.arange(30) != 7,
            session=f"s{n}",
        )
        for n in range(3)
    ]
    options = WindowOptions(rate=2, seconds=20, max_gap=0.0, representation=representation)
    windows, _ = cut_windows(sessions, options)
    np.testing.assert_array_equal(windows.cues["deep"][1, :7], sessions[1].cues["deep"][:7])  # as they are
    windows.cues["deep"][2] = 1e6
    rows = np.array([True, True, False])
    scaler = Scaler.fit(windows, rows, options)
    assert len(np.unique(scaler.scale["deep"])) == 1
    scaled = scaler(windows).cues["deep"]
    valid = scaled[rows][windows.mask[rows]].astype(float)
    np.testing.assert_allclose(valid.mean(axis=0), 0, atol=1e-4)
    assert np.sqrt((valid**2).mean()) == pytest.approx(1, rel=1e-4)
    np.testing.assert_array_equal(scaled[~windows.mask], 0)


def test_what_is_scaled_by_its_extremes_is_not_scaled_again():
    windows, options = faces()
    scaled = Scaler.fit(windows, np.arange(4), dataclasses.replace(options, representation="min_max"))(windows)
    for name, x in windows.cues.items():
        np.testing.assert_array_equal(scaled.cues[name], x)


def test_severities_are_standardised_by_those_that_are_known():
    severity = np.array([2.0, np.nan, 4, 12])
    scale = SeverityScale.fit(severity)
    np.testing.assert_allclose(scale(severity), (severity - 6) / np.std([2, 4, 12]), rtol=1e-6)
    assert SeverityScale.fit(np.array([3.0, 3]))(np.array([3.0, 4])).tolist() == [0, 1]
    with pytest.raises(UserError, match="no session has a known target"):
        SeverityScale.fit(np.array([np.nan]))
