"""Nothing of who is reported is in what is trained: noise in their place leaves every bit of it as it was."""

import csv
import dataclasses
import json
import types

import jax
import numpy as np
import pytest

import mccl_jax
from configs import common, daic_woz_to_e_daic
from data_builders.report import Tally
from mccl_jax.cues import AUS, DAIC_WOZ_CUES, GAZE, POSE
from mccl_jax.evaluation import held_out, results
from mccl_jax.evaluation.embeddings import Embeddings, evaluated_epochs
from mccl_jax.experiment import Experiment
from mccl_jax.modes import material, train
from mccl_jax.training import checkpoints
from tests.data.made import face, session

OPENFACE = {cue.name: cue for cue in (GAZE, POSE, AUS)}
CLNF = {name: DAIC_WOZ_CUES[name] for name in OPENFACE}
SMALL = {
    "windows": {"rate": 2.0, "seconds": 16.0},
    "model": {"width": 4, "blocks": (1,), "hidden": 4, "projection": 8},
    "train": {"epochs": 2, "batch_size": 4, "evaluate_every": 1, "checkpoint_every": 2, "direct_baseline": False},
    "evaluation": {"reported_split": "test", "resamples": 20},
}


def experiment(config, **data):
    values = config.to_dict()
    for section, changes in {**SMALL, "data": data}.items():
        values[section].update(changes)
    return Experiment.from_dict(values)


def recorded(number, specification=OPENFACE, **fields):
    """A session of somebody whose severity shows a little, `number` being their name."""
    cues = dict(face(40, seed=number)[0].cues)
    rng = np.random.default_rng([number, 1])
    cues["gaze"] = cues["gaze"][:, np.arange(len(specification["gaze"].points)) % 2]
    cues["aus"] = cues["aus"][:, : len(specification["aus"].points)] * rng.uniform(0.2, 1)
    who = {"session": str(number), "subject": str(number), "target": float(number * 7 % 20), "gender": "female"}
    cues = {name: cues[name] for name in specification}
    return session(np.arange(40) / 2, specification, cues, rng.random(40) > 0.1, **who | fields)


def noise(one, seed):
    """The same person's record with nothing in it as it was: values, length, tracked frames, severity, labels."""
    rng = np.random.default_rng([int(one.session), seed])
    frames = int(rng.integers(10, 90))
    scale = {"gaze": 1, "pose": 500, "aus": 5}
    cues = {name: scale[name] * rng.normal(size=(frames, *one.cues[name].shape[1:])) for name in one.cues}
    return dataclasses.replace(
        session(np.sort(rng.uniform(0, 60, frames)), one.specification, cues, rng.random(frames) > 0.5),
        **{name: getattr(one, name) for name in ("session", "subject", "split", "folds")},
        target=float(rng.integers(100, 200)),
        gender="male",
        labels={"site": "elsewhere"},
        provenance={"sha256": f"{one.session} {seed}", "notes": ["is noise"]},
    )


@pytest.fixture
def ended(tmp_path, monkeypatch):
    """A function that runs the whole of a training on given records (two lists for a transfer): its workdir."""

    def run(name, options, *corpora):
        report = Tally((), ()).report(str(tmp_path), "fingerprint")
        prepared = [
            (types.SimpleNamespace(records=records, specification=dict(records[0].specification)), report)
            for records in corpora
        ]
        monkeypatch.setattr(material, "prepare_all", lambda _, say: prepared)
        monkeypatch.setattr(material, "read_sessions", lambda builder: iter(builder.records))
        train.run(options, tmp_path / name, lambda line: None)
        return tmp_path / name

    return run


def assert_the_same_training(one, other, options):
    """Every checkpoint that is left, the embeddings of train, and the regressors on them."""
    steps = sorted(path.name for path in (one / "checkpoints").iterdir())
    assert steps == sorted(path.name for path in (other / "checkpoints").iterdir())
    for step in steps:
        leaves = [
            jax.tree.leaves_with_path(checkpoints.load(place / "checkpoints" / step)[0]) for place in (one, other)
        ]
        assert {path[0].key for path, _ in leaves[0]} - {"severity"} == {"state", "scaler"}
        for (path, here), (there_path, there) in zip(*leaves, strict=True):
            assert path == there_path
            assert here.tobytes() == there.tobytes(), jax.tree_util.keystr(path)
    epochs = evaluated_epochs(one)
    assert list(epochs) == list(evaluated_epochs(other)) == [0, 1, 2]
    for epoch in epochs:
        here, there = (Embeddings.load(evaluated_epochs(place)[epoch]) for place in (one, other))
        assert here.of_split("train").features.tobytes() == there.of_split("train").features.tobytes()
        fitted = [held_out.fit(embeddings, options.evaluation) for embeddings in (here, there)]
        assert set(fitted[0]) == {"xgboost", "ridge"}
        assert [regressor.to_json() for regressor in fitted[0].values()] == [
            regressor.to_json() for regressor in fitted[1].values()
        ]


