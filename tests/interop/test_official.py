"""Official names and layouts against ours: complete, consistent with the model, and the same there and back."""

import dataclasses

import jax
import numpy as np
import pytest

from mccl_jax.errors import UserError
from mccl_jax.interop.official import by_layer, entries, from_official, in_state_dict, to_official
from mccl_jax.interop.tensors import read_tensors, write_tensors
from mccl_jax.models.network import Network
from tests.golden import official
from tests.golden.ours import OFFICIAL, OFFICIAL_CUES
from tests.interop.made import Made, without_counters

SIZES = {"width": 4, "blocks": (1, 2), "hidden": 4, "projection": 6}
SMALL = dataclasses.replace(OFFICIAL, **SIZES)
SMALL_PER_CUE = dataclasses.replace(SMALL, statistics_per_cue=True)


@pytest.fixture(scope="module")
def converted():
    return from_official(official.tensors(), OFFICIAL)


@pytest.fixture(scope="module")
def small():
    """State dicts of a small official model."""
    return Made().official(**SIZES)


@pytest.fixture(scope="module")
def fresh():
    return jax.device_get(Network(OFFICIAL_CUES, SMALL).init(0))


def same(found, expected):
    assert set(found) == set(expected)
    for name, tensor in expected.items():
        assert found[name].dtype == tensor.dtype
        np.testing.assert_array_equal(found[name], tensor)


def refused(tensors, options=SMALL, **more) -> str:
    with pytest.raises(UserError) as error:
        from_official(tensors, options, **more)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_every_official_tensor_is_read_once():
    table = list(entries(OFFICIAL))
    theirs = [name for entry in table for name in entry.theirs]
    assert len(theirs) == len(set(theirs))
    shapes = {name: entry.shape for entry in table for name in entry.theirs}
    assert shapes == {name: tensor.shape for name, tensor in official.tensors().items()}


def test_state_dicts_hold_each_tensor_under_these_names():
    theirs = [name for entry in entries(OFFICIAL) for short in entry.theirs for name in in_state_dict(short)]
    assert len(theirs) == len(set(theirs))
    expected = without_counters(Made().official())
    assert set(theirs) == set(expected)
    # Counted by hand: 20 convolutions, 20 x 4 of normalisation, fc; three times, once without fc; and the rest.
    assert len(theirs) == 2 * (100 + 102 + 102) + 2 * (8 + 1 + 4) + 2 + 4 + 4


@pytest.mark.parametrize("options", [OFFICIAL, SMALL, dataclasses.replace(SMALL_PER_CUE, segments=5)])
def test_every_array_of_the_model_is_told_in_its_shape(options):
    rows = 4 if options.statistics_per_cue else 1
    expected = jax.eval_shape(lambda: Network(OFFICIAL_CUES, options).init(None))
    for statistic, arrays in enumerate(expected):
        told = {entry.ours: entry.our_shape(rows) for entry in entries(options) if entry.is_statistic == statistic}
        assert told == {name: x.shape for name, x in arrays.items()}


def test_every_array_of_the_model_is_filled_in_its_shape(converted):
    expected = jax.eval_shape(lambda: Network(OFFICIAL_CUES, OFFICIAL).init(None))
    for ours, theirs in zip(converted, expected, strict=True):
        assert {name: np.shape(x) for name, x in ours.items()} == {name: x.shape for name, x in theirs.items()}


def test_there_and_back_is_the_same(converted):
    params, statistics = converted
    same(by_layer(params | statistics, OFFICIAL), official.tensors())


def test_state_dicts_there_and_back_are_the_same():
    tensors = Made().official()
    params, statistics = from_official(tensors, OFFICIAL)
    same(to_official(params, statistics, OFFICIAL), without_counters(tensors))


@pytest.mark.parametrize("options", [SMALL, SMALL_PER_CUE])
def test_ours_there_and_back_is_the_same(options, tmp_path):
    rng = np.random.default_rng(3)
    params, statistics = jax.device_get(Network(OFFICIAL_CUES, options).init(0))
    params = {name: rng.standard_normal(x.shape, np.float32) for name, x in params.items()}
    # Equal rows, which alone an official model can hold.
    statistics = {name: np.tile(rng.random(x[:1].shape, np.float32), (len(x), 1)) for name, x in statistics.items()}
    write_tensors(tmp_path / "official.safetensors", to_official(params, statistics, options))
    back = from_official(read_tensors(tmp_path / "official.safetensors"), options)
    same(back[0], params)
    same(back[1], statistics)


def test_both_spellings_mean_the_same(converted):
    """Each layer once, as in the golden file, or under all the names of a state dict."""
    state_dicts = {name: x for short, x in official.tensors().items() for name in in_state_dict(short)}
    for found, expected in zip(from_official(state_dicts, OFFICIAL), converted, strict=True):
        same(found, expected)


def test_a_shared_tensor_may_come_once(small):
    """As safetensors.torch.save_model writes it; any of its names will do."""
    for kept in ("features_2d.", "features_2d_gray.", "model."):
        few = {}
        for short in (name for entry in entries(SMALL) for name in entry.theirs):
            names = in_state_dict(short)
            name = next((n for n in names if kept in n), names[0])
            few[name] = small[name]
        assert len(few) < len(without_counters(small))
        for found, expected in zip(from_official(few, SMALL), from_official(small, SMALL), strict=True):
            same(found, expected)


