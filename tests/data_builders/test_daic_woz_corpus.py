"""A whole simulated DAIC-WOZ through its builder: each planted defect is found, handled, and named in the report."""

import dataclasses
import zipfile

import numpy as np
import pytest

from data_builders.daic_woz.daic_woz_dataset_builder import Builder, DaicWozConfig
from data_builders.daic_woz.defects import CORRECTIONS
from data_builders.preparation import open_or_prepare
from data_builders.records import decode
from data_builders.simulator.clnf_text import gaze_in_head
from data_builders.simulator.corpus import write_corpus
from data_builders.simulator.daic_woz import NOT_NUMBERS, middle
from data_builders.simulator.daic_woz_simulation import NUMBERS, SHIFTS, WITHOUT_INTERVIEWER, DaicWozSimulation
from data_builders.simulator.interview_simulation import EMPTY_ITEM, INTERRUPTED_AUS, INTERRUPTIONS, ITEMS
from data_builders.simulator.options import Options
from mccl_jax.cues import DAIC_WOZ_AUS, OPENFACE_AUS
from mccl_jax.data.windows import WindowOptions, cut_windows

# The sessions with defects of the corpus's own, and those whose files were damaged on the way.
OPTIONS = Options(subjects=24, seconds=(14.0, 18.0), fps=3.0)
SKIPPED = {"306", "308", "487"}


@pytest.fixture(scope="module")
def simulation():
    return DaicWozSimulation(OPTIONS)


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    return write_corpus(tmp_path_factory.mktemp("daic") / "raw", OPTIONS, str, "daic_woz")


@pytest.fixture(scope="module")
def opened():
    """Names of the members of archives that were opened while the fixture `prepared` was made."""
    return []


@pytest.fixture(scope="module")
def prepared(raw, opened):
    """(number -> session, report) of all frames, all corrections made."""
    with pytest.MonkeyPatch.context() as patch:
        really_open = zipfile.ZipFile.open

        def spy(archive, member, *args, **kwargs):
            opened.append(getattr(member, "filename", member))
            return really_open(archive, member, *args, **kwargs)

        patch.setattr(zipfile.ZipFile, "open", spy)
        return prepare(raw)


def prepare(raw, corrections=CORRECTIONS):
    config = DaicWozConfig(form="native", corrections=corrections)
    builder, report = open_or_prepare(Builder, data_dir=raw.parent / "prepared", manual_dir=raw, config=config)
    found = [decode(example) for split in builder.info.splits for example in builder.as_data_source(split)]
    return {session.session: session for session in found}, report


def track_of(simulation, number):
    return simulation.track(NUMBERS.index(number))


def examples(report, what):
    return report.notes[what]["examples"]


def test_everybody_is_prepared_but_four_that_are_skipped_with_a_reason(prepared, simulation):
    sessions, report = prepared
    everybody = {simulation.name(i): simulation.split(i) for i in range(len(simulation))}
    assert {number: session.split for number, session in sessions.items()} == {
        number: split for number, split in everybody.items() if number not in SKIPPED
    }
    reasons = dict(report.skipped)
    assert len(reasons) == len(report.skipped) == 4
    assert "AppleDouble file of macOS" in reasons["487_P.zip"]
    assert reasons["306_P.zip"].startswith("cannot be read")
    assert "there is neither such an archive nor a folder 308_P" in reasons["308_P.zip"]
    assert reasons["493_P.zip"] == "is in no split file"
    assert "train 13 of 107, dev 5 of 35, test 5 of 47" in report.words()


def test_only_the_five_files_that_are_used_were_opened(prepared, opened):
    kinds = {name.rpartition("/")[2].partition("_")[2] for name in opened}
    cues = {f"CLNF_{file}.txt" for file in ("features3D", "gaze", "pose", "AUs")}
    assert kinds == cues | {"CLNF_AUs.csv", "TRANSCRIPT.csv"}
    assert not any("__MACOSX" in name for name in opened)