def assert_the_same_model(one, other):
    """The model that predicts: arrays, and regressors as they are kept, of an epoch that nobody chose."""
    (arrays, said), (others, said_of_others) = (checkpoints.load(place / "model") for place in (one, other))
    for here, there in zip(jax.tree.leaves(arrays), jax.tree.leaves(others), strict=True):
        assert here.tobytes() == there.tobytes()
    for name, kept in said["regressors"].items():
        assert json.dumps(kept["regressor"]) == json.dumps(said_of_others["regressors"][name]["regressor"])
    for place in (one, other):
        models = results.read(place)["protocols"]["last"]["models"]
        assert {name: model["epoch"] for name, model in models.items()} == {"xgboost": 2, "ridge": 2}


def was_another_task(one, other):
    """Whether the reported sessions of the two were others, so that a test of sameness is one."""
    scores = [results.read(place)["baselines"]["train_mean"]["metrics"]["mae"]["estimate"] for place in (one, other)]
    return abs(scores[0] - scores[1]) > 50


def test_splits(ended):
    options = experiment(common.get_config(), cues=tuple(OPENFACE))
    splits = ["train", "test", "train", "dev", "train"]
    people = [recorded(i, split=splits[i % 5]) for i in range(20)]
    plain = ended("plain", options, people)
    other = ended("noise", options, [one if one.split == "train" else noise(one, 1) for one in people])
    assert was_another_task(plain, other)
    assert_the_same_training(plain, other, options)
    assert_the_same_model(plain, other)
    fewer = ended("fewer", options, [one for one in people if one.split == "train" or one.session == "1"])
    assert_the_same_training(plain, fewer, options)
    assert_the_same_model(plain, fewer)


def test_a_network_trained_on_severity(ended):
    """It is told train's severities alone, and what it says itself is one more predictor, in the model, too."""
    options = experiment(common.get_config(), cues=tuple(OPENFACE))
    options = dataclasses.replace(options, train=dataclasses.replace(options.train, objective="severity"))
    splits = ["train", "test", "train", "train"]
    people = [recorded(i, split=splits[i % 4]) for i in range(16)]
    people[2] = dataclasses.replace(people[2], target=float("nan"))
    plain = ended("plain", options, people)
    other = ended("noise", options, [one if one.split == "train" else noise(one, 1) for one in people])
    assert_the_same_training(plain, other, options)
    assert was_another_task(plain, other)

    arrays, *_ = checkpoints.newest(plain / "checkpoints")
    known = [one.target for one in people if one.split == "train" and np.isfinite(one.target)]
    assert (arrays["severity"]["centre"], arrays["severity"]["scale"]) == (np.mean(known), np.std(known))
    last = Embeddings.load(evaluated_epochs(plain)[2])
    params = arrays["state"]["params"]
    assert not any(name.startswith("head/") for name in params)
    says = last.features @ params["severity/kernel"] + params["severity/bias"]
    np.testing.assert_allclose(last.output, np.mean(known) + np.std(known) * says, rtol=1e-5)
    model = mccl_jax.load(plain)
    shown = results.read(plain)
    assert set(shown["protocols"]["last"]["models"]) == {"xgboost", "ridge", "network"}
    with (plain / "predictions.csv").open() as file:
        rows = {row["session"]: float(row["network"]) for row in csv.DictReader(file)}
    for one in people[1::4]:
        said = model.predict(one, "network")
        assert said["severity"] == pytest.approx(rows[one.session], rel=1e-4)
        assert len(said["intervals"]) == 2


def test_the_choice_of_a_checkpoint(ended):
    """By a split that is neither trained on nor reported, the reported have no say in it."""
    options = experiment(common.get_config(), cues=tuple(OPENFACE))
    options = dataclasses.replace(options, train=dataclasses.replace(options.train, checkpoint_every=1, best_by="dev"))
    people = [recorded(i, split=["train", "test", "train", "dev", "train"][i % 5]) for i in range(20)]
    plain = ended("plain", options, people)
    other = ended("noise", options, [noise(one, 1) if one.split == "test" else one for one in people])
    assert was_another_task(plain, other)
    said, said_of_other = (checkpoints.newest(place / "checkpoints")[1]["selection"] for place in (plain, other))
    assert said == said_of_other
    assert said["score_is"] == "MAE of xgboost on dev"
    assert 0 < said["best"]["score"] < 50


