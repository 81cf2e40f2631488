"""The named grids: every variant is an experiment that differs from its parent in what its name says."""

import pytest

import run
from configs import cmdc, common, daic_woz, e_daic, simulated
from mccl_jax import ablations
from mccl_jax.errors import UserError
from mccl_jax.experiment import Experiment
from mccl_jax.modes.sweep import _experiment

CUES = ("landmarks", "gaze", "pose", "aus")


def config(**sections):
    values = common.get_config().to_dict()
    for section, changes in sections.items():
        values[section] |= changes
    return values


def names(grid, **sections):
    return [one.name for one in ablations.variants(grid, Experiment.from_dict(config(**sections)))]


@pytest.mark.parametrize(
    "values",
    [
        config(),
        simulated.get_config().to_dict(),
        cmdc.get_config("simulated").to_dict(),
        config(data={"corpus": "cmdc", "folds": "disjoint"}, windows={"segments": "question"}),
        e_daic.get_config().to_dict(),
        daic_woz.get_config("official").to_dict() | {"init": {"weights": "resnet18.safetensors"}},
        config(train={"objective": "severity"}, model={"interaction": ("inter",), "cues": ("aus", "gaze")}),
    ],
)
def test_every_variant_differs_from_the_parent_in_its_setting_alone(values):
    base = Experiment.from_dict(values)
    found = ablations.variants("paper", base)
    assert len({one.folder for one in found} | {ablations.PARENT}) == len(found) + 1
    for one in found:
        assert "/" not in one.folder
        assert bool(one.setting) != bool(one.reads)
        if one.setting:
            changed, parent = (_experiment(values, base, one.folder, dict(of)) for of in (one.setting, {}))
            different = {line.partition(":")[0] for line in changed.differences(parent)} - {"model.segments"}
            assert different == set(one.setting), one.name


def test_cues():
    assert names("cues") == [f"{cue} alone" for cue in CUES] + [f"without {cue}" for cue in CUES]
    found = ablations.variants("cues", Experiment.from_dict(config()))
    assert [one.setting["model.cues"] for one in found[:4]] == [(cue,) for cue in CUES]
    assert found[5].setting == {"model.cues": ("landmarks", "pose", "aus")}
    assert names("cues", data={"cues": ("pose", "aus")}) == ["pose alone", "aus alone"]
    assert names("cues", model={"cues": ("pose", "aus")}) == ["pose alone", "aus alone"]
    with pytest.raises(UserError, match="--grid=cues: nothing in it differs"):
        names("cues", data={"cues": ("aus",)})


def test_what_the_config_is_already_is_no_variant():
    assert names("modules") == ["without CCAI", "without TSAI", "without CCAI and TSAI"]
    assert names("modules", model={"interaction": ("inter",)}) == ["without CCAI"]
    assert names("loss") == ["untrained", "trained on severity"]
    assert names("loss", train={"objective": "severity"}) == ["untrained"]
    sizes = names("sizes")
    assert {"1 segment", "6 segments", "1 head", "4 heads", "without projection head"} <= {*sizes}
    assert not {"3 segments", "2 heads", "temperature 0.09", "begun at random"} & {*sizes}
    assert "4 heads" not in names("sizes", model={"hidden": 1})
    assert "begun at random" in names("sizes", init={"weights": "resnet18.safetensors"})
    assert not {"without normalisation", "eps 0.1"} & {*names("sizes", model={"norm": "none"})}


def test_the_program_offers_every_grid():
    assert run.GRIDS == ablations.NAMES
