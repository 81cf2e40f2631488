"""The OpenFace reader: every header family and every quirk, on small files and on real ones."""

import gzip

import numpy as np
import pytest

from data_builders.readers import openface_text
from data_builders.readers.archives import Content
from data_builders.readers.openface import COLUMNS, read_openface
from mccl_jax.cues import OPENFACE_CUES
from mccl_jax.errors import UserError
from tests.data_builders.openface_files import COUNT, columns, text, write


def assert_full(recording, frames=COUNT):
    """Every cell of `openface_files.columns` is where it belongs."""
    points = np.arange(68)
    for i in range(frames):
        shape = np.stack([points + i / 100, 100 + points, 500 + points], axis=-1)
        np.testing.assert_array_equal(recording.cues["landmarks"][i], shape.astype(np.float32))
        moved = [10 + i / 10, 20 + i / 10, 30 + i / 10]
        np.testing.assert_allclose(recording.cues["pose"][i], [moved, [0.1, 0.2, 0.3]], rtol=1e-6)
    np.testing.assert_allclose(recording.cues["gaze"], [[[0, 0.6, -0.8], [0.6, 0, -0.8]]] * frames, rtol=1e-6)
    numbers = [int(au[2:]) / 10 for au in OPENFACE_CUES["aus"].points]
    np.testing.assert_allclose(recording.cues["aus"][:, :, 0], [numbers] * frames, rtol=1e-6)


def has_note(recording, *words):
    return any(all(word in note for word in words) for note in recording.notes)


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
@pytest.mark.parametrize(
    "layout",
    [
        {},
        {"separator": ","},
        {"separator": ",  ", "newline": "\r\n"},
        {"encoding": "utf-8-sig", "newline": "\r\n"},
    ],
)
def test_layouts_of_the_text(tmp_path, name, layout):
    recording = read_openface(write(tmp_path / name, columns(), **layout))
    assert_full(recording)
    assert recording.notes == ()
    assert recording.omitted == ()
    assert dict(recording.specification) == OPENFACE_CUES
    assert {cue.dtype for cue in recording.cues.values()} == {np.dtype(np.float32)}
    np.testing.assert_array_equal(recording.time, np.arange(COUNT) * 0.04)
    np.testing.assert_array_equal(recording.frame, np.arange(1, COUNT + 1))
    np.testing.assert_allclose(recording.gaze_angle, [[0.1, 0.2]] * COUNT, rtol=1e-6)
    assert recording.time.dtype == np.float64
    assert recording.confidence.dtype == np.float32
    assert recording.success.dtype == bool


