"""CMDC from its raw layout to out-of-fold results and a final model, as a user runs it."""

import csv
import json
import pathlib
import shutil

import numpy as np
import pytest

from benchmarks import kills
from data_builders.simulator.corpus import write_corpus
from data_builders.simulator.options import Options
from mccl_jax.evaluation.embeddings import Embeddings, evaluated_epochs
from tests.end_to_end.program import ROOT, TINY_MODEL, run

CMDC = f"--config={ROOT}/configs/cmdc.py"
PREDICT = ("--mode=predict", "--checkpoint=runs/cmdc")


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> pathlib.Path:
    """A folder in which the five disjoint folds have been run on a simulated corpus."""
    folder = tmp_path_factory.mktemp("finished")
    write_corpus(folder / "raw", Options(subjects=78, seconds=(14, 20), fps=3), str, "cmdc")
    done = run(folder, CMDC, "--config.data.manual_dir=raw", *TINY_MODEL)
    (folder / "printed.txt").write_text(done.stdout)
    return folder


def results(folder: pathlib.Path, workdir: str = "runs/cmdc") -> dict:
    return json.loads((folder / workdir / "results.json").read_text())


def predictions(folder: pathlib.Path, workdir: str = "runs/cmdc") -> list[dict]:
    with (folder / workdir / "predictions.csv").open() as file:
        return list(csv.DictReader(file))


def test_everybody_is_predicted_once_by_a_model_that_did_not_see_them(finished):
    rows = predictions(finished)
    assert len({row["session"] for row in rows}) == len(rows) == 44
    for fold in range(1, 6):
        epochs = evaluated_epochs(finished / "runs/cmdc" / f"fold_{fold}")
        embeddings = Embeddings.load(epochs[4])
        tested = set(embeddings.of_split("test").session.tolist())
        assert tested == {row["session"] for row in rows if row["fold"] == f"fold_{fold}"}
        assert not tested & set(embeddings.of_split("train").session.tolist())
    final = Embeddings.load(evaluated_epochs(finished / "runs/cmdc/all")[4])
    assert set(final.split) == {"train"}
    assert len(final) == 44


def test_pooled_and_fold_by_fold_and_by_group_beside_the_baselines(finished):
    said = results(finished)
    rows = predictions(finished)
    true, predicted = (np.array([float(row[name]) for row in rows]) for name in ("target", "xgboost"))
    pooled = said["protocols"]["last"]["models"]["xgboost"]["metrics"]
    assert pooled["mae"]["estimate"] == pytest.approx(np.abs(true - predicted).mean())
    assert pooled["mae"]["n_sessions"] == 44
    assert said["counts"]["test"]["n_positive"] == 18  # the column MDD, not a threshold
    assert {"group_mean", "nuisance", "session_statistics", "untrained_encoder"} < {*said["baselines"]}
    assert said["baselines"]["train_mean"]["metrics"]["pearson"]["estimate"] is None
    assert said["baselines"]["train_mean"]["metrics"]["auroc"]["estimate"] == 0.5
    assert [part["name"] for part in said["folds"]] == [f"fold_{k}" for k in range(1, 6)]
    assert sum(part["counts"]["n_sessions"] for part in said["folds"]) == 44
    assert {part["name"]: part["counts"]["n_sessions"] for part in said["groups"]} == {"HC": 26, "MDD": 18}
    for part in [*said["folds"], *said["groups"]]:
        for scores in part["predictors"].values():
            assert scores["mae"]["lower"] <= scores["mae"]["estimate"] <= scores["mae"]["upper"]
    printed = " ".join((finished / "printed.txt").read_text().split())
    for words in ("SIMULATED", "Fold by fold", "Within each group", "group mean", "18 with MDD 1", "same fold only"):
        assert words in printed


def test_the_report_of_the_preparation_lists_the_known_defects(finished):
    report = (finished / "runs/cmdc/preparation.txt").read_text()
    for words in (
        "people and answers with video: 44 and 519; the full corpus has 44 and 519",
        "MDD11: SubjectInfo.xlsx says that there is video",
        "MDD21: ID in row 74 was MDD20, is MDD21",
        "MDD14: Q11, Q12",
        "MDD02: question of Q9-.csv was unknown, is 9",
        "MDD01: Q5 1 in AU12_r",
    ):
        assert words in report
    assert not list(finished.rglob("PICKLE_WAS_LOADED"))


