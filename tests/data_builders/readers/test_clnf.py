"""The CLNF reader: where every column goes, and each thing that may be wrong with the files of a session."""

import pathlib
import re
import time

import numpy as np
import pytest

from data_builders.readers.archives import Content, read_members
from data_builders.readers.clnf import COLUMNS, FILES, official_fill, read_clnf
from mccl_jax.cues import DAIC_WOZ_AUS, DAIC_WOZ_CUES
from mccl_jax.errors import UserError
from tests.data_builders.daic_woz_files import COUNT, members, tables, text

RAW = pathlib.Path(__file__).parents[2] / "golden" / "daic_woz_raw"


def sources(made):
    return {cue: Content(f"a.zip: {file}", file, text(made[file]).encode()) for cue, file in FILES.items()}


def read(made, **options):
    return read_clnf(sources(made), **options)


def has_note(recording, *words):
    return any(all(word in note for word in words) for note in recording.notes)


def expected(made, cue):
    columns = made[FILES[cue]]
    cells = np.stack([np.array(columns[name], float) for name in COLUMNS[cue]], axis=-1)
    return cells.reshape(-1, *DAIC_WOZ_CUES[cue].shape).astype(np.float32)


def test_every_column_is_where_it_belongs():
    made = tables()
    recording = read(made)
    assert recording.notes == ()
    assert dict(recording.specification) == DAIC_WOZ_CUES
    assert recording.official_fill == {}
    for cue in FILES:
        np.testing.assert_array_equal(recording.cues[cue], expected(made, cue))
        assert recording.cues[cue].dtype == np.float32
    # By hand, once: point 3 of the landmarks, the second eye in the head's frame, rotation, AU04.
    assert recording.cues["landmarks"][7, 3].tolist() == [np.float32(made["features3D"][f"{a}3"][7]) for a in "XYZ"]
    assert recording.cues["gaze"][7, 3].tolist() == [np.float32(made["gaze"][f"{a}_h1"][7]) for a in "xyz"]
    assert recording.cues["pose"][7, 1].tolist() == [np.float32(made["pose"][f"R{a}"][7]) for a in "xyz"]
    assert recording.cues["aus"][7, 2, 0] == np.float32(made["AUs"]["AU04_r"][7])
    assert len(DAIC_WOZ_AUS) == 14
    np.testing.assert_array_equal(recording.frame, np.arange(1, COUNT + 1))
    np.testing.assert_allclose(recording.time, np.arange(COUNT) / 30, atol=1e-4)
    assert recording.success.all()
    assert recording.confidence.dtype == np.float32


def test_files_and_members_are_read_alike(tmp_path):
    made = tables()
    for cue, file in FILES.items():
        (tmp_path / f"{cue}.txt").write_text(text(made[file]))
    from_files = read_clnf({cue: tmp_path / f"{cue}.txt" for cue in FILES})
    for cue, values in read(made).cues.items():
        np.testing.assert_array_equal(from_files.cues[cue], values)


def test_some_cues_only_in_the_order_asked_for():
    some = sources(tables())
    recording = read_clnf({"aus": some["aus"], "pose": some["pose"]})
    assert list(recording.cues) == list(recording.specification) == ["aus", "pose"]


@pytest.mark.parametrize("cell", ["-1.#IND", "1.#QNAN", "-nan(ind)", "nan", "", "-0.4253258.1", "1.#INF"])
@pytest.mark.parametrize(("file", "column"), [("pose", "Ty"), ("AUs", "AU12_r"), ("features3D", "Z67")])
def test_cells_that_are_no_number(cell, file, column):
    made = tables()
    made[file][column][5] = cell
    recording = read(made)
    cue = {value: key for key, value in FILES.items()}[file]
    unreadable = np.isnan(recording.cues[cue])
    assert unreadable.sum() == 1
    assert unreadable[5].any()
    assert has_note(recording, "unreadable cells", f"1 in {column}", file)
    assert list(recording.official_fill) == [cue]


def test_files_are_aligned_by_frame_number():
    made = tables()
    whole = expected(made, "landmarks"), expected(made, "pose")
    made["pose"] = {name: cells[4:] for name, cells in made["pose"].items()}
    made["AUs"] = {name: cells[:20] + cells[21:] for name, cells in made["AUs"].items()}
    made["gaze"] = {name: cells[::-1] for name, cells in made["gaze"].items()}
    recording = read(made)
    kept = np.r_[4:20, 21:COUNT]
    np.testing.assert_array_equal(recording.frame, kept + 1)
    np.testing.assert_array_equal(recording.cues["landmarks"], whole[0][kept])
    np.testing.assert_array_equal(recording.cues["pose"], whole[1][kept])
    assert has_note(recording, "frames dropped", f"5 of {COUNT}")
    assert has_note(recording, "out of frame order", "gaze")


def test_files_that_contradict_each_other():
    made = tables()
    made["gaze"]["success"][3] = 0
    made["AUs"]["confidence"][4] = 0.1
    recording = read(made)
    assert np.flatnonzero(~recording.success).tolist() == [3]
    assert recording.confidence[4] == np.float32(0.1)
    assert has_note(recording, "differ in success", f"1 of {COUNT}")
    assert has_note(recording, "differ in confidence", f"1 of {COUNT}")
    made["pose"]["frame"] = [number + 1000 for number in made["pose"]["frame"]]
    with pytest.raises(UserError, match="no frame number in common"):
        read(made)


