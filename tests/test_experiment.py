"""Options: the configs name all of them, mistakes are named, nothing is an option that nothing reads."""

import dataclasses
import pathlib
import re

import pytest

from configs import cmdc, common, daic_woz, daic_woz_to_e_daic, e_daic, openface, simulated
from mccl_jax.errors import UserError
from mccl_jax.experiment import Experiment

ROOT = pathlib.Path(__file__).resolve().parents[1]
SECTIONS = ("data", "windows", "model", "train", "evaluation")
OPENFACE = ("landmarks", "gaze", "pose", "aus")


CONFIGS = [module.get_config() for module in (common, openface, simulated, cmdc, daic_woz, e_daic, daic_woz_to_e_daic)]


@pytest.mark.parametrize("config", [*CONFIGS, *(corpus.get_config("simulated") for corpus in (cmdc, daic_woz, e_daic))])
def test_configs_are_experiments_and_come_back_from_json(config):
    experiment = Experiment.from_dict(config.to_dict())
    assert Experiment.from_json(experiment.to_json()) == experiment


def test_common_names_every_option():
    config = common.get_config()
    experiment = Experiment.from_dict(config.to_dict())
    for section in SECTIONS:
        names = {field.name for field in dataclasses.fields(getattr(experiment, section))}
        follow = {"model": {"segments"}, "evaluation": {"simulated"}}  # from the windows, from what the data are
        assert set(config[section]) == names - follow.get(section, set()), section


def test_common_holds_the_defaults():
    """The commented page is the truth about what happens when nothing is said."""
    experiment, bare = Experiment.from_dict(common.get_config().to_dict()), Experiment(name="common")
    for section in ("windows", "model", "train"):
        assert getattr(experiment, section) == getattr(bare, section)


@pytest.mark.parametrize(("segments", "number"), [(5, 5), ("question", 12)])
def test_the_model_has_the_segments_of_the_windows(segments, number):
    experiment = Experiment.from_dict(_changed(windows={"segments": segments}))
    assert experiment.model.segments == number
    assert Experiment.from_json(experiment.to_json()) == experiment


def test_every_option_is_read():
    sources = {
        path: path.read_text() for folder in ("mccl_jax", "data_builders") for path in (ROOT / folder).rglob("*.py")
    }
    experiment = Experiment.from_dict(simulated.get_config().to_dict())
    for section in (*SECTIONS, "simulation"):
        for field in dataclasses.fields(getattr(experiment, section)):
            read = re.compile(rf"\.{field.name}\b(?!\s*=[^=])")
            assert any(read.search(text) for text in sources.values()), f"nothing reads {section}.{field.name}"


def _changed(**sections):
    values = common.get_config().to_dict()
    for section, changes in sections.items():
        values.setdefault(section, {}).update(changes)
    return values


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"train": {"epoch": 3}}, "config.train.epoch: no such key"),
        ({"train": {"epochs": "3"}}, "config.train.epochs is '3': expected int"),
        ({"train": {"epochs": True}}, "config.train.epochs is True"),
        ({"train": {"batch_size": 0}}, "train.batch_size is 0"),
        ({"train": {"objective": "none"}}, "train.objective is 'none': expected 'contrastive' or 'severity'"),
        ({"train": {"objective": "severity"}, "init": {"official": ("a.npz",)}}, "other parts than train.objective"),
        ({"train": {"best_by": "train"}}, "train.best_by is 'train', which is trained on"),
        ({"train": {"best_by": "dev"}}, "train.best_by is 'dev', the reported split"),
        ({"model": {"blocks": 2}}, "config.model.blocks is 2"),
        ({"model": {"segments": 4}}, "model.segments 4"),
        ({"model": {"dtype": "float16"}}, "model.dtype is 'float16': expected 'float32' or 'bfloat16'"),
        ({"model": {"deep_width": 0}}, "model.deep_width is 0: expected at least 1"),
        ({"model": {"projection": -1}}, "model.projection is -1: expected at least 0"),
        ({"model": {"interaction": ("inter", "both")}}, "expected some of inter, intra, or ()"),
        ({"model": {"norm": "batch"}}, "model.norm is 'batch': expected 'mixed' or 'none'"),
        ({"model": {"cues": ("aus", "deep")}}, "model.cues is ('aus', 'deep'): expected some of data.cues, landmarks,"),
        ({"model": {"cues": ("aus", "aus")}}, "each once"),
        ({"model": {"norm": "none"}, "init": {"official": ("a.npz",)}}, "other parts than model.norm asks for"),
        ({"windows": {"sampling": "often"}}, "windows.sampling"),
        ({"windows": {"segments": "answer"}}, "windows.segments is 'answer'"),
        ({"windows": {"segments": 1.5}}, "config.windows.segments is 1.5"),
        ({"data": {"corpus": "mine"}}, "data.corpus is 'mine'"),
        ({"data": {"folds": "official"}}, "data.folds is 'official'"),
        ({"data": {"corpus": "cmdc"}}, "expected 'disjoint' or 'official'"),
        ({"data": {"corpus": "cmdc", "folds": "disjoint", "missing": "omit"}}, "data.missing is 'omit'"),
        ({"windows": {"seconds": 0.5}}, "2 frames cannot be cut into 3 segments"),
        ({"data": {"cues": ("face",)}}, "face"),
        ({"data": {"cues": ("deep", "aus")}}, "expected one or more of landmarks, gaze, pose, aus"),
        (
            {"data": e_daic.get_config().data.to_dict() | {"cues": ("landmarks",)}},
            "one or more of deep, gaze, pose, aus",
        ),
        ({"data": e_daic.get_config().data.to_dict() | {"missing": "omit"}}, "data.missing is 'omit'"),
        ({"data": {"dev_fraction": 1.0}}, "data.dev_fraction"),
        ({"transfer": {"corpus": "mine"}}, "transfer.corpus is 'mine'"),
        ({"transfer": {"corpus": "cmdc"}}, "transfer.folds is ''"),
        ({"transfer": {"section": "data"}}, "config.transfer.section: no such key"),
        (
            {"transfer": {"cues": ("pose",)}},
            "transfer.cues are pose, data.cues landmarks, gaze, pose, aus: expected the",
        ),
        (
            {"transfer": {"cues": OPENFACE, "exclude_overlap": True}},
            "transfer.exclude_overlap: sessions are only left out of train",
        ),
        ({"evaluation": {"primary": "oracle"}}, "oracle"),
        ({"evaluation": {"reported_split": "train"}}, "train"),
    ],
)
def test_a_mistake_is_named(changes, named):
    with pytest.raises(UserError) as raised:
        Experiment.from_dict(_changed(**changes))
    assert named in str(raised.value)
    assert "\n" not in str(raised.value)


