"""A shareable report: no participant, no path and nothing of fewer than ten people is in any of its files."""

import dataclasses
import re

import pytest

from mccl_jax.report.page import write_report
from mccl_jax.report.shareable import FAILED, FEW, TELLS, shareable, told_parts
from tests.report.conftest import made_up_ablation

SCORE = dict.fromkeys(("estimate", "lower", "upper", "n_sessions", "n_subjects", "undefined_resamples"), 1)


def part(name: str, people: int) -> dict:
    return {
        "name": name,
        "counts": {"n_sessions": people, "n_subjects": people},
        "predictors": {"ridge": {"mae": {**SCORE, "reason": None}}},
    }


def left(parts: list[dict], sessions: int | None = None, people: int | None = None) -> list[str]:
    """Names of the parts that keep their scores; of a whole that they make up, or of so many sessions and people."""
    summed = {key: sum(one["counts"][key] for one in parts) for key in ("n_sessions", "n_subjects")}
    whole = {"n_sessions": sessions or summed["n_sessions"], "n_subjects": people or summed["n_subjects"]}
    parts = told_parts(parts, whole)
    kept = [one["name"] for one in parts if one["predictors"] is not None]
    assert kept == [one["name"] for one in parts if one["counts"]["n_subjects"] is not None]
    return kept


@pytest.mark.parametrize("options", [{}, {"folds": 3}], ids=str)
def test_no_id_and_no_path_is_in_any_file(contents_of, tmp_path, options):
    contents = contents_of(**options)
    ids = {row[key] for row in contents.predictions for key in ("session", "subject")}
    ids |= {f"session{row}" for row in range(60)} | {f"person{row}" for row in range(30)}
    private = re.compile("|".join(rf"\b{re.escape(word)}\b" for word in [*ids, "secret", str(tmp_path)]).encode())
    write_report(contents, tmp_path / "report")
    assert private.search((tmp_path / "report/index.html").read_bytes())  # else this test would see nothing
    write_report(shareable(contents), tmp_path / "given")
    files = [path for path in (tmp_path / "given").rglob("*") if path.is_file()]
    assert len(files) >= 6
    for path in files:
        assert not private.findall(path.read_bytes()), path.name
        assert not private.search(path.name.encode())
    assert ": yes" not in (tmp_path / "given/README.txt").read_text()
    page = (tmp_path / "given/index.html").read_text()
    assert "holds participant data: no" in page
    assert contents.results["verdict"] in page
    single = {f"{row[name]:.2f}" for row in contents.predictions for name in ("xgboost", "ridge")}
    curves, errors = ((tmp_path / f"given/figures/{name}.csv").read_text() for name in ("curves", "errors"))
    assert not any(f"{value}\n" in curves + errors for value in single)


def test_parts_of_few_go_and_with_them_what_would_tell_them():
    assert left([part("a", 12), part("b", 30)]) == ["a", "b"]
    assert left([part("a", 9), part("b", 30), part("c", 11)]) == ["b"]  # else a is the whole less the rest
    assert left([part("a", 4), part("b", 4), part("c", 30), part("d", 12)]) == ["c"]
    assert left([part("a", 6), part("b", 7), part("c", 30)]) == ["c"]
    assert left([part("a", 3), part("b", 30)]) == []
    assert left([part("a", 0), part("b", 30), part("c", 30)]) == ["b", "c"]  # of nobody there is nothing to tell
    assert told_parts([], {"n_sessions": 3, "n_subjects": 3}) == []


def test_those_in_no_part_are_not_told_by_subtraction():
    parts = [part("female", 20), part("male", 21)]
    assert left(parts, 41, 41) == ["female", "male"]
    for unknown in (1, 9):
        assert left(parts, 41 + unknown, 41 + unknown) == ["male"]
        assert left(parts, 41 + unknown, 41) == ["male"]  # the sessions are of people who are in a part by another
    assert left(parts, 51, 51) == ["female", "male"]


def test_people_who_are_in_several_parts_count_once():
    bands = [part("mild", 30), part("moderate", 6), part("severe", 6)]
    assert left(bands) == ["mild"]
    assert left(bands, people=36) == []  # the two sixes may be the same people
    assert left([part("mild", 30), part("moderate", 30)], people=30) == ["mild", "moderate"]
    assert left([part("mild", 30), part("moderate", 12), part("severe", 6)], people=30) == ["mild"]


