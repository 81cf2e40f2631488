"""A whole simulated E-DAIC through its builder: each planted defect is found, handled, and named in the report."""

import dataclasses

import numpy as np
import pytest

from data_builders.e_daic.defects import CORRECTIONS
from data_builders.e_daic.e_daic_dataset_builder import Builder, EDaicConfig
from data_builders.e_daic.session import read_session
from data_builders.preparation import open_or_prepare
from data_builders.readers import archives
from data_builders.records import decode
from data_builders.simulator import e_daic
from data_builders.simulator.corpus import write_corpus
from data_builders.simulator.e_daic_simulation import (
    LONG,
    MORE_ROWS,
    NUMBERS,
    RARELY_TRACKED,
    RATES,
    WITHOUT_FACE,
    EDaicSimulation,
    runs_back,
)
from data_builders.simulator.e_daic_tables import CONTRADICTING
from data_builders.simulator.interview_simulation import EMPTY_ITEM, INTERRUPTED_AUS, INTERRUPTIONS, ITEMS
from data_builders.simulator.options import Options
from mccl_jax.cues import E_DAIC_CUES
from mccl_jax.data.windows import WindowOptions, cut_windows

# All defects are there.
OPTIONS = Options(subjects=24, seconds=(14.0, 18.0), fps=3.0)
SKIPPED = {"300", "301", "303", "307"}
TRACKED = tuple(name for name in E_DAIC_CUES if name != "deep")


@pytest.fixture(scope="module")
def simulation():
    return EDaicSimulation(OPTIONS)


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    return write_corpus(tmp_path_factory.mktemp("e_daic") / "raw", OPTIONS, str, "e_daic")


@pytest.fixture(scope="module")
def opened():
    """Names of the members that were read while the fixture `prepared` was made."""
    return []


@pytest.fixture(scope="module")
def prepared(raw, opened):
    """(number -> session, report) of all frames and cues, all corrections made."""
    with pytest.MonkeyPatch.context() as patch:
        really = archives.read_all

        def spy(stream, where, most, packed=None):
            opened.append(where.rpartition(": ")[2])
            return really(stream, where, most, packed)

        patch.setattr(archives, "read_all", spy)
        return prepare(raw)


@pytest.fixture(scope="module")
def without_features(raw):
    """The same of the tracker's cues alone."""
    return prepare(raw, cues=TRACKED)


def prepare(raw, **options):
    config = EDaicConfig(form="native", **options)
    builder, report = open_or_prepare(Builder, data_dir=raw.parent / "prepared", manual_dir=raw, config=config)
    found = [decode(example) for split in builder.info.splits for example in builder.as_data_source(split)]
    return {session.session: session for session in found}, report


def examples(report, what):
    return report.notes[what]["examples"]


def numbers(report, what):
    return {one.partition(":")[0] for one in examples(report, what)}


def test_everybody_is_prepared_but_five_that_are_skipped_with_a_reason(prepared, simulation):
    sessions, report = prepared
    everybody = {simulation.name(i): simulation.split(i) for i in range(len(simulation))}
    assert {number: session.split for number, session in sessions.items()} == {
        number: split for number, split in everybody.items() if number not in SKIPPED
    }
    reasons = dict(report.skipped)
    assert len(reasons) == len(report.skipped) == 5
    assert reasons["300_P.tar.gz"].startswith("lacks OpenFace (300_OpenFace2")
    assert reasons["301_P.tar.gz"].startswith(r"lacks deep (301_CNN_ResNet\.mat)")
    assert reasons["303_P.tar.gz"].startswith("cannot be read (Compressed file ended")
    assert "there is neither such an archive nor a folder 307_P" in reasons["307_P.tar.gz"]
    assert reasons["719_P.tar.gz"] == "is in no split file"
    assert "train 15 of 163, dev 4 of 56, test 4 of 56" in report.words()


