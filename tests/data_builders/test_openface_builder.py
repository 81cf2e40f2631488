"""From a folder of CSVs to a TFDS data set: what is in it, what is said about it, and that it can be interrupted."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import time
import weakref

import numpy as np
import pytest
import tensorflow_datasets as tfds

from data_builders import preparation
from data_builders.openface.openface_dataset_builder import Builder, OpenFaceConfig
from data_builders.openface.session import read_session, recordings
from data_builders.preparation import UNSPLIT, open_or_prepare
from data_builders.records import decode
from data_builders.report import JSON_NAME, TEXT_NAME, Report
from mccl_jax.errors import UserError
from tests.data_builders.openface_files import COUNT, columns, write

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture
def folder(tmp_path):
    """Four recordings of three subjects, in subfolders, two of them gzipped."""
    folder = tmp_path / "raw"
    names = ["b/2.csv", "a.csv", "b/1.csv.gz", "c.csv.gz"]
    for i, name in enumerate(names):
        cells = columns()
        cells["AU12_r"] = [i] * COUNT
        cells["success"][:i] = [0] * i
        write(folder / name, cells)
    rows = [f"{name},{subject},{i},{i % 2}" for i, (name, subject) in enumerate(zip(names, "QPQR", strict=True))]
    (folder / "labels.csv").write_text("\n".join(["file,subject,target,other", *rows]) + "\n")
    return folder


def run(tmp_path, folder, **options):
    return open_or_prepare(Builder, data_dir=tmp_path / "prepared", manual_dir=folder, config=OpenFaceConfig(**options))


def sessions(builder, split=UNSPLIT):
    return [decode(example) for example in builder.as_data_source(split)]


def relabel(folder, change):
    path = folder / "labels.csv"
    path.write_text("\n".join(change(path.read_text().splitlines())) + "\n")


def test_the_records_are_the_recordings(tmp_path, folder):
    builder, report = run(tmp_path, folder)
    found = sessions(builder)
    assert [session.session for session in found] == ["a", "b/1", "b/2", "c"]
    assert [session.subject for session in found] == ["P", "Q", "Q", "R"]
    assert [session.target for session in found] == [1.0, 2.0, 0.0, 3.0]
    for session in found:
        assert (session.split, session.folds, session.labels) == ("", (), {"other": session.target % 2})
        direct = read_session(folder / session.provenance["file"])
        for name, cue in direct.cues.items():
            np.testing.assert_array_equal(session.cues[name], cue)
        np.testing.assert_array_equal(session.time, direct.time)
        np.testing.assert_array_equal(session.success, direct.success)
        assert session.statistics == direct.statistics
        assert session.provenance["sha256"] == direct.provenance["sha256"]
    assert (report.sessions, report.subjects, report.frames) == (4, 3, 4 * COUNT)
    assert report.seconds == pytest.approx(4 * (COUNT - 1) / 25)
    assert report.failed_share == pytest.approx((1 + 2 + 3) / (4 * COUNT))
    assert report.splits == {UNSPLIT: {"sessions": 4, "subjects": 3}}
    assert report.skipped == ()


def test_the_labels_splits_are_the_data_sets(tmp_path, folder):
    splits = {"a.csv": "dev", "b/2.csv": "train", "b/1.csv.gz": "train", "c.csv.gz": "test"}
    relabel(folder, lambda lines: [f"{line},{splits.get(line.split(',')[0], 'split')}" for line in lines])
    builder, report = run(tmp_path, folder)
    found = {split: [session.session for session in sessions(builder, split)] for split in builder.info.splits}
    assert found == {"dev": ["a"], "train": ["b/1", "b/2"], "test": ["c"]}
    assert {session.split for session in sessions(builder, "train")} == {"train"}
    assert report.splits["train"] == {"sessions": 2, "subjects": 1}


def test_what_is_skipped_is_said(tmp_path, folder):
    relabel(folder, lambda lines: [*lines[:-1], "gone.csv,S,1,1", "broken.csv,T,1,1", "small.csv,U,,"])
    (folder / "broken.csv").write_text("frame,confidence\n")
    small = columns()
    del small["X_3"]
    write(folder / "small.csv", small)
    builder, report = run(tmp_path, folder)
    assert [session.session for session in sessions(builder)] == ["a", "b/1", "b/2"]
    reasons = dict(report.skipped)
    assert set(reasons) == {"gone.csv", "broken.csv", "small.csv", "c.csv.gz"}
    assert reasons["gone.csv"] == "named in the labels, but there is no such file"
    assert reasons["c.csv.gz"] == "has no row in the labels"
    assert reasons["broken.csv"].startswith("missing cues landmarks")
    assert "X_3: 1 of 204" in reasons["small.csv"]
    for file in (JSON_NAME, TEXT_NAME):
        assert all(name in (pathlib.Path(builder.data_dir) / file).read_text() for name in reasons)
    assert Report.read(pathlib.Path(builder.data_dir)) == report
    assert json.loads((pathlib.Path(builder.data_dir) / JSON_NAME).read_text())["sessions"] == 3


def test_notes_of_the_reader_are_counted(tmp_path, folder):
    for name in ("a.csv", "b/2.csv"):
        cells = columns()
        cells["X_5"][3] = "-0.4253258.1"
        cells["AU45_r"][0] = len(name) / 10  # not the same recording twice
        write(folder / name, cells)
    relabel(folder, lambda lines: [lines[0], *(line.replace(",3,", ",,") for line in lines[1:])])
    _, report = run(tmp_path, folder)
    note = report.notes["unreadable cells, their frames are not used"]
    assert note == {"sessions": 2, "examples": ["a: 1 in X_5", "b/2: 1 in X_5"]}
    assert report.notes["rows without a target: 1"]["sessions"] == 0
    assert report.unlabelled == 1
    assert "b/2: 1 in X_5" in report.words()
    assert report.failed_share == pytest.approx((2 + 2 + 3) / (4 * COUNT))


def test_a_cue_that_one_recording_lacks_is_left_out_of_all(tmp_path, folder):
    small = {name: cells for name, cells in columns().items() if not name.startswith("gaze_0")}
    write(folder / "a.csv", small)
    builder, report = run(tmp_path, folder, missing="omit")
    assert {tuple(session.cues) for session in sessions(builder)} == {("landmarks", "pose", "aus")}
    assert report.skipped == ()
    assert any("gaze, which 1 of 4 files lack (first: a.csv)" in note for note in report.notes)
    builder, report = run(tmp_path, folder)
    assert [name for name, _ in report.skipped] == ["a.csv"]
    assert {tuple(session.cues) for session in sessions(builder)} == {("landmarks", "gaze", "pose", "aus")}


def test_linked_folders_are_searched(tmp_path, folder):
    (folder / "b").rename(tmp_path / "disk")
    (folder / "b").symlink_to(tmp_path / "disk")
    (tmp_path / "disk/up").symlink_to(folder)
    builder, report = run(tmp_path, folder)
    assert [session.session for session in sessions(builder)] == ["a", "b/1", "b/2", "c"]
    assert not report.skipped
    assert recordings(folder) == [folder / name for name in ("a.csv", "b/1.csv.gz", "b/2.csv", "c.csv.gz")]


def test_options_have_folders_of_their_own(tmp_path, folder):
    first, _ = run(tmp_path, folder)
    second, _ = run(tmp_path, folder, target="other", cues=("aus",))
    assert first.data_dir != second.data_dir
    assert [session.target for session in sessions(second)] == [1.0, 0.0, 0.0, 1.0]
    assert {tuple(session.cues) for session in sessions(second)} == {("aus",)}
    assert [session.target for session in sessions(first)] == [1.0, 2.0, 0.0, 3.0]


def stamp(builder):
    files = [path for path in pathlib.Path(builder.data_dir).iterdir() if path.name != ".digests"]
    return {path.name: path.stat().st_mtime_ns for path in files}


def test_a_file_that_was_mended_and_kept_its_size_is_noticed(tmp_path, folder):
    cells = columns()
    cells["X_5"][3] = "9.04.1"
    write(folder / "a.csv", cells)
    run(tmp_path, folder)
    text = (folder / "a.csv").read_text()
    (folder / "a.csv").write_text(text.replace("9.04.1", "9.0401"))
    builder, report = run(tmp_path, folder)
    assert report.notes == {}
    assert sessions(builder)[0].cues["landmarks"][3, 5, 0] == np.float32(9.0401)


def test_one_recording_under_two_names_is_used_once(tmp_path, folder):
    shutil.copy(folder / "b/1.csv.gz", folder / "c.csv.gz")
    _, report = run(tmp_path, folder)
    assert report.skipped == (("c.csv.gz", "the same recording as b/1, byte for byte: one of the two is misplaced"),)
    assert report.sessions == 3


def test_reused_as_long_as_nothing_changes(tmp_path, folder, capsys):
    first, report = run(tmp_path, folder)
    before = stamp(first)
    capsys.readouterr()
    again, kept = run(tmp_path, folder)
    assert kept == report
    assert stamp(again) == before
    assert capsys.readouterr() == ("", "")
    for path in folder.rglob("*"):
        os.utime(path, (1, 1))  # a copy has other times
    (folder / "results").mkdir()
    write(folder / "results" / "predictions.csv", columns())  # the labels do not name it: not of this corpus
    run(tmp_path, folder)
    assert stamp(first) == before


@pytest.mark.parametrize("change", ["a label", "a file", "the reader"])
def test_prepared_anew_when_something_changes(tmp_path, folder, capsys, change, monkeypatch):
    run(tmp_path, folder)
    if change == "a label":
        relabel(folder, lambda lines: [*lines[:-1], lines[-1].replace(",3,", ",9,")])
    elif change == "a file":
        write(folder / "a.csv", columns(COUNT + 5))
    else:
        monkeypatch.setattr("data_builders.openface.openface_dataset_builder.READER", "another")
    capsys.readouterr()
    builder, report = run(tmp_path, folder)
    assert "changed since" in capsys.readouterr().err
    assert report.frames == 4 * COUNT + (5 if change == "a file" else 0)
    assert report.skipped == ()
    assert sessions(builder)[-1].target == (9 if change == "a label" else 3)
    assert leftovers(tmp_path) == []


def test_another_folder_does_not_replace_a_data_set(tmp_path, folder):
    first, _ = run(tmp_path, folder)
    before = stamp(first)
    moved = folder.rename(tmp_path / "moved")
    run(tmp_path, moved)
    assert stamp(first) == before
    write(moved / "a.csv", columns(3))
    with pytest.raises(UserError, match=f"holds what was prepared from {folder}; .*name another data_dir"):
        run(tmp_path, moved)
    assert stamp(first) == before


def test_progress_is_plain_lines_and_nothing_else(tmp_path, folder, capfd):
    run(tmp_path, folder)
    out, err = capfd.readouterr()
    assert out == ""
    lines = err.splitlines()
    assert lines[0].startswith(f"preparing {folder} into ")
    assert lines[1:] == [f"prepared {i} of 4 sessions" for i in (1, 2, 3, 4)]


def test_mistakes_are_one_line(tmp_path, folder):
    with pytest.raises(UserError, match="there is no such folder; expected a folder with the CSVs"):
        run(tmp_path, tmp_path / "nowhere")
    with pytest.raises(UserError, match="there is no such table"):
        run(tmp_path, folder, labels="other.csv")
    with pytest.raises(UserError, match="no column phq"):
        run(tmp_path, folder, target="phq")
    with pytest.raises(UserError, match="cues: hands"):
        run(tmp_path, folder, cues=("hands",))
    relabel(folder, lambda lines: [lines[0], *(f"x{line}" for line in lines[1:])])
    with pytest.raises(UserError, match="none of the 4 files that labels"):
        run(tmp_path, folder)
    assert not any(tmp_path.glob("prepared/openface/*/*.json"))


def test_a_split_of_which_nothing_can_be_read(tmp_path, folder):
    relabel(folder, lambda lines: [f"{line},{'test' if line[0] == 'a' else 'train'}" for line in lines])
    relabel(folder, lambda lines: [lines[0].replace("train", "split"), *lines[1:]])
    (folder / "a.csv").write_text("")
    with pytest.raises(UserError, match=r"no recording of split test could be prepared; .*a\.csv: empty"):
        run(tmp_path, folder)
    assert leftovers(tmp_path) == []
    write(folder / "a.csv", columns())
    assert run(tmp_path, folder)[1].sessions == 4


def test_many_sessions_share_shards(tmp_path, folder, monkeypatch):
    monkeypatch.setattr(preparation, "MOST_SHARDS", 3)
    builder, _ = run(tmp_path, folder)
    assert builder.info.splits[UNSPLIT].shard_lengths == [2, 2]
    assert [session.session for session in sessions(builder)] == ["a", "b/1", "b/2", "c"]


def test_no_more_than_one_session_is_held(tmp_path, folder, monkeypatch):
    rows = []
    for i in range(12):
        write(folder / f"more/{i}.csv", columns())
        rows.append(f"more/{i}.csv,S{i},1,1")
    relabel(folder, lambda lines: lines + rows)
    landmarks, held = [], []

    def watched(*args, **kwargs):
        held.append(sum(reference() is not None for reference in landmarks))
        session = read_session(*args, **kwargs)
        landmarks.append(weakref.ref(session.cues["landmarks"]))
        return session

    monkeypatch.setattr("data_builders.openface.openface_dataset_builder.read_session", watched)
    run(tmp_path, folder)
    assert len(held) == 16
    assert max(held) <= 1


def test_the_way_tfds_has_it(tmp_path, folder):
    """Without this project's own opening: the builder's folder, its files of documentation, its configuration."""
    builder = Builder(data_dir=tmp_path / "plain")
    builder.download_and_prepare(download_dir=tmp_path, download_config=tfds.download.DownloadConfig(manual_dir=folder))
    assert builder.name == "openface"
    assert "Facial Behavior Analysis Toolkit" in builder.info.citation
    assert "labels.csv" in builder.info.description
    assert (pathlib.Path(builder.data_dir) / JSON_NAME).is_file()


READ = """
import socket, sys
def refuse(*args, **kwargs):
    raise AssertionError("network")
