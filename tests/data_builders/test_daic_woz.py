"""From archives as they are handed out to a TFDS data set: what is in it, what is corrected, and what is said."""

import numpy as np
import pytest

from data_builders.daic_woz.daic_woz_dataset_builder import Builder, DaicWozConfig
from data_builders.daic_woz.defects import CORRECTIONS
from data_builders.daic_woz.session import read_recording, read_session, recordings
from data_builders.preparation import open_or_prepare
from data_builders.readers.session_files import find_sessions
from data_builders.readers.transcripts import NO_WORDS
from data_builders.records import decode
from data_builders.thinning import thin
from mccl_jax.cues import DAIC_WOZ_CUES
from mccl_jax.data.windows import WindowOptions, cut_windows
from mccl_jax.errors import UserError
from tests.data_builders.daic_woz_files import (
    COUNT,
    label_row,
    members,
    tables,
    write_archive,
    write_folder,
    write_splits,
)

LONG = 450  # frames: 15 s
SPEECH = [(0.7, 3.0, "Ellie", "<sync>"), (1.1, 3.0, "Ellie", "hi"), (4.0, 14.3, "Participant", "yes")]


@pytest.fixture
def folder(tmp_path):
    """Five sessions: flat, in a folder of the archive, extracted, and one without labels; two splits and a test."""
    raw = tmp_path / "raw"
    write_archive(raw / "300_P.zip", members("300") | {"300_AUDIO.wav": "x", "300_CLNF_hog.bin": "x"})
    write_archive(raw / "301_P.zip", {f"301_P/{name}": content for name, content in members("301").items()})
    write_folder(raw / "302_P", members("302"))
    write_archive(raw / "more" / "409_P.zip", members("409"))
    write_archive(raw / "303_P.zip", members("303"))
    write_splits(
        raw,
        train=[label_row(303, 3), label_row(301, 12), label_row(305, 7)],
        dev=[label_row(409, 10, binary=0), label_row(302, 4, gender=0)],
        test=["300,1"],
    )
    return raw


def run(tmp_path, folder, **options):
    return open_or_prepare(Builder, data_dir=tmp_path / "prepared", manual_dir=folder, config=DaicWozConfig(**options))


def sessions(builder, split):
    return {session.session: session for session in map(decode, builder.as_data_source(split))}


def test_the_records_are_the_sessions(tmp_path, folder):
    builder, report = run(tmp_path, folder, form="native")
    assert builder.name == "daic_woz"
    found = {split: sessions(builder, split) for split in builder.info.splits}
    assert {split: list(of_split) for split, of_split in found.items()} == {
        "train": ["301", "303"],
        "dev": ["302", "409"],
        "test": ["300"],
    }
    for split, of_split in found.items():
        for number, session in of_split.items():
            assert (session.subject, session.split, session.folds) == (number, split, ())
            assert len(session.time) == COUNT
            assert session.speech_span.tolist() == [0.2, 1.8]
            assert dict(session.specification) == DAIC_WOZ_CUES
            assert session.cues["gaze"].shape == (COUNT, 4, 3)
            assert session.provenance["transcript"] == {"first_start": 0.2, "last_stop": 1.8}
            assert len(session.provenance["members"]) == 5
            assert {"frames", "official_fill", "exclude_seconds", "thinned"}.isdisjoint(session.provenance)
    direct = read_session(folder / "301_P.zip")
    for name, values in direct.cues.items():
        np.testing.assert_array_equal(found["train"]["301"].cues[name], values)
    assert found["train"]["301"].statistics == direct.statistics
    assert found["train"]["301"].target == 12
    assert found["dev"]["302"].gender == "male"
    assert found["dev"]["409"].labels["PHQ8_Binary"] == 1
    assert np.isnan(found["test"]["300"].target)
    assert report.frames == 5 * COUNT
    assert dict(report.skipped) == {
        "305_P.zip": "is in train, but there is neither such an archive nor a folder 305_P",
    }
    notes = list(report.notes)
    assert "sessions, of those in the full corpus: train 2 of 107, dev 2 of 35, test 1 of 47" in notes
    assert "no known PHQ8_Score: 300" in notes
    (entry,) = report.corrections.items()
    assert entry == (
        "409-binary",
        {
            "wrong": "score 10, binary 0",
            "source": "github.com/adbailey1/daic_woz_process",
            "sessions": 1,
            "examples": ["409: PHQ8_Binary was 0, is 1"],
        },
    )
    assert found["dev"]["409"].provenance["corrections"] == [
        {"id": "409-binary", "what": "PHQ8_Binary", "was": 0.0, "is": 1.0}
    ]


