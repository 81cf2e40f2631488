"""From E-DAIC's archives and folders to a TFDS data set: what is in it, what is aligned, and what is said."""

import numpy as np
import pytest

from data_builders.e_daic.defects import CORRECTIONS
from data_builders.e_daic.e_daic_dataset_builder import Builder, EDaicConfig
from data_builders.e_daic.session import interviewer, read_recording, read_session, recordings
from data_builders.preparation import open_or_prepare
from data_builders.readers.session_files import find_sessions
from data_builders.records import decode, encode
from data_builders.thinning import thin
from mccl_jax.cues import E_DAIC_CUES
from mccl_jax.data.windows import WindowOptions, cut_windows
from mccl_jax.errors import UserError
from tests.data_builders.e_daic_files import (
    COUNT,
    columns,
    detailed_row,
    features,
    members,
    split_row,
    transcript,
    without,
    write_session,
    write_tables,
)

LAYOUTS = ("300_P.tar.gz", "300_P.zip", "300_P", "300_P.tar")


@pytest.fixture
def folder(tmp_path):
    """Five sessions, each in a layout of its own; one of train without its features, one that is not there."""
    raw = tmp_path / "raw"
    write_session(raw / "301_P.tar.gz", members(301))
    write_session(raw / "302_P.zip", members(302))
    write_session(raw / "more" / "409_P", members(409))
    write_session(raw / "600_P.tar", members(600, separator=","))
    write_session(raw / "601_P.tar.gz", without(members(601), "ResNet"))
    write_tables(
        raw / "labels",
        train=[split_row(301, 12), split_row(305, 7), split_row(601, 3)],
        dev=[split_row(409, 10, binary=0), split_row(302, 4, gender="male")],
        test=[split_row(600, 8)],
        detailed=[detailed_row(301, 12), detailed_row(409, 10)],
    )
    return raw


def run(tmp_path, folder, **options):
    return open_or_prepare(Builder, data_dir=tmp_path / "prepared", manual_dir=folder, config=EDaicConfig(**options))


def sessions(builder, split):
    return {session.session: session for session in map(decode, builder.as_data_source(split))}


def has_note(session, *words):
    return any(all(word in note for word in words) for note in session.provenance["notes"])


def test_the_records_are_the_sessions(tmp_path, folder):
    builder, report = run(tmp_path, folder, form="native")
    assert builder.name == "e_daic"
    found = {split: sessions(builder, split) for split in builder.info.splits}
    assert {split: list(of_split) for split, of_split in found.items()} == {
        "train": ["301"],
        "dev": ["302", "409"],
        "test": ["600"],
    }
    for split, of_split in found.items():
        for number, session in of_split.items():
            assert (session.subject, session.split, session.folds) == (number, split, ())
            assert session.speech_span.tolist() == [0.2, 1.8]
            assert dict(session.specification) == E_DAIC_CUES
            assert {name: cue.shape for name, cue in session.cues.items()} == {
                "deep": (COUNT, 2048, 1),
                "gaze": (COUNT, 2, 3),
                "pose": (COUNT, 2, 3),
                "aus": (COUNT, 17, 1),
            }
            np.testing.assert_array_equal(session.cues["deep"][..., 0], features())
            assert len(session.provenance["members"]) == 3
            assert has_note(session, "begin before the one above them: 1")
    direct = read_session(folder / "301_P.tar.gz")
    for name, values in direct.cues.items():
        np.testing.assert_array_equal(found["train"]["301"].cues[name], values)
    assert found["train"]["301"].statistics == direct.statistics
    train, test = found["train"]["301"], found["test"]["600"]
    assert (train.target, train.gender, train.labels["PHQ8_Sleep"]) == (12, "female", 2)
    assert found["dev"]["302"].gender == "male"
    assert found["dev"]["409"].labels["PHQ8_Binary"] == 1
    assert [one.labels["interviewer"] for one in (train, test)] == ["wizard", "autonomous"]
    assert test.labels["PTSD Severity"] == 28
    reasons = dict(report.skipped)
    assert reasons.pop("601_P.tar.gz").startswith(r"lacks deep (601_CNN_ResNet\.mat); it holds 601_AUDIO.wav")
    assert reasons == {"305_P.tar.gz": "is in train, but there is neither such an archive nor a folder 305_P"}
    assert "sessions, of those in the full corpus: train 2 of 163, dev 2 of 56, test 1 of 56" in report.notes


def test_without_features_no_mat_is_needed(tmp_path, folder):
    builder, report = run(tmp_path, folder, cues=("gaze", "pose", "aus"))
    assert "601" in sessions(builder, "train")
    assert list(dict(report.skipped)) == ["305_P.tar.gz"]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_reads_alike(tmp_path, layout):
    made = columns()
    path = write_session(tmp_path / layout, members(300, dict(reversed(made.items()))))  # their order is uncertain
    session = read_session(path)
    assert recordings(tmp_path) == [path]
    for name in ("pose", "aus", "gaze"):
        assert np.isfinite(session.cues[name]).all()
    np.testing.assert_allclose(session.cues["gaze"], [[[0, 0.6, -0.8], [0.6, 0, -0.8]]] * COUNT, rtol=1e-6)
    np.testing.assert_allclose(session.cues["pose"][:, 0, 1], made["pose_Ty"], rtol=1e-6)
    np.testing.assert_allclose(session.cues["aus"][:, 16, 0], made["AU45_r"], rtol=1e-6)
    np.testing.assert_array_equal(session.cues["deep"][..., 0], features())
    np.testing.assert_allclose(session.time, np.arange(COUNT) / 30, atol=1e-4)


