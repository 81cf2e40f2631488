"""Hiding and exchanging inside the network equal hiding and exchanging by hand."""

import functools

import jax
import numpy as np
import pytest

from mccl_jax.cues import Cue
from mccl_jax.data.batches import Batch
from mccl_jax.insight import encoder as encoders
from mccl_jax.insight.occlusion import Part, hidden
from tests.models.small import QUICK, Sessions, Small, rows

SPECIFICATION = {
    "landmarks": Cue("landmarks", tuple("abcde"), ("x", "y", "z"), "mm"),
    "aus": Cue("aus", ("AU01", "AU02", "AU04"), ("intensity",), "0..5"),
}
NOTHING = hidden(None, SPECIFICATION, 3)


@pytest.fixture(scope="module")
def small() -> Small:
    return Small({name: cue.shape for name, cue in SPECIFICATION.items()})


@pytest.fixture(scope="module")
def encoder(small) -> encoders.Encoder:
    found = encoders.Encoder(small.network, batch_size=2)
    found._look = jax.jit(functools.partial(encoders._look, small.network), compiler_options=QUICK)
    return found


@pytest.fixture(scope="module")
def sessions(small) -> Sessions:
    return small.sessions((24, 15, 9), T=24)  # three: the second batch is filled up


@pytest.fixture(scope="module")
def mean() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(3)
    return {name: rng.normal(size=cue.shape).astype(np.float32) for name, cue in SPECIFICATION.items()}


def batch(sessions: Sessions) -> Batch:
    B = len(sessions.mask)
    return Batch(*sessions, np.arange(B, dtype=np.int32), np.ones(B, np.float32))


def state(small):
    return {"params": small.params, "batch_stats": small.statistics}


def embedded(small, encoder, sessions, part, mean):
    what = hidden(part, SPECIFICATION, 3)
    return encoder.embed(state(small), encoder.batches(batch(sessions)), what, mean)


def test_with_nothing_hidden_it_is_the_network(small, encoder, sessions, mean):
    seen = encoder.look(state(small), encoder.batches(batch(sessions)), NOTHING, mean)

    def network(sessions):
        return small.network.bind(small.params, small.statistics)(*sessions)

    whole = jax.jit(network, compiler_options=QUICK)(sessions)
    for ours, theirs in (
        (seen.z[:, 0], whole.inter.z),
        (seen.z[:, 1], whole.intra.z),
        (seen.inter, whole.inter.attention),
        (seen.intra, np.moveaxis(whole.intra.attention, 0, 1)),
    ):
        np.testing.assert_allclose(ours, theirs, atol=2e-5)
    assert seen.inter.sum(axis=-1) == pytest.approx(1, abs=1e-5)
    assert seen.intra.sum(axis=-1) == pytest.approx(1, abs=1e-5)
    assert seen.takes_part.shape == (3, 2, 3)
    np.testing.assert_allclose(embedded(small, encoder, sessions, None, mean), seen.z, atol=1e-6)


def replaced(sessions: Sessions, mean, cue: str, points, frames=None) -> Sessions:
    """By hand: these points of these frames (all where None), but not where there is no data."""
    x = sessions.cues[cue].copy()
    where = sessions.mask > 0 if frames is None else (sessions.mask > 0) & frames
    for point in points:
        x[:, :, point][where] = mean[cue][point]
    return sessions._replace(cues={**sessions.cues, cue: x})


@pytest.mark.parametrize(
    "part",
    [
        Part("cues", "landmarks", {"landmarks": range(5)}),
        Part("regions", "nose", {"landmarks": [1, 3]}),
        Part("aus", "AU02", {"aus": [1]}),
    ],
    ids=lambda part: part.kind,
)
def test_a_part_is_replaced_by_the_mean_where_there_are_data(small, encoder, sessions, mean, part):
    ((cue, points),) = part.points.items()
    expected = embedded(small, encoder, replaced(sessions, mean, cue, points), None, mean)
    found = embedded(small, encoder, sessions, part, mean)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert np.abs(found - embedded(small, encoder, sessions, None, mean)).max() > 1e-3


def test_a_segment_is_replaced_or_taken_away(small, encoder, sessions, mean):
    everything = {name: range(len(cue.points)) for name, cue in SPECIFICATION.items()}
    second = sessions.segment == 1
    expected = sessions
    for cue, points in everything.items():
        expected = replaced(expected, mean, cue, points, second)
    found = embedded(small, encoder, sessions, Part("segments", "2", everything, 1), mean)
    np.testing.assert_allclose(found, embedded(small, encoder, expected, None, mean), atol=1e-6)

    away = np.where(second, 0, sessions.mask).astype(np.float32)
    expected = Sessions({k: x * away[:, :, None, None] for k, x in sessions.cues.items()}, away, sessions.segment)
    found = embedded(small, encoder, sessions, Part("segments_missing", "2", everything, 1, missing=True), mean)
    np.testing.assert_allclose(found, embedded(small, encoder, expected, None, mean), atol=1e-6)


def test_a_session_is_never_left_without_a_frame(small, encoder, sessions, mean):
    only = sessions._replace(segment=np.where(sessions.segment >= 0, 0, -1).astype(np.int32))
    everything = {name: range(len(cue.points)) for name, cue in SPECIFICATION.items()}
    found = embedded(small, encoder, only, Part("segments_missing", "1", everything, 0, missing=True), mean)
    np.testing.assert_array_equal(found, embedded(small, encoder, only, None, mean))


def test_a_cue_of_another_session_is_that_sessions_tokens(small, encoder, sessions, mean):
    """As if that cue's frames stood there; the two sessions have the same length, so that it can be done by hand."""
    pair = rows(sessions, np.array([0, 0]))
    rng = np.random.default_rng(8)
    other = {k: (x[1] + rng.normal(size=x[1].shape)) * pair.mask[1, :, None, None] for k, x in pair.cues.items()}
    pair = pair._replace(cues={k: np.stack([x[0], other[k]]).astype(np.float32) for k, x in pair.cues.items()})
    seen = encoder.look(state(small), encoder.batches(batch(pair)), NOTHING, mean)
    tokens = [x.copy() for x in (seen.inter_tokens, seen.intra_tokens, seen.takes_part)]
    np.testing.assert_allclose(encoder.related(state(small), *tokens), seen.z, atol=1e-6)
    for x in tokens:
        x[:, 1] = x[::-1, 1]
    swapped = pair._replace(cues={**pair.cues, "aus": pair.cues["aus"][::-1]})
    expected = embedded(small, encoder, swapped, None, mean)
    np.testing.assert_allclose(encoder.related(state(small), *tokens), expected, atol=1e-5)
    assert np.abs(expected - seen.z).max() > 1e-3


def test_behind_the_projection_head(small, encoder):
    z = np.random.default_rng(0).normal(size=(4, 2, small.options.embedding)).astype(np.float32)
    head = small.network.bind(small.params, small.statistics).head
    found = encoder.projected(state(small), z)
    for view in range(2):
        np.testing.assert_allclose(found[:, view], jax.device_get(head(z[:, view])), atol=1e-5)
