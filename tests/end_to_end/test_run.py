"""The main job from raw files to results, as a user runs it."""

import csv
import dataclasses
import json
import math
import os
import pathlib
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest

import mccl_jax
from data_builders.openface.session import read_session
from mccl_jax import cues
from mccl_jax.errors import UserError
from mccl_jax.evaluation.baselines import WORDS
from mccl_jax.evaluation.embeddings import Embeddings, evaluated_epochs
from mccl_jax.modes import predict
from mccl_jax.training.checkpoints import newest
from tests import schema
from tests.end_to_end.program import ROOT, TINY, run, stop_when

ENDED = ("results.json", "predictions.csv", "metrics.jsonl")


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> pathlib.Path:
    """A folder in which the default job has run to its end."""
    folder = tmp_path_factory.mktemp("finished")
    done = run(folder, *TINY)
    (folder / "printed.txt").write_text(done.stdout)
    return folder


@pytest.fixture
def copy(finished, tmp_path) -> pathlib.Path:
    """One's own copy of it."""
    return pathlib.Path(shutil.copytree(finished, tmp_path / "copy"))


def test_what_the_user_gets(finished):
    workdir = finished / "runs/simulated"
    for name in (*ENDED, "config.json", "timings.json", "preparation.txt"):
        assert (workdir / name).stat().st_size > 0, name
    for name in ("curves", "predicted_against_true"):
        assert (workdir / f"report/figures/{name}.png").read_bytes().startswith(b"\x89PNG"), name
        assert (workdir / f"report/figures/{name}.csv").stat().st_size > 0, name
    assert "SIMULATED" in (workdir / "report/index.html").read_text()
    cards = [workdir / "model", *(workdir / "checkpoints").iterdir()]
    assert all("# Model card: simulated" in (folder / "README.md").read_text() for folder in cards)
    assert not schema.undocumented(json.loads((workdir / "results.json").read_text()))
    assert list((workdir / "tensorboard").glob("events*"))
    printed = (finished / "printed.txt").read_text()
    assert "SIMULATED" in printed
    assert "not a diagnostic device" in printed
    assert "estimate:" in printed
    assert "train median" in printed
    assert "best checkpoint: runs/simulated/checkpoints/" in printed
    assert "by mean training loss of the epoch" in printed


def test_a_report_to_be_given_away_names_nobody(finished, copy):
    workdir = copy / "runs/simulated"
    ids = Embeddings.load(evaluated_epochs(workdir)[4]).session.tolist()
    own = (workdir / "report/index.html").read_text()
    (workdir / "report/index.html").unlink()
    done = run(copy, "--mode=report", "--workdir=runs/simulated", "--shareable", "--output=given")
    assert "can be given away" in done.stdout
    assert not (workdir / "report/index.html").exists()
    texts = {path.name: path.read_bytes() for path in (copy / "given").rglob("*") if path.is_file()}
    assert {"index.html", "README.txt", "curves.png", "errors.csv"} <= set(texts)
    for text in (*texts.values(), *(name.encode() for name in texts)):
        assert not any(one.encode() in text for one in [*ids, str(copy), str(finished)])
    assert str(finished) in own
    run(copy, "--mode=report", "--workdir=runs/simulated")
    assert (workdir / "report/index.html").read_text() == own


def test_results_stand_beside_n_interval_and_baselines(finished):
    results = json.loads((finished / "runs/simulated/results.json").read_text())
    assert results["simulated"] is True
    assert set(results["protocols"]) == {"last", "official"}
    assert results["protocols"]["official"]["optimistic"] is True
    assert [*results["baselines"]] == [name for name in WORDS if name not in ("group_mean", "direct_network")]
    assert [one["baseline"] for one in results["comparisons"]] == [*results["baselines"]]
    for model in results["protocols"]["last"]["models"].values():
        score = model["metrics"]["mae"]
        assert score["n_sessions"] > 0
        assert score["lower"] <= score["estimate"] <= score["upper"]
    assert "time" not in results


def test_no_reported_subject_was_trained_on(finished):
    epochs = evaluated_epochs(finished / "runs/simulated")
    assert list(epochs) == [0, 2, 4]
    embeddings = Embeddings.load(epochs[4])
    train, dev = (set(embeddings.of_split(name).subject.tolist()) for name in ("train", "dev"))
    assert train
    assert dev
    assert not train & dev
    with (finished / "runs/simulated/predictions.csv").open() as file:
        assert {row["subject"] for row in csv.DictReader(file)} == dev


