"""Transcripts as DAIC-WOZ and E-DAIC have them, a row a turn.

DAIC-WOZ: `start_time stop_time speaker value`, separated by tabs, written by people. E-DAIC:
`Start_Time,End_Time,Text,Confidence`, by a program, which does not say who speaks and whose times may run back.
"""

import csv
import dataclasses
import itertools
import math
import pathlib
import re
from collections.abc import Mapping, Sequence

from data_builders.readers.archives import Content
from data_builders.readers.limits import read_all
from mccl_jax.errors import UserError, shown


@dataclasses.dataclass(frozen=True)
class Layout:
    """What separates the cells, and what the columns are called in lower case; `speaker` None: there is none.

    `marker` is what is written where nobody spoke to anybody; None: nothing is known of such marks.
    """

    separator: str
    start: str
    stop: str
    text: str
    speaker: str | None = None
    marker: re.Pattern | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are needed."""
        return (self.start, self.stop, *([self.speaker] if self.speaker else []), self.text)

    def cells(self, line: str) -> list[str]:
        """A line, cut: by itself, so that a lone quotation mark does not swallow the lines behind it."""
        if self.separator == "\t":
            return line.split("\t")
        try:
            return next(csv.reader([line]))
        except csv.Error:  # a cell of more than 128 KiB, which is no time
            return line.split(self.separator)


# Marks that audio and video were brought together, and removed passages.
# Source: the transcripts' own variants, as adbailey1/daic_woz_process and others list them.
_MARKER = re.compile(r"<sync(h|hing|ing)?[>.]|\[sync(h|hing|ing)?\]|scrubbed_entry", re.IGNORECASE)
DAIC_WOZ = Layout("\t", "start_time", "stop_time", "value", "speaker", _MARKER)
E_DAIC = Layout(",", "start_time", "end_time", "text")
NO_WORDS = "the transcript has no row with words: the whole recording counts as the interview"
_APPLE_DOUBLE = b"\x00\x05\x16\x07"
MOST_BYTES = 1 << 22  # of a file; the turns of an hour have about 200 KB
_MOST_SECONDS = 1e6  # before or after the recording's beginning; times beyond are none


@dataclasses.dataclass(frozen=True)
class Transcript:
    """When it was spoken; all times in seconds, NaN where the transcript does not say.

    first_start, last_stop   of the first and the last row as they stand, whoever speaks, markers included: what the
                             official preparation cuts by.
    speech_span              first and last word of the interview: least start and greatest stop of rows with words.
    marked_span              the same where markers count as words.
    turns                    how many rows with words each speaker has, in the order of their first; "" is who spoke
                             where the layout does not say.
    notes                    what is odd, each "what: details".
    """

    first_start: float
    last_stop: float
    speech_span: tuple[float, float]
    marked_span: tuple[float, float]
    turns: Mapping[str, int]
    notes: tuple[str, ...]

    @property
    def speakers(self) -> tuple[str, ...]:
        """Who has rows with words; nobody where the layout does not say."""
        return tuple(filter(None, self.turns))


def read_transcript(source: pathlib.Path | Content, layout: Layout = DAIC_WOZ) -> Transcript:
    """Reads a transcript. Blank lines count for nothing; a row whose times are unreadable does not count as speech.

    Neither does one that ends before it begins. Raises UserError where the file cannot be read, is no text, is longer
    than any transcript, or lacks a column or any row.
    """
    rows = _rows(source, layout)
    notes, spoken, marked, turns = [], [], [], {}
    unreadable = [line for line, start, stop, *_ in rows if math.isnan(start) or math.isnan(stop)]
    if unreadable:
        notes.append(f"rows of the transcript without readable times: {len(unreadable)}, first in line {unreadable[0]}")
    if turned := [line for line, start, stop, *_ in rows if stop < start]:
        notes.append(f"rows of the transcript that end before they begin: {len(turned)}, first in line {turned[0]}")
    for _, start, stop, speaker, value in rows:
        if not (value and start <= stop):
            continue
        marked.append((start, stop))
        if not layout.marker or layout.marker.sub("", value).strip():
            spoken.append((start, stop))
            who = speaker if layout.speaker else ""
            turns[who] = turns.get(who, 0) + 1
    if back := sum(after < before for (before, _), (after, _) in itertools.pairwise(spoken)):
        notes.append(f"rows of the transcript that begin before the one above them: {back}")
    return Transcript(rows[0][1], rows[-1][2], _span(spoken), _span(marked), turns, tuple(notes))


def _span(rows: Sequence[tuple[float, float]]) -> tuple[float, float]:
    return (min(start for start, _ in rows), max(stop for _, stop in rows)) if rows else (math.nan, math.nan)


def _rows(source: pathlib.Path | Content, layout: Layout) -> list[tuple[int, float, float, str, str]]:
    """(line, start, stop, speaker, value) of each row that is not blank."""
    separated = "tabs" if layout.separator == "\t" else "commas"
    expected = f"expected a transcript with the columns {', '.join(layout.columns)}, separated by {separated}"
    try:
        with source.open("rb") as file:
            data = read_all(file, source, MOST_BYTES)
    except OSError as error:
        raise UserError(f"{source}: cannot be read ({error.strerror}); {expected}: copy it again") from error
    if data.startswith(_APPLE_DOUBLE) or b"\0" in data:
        kind = "an AppleDouble file of macOS" if data.startswith(_APPLE_DOUBLE) else "no text"
        raise UserError(f"{source}: is {kind}; {expected}: download this session again")
    # Only the times and a few markers matter; a character in another encoding does no harm to them.
    lines = re.split(r"\r\n?|\n", data.decode("utf-8-sig", errors="replace"))
    numbered = [(number, line) for number, line in enumerate(lines, start=1) if line.strip()]
    if not numbered:
        raise UserError(f"{source}: is empty; {expected}: download this session again")
    header = [name.strip().lower() for name in layout.cells(numbered[0][1])]
    missing = [name for name in layout.columns if name not in header]
    if missing:
        raise UserError(
            f"{source}: no column {', '.join(missing)}; {expected} (its first line, cut at {separated}: "
            f"{shown(', '.join(header))}): take the file as it was handed out"
        )
    if len(numbered) == 1:
        raise UserError(f"{source}: has a header, but no rows; {expected}: download this session again")
    wanted = (layout.start, layout.stop, layout.speaker, layout.text)
    places = [header.index(name) if name else len(header) for name in wanted]
    rows = []
    for number, line in numbered[1:]:
        cells = layout.cells(line)
        start, stop, speaker, value = (cells[place].strip() if place < len(cells) else "" for place in places)
        rows.append((number, _seconds(start), _seconds(stop), speaker, value))
    return rows


def _seconds(cell: str) -> float:
    """A number of seconds, NaN where the cell is none."""
    try:
        value = float(cell)
    except ValueError:
        return math.nan
    return value if abs(value) <= _MOST_SECONDS else math.nan
