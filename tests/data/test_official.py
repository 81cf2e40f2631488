"""The official preparation's windows: held against its own values, and by hand where these say nothing."""

import dataclasses

import numpy as np
import pytest

from data_builders.daic_woz.session import read_session
from data_builders.thinning import thin
from mccl_jax.cues import DAIC_WOZ_CUES
from mccl_jax.data.official import (
    OfficialOptions,
    cut_official_windows,
    model_input,
    number_of_windows,
    official_windows,
)
from mccl_jax.errors import UserError
from tests.data.made import session
from tests.data_builders.daic_woz_files import members, tables, write_archive
from tests.golden import official

SWITCHES = [field.name for field in dataclasses.fields(OfficialOptions)]


@pytest.fixture(scope="module")
def golden():
    """Number -> (session, name -> what the official preparation made of it)."""
    return {
        number: (
            one,
            {
                name.removeprefix(f"windows/{number}/"): value
                for name, value in official.windows().items()
                if name.startswith(f"windows/{number}/")
            },
        )
        for number, one in official.recordings().items()
    }


def test_equal_to_the_official_preparation(golden):
    assert golden
    for one, expected in golden.values():
        found = official_windows(one, official.AS_RELEASED)
        assert len(found.mask) == expected["num_windows"]
        assert len(one.time) == expected["num_frames"]
        times = one.provenance["transcript"]
        assert [times["first_start"], times["last_stop"]] == expected["span_seconds"].tolist()
        for name, values in found.cues.items():
            np.testing.assert_allclose(values.reshape(expected[name].shape), expected[name], rtol=0, atol=1e-6)


@pytest.mark.parametrize("switch", SWITCHES)
def test_each_mistake_is_what_makes_them_equal(golden, switch):
    """With one switched off some value of some session is another; so none of the four is idle."""
    options = dataclasses.replace(official.AS_RELEASED, **{switch: False})

    def differs(one, expected):
        found = official_windows(one, options)
        return len(found.mask) != expected["num_windows"] or any(
            np.abs(values.reshape(expected[name].shape) - expected[name]).max() > 1e-3
            for name, values in found.cues.items()
        )

    assert any(differs(*pair) for pair in golden.values())


@pytest.mark.parametrize(
    ("frames", "hop", "count"),
    [
        (0, 1500, 0),
        (299, 1500, 0),
        (300, 1500, 0),
        (301, 1500, 1),
        (1800, 1500, 1),
        (1801, 1500, 2),
        (3300, 1500, 2),
        (3301, 1500, 3),
        (10800, 1500, 7),
        (0, 1800, 0),
        (1, 1800, 1),
        (1800, 1800, 1),
        (1801, 1800, 2),
        (12600, 1800, 7),
        (12601, 1800, 8),
    ],
)
def test_number_of_windows(frames, hop, count):
    assert number_of_windows(frames, hop) == count


def ramp(frames, start, stop, split="train", success=None, **provenance):
    """A session whose every value is its row, or a fixed part of it; `start` and `stop` in rows."""
    row = np.arange(frames, dtype=float)
    cues = {
        name: np.broadcast_to(row[:, None, None], (frames, *cue.shape)).copy() for name, cue in DAIC_WOZ_CUES.items()
    }
    times = {"first_start": start / 30 + 0.001, "last_stop": stop / 30 + 0.001}
    return session(row / 30, DAIC_WOZ_CUES, cues, success, split=split, provenance={"transcript": times, **provenance})


def rows_of(values):
    """(W, 180) of a ramp's cue that is not scaled: gaze."""
    return values[:, :, 0, 0]


