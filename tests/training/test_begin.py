"""What a training begins with: the files are used, what does not fit is one line, and it is said beside scores."""

import numpy as np
import pytest

from mccl_jax.errors import UserError
from mccl_jax.interop.official import to_official
from mccl_jax.interop.tensors import write_tensors
from mccl_jax.models.mccl import ModelOptions
from mccl_jax.models.network import Network
from mccl_jax.training.begin import InitOptions, begin
from tests.golden.ours import OFFICIAL_CUES
from tests.interop.made import Made

SMALL = ModelOptions(width=4, blocks=(1,), hidden=4, heads=2, projection=8, statistics_per_cue=False)


def test_at_random_by_the_seed():
    network = Network(OFFICIAL_CUES, SMALL)
    for one, other in zip(begin(network, 3, InitOptions()), network.init(3), strict=True):
        assert all(np.array_equal(one[name], other[name]) for name in other)
    assert InitOptions().words == "begun at random"


def test_trunks_of_imagenet_and_the_rest_at_random(tmp_path):
    tensors = Made().resnet()
    write_tensors(tmp_path / "resnet18.safetensors", tensors)
    network = Network(OFFICIAL_CUES, ModelOptions(hidden=4, projection=8))
    options = InitOptions(weights=str(tmp_path / "resnet18.safetensors"), grey="sum")
    params, batch_stats = begin(network, 0, options)
    stem = tensors["conv1.weight"].transpose(2, 3, 1, 0)
    fresh, _ = network.init(0)
    for branch in ("inter", "intra"):
        np.testing.assert_array_equal(params[f"{branch}/trunk/stems/3/kernel"], stem)
        np.testing.assert_array_equal(params[f"{branch}/trunk/stems/1/kernel"], stem.sum(axis=2, keepdims=True))
        np.testing.assert_array_equal(batch_stats[f"{branch}/trunk/stem_norm/mean"][2], tensors["bn1.running_mean"])
    np.testing.assert_array_equal(params["head/kernel1"], fresh["head/kernel1"])
    assert options.words == f"trunks begun with {tmp_path}/resnet18.safetensors"


def test_a_whole_official_model_but_for_the_head_that_it_lacks(tmp_path):
    network = Network(OFFICIAL_CUES, SMALL)
    params, batch_stats = network.init(1)
    tensors = to_official(*({k: np.asarray(v) for k, v in one.items()} for one in (params, batch_stats)), SMALL)
    for branch in ("inter", "intra"):
        write_tensors(
            tmp_path / f"{branch}.safetensors", {k: v for k, v in tensors.items() if k.startswith(f"{branch}.")}
        )
    options = InitOptions(official=tuple(str(tmp_path / f"{branch}.safetensors") for branch in ("inter", "intra")))
    begun, statistics = begin(network, 2, options)
    fresh, _ = network.init(2)
    for name, value in begun.items():
        expected = fresh[name] if name.startswith("head/") else params[name]
        np.testing.assert_array_equal(value, expected, err_msg=name)
    assert set(statistics) == set(batch_stats)
    other = Network({name: OFFICIAL_CUES[name] for name in ("gaze", "landmarks", "pose", "aus")}, SMALL)
    with pytest.raises(UserError, match="needs the cues landmarks, gaze, pose, aus in this order"):
        begin(other, 2, options)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"weights": ""}, "or --config.init.weights=random"),
        ({"grey": "red"}, "init.grey is 'red'"),
        ({"weights": "a.safetensors", "official": ("b.safetensors",)}, "both given"),
    ],
)
def test_options_that_do_not_fit(options, named):
    with pytest.raises(UserError, match=named):
        InitOptions(**options)


def test_files_that_do_not_fit(tmp_path):
    with pytest.raises(UserError, match=r"nowhere\.safetensors: not found"):
        begin(Network(OFFICIAL_CUES, SMALL), 0, InitOptions(weights=str(tmp_path / "nowhere.safetensors")))
    write_tensors(tmp_path / "resnet18.safetensors", Made().resnet())
    with pytest.raises(UserError, match="ImageNet weights are for a ResNet-18"):
        begin(Network(OFFICIAL_CUES, SMALL), 0, InitOptions(weights=str(tmp_path / "resnet18.safetensors")))
