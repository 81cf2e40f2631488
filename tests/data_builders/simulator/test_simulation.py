import dataclasses

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from data_builders.simulator.behaviour import Behaviour
from data_builders.simulator.faces import DIFFERENCES, MOVEMENTS, TEMPLATE
from data_builders.simulator.options import Confounds, Options
from data_builders.simulator.simulation import Simulation
from data_builders.simulator.tracker import track
from mccl_jax.cues import BONY_POINTS, OPENFACE_AUS, OPENFACE_CUES

SHORT = Options(subjects=6, seconds=(8.0, 12.0))


def same(a, b):
    return all(np.array_equal(getattr(a, f.name), getattr(b, f.name)) for f in dataclasses.fields(a))


def still(frames, eyes=(0.0, 0.0), rng=None):
    """A motionless face on a head that turns and moves at random, or not at all."""
    rotation = np.zeros((frames, 3)) if rng is None else rng.uniform(-0.5, 0.5, (frames, 3))
    translation = np.array([0.0, 0.0, 600.0]) + (0 if rng is None else rng.uniform(-50, 50, (frames, 3)))
    translation = np.broadcast_to(translation, (frames, 3))
    return Behaviour(np.zeros((frames, 17)), rotation, translation, np.tile(eyes, (frames, 1)))


@pytest.fixture(scope="module")
def perfectly_tracked():
    return dataclasses.replace(Simulation(SHORT).subject(0), noise=0.0, failed_share=0.0)


def test_a_session_is_the_same_in_any_corpus_and_in_any_order():
    few, many = Simulation(SHORT), Simulation(dataclasses.replace(SHORT, subjects=50))
    backwards = [many.track(i) for i in (5, 2, 0)]
    assert all(same(few.track(i), backward) for i, backward in zip((5, 2, 0), backwards, strict=True))
    assert np.array_equal(few.latents, many.latents[:6])
    assert np.array_equal(few.severity, many.severity[:6])


def test_subjects_and_seeds_differ():
    simulation, other = Simulation(SHORT), Simulation(dataclasses.replace(SHORT, seed=1))
    assert not np.array_equal(simulation.subject(0).face, simulation.subject(1).face)
    assert not np.array_equal(simulation.subject(0).face, other.subject(0).face)
    assert not np.array_equal(simulation.severity, other.severity)


def test_the_signal_changes_neither_severity_nor_face_nor_room():
    with_signal, without = Simulation(SHORT), Simulation(dataclasses.replace(SHORT, signal=0.0))
    assert np.array_equal(with_signal.severity, without.severity)
    assert all(same(with_signal.subject(i), without.subject(i)) for i in range(6))
    assert np.array_equal(with_signal.track(0).success, without.track(0).success)
    assert not np.array_equal(with_signal.track(0).aus, without.track(0).aus)


@pytest.mark.parametrize("fps", [7.5, 30.0])
def test_a_session_is_a_record_of_the_four_cues(fps):
    simulation = Simulation(dataclasses.replace(SHORT, fps=fps))
    for session in simulation.sessions():
        frames = len(session.time)
        assert session.specification == OPENFACE_CUES
        for name, cue in OPENFACE_CUES.items():
            assert session.cues[name].shape == (frames, *cue.shape)
            assert session.cues[name].dtype == np.float32
            assert np.isfinite(session.cues[name]).all()
        assert np.allclose(np.diff(session.time), 1 / fps, atol=1e-3)
        assert 7.9 < frames / fps < 12.1
        assert session.cues["aus"].min() >= 0
        assert session.cues["aus"].max() <= 5
        tracked = session.success
        assert np.allclose(np.linalg.norm(session.cues["gaze"][tracked], axis=2), 1, atol=1e-5)
        assert session.confidence[tracked].min() >= 0.8 > session.confidence[~tracked].max(initial=0)
        assert (session.cues["aus"][~tracked] == 0).all()
        assert session.target in range(25)
        assert session.provenance["simulated"]


def test_failed_frames_come_in_bursts_and_are_stale_or_zero():
    simulation = Simulation(Options(subjects=30, seconds=(60.0, 60.0)))
    share = np.empty(30)
    seen = set()
    for i in range(30):
        written = simulation.track(i)
        share[i] = 1 - written.success.mean()
        starts = np.flatnonzero(np.diff(written.success.astype(int)) == -1) + 1
        for start in starts:
            zero = (written.landmarks[start] == 0).all()
            assert zero or np.array_equal(written.landmarks[start], written.landmarks[start - 1])
            seen.add("zero" if zero else "stale")
            assert written.presence[start].sum() == 0
    assert seen == {"zero", "stale"}
    assert 0.01 < share.mean() < 0.12
    assert share.std() > 0.02


def test_removing_the_rigid_motion_gives_back_the_face(perfectly_tracked):
    written = track(still(200, rng=np.random.default_rng(0)), perfectly_tracked, 10.0, np.random.default_rng(1))
    rotations = Rotation.from_euler("XYZ", written.rotation).as_matrix()
    centred = written.landmarks - written.translation[:, None]
    # Rounded to 0.1 mm twice and to 0.001 rad at up to 120 mm from the centre.
    assert np.abs(np.einsum("fij,fvi->fvj", rotations, centred) - perfectly_tracked.face).max() < 0.25
    assert np.abs(np.einsum("fij,fvj->fvi", rotations, centred) - perfectly_tracked.face).max() > 10