@pytest.mark.parametrize(("split", "hop"), [("train", 1500), ("dev", 1800), ("test", 1800)])
def test_more_than_two_windows(split, hop):
    """Rows 20 to 5000, as the whole of D1 to D4 has them; landmarks of train begin with row 0."""
    found = official_windows(ramp(5400, 20, 5000, split), official.AS_RELEASED)
    count = -(-(4980 + (20 if split == "train" else 0) - 1800) // hop) + 1
    assert len(found.mask) == count == (4 if split == "train" else 3)
    at = hop * np.arange(count)[:, None] + np.arange(0, 1800, 10)
    np.testing.assert_array_equal(rows_of(found.cues["gaze"]), np.where(at + 20 < 5000, at + 20, 0))
    lag = 0 if split == "train" else 20
    landmarks = np.where(at + lag < 5000, at + lag, 0) / 5399
    np.testing.assert_allclose(found.cues["landmarks"][:, :, 5, 1], landmarks, atol=1e-6)
    np.testing.assert_array_equal(found.cues["pose"][:, :, 0, 2], rows_of(found.cues["gaze"]))
    np.testing.assert_array_equal(found.cues["pose"][:, :, 1], 0)
    np.testing.assert_allclose(found.cues["aus"][:, :, 3, 0], rows_of(found.cues["gaze"]) / 5399, atol=1e-6)
    np.testing.assert_array_equal(found.mask, at + 20 < 5000)


def test_with_every_mistake_off():
    for split in ("train", "dev"):
        found = official_windows(ramp(5400, 20, 5000, split))
        at = 1800 * np.arange(3)[:, None] + np.arange(0, 1800, 10) + 20
        inside = at < 5000
        np.testing.assert_array_equal(found.mask, inside)
        rows = np.where(inside, at, 0)
        np.testing.assert_allclose(rows_of(found.cues["gaze"]), rows)
        np.testing.assert_allclose(found.cues["landmarks"][:, :, 5, 1], rows / 5399, atol=1e-6)
        np.testing.assert_allclose(found.cues["pose"][:, :, 0, 2], rows / 5399, atol=1e-6)
        np.testing.assert_allclose(found.cues["pose"][:, :, 1, 2], rows)  # rotation, as it is


def changed(switch, split="train"):
    """The cues that the switch alone changes, or the numbers of windows without and with it where these differ."""
    success = np.ones(5400, bool)
    success[2000:2010] = False
    one = ramp(5400, 20, 5000, split, success)
    plain, found = official_windows(one), official_windows(one, OfficialOptions(**{switch: True}))
    if len(plain.mask) != len(found.mask):
        return len(plain.mask), len(found.mask)
    return {name for name, values in found.cues.items() if not np.array_equal(values, plain.cues[name])}


def test_each_switch_changes_its_own():
    assert changed("raw_translation_zero_rotation") == {"pose"}
    assert changed("landmarks_uncut_in_train") == {"landmarks"}
    assert changed("landmarks_uncut_in_train", "dev") == set()
    assert changed("train_hop_50") == (3, 4)
    assert changed("train_hop_50", "dev") == set()
    assert changed("fill_with_one_value") == set(DAIC_WOZ_CUES)  # frames 2000 to 2009 failed, and 2000 is kept


def zeroed(frames, failed, split="dev"):
    """A ramp that starts at 1000, with zeros where tracking failed."""
    one = ramp(frames, 0, frames, split, ~failed)
    return dataclasses.replace(
        one, cues={name: np.where(failed[:, None, None], 0, values + 1000) for name, values in one.cues.items()}
    )


def test_failed_frames_count_as_measured_or_are_bridged():
    failed = np.zeros(1800, bool)
    failed[95:116] = failed[500:700] = True  # 0.7 s and 6.7 s
    found = official_windows(zeroed(1800, failed), OfficialOptions(fill_with_one_value=True))
    at = np.arange(0, 1800, 10)
    np.testing.assert_allclose(rows_of(found.cues["gaze"])[0], np.where(failed[at], 0, at + 1000))
    np.testing.assert_allclose(
        found.cues["landmarks"][0, :, 0, 0], np.where(failed[at], 0, at + 1000) / 2799, atol=1e-6
    )
    assert found.mask.all()
    found = official_windows(zeroed(1800, failed))
    # The long gap is masked, but for what lies within half a step (5 frames) of a usable frame.
    masked = (at > 504) & (at < 695)
    np.testing.assert_array_equal(found.mask[0], ~masked)
    gaze = rows_of(found.cues["gaze"])[0]
    np.testing.assert_allclose(gaze[~masked], at[~masked] + 1000, atol=5.01)
    np.testing.assert_allclose(gaze[10:12], [1100, 1110], atol=5.01)
    np.testing.assert_array_equal(gaze[masked], 0)
    # Scaled by usable frames: their least is 0, their greatest 1.
    np.testing.assert_allclose(found.cues["landmarks"][0, [0, -1], 0, 0], [0, 1790 / 1799], atol=1e-6)


def test_nothing_is_taken_from_outside_the_interview():
    failed = np.zeros(1800, bool)
    failed[100:110] = failed[984:994] = True
    one = zeroed(1800, failed)
    times = {"first_start": 100 / 30 + 0.001, "last_stop": 994 / 30 + 0.001}
    found = official_windows(dataclasses.replace(one, provenance={"transcript": times}))
    # Rows 99 and 994 are near the first and the last point of the grid, rows 100 and 990, but no interview.
    np.testing.assert_array_equal(found.mask[0], (np.arange(180) >= 1) & (np.arange(180) < 89))


def raw_session(tmp_path, made, rows, split="dev"):
    found = read_session(write_archive(tmp_path / "300_P.zip", members("300", made, rows)))
    return dataclasses.replace(found, split=split)


def table(columns):
    """The file as the official preparation holds it: (F, n) with NaN for cells that are no number."""
    return np.array(
        [[float("nan") if "#" in str(cell) else float(cell) for cell in column] for column in columns.values()]
    ).T


def filled(columns):
    """D4, written out cell by cell."""
    cells = table(columns)
    candidates = [
        cells[i, k] for i in range(len(cells)) for k in range(cells.shape[1] - 4) if not np.isnan(cells[i, k + 4])
    ]
    low = min(candidates) if not np.isnan(candidates).any() else np.nan
    return np.where(np.isnan(cells), low, cells)[:, 4:]


ROWS = [(0.0, 0.5, "Ellie", "<sync>"), (1.0, 2.5, "Ellie", "hi"), (3.0, 9.4, "Participant", "bye")]


@pytest.mark.parametrize("column", ["Z67", "X5"])
def test_cells_that_are_no_number(tmp_path, column):
    """One value a file where the cell is in the last columns, never candidates; else none, and an axis is all NaN."""
    made = tables(300)
    made["features3D"][column][40] = "-1.#IND"
    # The last intensity, and the column four on by which it would be a candidate.
    made["AUs"]["AU26_r"][50] = made["AUs"]["AU23_c"][50] = "1.#QNAN"
    made["gaze"]["z_h1"][60] = "-1.#IND"
    one = raw_session(tmp_path, made, ROWS)
    found = official_windows(one, official.AS_RELEASED)
    assert found.mask.shape == (1, 180)
    end = int(9.4 * 30)
    kept = np.arange(0, end, 10)
    landmarks = filled(made["features3D"]).reshape(300, 3, 68).swapaxes(1, 2)
    low, high = landmarks.min(axis=(0, 1)), landmarks.max(axis=(0, 1))
    expected = ((landmarks - low) / (high - low))[kept]
    np.testing.assert_allclose(found.cues["landmarks"][0, : len(kept)], expected, atol=1e-6)
    assert np.isnan(expected[:, :, "XYZ".index(column[0])]).all() == (column == "X5")
    assert np.isfinite(expected[:, :, 1]).all()
    np.testing.assert_allclose(
        found.cues["gaze"][0, : len(kept)].reshape(-1, 12), filled(made["gaze"])[kept], atol=1e-6
    )
    assert one.provenance["official_fill"]["gaze"] == -0.8
    aus = filled(made["AUs"])[:, :14]
    aus = (aus - aus.min()) / (aus.max() - aus.min())
    np.testing.assert_allclose(found.cues["aus"][0, : len(kept), :, 0], aus[kept], atol=1e-6)
    cues, mask, _ = model_input(found)
    assert all(np.isfinite(values).all() for values in cues.values())
    assert mask.any() == (column == "Z67")


def test_rows_before_the_first_utterance_count(tmp_path):
    """Sync markers are rows of the transcript; for the span of speech they are none."""
    one = raw_session(tmp_path, tables(300), [(0.5, 0.6, "Ellie", "<sync>"), *ROWS[1:], (9.5, 9.9, "Ellie", "[sync]")])
    assert one.speech_span.tolist() == [1.0, 9.4]
    found = official_windows(one, official.AS_RELEASED)
    np.testing.assert_array_equal(found.mask[0], np.arange(0, 1800, 10) < int(9.9 * 30) - 15)
    np.testing.assert_array_equal(found.cues["pose"][0, 0, 0], one.cues["pose"][15, 0])


def test_transcripts_that_end_after_the_video_or_before_they_begin(tmp_path):
    long = raw_session(tmp_path, tables(300), [(0.0, 99.0, "Ellie", "hi")])
    np.testing.assert_array_equal(official_windows(long, official.AS_RELEASED).mask[0], np.arange(180) < 30)
    none = raw_session(tmp_path, tables(300), [(5.0, 6.0, "Ellie", "hi"), (1.0, 2.0, "Ellie", "hi")])
    assert official_windows(none, official.AS_RELEASED).mask.shape == (0, 180)


def test_the_models_input_is_seven_windows_end_to_end():
    windows = official_windows(ramp(18000, 20, 16000, "dev"), official.AS_RELEASED)
    cues, mask, found = model_input(windows)
    assert (len(windows.mask), found) == (9, 7)
    assert {name: values.shape for name, values in cues.items()} == {
        name: (1260, *cue.shape) for name, cue in DAIC_WOZ_CUES.items()
    }
    np.testing.assert_array_equal(cues["gaze"][:, 0, 0], 20 + np.arange(1260) * 10)
    assert mask.all()
    assert mask.shape == (1260,)


def test_sessions_with_fewer_windows_are_padded_and_said():
    short, none = ramp(4000, 0, 3700), ramp(4000, 0, 290)
    short = dataclasses.replace(short, session="short")
    none, whole = dataclasses.replace(none, session="none"), dataclasses.replace(ramp(18000, 0, 17000), session="whole")
    windows, notes = cut_official_windows([short, none, whole], official.AS_RELEASED)
    assert windows.session.tolist() == ["short", "whole"]
    assert len(notes) == 2
    assert notes[0].startswith("short: 3 of 7 official windows")
    assert notes[1].startswith("none: no frame in its official windows holds data, left out")
    at = (1500 * np.arange(3)[:, None] + np.arange(0, 1800, 10)).ravel()
    np.testing.assert_array_equal(windows.mask[0], np.r_[at < 3700, np.zeros(720, bool)])
    np.testing.assert_array_equal(windows.cues["gaze"][0, ~windows.mask[0]], 0)
    assert windows.mask[1].all()
    np.testing.assert_array_equal(windows.segment[1], np.arange(1260) // 420)
    assert windows.segment[0].max() == 2
    assert windows.severity.tolist() == [7.0, 7.0]
    assert windows.usable.tolist() == [1.0, 1.0]
    with pytest.raises(UserError, match="no session with a usable frame: none: no frame"):
        cut_official_windows([none], official.AS_RELEASED)


def test_records_that_do_not_hold_what_is_needed():
    one = ramp(4000, 0, 3700)
    cases = {
        "holds only some frames": thin(one, 3.0),
        "no time of its transcript": dataclasses.replace(one, provenance={}),
        "has no landmarks": dataclasses.replace(one, cues={"aus": one.cues["aus"]}),
    }
    for said, wrong in cases.items():
        with pytest.raises(UserError, match=said):
            official_windows(wrong)
