"""A person's answers: which files they are, and how they become one session."""

import gzip
import hashlib
import json
import os

import numpy as np
import pytest

from data_builders.cmdc.session import (
    READER,
    find_interview,
    find_interviews,
    read_interview,
    read_recording,
    recordings,
)
from data_builders.readers.openface import READER as OPENFACE_READER
from data_builders.readers.openface import read_openface
from data_builders.readers.subject_info import Subject
from mccl_jax.errors import UserError
from tests.data_builders.openface_files import columns, write

PERSON = Subject("HC07", 8, "HC", False, True, 5.0, {"Age": 30.0, "PHQ-1": None})


def touch(folder, *names):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).touch()
    return folder


def interview(folder, **answers):
    """A folder with answers, name (without .csv) -> columns; the interview found in it."""
    for name, cells in answers.items():
        write(folder / f"{name}.csv", cells)
    return find_interview(folder)


def one_line(caught):
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_answers_are_the_openface_files_alone_in_the_order_of_the_questions(tmp_path):
    others = [
        "vector_Q9.csv",
        "Q9.wav.csv",
        "._Q9.csv",
        "Q9.npy",
        "Q9.pkl",
        "Q9.csv.bak",
        "Q.csv",
        "Q100.csv",
        "AQ9.csv",
    ]
    folder = touch(tmp_path / "HC01", "Q10.csv", "Q2.csv", "Q1.csv.gz", "q3.CSV", *others)
    found = find_interview(folder)
    assert list(found.answers) == [1, 2, 3, 10]
    assert [path.name for path in found.answers.values()] == ["Q1.csv.gz", "Q2.csv", "q3.CSV", "Q10.csv"]
    assert found.notes == ()


def test_a_folder_without_answers_is_no_interview(tmp_path):
    assert find_interview(touch(tmp_path / "HC01", "Q1.wav", "vector_Q1.csv", "Q13.csv")) is None


@pytest.mark.parametrize("name", ["Q9-.csv", "Q9 .csv", "Q9_.csv", "Q09.csv"])
def test_names_that_are_written_otherwise_are_read_and_said(tmp_path, name):
    found = find_interview(touch(tmp_path / "HC01", "Q1.csv", name))
    assert {question: path.name for question, path in found.answers.items()} == {1: "Q1.csv", 9: name}
    found = interview(tmp_path / "HC07", **{"Q1": columns(3), name.removesuffix(".csv"): columns(4)})
    session, plain = read_interview(found, PERSON), read_interview(found, PERSON, corrections=())
    assert (set(session.question.tolist()), set(plain.question.tolist())) == ({1, 9}, {1})
    effect = {"id": "answer-names", "what": f"question of {name}", "was": None, "is": 9}
    for one, made in ((session, True), (plain, False)):
        corrections = one.provenance["corrections"], one.provenance["switched_off"]
        assert corrections == (([effect], []) if made else ([], [effect]))
    assert f"answers left out: Q9 (its file is called {name})" in plain.provenance["notes"]
    assert not any("left out" in note for note in session.provenance["notes"])


def test_questions_that_were_not_asked_are_said_in_one_note(tmp_path):
    found = find_interview(touch(tmp_path / "HC01", "Q0.csv", "Q1.csv", "Q12.csv", "Q13.csv", "Q2-.csv", "Q3-.csv"))
    assert list(found.answers) == [1, 2, 3, 12]
    assert found.notes == ("files of questions beyond 1..12 are not used: Q0.csv, Q13.csv",)


@pytest.mark.parametrize("other", ["Q9-.csv", "Q9.csv.gz", "Q09.csv"])
def test_two_files_of_one_question_are_refused(tmp_path, other):
    folder = touch(tmp_path / "HC01", "Q9.csv", other)
    with pytest.raises(UserError, match=r"HC01: Q.* are both of question 9; expected one file an answer") as caught:
        find_interviews(tmp_path)
    assert {other, "Q9.csv"} <= set(one_line(caught).replace(f"{folder}: ", "").split(" are ")[0].split(" and "))