def test_only_the_three_files_that_are_used_were_read(prepared, opened):
    kinds = {name.rpartition("/")[2].partition("_")[2] for name in opened}
    assert kinds == {"OpenFace2.1.0_Pose_gaze_AUs.csv", "CNN_ResNet.mat", "Transcript.csv"}
    assert not any("/._" in name for name in opened)
    assert {name.partition("/")[0] for name in opened} >= {"304_P", "306_P"}  # a Mac's archive, a folder 306_P.tar


def test_without_features_the_session_that_lacks_them_is_there(without_features):
    sessions, report = without_features
    assert "301" in sessions
    assert "301_P.tar.gz" not in dict(report.skipped)
    assert len(report.skipped) == 4


def test_the_records_hold_what_was_simulated(prepared, simulation):
    for number, session in prepared[0].items():
        i = NUMBERS.index(number)
        track, features = simulation.track(i), simulation.features(i)
        rows = min(len(track.time), len(features))
        seen = (features[:rows] != 0).any(axis=1)
        assert (session.subject, session.target) == (number, simulation.severity[i])
        assert session.gender == simulation.subject(i).gender
        np.testing.assert_array_equal(session.time, track.time[:rows])
        np.testing.assert_array_equal(session.success, track.success[:rows])
        inside = [(session.time >= begin) & (session.time < end) for begin, end in [INTERRUPTIONS.get(number, (0, 0))]]
        np.testing.assert_array_equal(session.usable, track.success[:rows] & seen & ~inside[0])
        np.testing.assert_array_equal(session.cues["deep"][..., 0], features[:rows])
        np.testing.assert_array_equal(session.cues["aus"][..., 0], track.aus[:rows].astype(np.float32))
        np.testing.assert_array_equal(session.cues["gaze"], track.gaze[:rows].astype(np.float32))
        if number != "302":
            np.testing.assert_allclose(session.speech_span, simulation.speech_span(i))
        assert session.labels["interviewer"] == ("wizard" if number < "500" else "autonomous")
        assert (session.labels["PCL-C (PTSD)"], session.labels["PTSD Severity"]) == simulation.ptsd(i)
        if session.split != "test":
            assert [session.labels[f"PHQ8_{item}"] for item in ITEMS] == simulation.items(i).tolist()
            assert session.labels["PHQ8_Total"] == session.target
        if number != CONTRADICTING:
            assert session.labels["PHQ8_Binary"] == (session.target >= 10)


def test_the_report_names_what_is_known_and_what_was_found(prepared, simulation):
    sessions, report = prepared
    for known in (
        *(f"known of session {number}: {rate} frames a second" for number, rate in RATES.items()),
        "known of session 657: no CNN_VGG.mat",
    ):
        assert known in report.notes
    (contradiction,) = [note for note in report.notes if "contradict" in note]
    score = simulation.severity[NUMBERS.index(CONTRADICTING)]
    assert contradiction.endswith(f"both are kept: {CONTRADICTING}, {int(score < 10)}, {score}")
    assert examples(report, "no transcript") == ["302: the whole recording counts as the interview"]
    back = "rows of the transcript that begin before the one above them"
    assert numbers(report, back) == {number for number in sessions if runs_back(number)}
    cut = examples(report, "rows of OpenFace and CNN_ResNet, the last of the longer are left out")
    found = {one.partition(": ")[0]: one.partition(": ")[2].split(" and ") for one in cut}
    assert {number: int(deep) - int(rows) for number, (rows, deep) in found.items()} == MORE_ROWS


def test_the_report_lists_what_each_correction_changed(prepared):
    sessions, report = prepared
    assert tuple(report.corrections) == CORRECTIONS  # all are planted, in the order of the table
    assert not report.switched_off
    found = sessions[WITHOUT_FACE]
    tracked, used = int(found.success.sum()), int(found.usable.sum())
    assert {id: entry["examples"] for id, entry in report.corrections.items()} == {
        "373-interruption": ["373: exclude_seconds was none, is 352 to 420"],
        "444-interruption": ["444: exclude_seconds was none, is 286 to 387"],
        "409-binary": ["409: PHQ8_Binary was 0, is 1"],
        "319-sleep": ["319: PHQ8_Sleep was unknown, is 2"],
        "zero-features": [f"{WITHOUT_FACE}: frames that count as tracked was {tracked}, is {used}"],
    }


