"""Errors within parts of the reported sessions."""

import numpy as np
import pytest

from mccl_jax.evaluation.described import Described
from mccl_jax.evaluation.embeddings import Embeddings, path_of_epoch
from mccl_jax.evaluation.options import Options
from mccl_jax.evaluation.protocols import Beside, evaluate
from mccl_jax.evaluation.subgroups import severity_bands

N = 120
SESSION = np.array([f"s{i:03d}" for i in range(N)])
SPLIT = np.array(["train", "test"] * (N // 2))
TARGET = np.random.default_rng(0).integers(0, 20, N).astype(float)
GENDER = np.where(np.arange(N) % 6 < 4, "female", "male")
OPTIONS = Options(low=0.0, high=24.0, regressors=("ridge",), primary="ridge", resamples=200)
FAILED = np.linspace(0, 0.3, N)


def results_of(tmp_path, off, options=OPTIONS, described=True):
    """Results where the embedding is the target plus `off` (N,)."""
    z = (TARGET + off)[:, None] * np.ones(2)
    path = path_of_epoch(tmp_path, 5)
    Embeddings(SESSION, SESSION, SPLIT, TARGET, z, z, {"gender": GENDER}).save(path)
    nuisance = {"seconds": np.full(N, 60.0), "failed_share": FAILED}
    known = Described(SESSION, nuisance, np.zeros((N, 1), np.float32)) if described else None
    return evaluate({5: path}, options, beside=Beside(known)).results


def parts_of(results, by):
    return {part["name"]: part for part in results["subgroups"] if part["by"] == by}


def test_errors_are_those_of_the_part_alone_and_their_direction_is_told(tmp_path):
    off = np.where((SPLIT == "test") & (FAILED > 0.15), 5.0, 0.0)  # the badly tracked ones of test alone
    parts = parts_of(results_of(tmp_path, off), "tracking")
    good, bad = parts.values()
    assert next(iter(parts)).startswith("at most")
    assert good["counts"]["n_sessions"] + bad["counts"]["n_sessions"] == N // 2
    assert good["predictors"]["model"]["mae"]["estimate"] < 0.3
    assert bad["predictors"]["model"]["mae"]["estimate"] == pytest.approx(5, abs=0.4)
    assert bad["bias"]["estimate"] == pytest.approx(5, abs=0.4)
    assert bad["bias"]["lower"] <= bad["bias"]["estimate"] <= bad["bias"]["upper"]
    assert good["coverage"][0] == {"level": 0.8, "share": 1.0}
    assert bad["coverage"][0]["share"] < 0.8  # the others' errors do not cover them


def test_what_divides_nobody_or_is_unknown_is_no_division(tmp_path):
    results = results_of(tmp_path, np.zeros(N))
    assert list(dict.fromkeys(part["by"] for part in results["subgroups"])) == ["severity", "gender", "tracking"]
    bare = results_of(tmp_path, np.zeros(N), described=False)
    assert list(dict.fromkeys(part["by"] for part in bare["subgroups"])) == ["severity", "gender"]


def test_small_parts_are_counted_and_nothing_else(tmp_path):
    target = TARGET.copy()
    target[1:9:2] = 24.0  # four of the reported
    z = target[:, None] * np.ones(2)
    path = path_of_epoch(tmp_path, 5)
    Embeddings(SESSION, SESSION, SPLIT, target, z, z).save(path)
    severe = parts_of(evaluate({5: path}, OPTIONS).results, "severity")["20 and more, severe"]
    assert severe["counts"]["n_sessions"] == 4
    assert severe["suppressed"] == "fewer than 5 people"
    assert severe["predictors"] is severe["bias"] is severe["coverage"] is None


def test_bands_are_the_questionnaires_or_thirds():
    found = severity_bands(np.array([0, 4, 5, 14, 15, 19, 20, 24, np.nan]), 0, 24)
    assert [name.partition(",")[0] for name in found] == [
        "0 to 4", "0 to 4", "5 to 9", "10 to 14", "15 to 19", "15 to 19", "20 and more", "20 and more", "",
    ]  # fmt: skip
    thirds = severity_bands(np.array([1.0, 2, 3, 4, 5, 6, np.nan]), 1, 7)
    assert thirds.tolist() == [*["up to 2.67"] * 2, *["up to 4.33"] * 2, *["above 4.33"] * 2, ""]
    assert severity_bands(np.full(2, np.nan), 1, 7).tolist() == ["", ""]


def test_measured_coverage_stands_beside_the_intervals(tmp_path):
    results = results_of(tmp_path, np.random.default_rng(1).normal(0, 3, N))
    for level, one in zip((0.8, 0.9), results["prediction_intervals"]["ridge"], strict=True):
        assert one["level"] == level
        assert one["coverage"] == pytest.approx(level, abs=0.06)
        assert "not valid outside" in one["explanation"]