def test_folds_that_share_sessions_are_left_out():
    folds = [part("fold_1", 20), part("fold_2", 20)]
    assert left(folds) == ["fold_1", "fold_2"]
    assert left(folds, 39, 39) == []  # their sum less the whole is the one session that both test


def test_an_unknown_label_does_not_tell_of_one_person(contents_of, tmp_path):
    """41 MAE - 20 MAE of the one - 20 MAE of the other would be that person's error."""
    contents = contents_of(sessions=126)
    whole = contents.primary["metrics"]["mae"]
    assert whole["n_subjects"] == 21
    parts = [
        {**part(name, 10), "by": "gender", "bias": None, "coverage": None, "suppressed": None}
        for name in ("female", "male")
    ]
    for one in parts:
        one["predictors"] = {"model": {"mae": whole}, "train_mean": {"mae": whole}}
        one["counts"]["n_sessions"] = 20  # of 42
    contents.results["subgroups"] = parts
    write_report(contents, tmp_path / "own")
    assert (tmp_path / "own/figures/errors_by_gender.csv").read_text().count(f",{whole['estimate']},") == 4
    page = write_report(shareable(contents), tmp_path / "given").read_text()
    assert (tmp_path / "given/figures/errors_by_gender.csv").read_text().count(f",{whole['estimate']},") == 2
    assert TELLS in page


def test_nothing_is_said_of_fewer_than_ten(contents_of, tmp_path):
    given = shareable(contents_of(sessions=24))  # 8 reported
    assert given.results["verdict"] == FEW
    assert given.primary["metrics"]["mae"]["estimate"] is None
    assert given.counts["n_subjects"] is None
    page = write_report(given, tmp_path / "given").read_text()
    assert FEW in page
    assert not re.search(r"\d\.\d\d <span class=\"interval\">", page)


def test_few_positive_sessions_are_not_told(contents_of, tmp_path):
    contents = contents_of(sessions=90)
    assert contents.counts["n_positive"] < 10 < contents.counts["n_subjects"]
    given = shareable(contents)
    assert given.counts["n_positive"] is None
    for name, score in given.primary["metrics"].items():
        assert (score["estimate"] is None) == (name in ("f1", "sensitivity", "specificity", "auroc"))
    assert "at 10 or more; fewer than 10 people" in write_report(given, tmp_path / "given").read_text()


def test_why_a_training_of_an_ablation_failed_is_not_told(contents_of, tmp_path):
    found = made_up_ablation()
    failed = next(row for row in found["rows"] if row["state"] == "failed")
    failed["why"] = "the loss is not finite; the last good checkpoint is /secret/runs/without_pose/checkpoints/3"
    contents = dataclasses.replace(contents_of(), ablation=found)
    assert failed["why"] in write_report(contents, tmp_path / "own").read_text()
    page = write_report(shareable(contents), tmp_path / "given").read_text()
    assert f"without pose: {FAILED}" in page
    assert "without aus: not trained yet" in page
    for path in (tmp_path / "given").rglob("*.*"):
        assert b"secret" not in path.read_bytes()


@pytest.mark.parametrize(
    ("positive", "negative", "told"), [(3, 18, False), (18, 3, False), (None, None, False), (12, 12, True)]
)
def test_classes_are_told_by_their_people_and_not_by_their_sessions(contents_of, positive, negative, told):
    contents = contents_of(sessions=126)  # 42 reported of 21
    counts = contents.counts | {"n_positive": 20, "n_positive_subjects": positive, "n_negative_subjects": negative}
    if positive is None:  # as of a results.json of before
        del counts["n_positive_subjects"], counts["n_negative_subjects"]
    contents.results["counts"][contents.results["reported_split"]] = counts
    given = shareable(contents)
    assert (given.counts["n_positive"] == 20) == told
    assert {given.counts.get(f"n_{which}_subjects") for which in ("positive", "negative")} == {None}
    for name in ("f1", "sensitivity", "specificity", "auroc"):
        assert (given.primary["metrics"][name]["estimate"] is not None) == told
    assert given.primary["metrics"]["mae"]["estimate"] is not None
    assert all(one["counts"]["n_positive"] is None for one in given.results["subgroups"])


def test_what_is_given_is_a_copy(contents_of):
    contents = contents_of(folds=3)
    before = repr(contents.results)
    shareable(contents)
    assert repr(contents.results) == before
