"""E-DAIC from made-up and from simulated archives to results, and a prediction for one of them."""

import csv
import json
import pathlib

import pytest

from data_builders.simulator.corpus import write_corpus
from data_builders.simulator.options import Options
from tests.data_builders.e_daic_files import (
    columns,
    detailed_row,
    features,
    members,
    split_row,
    without,
    write_session,
    write_tables,
)
from tests.end_to_end.program import ROOT, TINY_MODEL, run

E_DAIC = f"--config={ROOT}/configs/e_daic.py"
FRAMES = 360  # 12 s
TRAIN, DEV, TEST = {301: 12, 302: 3, 303: 7, 601: 5, 602: 16, 605: 1}, {304: 4}, {603: 8, 604: 11}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with raw/ and the finished run of a tiny model; 605 lacks its features."""
    folder = tmp_path_factory.mktemp("e_daic")
    suffixes = (".tar.gz", ".zip", "", ".tar")
    for i, number in enumerate([*TRAIN, *DEV, *TEST]):
        made = members(number, columns(FRAMES, seed=number), features(FRAMES, number), [(0.2, 11.5, "hm")])
        made = without(made, "ResNet") if number == 605 else made
        write_session(folder / "raw" / f"{number}_P{suffixes[i % 4]}", made)
    rows = {"train": TRAIN, "dev": DEV, "test": TEST}
    detailed = [detailed_row(*one) for one in (TRAIN | DEV).items()]
    write_tables(
        folder / "raw",
        detailed=detailed,
        **{name: [split_row(*one) for one in of.items()] for name, of in rows.items()},
    )
    done = run(folder, E_DAIC, "--config.data.manual_dir=raw", *TINY_MODEL, "--config.model.deep_width=4")
    return folder, done.stdout


def test_the_results_are_of_test_and_beside_those_of_the_interviewer(trained):
    folder, printed = trained
    results = json.loads((folder / "runs/e_daic/results.json").read_text())
    assert results["reported_split"] == "test"
    assert results["counts"]["train"]["n_sessions"] == 5
    of_classes = {"n_positive": 1, "n_positive_subjects": 1, "n_negative_subjects": 1}
    assert results["counts"]["test"] == {"n_sessions": 2, "n_subjects": 2, **of_classes}
    # Of 601 and 602, which were led alike; the train mean is 8.6.
    assert results["baselines"]["group_mean"]["value"] == pytest.approx((5 + 16) / 2)
    assert results["baselines"]["train_mean"]["value"] == pytest.approx(8.6)
    assert [part["name"] for part in results["groups"]] == ["autonomous"]
    report = (folder / "runs/e_daic/preparation.txt").read_text()
    assert "605_P" in report
    assert "lacks deep" in report
    assert "train 6 of 163, dev 1 of 56, test 2 of 56" in report
    printed = " ".join(printed.split())
    assert "the train mean of each session's interviewer" in printed
    assert "All reported sessions have interviewer autonomous" in printed
    assert "Within each interviewer" not in printed


def test_predict_from_a_folder_and_an_archive(trained):
    folder, _ = trained
    arguments = ("--mode=predict", "--checkpoint=runs/e_daic")
    done = run(folder, *arguments, "--input=raw", check=None)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(lines) == 9
    refused = [line for line in lines if "error" in line]
    assert ["605_P" in line["recording"] for line in refused] == [True]
    csv = (folder / "runs/e_daic/predictions.csv").read_text().splitlines()
    name = csv[0].split(",").index("xgboost")
    kept = {row.split(",")[0]: float(row.split(",")[name]) for row in csv[1:]}
    for line in lines:
        number = line["recording"].split("/")[-1][:3]
        if number in kept:
            assert line["severity"] == pytest.approx(kept[number], abs=1e-3)


@pytest.fixture(scope="module")
def simulated(tmp_path_factory) -> pathlib.Path:
    """A folder with a simulated corpus, `raw`, that has all defects."""
    folder = tmp_path_factory.mktemp("simulated")
    write_corpus(folder / "raw", Options(subjects=24, seconds=(14, 18), fps=2), str, "e_daic")
    return folder


@pytest.mark.parametrize(("split", "groups"), [("test", {"autonomous": 4}), ("dev", {"wizard": 3, "autonomous": 1})])
def test_a_simulated_corpus_with_all_its_defects(simulated, split, groups):
    reported = (f"--config.evaluation.reported_split={split}", f"--workdir=runs/{split}")
    done = run(simulated, E_DAIC, "--config.data.manual_dir=raw", *TINY_MODEL, "--config.model.deep_width=4", *reported)
    assert "SIMULATED data" in done.stdout
    folder = simulated / "runs" / split
    results = json.loads((folder / "results.json").read_text())
    assert results["counts"]["train"]["n_sessions"] == 12
    assert results["counts"][split]["n_sessions"] == 4
    assert results["protocols"]["last"]["models"]["ridge"]["metrics"]["mae"]["n_sessions"] == 4
    assert {part["name"]: part["counts"]["n_sessions"] for part in results["groups"]} == groups
    assert "the train mean of each session's interviewer" in " ".join(done.stdout.split())
    assert ("Within each interviewer" in done.stdout) == (len(groups) > 1)
    with (folder / "predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert sorted(row["interviewer"] for row in rows) == sorted(name for name, n in groups.items() for _ in range(n))
    assert (folder / "report/figures/predicted_against_true.png").is_file()
    archive = f"raw/data/{rows[-1]['session']}_P.tar.gz"
    (line,) = run(simulated, "--mode=predict", f"--checkpoint=runs/{split}", f"--input={archive}").stdout.splitlines()
    assert json.loads(line)["severity"] == pytest.approx(float(rows[-1]["xgboost"]), abs=1e-3)
    report = (folder / "preparation.txt").read_text()
    for words in (
        "skipped: 5",
        "300_P.tar.gz: lacks OpenFace",
        "301_P.tar.gz: lacks deep",
        "303_P.tar.gz: cannot be read",
        "307_P.tar.gz: is in dev, but there is neither such an archive nor a folder",
        "719_P.tar.gz: is in no split file",
        "known of session 657: no CNN_VGG.mat",
        "373: exclude_seconds was none, is 352 to 420",
        "409: PHQ8_Binary was 0, is 1",
        "319: PHQ8_Sleep was unknown, is 2",
        "302: the whole recording counts as the interview",
        "600: only",  # few of its frames are usable
    ):
        assert words in report


def test_without_the_corpus(tmp_path):
    done = run(tmp_path, E_DAIC, check=2)
    assert "University of Southern California" in done.stderr
    assert "300_P.tar.gz" in done.stderr
