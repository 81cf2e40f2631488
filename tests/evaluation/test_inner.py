"""Epoch and regressor chosen on parts of train."""

import numpy as np
import pytest

from mccl_jax.evaluation.embeddings import Embeddings, path_of_epoch
from mccl_jax.evaluation.inner import CHOICE, choose
from mccl_jax.evaluation.options import Options
from mccl_jax.evaluation.protocols import Beside, cross_validate, evaluate
from mccl_jax.report.tables import results_table

N = 60
SESSION = np.array([f"s{i:02d}" for i in range(N)])
TARGET = np.random.default_rng(0).integers(0, 25, N).astype(float)
OPTIONS = Options(primary="ridge", resamples=100)
PARTS = np.arange(N) % 2


def training(place, split, good, seed=0):
    """Embeddings of epochs 1, 2, 3, of which `good` tells severity and the others do not: epoch -> file."""
    files = {}
    for epoch in (1, 2, 3):
        rng = np.random.default_rng([seed, epoch])
        z = rng.normal(0, 2, (N, 3)) + (TARGET[:, None] if epoch == good else 0)
        files[epoch] = path_of_epoch(place, epoch)
        Embeddings(SESSION, SESSION, split, TARGET, z, z).save(files[epoch])
    return files


@pytest.fixture
def trained(tmp_path):
    """A training whose epoch 2 is good on train and, by chance, 3 on the reported; and the two that choose for it."""
    split = np.where(np.arange(N) < 40, "train", "test")
    inner = {
        f"inner_{k}": training(
            tmp_path / f"inner_{k}", np.where((split == "train") & (k - 1 == PARTS), "inner", split), 2
        )
        for k in (1, 2)
    }
    return training(tmp_path, split, 3), inner


def test_the_choice_is_of_train_whatever_is_best_on_the_reported(trained):
    files, inner = trained
    results = evaluate(files, OPTIONS, beside=Beside(inner={"": inner})).results
    (choice,) = results["choices"]
    assert choice["fold"] is None
    assert choice["epoch"] == {"xgboost": 2, "ridge": 2}
    assert choice["sessions"] == 40
    assert results["protocols"]["official"]["models"]["ridge"]["epoch"] == 3
    models = results["protocols"]["inner"]["models"]
    assert list(models) == ["xgboost", "ridge", CHOICE]
    assert models[CHOICE]["epoch"] == 2
    assert models[CHOICE]["metrics"] == models[choice["regressor"]]["metrics"]
    mae = {entry["epoch"]: entry["mae"]["ridge"] for entry in results["curve"]}
    assert models["ridge"]["metrics"]["mae"]["estimate"] == mae[2]
    assert not results["protocols"]["inner"]["optimistic"]
    assert f"Protocol inner chose {choice['regressor']} at epoch 2: inner_choice" in " ".join(
        results_table(results).split()
    )


def test_without_trainings_for_it_there_is_no_such_protocol(trained):
    files, _ = trained
    evaluation = evaluate(files, OPTIONS)
    assert list(evaluation.results["protocols"]) == ["last", "official"]
    assert evaluation.results["choices"] == []
    assert CHOICE not in evaluation.predictions[0]


def test_each_fold_has_a_choice_of_its_own(tmp_path):
    folds, inner = {}, {}
    for fold, good in ((1, 2), (2, 3)):
        name = f"fold_{fold}"
        split = np.where(fold - 1 == PARTS, "test", "train")
        folds[name] = training(tmp_path / name, split, good)
        inner[name] = {
            f"{name}/inner_{k}": training(
                tmp_path / name / f"inner_{k}",
                np.where((split == "train") & (np.arange(N) % 4 // 2 == k - 1), "inner", split),
                good,
            )
            for k in (1, 2)
        }
    final = training(tmp_path / "all", np.full(N, "train"), 3)[3]
    evaluation = cross_validate(folds, final, OPTIONS, beside=Beside(inner=inner))
    assert [one["epoch"]["ridge"] for one in evaluation.results["choices"]] == [2, 3]
    chosen = evaluation.results["protocols"]["inner"]["models"][CHOICE]
    assert chosen["epoch"] == {"fold_1": 2, "fold_2": 3}
    errors = [abs(row[CHOICE] - row["target"]) for row in evaluation.predictions]
    assert chosen["metrics"]["mae"]["estimate"] == pytest.approx(np.mean(errors))
    assert chosen["metrics"]["mae"]["n_sessions"] == N


def test_nobody_to_choose_by(tmp_path):
    class Nobody:
        reported = Embeddings(["s"], ["s"], ["inner"], [np.nan], np.zeros((1, 1)), np.zeros((1, 1)))

    with pytest.raises(ValueError, match="no session with a known target to choose by"):
        choose([Nobody()], ("ridge",))
