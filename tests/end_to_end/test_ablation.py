"""`run.py --mode=ablate`: a grid of cues in one command, its table, and its models."""

import csv
import json

import pytest

import mccl_jax
from mccl_jax.evaluation import results
from tests.end_to_end.program import TINY, run

# Landmarks need the pose to be told from the head's motion, even by a model that does not read it.
ARGUMENTS = (
    *TINY,
    "--config.data.cues=('landmarks','pose')",
    "--config.simulation.subjects=24",
    "--config.train.epochs=2",
    "--mode=ablate",
    "--grid=cues",
)
PLACE = "runs/simulated-ablation"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ablation")
    done = run(folder, *ARGUMENTS)
    (folder / "printed.txt").write_text(done.stdout)
    return folder


def test_one_table(folder):
    printed = (folder / "printed.txt").read_text()
    assert printed.count("windows: ") == 1  # prepared and cut once for all
    table = (folder / PLACE / "ablation.txt").read_text()
    assert printed.endswith(table + "\n")
    assert "SIMULATED" in table
    with (folder / PLACE / "ablation.csv").open() as file:
        rows = {row["name"]: row for row in csv.DictReader(file)}
    assert [*rows][:3] == ["parent", "landmarks alone", "pose alone"]
    assert {"train mean", "train median"} <= {*rows}
    for name, row in list(rows.items())[:3]:
        scores = results.read(folder / PLACE / name.replace(" ", "_") / "seed_0")
        assert float(row["mae"]) == scores["protocols"]["last"]["models"]["ridge"]["metrics"]["mae"]["estimate"]
    assert float(rows["pose alone"]["p_adjusted"]) >= float(rows["pose alone"]["p"])
    told = json.loads((folder / PLACE / "ablation.json").read_text())
    assert [row["setting"] for row in told["rows"][1:3]] == [{"model.cues": ["landmarks"]}, {"model.cues": ["pose"]}]
    assert (folder / PLACE / "ablation.md").exists()
    assert (folder / PLACE / "ablation.tex").exists()


def test_a_model_of_one_cue_predicts_for_recordings_of_all(folder):
    (raw,) = folder.glob("prepared/*/raw")
    place = folder / PLACE / "landmarks_alone/seed_0"
    model = mccl_jax.load(place)
    assert [*model.network.cues] == ["landmarks"]
    assert [*model.specification] == ["landmarks", "pose"]
    reported = results.read_predictions(place)
    recording = next(path for path in raw.rglob("*.csv") if path.stem == reported.session[0])
    said = model.predict_file(recording)
    assert said["severity"] == pytest.approx(reported.by["ridge"][0], abs=0.05)