def test_people_are_found_at_any_depth(tmp_path):
    touch(tmp_path / "part1" / "HC02", "Q1.csv")
    touch(tmp_path / "part2" / "deep" / "mdd1", "Q3.csv")
    touch(tmp_path / "HC10", "Q1.csv")
    touch(tmp_path / "part1" / "HC01", "Q1.wav")  # no video
    touch(tmp_path / "part1" / "results", "Q1.csv")  # nobody
    found = find_interviews(tmp_path)
    assert list(found) == ["HC02", "HC10", "MDD01"]
    assert found["MDD01"].folder == tmp_path / "part2" / "deep" / "mdd1"
    assert find_interviews(tmp_path / "part1" / "HC01") == {}


@pytest.mark.parametrize("twin", ["part2/HC02", "part1/hc2"])
def test_a_person_in_two_folders_is_refused(tmp_path, twin):
    touch(tmp_path / "part1" / "HC02", "Q1.csv")
    touch(tmp_path / twin, "Q2.csv")
    with pytest.raises(UserError, match="HC02 has two folders with answers, part") as caught:
        find_interviews(tmp_path)
    assert {"part1/HC02", twin} <= set(one_line(caught).replace(";", "").replace(",", "").split())


def test_an_empty_twin_does_no_harm(tmp_path):
    touch(tmp_path / "audio" / "HC02", "Q1.wav")
    touch(tmp_path / "video" / "HC02", "Q1.csv")
    assert find_interviews(tmp_path)["HC02"].folder == tmp_path / "video" / "HC02"


def test_linked_folders_are_followed_once_and_links_in_a_circle_end(tmp_path):
    elsewhere, root = tmp_path / "elsewhere", tmp_path / "root"
    touch(elsewhere / "HC01", "Q1.csv")
    touch(elsewhere / "people" / "HC02", "Q1.csv")
    touch(root / "part" / "HC03", "Q1.csv")
    (root / "HC01").symlink_to(elsewhere / "HC01")
    (root / "more").symlink_to(elsewhere / "people")
    (root / "again").symlink_to(elsewhere / "people")
    (root / "part" / "up").symlink_to(root)
    (elsewhere / "people" / "back").symlink_to(root / "part")
    (root / "nowhere").symlink_to(root / "gone")
    found = find_interviews(root)
    assert list(found) == ["HC01", "HC02", "HC03"]
    assert found["HC03"].folder == root / "part" / "HC03"


def test_a_link_of_another_name_does_not_hide_a_person(tmp_path):
    touch(tmp_path / "part" / "HC01", "Q1.csv")
    (tmp_path / "a").symlink_to(tmp_path / "part" / "HC01")
    (tmp_path / "part" / "Anna").symlink_to(tmp_path / "part" / "HC01")
    assert find_interviews(tmp_path)["HC01"].folder == tmp_path / "part" / "HC01"


def test_the_root_itself_may_be_a_link(tmp_path):
    touch(tmp_path / "real" / "HC01", "Q1.csv")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert list(find_interviews(tmp_path / "link")) == ["HC01"]


def test_recordings_of_people_whose_names_are_no_ids(tmp_path):
    touch(tmp_path / "b" / "anna", "Q1.csv")
    touch(tmp_path / "a", "Q2.csv")
    touch(tmp_path / "c", "Q2.wav")
    assert recordings(tmp_path) == [tmp_path / "a", tmp_path / "b" / "anna"]
    assert recordings(tmp_path / "a") == [tmp_path / "a"]
    for nothing in (tmp_path / "c", tmp_path / "a" / "Q2.csv", tmp_path / "gone"):
        with pytest.raises(UserError, match=r"expected the folder of an interview, with Q1\.csv to Q12\.csv") as caught:
            recordings(nothing)
        assert one_line(caught).startswith(f"{nothing}: ")


def test_a_folder_that_cannot_be_read_is_a_recording_all_the_same(tmp_path):
    """So that one bad folder of many is a line with its error, and the others are predicted."""
    touch(tmp_path / "a", "Q1.csv", "Q1-.csv")
    touch(tmp_path / "b", "Q1.csv")
    assert recordings(tmp_path) == [tmp_path / "a", tmp_path / "b"]
    with pytest.raises(UserError, match="are both of question 1"):
        read_recording(tmp_path / "a", ("aus",), 30.0)