@pytest.mark.parametrize("rows", [COUNT - 3, COUNT + 3])
def test_features_are_cut_to_the_shorter(tmp_path, rows):
    session = read_session(write_session(tmp_path / "300_P", members(300, deep=features(rows))))
    shorter = min(rows, COUNT)
    assert all(len(x) == shorter for x in (*session.cues.values(), session.time, session.confidence, session.success))
    np.testing.assert_array_equal(session.cues["deep"][:, 0, 0], np.arange(shorter))
    assert has_note(session, "the last of the longer are left out", f"{COUNT} and {rows}")


def test_features_follow_their_rows(tmp_path):
    made = columns()
    made["frame"][:2] = made["frame"][1::-1]  # the first two rows change places
    made["timestamp"][:2] = made["timestamp"][1::-1]
    made["frame"][5] = "x"
    session = read_session(write_session(tmp_path / "300_P", members(300, made)))
    rows = [1, 0, 2, 3, 4, *range(6, COUNT)]
    np.testing.assert_array_equal(session.cues["deep"][:, 0, 0], rows)
    np.testing.assert_allclose(session.cues["pose"][:, 0, 0], np.array(made["pose_Tx"])[rows], rtol=1e-6)


def test_frames_without_features_are_not_used(tmp_path):
    deep = features()
    deep[3], deep[4, 7], deep[5, 8] = 0, np.nan, np.inf
    session = read_session(write_session(tmp_path / "300_P", members(300, deep=deep)))
    assert np.flatnonzero(~session.usable).tolist() == [3, 4, 5]
    assert not session.cues["deep"][3].any()
    assert session.success.all()  # as the tool wrote it
    effect = {"id": "zero-features", "what": "frames that count as tracked", "was": 60, "is": 59}
    assert session.provenance["corrections"] == [effect]
    assert session.provenance["exclude_seconds"] == [[session.time[3], session.time[4]]]
    assert np.flatnonzero(~thin(session, 3.0).usable).size == 0
    plain = read_session(tmp_path / "300_P", corrections=("-zero-features",))
    assert np.flatnonzero(~plain.usable).tolist() == [4, 5]
    assert plain.provenance["switched_off"] == [effect]
    assert "exclude_seconds" not in plain.provenance
    assert has_note(session, "no number are not used: 2 of 60")
    with pytest.raises(UserError, match="no frame is tracked, readable"):
        read_session(write_session(tmp_path / "301_P", members(301, deep=0 * features())))
    with pytest.raises(UserError, match=r"301_P\.zip: CNN_ResNet has no row"):
        read_session(write_session(tmp_path / "301_P.zip", members(301, deep=features(0))))


def test_features_that_no_network_gives_are_not_used(tmp_path):
    deep = features()
    deep[4, 7], deep[5, 7], deep[8, 9] = 3e38, -3e38, 9e5
    session = read_session(write_session(tmp_path / "300_P", members(300, deep=deep)))
    assert np.flatnonzero(~session.usable).tolist() == [4, 5]
    assert np.isnan(session.cues["deep"][[4, 5], 7, 0]).all()
    assert session.cues["deep"][8, 9, 0] == 9e5
    assert has_note(session, "values that no face can have, their frames are not used: 2 in deep")
    encode(session, E_DAIC_CUES)


def test_transcripts(tmp_path):
    session = read_session(write_session(tmp_path / "300_P", without(members(300), "Transcript")))
    assert np.isnan(session.speech_span).all()
    assert has_note(session, "no transcript: the whole recording counts")
    late = read_session(write_session(tmp_path / "301_P", members(301, rows=[(0.5, 12.0, "hm")])))
    assert has_note(late, "speech goes on after the video has ended: 10.0 s")
    assert late.speech_span.tolist() == [0.5, 12.0]
    wrong = members(302) | {"302_P/302_Transcript.csv": transcript().replace("Start_Time", "start")}
    with pytest.raises(UserError, match=r"302_Transcript\.csv: no column start_time"):
        read_session(write_session(tmp_path / "302_P", wrong))


def test_interruptions_are_not_used_and_rates_are_said(tmp_path):
    path = write_session(tmp_path / "373_P.zip", members(373, columns(900, rate=2.0), features(900)))
    session, plain = read_session(path), read_session(path, corrections=())
    assert session.provenance["exclude_seconds"] == [[352, 420]]
    effect = {"id": "373-interruption", "what": "exclude_seconds", "was": [], "is": [[352.0, 420.0]]}
    assert (session.provenance["corrections"], plain.provenance["corrections"]) == ([effect], [])
    assert plain.provenance["switched_off"] == [effect]
    assert (~session.usable).sum() == 2 * (420 - 352)
    assert plain.usable.all()
    assert has_note(session, "frames a second that are not 30: 2.0")


