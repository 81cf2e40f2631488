"""Official names and layouts against ours: complete, consistent with the model, and the same there and back."""

import dataclasses

import jax
import numpy as np
import pytest

from mccl_jax.interop.official import entries, from_official, to_official
from mccl_jax.models.network import Network
from tests.golden import official
from tests.golden.ours import OFFICIAL, OFFICIAL_CUES


@pytest.fixture(scope="module")
def converted():
    return from_official(official.tensors(), OFFICIAL)


def test_every_official_tensor_is_read_once():
    theirs = [name for entry in entries(OFFICIAL) for name in entry.theirs]
    assert len(theirs) == len(set(theirs))
    assert set(theirs) == set(official.tensors())


def test_every_array_of_the_model_is_filled_in_its_shape(converted):
    expected = jax.eval_shape(lambda: Network(OFFICIAL_CUES, OFFICIAL).init(None))
    for ours, theirs in zip(converted, expected, strict=True):
        assert {name: np.shape(x) for name, x in ours.items()} == {name: x.shape for name, x in theirs.items()}


def test_there_and_back_is_the_same(converted):
    params, statistics = converted
    back = to_official(params | statistics, OFFICIAL)
    assert set(back) == set(official.tensors())
    for name, tensor in official.tensors().items():
        np.testing.assert_array_equal(back[name], tensor)


def test_a_part_alone_goes_back(converted):
    name = "inter/trunk/blocks/2/shortcut/kernel"
    assert set(to_official({name: converted[0][name]}, OFFICIAL)) == {"inter.resnet.layer2.0.downsample.0.weight"}


def test_layouts_by_hand(converted):
    params, statistics = converted
    theirs = official.tensors()

    def same(ours, index, name, at):
        assert params[ours][index] == theirs[name][at]

    same("intra/trunk/stems/1/kernel", (2, 5, 0, 7), "intra.resnet.conv1_gray.weight", (7, 0, 2, 5))
    same("inter/trunk/blocks/7/conv1/kernel", (0, 2, 9, 4), "inter.resnet.layer4.1.conv1.weight", (4, 9, 0, 2))
    same("inter/trunk/one_channel_kernel", (3, 8), "inter.resnet.fc.weight", (8, 3))
    # The second direction is the reverse one; gate g of unit 5 is at 2 x 64 + 5.
    same("intra/interaction/lstm/state_kernel", (1, 9, 133), "intra.lstm.weight_hh_l0_reverse", (133, 9))
    same("inter/interaction/lstm/input_kernel", (0, 300, 1), "inter.lstm.weight_ih_l0", (1, 300))
    same("inter/interaction/norm/scale", 77, "inter.norm.weight", (0, 77, 0))
    same("inter/cue_conv/kernel", (2, 3), "inter.pwconv_cues.weight", (0, 3, 2))
    same("intra/segment_conv/kernel", (0, 2), "intra.pwconv_video.weight", (0, 2, 0))
    same("head/kernel1", (10, 20), "loss.fc1.weight", (20, 10))
    np.testing.assert_array_equal(statistics["inter/trunk/stem_norm/mean"][0], theirs["inter.resnet.bn1.running_mean"])


def test_smaller_models_have_fewer_entries():
    options = dataclasses.replace(OFFICIAL, blocks=(1, 2), width=4, hidden=4, projection=8)
    params, statistics = jax.eval_shape(lambda: Network(OFFICIAL_CUES, options).init(None))
    assert {entry.ours for entry in entries(options)} == set(params) | set(statistics)


def test_a_missing_tensor_is_named():
    tensors = dict(official.tensors())
    del tensors["intra.pwconv_second.bias"]
    with pytest.raises(KeyError, match=r"intra\.pwconv_second\.bias"):
        from_official(tensors, OFFICIAL)