socket.socket.connect = socket.getaddrinfo = refuse
import numpy, tensorflow_datasets as tfds
records = tfds.builder_from_directory(sys.argv[1]).as_data_source("sessions")
assert len(records) == 4
assert records[1]["session"] == b"b/1" and records[1]["target"] == 2
landmarks = records[1]["cues"]["landmarks"]
assert landmarks.shape == (12, 68, 3) and landmarks[3, 7, 0] == numpy.float32(7.03)
assert "tensorflow" not in sys.modules and "data_builders" not in sys.modules
"""

PREPARE = """
import socket, sys, time
def refuse(*args, **kwargs):
    raise AssertionError("network")
socket.socket.connect = socket.getaddrinfo = refuse
from data_builders.openface import openface_dataset_builder as module
from data_builders.preparation import open_or_prepare
raw, prepared, pause = sys.argv[1:]
read, calls = module.read_session, []
def slow(*args, **kwargs):
    calls.append(1)
    time.sleep(float(pause) if len(calls) == 3 else 0)  # in the middle, with two sessions written
    return read(*args, **kwargs)
module.read_session = slow
_, report = open_or_prepare(module.Builder, data_dir=prepared, manual_dir=raw)
print(report.words())
assert "tensorflow" not in sys.modules and "jax" not in sys.modules
"""


def start(folder, prepared, pause):
    return subprocess.Popen(
        [sys.executable, "-c", PREPARE, str(folder), str(prepared), str(pause)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def leftovers(tmp_path):
    return sorted(path.name for path in tmp_path.glob("prepared/openface/*/*incomplete*"))


def test_killed_in_the_middle_and_run_again(tmp_path, folder):
    prepared = tmp_path / "prepared"
    process = start(folder, prepared, pause=60)
    for line in process.stderr:
        if line.startswith("prepared 2 of 4"):
            break
    process.kill()
    process.communicate()
    assert len(leftovers(tmp_path)) == 1
    assert not any(prepared.glob("openface/*/*/*.json"))
    again = start(folder, prepared, pause=0)
    out, err = again.communicate()
    assert again.returncode == 0, err
    assert out.startswith("4 sessions of 3 subjects")
    assert "removing what an interrupted preparation left" in err
    assert leftovers(tmp_path) == []
    (place,) = {path.parent for path in prepared.glob("openface/*/*/*.json")}
    subprocess.run([sys.executable, "-c", READ, str(place)], check=True, cwd=tmp_path)


def test_two_processes_take_turns(tmp_path, folder):
    prepared = tmp_path / "prepared"
    first = start(folder, prepared, pause=1)
    while not leftovers(tmp_path) and first.poll() is None:
        time.sleep(0.05)
    second = start(folder, prepared, pause=0)
    (out_1, err_1), (out_2, err_2) = first.communicate(), second.communicate()
    assert (first.returncode, second.returncode) == (0, 0), err_1 + err_2
    assert out_1 == out_2
    assert "waiting for another process" in err_2
    assert "sessions" not in err_2


def test_real_recordings(tmp_path, shared):
    react = shared / "real" / "react"
    folder = tmp_path / "raw"
    folder.mkdir()
    lines = (react / "labels.csv").read_text().splitlines()[:7]
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")
    for line in lines[1:]:
        (folder / line.split(",")[0]).symlink_to(react / line.split(",")[0])
    builder, report = run(tmp_path, folder, target="anxious_1_7")
    assert (report.sessions, report.subjects, len(report.skipped)) == (6, 3, 0)
    assert {tuple(session.cues) for session in sessions(builder)} == {("landmarks", "gaze", "pose", "aus")}
    assert 0 < report.failed_share < 0.05
