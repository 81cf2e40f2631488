"""The two files of a scored training: complete, equal byte for byte, whole or absent."""

import csv
import dataclasses
import json

import pytest

from mccl_jax.errors import UserError
from mccl_jax.evaluation import results
from mccl_jax.evaluation.header import SCHEMA_VERSION
from mccl_jax.evaluation.options import Options
from mccl_jax.evaluation.protocols import evaluate


@pytest.fixture
def evaluation(workdir_of, corpus):
    target, split = corpus
    target[99] = float("nan")
    return evaluate(workdir_of(target, split, epochs=(1,)), Options(threshold=10.0, resamples=50, simulated=True))


def test_results_read_back_as_they_were(evaluation, tmp_path):
    results.write(evaluation, tmp_path / "run")
    text = (tmp_path / "run" / "results.json").read_text()
    assert results.read(tmp_path / "run") == evaluation.results
    assert list(json.loads(text)) == list(evaluation.results)
    assert text.endswith("}\n")
    assert "NaN" not in text
    assert sorted(file.name for file in (tmp_path / "run").iterdir()) == ["predictions.csv", "results.json"]


def test_results_say_what_they_are(evaluation):
    said = evaluation.results
    assert said["schema_version"] == SCHEMA_VERSION
    assert said["simulated"] is True
    assert "SIMULATED" in said["simulated_notice"]
    assert "not a diagnostic device" in said["notice"]
    assert "training variance excluded" in said["intervals"]["covers"]


def test_predictions_keep_every_bit(evaluation, tmp_path):
    results.write(evaluation, tmp_path)
    with open(tmp_path / "predictions.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["session", "subject", "split", "target", "xgboost", "ridge", "train_mean", "train_median"]
    assert len(rows) == 40
    for read, row in zip(rows, evaluation.predictions, strict=True):
        assert read["session"] == row["session"]
        assert all(float(read[name]) == row[name] for name in ("xgboost", "ridge", "train_mean", "train_median"))
        assert (float(read["target"]) if read["target"] else None) == row["target"]
    assert rows[-1]["target"] == ""


def test_writing_twice_gives_the_same_bytes(evaluation, tmp_path):
    for folder in ("a", "b"):
        results.write(evaluation, tmp_path / folder)
    for name in ("results.json", "predictions.csv"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_a_failure_leaves_no_half_a_file(evaluation, tmp_path):
    results.write(evaluation, tmp_path)
    before = (tmp_path / "results.json").read_bytes()
    broken = dataclasses.replace(evaluation, results={**evaluation.results, "curve": float("nan")})
    with pytest.raises(ValueError, match="JSON"):
        results.write(broken, tmp_path)
    assert (tmp_path / "results.json").read_bytes() == before
    assert not list(tmp_path.glob(".*partial"))


def test_a_workdir_that_is_a_file_is_named(evaluation, tmp_path):
    (tmp_path / "run").touch()
    with pytest.raises(UserError, match=r"run/predictions.csv: could not be written"):
        results.write(evaluation, tmp_path / "run")


@pytest.mark.parametrize("text", [None, "", "{", "[]", "{}", '{"schema_version": 99}'])
def test_what_is_no_results_file_is_refused(tmp_path, text):
    if text is not None:
        (tmp_path / "results.json").write_text(text)
    with pytest.raises(UserError, match=r"results.json: .*run --mode=evaluate") as caught:
        results.read(tmp_path)
    assert "\n" not in str(caught.value)