def test_the_records_hold_what_was_simulated(prepared, simulation):
    spoiled = {number for number, *_ in NOT_NUMBERS}
    for number, session in prepared[0].items():
        i, track = NUMBERS.index(number), track_of(simulation, number)
        assert (session.subject, session.target) == (number, simulation.severity[i])
        assert session.gender == simulation.subject(i).gender
        np.testing.assert_array_equal(session.time, track.time)
        np.testing.assert_array_equal(session.success, track.success)
        np.testing.assert_allclose(session.speech_span, simulation.speech_span(i), atol=1e-6)
        if number not in spoiled:
            aus = track.aus[:, [OPENFACE_AUS.index(au) for au in DAIC_WOZ_AUS]]
            np.testing.assert_array_equal(session.cues["aus"][:, :, 0], aus.astype(np.float32))
            np.testing.assert_array_equal(session.cues["landmarks"], track.landmarks.astype(np.float32))
            np.testing.assert_array_equal(session.cues["gaze"][:, 2:], gaze_in_head(track).astype(np.float32))
        if session.split != "test":
            items = [session.labels[f"PHQ8_{item}"] for item in ITEMS]
            assert items == simulation.items(i).tolist()
            assert session.labels["PHQ8_Binary"] == (session.target >= 10)


def test_cells_that_are_no_numbers_cost_their_frame_and_no_other(prepared, simulation):
    sessions, report = prepared
    for number in {number for number, *_ in NOT_NUMBERS}:
        session, track = sessions[number], track_of(simulation, number)
        at = middle(len(track.time))
        unused = np.flatnonzero(track.success & ~session.usable)
        assert unused.tolist() == ([at] if track.success[at] else [])
        assert sum(int(np.isnan(values).sum()) for values in session.cues.values()) == 1
    assert sorted(examples(report, "unreadable cells, their frames are not used")) == [
        "300: 1 in Ry (pose)",
        "301: 1 in x_h1 (gaze)",
        "302: 1 in X30 (features3D)",
        "303: 1 in AU12_r (AUs)",  # presences are not used
    ]
    assert set(sessions["303"].provenance["official_fill"]) == {"aus"}


def test_the_report_names_what_is_known_and_what_was_found(prepared):
    _, report = prepared
    notes = report.notes
    for known in (
        "known of session 402: the video ends about 2 min early",
        *(f"known of session {one}: no lines of the interviewer in the transcript" for one in WITHOUT_INTERVIEWER),
        "known of session 487: an AppleDouble file in place of the transcript",
    ):
        assert known in notes
    assert set(examples(report, "no lines of the interviewer in the transcript")) == set(WITHOUT_INTERVIEWER)
    (late,) = examples(report, "speech goes on after the video has ended")
    number, seconds = late.split(": ")
    assert number == "402"
    assert float(seconds.removesuffix(" s")) == pytest.approx(120, abs=0.5)
    assert not any("contradict" in note or "not the sum" in note for note in notes)


def test_the_report_lists_what_each_correction_changed(prepared, raw):
    sessions, report = prepared
    assert tuple(report.corrections) == CORRECTIONS  # all are planted, in the order of the table
    markers = report.corrections["sync-markers"]
    assert markers["sessions"] == len(sessions) == len(markers["examples"])
    said = {id: entry["examples"] for id, entry in report.corrections.items() if id != "sync-markers"}
    assert all(entry["sessions"] == 1 for id, entry in report.corrections.items() if id in said)
    first, last = sessions["318"].speech_span
    assert said["318-shift"] == [
        f"318: speech_span was {first - SHIFTS['318']:g} to {last - SHIFTS['318']:g}, is {first:g} to {last:g}"
    ]
    assert said["373-interruption"] == ["373: exclude_seconds was none, is 352 to 420"]
    assert said["409-binary"] == ["409: PHQ8_Binary was 0, is 1"]
    assert said["319-sleep"] == ["319: PHQ8_Sleep was unknown, is 2"]
    text = report.words()
    assert f"corrections: {len(CORRECTIONS)}\n" in text
    assert (
        "  409-binary: score 10, binary 0 (github.com/adbailey1/daic_woz_process) (in 1 of 21 sessions)\n"
        "    409: PHQ8_Binary was 0, is 1\n" in text
    )
    assert "switched off" not in text
    assert not report.switched_off
    off = prepare(raw, ())[1]
    assert not off.corrections
    assert tuple(off.switched_off) == CORRECTIONS
    assert off.switched_off["409-binary"]["examples"] == ["409: PHQ8_Binary is 0, would be 1"]
    assert "corrections: none\n" in off.words()
    assert f"corrections that are switched off: {len(CORRECTIONS)}\n" in off.words()


