"""Transcripts: the first and last row as they stand, the first and last word, and files that are none."""

import math

import numpy as np
import pytest

from data_builders.readers import transcripts
from data_builders.readers.archives import Content
from data_builders.readers.transcripts import E_DAIC, read_transcript
from mccl_jax.errors import UserError
from tests.data_builders.daic_woz_files import transcript


def read(content):
    return read_transcript(Content("a.zip: 300_TRANSCRIPT.csv", "", content.encode()))


ROWS = [(4.5, 6.0, "Ellie", "hi"), (7.0, 9.5, "Participant", "xxx yes"), (10.0, 12.25, "Ellie", "goodbye (bye)")]


def test_first_and_last_row(tmp_path):
    for path, content in (("a.csv", transcript(ROWS)), ("b.csv", transcript(ROWS).replace("\n", "\r\n"))):
        (tmp_path / path).write_bytes(content.encode("utf-8-sig"))
        found = read_transcript(tmp_path / path)
        assert (found.first_start, found.last_stop, found.speech_span) == (4.5, 12.25, (4.5, 12.25))
        assert found.speakers == ("Ellie", "Participant")
        assert found.notes == ()


@pytest.mark.parametrize(
    "marker",
    ["<sync>", "<synch>", "[sync]", "[syncing]", "<SYNC>", "<sync.", "[synch]", "[synching]", "scrubbed_entry", " "],
)
def test_markers_are_rows_but_no_words(marker):
    rows = [(0.0, 2.0, "Participant", marker), *ROWS, (20.0, 21.0, "Ellie", f" {marker} ")]
    found = read(transcript(rows))
    assert (found.first_start, found.last_stop) == (0.0, 21.0)
    assert found.speech_span == (4.5, 12.25)
    assert found.marked_span == ((4.5, 12.25) if marker == " " else (0.0, 21.0))
    rows[0] = (0.0, 2.0, "Participant", f"{marker} hello")
    assert read(transcript(rows)).speech_span == (0.0, 12.25)


def test_the_order_of_rows_counts_for_one_and_not_for_the_other():
    found = read(transcript([ROWS[1], ROWS[2], ROWS[0]]))
    assert (found.first_start, found.last_stop) == (7.0, 6.0)
    assert found.speech_span == (4.5, 12.25)
    assert found.notes == ("rows of the transcript that begin before the one above them: 1",)


def test_blank_lines_and_columns_in_another_order():
    content = "speaker\tvalue\tstop_time\tstart_time\n\n" + "\n \t \n".join(
        f"{speaker}\t{value}\t{stop}\t{start}" for start, stop, speaker, value in ROWS
    )
    found = read(content + "\n\n\n")
    assert (found.first_start, found.last_stop, found.speech_span) == (4.5, 12.25, (4.5, 12.25))


def test_rows_that_are_odd():
    found = read(transcript([*ROWS, ("x", 99.0, "Ellie", "late"), (13.0, 14.0)]))
    assert found.last_stop == 14.0
    assert found.speech_span == (4.5, 12.25)  # a row without words ends no interview
    assert any("without readable times: 1, first in line 5" in note for note in found.notes)
    assert math.isnan(read(transcript([("", 1.0, "Ellie", "hi"), *ROWS])).first_start)


def test_a_transcript_without_words():
    found = read(transcript([(1.0, 2.0, "Ellie", "<sync>")]))
    assert np.isnan(found.speech_span).all()
    assert found.marked_span == (1.0, 2.0)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is empty"),
        ("\n\n", "is empty"),
        ("start_time\tstop_time\tspeaker\tvalue\n", "no rows"),
        (transcript(ROWS).replace("stop_time", "stop"), "no column stop_time"),
        (transcript(ROWS).replace("\t", ","), "no column start_time, stop_time, speaker, value"),
        ("\x00\x05\x16\x07\x00" + transcript(ROWS), "AppleDouble"),
        ("PK\x00\x00", "is no text"),
    ],
)
def test_what_is_no_transcript(content, said):
    with pytest.raises(UserError, match=said) as error:
        read(content)
    assert str(error.value).startswith("a.zip: 300_TRANSCRIPT.csv: ")
    assert "\n" not in str(error.value)


def test_no_such_file(tmp_path):
    with pytest.raises(UserError, match="cannot be read"):
        read_transcript(tmp_path / "a.csv")


def read_e_daic(*rows, header="Start_Time,End_Time,Text,Confidence"):
    text = "\n".join([header, *rows, "", ""])
    return read_transcript(Content("a.zip: 300_Transcript.csv", "", text.encode()), E_DAIC)


def test_the_transcripts_of_e_daic():
    found = read_e_daic(
        '14.3,15.1,"so, I\'m going to",0.93',
        "20.0,21.5,yes, and no,0.9",  # a comma without quotation marks
        '4.0,4.8,"hello,0.84',  # one mark too few
        "1.0,2.0, ,0.5",
        "x,3.0,hm,0.5",
        "30.5,32.25,goodbye",
        header=" Start_Time , End_Time,Text,Confidence",
    )
    assert (found.first_start, found.last_stop, found.speech_span) == (14.3, 32.25, (4.0, 32.25))
    assert found.speakers == ()
    assert found.notes == (
        "rows of the transcript without readable times: 1, first in line 6",
        "rows of the transcript that begin before the one above them: 1",
    )
    assert read_e_daic("1.0,2.0,<sync>,0.5").speech_span == (1.0, 2.0)  # markers are known of DAIC-WOZ alone
    assert read_e_daic(f"1.0,2.0,{'x' * 200_000},0.9").speech_span == (1.0, 2.0)


def test_what_is_no_transcript_of_e_daic():
    with pytest.raises(UserError, match=r"no column start_time, end_time, text; .*separated by commas"):
        read_e_daic("1\t2\tEllie\thi", header="start_time\tstop_time\tspeaker\tvalue")


@pytest.mark.parametrize("time", ["inf", "-inf", "nan", "1e308", "-1e9"])
def test_times_that_cannot_be_are_none(time):
    """A span of speech of so many seconds would be cut into as many frames."""
    found = read(transcript([(time, 1.0, "Ellie", "hi"), (1.5, 2.0, "Ellie", "you"), (3.0, time, "Ellie", "bye")]))
    assert found.speech_span == (1.5, 2.0)
    assert math.isnan(found.first_start)
    assert math.isnan(found.last_stop)
    assert any("without readable times: 2, first in line 2" in note for note in found.notes)


def test_rows_that_end_before_they_begin_are_no_speech():
    found = read(transcript([(9.0, 1.0, "Ellie", "hi"), (1.5, 2.0, "Ellie", "you")]))
    assert found.speech_span == (1.5, 2.0)
    assert found.first_start == 9.0
    assert any("end before they begin: 1, first in line 2" in note for note in found.notes)


def test_a_transcript_that_is_far_too_long(monkeypatch):
    monkeypatch.setattr(transcripts, "MOST_BYTES", 50)
    with pytest.raises(UserError, match="is larger than any such file"):
        read(transcript(ROWS))


def test_the_first_line_in_messages_is_printable():
    with pytest.raises(UserError, match=r"no column .*its first line.*a\?\[31m") as error:
        read("a\x1b[31m\tb" + "\tx" * 1000 + "\n1\n")
    assert len(str(error.value)) < 600
