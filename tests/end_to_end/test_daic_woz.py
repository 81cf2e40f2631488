"""DAIC-WOZ from its archives, simulated ones and the two golden sessions, official run and PyTorch's names included."""

import csv
import json
import pathlib

import pytest

from data_builders.simulator.corpus import write_corpus
from data_builders.simulator.options import Options
from mccl_jax.interop.tensors import read_tensors
from tests.end_to_end.program import ROOT, TINY_MODEL, run

DAIC_WOZ = f"--config={ROOT}/configs/daic_woz.py"
RAW = f"--config.data.manual_dir={ROOT}/tests/golden/daic_woz_raw"
TINY = [argument for argument in TINY_MODEL if "windows" not in argument and "evaluate_every" not in argument]


@pytest.fixture(scope="module")
def official(tmp_path_factory) -> tuple[pathlib.Path, str]:
    """The official run on the two golden sessions, with a tiny model: its folder and what it printed."""
    folder = tmp_path_factory.mktemp("official")
    done = run(folder, f"{DAIC_WOZ}:official", RAW, *TINY, "--config.init.weights=random")
    return folder, " ".join(done.stdout.split())


def test_the_official_run_needs_imagenet_weights_or_the_word_that_it_has_none(tmp_path):
    done = run(tmp_path, f"{DAIC_WOZ}:official", RAW, check=2)
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: init.weights is empty")
    assert "--config.init.weights=random" in line
    assert not list(tmp_path.iterdir())
    done = run(tmp_path, f"{DAIC_WOZ}:official", RAW, "--config.init.weights=nowhere.pth", check=2)
    assert "nowhere.pth: not found" in done.stderr


def test_the_official_run_says_what_it_is(official):
    folder, printed = official
    results = json.loads((folder / "runs/daic_woz_official/results.json").read_text())
    assert printed.count("begun at random") == 2  # in the title of each protocol
    assert results["encoders"] == "begun at random"
    assert any("D1, D2, D3, D4, D5, D6, D7, D10" in note for note in results["notes"])
    assert "mistakes of the official code that are switched on" in printed
    assert "901: 2 of 7 official windows, with which the official code stops: padded and masked" in printed
    assert "a single train session: the contrastive loss has nothing to tell it from" in printed
    assert [entry["epoch"] for entry in results["curve"]] == [1, 2, 3, 4]
    assert results["protocols"]["official"]["optimistic"]


def test_export_gives_the_official_names(official):
    folder, _ = official
    run(folder, "--mode=export", "--checkpoint=runs/daic_woz_official", "--output=back.safetensors")
    tensors = read_tensors(folder / "back.safetensors")
    assert tensors["inter.model.conv1.weight"].shape == (4, 1, 7, 7)
    assert tensors["intra.features_2d.0.weight"].shape == (4, 3, 7, 7)
    done = run(folder, "--mode=export", "--checkpoint=runs/daic_woz_official", check=2)
    assert "--output is missing" in done.stderr


def test_predict_from_an_archive(official):
    folder, _ = official
    archive = ROOT / "tests/golden/daic_woz_raw/902_P.zip"
    arguments = ("--mode=predict", "--checkpoint=runs/daic_woz_official", f"--input={archive}")
    (line,) = run(folder, *arguments).stdout.splitlines()
    said = json.loads(line)
    assert said["recording"] == str(archive)
    assert "the whole scale: 1 session of 1 subject held out, too few" in said["intervals"][1]["is"]


def test_our_own_way_on_the_same_archives(tmp_path):
    run(tmp_path, DAIC_WOZ, RAW, *TINY, "--config.windows.seconds=60")
    results = json.loads((tmp_path / "runs/daic_woz/results.json").read_text())
    assert results["counts"]["train"]["n_sessions"] == results["counts"]["dev"]["n_sessions"] == 1
    assert not any("official code" in note for note in results["notes"])
    report = (tmp_path / "runs/daic_woz/preparation.txt").read_text()
    assert "train 1 of 107, dev 1 of 35, test 0 of 47" in report


@pytest.fixture(scope="module")
def simulated(tmp_path_factory) -> pathlib.Path:
    """A folder with a simulated corpus, `raw`, that has all defects."""
    folder = tmp_path_factory.mktemp("simulated")
    write_corpus(folder / "raw", Options(subjects=24, seconds=(14, 20), fps=3), str, "daic_woz")
    return folder


@pytest.mark.parametrize(("split", "sessions"), [("dev", 5), ("test", 4)])
def test_a_simulated_corpus_with_all_its_defects(simulated, split, sessions):
    reported = (f"--config.evaluation.reported_split={split}", f"--workdir=runs/{split}")
    done = run(simulated, DAIC_WOZ, "--config.data.manual_dir=raw", *TINY_MODEL, *reported)
    assert "SIMULATED data" in done.stdout
    results = json.loads((simulated / "runs" / split / "results.json").read_text())
    assert results["counts"]["train"]["n_sessions"] == 12
    assert results["counts"][split]["n_sessions"] == sessions
    assert results["protocols"]["last"]["models"]["ridge"]["metrics"]["mae"]["n_sessions"] == sessions
    with (simulated / "runs" / split / "predictions.csv").open() as file:
        assert len(list(csv.DictReader(file))) == sessions
    report = (simulated / "runs" / split / "preparation.txt").read_text()
    for words in (
        "skipped: 4",
        "487_TRANSCRIPT.csv: is an AppleDouble file",
        "306_P.zip: cannot be read",
        "318-shift: transcript too early",
        "373: exclude_seconds was none, is 352 to 420",
        "409: PHQ8_Binary was 0, is 1",
        "319: PHQ8_Sleep was unknown, is 2",
    ):
        assert words in report


def test_corrections_are_switched_on_the_command_line(simulated):
    prepare = (DAIC_WOZ, "--mode=prepare", "--config.data.manual_dir=raw", "--config.data.cues=('aus',)")
    printed = run(simulated, *prepare, "--config.data.corrections=('-409-binary',)").stdout
    assert "corrections that are switched off: 1\n  409-binary: score 10, binary 0" in printed
    assert "409: PHQ8_Binary is 0, would be 1" in printed
    printed = run(simulated, *prepare, "--config.data.corrections=()").stdout
    assert "corrections: none" in printed
    assert "sync-markers: <sync>" in printed


def test_without_the_corpus(tmp_path):
    done = run(tmp_path, DAIC_WOZ, check=2)
    assert "University of Southern California" in done.stderr
    assert "300_P.zip" in done.stderr
