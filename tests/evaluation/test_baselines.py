"""What a model has to beat: each baseline finds what it should, from train alone."""

import dataclasses

import numpy as np
import pytest

from mccl_jax.errors import UserError
from mccl_jax.evaluation.baselines import WORDS, baselines
from mccl_jax.evaluation.described import Described
from mccl_jax.evaluation.embeddings import UNTRAINED, Embeddings, evaluated_epochs, path_of_epoch
from mccl_jax.evaluation.options import Options
from mccl_jax.evaluation.protocols import Beside, evaluate
from mccl_jax.metrics import METRICS

N = 90
SESSION = np.array([f"s{i}" for i in range(N)])
SPLIT = np.array(["train"] * 60 + ["test"] * 30)
TARGET = np.random.default_rng(0).integers(0, 25, N).astype(float)
OPTIONS = Options(primary="ridge", resamples=200)


def embeddings(z=None, gender=None, target=TARGET, output=None):
    rng = np.random.default_rng(1)
    z = rng.normal(size=(N, 3)) if z is None else z
    labels = {} if gender is None else {"gender": gender}
    return Embeddings(SESSION, SESSION, SPLIT, target, z, z, labels, output)


def described(seconds=None, statistics=None):
    rng = np.random.default_rng(2)
    seconds = rng.uniform(60, 90, N) if seconds is None else seconds
    statistics = rng.normal(size=(N, 4)) if statistics is None else statistics
    nuisance = {"seconds": seconds, "answers": np.full(N, np.nan), "failed_share": np.zeros(N)}
    return Described(SESSION, nuisance, statistics.astype(np.float32))


def found(trained=None, untrained=None, of=None, direct=None, options=OPTIONS):
    trained = embeddings() if trained is None else trained
    return baselines(trained.of_split("train"), trained.of_split("test"), untrained, of, direct, options)


def mae(predicted):
    return float(METRICS["mae"](TARGET[60:], predicted))


def test_without_anything_they_are_mean_and_median_of_train():
    assert list(found()) == ["train_mean", "train_median"]
    assert set(found()["train_mean"]) == {TARGET[:60].mean()}
    assert set(found()["train_median"]) == {np.median(TARGET[:60])}


def test_all_of_them_have_words_and_keep_their_order():
    gender = np.where(np.arange(N) % 2, "male", "female")
    all_of_them = found(embeddings(gender=gender), embeddings(), described(), embeddings(output=TARGET + 1))
    assert list(all_of_them) == [name for name in WORDS if name != "group_mean"]
    for predicted in all_of_them.values():
        assert predicted.shape == (30,)
        assert np.isfinite(predicted).all()


def test_a_shortcut_by_length_is_found():
    shortcut = found(of=described(seconds=60 + 5 * TARGET + np.random.default_rng(3).normal(0, 5, N)))
    assert mae(shortcut["nuisance"]) < 0.4 * mae(shortcut["train_mean"])
    assert mae(shortcut["session_statistics"]) > 0.8 * mae(shortcut["train_mean"])


def test_what_stands_in_the_statistics_of_the_cues_is_found():
    rng = np.random.default_rng(4)
    plain = found(of=described(statistics=TARGET[:, None] * [1.0, 0, 0, -1.0] + rng.normal(0, 2, (N, 4))))
    assert mae(plain["session_statistics"]) < 0.4 * mae(plain["train_mean"])


def test_what_the_encoder_knew_before_its_training_is_found():
    z = TARGET[:, None] + np.random.default_rng(5).normal(0, 2, (N, 3))
    before = found(untrained=embeddings(z))
    assert mae(before["untrained_encoder"]) < 0.4 * mae(before["train_mean"])


def test_what_the_network_trained_on_severity_says_is_taken_as_it_is(tmp_path):
    direct = tmp_path / "direct.npz"
    embeddings(output=TARGET + 2).save(direct)
    embeddings().save(path_of_epoch(tmp_path, 5))
    results = evaluate(evaluated_epochs(tmp_path), OPTIONS, beside=Beside(direct={"": direct})).results
    assert results["baselines"]["direct_network"]["metrics"]["mae"]["estimate"] == pytest.approx(2)
    said = results["comparisons"][-1]["verdict"]
    assert said.startswith(
        "ridge is worse than the same network, trained on severity directly by the same schedule: MAE "
    )
    embeddings(output=TARGET, target=TARGET[::-1]).save(direct)
    with pytest.raises(UserError, match=r"direct.npz: its sessions are not those of the last epoch \(target differs\)"):
        evaluate(evaluated_epochs(tmp_path), OPTIONS, beside=Beside(direct={"": direct}))


def test_gender_is_known_by_the_train_mean_of_it_and_unknown_is_everybody():
    gender = np.where(TARGET > 12, "female", "male")
    gender[60] = ""
    by_gender = found(embeddings(gender=gender))["gender_mean"]
    train = gender[:60]
    assert by_gender[0] == pytest.approx(TARGET[:60].mean())
    for i in range(1, 30):
        assert by_gender[i] == pytest.approx(TARGET[:60][train == gender[60 + i]].mean())
    alike = found(embeddings(gender=np.full(N, "female")))
    assert "gender_mean" not in alike
    asked = found(embeddings(gender=gender), options=dataclasses.replace(OPTIONS, group="gender"))
    assert list(asked) == ["train_mean", "train_median", "group_mean"]


def test_reported_targets_change_no_baseline():
    other = np.where(SPLIT == "test", 24 - TARGET, TARGET)
    one = found(embeddings(), embeddings(), described())
    two = found(embeddings(target=other), embeddings(target=other), described())
    for name, predicted in one.items():
        np.testing.assert_array_equal(predicted, two[name])


def test_missing_values_count_as_the_mean_of_train():
    seconds = 60 + 5 * TARGET
    seconds[[3, 70]] = np.nan
    predicted = found(of=described(seconds=seconds))["nuisance"]
    assert predicted[10] == pytest.approx(TARGET[:60].mean(), abs=0.6)


def test_train_sessions_without_a_target_teach_nothing():
    target = np.where(np.arange(N) < 5, np.nan, TARGET)
    trained = embeddings(target=target)
    train = trained.rows((trained.split == "train") & np.isfinite(trained.target))
    known = baselines(train, trained.of_split("test"), embeddings(target=target), described(), None, OPTIONS)
    assert set(known["train_mean"]) == {TARGET[5:60].mean()}
    assert np.isfinite(known["untrained_encoder"]).all()


def test_a_model_that_is_no_better_than_its_beginning_is_told_so(tmp_path):
    z = TARGET[:, None] + np.random.default_rng(6).normal(0, 4, (N, 3))
    for epoch in (UNTRAINED, 5, 10):
        embeddings(z).save(path_of_epoch(tmp_path, epoch))
    results = evaluate(evaluated_epochs(tmp_path), OPTIONS, beside=Beside(described())).results
    verdicts = {one["baseline"]: one["verdict"] for one in results["comparisons"]}
    assert list(verdicts) == list(results["baselines"])
    assert verdicts["train_mean"].startswith("ridge beats predicting the training mean: MAE ")
    assert verdicts["untrained_encoder"].startswith(
        "ridge does not beat the same regressor on the embeddings of the encoder before its training: MAE "
    )
    assert [entry["epoch"] for entry in results["curve"]] == [5, 10]
    assert results["protocols"]["official"]["models"]["ridge"]["epoch"] == 5