def test_copies_that_differ_are_named(small):
    name = "intra.features_2d.4.0.bn1.weight"
    said = refused(small | {name: small[name] + 1})
    assert f"copies that differ: {name} from intra.model.layer1.0.bn1.weight" in said


def test_a_part_alone_goes_back(converted):
    name = "inter/trunk/blocks/2/shortcut/kernel"
    assert set(by_layer({name: converted[0][name]}, OFFICIAL)) == {"inter.resnet.layer2.0.downsample.0.weight"}


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


def test_places_in_the_sequence_by_hand(small):
    params, statistics = from_official(small, SMALL)
    stem = small["inter.features_2d.0.weight"]
    assert params["inter/trunk/stems/3/kernel"][2, 5, 1, 3] == stem[3, 1, 2, 5]
    assert params["inter/trunk/stems/1/kernel"][2, 5, 0, 3] == small["inter.model.conv1.weight"][3, 0, 2, 5]
    shortcut = small["intra.features_2d.5.0.downsample.0.weight"]
    assert params["intra/trunk/blocks/1/shortcut/kernel"][0, 0, 2, 7] == shortcut[7, 2, 0, 0]
    mean = small["intra.features_2d.1.running_mean"]
    np.testing.assert_array_equal(statistics["intra/trunk/stem_norm/mean"], mean[None])


def test_every_cue_begins_with_the_one_set_of_statistics(small):
    per_cue, single = from_official(small, SMALL_PER_CUE)[1], from_official(small, SMALL)[1]
    same(per_cue, {name: np.tile(x, (4, 1)) for name, x in single.items()})


def test_statistics_that_differ_between_cues_do_not_go_out(small):
    params, statistics = from_official(small, SMALL_PER_CUE)
    statistics["inter/trunk/stem_norm/var"][2, 1] += 1
    with pytest.raises(UserError, match=r"inter/trunk/stem_norm/var.*model\.statistics_per_cue=False"):
        to_official(params, statistics, SMALL_PER_CUE)


def test_the_head_of_a_fresh_model_stands_in_for_the_one_never_saved(small, fresh):
    headless = {name: x for name, x in small.items() if not name.startswith("loss.")}
    assert "missing: loss.fc1.weight, loss.fc1.bias, loss.fc2.weight, loss.fc2.bias" in refused(headless)
    params, _ = from_official(headless, SMALL, fresh=fresh[0])
    assert set(params) == set(fresh[0])
    for name, array in from_official(small, SMALL)[0].items():
        np.testing.assert_array_equal(params[name], fresh[0][name] if name.startswith("head/") else array)
    same(from_official(small, SMALL, fresh=fresh[0])[0], from_official(small, SMALL)[0])


def test_half_a_head_is_not_a_fresh_one(small, fresh):
    half = {name: x for name, x in small.items() if not name.startswith("loss.fc2")}
    assert "missing: loss.fc2.weight, loss.fc2.bias" in refused(half, fresh=fresh[0])


def test_models_of_other_cues_are_refused(small):
    others = Network({"landmarks": (68, 3), "aus": (17, 1)}, SMALL).init(None)
    said = refused(small, fresh=others[0])
    assert "inter/cue_conv/kernel (3, 2) for (3, 4)" in said
    assert "landmarks, gaze, pose, aus" in said
    with pytest.raises(UserError, match=r"inter/cue_conv/kernel \(3, 2\) for \(3, 4\)"):
        to_official(*others, SMALL)


def test_missing_extra_and_misshapen_are_named_at_once(small):
    broken = dict(small)
    del broken["intra.pwconv_second.bias"]
    broken["inter.attention.weight"] = np.zeros(3, np.float32)
    broken["inter.to_qkv.weight"] = broken["inter.to_qkv.weight"].T
    assert refused(broken, source="official.safetensors") == (
        "official.safetensors: missing: intra.pwconv_second.bias; not expected: inter.attention.weight; "
        "of another shape: inter.to_qkv.weight (8, 24) for (24, 8); expected the state dicts of an official MCCL "
        "model, named inter., intra. and loss., of the sizes in config.model"
    )


def test_a_missing_tensor_is_named_in_the_spelling_of_the_others(small):
    short = dict(official.tensors())
    del short["inter.resnet.bn1.weight"]
    assert "missing: inter.resnet.bn1.weight;" in refused(short, OFFICIAL)
    copies = ("inter.model.bn1.weight", "inter.features_2d_gray.bn1.weight", "inter.features_2d.1.weight")
    assert "missing: inter.model.bn1.weight;" in refused({name: x for name, x in small.items() if name not in copies})


def test_a_missing_array_of_ours_is_named(fresh):
    params = dict(fresh[0])
    del params["intra/interaction/qkv"]
    with pytest.raises(UserError, match="the model: missing: intra/interaction/qkv;"):
        to_official(params, fresh[1], SMALL)
