"""The laws of the two branches: what is masked does not exist, sessions do not see one another, every size runs."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mccl_jax.models.mccl import ModelOptions, segment_frames
from mccl_jax.models.network import Network
from tests.models.small import Small, pad_end, pad_segments, rows, with_garbage

TWO_CUES = {"landmarks": (5, 3), "aus": (4, 1)}
THREE_CUES = {"landmarks": (5, 3), "pose": (2, 3), "aus": (4, 1)}
# The last session is so short that it has a segment without a frame.
LENGTHS = (29, 24, 17, 2)
LIMIT = 1e-5


@pytest.fixture(scope="module")
def masked():
    """Two stages, three segments."""
    return Small(TWO_CUES, blocks=(1, 1))


@pytest.fixture(scope="module")
def least():
    """One cue, one segment, one head: nothing to relate."""
    return Small({"aus": (4, 1)}, segments=1, heads=1)


@pytest.fixture(scope="module")
def unmasked():
    """The official form."""
    return Small(TWO_CUES, segments=2, masked=False, statistics_per_cue=False)


@pytest.fixture(params=["masked", "least", "unmasked"])
def small(request):
    return request.getfixturevalue(request.param)


@pytest.fixture(params=["masked", "least"])
def honours_the_mask(request):
    return request.getfixturevalue(request.param)


def close(found, expected, where=slice(None)):
    """Embeddings of both modes and running statistics agree; `where`: only these sessions are compared."""
    for mode in ("evaluated", "trained"):
        a, b = getattr(found, mode)[where], getattr(expected, mode)[where]
        assert b.std(axis=0).max() > 0.01  # sessions that all look alike would prove nothing
        np.testing.assert_allclose(a, b, atol=LIMIT, rtol=0, err_msg=mode)
    for name, value in expected.statistics.items():
        np.testing.assert_allclose(found.statistics[name], value, atol=LIMIT, rtol=1e-5, err_msg=name)


# The sessions differ in length, so that the ends of the shorter ones have many amounts of padding, odd and even.
@pytest.mark.parametrize("frames", [3, 6])
def test_masked_frames_at_the_end_change_nothing(masked, frames):
    sessions = masked.sessions(LENGTHS, 29)
    close(masked.embed(pad_end(sessions, frames)), masked.embed(sessions))


def test_masked_frames_at_the_end_change_nothing_for_the_least_model(least):
    sessions = least.sessions(LENGTHS, 29)
    close(least.embed(pad_end(sessions, 3)), least.embed(sessions))


@pytest.mark.parametrize("frames", [1, 2])
def test_masked_frames_at_the_end_of_each_segment_change_nothing(masked, frames):
    # Only the intra-cue branch reads segments; in the whole sequence the same frames are a gap, and time passes there.
    sessions = masked.sessions(LENGTHS, 29)
    found, expected = masked.embed(pad_segments(sessions, frames, 3)), masked.embed(sessions)
    assert not np.allclose(found.evaluated[:, 0], expected.evaluated[:, 0], atol=LIMIT)
    np.testing.assert_allclose(found.evaluated[:, 1], expected.evaluated[:, 1], atol=LIMIT, rtol=0)
    np.testing.assert_allclose(found.trained[:, 1], expected.trained[:, 1], atol=LIMIT, rtol=0)
    for name in (name for name in expected.statistics if name.startswith("intra/")):
        np.testing.assert_allclose(found.statistics[name], expected.statistics[name], atol=LIMIT, err_msg=name)


def test_what_stands_in_masked_frames_changes_nothing(honours_the_mask):
    sessions = honours_the_mask.sessions(LENGTHS, 29)
    assert (sessions.mask[0] == 0).any()
    close(honours_the_mask.embed(with_garbage(sessions)), honours_the_mask.embed(sessions))
    found, expected = (honours_the_mask.gradient(s) for s in (with_garbage(sessions), sessions))
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, atol=1e-5 * np.abs(value).max() + 1e-6, err_msg=name)


def test_valid_frames_do_count(small):
    sessions = small.sessions(LENGTHS, 29)
    second = (np.arange(29) == 1).astype(np.float32)[:, None, None]
    changed = sessions._replace(cues={name: x + second for name, x in sessions.cues.items()})
    difference = small.embed(changed).evaluated - small.embed(sessions).evaluated
    assert (np.abs(difference).max(axis=-1) > 1e-4).all()


def test_permuting_the_sessions_permutes_their_embeddings(small):
    sessions, order = small.sessions(LENGTHS, 29), np.array([2, 0, 3, 1])
    found, expected = small.embed(rows(sessions, order)), small.embed(sessions)
    close(found, expected._replace(evaluated=expected.evaluated[order], trained=expected.trained[order]))


def test_a_session_without_a_frame_moves_nothing_in_the_others(small):
    sessions = small.sessions((*LENGTHS, 0), 29)
    alone = small.embed(rows(sessions, slice(4)))
    for value in (0, 1e3):
        for cue in sessions.cues.values():
            cue[4] = value
        found = small.embed(sessions)
        assert np.isfinite(found.evaluated).all()
        assert np.isfinite(found.trained).all()
        close(found, alone, where=slice(4))


def test_a_segment_without_a_valid_frame_takes_no_part(masked):
    sessions = masked.sessions(LENGTHS, 29)
    sessions.mask[0, sessions.segment[0] == 1] = 0
    found = masked.embed(sessions)
    attention = found.attention  # (K, B, heads, S, S)
    np.testing.assert_array_equal(attention[:, 0, :, :, 1], 0)
    assert (attention[:, 0][..., [0, 2]] > 0).all()
    assert (attention[:, 1] > 0).all()
    np.testing.assert_allclose(attention.sum(axis=-1), 1, rtol=1e-5)
    # The same where it is not there at all, as behind a recording that ends early.
    sessions.segment[0, sessions.segment[0] == 1] = -1
    close(masked.embed(with_garbage(sessions)), found)


def test_gradients_are_finite_and_reach_every_parameter(small):
    sessions = small.sessions(LENGTHS, 29)
    no_frames = sessions._replace(mask=np.zeros_like(sessions.mask))
    half_empty = sessions._replace(mask=sessions.mask * (np.arange(4) < 2)[:, None])
    for batch in (sessions, half_empty, no_frames):
        assert all(np.isfinite(g).all() for g in small.gradient(batch).values())
    assert not any(g.any() for g in small.gradient(no_frames).values())
    idle = {name for name, g in small.gradient(sessions).items() if not g.any()}
    # Where there is a single token, nothing is related and nothing normalised.
    unused = ("lstm/state_kernel", "norm/scale", "norm/bias", "norm/mean_mix", "norm/var_mix")
    single = {f"{branch}/interaction/{name}" for branch in ("inter", "intra") for name in unused}
    assert idle == (single if small.options.segments == 1 else set())


def test_batch_of_one(honours_the_mask):
    sessions = honours_the_mask.sessions(LENGTHS, 29)
    alone = honours_the_mask.embed(rows(sessions, slice(1)))
    assert np.isfinite(alone.trained).all()
    # In evaluation mode a session is embedded as it is among others.
    np.testing.assert_allclose(alone.evaluated[0], honours_the_mask.embed(sessions).evaluated[0], atol=LIMIT)


def test_running_statistics_are_kept_per_cue_or_shared(masked, unmasked):
    for small, rows_expected in ((masked, 2), (unmasked, 1)):
        sessions = small.sessions(LENGTHS, 29)
        other = sessions._replace(cues=sessions.cues | {"aus": sessions.cues["aus"] ** 2})
        before, after = small.embed(sessions).statistics, small.embed(other).statistics
        for name, value in before.items():
            assert value.shape[0] == rows_expected
            # The row of the cue that changed, the last one, and no other.
            differs = (value != after[name]).any(axis=1)
            assert differs.tolist() == [False] * (rows_expected - 1) + [True], name


@pytest.mark.parametrize(
    ("cues", "options"),
    [
        ({"pose": (2, 3)}, {"segments": 1}),
        (THREE_CUES, {"blocks": (1, 2), "segments": 4}),
        ({"deep": (1, 16), "aus": (17, 1)}, {"width": 6, "blocks": (1, 1, 1), "hidden": 8, "heads": 4}),
        ({"landmarks": (68, 3), "gaze": (2, 3), "pose": (2, 3), "aus": (17, 1)}, dataclasses.asdict(ModelOptions())),
        ({"deep": (2048, 1), "gaze": (2, 3), "pose": (2, 3), "aus": (17, 1)}, dataclasses.asdict(ModelOptions())),
    ],
)
def test_shapes_follow_the_options(cues, options):
    small = ModelOptions(**{"width": 4, "blocks": (1,), "hidden": 4, "projection": 6} | options)
    B, T, K, S, D = 3, 40, len(cues), small.segments, small.embedding
    F = small.width * 2 ** (len(small.blocks) - 1)

    def embed(params, statistics, cues):
        return network.bind(params, statistics)(cues, jnp.ones((B, T)), jnp.zeros((B, T), int))

    network = Network(cues, small)
    arrays = jax.eval_shape(lambda: network.init(None))
    views = jax.eval_shape(embed, *arrays, {name: jnp.zeros((B, T, *shape)) for name, shape in cues.items()})
    assert jax.tree.map(jnp.shape, views.inter)._asdict() == {
        "z": (B, D),
        "features": (B, K, F),
        "attention": (B, small.heads, K, K),
        "gated": (B, K, D),
        "takes_part": (B, K),
    }
    assert jax.tree.map(jnp.shape, views.intra)._asdict() == {
        "z": (B, D),
        "features": (K, B, S, F),
        "attention": (K, B, small.heads, S, S),
        "gated": (K, B, S, D),
        "takes_part": (K, B, S),
    }


def test_segment_frames():
    segment = np.array([[0, 0, 0, 1, 1, 2, 2, -1], [0, 0, 2, -1, -1, -1, -1, -1], [1] * 8, [-1] * 8])
    at, inside = segment_frames(jnp.asarray(segment), 3)
    assert at.shape == inside.shape == (4, 3, 3)
    frames = [
        [list(np.asarray(a)[np.asarray(i) > 0]) for a, i in zip(*row, strict=True)]
        for row in zip(at, inside, strict=True)
    ]
    assert frames == [
        [[0, 1, 2], [3, 4], [5, 6]],
        [[0, 1], [], [2]],
        [[], [0, 1, 2], []],  # longer than a third of the frames: cut
        [[], [], []],
    ]
