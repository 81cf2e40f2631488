"""CMDC before it is prepared: people, answers, layout."""

import gzip
import pathlib
import shutil

import pytest

from data_builders.cmdc import survey
from data_builders.cmdc.cmdc_dataset_builder import CMDCConfig
from data_builders.simulator.corpus import write_corpus
from data_builders.simulator.options import Options
from tests.data_builders.survey.looking import look


def of_cmdc(folder):
    return look(folder, survey.layout, survey.look_at, CMDCConfig())


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    options = Options(subjects=78, seconds=(12, 16), fps=2)
    return write_corpus(tmp_path_factory.mktemp("cmdc") / "raw", options, str, "cmdc")


@pytest.fixture
def mine(full, tmp_path) -> pathlib.Path:
    return pathlib.Path(shutil.copytree(full, tmp_path / "raw"))


def test_the_full_corpus_lacks_nothing(full):
    found = of_cmdc(full)
    assert found.counts["people"].words() == "44 of 44; 26 HC, 18 MDD"
    assert found.counts["answers"].words() == "519 of 519"
    assert found.lines == [
        "folders HC{n}, MDD{n}: 13 under part1/, 13 under part2/, 18 under part3/",
        "answers: Q{n}.csv (518), Q{n}-.csv (1)",
        "tables: SubjectInfo.xlsx, 5FoldSplitInfo.xlsx",
        "headers: answer 714 columns as of OpenFace 2.x",
    ]
    assert not found.odd(costs=True)
    total, twice = found.odd()
    assert total.startswith(
        "corrected (no-total), PHQtotal empty or no number, all items there: HC05, PHQtotal was unknown"
    )
    assert twice.startswith("corrected (MDD20-twice), MDD20 stands twice in the table of people, MDD21 is missing")


def test_what_is_missing_or_too_much_is_named(mine):
    shutil.rmtree(mine / "part1" / "HC01")
    person = mine / "part1" / "HC03"
    shutil.copytree(person, mine / "more" / "HC52")  # in no row with video
    shutil.copytree(person, mine / "more" / "HC99")  # in no row
    (person / "Q3.csv").unlink()
    (person / "Q4.csv").write_text("")
    (person / "Q5.csv").write_text("start_time\tstop_time\n1\t2\n")
    content = (person / "Q6.csv").read_bytes()
    (person / "Q6.csv").unlink()
    (person / "Q6.csv.gz").write_bytes(gzip.compress(content))
    shutil.copy(mine / "part1" / "HC05" / "Q7.csv", person / "Q7.csv")
    (person / "interview.csv").write_text("1\n")
    absent = mine / "part3" / "MDD14" / "Q11.csv"
    shutil.copy(absent.with_name("Q10.csv"), absent)
    found = of_cmdc(mine)
    people, answers = found.counts["people"], found.counts["answers"]
    assert (people.missing, people.unexpected, people.found) == (("HC01",), ("HC99",), 44)
    assert answers.missing == ("HC03 Q3",)
    assert answers.unexpected == ("MDD14 Q11",)
    assert answers.found == 519 - 12 - 1 + 12 + 1
    assert found.lines[1].startswith("answers: Q{n}.csv (")
    assert "Q{n}.csv.gz (1)" in found.lines[1]
    assert "under more/" in found.lines[0]
    assert "2 columns, not of OpenFace (1)" in found.lines[3]
    assert set(found.odd(costs=True)) == {
        "files of 0 bytes: HC03/Q4.csv",
        "answer without a header that is known: HC03/Q5.csv",
    }
    said = "\n".join(found.odd(costs=False))
    assert "HC03/Q7.csv and HC05/Q7.csv" in said
    assert "MDD14/Q10.csv and MDD14/Q11.csv" in said
    assert "files that are not known and not read, 1: part{n}/HC{n}/interview.csv" in said


def test_answers_that_are_links_to_nowhere_are_named(mine):
    person = mine / "part1" / "HC03"
    (person / "Q3.csv").unlink()
    (person / "Q3.csv").symlink_to(mine / "gone.csv")
    found = of_cmdc(mine)
    assert found.odd(costs=True) == ["answers that are no file (a link to nowhere): HC03/Q3.csv"]
    left = [path for n in range(1, 13) if (path := person / f"Q{n}.csv").is_file()]
    assert found.weights["HC03"] == ("", sum(path.stat().st_size for path in left))
    assert len(left) == 11
