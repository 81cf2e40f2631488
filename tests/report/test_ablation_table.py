"""An ablation in four forms that say the same."""

import csv
import io
import json

import pytest

from mccl_jax.ablations import Variant
from mccl_jax.evaluation import results
from mccl_jax.evaluation.ablation import Trained, against_parent
from mccl_jax.report.ablation import ablation_table, as_csv, as_latex, as_markdown

VARIANTS = [Variant("50% of it_all", "a | b & c", {"model.heads": 1}), Variant("never", ""), Variant("broken", "")]


@pytest.fixture
def ablation(evaluation_of, tmp_path):
    results.write(evaluation_of(), tmp_path)
    one = Trained(results.read(tmp_path), results.read_predictions(tmp_path))
    of = {"parent": {0: one, 1: one}, VARIANTS[0].name: {0: one, 1: one}}
    return against_parent("made up", VARIANTS, of, {"broken": {0: "the loss is nan"}}, [0, 1])


def test_plain_text(ablation):
    table = ablation_table(ablation)
    assert table.isascii()
    assert all(len(line) <= 100 for line in table.splitlines())
    assert table.startswith("SIMULATED")
    assert "Ablation made up, 2 of 4 rows done" in table
    for said in (
        "FAILED: broken: the loss is nan",
        "waiting: never",
        "corrected for a family of 1",
        "train mean",
        "95% interval",
        "not a diagnostic device",
        "over seeds",
        "A row is about this corpus and these 20 sessions of 10 subjects",
    ):
        assert said in " ".join(table.split()), said
    assert "over seeds: standard deviation" in table
    assert "not all seeds are done" not in table
    assert "rows are of different ones: parent, 50% of it_all" in " ".join(
        ablation_table(ablation | {"seeds": [0, 1, 2]}).split()
    )
    assert "over seeds: standard deviation" not in ablation_table(ablation | {"seeds": [0]})


def test_markdown(ablation):
    text = as_markdown(ablation)
    table = [line for line in text.splitlines() if line.startswith("|")]
    assert len({line.replace("\\|", "").count("|") for line in table}) == 1
    assert len(table) == 2 + 4  # parent, variant, two baselines
    assert "**SIMULATED" in text
    assert "* FAILED: broken" in text


def test_latex(ablation):
    text = as_latex(ablation)
    rows = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert {line.count(" & ") for line in rows} == {5, 4}  # MAE's, and CCC's with those of seeds, below one another
    assert r"50\% of it\_all" in text
    assert r"a \textbar{} b \& c" in text
    assert "SIMULATED" in text
    assert text.count(r"\begin{tabular}") == text.count(r"\end{tabular}") == 2


def test_csv_holds_the_numbers(ablation):
    rows = list(csv.DictReader(io.StringIO(as_csv(ablation))))
    assert [row["name"] for row in rows] == [row["name"] for row in ablation["rows"]]
    for row, expected in zip(rows, ablation["rows"], strict=True):
        assert json.loads(row["setting"]) == expected["setting"]
        assert row["simulated"] == "True"
        if expected["state"] == "done":
            assert float(row["mae"]) == expected["metrics"]["mae"]["estimate"]
            assert row["n_sessions"] == "20"
        if "difference" in expected:
            assert float(row["ccc_minus_parent_upper"]) == expected["difference"]["ccc"]["upper"]
            assert float(row["p"]) == expected["difference"]["mae"]["p"]


def test_nothing_is_done_yet():
    table = against_parent("made up", VARIANTS, {}, {}, [0])
    assert "0 of 4 rows done" in ablation_table(table)
    assert "waiting: parent" in as_markdown(table)
    assert as_latex(table).startswith("%")
    assert as_csv(table).count("\n") == 5