def test_timestamps_that_tell_nothing():
    made = tables()
    for columns in made.values():
        columns["timestamp"] = ["0"] * COUNT
    recording = read(made, frame_rate=25.0)
    np.testing.assert_allclose(np.diff(recording.time), 1 / 25)
    assert has_note(recording, "cannot be true", "25 frames")


def test_case_of_names_matters():
    made = tables()
    two_d = {name.lower() if name[0] in "XYZ" else name: cells for name, cells in made["features3D"].items()}
    with pytest.raises(UserError, match=r"features3D: no column X0, Y0, Z0, \.\.\. \(204 of 208\)"):
        read(made | {"features3D": two_d})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: "", "empty"),
        (lambda text: text.split("\n")[0] + "\n", "without rows"),
        (lambda text: text.replace(", success", ""), "no column success"),
        (lambda text: text.replace("Ry", "Rx"), "no column Ry"),
        (lambda text: text.replace("Tx", "Ty", 1) + "", "no column Tx"),
        (lambda text: "\0" + text, "not a text file"),
        (lambda text: text.replace("\n", ", 1\n", 1).replace("Rz, 1", "Rz, Rx"), "stands more than once"),
        (lambda text: re.sub(r"\n[0-9]+, ", "\nx, ", text), "no row has a frame number"),
    ],
)
def test_files_that_cannot_be_used(change, said):
    some = sources(tables())
    spoilt = change(some["pose"].data.decode())
    with pytest.raises(UserError, match=said) as error:
        read_clnf(some | {"pose": Content("a.zip: 300_CLNF_pose.txt", "", spoilt.encode())})
    assert str(error.value).startswith("a.zip: 300_CLNF_pose.txt: ")
    assert "\n" not in str(error.value)


def test_a_face_that_was_never_tracked():
    made = tables()
    made["gaze"]["success"] = [0] * COUNT
    with pytest.raises(UserError, match="in none of 60 frames the face was tracked"):
        read(made)


def test_what_the_official_preparation_fills_in():
    nan = np.nan
    # Columns: frame, timestamp, confidence, success and four of cues; the last four are never candidates.
    columns = np.array([[1, 2, 3], [5, 6, 7], [0.9, 0.8, 0.7], [1, 1, 1], [9, -9, 9], [9, 9, 9], [9, 9, 9], [9, 9, 9]])
    assert official_fill(columns) == 0.7
    columns[6, 2] = nan  # so the confidence of 0.7 is no candidate
    assert official_fill(columns) == 0.8
    columns = np.vstack([columns, [4, 4, 4]])  # now column 4 is a candidate, at cells whose column 8 is a number
    assert official_fill(columns) == -9
    columns[4, 0] = nan  # and so is a cell that is none
    assert np.isnan(official_fill(columns))
    columns[8, 0] = nan  # unless the one tested is none either
    assert official_fill(columns) == -9


def test_the_columns_that_are_no_cue_count_for_the_official_fill():
    made = tables()
    made["AUs"]["AU26_r"][5] = "nan"
    # Row 5 of AU26_r is a candidate itself, because AU23_c, four columns on, is a number there.
    assert np.isnan(read(made).official_fill["aus"])
    made["AUs"]["AU23_c"][5] = "nan"
    assert read(made).official_fill["aus"] == 0  # the first timestamp


def test_a_long_session_is_read_quickly():
    wanted = {cue: re.compile(rf"901_CLNF_{file}\.txt") for cue, file in FILES.items()}
    members = read_members(RAW / "901_P.zip", wanted)
    long = {}
    for cue, member in members.items():
        header, *rows = member.data.decode().splitlines()
        rest = [row.split(", ", 2)[2] for row in rows]
        lines = [f"{i + 1}, {i / 30:.4f}, {rest[i % len(rest)]}" for i in range(27000)]
        long[cue] = Content(cue, cue, "\n".join([header, *lines]).encode())
    start = time.perf_counter()
    assert len(read_clnf(long).time) == 27000
    assert time.perf_counter() - start < 5


def test_a_header_of_a_hundred_thousand_columns_is_refused_at_once():
    made = members("300")
    name = "300_CLNF_pose.txt"
    made[name] = made[name].replace("Tx", ", ".join(f"more{i}" for i in range(100_000)) + ", Tx", 1)
    begin = time.perf_counter()
    with pytest.raises(UserError, match=r"300_CLNF_pose.txt: has [0-9]+ columns"):
        read_clnf({"pose": Content("a.zip: " + name, name, made[name].encode())})
    assert time.perf_counter() - begin < 5


@pytest.mark.parametrize("column", ["frame", "timestamp"])
def test_frames_that_cannot_be_are_dropped_without_a_warning(column):
    made = tables()
    made["pose"][column][5] = "1e300"
    sources = {
        cue: Content(f"a.zip: {file}", file, text(made[file]).encode()) for cue, file in {"pose": "pose"}.items()
    }
    recording = read_clnf(sources)
    assert len(recording.time) == COUNT - 1
    assert any(f"{column} beyond" in note for note in recording.notes)
