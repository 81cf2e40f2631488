"""The model as pure functions of flat dicts, and its initial values."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mccl_jax.models.mccl import ModelOptions
from mccl_jax.models.network import Network
from tests.models.small import QUICK

CUES = {"landmarks": (5, 3), "aus": (4, 1)}
OPTIONS = ModelOptions(width=4, blocks=(1,), hidden=4, projection=6)


def test_same_seed_same_values_other_seed_others():
    network = Network(CUES, OPTIONS)
    params, statistics = network.init(0)
    again, _ = Network(CUES, OPTIONS).init(0)
    other, _ = network.init(1)
    assert list(params) == list(again)
    for name, value in params.items():
        np.testing.assert_array_equal(value, again[name])
        fixed = name.endswith(("scale", "_mix")) or "norm" in name
        assert np.array_equal(value, other[name]) == fixed, name
    assert set(statistics) == {
        name.replace("scale", leaf)
        for name in params
        if name.endswith("scale")
        for leaf in ("mean", "var")
        if "interaction" not in name
    }
    for name, value in statistics.items():
        np.testing.assert_array_equal(value, name.endswith("var"))


def test_initial_values_follow_the_official_code():
    """PyTorch's defaults: uniform by fan-in; convolutions of the trunk normal by fan-out."""
    params, _ = Network({"landmarks": (68, 3), "aus": (14, 1), "pose": (2, 3), "gaze": (4, 3)}, ModelOptions()).init(0)
    bounds = {
        "trunk/one_channel_kernel": 512**-0.5,
        "interaction/lstm/state_kernel": 1 / 8,
        "interaction/lstm/input_bias": 1 / 8,
        "interaction/qkv": 128**-0.5,
        "cue_conv/kernel": 12**-0.5,
        "segment_conv/kernel": 1 / 3,
    }
    for branch in ("inter", "intra"):
        for name, bound in bounds.items():
            if (branch, name) != ("inter", "segment_conv/kernel"):
                largest = np.abs(params[f"{branch}/{name}"]).max()
                assert 0.6 * bound < largest <= bound, (branch, name)
        assert np.std(params[f"{branch}/trunk/blocks/7/conv2/kernel"]) == pytest.approx(
            (2 / (9 * 512)) ** 0.5, rel=0.01
        )
    assert np.abs(params["head/kernel1"]).max() == pytest.approx(128**-0.5, rel=0.01)
    # Each branch has values of its own.
    assert not np.allclose(params["inter/trunk/blocks/0/conv1/kernel"], params["intra/trunk/blocks/0/conv1/kernel"])


def test_a_bound_model_is_a_function_of_its_arrays_alone():
    network = Network(CUES, OPTIONS)
    params, statistics = network.init(0)
    model = network.bind(params, statistics)
    model.inter.trunk.stem_norm.mean.set_value(np.full((2, 4), 5.0))
    moved = network.statistics(model)
    assert list(moved) == list(statistics)
    for name, value in moved.items():
        expected = 5 if name == "inter/trunk/stem_norm/mean" else statistics[name]
        np.testing.assert_array_equal(value, expected)
    assert not statistics["inter/trunk/stem_norm/mean"].any()  # the array outside stays


def test_the_order_of_the_cues_is_the_networks():
    network = Network(CUES, OPTIONS)
    arrays = network.init(0)
    rng = np.random.default_rng(0)
    cues = {name: jnp.asarray(rng.normal(size=(2, 12, *shape)), jnp.float32) for name, shape in CUES.items()}
    mask, segment = jnp.ones((2, 12)), jnp.tile(jnp.arange(12) // 4, (2, 1))

    def embed(names):
        return network.bind(*arrays)({name: cues[name] for name in names}, mask, segment).inter.z

    found, expected = jax.jit(lambda: (embed(reversed(CUES)), embed(CUES)), compiler_options=QUICK)()
    np.testing.assert_array_equal(found, expected)
    with pytest.raises(KeyError, match="aus"):
        embed(["landmarks"])


def test_a_missing_array_is_named():
    network = Network(CUES, OPTIONS)
    params, statistics = network.init(0)
    del params["head/bias2"]
    with pytest.raises(KeyError, match="head/bias2"):
        network.bind(params, statistics)