def test_frames_without_a_face_count_where_that_correction_is_switched_off(prepared, raw):
    plain = read_session(raw / "data" / f"{WITHOUT_FACE}_P.tar.gz", corrections=("-zero-features",))
    one = prepared[0][WITHOUT_FACE]
    np.testing.assert_array_equal(plain.success, one.success)
    np.testing.assert_array_equal(plain.usable, plain.success)
    assert one.usable.sum() < plain.usable.sum()
    assert not (one.cues["deep"][one.usable] == 0).all(axis=(1, 2)).any()
    assert (plain.cues["deep"][plain.usable] == 0).all(axis=(1, 2)).any()
    assert plain.provenance["switched_off"] == one.provenance["corrections"]


def test_nothing_else_is_odd(prepared):
    expected = ("sessions, of those", "known of", "rows of ")
    expected += ("frames a second", "no transcript", "PHQ8_Binary and PHQ8_Score contradict")
    assert [note for note in prepared[1].notes if not note.startswith(expected)] == []


@pytest.mark.parametrize("number", RATES)
def test_true_frame_rates(tmp_path, simulation, number):
    """At the corpus's own rate, where the reader can tell that it is another."""
    at_30 = EDaicSimulation(dataclasses.replace(OPTIONS, fps=30.0, seconds=(4.0, 6.0)))
    i = NUMBERS.index(number)
    e_daic._write_session(tmp_path, number, e_daic._files(at_30, i, number))
    session = read_session(tmp_path / f"{number}_P.tar.gz")
    timing = at_30.timing(i)
    assert session.time[-1] == pytest.approx(timing.video, abs=0.1)
    assert abs(len(session.time) / 30 - timing.video) > 0.4  # what counting frames would say
    (said,) = [note for note in session.provenance["notes"] if note.startswith("frames a second")]
    assert float(said.rpartition(" ")[2]) == pytest.approx(RATES[number], abs=0.8)  # timestamps have three decimals
    assert not session.usable[session.time < timing.begin - 1].any()
    assert session.usable[session.time >= timing.begin - 1].any()


def test_usual_frame_rates_are_not_worth_a_note(tmp_path):
    at_30 = EDaicSimulation(dataclasses.replace(OPTIONS, fps=30.0, seconds=(4.0, 6.0)))
    e_daic._write_session(tmp_path, "308", e_daic._files(at_30, NUMBERS.index("308"), "308"))
    notes = read_session(tmp_path / "308_P.tar.gz").provenance["notes"]
    assert not [note for note in notes if note.startswith("frames a second")]


def test_rare_frames_are_used_and_the_others_masked(prepared):
    session = prepared[0][RARELY_TRACKED]
    windows, left_out = cut_windows([session], WindowOptions(seconds=20.0))
    assert left_out == []
    assert 1 <= windows.mask.sum() <= session.usable.sum() == 3
    assert windows.usable[0] == pytest.approx(3 / len(session.time))


def test_a_window_sees_the_beginning_of_a_long_session(prepared):
    session = prepared[0][LONG]
    windows, _ = cut_windows([session], WindowOptions(seconds=18.0))
    assert session.time[-1] > 70
    assert windows.mask[0][-3:].any()
    at = int(np.searchsorted(session.time, session.speech_span[0]))
    first = int(np.flatnonzero(windows.mask[0])[0])
    near = session.cues["deep"][at - 2 : at + 9]
    assert (np.abs(near - windows.cues["deep"][0, first]).max(axis=(1, 2)) < 1e-6).any()