def test_a_video_that_ends_early_is_padded_and_masked(prepared):
    session = prepared[0]["402"]
    windows, left_out = cut_windows([session], WindowOptions(seconds=60.0))
    assert left_out == []
    last = int(np.flatnonzero(windows.mask[0])[-1])
    assert last / 3 == pytest.approx(session.time[-1] - session.speech_span[0], abs=0.7)
    assert last < 60


def test_nothing_of_an_interruption_reaches_the_windows(prepared, raw):
    sessions, plain = prepared[0], prepare(raw, ())[0]
    for number, (begin, end) in INTERRUPTIONS.items():
        assert not sessions[number].usable[(sessions[number].time >= begin) & (sessions[number].time < end)].any()
        with_it, without = (
            cut_windows([one[number]], WindowOptions())[0].cues["aus"].max(axis=(2, 3))[0] for one in (plain, sessions)
        )
        whole = np.flatnonzero((plain[number].cues["aus"] == INTERRUPTED_AUS).all(axis=(1, 2)))
        assert len(whole) > 100
        assert (with_it == 1).sum() > 100  # intensities of windows are shares of the scale
        assert (without == 1).sum() < 5


@pytest.mark.parametrize("correction", CORRECTIONS)
def test_a_correction_that_is_switched_off_changes_its_own_session_alone(prepared, raw, simulation, correction):
    sessions, report = prepared
    without, its_report = prepare(raw, (f"-{correction}",))
    assert list(its_report.switched_off) == [correction]
    assert set(its_report.corrections) == set(CORRECTIONS) - {correction}
    if correction == "sync-markers":
        assert set(without) == set(sessions)
        for number, session in without.items():
            begin, end = marked_span(simulation, number)
            np.testing.assert_allclose(session.speech_span, (begin, end), atol=1e-6)
            assert begin < sessions[number].speech_span[0] < sessions[number].speech_span[1] < end
            assert same(session, dataclasses.replace(sessions[number], speech_span=session.speech_span))
        return
    number, what = correction.split("-")
    for name, session in without.items():
        if name != number:
            assert same(session, sessions[name]), name
    one, other = sessions[number], without[number]
    assert same(other, one) == (what in ("binary", "sleep"))
    for name, values in one.cues.items():  # no correction touches them
        np.testing.assert_array_equal(values, other.cues[name])
    if what == "shift":
        np.testing.assert_allclose(one.speech_span - other.speech_span, SHIFTS[number])
        # At the transcript's own times the first words fall where nobody sits in the chair.
        assert at_first_words(one).any()
        assert not at_first_words(other).any()
    elif what == "interruption":
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


def marked_span(simulation, number) -> tuple[float, float]:
    """First and last row of the transcript, in seconds of the recording."""
    i = NUMBERS.index(number)
    lines, shift = simulation.transcript(i), SHIFTS.get(number, 0.0)
    return lines[0].start + shift, lines[-1].stop + shift


def at_first_words(session) -> np.ndarray:
    """Which frames of two seconds from the beginning of speech are usable."""
    begin = session.speech_span[0]
    return session.usable[(session.time >= begin) & (session.time < begin + 2)]


def same(one, other) -> bool:
    """Whether two records agree in all but labels and the notes of their preparation."""
    arrays = ("time", "confidence", "success", "question", "usable", "speech_span")
    return (
        all(np.array_equal(getattr(one, name), getattr(other, name)) for name in arrays)
        and all(np.array_equal(values, other.cues[name], equal_nan=True) for name, values in one.cues.items())
        and one.statistics == other.statistics
        and (one.target, one.split, one.gender) == (other.target, other.split, other.gender)
    )


def test_records_at_3_hz_give_the_windows_of_all_frames(prepared, raw):
    builder, _ = open_or_prepare(Builder, data_dir=raw.parent / "prepared", manual_dir=raw, config=DaicWozConfig())
    for split in builder.info.splits:
        for session in map(decode, builder.as_data_source(split)):
            few, whole = (
                cut_windows([one], WindowOptions(seconds=18.0))[0] for one in (session, prepared[0][session.session])
            )
            np.testing.assert_array_equal(few.mask, whole.mask)
            np.testing.assert_array_equal(few.usable, whole.usable)
            for name, values in whole.cues.items():
                np.testing.assert_array_equal(few.cues[name], values)