def test_metrics_have_one_line_a_step(finished):
    lines = [json.loads(line) for line in (finished / "runs/simulated/metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(len(lines)))
    assert all(math.isfinite(line["loss"]) for line in lines)
    assert lines[-1]["epoch"] == 3


def test_a_second_run_and_evaluate_change_nothing(copy):
    before = {name: (copy / "runs/simulated" / name).read_bytes() for name in ENDED}
    again = run(copy, *TINY)
    assert "used as it is" in again.stdout
    run(copy, "--mode=evaluate", "--workdir=runs/simulated")
    assert before == {name: (copy / "runs/simulated" / name).read_bytes() for name in ENDED}


def test_evaluate_takes_other_options_and_keeps_the_rest(copy):
    run(copy, "--mode=evaluate", "--workdir=runs/simulated", "--config.evaluation.threshold=5.0")
    results = json.loads((copy / "runs/simulated/results.json").read_text())
    assert results["target"]["threshold"] == 5.0
    assert results["tests"]["resamples"] == 200  # as the training had it
    assert results["simulated"] is True
    done = run(copy, "--mode=evaluate", "--workdir=runs/simulated", "--config.train.epochs=5", check=2)
    assert "config.train.epochs" in done.stderr


def test_anyone_s_predictions_are_scored_beside_a_run_that_stays_as_it_is(copy):
    workdir = copy / "runs/simulated"
    before = {path: path.read_bytes() for path in workdir.rglob("*") if path.is_file()}
    with (workdir / "predictions.csv").open() as file:
        lines = [f"{row['session']},{row['target']}" for row in csv.DictReader(file)]
    theirs = copy / "theirs.csv"
    theirs.write_text("\n".join(["session,predicted", *lines, ""]))
    arguments = ("--mode=score", "--workdir=runs/simulated", "--predictions=theirs.csv")
    done = run(copy, *arguments)
    assert "how its epoch was chosen is not known here" in " ".join(done.stdout.split())
    scores = json.loads((workdir / "scores/theirs.json").read_text())
    assert scores["protocols"]["foreign"]["models"]["theirs.csv"]["metrics"]["mae"]["estimate"] == 0
    assert scores["baselines"] == json.loads(before[workdir / "results.json"])["baselines"]
    assert (workdir / "scores/theirs.txt").read_text() in done.stdout
    after = {path: path.read_bytes() for path in workdir.rglob("*") if path.is_file() and path.parent.name != "scores"}
    assert after == before
    theirs.write_text("session,predicted\nnobody,1\n")
    refused = run(copy, *arguments, check=2)
    assert "theirs.csv: row 2, session nobody: is not reported" in refused.stderr
    assert json.loads((workdir / "scores/theirs.json").read_text()) == scores


def test_evaluate_refuses_a_training_that_is_not_finished(copy):
    workdir = copy / "runs/simulated"
    shutil.rmtree(max((workdir / "checkpoints").iterdir(), key=lambda path: int(path.name)))
    before = (workdir / "results.json").read_bytes()
    done = run(copy, "--mode=evaluate", "--workdir=runs/simulated", check=2)
    assert "not finished" in done.stderr
    assert (workdir / "results.json").read_bytes() == before
    done = run(copy, "--mode=evaluate", "--workdir=runs/nowhere", check=2)
    assert "nowhere" in done.stderr
    assert not (copy / "runs/nowhere").exists()


def test_embeddings_that_were_lost_are_made_again(copy):
    workdir = copy / "runs/simulated"
    before = {name: (workdir / name).read_bytes() for name in (*ENDED, "embeddings/epoch_00004.npz")}
    (workdir / "embeddings/epoch_00004.npz").unlink()
    run(copy, *TINY)
    assert before == {name: (workdir / name).read_bytes() for name in before}


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_a_training_that_was_stopped_ends_as_if_it_had_not_been(finished, tmp_path, how):
    """Streamed from disk after Ctrl-C: which is the same, to the last bit."""
    shutil.copytree(finished / "prepared", tmp_path / "prepared")
    checkpoints = tmp_path / "runs/simulated/checkpoints"
    status, errors = stop_when(lambda: any(checkpoints.glob("[0-9]*[0-9]")), tmp_path, how, *TINY)
    if how == signal.SIGINT:
        assert status == 130
        assert errors.strip().startswith("interrupted:") or "interrupted: " in errors
    if how == signal.SIGTERM:
        assert status == 143
    assert not (tmp_path / "runs/simulated/results.json").exists()
    again = [*TINY, "--config.train.feeding=stream"] if how == signal.SIGINT else TINY
    assert "goes on after step" in run(tmp_path, *again).stdout
    assert any(tmp_path.glob("prepared/*/windows/*/landmarks.array_record")) == (how == signal.SIGINT)
    for name in ENDED:
        found, expected = (folder / "runs/simulated" / name for folder in (tmp_path, finished))
        assert found.read_bytes() == expected.read_bytes(), name


def test_predict_a_file_and_a_folder(finished):
    raw = finished / "prepared/simulated/raw"
    file = sorted(raw.glob("simulated*.csv"))[0]
    arguments = ("--mode=predict", "--checkpoint=runs/simulated")
    (line,) = run(finished, *arguments, f"--input={file}").stdout.splitlines()
    one = json.loads(line)
    assert [interval["level"] for interval in one["intervals"]] == [0.8, 0.9]
    for interval in one["intervals"]:
        assert interval["ends"][0] <= one["severity"] <= interval["ends"][1]
    assert 0 < one["usable_frames"] <= 1
    assert "held out" in one["intervals"][0]["is"]
    assert "not a diagnostic device" in one["note"]
    assert "SIMULATED" in one["simulated"]
    lines = run(finished, *arguments, f"--input={raw}").stdout.splitlines()
    assert len(lines) == 30
    assert json.loads(lines[0]) == one


def test_predictions_are_those_of_the_results(finished):
    """What `predict` says of a reported recording is what predictions.csv says of it."""
    with (finished / "runs/simulated/predictions.csv").open() as file:
        row = next(csv.DictReader(file))
    path = finished / "prepared/simulated/raw" / f"{row['session']}.csv"
    said = run(finished, "--mode=predict", "--checkpoint=runs/simulated", f"--input={path}").stdout
    assert json.loads(said)["severity"] == pytest.approx(float(row["ridge"]), rel=1e-4)


LOAD = """
import sys, mccl_jax
model = mccl_jax.load(sys.argv[1])
print(model.config.name, sorted(model.regressors), model.predict_file(sys.argv[2])["severity"])
assert "tensorflow" not in sys.modules
"""


def test_a_checkpoint_loads_in_two_lines_anywhere(finished, tmp_path):
    workdir, raw = finished / "runs/simulated", finished / "prepared/simulated/raw"
    file = sorted(raw.glob("simulated*.csv"))[0]
    done = subprocess.run(
        [sys.executable, "-c", LOAD, workdir, file],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("simulated ['ridge', 'xgboost'] ")


def test_a_checkpoint_from_the_midst_of_training_embeds_and_says_that_it_cannot_predict(finished):
    raw = finished / "prepared/simulated/raw"
    step = newest(finished / "runs/simulated/checkpoints")[1]["selection"]["best"]["step"]
    model = mccl_jax.load(finished / "runs/simulated/checkpoints" / str(step))
    assert model.embed([read_session(raw / "simulated_0000.csv")]).shape == (1, 2, 8)
    with pytest.raises(UserError, match=r"it holds none.*load the workdir of a finished training"):
        predict.run(finished / "runs/simulated/checkpoints" / str(step), raw, pytest.fail)


ABORTED_AT_EXIT = """
import atexit, os, runpy, sys
atexit.register(os.abort)
sys.argv = sys.argv[1:]
sys.path.insert(0, os.path.dirname(sys.argv[0]))
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.mark.parametrize(("device", "status"), [("/dev/null", 0), ("/dev/full", 2)])
def test_the_program_ends_without_python_s_clearing_up(finished, device, status):
    """In which threads of Arrow that still let go of what they have read may abort it, after all is done."""
    file = sorted((finished / "prepared/simulated/raw").glob("simulated*.csv"))[0]
    arguments = ("--mode=predict", "--checkpoint=runs/simulated", f"--input={file}")
    with open(device, "w") as stdout:
        done = subprocess.run(
            [sys.executable, "-c", ABORTED_AT_EXIT, ROOT / "run.py", *arguments],
            cwd=finished,
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
            timeout=300,
            env={**os.environ, "PYTHONUNBUFFERED": ""},  # what is printed is so until the end
        )
    assert done.returncode == status, done.stderr
    full = "error: what was to be printed could not be (No space left on device)\n"
    assert done.stderr == (full if status else "")


def test_importing_the_package_is_light():
    code = "import sys, mccl_jax; print(sorted({'jax', 'numpy', 'orbax', 'tensorflow_datasets'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_one_s_own_recordings(finished, tmp_path):
    """The simulated folder taken for a folder of one's own, with splits in its labels."""
    raw = pathlib.Path(shutil.copytree(finished / "prepared/simulated/raw", tmp_path / "mine"))
    rows = list(csv.DictReader((raw / "labels.csv").open()))
    with (raw / "labels.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, [*rows[0], "split"])
        writer.writeheader()
        writer.writerows(row | {"split": ("train", "train", "test")[i % 3]} for i, row in enumerate(rows))
    (raw / "simulation.json").unlink()
    tiny = [argument for argument in TINY if "simulation" not in argument]
    run(
        tmp_path,
        f"--config={ROOT}/configs/openface.py",
        "--config.data.manual_dir=mine",
        "--config.evaluation.reported_split=test",
        *tiny,
    )
    results = json.loads((tmp_path / "runs/openface/results.json").read_text())
    assert results["simulated"] is False
    assert results["counts"]["test"]["n_sessions"] == 10


MISTAKES = {
    "--config.model.widht=3": "'widht'",
    "--config.train.epochs=abc": "abc",
    "--config=nope.py": "nope.py",
    "--nosuch=1": "nosuch",
    "--mode=dance": "dance",
    "--config.data.cues=('face',)": "face",
    "--config.train.epochs=0": "train.epochs",
    "--config.windows.sampling=often": "often",
    "--config.evaluation.reported_split=test": "test",
    "--config.train.best_by=test": "train.best_by is 'test'",
    "--config.data.manual_dir=somewhere": "simulates",
}


@pytest.mark.parametrize(("argument", "named"), MISTAKES.items())
def test_a_mistake_is_one_line_and_leaves_nothing(copy, argument, named):
    shutil.rmtree(copy / "runs")
    done = run(copy, *TINY, argument, check=2)
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert done.stderr.splitlines()[-1] == line
    assert named in line
    assert not (copy / "runs").exists()


def test_a_workdir_of_another_config_is_refused(copy):
    done = run(copy, *TINY, "--config.train.learning_rate=0.5", check=2)
    assert "train.learning_rate: 0.5 here, 0.0005 there" in done.stderr


@pytest.mark.parametrize("folder", ["", "nowhere", "empty"])
def test_own_recordings_without_recordings(tmp_path, folder):
    (tmp_path / "empty").mkdir()
    done = run(tmp_path, f"--config={ROOT}/configs/openface.py", f"--config.data.manual_dir={folder}", check=2)
    assert done.stderr.count("\n") == 1
    assert folder in done.stderr
    assert "labels.csv" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]


def test_a_model_refuses_other_cues_and_names_them(finished):
    """DAIC-WOZ's older tracker gives four gaze vectors and 14 AUs."""
    model = mccl_jax.load(finished / "runs/simulated")
    file = sorted((finished / "prepared/simulated/raw").glob("simulated*.csv"))[0]
    session = read_session(file)
    older = {
        "gaze": cues.Cue("gaze", ("0", "1", "h0", "h1"), ("x", "y", "z"), cues.GAZE.units),
        "aus": cues.Cue("aus", cues.DAIC_WOZ_AUS, cues.AUS.channels, cues.AUS.units),
    }
    other = dataclasses.replace(
        session,
        specification={**session.specification, **older},
        cues={name: x[:, : older[name].shape[0]] if name == "aus" else x for name, x in session.cues.items()},
    )
    with pytest.raises(UserError, match=r"gaze has 4 points .*expected 2 points.*aus has 14 points.*AU45"):
        model.predict(other)


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--checkpoint=nowhere", "--input=labels.csv"),
        ("--checkpoint=runs",),
        ("--checkpoint=s3://bucket/run", "--input=labels.csv"),
        ("--checkpoint=runs", "--input=labels.csv", "--distributed=on"),
    ],
)
def test_predict_without_what_it_needs(tmp_path, arguments):
    done = run(tmp_path, "--mode=predict", *arguments, check=2)
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1


def test_predict_refuses_other_cues(finished, tmp_path):
    """An older tracker's text has four gaze vectors and 14 AUs: its name and what is missing are said."""
    header = ["frame", "timestamp", "confidence", "success", *(f"X{i}" for i in range(68))]
    clnf = tmp_path / "300_CLNF_features3D.txt"
    clnf.write_text(", ".join(header) + "\n" + ", ".join(["1"] * len(header)) + "\n")
    done = run(finished, "--mode=predict", "--checkpoint=runs/simulated", f"--input={clnf}", check=2)
    assert "landmarks" in done.stderr


def test_a_loss_that_is_not_finite_stops_and_names_the_step(finished, tmp_path):
    shutil.copytree(finished / "prepared", tmp_path / "prepared")
    done = run(tmp_path, *TINY, "--config.train.learning_rate=1e30", "--config.train.warmup_epochs=0", check=2)
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert "at step" in line
    assert "checkpoint" in line
    assert not (tmp_path / "runs/simulated/results.json").exists()


def test_embeddings_differ_between_sessions_and_epochs(finished):
    epochs = evaluated_epochs(finished / "runs/simulated")
    _, first, last = (Embeddings.load(path).z_inter for path in epochs.values())
    assert np.ptp(last, axis=0).max() > 1e-3
    assert np.abs(first - last).max() > 1e-4