def test_without_a_transcript_the_whole_recording_is_seen(prepared):
    session = prepared[0]["302"]
    windows, _ = cut_windows([session], WindowOptions(seconds=30.0))
    time = session.time[session.usable]
    assert np.flatnonzero(windows.mask[0])[-1] / 3 == pytest.approx(time[-1] - time[0], abs=0.34)


def test_nothing_of_an_interruption_reaches_the_windows(prepared, raw):
    sessions, plain = prepared[0], prepare(raw, corrections=(), cues=TRACKED)[0]
    for number, (begin, end) in INTERRUPTIONS.items():
        assert not sessions[number].usable[(sessions[number].time >= begin) & (sessions[number].time < end)].any()
        with_it, without = (
            cut_windows([one[number]], WindowOptions())[0].cues["aus"].min(axis=(2, 3))[0] for one in (plain, sessions)
        )
        assert (plain[number].cues["aus"] == INTERRUPTED_AUS).all(axis=(1, 2)).sum() > 50
        assert (with_it == 1).sum() > 50  # intensities of windows are shares of the scale
        assert not (without == 1).any()


@pytest.mark.parametrize("correction", [one for one in CORRECTIONS if one != "zero-features"])
def test_a_correction_that_is_switched_off_changes_its_own_session_alone(without_features, raw, correction):
    sessions, report = without_features
    without, its_report = prepare(raw, cues=TRACKED, corrections=(f"-{correction}",))
    assert list(its_report.switched_off) == [correction]
    assert correction not in its_report.corrections
    number, what = correction.split("-")
    assert set(without) == set(sessions)
    for name, session in without.items():
        if name != number:
            assert same(session, sessions[name]), name
            assert session.labels == sessions[name].labels
    one, other = sessions[number], without[number]
    assert same(other, one) == (what in ("binary", "sleep"))
    for name, values in one.cues.items():  # no correction touches them
        np.testing.assert_array_equal(values, other.cues[name])
    if what == "interruption":
        begin, end = INTERRUPTIONS[number]
        inside = (one.time >= begin) & (one.time < end)
        np.testing.assert_array_equal(one.usable, other.usable & ~inside)
        assert other.usable[inside].any()
    elif what == "binary":
        assert (one.labels["PHQ8_Binary"], other.labels["PHQ8_Binary"]) == (1, 0)
        contradiction = "PHQ8_Binary and PHQ8_Score contradict each other, both are kept: 409, 0, 10"
        assert contradiction in its_report.notes
        assert contradiction not in report.notes
    else:
        assert (one.labels["PHQ8_Sleep"], other.labels["PHQ8_Sleep"]) == (EMPTY_ITEM[2], None)


def same(one, other) -> bool:
    """Whether two records agree in all but labels and the notes of their preparation."""
    arrays = ("time", "confidence", "success", "question", "usable", "speech_span")
    return (
        all(np.array_equal(getattr(one, name), getattr(other, name), equal_nan=True) for name in arrays)
        and all(np.array_equal(values, other.cues[name], equal_nan=True) for name, values in one.cues.items())
        and one.statistics == other.statistics
        and (one.target, one.split, one.gender) == (other.target, other.split, other.gender)
    )


def test_records_at_3_hz_give_the_windows_of_all_frames(prepared, raw):
    builder, _ = open_or_prepare(Builder, data_dir=raw.parent / "prepared", manual_dir=raw, config=EDaicConfig())
    for split in builder.info.splits:
        for session in map(decode, builder.as_data_source(split)):
            few, whole = (
                cut_windows([one], WindowOptions(seconds=18.0))[0] for one in (session, prepared[0][session.session])
            )
            np.testing.assert_array_equal(few.mask, whole.mask)
            np.testing.assert_array_equal(few.usable, whole.usable)
            for name, values in whole.cues.items():
                np.testing.assert_array_equal(few.cues[name], values)