def test_gzip_is_told_by_content(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(gzip.compress(text(columns()).encode()))
    assert_full(read_openface(path))


def test_a_member_of_an_archive():
    assert_full(read_openface(Content("a.zip: a.csv", "a.csv", text(columns()).encode())))


def test_family_without_face_id_and_gaze_angle(tmp_path):
    cells = {name: c for name, c in columns().items() if name not in ("face_id", "gaze_angle_x", "gaze_angle_y")}
    recording = read_openface(write(tmp_path / "a.csv", cells))
    assert_full(recording)
    assert recording.gaze_angle is None
    assert recording.notes == ()


def test_family_without_timestamp_and_success(tmp_path):
    cells = columns()
    cells["face"] = cells.pop("face_id")
    cells["frame"] = [6 * i for i in range(COUNT)]
    cells["confidence"] = [0.975] * (COUNT - 3) + [0.725, 0.025, "nan"]
    del cells["timestamp"], cells["success"]
    recording = read_openface(write(tmp_path / "a.csv", cells), frame_rate=24.0)
    assert_full(recording)
    np.testing.assert_array_equal(recording.success, [True] * (COUNT - 3) + [False] * 3)
    np.testing.assert_allclose(recording.time, np.arange(COUNT) / 4)
    assert has_note(recording, "no success", "0.725")
    assert has_note(recording, "no timestamps", "24")


def test_cues_in_the_order_asked_for(tmp_path):
    recording = read_openface(write(tmp_path / "a.csv", columns()), cues=("aus", "pose"))
    assert list(recording.cues) == list(recording.specification) == ["aus", "pose"]


@pytest.mark.parametrize(
    ("cell", "name"),
    [
        ("-0.4253258.1", "X_5"),
        ("-1.#IND", "gaze_0_x"),
        ("nan", "pose_Rx"),
        ("", "AU12_r"),
        ("inf", "Z_0"),
        ("?", "Y_1"),
    ],
)
def test_cells_that_are_no_number(tmp_path, cell, name):
    cells = columns()
    cells[name][4] = cell
    cells["x_3"][2] = "nobody reads this"
    recording = read_openface(write(tmp_path / "a.csv", cells))
    full = read_openface(write(tmp_path / "b.csv", columns()))
    unreadable = 0
    for cue, values in recording.cues.items():
        nan = np.isnan(values)
        unreadable += nan.sum()
        assert nan[np.arange(COUNT) != 4].sum() == 0
        np.testing.assert_array_equal(values[~nan], full.cues[cue][~nan])
    assert unreadable == 1
    assert has_note(recording, "unreadable cells", name, "1 in")


def test_malformed_success_is_no_success(tmp_path):
    cells = columns()
    cells["success"][3:5] = [0, "-1.#IND"]
    recording = read_openface(write(tmp_path / "a.csv", cells))
    assert np.flatnonzero(~recording.success).tolist() == [3, 4]
    assert_full(recording)  # failed frames stay as they stand


def test_rows_cut_off_are_dropped(tmp_path):
    path = write(tmp_path / "a.csv", columns())
    path.write_text(path.read_text()[:-200])
    recording = read_openface(path)
    assert_full(recording, COUNT - 1)
    assert has_note(recording, "rows dropped", "1")


def test_the_face_tracked_in_most_frames_is_kept(tmp_path):
    wanted, other = columns(), columns()
    wanted["face_id"], other["face_id"] = [2] * COUNT, [0] * COUNT
    other["success"] = [1] * (COUNT - 2) + [0, 0]
    other["X_0"] = [999] * COUNT
    rows = {name: [cell for pair in zip(other[name], wanted[name], strict=True) for cell in pair] for name in wanted}
    recording = read_openface(write(tmp_path / "a.csv", rows))
    assert_full(recording)
    assert has_note(recording, "several faces", "face 2", f"{COUNT} rows")


def test_rows_out_of_order_and_frames_that_stand_twice(tmp_path):
    cells = columns()
    # Each row after another one: 11, 10, ..., 1, 0; and frame 3 once more, less confident and displaced.
    shuffled = {name: [*reversed(values), values[2]] for name, values in cells.items()}
    shuffled["confidence"][-1], shuffled["X_0"][-1] = 0.8, 999
    recording = read_openface(write(tmp_path / "a.csv", shuffled))
    assert_full(recording)
    assert has_note(recording, "out of frame order")
    assert has_note(recording, "stand twice", "1 rows")
    np.testing.assert_array_equal(recording.time, np.arange(COUNT) * 0.04)
    np.testing.assert_array_equal(recording.row, np.arange(COUNT)[::-1])


def test_rows_whose_place_is_unreadable_are_dropped(tmp_path):
    cells = columns()
    cells["frame"][COUNT - 1], cells["timestamp"][COUNT - 2] = "x", "0.0.1"
    recording = read_openface(write(tmp_path / "a.csv", cells))
    assert_full(recording, COUNT - 2)
    assert has_note(recording, "rows dropped", f"2 of {COUNT}")


@pytest.mark.parametrize(
    "timestamp", [[f"{i / 1000:.3f}" for i in range(COUNT)], ["0"] * COUNT, [f"{20 * i}" for i in range(COUNT)]]
)
def test_timestamps_that_tell_nothing(tmp_path, timestamp):
    recording = read_openface(write(tmp_path / "a.csv", columns() | {"timestamp": timestamp}), frame_rate=20.0)
    np.testing.assert_allclose(recording.time, np.arange(1, COUNT + 1) / 20)
    assert has_note(recording, "cannot be true", "20 frames a second")


@pytest.mark.parametrize(
    "change", [{5: "0.160"}, {6: "0.000", 7: "0.040", 8: "0.080", 9: "0.120"}, {11: "440000.0"}, {3: "90.120"}]
)
def test_timestamps_that_repeat_run_backwards_or_leap(tmp_path, change):
    cells = columns()
    for i, cell in change.items():
        cells["timestamp"][i] = cell
    recording = read_openface(write(tmp_path / "a.csv", cells), frame_rate=5.0)
    # The rest of the timestamps says 25 frames a second, and 5 would be far off.
    np.testing.assert_allclose(np.diff(recording.time), 1 / 25)
    assert has_note(recording, "repeat, run backwards or leap")


@pytest.mark.parametrize(("column", "cue"), [("X_30", "landmarks"), ("pose_Tz", "pose"), ("AU12_r", "aus")])
@pytest.mark.parametrize("value", [1e38, -1e300])
def test_a_value_that_no_face_can_have_is_unreadable(tmp_path, column, cue, value):
    cells = columns()
    cells[column][4] = value
    recording = read_openface(write(tmp_path / "a.csv", cells))
    assert np.isnan(recording.cues[cue]).sum() == 1
    assert np.isnan(recording.cues[cue][4]).any()
    assert has_note(recording, "values that no face can have", f"1 in {cue}")


def test_steps_of_many_frames_are_no_fault_of_the_timestamps(tmp_path):
    cells = columns()
    cells["frame"] = [1 + 30 * i for i in range(COUNT)]
    cells["timestamp"] = [i * 1.2 for i in range(COUNT)]
    recording = read_openface(write(tmp_path / "a.csv", cells))
    np.testing.assert_allclose(recording.time, np.arange(COUNT) * 1.2)
    assert recording.notes == ()


@pytest.mark.parametrize(
    ("name", "value", "word"), [("AU12_r", 60, "AU"), ("pose_Ry", 12.0, "rotation"), ("gaze_1_x", 30.0, "gaze")]
)
def test_wrong_units_are_noticed_in_tracked_frames(tmp_path, name, value, word):
    cells = columns()
    cells[name][1:4] = [value] * 3
    cells["success"][3] = 0
    recording = read_openface(write(tmp_path / "a.csv", cells))
    assert has_note(recording, word, "outside", "2 frames")


@pytest.mark.parametrize("cue", list(COLUMNS))
def test_a_cue_that_is_absent_or_incomplete(tmp_path, cue):
    cells = columns()
    gone = COLUMNS[cue][-2:]
    for name in gone:
        del cells[name]
    path = write(tmp_path / "a.csv", cells)
    with pytest.raises(UserError, match=f"missing cues {cue} .{gone[0]}, {gone[1]}: 2 of {len(COLUMNS[cue])}"):
        read_openface(path)
    recording = read_openface(path, missing="omit")
    assert recording.omitted == (cue,)
    assert list(recording.cues) == [name for name in COLUMNS if name != cue]
    assert has_note(recording, "left out", cue)
    with pytest.raises(UserError, match="nothing else to read"):
        read_openface(path, cues=(cue,), missing="omit")


def lower_case(header: str) -> str:
    first, rest = header.split("\n", 1)
    return first.lower() + "\n" + rest


@pytest.mark.parametrize("mark", [b"\xff\xfe", b"\xfe\xff"])
@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
def test_utf_16_with_a_byte_order_mark_is_read(tmp_path, mark, name):
    content = mark + text(columns(), newline="\r\n").encode("utf-16-le" if mark == b"\xff\xfe" else "utf-16-be")
    path = tmp_path / name
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    plain = read_openface(write(tmp_path / "plain.csv", columns()))
    wide = read_openface(path)
    assert wide.notes == ("text in UTF-16",)
    for cue, values in plain.cues.items():
        np.testing.assert_array_equal(wide.cues[cue], values)
    np.testing.assert_array_equal(wide.time, plain.time)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b"\n\n", "empty"),
        (text(columns(0)).encode(), "without rows"),
        (text(columns()).split("\n")[0].encode() + b"\n1,2,3\n", "none of its 1 rows"),
        (b"\x89PNG\r\n\x1a\n\0\0\0", "not a text file"),
        (text(columns()).encode("utf-16-le"), "not a text file"),
        (gzip.compress(text(columns()).encode())[:400], "cannot be read"),
        (b"start_time,stop_time,speaker,value\n1,2,a,b\n", "no column frame or confidence"),
        (text(columns(), separator=";").encode(), "separated by commas"),
        (text(columns() | {"confidence ": [0.1] * COUNT}).encode(), "confidence stands more than once"),
        (text(columns() | {"success": [0] * COUNT}).encode(), "in none of its 12 frames"),
        (text(columns() | {"X_0": ["nan"] * COUNT}).encode(), "in none of its 12 frames"),
    ],
)
def test_files_that_cannot_be_used(tmp_path, content, said):
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    with pytest.raises(UserError, match=said) as error:
        read_openface(path)
    assert "\n" not in str(error.value)
    assert str(error.value).startswith(f"{path}: ")
    assert len(str(error.value)) < 600


