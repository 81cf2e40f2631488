"""A sweep on four devices: each run is what it is alone, a failed one is told, a killed sweep goes on."""

import csv
import itertools
import json
import os
import signal

import numpy as np
import pytest

from data_builders.simulator.corpus import write_corpus
from data_builders.simulator.options import Options
from mccl_jax.evaluation import results
from mccl_jax.evaluation.embeddings import Embeddings, evaluated_epochs
from mccl_jax.evaluation.sweeps import side_by_side
from mccl_jax.modes import evaluate, train
from mccl_jax.report.sweeps import sweep_table
from mccl_jax.sweeps import names_of, settings
from mccl_jax.training import checkpoints
from tests.end_to_end.program import ROOT, TINY_MODEL, run, stop_when

GOOD = settings("seed=0,1,2 * train.temperature=0.05,0.5")
SWEEP = "seed=0,1,2 * train.temperature=0.05,0.5 + train.learning_rate=1e30"
BAD = "learning_rate=1e+30"
ARGUMENTS = (
    f"--config={ROOT}/configs/openface.py",
    "--config.data.manual_dir=raw",
    *TINY_MODEL,
    "--config.train.learning_rate=0.005",  # so that what settings differ in shows
    "--mode=sweep",
    f"--sweep={SWEEP}",
)
TRAININGS = ("fold_1", "fold_2", "all")
PLACE = "runs/openface-sweep"
TOLERANCE = {"embeddings": 1e-5, "params": 1e-4}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where a sweep over two folds of unequal size was killed once it had scored something, and run again."""
    folder = tmp_path_factory.mktemp("sweep")
    write_corpus(folder / "raw", Options(subjects=18, seconds=(12, 20)), str)
    with (folder / "raw/labels.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    subjects = sorted({row["subject"] for row in rows})
    with (folder / "raw/labels.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, [*rows[0], "fold"])
        writer.writeheader()
        writer.writerows(row | {"fold": 1 if row["subject"] in subjects[:5] else 2} for row in rows)
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(os.environ, "JAX_NUM_CPU_DEVICES", "4")
        stop_when(lambda: [*folder.glob(f"{PLACE}/*/report/index.html")], folder, signal.SIGKILL, *ARGUMENTS)
        done = run(folder, *ARGUMENTS, check=2)
    (folder / "printed.txt").write_text(done.stdout)
    return folder


@pytest.fixture(scope="module")
def alone(folder):
    """Name of a setting -> workdir of the same experiment, trained by itself on one device."""
    found = {}
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(folder)
        for name in names_of(GOOD):
            experiment = evaluate.experiment_of(folder / PLACE / name)
            found[name] = folder / "alone" / name
            train.run(experiment, found[name], lambda line: None)
    return found


def test_each_run_is_what_it_is_alone(folder, alone):
    for name, other in alone.items():
        for training in TRAININGS:
            mine = folder / PLACE / name / training
            assert [*evaluated_epochs(mine)] == [*evaluated_epochs(other / training)] == [0, 2, 4]
            for epoch, path in evaluated_epochs(mine).items():
                found, expected = Embeddings.load(path), Embeddings.load(evaluated_epochs(other / training)[epoch])
                assert found.session.tolist() == expected.session.tolist()
                assert found.split.tolist() == expected.split.tolist()
                np.testing.assert_allclose(found.features, expected.features, rtol=0, atol=TOLERANCE["embeddings"])
            states = [checkpoints.newest(place / "checkpoints")[0]["state"] for place in (mine, other / training)]
            assert states[0]["step"] == states[1]["step"]
            for key, value in states[1]["params"].items():
                found = states[0]["params"][key]
                np.testing.assert_allclose(found, value, rtol=0, atol=TOLERANCE["params"], err_msg=key)


def test_no_two_settings_are_alike(folder):
    """Or the test before would not notice if one were trained as another."""
    last = (evaluated_epochs(folder / PLACE / name / "all")[4] for name in names_of(GOOD))
    found = [Embeddings.load(path).features for path in last]
    for one, other in itertools.combinations(found, 2):
        assert np.abs(one - other).max() > 10 * TOLERANCE["embeddings"]


def test_one_table_for_all(folder, alone):
    printed, named = (
        (folder / "printed.txt").read_text(),
        dict(zip(names_of(settings(SWEEP)), settings(SWEEP), strict=True)),
    )
    sweep = json.loads((folder / PLACE / "sweep.json").read_text())
    (why,) = [row["why"] for row in sweep["settings"] if row["state"] == "failed"]
    found = {name: results.read(place) for name, place in alone.items()}
    predicted = {name: results.read_predictions(place) for name, place in alone.items()}
    expected = side_by_side(named, found, {BAD: why}, predicted)
    assert sweep_table(sweep) == (folder / PLACE / "sweep.txt").read_text() == sweep_table(expected)
    assert printed.endswith(sweep_table(sweep) + "\n")
    assert "SIMULATED" in printed
    assert [len(group["seeds"]) for group in sweep["over_seeds"]] == [3, 3]


def test_what_was_done_before_the_kill_is_not_done_again(folder):
    (line,) = [line for line in (folder / "printed.txt").read_text().splitlines() if line.startswith("sweep: ")]
    done, left = int(line.split()[3]), int(line.split("; ")[1].split()[0])
    assert 1 <= done < 7
    assert left <= 3 * (7 - done)


def test_a_failed_run_is_told(folder):
    (row,) = [row for row in json.loads((folder / PLACE / "sweep.json").read_text())["settings"] if row["name"] == BAD]
    assert "loss is nan" in row["why"]
    assert f"FAILED: {BAD}: fold_1: train: at step" in (folder / "printed.txt").read_text()
    assert not (folder / PLACE / BAD / "results.json").exists()
