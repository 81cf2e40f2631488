"""From DAIC-WOZ to E-DAIC and back: trained on one corpus, reported on the other, nobody in both."""

import csv
import json
import pathlib
import shutil

import pytest

from data_builders.simulator.corpus import write_corpus
from data_builders.simulator.options import Options
from mccl_jax.evaluation.embeddings import Embeddings, evaluated_epochs
from mccl_jax.training import checkpoints
from tests.end_to_end.program import ROOT, TINY_MODEL, run

TRANSFER = f"--config={ROOT}/configs/daic_woz_to_e_daic.py"
THERE = (TRANSFER, "--config.data.manual_dir=daic_woz", "--config.transfer.manual_dir=e_daic", *TINY_MODEL)
BACK = (
    TRANSFER,
    "--config.name=back",
    "--config.data.corpus=e_daic",
    "--config.data.manual_dir=e_daic",
    "--config.transfer.corpus=daic_woz",
    "--config.transfer.manual_dir=daic_woz",
    *TINY_MODEL,
)
# The sessions of test, as far as a simulated E-DAIC of 40 has them.
TESTED = (602, 606, 607, 609, 612, 613, 614, 657)


def simulated(folder: pathlib.Path, corpus: str, subjects: int, **options) -> pathlib.Path:
    """A small simulated corpus; many of its numbers are those of the other one."""
    return write_corpus(
        folder, Options(**{"subjects": subjects, "seconds": (14, 20), "fps": 3, **options}), str, corpus
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> pathlib.Path:
    """A folder with both corpora and the finished run of a tiny model, from DAIC-WOZ to E-DAIC."""
    folder = tmp_path_factory.mktemp("transfer")
    simulated(folder / "daic_woz", "daic_woz", 24)
    simulated(folder / "e_daic", "e_daic", 40)
    (folder / "printed.txt").write_text(run(folder, *THERE).stdout)
    return folder


def predictions(workdir: pathlib.Path) -> dict[str, dict]:
    with (workdir / "predictions.csv").open() as file:
        return {row["session"]: row for row in csv.DictReader(file)}


def test_trained_on_one_and_reported_on_the_other(finished):
    workdir = finished / "runs/daic_woz_to_e_daic"
    results = json.loads((workdir / "results.json").read_text())
    assert results["corpora"] == {"train": "DAIC-WOZ", "test": "E-DAIC"}
    assert results["counts"]["train"]["n_sessions"] == 12
    assert results["counts"]["test"]["n_sessions"] == 8
    assert list(predictions(workdir)) == [f"e_daic/{number}" for number in TESTED]
    embeddings = Embeddings.load(evaluated_epochs(workdir)[4])
    assert {split: (embeddings.split == split).sum() for split in set(embeddings.split)} == {"train": 12, "test": 8}
    printed = " ".join((finished / "printed.txt").read_text().split())
    for words in (
        "20 sessions (8 test of E-DAIC, 12 train of DAIC-WOZ)",
        "Prediction of PHQ-8: train of DAIC-WOZ 12 sessions",
        "reported (test of E-DAIC) 8 sessions",
    ):
        assert words in printed
    report = (workdir / "preparation.txt").read_text()
    for words in (
        "train 24 of 163, dev 7 of 56, test 8 of 56",
        "487_TRANSCRIPT.csv: is an AppleDouble file",
        "points that DAIC-WOZ alone has are not used: gaze left eye, head frame, right eye, head frame",
        "points that E-DAIC alone has are not used: aus AU07, AU23, AU45",
    ):
        assert words in report


def test_predict_a_recording_of_either_corpus_and_know_whom_it_was_trained_on(finished):
    arguments = ("--mode=predict", "--checkpoint=runs/daic_woz_to_e_daic")
    done = run(finished, *arguments, "--input=e_daic", check=None)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    said = {pathlib.Path(line["recording"]).name[:3]: line for line in lines if "error" not in line}
    for session, row in predictions(finished / "runs/daic_woz_to_e_daic").items():
        assert said[session.removeprefix("e_daic/")]["severity"] == pytest.approx(float(row["xgboost"]), abs=1e-3)
    known = {number for number, line in said.items() if "trained_on" in line}
    assert known >= {"301", "304", "309", "318", "319", "409"}  # of DAIC-WOZ's train
    assert not known & {"302", "305", "373", "444", *map(str, TESTED)}
    assert "this person was trained on, in another recording" in said["301"]["trained_on"]
    (line,) = run(finished, *arguments, "--input=daic_woz/300_P.zip").stdout.splitlines()
    assert "this recording was trained on" in json.loads(line)["trained_on"]
    (line,) = run(finished, *arguments, "--input=daic_woz/302_P.zip").stdout.splitlines()
    assert "trained_on" not in json.loads(line)
    done = run(finished, *arguments, "--input=daic_woz/306_P.zip", check=2)  # a damaged archive
    assert done.stderr.count("306_P.zip") == 1


def test_other_reported_recordings_leave_the_model_as_it_was(finished, tmp_path):
    """New values, lengths and labels in the raw files of E-DAIC's test: not a bit of the model is another."""
    (tmp_path / "daic_woz").symlink_to(finished / "daic_woz")
    shutil.copytree(finished / "e_daic", tmp_path / "e_daic")
    others = simulated(tmp_path / "others", "e_daic", 40, seconds=(8, 30), seed=1)
    for name in ("test_split.csv", *(f"{number}_P*" for number in TESTED)):
        path = next(others.rglob(name))
        there = tmp_path / "e_daic" / path.relative_to(others)
        assert there.exists()
        if path.is_file():
            shutil.copy(path, there)
        else:
            shutil.copytree(path, there, dirs_exist_ok=True)
    run(tmp_path, *THERE)
    one, other = (folder / "runs/daic_woz_to_e_daic" for folder in (finished, tmp_path))
    before, after = (predictions(workdir) for workdir in (one, other))
    assert sum(before[name]["target"] != after[name]["target"] for name in before) > 4
    assert all(before[name]["ridge"] != after[name]["ridge"] for name in before)
    (arrays, said), (others, said_of_others) = (checkpoints.load(workdir / "model") for workdir in (one, other))
    for part in ("params", "batch_stats"):
        assert {name: x.tobytes() for name, x in arrays["state"][part].items()} == {
            name: x.tobytes() for name, x in others["state"][part].items()
        }
    for part in ("centre", "scale"):
        for cue, x in arrays["scaler"][part].items():
            assert x.tobytes() == others["scaler"][part][cue].tobytes()
    for name, kept in said["regressors"].items():
        assert kept["regressor"] == said_of_others["regressors"][name]["regressor"]
    assert said["data"] != said_of_others["data"]


def test_back_is_refused_for_all_of_daic_woz_is_in_e_daic(finished):
    done = run(finished, *BACK, check=2)
    assert "subjects stand in train and in test: daic/444; expected nobody" in done.stderr
    assert not (finished / "runs/back").exists()


def test_back_without_those_who_are_in_both(finished):
    done = run(finished, *BACK, "--config.data.exclude_overlap=True")
    said = "whose subjects are in test, too (data.exclude_overlap): 1, subjects 1: e_daic/444"
    assert said in done.stdout
    assert said in (finished / "runs/back/preparation.txt").read_text()
    results = json.loads((finished / "runs/back/results.json").read_text())
    assert any(said in note for note in results["sessions"])
    assert results["corpora"] == {"train": "E-DAIC", "test": "DAIC-WOZ"}
    assert results["counts"]["train"]["n_sessions"] == 21  # of 24: one is left out, two are damaged
    assert results["counts"]["test"]["n_sessions"] == 4
    assert list(predictions(finished / "runs/back")) == [f"daic_woz/{n}" for n in (302, 307, 362, 444)]


def test_a_transfer_without_its_second_corpus(finished):
    done = run(finished, *THERE, "--config.name=new", "--config.transfer.manual_dir=", check=2)
    assert (
        "transfer.manual_dir is empty: give --config.transfer.manual_dir=FOLDER; expected the folder of E"
        in done.stderr
    )
    assert not (finished / "prepared/new").exists()