def test_a_lower_cased_header_has_no_3d_landmarks(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(
        lower_case(text({name: cells for name, cells in columns().items() if name[:2] not in ("x_", "y_")}))
    )
    with pytest.raises(UserError, match=r"landmarks \(X_0, Y_0, Z_0, \.\.\.: 204 of 204"):
        read_openface(path)


def test_no_such_file(tmp_path):
    with pytest.raises(UserError, match="cannot be read"):
        read_openface(tmp_path / "a.csv")


@pytest.mark.parametrize(
    "options", [{"cues": ()}, {"cues": ("face",)}, {"cues": ("aus", "aus")}, {"missing": "no"}, {"frame_rate": 0}]
)
def test_options_that_are_not_understood(tmp_path, options):
    with pytest.raises(UserError, match=next(iter(options))):
        read_openface(write(tmp_path / "a.csv", columns()), **options)


# name -> frames, seconds from first to last frame, words of the notes
REAL = {
    "exploface_video2": (608, 20.402, []),
    "opendbm_subj01_timepoint01": (158, 5.233, []),
    "opendbm_subj01_timepoint02": (161, 5.333, []),
    "opendbm_subj02_timepoint01": (148, 4.9, []),
    "openfacer_lara": (2203, 73.4, []),
    "openfacer_teddy": (3281, 109.333, []),
    "pyfeat_OpenFace_Test": (100, 3.3, ["timestamps that cannot be true"]),
}


@pytest.mark.parametrize("name", list(REAL))
def test_real_recordings(shared, name):
    frames, seconds, words = REAL[name]
    recording = read_openface(shared / "real" / "openface" / f"{name}.csv.gz")
    assert len(recording.time) == frames
    assert recording.time[-1] - recording.time[0] == pytest.approx(seconds, abs=1e-6)
    assert recording.success.all()
    assert len(recording.notes) == len(words)
    assert all(has_note(recording, word) for word in words)
    assert all(np.isfinite(cue).all() for cue in recording.cues.values())
    # The cues are the ones they should be: a face's width in mm, unit vectors, plausible places and turns.
    width = np.linalg.norm(recording.cues["landmarks"][:, 16] - recording.cues["landmarks"][:, 0], axis=-1)
    assert ((width > 80) & (width < 220)).all()
    np.testing.assert_allclose(np.linalg.norm(recording.cues["gaze"], axis=-1), 1, atol=1e-4)
    assert (np.abs(recording.cues["pose"][:, 1]) < 1).all()
    # The head's place lies within the face's own landmarks.
    centre = recording.cues["landmarks"].mean(axis=1)
    assert np.abs(recording.cues["pose"][:, 0] - centre).max() < 100
    assert recording.cues["aus"].min() == 0
    assert recording.cues["aus"].max() <= 5


def test_every_real_file_is_tested(shared):
    names = {path.name.removesuffix(".csv.gz") for path in (shared / "real" / "openface").glob("*.csv.gz")}
    assert names == {*REAL, "facsvatar_demo"}


def test_a_real_file_without_landmarks_gaze_and_translation(shared):
    path = shared / "real" / "openface" / "facsvatar_demo.csv.gz"
    with pytest.raises(UserError, match=r"landmarks \(X_0.*gaze \(gaze_0_x.*pose \(pose_Tx, pose_Ty, pose_Tz: 3 of 6"):
        read_openface(path)
    recording = read_openface(path, missing="omit")
    assert recording.omitted == ("landmarks", "gaze", "pose")
    assert recording.cues["aus"].shape == (490, 17, 1)
    assert recording.gaze_angle.shape == (490, 2)


def test_a_real_recording_of_the_third_family(shared):
    recording = read_openface(shared / "real" / "react" / "facialfeatures_PP103_g2.csv.gz")
    assert len(recording.time) == 827  # of 828 rows one frame stands twice
    assert recording.frame[-1] == 4909
    np.testing.assert_allclose(recording.time, recording.frame / 30)
    assert 0.9 < recording.success.mean() < 0.93
    np.testing.assert_array_equal(recording.success, recording.confidence > 0.73)
    assert has_note(recording, "no timestamps")
    assert has_note(recording, "no success")
    assert has_note(recording, "stand twice", "1 rows")


def test_rows_that_are_no_text_are_dropped_and_nothing_else(tmp_path, capfd):
    lines = text(columns()).encode().splitlines(keepends=True)
    path = tmp_path / "a.csv"
    path.write_bytes(b"".join([*lines[:5], b"\xff\xfe\x89, 1\n", *lines[5:]]))
    recording = read_openface(path)
    assert_full(recording)
    assert has_note(recording, "rows dropped whose number of cells", ": 1")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("cell", ["\xff", "\u00e9\u0663"])
def test_a_cell_in_another_alphabet_costs_its_frame_alone(tmp_path, cell):
    cells = columns()
    cells["Y_3"][4] = cell
    recording = read_openface(write(tmp_path / "a.csv", cells, encoding="latin-1" if cell == "\xff" else "utf-8"))
    assert np.isnan(recording.cues["landmarks"]).sum() == 1
    assert np.isnan(recording.cues["landmarks"][4, 3, 1])


def test_line_ends_of_an_old_mac(tmp_path):
    assert_full(read_openface(write(tmp_path / "a.csv", columns(), newline="\r")))


@pytest.mark.parametrize(
    ("header", "said"),
    [("frame," + "x" * 200_000, "not a text file"), (",".join(map(str, range(5000))), "has 5000 columns")],
)
def test_headers_that_are_none(tmp_path, header, said):
    path = tmp_path / "a.csv"
    path.write_text(header + "\n1,2\n")
    with pytest.raises(UserError, match=said) as error:
        read_openface(path)
    assert len(str(error.value)) < 600


def test_names_of_columns_in_messages_are_printable(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("a\x1b[31m,b\n1,2\n")
    with pytest.raises(UserError, match=r"no column frame or confidence.*a\?\[31m, b"):
        read_openface(path)


def test_a_bomb_is_given_up(tmp_path):
    lines = text(columns()).encode().splitlines(keepends=True)
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(lines[0] + lines[1] * 20_000))
    with pytest.raises(UserError, match="unpacks to more than 200 times its size"):
        read_openface(path)


def test_more_numbers_than_any_recording_has(tmp_path, monkeypatch):
    monkeypatch.setattr(openface_text, "MOST_CELLS", 5 * 300)
    with pytest.raises(UserError, match=r"has more than [0-9]+ rows; .*: cut it into shorter recordings"):
        read_openface(write(tmp_path / "a.csv", columns()))


@pytest.mark.parametrize(
    ("column", "cell", "lost"),
    [("frame", "1e308", 1), ("frame", "-99999999", 1), ("timestamp", "1e300", 1), ("timestamp", "-1e11", 1)],
)
def test_frames_and_timestamps_that_cannot_be_are_dropped(tmp_path, column, cell, lost):
    cells = columns()
    cells[column][3] = cell
    recording = read_openface(write(tmp_path / "a.csv", cells))
    assert len(recording.time) == COUNT - lost
    assert has_note(recording, f"{column} beyond", "1 rows")
    assert has_note(recording, "rows dropped whose frame or timestamp is unreadable", f"{lost} of {COUNT}")
    np.testing.assert_allclose(np.delete(np.arange(COUNT) * 0.04, 3), recording.time)


@pytest.mark.parametrize("cell", ["1e308", "-0.1", "1.5", "nan", "x"])
def test_a_confidence_that_is_none_is_nan(tmp_path, cell):
    cells = columns()
    cells["confidence"][3] = cell
    recording = read_openface(write(tmp_path / "a.csv", cells))
    assert_full(recording)
    np.testing.assert_array_equal(np.isnan(recording.confidence), np.arange(COUNT) == 3)
    assert has_note(recording, "confidence beyond 0..1", "1 rows") == (cell not in ("nan", "x"))


def test_angles_that_32_bits_cannot_hold_come_without_a_warning(tmp_path):
    recording = read_openface(write(tmp_path / "a.csv", columns() | {"gaze_angle_x": ["1e300"] * COUNT}))
    assert np.isinf(recording.gaze_angle[:, 0]).all()


def test_two_steps_that_have_nothing_in_common(tmp_path):
    """The median of two rates is far from both; none of them is an ordinary step."""
    cells = columns(4)
    cells["timestamp"] = [0, 0.01, 1.0, 0.5]
    recording = read_openface(write(tmp_path / "a.csv", cells))
    assert np.isfinite(recording.time).all()
    assert (np.diff(recording.time) > 0).all()
