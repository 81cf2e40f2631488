import dataclasses
import json
import re

import numpy as np
import pytest

from data_builders.readers.labels import read_labels
from data_builders.readers.openface import read_openface
from data_builders.simulator import corpus
from data_builders.simulator.corpus import write_corpus
from data_builders.simulator.options import Options
from data_builders.simulator.simulation import Simulation
from mccl_jax.errors import UserError

OPTIONS = Options(subjects=4, seconds=(8.0, 12.0))


def quiet(_):
    pass


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_corpus(tmp_path_factory.mktemp("corpora") / "simulated", OPTIONS, quiet)


def test_the_text_says_what_the_session_in_memory_says(folder):
    for session in Simulation(OPTIONS).sessions():
        recording = read_openface(folder / f"{session.session}.csv")
        assert list(recording.cues) == list(session.cues)
        for name in session.cues:
            assert np.array_equal(recording.cues[name], session.cues[name])
        assert np.array_equal(recording.time, session.time)
        assert np.array_equal(recording.confidence, session.confidence)
        assert np.array_equal(recording.success, session.success)
        assert recording.notes == ()


def test_the_text_has_openfaces_columns_and_decimals(folder):
    header, *lines = (folder / "simulated_0000.csv").read_text().splitlines()
    names = header.split(",")
    assert len(names) == 5 + 8 + 6 + 204 + 35
    assert names[:5] == ["frame", "face_id", "timestamp", "confidence", "success"]
    assert [names[i] for i in (5, 11, 13, 19, 87, 155, 223, 239, 240, 256, 257)] == [
        "gaze_0_x", "gaze_angle_x", "pose_Tx", "X_0", "Y_0", "Z_0", "AU01_r", "AU45_r", "AU01_c", "AU28_c", "AU45_c",
    ]  # fmt: skip
    three, two, one, six = (rf"-?\d+\.\d{{{places}}}" for places in (3, 2, 1, 6))
    row = [r"\d+", "0", three, two, "[01]", *[six] * 6, *[three] * 2, *[one] * 3, *[three] * 3, *[one] * 204]
    row += [two] * 17 + [r"[01]\.00"] * 18
    assert all(re.fullmatch(",".join(row), line) for line in lines)


def test_the_labels_name_every_file_and_its_severity(folder):
    simulation = Simulation(OPTIONS)
    table = read_labels(folder / "labels.csv")
    assert {row.split for row in table.rows} == {""}
    assert [row.target for row in table.rows] == simulation.severity.tolist()
    for i, row in enumerate(table.rows):
        assert (folder / row.file).is_file()
        assert row.subject == simulation.name(i)
        assert row.gender == simulation.subject(i).gender


def test_splits_are_written_when_asked_for(tmp_path):
    options = dataclasses.replace(OPTIONS, splits=(0.5, 0.25, 0.25))
    table = read_labels(write_corpus(tmp_path / "a", options, quiet) / "labels.csv")
    assert [row.split for row in table.rows] == [Simulation(options).split(i) for i in range(4)]


def test_the_description_says_that_it_is_simulated_and_what_the_oracle_scores(folder):
    description = json.loads((folder / "simulation.json").read_text())
    assert "imulated" in description["simulated"]
    assert description["complete"]
    assert description["options"]["seed"] == 0
    assert abs(description["oracle"]["r2"] - 0.7) < 0.015


def test_a_second_call_uses_what_is_there(folder):
    times = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    said = []
    write_corpus(folder, OPTIONS, said.append)
    assert times == {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert len(said) == 1
    assert "used as it is" in said[0]


def visible(folder):
    """What lies in a folder, but for the locks."""
    return [path.name for path in folder.iterdir() if path.suffix != ".lock"]


def test_what_a_killed_call_left_is_removed(tmp_path):
    (tmp_path / ".a-killed" / "new").mkdir(parents=True)
    write_corpus(tmp_path / "a", OPTIONS, quiet)
    assert visible(tmp_path) == ["a"]


def test_other_options_write_anew_and_say_so(tmp_path):
    write_corpus(tmp_path / "a", OPTIONS, quiet)
    said = []
    write_corpus(tmp_path / "a", dataclasses.replace(OPTIONS, subjects=2, signal=0.0), said.append)
    assert "written anew" in said[0]
    assert sorted(contents(tmp_path / "a")) == [
        "labels.csv", "simulated_0000.csv", "simulated_0001.csv", "simulation.json",
    ]  # fmt: skip
    assert visible(tmp_path) == ["a"]


@pytest.mark.parametrize("lost", ["simulated_0002.csv", "labels.csv"])
def test_a_folder_that_lost_a_file_is_written_anew(tmp_path, lost):
    before = contents(write_corpus(tmp_path / "a", OPTIONS, quiet))
    (tmp_path / "a" / lost).unlink()
    assert contents(write_corpus(tmp_path / "a", OPTIONS, quiet)) == before


def test_a_file_that_somebody_added_stays(tmp_path):
    write_corpus(tmp_path / "a", OPTIONS, quiet)
    (tmp_path / "a" / "notes.txt").write_text("mine")
    said = []
    write_corpus(tmp_path / "a", OPTIONS, said.append)
    assert "used as it is" in said[0]
    assert (tmp_path / "a" / "notes.txt").is_file()


def test_a_folder_of_somebody_else_is_left_alone(tmp_path):
    (tmp_path / "mine.csv").write_text("1")
    with pytest.raises(UserError, match="choose another folder"):
        write_corpus(tmp_path, OPTIONS, quiet)
    assert contents(tmp_path) == {"mine.csv": b"1"}


@pytest.mark.parametrize(("interruption", "seen"), [(KeyboardInterrupt, KeyboardInterrupt), (OSError, UserError)])
def test_an_interrupted_call_leaves_nothing_or_what_was_there(tmp_path, monkeypatch, interruption, seen):
    write = corpus.write_openface_csv

    def interrupted(path, track):
        if path.name == "simulated_0002.csv":
            raise interruption
        write(path, track)

    before = contents(write_corpus(tmp_path / "a", OPTIONS, quiet))
    monkeypatch.setattr(corpus, "write_openface_csv", interrupted)
    for name in ("a", "b"):
        with pytest.raises(seen):
            write_corpus(tmp_path / name, dataclasses.replace(OPTIONS, seed=1), quiet)
    assert visible(tmp_path) == ["a"]
    assert contents(tmp_path / "a") == before
