"""Models that go without a part: what is left computes what their options say."""

import jax
import numpy as np
import pytest

from mccl_jax.losses import contrastive_loss
from mccl_jax.models.mccl import BRANCHES, ModelOptions
from mccl_jax.models.network import Network
from tests.models.small import QUICK, Small

CUES = {"pose": (2, 3), "aus": (4, 1)}
LENGTHS = (17, 12, 2)
QUICKLY = {"compiler_options": QUICK}


@pytest.fixture(scope="module")
def unrelated():
    """Neither CCAI nor TSAI, and no projection head; and all that it computes of sessions."""
    small = Small(CUES, interaction=(), projection=0, segments=2)
    sessions = small.sessions(LENGTHS, 17)
    embed = jax.jit(lambda sessions: small.network.bind(small.params, small.statistics)(*sessions), **QUICKLY)
    return small, sessions, jax.device_get(embed(sessions))


def token_conv(x, kernel, bias):
    """(N, D) -> (D,) by the loop of its definition."""
    padded = np.pad(x, [(0, 0), (1, 1)])
    return bias + sum(kernel[k, n] * padded[n, k : k + x.shape[1]] for k in range(3) for n in range(len(x)))


def test_without_a_branchs_interaction_each_token_goes_straight_into_the_convolution(unrelated):
    small, sessions, views = unrelated
    p = small.params
    for b in range(len(LENGTHS)):
        y = views.inter.features[b] @ p["inter/interaction/kernel"] + p["inter/interaction/bias"]
        z = token_conv(y, p["inter/cue_conv/kernel"], p["inter/cue_conv/bias"])
        np.testing.assert_allclose(views.inter.z[b], z, rtol=1e-4, atol=1e-5)

        there = np.array([sessions.mask[b][sessions.segment[b] == s].any() for s in range(2)])
        y = views.intra.features[:, b] @ p["intra/interaction/kernel"] + p["intra/interaction/bias"]
        y = y * there[:, None]
        of_cues = [token_conv(one, p["intra/segment_conv/kernel"], p["intra/segment_conv/bias"]) for one in y]
        z = token_conv(np.stack(of_cues), p["intra/cue_conv/kernel"], p["intra/cue_conv/bias"])
        np.testing.assert_allclose(views.intra.z[b], z, rtol=1e-4, atol=1e-5)
    assert np.array_equal(views.inter.attention, np.broadcast_to(np.eye(2), (3, 1, 2, 2)))
    assert np.array_equal(views.intra.attention, np.broadcast_to(np.eye(2), (2, 3, 1, 2, 2)))


def test_all_of_it_learns(unrelated):
    small, sessions, _ = unrelated
    assert not any(name.startswith("head/") for name in small.params)
    gradient = small.gradient(sessions)
    assert all(np.isfinite(g).all() and g.any() for g in gradient.values())


def test_without_a_head_the_embeddings_themselves_are_contrasted(unrelated):
    small, _, views = unrelated
    head = small.network.bind(small.params, small.statistics).head
    z = views.inter.z, views.intra.z
    arguments = np.arange(3), np.ones(3, np.float32), np.float32(0.09)
    assert contrastive_loss(*map(head, z), *arguments) == contrastive_loss(*z, *arguments)


@pytest.mark.parametrize("kept", BRANCHES)
def test_the_other_branch_is_as_it_was(kept):
    sizes = {"width": 4, "blocks": (1,), "hidden": 4, "projection": 6}
    whole, less = (Network(CUES, ModelOptions(interaction=which, **sizes)) for which in (BRANCHES, (kept,)))
    names, fewer = set(whole.init(0)[0]), set(less.init(0)[0])
    (without,) = {*BRANCHES} - {kept}
    assert {name for name in names ^ fewer if not name.startswith(f"{without}/interaction/")} == set()
    assert fewer - names == {f"{without}/interaction/{name}" for name in ("kernel", "bias")}
    assert any(name.startswith(f"{kept}/interaction/lstm") for name in fewer)


def test_without_the_normalisation_its_parameters_are_gone():
    sizes = {"width": 4, "blocks": (1,), "hidden": 4, "projection": 6}
    whole, less = (set(Network(CUES, ModelOptions(norm=norm, **sizes)).init(0)[0]) for norm in ("mixed", "none"))
    assert whole - less == {name for name in whole if "/interaction/norm/" in name} != set()
    assert not less - whole
