"""ImageNet weights for the trunks: every array, its layout, the grey stem, and what is refused."""

import dataclasses
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mccl_jax.errors import UserError
from mccl_jax.interop.resnet import from_resnet18
from mccl_jax.interop.tensors import read_tensors, write_tensors
from mccl_jax.models.mccl import ModelOptions
from mccl_jax.models.network import Network
from mccl_jax.models.norm import Pass
from tests.golden import official, ours
from tests.interop.made import Made

OPTIONS = ModelOptions()
BRANCHES = ("inter", "intra")


@pytest.fixture(scope="module")
def tensors():
    return Made().resnet(classes=1000)


@pytest.fixture(scope="module")
def network():
    return Network(ours.OFFICIAL_CUES, OPTIONS)


@pytest.fixture(scope="module")
def fresh(network):
    return jax.device_get(network.init(0))


@pytest.fixture(scope="module")
def filled(tensors, fresh):
    return from_resnet18(tensors, *fresh, OPTIONS)


def refused(tensors, fresh, **more) -> str:
    with pytest.raises(UserError) as error:
        from_resnet18(tensors, *fresh, OPTIONS, source="resnet.safetensors", **more)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_the_made_up_file_is_as_torchvision_has_it(tensors):
    assert len(tensors) == 122
    assert sum(x.size for name, x in tensors.items() if re.fullmatch(r".*\.(weight|bias)", name)) == 11_689_512


def test_every_array_of_the_trunks_is_filled_and_no_other(fresh, filled):
    for before, after in zip(fresh, filled, strict=True):
        assert {name: (x.shape, x.dtype) for name, x in after.items()} == {
            name: (x.shape, x.dtype) for name, x in before.items()
        }
        changed = {name for name in before if not np.array_equal(before[name], after[name])}
        assert changed == {n for n in before if "/trunk/" in n and "one_channel" not in n}


def test_both_branches_begin_alike(filled):
    for arrays in filled:
        for name, array in arrays.items():
            if name.startswith("inter/trunk/") and "one_channel" not in name and "stems/1" not in name:
                np.testing.assert_array_equal(array, arrays[name.replace("inter", "intra", 1)])


def test_layouts_by_hand(tensors, filled):
    params, statistics = filled
    for branch in BRANCHES:
        for array, index, name, at in (
            ("stems/3/kernel", (2, 5, 1, 7), "conv1.weight", (7, 1, 2, 5)),
            ("blocks/0/conv2/kernel", (0, 1, 3, 60), "layer1.0.conv2.weight", (60, 3, 0, 1)),
            ("blocks/2/shortcut/kernel", (0, 0, 9, 100), "layer2.0.downsample.0.weight", (100, 9, 0, 0)),
            ("blocks/7/conv1/kernel", (0, 2, 9, 4), "layer4.1.conv1.weight", (4, 9, 0, 2)),
            ("blocks/5/norm2/scale", 3, "layer3.1.bn2.weight", 3),
            ("blocks/6/shortcut_norm/bias", 8, "layer4.0.downsample.1.bias", 8),
        ):
            assert params[f"{branch}/trunk/{array}"][index] == tensors[name][at]
        for row in range(4):
            for array, name in (
                ("stem_norm/mean", "bn1.running_mean"),
                ("blocks/4/norm1/var", "layer3.0.bn1.running_var"),
            ):
                np.testing.assert_array_equal(statistics[f"{branch}/trunk/{array}"][row], tensors[name])


def test_a_single_row_of_statistics(tensors):
    options = dataclasses.replace(OPTIONS, statistics_per_cue=False)
    fresh = Network(ours.OFFICIAL_CUES, options).init(None)
    _, statistics = from_resnet18(tensors, *fresh, options)
    found = statistics["intra/trunk/blocks/3/norm1/mean"]
    np.testing.assert_array_equal(found, tensors["layer2.1.bn1.running_mean"][None])


def test_the_stem_is_the_convolution_that_the_file_means(tensors, network, filled):
    """Against a convolution written down in PyTorch's layout: stride 2, padding 3."""
    x = np.random.default_rng(1).standard_normal((1, 20, 6, 3))
    patches = np.lib.stride_tricks.sliding_window_view(np.pad(x[0], [(3, 3), (3, 3), (0, 0)]), (7, 7), (0, 1))
    expected = np.einsum("tvchw,ochw->tvo", patches[::2, ::2], tensors["conv1.weight"])
    found = network.bind(*filled).inter.trunk.stems["3"](jnp.asarray(x, jnp.float32))[0]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4 * np.abs(expected).max())


def test_the_trunk_gives_the_golden_features():
    """The official trunk's weights, written as a torchvision file, give the official features."""
    params, statistics, cues, mask, _ = ours.arrays("float32")
    prefix = "intra.resnet."
    weights = {n.removeprefix(prefix): x for n, x in official.tensors().items() if n.startswith(prefix)}
    weights["conv1.weight"] = weights.pop("conv1_rgb.weight")
    del weights["conv1_gray.weight"]
    blank = jax.tree.map(np.zeros_like, (params, statistics))
    network = Network(ours.OFFICIAL_CUES, ours.OFFICIAL)
    model = network.bind(*from_resnet18(weights, *blank, ours.OFFICIAL))
    name = "small/eval/intra/pose/segment_features"
    B, S, F = official.values()[name].shape
    images = cues["pose"].reshape(B * S, -1, *ours.OFFICIAL_CUES["pose"])
    features = np.asarray(model.intra.trunk(images, mask.reshape(B * S, -1), Pass())).reshape(B, S, F)
    assert official.wrong({name: features}, "float32") == {}