def test_folds(ended):
    options = experiment(common.get_config(), cues=tuple(OPENFACE))
    folds = [(1,), (2,), (), (1, 2), ()]
    people = [recorded(i, folds=folds[i % 5]) for i in range(15)]
    plain = ended("plain", options, people)
    for fold, another in ((1, 2), (2, 1)):
        other = ended(f"noise {fold}", options, [noise(one, fold) if fold in one.folds else one for one in people])
        assert was_another_task(plain, other)
        assert_the_same_training(plain / f"fold_{fold}", other / f"fold_{fold}", options)
        with pytest.raises(AssertionError):  # in the others they are trained on
            assert_the_same_training(plain / f"fold_{another}", other / f"fold_{another}", options)


def test_the_inner_choice(ended):
    """Epoch and regressor are chosen on train alone, by encoders that did not see those who choose.

    Nor does the baseline that is trained beside them know the reported.
    """
    options = experiment(common.get_config(), cues=tuple(OPENFACE), inner_folds=2)
    options = dataclasses.replace(options, train=dataclasses.replace(options.train, direct_baseline=True))
    people = [recorded(i, split=["train", "test", "train", "dev", "train"][i % 5]) for i in range(20)]
    plain = ended("plain", options, people)
    other = ended("noise", options, [one if one.split == "train" else noise(one, 1) for one in people])
    assert was_another_task(plain, other)
    for beside in ("inner_1", "inner_2", "direct"):
        assert_the_same_training(plain / beside, other / beside, options)
    assert results.read(plain)["comparisons"][-1]["baseline"] == "direct_network"
    choices, of_other = (results.read(place)["choices"] for place in (plain, other))
    assert choices == of_other
    assert choices[0]["sessions"] == 12
    first = Embeddings.load(evaluated_epochs(plain / "inner_1")[2])
    left_out = set(first.session[first.split == "inner"].tolist())
    assert 0 < len(left_out) < 12
    # Severities stay: by them the parts are drawn.
    other_faces = {one.session: dataclasses.replace(noise(one, 2), target=one.target) for one in people}
    changed = [other_faces[one.session] if one.session in left_out else one for one in people]
    fewer = ended("others", options, changed)
    assert_the_same_training(plain / "inner_1", fewer / "inner_1", options)


def test_a_nested_cross_validation_reports_each_once_and_chooses_in_each_fold(ended):
    options = experiment(common.get_config(), cues=tuple(OPENFACE), inner_folds=2, kfold=2)
    splits, spans = ["train", "test", "train", "dev", "train"], [np.array([0.0, 12 + i % 3]) for i in range(20)]
    people = [recorded(i, split=splits[i % 5], speech_span=spans[i]) for i in range(20)]
    workdir = ended("nested", options, people)
    said = results.read(workdir)
    assert said["counts"]["test"]["n_sessions"] == 16  # dev is neither trained on nor reported
    assert [one["fold"] for one in said["choices"]] == ["fold_1", "fold_2"]
    assert said["protocols"]["crops"]["models"]["ridge"]["metrics"]["mae"]["n_sessions"] == 16
    models = said["protocols"]["inner"]["models"]
    assert list(models) == ["xgboost", "ridge", "inner_choice"]
    assert models["inner_choice"]["metrics"]["mae"]["n_sessions"] == 16
    final = Embeddings.load(evaluated_epochs(workdir / "all")[2])
    assert {*final.session[final.split == "unused"].tolist()} == {"3", "8", "13", "18"}
    for fold in (1, 2):
        outer = Embeddings.load(evaluated_epochs(workdir / f"fold_{fold}")[2])
        for k in (1, 2):
            inner = Embeddings.load(evaluated_epochs(workdir / f"fold_{fold}/inner_{k}")[2])
            taught = {*inner.subject[inner.split == "train"].tolist()}
            assert not taught & {*outer.subject[outer.split == "test"].tolist()}
            assert not taught & {*inner.subject[inner.split == "inner"].tolist()}


def test_transfer(ended):
    options = experiment(daic_woz_to_e_daic.get_config())
    trained = [recorded(i, CLNF, split="train" if i % 4 else "dev") for i in range(20)]
    # Those below 20 are in both corpora, of the second in its train.
    reported = [recorded(i, split="test" if i >= 20 else "train", gender="male") for i in range(10, 32)]
    plain = ended("plain", options, trained, reported)
    other = ended("noise", options, trained, [noise(one, 1) for one in reported])
    assert was_another_task(plain, other)
    assert_the_same_training(plain, other, options)
    assert_the_same_model(plain, other)
    unused = [one if one.split == "train" else noise(one, 2) for one in trained]  # nor is the first corpus's dev of use
    assert_the_same_model(plain, ended("unused", options, unused, reported))
