"""Settings side by side: their own scores, what is not done, and the spread over seeds."""

import dataclasses
import json

import numpy as np
import pytest

from mccl_jax.evaluation.protocols import Evaluation
from mccl_jax.evaluation.results import read_predictions, write
from mccl_jax.evaluation.sweeps import side_by_side
from mccl_jax.report.sweeps import sweep_table

SETTINGS = {f"seed={seed},rate={rate}": {"seed": seed, "rate": rate} for rate in (1, 2) for seed in (0, 1, 2)}


@pytest.fixture
def sweep(evaluation_of):
    results = evaluation_of().results
    found = {}
    for name, setting in SETTINGS.items():
        if setting["rate"] == 1:
            of_one = json.loads(json.dumps(results))
            primary = of_one["primary"]
            scores = of_one["protocols"][primary["protocol"]]["models"][primary["regressor"]]["metrics"]
            scores["mae"]["estimate"] = 4.0 + setting["seed"]
            found[name] = of_one
    return side_by_side(SETTINGS, found, {"seed=1,rate=2": "the loss is nan"})


def test_every_setting_stands_there(sweep):
    assert [row["name"] for row in sweep["settings"]] == [*SETTINGS]
    assert [row["state"] for row in sweep["settings"]] == ["done"] * 3 + ["waiting", "failed", "waiting"]
    table = sweep_table(sweep)
    assert "FAILED: seed=1,rate=2: the loss is nan" in table
    assert "waiting: seed=0,rate=2, seed=2,rate=2" in table
    for name in list(SETTINGS)[:3]:
        assert sum(line.startswith(f"{name} ") for line in table.splitlines()) == 1
    assert "n" in table.split("MAE")[0]
    assert table.isascii()


def test_the_spread_over_seeds_is_that_of_equal_settings(sweep):
    (group,) = sweep["over_seeds"]
    assert group["setting"] == {"rate": 1}
    assert group["seeds"] == [{"seed": 0}, {"seed": 1}, {"seed": 2}]
    assert group["mae"] == {"mean": 5.0, "standard_deviation": 1.0, "least": 4.0, "most": 6.0}
    assert group["averaged"] is None  # nobody gave the predictions


def test_what_the_mean_prediction_is_worth_where_all_predict_the_same(evaluation_of, tmp_path):
    evaluation = evaluation_of()
    results = evaluation.results
    name = results["primary"]["regressor"]
    settings, found, predicted = {}, {}, {}
    for seed, off in ((0, 3.0), (1, -3.0), (2, 0.0)):
        rows = [{**row, name: row["target"] + off} for row in evaluation.predictions]
        write(Evaluation(results, rows, {}, {}), tmp_path / str(seed))
        settings[f"s{seed}"] = {"data.split_seed": seed}
        found[f"s{seed}"], predicted[f"s{seed}"] = results, read_predictions(tmp_path / str(seed))
    (group,) = side_by_side(settings, found, {}, predicted)["over_seeds"]
    assert group["seeds"] == [{"data.split_seed": seed} for seed in (0, 1, 2)]
    assert group["averaged"]["estimate"] == pytest.approx(0, abs=1e-9)
    assert group["averaged"]["n_sessions"] == results["counts"][results["reported_split"]]["n_sessions"]
    assert "of their mean prediction" in sweep_table(side_by_side(settings, found, {}, predicted))
    predicted["s2"] = dataclasses.replace(predicted["s2"], fold=np.full(len(rows), "fold_2"))
    assert side_by_side(settings, found, {}, predicted)["over_seeds"][0]["averaged"] is None


def test_nothing_is_done_yet():
    table = sweep_table(side_by_side(SETTINGS, {}, {}))
    assert "6 settings, 0 of them done" in table
    assert "not a diagnostic device" in table