def test_random_grey_stem(tensors, fresh, filled):
    stems = [filled[0][f"{branch}/trunk/stems/1/kernel"] for branch in BRANCHES]
    for stem in stems:
        assert stem.shape == (7, 7, 1, 64)
        assert np.abs(stem).max() <= 1 / 7
        assert np.abs(stem).max() > 0.99 / 7
        assert abs(stem.std() * 7 - 3**-0.5) < 0.02
    assert not np.array_equal(*stems)
    for seed, same in ((0, True), (1, False)):
        again = from_resnet18(tensors, *fresh, OPTIONS, seed=seed)[0]["inter/trunk/stems/1/kernel"]
        assert np.array_equal(again, stems[0]) == same


def test_summed_grey_stem_sees_a_cue_as_if_it_came_in_all_three_channels(tensors, network, fresh):
    model = network.bind(*from_resnet18(tensors, *fresh, OPTIONS, grey="sum"))
    x = jnp.asarray(np.random.default_rng(1).standard_normal((1, 20, 6, 1)), jnp.float32)
    for branch in BRANCHES:
        stems = getattr(model, branch).trunk.stems
        np.testing.assert_allclose(stems["1"](x), stems["3"](jnp.tile(x, 3)), rtol=0, atol=1e-3)


def test_what_belongs_to_the_files_own_task_is_left_aside(tensors, fresh, filled):
    def bare(name):
        return name.startswith("fc.") or name.endswith("num_batches_tracked")

    without = {name: x for name, x in tensors.items() if not bare(name)}
    another_task = tensors | {"fc.weight": np.zeros((5, 512), np.float32), "fc.bias": np.zeros(5, np.float32)}
    wrapped = {f"module.backbone.{name}": x for name, x in tensors.items()}
    for given in (without, another_task, wrapped):
        jax.tree.map(np.testing.assert_array_equal, from_resnet18(given, *fresh, OPTIONS), filled)


def test_from_a_file(tmp_path, tensors, fresh, filled):
    write_tensors(tmp_path / "resnet18.safetensors", tensors)
    found = from_resnet18(read_tensors(tmp_path / "resnet18.safetensors"), *fresh, OPTIONS)
    jax.tree.map(np.testing.assert_array_equal, found, filled)


def test_what_is_given_stays_as_it_is(tensors, network, fresh):
    jax.tree.map(np.testing.assert_array_equal, jax.device_get(network.init(0)), fresh)


def test_missing_extra_and_misshapen_are_named_at_once(tensors, fresh):
    broken = dict(tensors)
    del broken["layer3.1.bn2.running_var"]
    broken["layer2.0.conv1.bias"] = np.zeros(128, np.float32)
    broken["layer1.1.conv2.weight"] = broken["layer1.1.conv2.weight"][:, :32]
    said = refused(broken, fresh)
    assert said == (
        "resnet.safetensors: missing: layer3.1.bn2.running_var; not expected: layer2.0.conv1.bias; "
        "of another shape: layer1.1.conv2.weight (64, 32, 3, 3) for (64, 64, 3, 3); "
        "expected a ResNet-18 of torchvision or timm"
    )


def test_other_nets_are_named_for_what_they_are(fresh):
    made = Made()
    said = refused(made.resnet(width=4, blocks=(3, 4, 6, 3)), fresh)
    assert "a ResNet with (3, 4, 6, 3) blocks and 4 channels behind its stem, not a ResNet-18" in said
    assert "layer3.5.bn2.running_var" in said
    bottleneck = made.resnet(width=4) | {"layer1.0.conv3.weight": made.tensor(16, 4, 1, 1)}
    assert "(2, 2, 2, 2) bottleneck blocks" in refused(bottleneck, fresh)
    assert "conv1.weight (64, 1, 7, 7) for (64, 3, 7, 7)" in refused(made.resnet(channels=1), fresh)
    assert "missing: conv1.weight, bn1.weight" in refused({"encoder.weight": made.tensor(3)}, fresh)


def test_models_and_options_that_do_not_fit(tensors, fresh):
    assert "expected one of random, sum" in refused(tensors, fresh, grey="mean")
    for sizes in ({"width": 16}, {"blocks": (1, 1)}):
        with pytest.raises(UserError, match=r"expected 64 and \(2, 2, 2, 2\)"):
            from_resnet18(tensors, *fresh, dataclasses.replace(OPTIONS, **sizes))


def test_models_of_other_cues(tensors):
    for cues, stems in ({"pose": (2, 3)}, {"3"}), ({"aus": (17, 1)}, {"1"}), ({"pose": (2, 3), "odd": (5, 2)}, {"3"}):
        fresh = jax.device_get(Network(cues, OPTIONS).init(None))
        params, _ = from_resnet18(tensors, *fresh, OPTIONS)
        assert set(params) == set(fresh[0])
        for stem in stems:
            assert np.abs(params[f"inter/trunk/stems/{stem}/kernel"]).max() > 0
        assert np.abs(params["intra/trunk/blocks/0/conv1/kernel"]).max() > 0