@pytest.mark.parametrize("representation", ["relative", "min_max"])
def test_records_at_3_hz_give_the_same_windows(tmp_path, representation):
    made = columns(300)
    failed = np.random.default_rng(1).random(300) < 0.4
    failed[100:125] = failed[200:245] = True  # gaps of 0.8 s and 1.5 s
    made["success"] = (~failed).astype(int).tolist()
    spoken = [(0.7, 2.0, "hm"), (3.0, 9.8, "yes")]
    whole = read_session(write_session(tmp_path / "300_P", members(300, made, features(300), spoken)))
    few = thin(whole, 3.0)
    # Of 2048 features, almost every frame has some extreme; these keep no frame.
    assert len(few.time) < 0.6 * 300
    assert few.statistics == whole.statistics
    for max_gap in (0.3, 2.0):
        options = WindowOptions(seconds=12.0, representation=representation, max_gap=max_gap)
        one, other = (cut_windows([session], options)[0] for session in (whole, few))
        assert 0 < one.mask.sum() < one.mask.size
        np.testing.assert_array_equal(one.mask, other.mask)
        for name, values in one.cues.items():
            np.testing.assert_array_equal(values, other.cues[name], err_msg=name)


def test_statistics_are_those_of_every_feature(tmp_path):
    session = read_session(write_session(tmp_path / "300_P", members(300)))
    deep, found = session.cues["deep"].astype(float), session.statistics["deep"]
    np.testing.assert_allclose(found["mean"], deep.mean(axis=0))
    np.testing.assert_allclose(found["std"], deep.std(axis=0))
    way = np.abs(np.diff(deep, axis=0)).sum(axis=0) / (session.time[-1] - session.time[0])
    np.testing.assert_allclose(found["velocity"], way, rtol=1e-5)


def test_recordings_of_somebody_unknown(tmp_path, folder):
    assert [path.name for path in recordings(folder)] == [
        "301_P.tar.gz",
        "302_P.zip",
        "409_P",
        "600_P.tar",
        "601_P.tar.gz",
    ]
    for cues in (("pose", "aus"), ("deep",)):
        session = read_recording(folder / "600_P.tar", cues, 30.0)
        assert list(session.cues) == list(session.specification) == list(cues)
    assert np.isnan(session.target)
    assert session.labels == {"interviewer": "autonomous"}
    assert [interviewer(number) for number in ("299", "492", "600", "718", "719")] == [
        None,
        "wizard",
        "autonomous",
        "autonomous",
        None,
    ]
    with pytest.raises(UserError, match=r"expected an archive 300_P\.zip or 300_P\.tar\.gz"):
        recordings(folder / "labels")
    write_session(folder / "600_P.tar.gz", members(600))
    found, notes = find_sessions(folder)
    assert found["600"].name == "600_P.tar.gz"
    assert notes == ("sessions with both an archive and a folder, the archive is read: 600",)


def test_options_have_folders_of_their_own():
    assert [config.name for config in Builder.BUILDER_CONFIGS] == ["3hz", "native"]
    names = {
        EDaicConfig(**options).name
        for options in ({}, {"form": "native"}, {"corrections": ()}, {"cues": ("aus",)}, {"frame_rate": 25.0})
    }
    assert len(names) == 5
    assert EDaicConfig(cues=tuple(E_DAIC_CUES), corrections=CORRECTIONS).name == "3hz"
    for wrong in ({"form": "1hz"}, {"cues": ("landmarks",)}, {"frame_rate": 0.0}, {"corrections": ("318-shift",)}):
        with pytest.raises(UserError, match=next(iter(wrong))):
            EDaicConfig(**wrong)


def test_prepared_anew_when_something_changes(tmp_path, folder):
    fingerprint = Builder(data_dir=tmp_path).fingerprint
    before = fingerprint(folder)
    (folder / "more" / "409_P" / "features" / "409_CNN_VGG.mat").write_text("not used")
    assert fingerprint(folder) == before
    (folder / "more" / "409_P" / "features" / "409_CNN_ResNet.mat").write_text("other")
    after = fingerprint(folder)
    assert after != before
    (folder / "labels" / "Detailed_PHQ8_Labels.csv").unlink()
    assert fingerprint(folder) != after


def test_mistakes_are_one_line(tmp_path, folder):
    (folder / "labels").rename(tmp_path / "labels")
    with pytest.raises(UserError, match=r"no split file in it; .*train_split\.csv.*\(it holds 301_P\.tar\.gz"):
        run(tmp_path, folder)
    with pytest.raises(UserError, match="there is no such folder; expected the folder of E-DAIC"):
        run(tmp_path, tmp_path / "nowhere")
    with pytest.raises(UserError, match=r"no archive 300_P\.tar\.gz and no folder"):
        run(tmp_path, tmp_path / "labels")


def test_its_documents_are_there(tmp_path):
    builder = Builder(data_dir=tmp_path, config="native")
    assert "Ringeval" in builder.info.citation
    assert "CNN_ResNet" in builder.info.description
