"""Several trainings on one page: each with its own numbers, and in what they differ."""

import dataclasses
import json

from mccl_jax.report.comparison import write_comparison
from mccl_jax.report.shareable import shareable
from tests.report.test_page import Page


def several(contents):
    """The same training thrice, with another seed and another error."""
    found = []
    for seed in (0, 1, 2):
        results = json.loads(json.dumps(contents.results))
        results["protocols"]["last"]["models"]["xgboost"]["metrics"]["mae"]["estimate"] = 4.0 + seed
        config = {**contents.config, "seed": seed}
        found.append(dataclasses.replace(contents, name=f"run_{seed}", results=results, config=config))
    return found


def test_each_stands_beside_the_others(contents_of, tmp_path):
    page = Page(write_comparison(several(contents_of()), tmp_path / "comparison").read_text())
    for seed in (0, 1, 2):
        assert f"run_{seed}" in page.text
        assert f"{4 + seed}.00 [" in page.text
    assert page.headings["h1"] == ["3 trainings side by side"]
    assert "The lowest error of a table flatters its setting" in page.text
    assert "that they overlap does not say that the two are alike" in page.text
    assert "Options that differ option run_0 run_1 run_2 seed 0 1 2" in page.text
    assert [attributes["id"] for attributes in page.all("figure")] == ["figure-side_by_side"]
    assert (tmp_path / "comparison/figures/side_by_side.csv").read_text().count("run_1") == 2


def test_other_sessions_are_told_and_alike_names_are_numbered(contents_of, tmp_path):
    one, other, _ = several(contents_of())
    other.results["counts"]["test"]["n_sessions"] = 21
    other.results["simulated_notice"], other.results["simulated"] = None, False
    page = Page(write_comparison([one, dataclasses.replace(other, name="run_0")], tmp_path / "comparison").read_text())
    assert "not to be compared" in page.text
    assert "run_0 (1)" in page.text
    assert "run_0 (2)" in page.text
    assert "Not all trainings of this page are simulated" in page.text


def test_a_shareable_one_has_no_names_of_folders(contents_of, tmp_path):
    given = [shareable(one) for one in several(contents_of())]
    page = Page(write_comparison(given, tmp_path / "comparison").read_text())
    assert "run_0" not in page.text
    assert "made_up (3)" in page.text
    assert "holds participant data: no" in page.text
