"""Windows on disk are those of one way to read the recordings: each way has a folder of its own."""

import dataclasses
import types

import pytest

from mccl_jax.experiment import DataOptions, Experiment, TrainOptions
from mccl_jax.modes.material import _place_of_windows
from mccl_jax.modes.prepare import builder_of

INTERVIEWS = {"form": "3hz", "labels": "", "target": ""}
# Corpus -> what its data options are, and each key by which its recordings are read in another way.
READ = {
    "daic_woz": (
        INTERVIEWS | {"cues": ("landmarks", "gaze", "pose", "aus")},
        {
            "corrections": ("-318-shift",),
            "frame_rate": 25.0,
            "cues": ("gaze", "landmarks", "pose", "aus"),
            "form": "native",
        },
    ),
    "e_daic": (
        INTERVIEWS | {"cues": ("deep", "gaze", "pose", "aus")},
        {"corrections": ("-zero-features",), "frame_rate": 25.0, "cues": ("gaze", "deep"), "form": "native"},
    ),
    "cmdc": (
        {"folds": "disjoint", "labels": "SubjectInfo.xlsx", "target": "PHQtotal"},
        {
            "corrections": ("-answer-names",),
            "frame_rate": 25.0,
            "cues": ("gaze", "landmarks"),
            "folds": "official",
            "split_seed": 1,
            "target": "other",
            "labels": "other.xlsx",
        },
    ),
    "openface": (
        {},
        {
            "missing": "omit",
            "frame_rate": 25.0,
            "cues": ("gaze", "landmarks"),
            "target": "other",
            "labels": "other.csv",
        },
    ),
}


def place(tmp_path, corpus, feeding="stream", fingerprint="same", **data):
    options = DataOptions(corpus=corpus, manual_dir="raw", data_dir=str(tmp_path), **READ[corpus][0] | data)
    experiment = Experiment(name="made", data=options, train=TrainOptions(feeding=feeding))
    builder, config = builder_of(experiment.data)
    report = types.SimpleNamespace(fingerprint=fingerprint)
    return _place_of_windows(experiment, [(builder(data_dir=tmp_path, config=config), report)])


@pytest.mark.parametrize("corpus", READ)
def test_windows_that_were_read_in_another_way_lie_elsewhere(tmp_path, corpus):
    usual = place(tmp_path, corpus)
    assert usual == place(tmp_path, corpus, workers=2)
    others = {key: place(tmp_path, corpus, **{key: value}) for key, value in READ[corpus][1].items()}
    others["fingerprint"] = place(tmp_path, corpus, fingerprint="another")
    assert len({usual, *others.values()}) == 1 + len(others)


def test_windows_that_are_not_streamed_lie_nowhere(tmp_path):
    assert place(tmp_path, "openface", feeding="resident") is None


def test_every_key_that_may_change_what_is_read_is_looked_at():
    """A key that is new is to stand above, or here, where a reader takes no notice of it."""
    elsewhere = {"corpus", "manual_dir", "data_dir", "workers"}
    of_training = {"dev_fraction", "kfold", "inner_folds", "exclude_overlap"}
    looked_at = {key for _, others in READ.values() for key in others}
    assert {field.name for field in dataclasses.fields(DataOptions)} == looked_at | elsewhere | of_training