def test_what_it_relies_on_is_asked_of_models_that_did_not_see_the_session(finished, tmp_path):
    workdir = pathlib.Path(shutil.copytree(finished / "runs/cmdc", tmp_path / "run"))
    shutil.rmtree(workdir / "all")  # the final model has seen all: nothing may need it
    shutil.rmtree(workdir / "model")
    done = run(finished, "--mode=ablate", f"--checkpoint={workdir}")
    said = json.loads((workdir / "insight.json").read_text())
    reliance = said["reliance"]
    out_of_fold = results(finished)["protocols"]["last"]["models"]["xgboost"]["metrics"]["mae"]
    assert reliance["mae"]["estimate"] == pytest.approx(out_of_fold["estimate"], abs=0.01)
    assert said["counts"] == {"n_sessions": 44, "n_subjects": 44}
    assert said["trainings"] == [f"fold_{k}" for k in range(1, 6)]
    sizes = {"cues": 4, "regions": 5, "aus": 17, "segments": 3, "segments_missing": 3, "swaps": 4}
    assert {kind: len(reliance[kind]) for kind in sizes} == sizes
    for kind in sizes:
        for effect in reliance[kind].values():
            assert effect["lower"] <= effect["estimate"] <= effect["upper"]
            assert 0 < effect["p"] <= effect["p_holm"] <= 1
    for inter in (said["attention"]["inter"], *(one["inter"] for one in said["attention"]["by_training"].values())):
        assert np.array(inter["heads"]).shape == (2, 4, 4)
        assert np.array(inter["heads"]).sum(axis=-1) == pytest.approx(1, abs=1e-5)
    bands = [*said["attention"]["by_band"].values()]
    assert all(one.get("suppressed") or one["n_subjects"] >= 5 for one in bands)
    assert said["views"]["embeddings"]["reported"]["alignment"]["n_sessions"] == 44
    assert {*said["views"]} == {"embeddings", "projected", "untrained"}
    assert said["decodable"]["labels"]["severity"]["both"]["n_sessions"] == 44
    assert (workdir / "insight.txt").read_text() in done.stdout
    words = " ".join(done.stdout.split())
    for words_of_it in (
        "SIMULATED",
        "not what a cue is worth",
        "attention weights, not importance",
        "not a diagnostic",
    ):
        assert words_of_it in words
    assert max(map(len, done.stdout.splitlines())) <= 120


def test_predict_one_person_and_a_folder_of_them(finished):
    person = next(finished.glob("raw/*/HC01"))
    (line,) = run(finished, *PREDICT, f"--input={person}").stdout.splitlines()
    one = json.loads(line)
    _, interval = one["intervals"]
    assert interval["ends"][0] <= one["severity"] <= interval["ends"][1]
    assert "this recording was trained on" in one["trained_on"]
    assert interval["is"].startswith("approximate 90%")
    assert "this model has seen all of them" in interval["is"]
    assert "not a diagnostic device" in one["note"]
    lines = [json.loads(line) for line in run(finished, *PREDICT, f"--input={person.parent}").stdout.splitlines()]
    assert one in lines
    assert sum("trained_on" in line for line in lines) == len(lines)
    stranger = pathlib.Path(shutil.copytree(person, finished / "stranger"))
    (stranger / "Q1.csv").unlink()
    (line,) = run(finished, *PREDICT, f"--input={stranger}").stdout.splitlines()
    assert "trained_on" not in json.loads(line)
    refused = run(finished, *PREDICT, "--input=raw/SubjectInfo.xlsx", check=2)
    assert refused.stderr.startswith("error: raw/SubjectInfo.xlsx: expected the folder of an interview")


