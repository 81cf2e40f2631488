"""CNN features on their way into the model: projected frame by frame, each branch by itself; nothing else changes."""

import functools

import jax
import numpy as np
import pytest

from mccl_jax.models.mccl import MOST_POINTS
from mccl_jax.models.network import Network
from tests.models.small import QUICK, Embedded, Small, pad_end, with_garbage

WIDTH, POINTS = 5, MOST_POINTS + 2
LENGTHS = (29, 17, 2)
KERNELS = {f"{branch}/projection/kernels/deep" for branch in ("inter", "intra")}
LIMIT = 1e-5


@pytest.fixture(scope="module")
def deep():
    """A model of features and AUs; its kernels are as small as fresh ones, so that no frame drowns the others."""
    small = Small({"deep": (POINTS, 1), "aus": (4, 1)}, deep_width=WIDTH)
    small.params |= {name: small.params[name] * POINTS**-0.5 for name in KERNELS}
    return small


def close(found: Embedded, expected: Embedded):
    for mode in ("evaluated", "trained"):
        assert getattr(expected, mode).std(axis=0).max() > 0.01
        np.testing.assert_allclose(getattr(found, mode), getattr(expected, mode), atol=LIMIT, rtol=0, err_msg=mode)


def test_only_features_are_projected(deep):
    found = {name for name in deep.params if "projection" in name}
    assert found == KERNELS
    assert {deep.params[name].shape for name in found} == {(POINTS, WIDTH)}
    for points in (68, MOST_POINTS):
        params, _ = Network({"landmarks": (points, 3), "deep": (points, 1)}, deep.options).init(0)
        assert not any("projection" in name for name in params)


def test_it_equals_a_model_of_as_many_points_on_what_the_kernel_makes_of_them(deep):
    kernel = deep.params["inter/projection/kernels/deep"]
    both = Small({"deep": (POINTS, 1), "aus": (4, 1)}, deep_width=WIDTH)
    both.params = deep.params | dict.fromkeys(KERNELS, kernel)
    narrow = Small({"deep": (WIDTH, 1), "aus": (4, 1)})
    narrow.params = {name: x for name, x in deep.params.items() if name not in KERNELS}
    assert narrow.params.keys() == narrow.network.init(0)[0].keys()
    both.statistics = narrow.statistics = deep.statistics
    sessions = deep.sessions(LENGTHS, 29)
    projected = np.einsum("btvc,vw->btw", sessions.cues["deep"], kernel)[..., None]
    expected = narrow.embed(sessions._replace(cues=sessions.cues | {"deep": projected}))
    close(both.embed(sessions), expected)


def test_each_branch_has_a_projection_of_its_own(deep):
    fresh, _ = deep.network.init(0)
    inter, intra = (fresh[name] for name in sorted(KERNELS))
    assert np.abs(inter - intra).max() > 0.01
    assert np.abs(inter).max() == pytest.approx(POINTS**-0.5, rel=0.05)

    @functools.partial(jax.jit, compiler_options=QUICK)
    def embed(params, sessions):
        views = deep.network.bind(params, deep.statistics)(*sessions)
        return views.inter.z, views.intra.z

    sessions = deep.sessions(LENGTHS, 29)
    found, expected = (
        embed(deep.params | changed, sessions) for changed in ({"intra/projection/kernels/deep": inter}, {})
    )
    np.testing.assert_array_equal(found[0], expected[0])
    assert np.abs(found[1] - expected[1]).max() > 0.01


def test_masked_frames_change_nothing_and_stay_0(deep):
    sessions = deep.sessions(LENGTHS, 29)
    close(deep.embed(with_garbage(sessions)), deep.embed(sessions))
    close(deep.embed(pad_end(sessions, 3)), deep.embed(sessions))
    model = deep.network.bind(deep.params, deep.statistics)
    projected = jax.device_get(model.inter.projection(sessions.cues))
    assert projected["deep"].shape == (len(LENGTHS), 29, WIDTH, 1)
    assert not projected["deep"][sessions.mask == 0].any()
    assert (projected["deep"][sessions.mask > 0] != 0).all()
    assert projected["aus"] is sessions.cues["aus"]


def test_it_learns(deep):
    gradient = deep.gradient(deep.sessions(LENGTHS, 29))
    for name in KERNELS:
        assert np.isfinite(gradient[name]).all()
        assert (np.abs(gradient[name]).max(axis=1) > 0).all()