def test_differences_name_keys_but_not_those_of_the_evaluation():
    one = Experiment.from_dict(common.get_config().to_dict())
    other = Experiment.from_dict(_changed(train={"epochs": 7}, evaluation={"level": 0.5}))
    assert other.differences(one) == ["train.epochs: 7 here, 300 there"]


def test_a_model_says_where_it_departs_from_the_paper():
    def departures(**sections):
        return Experiment.from_dict(_changed(**sections)).departures

    assert departures(model={"cues": ("aus",), "interaction": ("intra", "inter"), "heads": 4}) == []
    assert departures(model={"interaction": ("intra",), "projection": 0}) == ["model.interaction", "model.projection"]
    assert departures(model={"norm": "none"}, train={"objective": "severity"}) == ["model.norm", "train.objective"]


def test_a_transfer_has_two_corpora_that_lie_apart():
    one = Experiment.from_dict(daic_woz_to_e_daic.get_config().to_dict())
    here, there = one.corpora
    assert here is one
    assert (there.data.corpus, there.name, there.transfer) == ("e_daic", "daic_woz_to_e_daic/transfer", None)
    assert one.transfer_names == {"train": "DAIC-WOZ", "test": "E-DAIC"}
    alone = Experiment.from_dict(common.get_config().to_dict())
    assert (alone.corpora, alone.transfer_names) == ((alone,), None)
    assert one.differences(alone) != alone.differences(alone) == []


def test_simulated_data_are_called_so():
    assert Experiment.from_dict(simulated.get_config().to_dict()).evaluation.simulated
    assert not Experiment.from_dict(openface.get_config().to_dict()).evaluation.simulated


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("data", "manual_dir", "gs://bucket/corpus"),
        ("init", "weights", "gs://bucket/resnet18.safetensors"),
        ("init", "official", ("a.safetensors", "gs://bucket/b.safetensors")),
    ],
)
def test_a_place_in_an_object_store_is_refused(section, key, value):
    config = openface.get_config()
    with config.unlocked():
        config[section][key] = value
    with pytest.raises(UserError, match=rf"{section}\.{key} is gs://bucket/.*gcloud storage cp") as caught:
        Experiment.from_dict(config.to_dict())
    assert "\n" not in str(caught.value)


def test_prepared_data_lie_on_a_disk_or_in_a_bucket_of_google():
    config = openface.get_config()
    config.data.data_dir = "s3://bucket/prepared"
    with pytest.raises(UserError, match=r"data\.data_dir is s3://bucket/prepared: expected .*gs://BUCKET/FOLDER"):
        Experiment.from_dict(config.to_dict())


def test_the_cues_are_those_that_the_model_reads():
    assert Experiment.from_dict({}).cues == ("landmarks", "gaze", "pose", "aus")
    assert Experiment.from_dict({"model": {"cues": ("pose", "gaze")}}).cues == ("pose", "gaze")
