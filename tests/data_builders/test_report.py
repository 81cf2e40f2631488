"""The report on a preparation: every session counted once, a few examples in words, all of them as JSON."""

import dataclasses
import json

import numpy as np
import pytest

from data_builders.defects import Defect, Effect, Rule
from data_builders.report import DESCRIPTION, JSON_NAME, TEXT_NAME, Report, Summary, Tally, is_simulated
from tests.data.made import plain


def session(name, *notes, **fields):
    made = plain(np.arange(5.0), np.arange(5.0), session=name, subject=name[0], **fields)
    return dataclasses.replace(made, provenance={"notes": list(notes), "sha256": name})


def tallied(*sessions, skipped=(), notes=(), split="sessions"):
    tally = Tally(skipped, notes)
    for one in sessions:
        tally.add(split, Summary.of(one))
    return tally


@pytest.mark.parametrize(("examples", "more"), [(1, None), (5, None), (6, 1), (40, 35)])
def test_five_examples_in_words_and_all_as_json(tmp_path, examples, more):
    noted = [session(f"a{k:02d}", f"odd: cell {k}") for k in range(examples)]
    report = tallied(*noted, session("b")).report("raw", "print")
    report.write(tmp_path)
    text = (tmp_path / TEXT_NAME).read_text()
    assert text == report.words()
    assert f"  odd (in {examples} of {report.sessions} sessions)\n" in text
    shown = [line.strip() for line in text.splitlines() if "cell" in line]
    assert shown == [f"a{k:02d}: cell {k}" for k in range(min(examples, 5))]
    assert (f"    and {more} more: {JSON_NAME}\n" in text) == (more is not None)
    assert (" more" in text) == (more is not None)
    kept = json.loads((tmp_path / JSON_NAME).read_text())["notes"]["odd"]
    assert kept == {"sessions": examples, "examples": [f"a{k:02d}: cell {k}" for k in range(examples)]}
    assert Report.read(tmp_path) == report


def test_a_note_on_all_sessions_is_not_a_list_of_their_names():
    report = tallied(*[session(f"a{k}", "no timestamps", f"several faces: {k} rows") for k in range(7)]).report(
        "r", "p"
    )
    text = report.words()
    assert "  no timestamps\n" in text
    assert "    a0\n" not in text
    assert "  several faces\n    a0: 0 rows\n" in text
    assert "    and 2 more: preparation.json\n" in text
    assert len(report.notes["no timestamps"]["examples"]) == 7


def test_simulated_recordings_are_called_so_first():
    said = [tallied(session("a")).report("r", "p", simulated).words() for simulated in (True, False)]
    assert said[0] == "SIMULATED recordings: they say nothing about real people\n" + said[1]


def test_notes_on_the_whole_corpus_stand_as_they_are():
    report = tallied(session("a"), notes=["SubjectInfo.xlsx, row 3: odd"], skipped=[("b", "gone")]).report("r", "p")
    assert "notes: 1\n  SubjectInfo.xlsx, row 3: odd\n" in report.words()
    assert "skipped: 1\n  b: gone\n" in report.words()
    assert "notes: none\n" in tallied(session("a")).report("r", "p").words()


def test_corrections_are_a_block_of_their_own_in_the_order_of_the_table(tmp_path):
    rows = [Defect(id, (), f"{id} is wrong", "righted", "a user", Rule()) for id in ("b", "a", "unmet")]
    tally = Tally((), (), rows, [("people.xlsx", Effect("b", "ID", "x", "y", False))])
    entries = [{"id": id, "what": f"{id}{k}", "was": None, "is": float(k)} for id, k in (("a", 1), ("b", 2), ("a", 3))]
    for name in ("one", "two"):
        made = session(name)
        provenance = made.provenance | {"corrections": entries, "switched_off": entries[:1] if name == "two" else []}
        tally.add("sessions", Summary.of(dataclasses.replace(made, provenance=provenance)))
    tally.add("sessions", Summary.of(session("three")))
    report = tally.report("raw", "print")
    assert list(report.corrections) == ["b", "a"]
    assert report.corrections["a"] == {
        "wrong": "a is wrong",
        "source": "a user",
        "sessions": 2,
        "examples": [f"{name}: a1 was unknown, is 1; a3 was unknown, is 3" for name in ("one", "two")],
    }
    assert (
        "corrections: 2\n"
        "  b: b is wrong (a user) (in 2 of 3 sessions)\n"
        "    one: b2 was unknown, is 2\n"
        "    two: b2 was unknown, is 2\n"
        "  a: a is wrong (a user) (in 2 of 3 sessions)\n"
        "    one: a1 was unknown, is 1; a3 was unknown, is 3\n"
        "    two: a1 was unknown, is 1; a3 was unknown, is 3\n"
        "corrections that are switched off: 2\n"
        "  b: b is wrong (a user)\n"
        "    people.xlsx: ID is x, would be y\n"
        "  a: a is wrong (a user) (in 1 of 3 sessions)\n"
        "    two: a1 is unknown, would be 1\n"
        "notes: none\n"
    ) in report.words()
    report.write(tmp_path)
    assert Report.read(tmp_path) == report


def test_sessions_subjects_frames_and_targets_are_counted():
    tally = tallied(session("a1", target=float("nan")), session("a2"), session("b1"))
    tally.add("dev", Summary.of(session("c1")))
    tally.skip("d1", "damaged")
    report = tally.report("raw", "print")
    assert (report.sessions, report.subjects, report.frames, report.seconds, report.unlabelled) == (4, 3, 20, 16.0, 1)
    assert report.splits == {"sessions": {"sessions": 3, "subjects": 2}, "dev": {"sessions": 1, "subjects": 1}}
    assert report.skipped == (("d1", "damaged"),)
    assert report.words().startswith("4 sessions of 3 subjects from raw\n20 frames, 0.3 minutes; 0.00% of the frames")
    assert "sessions without a target: 1\n" in report.words()


@pytest.mark.parametrize("text", [None, "", "{", "[]", "{}", '{"source": "raw"}'])
def test_a_report_of_another_form_is_none(tmp_path, text):
    if text is not None:
        (tmp_path / JSON_NAME).write_text(text)
    assert Report.read(tmp_path) is None


@pytest.mark.parametrize("name", ["\udcfc.csv", "a\nb.csv", "\x1b[2J.csv"])
def test_names_of_files_may_hold_anything(tmp_path, name):
    """What another system called a file cannot be written as UTF-8, or is no line."""
    report = tallied(session("a", f"odd: {name}"), skipped=[(name, f"{name}: is empty")]).report("raw", "print")
    report.write(tmp_path)
    text = (tmp_path / TEXT_NAME).read_text("utf-8")
    assert "skipped: 1\n" in text
    assert all(line.isprintable() for line in text.split("\n"))
    assert Report.read(tmp_path) == report


@pytest.mark.parametrize("named", [".", "..", "../..", "link", "part", "elsewhere"])
def test_made_up_recordings_are_called_so_wherever_among_them_is_looked(tmp_path, named):
    raw = tmp_path / "simulated" / "raw"
    (raw / "part").mkdir(parents=True)
    (tmp_path / "elsewhere/deep").mkdir(parents=True)
    (tmp_path / "of links").mkdir()
    (tmp_path / "of links/all").symlink_to(tmp_path / "simulated")
    folder = tmp_path / "of links" if named == "link" else tmp_path / named if named == "elsewhere" else raw / named
    assert not is_simulated(folder)
    (raw / DESCRIPTION).write_text("{}")
    assert is_simulated(folder) == (named != "elsewhere")
