"""--mode=check as a user runs it: on a simulated corpus, on a folder that is none, and in the form that is shared."""

import pytest

from data_builders.simulator.corpus import write_corpus
from data_builders.simulator.options import Options
from tests.end_to_end.program import ROOT, run

DAIC_WOZ = (f"--config={ROOT}/configs/daic_woz.py", "--config.data.manual_dir=raw", "--mode=check")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("check")
    write_corpus(place / "raw", Options(subjects=24, seconds=(14.0, 18.0), fps=3.0), str, "daic_woz")
    return place


def test_a_screen_says_what_there_is_and_what_to_do(folder):
    before = sorted(folder.rglob("*"))
    done = run(folder, *DAIC_WOZ)
    assert sorted(folder.rglob("*")) == before
    lines = done.stdout.splitlines()
    assert lines[0] == f"SIMULATED DAIC-WOZ in {folder}/raw"
    assert len(lines) < 40
    said = "\n".join(lines)
    for words in (
        "missing 1: 308",
        "unexpected 1, in no split file and skipped: 493_P.zip",
        "! 306_P.zip: cannot be read",
        "! transcript that is an AppleDouble file of macOS: 487_TRANSCRIPT.csv",
        "preparation, estimated from 3 of 22 recordings (",
    ):
        assert words in said
    what_next = f"python {ROOT}/run.py {DAIC_WOZ[0]} --config.data.manual_dir=raw"
    assert lines[-1] == f"next: mend what is marked with !, or go on without it: {what_next}"


def test_what_is_shared_has_no_names_of_sessions(folder):
    done = run(folder, *DAIC_WOZ, "--share")
    assert "{id}_P.zip: 22, " in done.stdout
    assert "landmarks: 23 files, utf-8, 208 columns" in done.stdout
    assert str(folder) not in done.stdout
    assert not any(number in done.stdout for number in ("306", "308", "487", "493", "300"))


def test_a_folder_that_is_not_the_corpus(folder):
    arguments = (f"--config={ROOT}/configs/cmdc.py", "--config.data.manual_dir=raw", "--mode=check")
    done = run(folder, *arguments, check=2)
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"error: {folder}/raw: no folder HC01.. or MDD01.. with a Q1.csv below it")
    assert not done.stdout
    done = run(folder, *arguments, "--share", check=2)
    assert (
        done.stderr
        == "error: prepare refuses this folder; expected a corpus as its README says: run without --share to see why\n"
    )
    assert "--mode=prepare refuses this folder as it is" in done.stdout
    assert "{n}_<word>.zip: 22" in done.stdout


def test_share_goes_with_check_alone(folder):
    done = run(folder, *DAIC_WOZ[:2], "--mode=prepare", "--share", check=2)
    assert done.stderr == "error: --share does not go with --mode=prepare, only with --mode=check\n"
