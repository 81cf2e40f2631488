"""--mode=report: one workdir or several, to keep or to give away."""

import shutil

import pytest

from mccl_jax.errors import UserError
from mccl_jax.modes import report
from tests.report.conftest import evaluation_of, made, workdir_of  # noqa: F401


@pytest.fixture
def workdir(workdir_of):  # noqa: F811
    return workdir_of()


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_each_kind_has_a_folder_of_its_own_in_the_first_workdir(workdir, tmp_path):
    said = []
    before = names(workdir)
    other = shutil.copytree(workdir, tmp_path.with_name(f"{tmp_path.name}_other"))
    for workdirs in ([workdir], [workdir, other]):
        for shareable in (False, True):
            report.run(workdirs, shareable=shareable, say=said.append)
    kinds = ["comparison", "comparison-shareable", "report", "report-shareable"]
    assert names(workdir) == sorted([*before, *kinds])
    for kind in kinds:
        assert names(workdir / kind) == ["README.txt", "figures", "index.html"]
        page = (workdir / kind / "index.html").read_text()
        assert ("This page: holds participant data: no" in page) == kind.endswith("shareable")
    assert [("can be given away" in line) for line in said] == [False, True, False, True]
    assert names(other) == before


def test_another_folder_may_be_named(workdir, tmp_path):
    report.run([workdir], output=tmp_path / "there", say=lambda line: None)
    assert (tmp_path / "there/index.html").is_file()
    assert not (workdir / "report").exists()


@pytest.mark.parametrize("gone", ["results.json", "predictions.csv", "config.json"])
def test_what_is_missing_is_named(workdir, gone):
    (workdir / gone).unlink()
    with pytest.raises(UserError, match=gone):
        report.run([workdir])
    assert not (workdir / "report").exists()


def test_a_damaged_insight_is_named(workdir):
    (workdir / "insight.json").write_text("{")
    with pytest.raises(UserError, match=r"insight.json: cannot be read .*make it anew, or remove it"):
        report.run([workdir])