def test_gaze_is_relative_to_the_turned_head(perfectly_tracked):
    written = track(still(50, (0.1, 0.3), np.random.default_rng(0)), perfectly_tracked, 10.0, np.random.default_rng(1))
    rotations = Rotation.from_euler("XYZ", written.rotation).as_matrix()
    in_head = np.einsum("fij,fvi->fvj", rotations, written.gaze)
    vergence = perfectly_tracked.vergence
    for eye, yaw in enumerate((0.1 + vergence, 0.1 - vergence)):
        expected = [np.sin(yaw) * np.cos(0.3), np.sin(0.3), -np.cos(yaw) * np.cos(0.3)]
        assert np.abs(in_head[:, eye] - expected).max() < 0.002


def test_axes_are_openfaces(perfectly_tracked):
    ahead = track(still(1), perfectly_tracked, 10.0, np.random.default_rng(0))
    assert np.allclose(ahead.gaze.mean(axis=1), [[0, 0, -1]], atol=0.01)
    assert np.abs(ahead.gaze_angle).max() == 0
    down_right = track(still(1, (0.2, 0.2)), perfectly_tracked, 10.0, np.random.default_rng(0))
    assert (down_right.gaze_angle > 0.15).all()
    nodding = dataclasses.replace(still(1), rotation=np.array([[0.3, 0.0, 0.0]]))
    assert track(nodding, perfectly_tracked, 10.0, np.random.default_rng(0)).gaze_angle[0, 1] > 0.25
    assert TEMPLATE[:, 2].argmin() == 30
    assert TEMPLATE[8, 1] > TEMPLATE[33, 1] > TEMPLATE[27, 1]
    assert 85 < TEMPLATE[45, 0] - TEMPLATE[36, 0] < 95


def test_faces_and_movements_are_symmetric():
    def points(shape, sign):
        return {tuple(point) for point in np.concatenate([TEMPLATE, shape], axis=1) * [sign, 1, 1, sign, 1, 1] + 0.0}

    assert all(points(shape, 1) == points(shape, -1) for shape in (TEMPLATE, *MOVEMENTS, *DIFFERENCES))


@pytest.mark.parametrize(
    ("au", "point", "axis", "sign"),
    [
        ("AU01", 21, 1, -1), ("AU02", 17, 1, -1), ("AU04", 21, 1, 1), ("AU06", 41, 1, -1), ("AU12", 48, 1, -1),
        ("AU12", 48, 0, -1), ("AU12", 54, 0, 1), ("AU15", 54, 1, 1), ("AU17", 57, 1, -1), ("AU25", 66, 1, 1),
        ("AU26", 8, 1, 1), ("AU45", 37, 1, 1),
    ],
)  # fmt: skip
def test_action_units_move_what_the_muscles_move(au, point, axis, sign):
    assert sign * MOVEMENTS[OPENFACE_AUS.index(au), point, axis] > 0


def test_rigid_motion_is_most_of_the_raw_landmarks_variance_as_in_real_recordings():
    simulation = Simulation(Options(subjects=6, seconds=(60.0, 60.0)))
    for i in range(6):
        written = simulation.track(i)
        raw = written.landmarks[written.success]
        rotations = Rotation.from_euler("XYZ", written.rotation[written.success]).as_matrix()
        local = (raw - written.translation[written.success][:, None]) @ rotations
        assert 0.9 < 1 - local.var(axis=0).sum() / raw.var(axis=0).sum() < 0.999
        assert local[:, BONY_POINTS].std(axis=0).max() < raw[:, BONY_POINTS].std(axis=0).max() / 3


@pytest.mark.parametrize("confound", [field.name for field in dataclasses.fields(Confounds)])
def test_confounds_are_off_unless_asked_for_and_need_no_signal(confound):
    def told(confounds, signal):
        simulation = Simulation(Options(subjects=300, signal=signal, confounds=confounds))
        people = [simulation.subject(i) for i in range(300)]
        values = {
            "duration": [person.seconds for person in people],
            "gender": [person.gender == "female" for person in people],
            "distance": [person.place[2] for person in people],
        }
        return {name: abs(np.corrcoef(value, simulation.severity)[0, 1]) for name, value in values.items()}

    assert max(told(Confounds(), 1.0).values()) < 0.15
    with_one = told(Confounds(**{confound: 0.8}), 0.0)
    assert with_one.pop(confound) > 0.5
    assert max(with_one.values()) < 0.15


def test_splits_have_the_shares_that_were_asked_for_at_any_size():
    assert Simulation(SHORT).split(0) == ""
    for subjects in (20, 77, 500):
        simulation = Simulation(Options(subjects=subjects, splits=(0.6, 0.15, 0.25)))
        splits = [simulation.split(i) for i in range(subjects)]
        for name, share in (("train", 0.6), ("dev", 0.15), ("test", 0.25)):
            assert abs(splits.count(name) - share * subjects) <= 2