def test_answers_are_joined_untouched_in_the_order_of_the_questions(tmp_path):
    lengths = {10: 5, 2: 7, 1: 3}
    folder = tmp_path / "HC07"
    for question, frames in lengths.items():
        cells = columns(frames)
        cells["AU12_r"] = [question / 4] * frames
        cells["success"][1] = 0
        write(folder / f"Q{question}.csv", cells)
    session = read_interview(find_interview(folder), PERSON, (1, 5))
    assert session.question.tolist() == [1] * 3 + [2] * 7 + [10] * 5
    assert session.question.dtype == np.int32
    single = [read_openface(folder / f"Q{question}.csv") for question in (1, 2, 10)]
    for name, cue in session.cues.items():
        np.testing.assert_array_equal(cue, np.concatenate([one.cues[name] for one in single]))
        assert cue.dtype == np.float32
    for name in ("confidence", "success"):
        np.testing.assert_array_equal(getattr(session, name), np.concatenate([getattr(one, name) for one in single]))
    assert (session.session, session.subject, session.target, session.folds) == ("HC07", "HC07", 5.0, (1, 5))
    assert session.labels == {"Age": 30.0, "PHQ-1": None, "group": "HC", "MDD": 0.0}
    assert np.isnan(session.speech_span).all()
    assert session.split == ""


def test_time_runs_through_and_answers_are_one_frame_apart(tmp_path):
    slow = columns(6, rate=10.0)
    late = columns(4)
    late["timestamp"] = [f"{100 + i / 25:.3f}" for i in range(4)]
    found = interview(tmp_path / "HC07", Q1=columns(5), Q2=slow, Q3=late)
    session = read_interview(found, PERSON)
    steps = np.diff(session.time)
    assert session.time.dtype == np.float64
    # 25 Hz, then 10 Hz, then 25 Hz again; the step to the next answer is that of the answer that ends.
    np.testing.assert_allclose(steps, [0.04] * 5 + [0.1] * 6 + [0.04] * 3, rtol=1e-9)
    begins = {one["question"]: one["begins"] for one in session.provenance["answers"]}
    for question, path in found.answers.items():
        of_one = session.time[session.question == question]
        np.testing.assert_allclose(of_one - begins[question], read_openface(path).time, atol=1e-9)


@pytest.mark.parametrize("lengths", [(1, 1, 1), (1, 5, 1), (5, 1, 1)])
def test_answers_of_one_frame(tmp_path, lengths):
    found = interview(tmp_path / "HC07", **{f"Q{k}": columns(n) for k, n in enumerate(lengths, start=1)})
    session = read_interview(found, PERSON, frame_rate=20.0)
    assert len(session.time) == sum(lengths)
    assert (np.diff(session.time) > 0).all()
    assert np.bincount(session.question)[1:].tolist() == list(lengths)
    if max(lengths) == 1:
        np.testing.assert_allclose(np.diff(session.time), 1 / 20)
        assert session.statistics["pose"]["velocity"] is None


def test_velocities_do_not_cross_from_answer_to_answer(tmp_path):
    still = {f"Q{question}": columns(5) for question in (1, 2, 3)}
    for k, cells in enumerate(still.values()):
        cells |= {f"pose_T{axis}": [1000 * k] * 5 for axis in "xyz"}
    session = read_interview(interview(tmp_path / "HC07", **still), PERSON)
    assert np.ptp(session.cues["pose"][:, 0, 0]) == 2000
    np.testing.assert_array_equal(session.statistics["pose"]["velocity"], np.zeros((2, 3)))
    moving = np.array(session.statistics["landmarks"]["velocity"])[:, 0]  # X_p grows by 1/100 each 1/25 s
    np.testing.assert_allclose(moving, 0.25, rtol=1e-3)


def test_provenance_names_each_answer_and_what_it_was_made_of(tmp_path):
    found = interview(tmp_path / "HC07", **{"Q1": columns(3), "Q9-": columns(4)})
    session = read_interview(found, PERSON)
    answers = session.provenance["answers"]
    assert [(one["question"], one["file"]) for one in answers] == [(1, "Q1.csv"), (9, "Q9-.csv")]
    for one in answers:
        assert one["sha256"] == hashlib.sha256((tmp_path / "HC07" / one["file"]).read_bytes()).hexdigest()
    assert session.provenance["file"] == "HC07"
    assert session.provenance["reader"] == READER
    assert OPENFACE_READER in READER
    write(tmp_path / "HC07" / "Q1.csv", columns(4))
    assert read_interview(found, PERSON).provenance["sha256"] != session.provenance["sha256"]
    assert json.loads(json.dumps(session.provenance, allow_nan=False)) == session.provenance