def test_what_is_skipped_is_said(tmp_path, folder):
    write_archive(folder / "304_P.zip", members("304"))
    broken = (folder / "301_P.zip").read_bytes()
    (folder / "301_P.zip").write_bytes(broken[: len(broken) // 2])
    (folder / "302_P" / "302_CLNF_pose.txt").unlink()
    _, report = run(tmp_path, folder)
    reasons = dict(report.skipped)
    assert reasons["304_P.zip"] == "is in no split file"
    assert reasons["301_P.zip"].startswith("cannot be read")
    assert reasons["302_P"].startswith("lacks pose")
    assert report.splits == {split: {"sessions": 1, "subjects": 1} for split in ("train", "dev", "test")}


def test_the_transcript_is_needed(tmp_path):
    without = {name: text for name, text in members("300").items() if "TRANSCRIPT" not in name}
    with pytest.raises(UserError, match=r"300_P\.zip: lacks transcript"):
        read_session(write_archive(tmp_path / "300_P.zip", without))


def test_aus_as_csv_and_other_case(tmp_path):
    renamed = {
        name.replace("AUs.txt", "AUs.csv").replace("pose", "Pose"): text for name, text in members("300").items()
    }
    assert list(read_session(write_archive(tmp_path / "300_P.zip", renamed)).cues) == list(DAIC_WOZ_CUES)
    both = renamed | {"300_CLNF_AUs.txt": ""}
    with pytest.raises(UserError, match="second member of its kind"):
        read_session(write_archive(tmp_path / "300_P.zip", both))


def long_session(tmp_path, number, frames=LONG, rows=SPEECH, **options):
    path = write_archive(tmp_path / f"{number}_P.zip", members(number, tables(frames, seed=int(number)), rows))
    return read_session(path, **options)


def test_transcripts_are_shifted_and_kept(tmp_path):
    shifted = long_session(tmp_path, "321")
    plain = long_session(tmp_path, "321", corrections=[name for name in CORRECTIONS if name != "321-shift"])
    np.testing.assert_allclose(plain.speech_span, [1.1, 14.3])
    np.testing.assert_allclose(shifted.speech_span, [1.1 + 3.8379167, 14.3 + 3.8379167])
    assert shifted.provenance["transcript"] == plain.provenance["transcript"] == {"first_start": 0.7, "last_stop": 14.3}
    marker = {"id": "sync-markers", "what": "speech_span", "was": [0.7, 14.3], "is": [1.1, 14.3]}
    shift = {"id": "321-shift", "what": "speech_span", "was": [1.1, 14.3], "is": list(shifted.speech_span)}
    assert (shifted.provenance["corrections"], shifted.provenance["switched_off"]) == ([marker, shift], [])
    assert (plain.provenance["corrections"], plain.provenance["switched_off"]) == ([marker], [shift])
    np.testing.assert_array_equal(shifted.time, plain.time)


def test_markers_count_as_words_where_that_correction_is_switched_off(tmp_path):
    plain = long_session(tmp_path, "300", corrections=())
    assert plain.speech_span.tolist() == [0.7, 14.3]
    assert [one["id"] for one in plain.provenance["switched_off"]] == ["sync-markers"]
    nothing = [(1.0, 2.0, "Ellie", "<sync>")]
    wordless, marked = (long_session(tmp_path, "300", rows=nothing, corrections=on) for on in (CORRECTIONS, ()))
    assert np.isnan(wordless.speech_span).all()
    assert NO_WORDS in wordless.provenance["notes"]
    assert wordless.provenance["corrections"][0]["is"] == [None, None]
    assert marked.speech_span.tolist() == [1.0, 2.0]
    assert NO_WORDS not in marked.provenance["notes"]


@pytest.mark.parametrize(("number", "begin", "end"), [("373", 352, 420), ("444", 286, 387)])
def test_interruptions_are_not_used(tmp_path, number, begin, end):
    made = tables(4500, rate=10.0)  # 450 s
    path = write_archive(tmp_path / f"{number}_P.zip", members(number, made, [(1.0, 440.0, "Ellie", "hi")]))
    session, plain = read_session(path), read_session(path, corrections=())
    assert session.provenance["exclude_seconds"] == [[begin, end]]
    assert (~session.usable).sum() == (end - begin) * 10
    assert not session.usable[begin * 10 : end * 10].any()
    assert plain.usable.all()
    for name, values in plain.cues.items():  # the values stay
        np.testing.assert_array_equal(session.cues[name], values)
    for form in (session, thin(session, 3.0)):
        windows, _ = cut_windows([form], WindowOptions())
        grid = 1.0 + np.arange(1260) / 3
        # Half a step at either end is read from the frames beside it.
        masked = (grid > begin + 0.1) & (grid < end - 0.2)
        np.testing.assert_array_equal(windows.mask[0][: len(grid)], ~masked)


def assert_equal_windows(one, other):
    for name, values in one.cues.items():
        np.testing.assert_array_equal(values, other.cues[name])
    for name in ("mask", "segment", "severity", "usable"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


@pytest.mark.parametrize("speech", [SPEECH, [(1.0, 2.0, "Ellie", "<sync>")]])
@pytest.mark.parametrize("representation", ["relative", "min_max"])
@pytest.mark.parametrize("rate", [3.0, 1.5, 1.0])
def test_records_at_3_hz_give_the_same_windows(tmp_path, speech, representation, rate):
    made = tables(LONG)
    rng = np.random.default_rng(1)
    failed = rng.random(LONG) < 0.4
    failed[100:125] = failed[200:245] = True  # gaps of 0.8 s and 1.5 s
    for columns in made.values():
        columns["success"] = (~failed).astype(int).tolist()
    made["pose"]["Tx"][300] = "-1.#IND"
    path = write_archive(tmp_path / "300_P.zip", members("300", made, speech))
    whole = read_session(path)
    few = thin(whole, 3.0)
    assert len(few.time) < 0.6 * LONG
    assert few.recorded == whole.recorded == (LONG, whole.usable.sum())
    assert few.statistics == whole.statistics
    for max_gap in (0.3, 1.0, 2.0):
        options = WindowOptions(rate=rate, seconds=18.0, representation=representation, max_gap=max_gap)
        one, other = (cut_windows([session], options)[0] for session in (whole, few))
        assert 0 < one.mask.sum() < one.mask.size
        assert_equal_windows(one, other)


@pytest.mark.parametrize("options", [{"rate": 5.0}, {"rate": 2.0}, {"sampling": "mean"}])
def test_records_at_3_hz_refuse_what_they_do_not_hold(tmp_path, options):
    few = thin(long_session(tmp_path, "300"), 3.0)
    with pytest.raises(UserError, match=r"300: holds frames for .* at 3 Hz"):
        cut_windows([few], WindowOptions(**options))


def test_records_at_3_hz_are_the_default(tmp_path, folder):
    builder, report = run(tmp_path, folder)
    assert "/3hz/" in str(builder.data_dir)
    session = sessions(builder, "dev")["302"]
    assert session.provenance["thinned"] == {"rate": 3.0, "frames": COUNT, "usable": COUNT}
    assert (report.frames, report.failed_share) == (5 * COUNT, 0)


def test_the_eyes_as_the_head_sees_them_are_not_turned(tmp_path):
    session = long_session(tmp_path, "300")
    windows, _ = cut_windows([session], WindowOptions(seconds=10.0))
    gaze = windows.cues["gaze"][0][windows.mask[0]]
    np.testing.assert_allclose(gaze[:, 2:], session.cues["gaze"][: len(gaze), 2:])
    assert np.abs(gaze[:, :2] - session.cues["gaze"][: len(gaze), :2]).max() > 0.01


def test_odd_frame_numbers_and_cells_are_kept_beside_the_values(tmp_path):
    made = tables()
    for columns in made.values():
        columns["frame"] = [i + (5 if i < 20 else 8) for i in range(COUNT)]
    made["pose"]["Ry"][3] = "1.#QNAN"
    path = write_archive(tmp_path / "300_P.zip", members("300", made, [(0.1, 9.0, "Participant", "hello")]))
    session = read_session(path)
    assert session.provenance["frames"] == [[5, 20], [28, 40]]
    assert session.provenance["official_fill"] == {"pose": 0.0}  # the first timestamp; its rotations are no candidates
    notes = session.provenance["notes"]
    assert any(note.startswith("frame numbers that are not 1, 2, 3") for note in notes)
    assert "no lines of the interviewer in the transcript" in notes
    assert any(note.startswith("speech goes on after the video has ended: 7.0 s") for note in notes)


def test_archives_win_over_folders(tmp_path, folder):
    write_folder(folder / "300_P", {"300_P/300_TRANSCRIPT.csv": ""})
    write_folder(folder / "__MACOSX" / "302_P", {"._302_TRANSCRIPT.csv": ""})
    found, notes = find_sessions(folder)
    assert found["300"].name == "300_P.zip"
    assert notes == ("sessions with both an archive and a folder, the archive is read: 300",)
    write_archive(folder / "again" / "300_P.zip", members("300"))
    with pytest.raises(UserError, match="is of the same session as"):
        find_sessions(folder)


def test_an_archive_in_a_folder_of_its_name_wins_too(folder):
    inside = folder / "300_P" / "300_P.zip"
    inside.parent.mkdir()
    (folder / "300_P.zip").rename(inside)
    write_folder(inside.parent / "300_P", members("300"))
    found, notes = find_sessions(folder)
    assert found["300"] == inside
    assert notes == ("sessions with both an archive and a folder, the archive is read: 300",)
    assert recordings(inside.parent) == [inside]
    assert find_sessions(inside.parent)[0] == {"300": inside}
    inside.unlink()
    assert find_sessions(folder)[0]["300"] == recordings(inside.parent)[0] == inside.parent
    assert not find_sessions(folder)[1]


def test_linked_folders_are_searched_and_links_to_nowhere_are_none(tmp_path, folder):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/disk").symlink_to(folder)
    (folder / "again").symlink_to(folder / "more")
    (folder / "304_P.zip").symlink_to(folder / "gone")
    found, notes = find_sessions(tmp_path / "mine")
    assert {number: path.relative_to(tmp_path / "mine/disk").as_posix() for number, path in found.items()} == {
        "300": "300_P.zip",
        "301": "301_P.zip",
        "302": "302_P",
        "303": "303_P.zip",
        "409": "more/409_P.zip",
    }
    assert not notes


def test_recordings_of_somebody_unknown(folder):
    assert [path.name for path in recordings(folder)] == ["300_P.zip", "301_P.zip", "302_P", "303_P.zip", "409_P.zip"]
    assert recordings(folder / "302_P") == [folder / "302_P"]
    session = read_recording(folder / "302_P", ("pose", "aus"), 30.0)
    assert list(session.cues) == ["pose", "aus"]
    assert np.isnan(session.target)
    for wrong in (folder / "more" / "x", folder / "train_split_Depression_AVEC2017.csv"):
        with pytest.raises(UserError, match=r"expected an archive 300_P\.zip"):
            recordings(wrong)
        with pytest.raises(UserError, match="expected the archive or folder"):
            read_recording(wrong, ("pose",), 30.0)


def test_options_have_folders_of_their_own():
    assert [config.name for config in Builder.BUILDER_CONFIGS] == ["3hz", "native"]
    assert DaicWozConfig().name == "3hz"
    names = {
        DaicWozConfig(**options).name
        for options in ({}, {"form": "native"}, {"corrections": ()}, {"cues": ("aus",)}, {"frame_rate": 25.0})
    }
    assert len(names) == 5
    for wrong in ({"form": "1hz"}, {"cues": ("hands",)}, {"cues": ()}, {"frame_rate": 0.0}, {"corrections": ("409",)}):
        with pytest.raises(UserError, match=next(iter(wrong))):
            DaicWozConfig(**wrong)


def test_prepared_anew_when_something_changes(tmp_path, folder):
    fingerprint = Builder(data_dir=tmp_path).fingerprint
    before = fingerprint(folder)
    (folder / "302_P" / "302_AUDIO.wav").write_text("not used")
    assert fingerprint(folder) == before
    (folder / "302_P" / "302_CLNF_pose.txt").write_text("other")
    after = fingerprint(folder)
    assert after != before
    write_splits(folder, full_test=["300,0,2,1"])
    assert fingerprint(folder) != after


def test_mistakes_are_one_line(tmp_path, folder):
    for path in folder.glob("*_split_*"):
        path.rename(tmp_path / path.name)
    with pytest.raises(UserError, match=r"no split file in it; .*\(it holds 300_P\.zip.*manual_dir"):
        run(tmp_path, folder)
    write_splits(folder, train=[label_row(999, 3)])
    with pytest.raises(UserError, match="none of its 5 sessions"):
        run(tmp_path, folder)
    with pytest.raises(UserError, match="there is no such folder; expected the folder of DAIC-WOZ"):
        run(tmp_path, tmp_path / "nowhere")
    empty = write_folder(tmp_path / "empty", {"readme.txt": ""})
    with pytest.raises(UserError, match=r"no archive 300_P\.zip and no folder"):
        run(tmp_path, empty)


def test_its_documents_are_there(tmp_path):
    builder = Builder(data_dir=tmp_path, config="native")
    assert "Gratch" in builder.info.citation
    assert "features3D" in builder.info.description
