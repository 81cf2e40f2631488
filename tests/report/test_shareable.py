"""A shareable report: no participant, no path and nothing of fewer than ten people is in any of its files."""

import re

import pytest

from mccl_jax.report.page import write_report
from mccl_jax.report.shareable import FEW, shareable, told_parts

SCORE = dict.fromkeys(("estimate", "lower", "upper", "n_sessions", "n_subjects", "undefined_resamples"), 1)


def part(name: str, people: int) -> dict:
    return {
        "name": name,
        "counts": {"n_sessions": people, "n_subjects": people},
        "predictors": {"ridge": {"mae": {**SCORE, "reason": None}}},
    }


def left(parts: list[dict]) -> list[str]:
    """Names of the parts that have kept their scores."""
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
    assert left(told_parts([part("a", 12), part("b", 30)])) == ["a", "b"]
    assert left(told_parts([part("a", 9), part("b", 30), part("c", 11)])) == ["b"]  # else a is the whole less the rest
    assert left(told_parts([part("a", 4), part("b", 4), part("c", 30), part("d", 12)])) == ["c"]
    assert left(told_parts([part("a", 6), part("b", 7), part("c", 30)])) == ["c"]
    assert left(told_parts([part("a", 3), part("b", 30)])) == []
    assert told_parts([]) == []


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


def test_what_is_given_is_a_copy(contents_of):
    contents = contents_of(folds=3)
    before = repr(contents.results)
    shareable(contents)
    assert repr(contents.results) == before