def test_absent_answers_are_said(tmp_path):
    present = {f"Q{question}": columns(2) for question in range(1, 13) if question not in (3, 11)}
    notes = read_interview(interview(tmp_path / "HC07", **present), PERSON).provenance["notes"]
    assert notes == ["answers that are absent: Q3, Q11"]
    (tmp_path / "HC07" / "Q3.csv").write_bytes((tmp_path / "HC07" / "Q1.csv").read_bytes())
    (tmp_path / "HC07" / "Q11.csv.gz").write_bytes(gzip.compress((tmp_path / "HC07" / "Q1.csv").read_bytes()))
    assert read_interview(find_interview(tmp_path / "HC07"), PERSON).provenance["notes"] == []


def test_answers_that_cannot_be_read_are_left_out_with_the_reason(tmp_path):
    folder = tmp_path / "HC07"
    untracked, lacking = columns(4), columns(4)
    untracked["success"] = [0] * 4
    del lacking["X_3"]
    interview(folder, Q1=untracked, Q3=columns(4), Q4=lacking, Q7=columns(5))
    (folder / "Q2.csv").write_text("")
    (folder / "Q5.csv").write_bytes(b"\x00\x01\x02")
    os.symlink(folder / "gone.csv", folder / "Q6.csv")
    session = read_interview(find_interview(folder), PERSON)
    assert session.question.tolist() == [3] * 4 + [7] * 5
    assert [one["question"] for one in session.provenance["answers"]] == [3, 7]
    note = next(note for note in session.provenance["notes"] if note.startswith("answers left out: "))
    for words in (
        "Q1 (in none of its 4 frames the face was tracked",
        "Q2 (empty",
        "Q4 (missing cues landmarks (X_3: 1 of 204 columns)",
        "Q5 (not a text file",
        "Q6 (cannot be read ([Errno 2] No such file",
    ):
        assert words in note
    assert "Q3 (" not in note
    assert str(tmp_path / "HC07" / "Q1") not in note
    assert "answers that are absent: Q8, Q9, Q10, Q11, Q12" in session.provenance["notes"]
    assert read_interview(find_interview(folder), PERSON, cues=("pose",)).question.tolist() == (
        [3] * 4 + [4] * 4 + [7] * 5
    )


def test_an_interview_of_which_nothing_can_be_read_is_refused(tmp_path):
    untracked = columns(4)
    untracked["success"] = [0] * 4
    found = interview(tmp_path / "HC07", Q1=untracked, Q2=untracked)
    with pytest.raises(UserError, match=r"HC07: none of its answers can be read: Q1 \(in none .*; Q2 \(") as caught:
        read_interview(found, PERSON)
    one_line(caught)


def test_notes_on_the_answers_are_one_of_each_kind(tmp_path):
    answers = {f"Q{question}": columns(4) for question in range(1, 13)}
    answers["Q2"]["gaze_0_x"][1] = answers["Q5"]["AU12_r"][2] = answers["Q5"]["X_3"][2] = "-0.4253258.1"
    del answers["Q7"]["timestamp"]
    session = read_interview(interview(tmp_path / "HC07", **answers), PERSON)
    assert session.provenance["notes"] == [
        "unreadable cells, their frames are not used: Q2 1 in gaze_0_x; Q5 2 in X_3, AU12_r",
        "no timestamps, time is the frame number at 30 frames a second: Q7",
    ]
    assert np.flatnonzero(~session.usable).tolist() == [5, 18]


def test_an_interview_of_somebody_unknown(tmp_path):
    interview(tmp_path / "anna", Q1=columns(3), Q2=columns(3))
    session = read_recording(tmp_path / "anna", ("pose", "aus"), 30.0)
    assert (session.session, session.subject, session.folds, session.labels) == ("anna", "", (), {})
    assert np.isnan(session.target)
    assert tuple(session.cues) == ("pose", "aus")
    for nothing in (tmp_path, tmp_path / "anna" / "Q1.csv", tmp_path / "gone"):
        with pytest.raises(UserError, match="expected the folder of an interview") as caught:
            read_recording(nothing, ("pose",), 30.0)
        assert one_line(caught).startswith(f"{nothing}: ")