def test_the_official_folds_count_nobody_twice(finished):
    run(
        finished,
        CMDC,
        "--config.data.manual_dir=raw",
        "--config.data.folds=official",
        "--workdir=runs/official",
        *TINY_MODEL,
        "--config.train.epochs=2",
    )
    rows, said = predictions(finished, "runs/official"), results(finished, "runs/official")
    twice = {row["session"] for row in rows if sum(row["session"] == other["session"] for other in rows) == 2}
    assert twice == {"HC41", "HC43", "HC45", "HC47", "MDD21", "MDD22", "MDD24"}
    assert len(rows) == 44 + len(twice)
    assert said["counts"]["test"]["n_sessions"] == 44
    assert any("7 sessions are tested in several" in note for note in said["notes"])
    weight = np.array([0.5 if row["session"] in twice else 1.0 for row in rows])
    errors = np.array([abs(float(row["ridge"]) - float(row["target"])) for row in rows])
    mae = said["protocols"]["last"]["models"]["ridge"]["metrics"]["mae"]["estimate"]
    assert mae == pytest.approx((errors * weight).sum() / 44)


def test_answers_as_segments(finished):
    run(
        finished,
        CMDC,
        "--config.data.manual_dir=raw",
        "--workdir=runs/question",
        *TINY_MODEL,
        "--config.windows.segments=question",
        "--config.windows.seconds=24",
        "--config.train.epochs=2",
    )
    config = json.loads((finished / "runs/question/config.json").read_text())
    assert (config["windows"]["segments"], config["model"]["segments"]) == ("question", 12)
    assert results(finished, "runs/question")["counts"]["test"]["n_sessions"] == 44


def test_evaluate_again_and_run_again_change_nothing(finished):
    before = {name: (finished / "runs/cmdc" / name).read_bytes() for name in ("results.json", "predictions.csv")}
    run(finished, "--mode=evaluate", "--workdir=runs/cmdc")
    run(finished, CMDC, "--config.data.manual_dir=raw", *TINY_MODEL)
    assert before == {name: (finished / "runs/cmdc" / name).read_bytes() for name in before}


def test_what_is_chosen_after_training_is_called_so(finished, tmp_path):
    workdir = pathlib.Path(shutil.copytree(finished / "runs/cmdc", tmp_path / "run"))
    config = (workdir / "config.json").read_bytes()
    arguments = ("--config.evaluation.primary=ridge", "--config.evaluation.threshold=7.0")
    done = run(finished, "--mode=evaluate", f"--workdir={workdir}", *arguments)
    said = json.loads((workdir / "results.json").read_text())
    assert said["changed_after_training"] == ["primary", "threshold"]
    assert "PRIMARY RESULT (CHOSEN AFTER TRAINING): ridge" in " ".join(done.stdout.split())
    assert any("evaluation.threshold was 10.0, is 7.0" in note for note in said["notes"])
    again = run(finished, CMDC, "--config.data.manual_dir=raw", *TINY_MODEL, *arguments, f"--workdir={workdir}")
    assert "CHANGED AFTER TRAINING" in " ".join(again.stdout.split())
    assert (workdir / "config.json").read_bytes() == config


def test_a_fold_that_is_gone_is_missed(finished, tmp_path):
    workdir = pathlib.Path(shutil.copytree(finished / "runs/cmdc", tmp_path / "run"))
    (workdir / "results.json").write_text("{")  # nor does a damaged one stop the evaluation
    (workdir / "fold_2/metrics.jsonl").unlink()
    run(finished, "--mode=evaluate", f"--workdir={workdir}")
    shutil.rmtree(workdir / "fold_3")
    done = run(finished, "--mode=evaluate", f"--workdir={workdir}", check=2)
    assert f"{workdir}/fold_3: is missing, one of 6 trainings" in done.stderr


def test_a_run_that_is_killed_three_times_ends_as_one_left_in_peace(tmp_path):
    """While data are prepared, inside a save, while scores are made: the small form of benchmarks/kills.py."""
    in_peace, killed = kills.two_folders(tmp_path)
    kills.finish(in_peace)
    chosen = ["preparation", "inside a save", "scores are made"]
    found = list(kills.disturbed(killed, chosen, seed=3))
    assert [(one.hit, one.status) for one in found] == [(True, 137), (True, 143), (True, 137)]
    assert kills.differences(in_peace, killed) == []
