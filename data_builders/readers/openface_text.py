"""The text of an OpenFace CSV as columns of numbers: encoding, header, cells; nothing about what they mean.

UTF-8 with or without a byte order mark, or UTF-16 with one (what a spreadsheet saves as "Unicode text").

Columns are found by their stripped name with its case kept: x_0 is a 2D landmark in pixels, X_0 a 3D one in mm. Only
the columns asked for are parsed, straight into floats; where a cell is no number ("-0.4253258.1", "-1.#IND") the file
is read a second time as text and that cell alone becomes NaN. A file may also be the `Content` of an archive's member.
What is far larger than any recording is refused before it fills the memory.
"""

import contextlib
import csv
import gzip
import io
import pathlib
import re
import zlib
from collections.abc import Callable, Collection, Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as pa_csv

from data_builders.readers.archives import Content
from data_builders.readers.limits import Unpacking
from mccl_jax.errors import UserError, reason_of

Source = pathlib.Path | Content

_EXPECTED = "expected a CSV as OpenFace writes it, plain or .gz"
_NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"
_GZIP_MAGIC = b"\x1f\x8b"
_UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")
# What C prints for a number that is none, and what the parser takes for missing anyway, after a comma and a space.
_NOT_A_NUMBER = [space + text for text in pa_csv.ConvertOptions().null_values for space in ("", " ")]
_BLOCK = 1 << 22  # bytes that are parsed together: fewer and longer pieces of columns
_LONGEST_HEADER = 1 << 20  # bytes; the full header has about 7000
_MOST_COLUMNS = 2000  # OpenFace writes 714
MOST_CELLS = 1 << 26  # numbers read of a file, 512 MiB: two hours of all cues at 30 frames a second


def read_header(path: Source) -> tuple[str, ...]:
    """The stripped column names of a CSV, plain or gzipped; UserError where `path` is no such file."""
    try:
        with path.open("rb") as file:
            line = (gzip.GzipFile(fileobj=file) if _is_gzipped(path) else file).readline(_LONGEST_HEADER)
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"{path}: cannot be read ({reason_of(error)}); {_EXPECTED}: copy the file again") from error
    if not line.strip():
        raise UserError(f"{path}: empty, or its first line is; {_EXPECTED}: run the tracker on this recording again")
    try:
        # In UTF-16 the line is cut in the middle of its last character.
        wide = line.startswith(_UTF_16_MARKS)
        text = line.decode("utf-16", errors="ignore") if wide else line.decode("utf-8-sig")
        names = next(csv.reader(re.split("[\r\n]", text, maxsplit=1)[:1]), [])
    except (UnicodeDecodeError, csv.Error):
        text = "\0"
    if "\0" in text:
        raise UserError(f"{path}: not a text file; {_EXPECTED}: leave it out of the folder")
    if len(names) > _MOST_COLUMNS:
        raise UserError(f"{path}: has {len(names)} columns; {_EXPECTED}: leave it out of the folder")
    return tuple(name.strip() for name in names)


def read_columns(
    path: Source, header: Sequence[str], columns: Collection[str]
) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
    """The named `columns` of a CSV with this `header` as (F,) float64 arrays, and what had to be repaired.

    A cell that is no finite number is NaN. Rows whose number of cells differs from the header's are dropped. Raises
    UserError where the text cannot be cut into rows, has none, or is longer than any recording.
    """
    wide, dropped = _is_wide(path), 0

    def drop(row):
        nonlocal dropped
        dropped += 1
        return "skip"

    def read(kind: pa.DataType, encoding: str, drop: Callable | None) -> list[list[np.ndarray]]:
        """The columns of each piece of the file."""
        rows, parts = 0, []
        options = (
            pa_csv.ReadOptions(
                column_names=list(header),
                skip_rows=1,
                encoding="utf16" if wide else encoding,
                block_size=_BLOCK,
            ),
            pa_csv.ParseOptions(invalid_row_handler=drop),
            pa_csv.ConvertOptions(
                include_columns=list(columns), column_types=dict.fromkeys(columns, kind), null_values=_NOT_A_NUMBER
            ),
        )
        with _stream(path) as stream, pa_csv.open_csv(stream, *options) as batches:
            for batch in batches:
                rows += batch.num_rows
                if rows * len(columns) > MOST_CELLS:
                    raise UserError(f"{path}: has more than {rows} rows; {_EXPECTED}: cut it into shorter recordings")
                parts.append([_numbers(column) for column in batch.columns])
        return parts

    try:
        try:
            parts = read(pa.float64(), "utf8", None)
        except pa.ArrowInvalid:
            # Slower, and whatever there is costs its cell or its row. Numbers are ASCII: so read, any byte is a text.
            parts = read(pa.string(), "latin1", drop)
    except (pa.ArrowInvalid, OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        if "Empty CSV" in str(error):
            raise _no_rows(path, dropped) from error
        raise UserError(f"{path}: cannot be read ({reason_of(error)}); {_EXPECTED}: copy the file again") from error
    if not any(len(part[0]) for part in parts):
        raise _no_rows(path, dropped)
    notes = [f"rows dropped whose number of cells is not the header's: {dropped}"] if dropped else []
    if wide:
        notes.append("text in UTF-16")
    return {name: _joined(pieces) for name, pieces in zip(columns, zip(*parts, strict=True), strict=True)}, tuple(notes)


@contextlib.contextmanager
def _stream(path: Source) -> Iterator[io.BufferedIOBase | Unpacking]:
    with path.open("rb") as file:
        yield Unpacking(gzip.GzipFile(fileobj=file), file, path) if _is_gzipped(path) else file


def _numbers(column: pa.Array) -> np.ndarray:
    if pa.types.is_string(column.type):
        column = pc.utf8_trim_whitespace(column)
        column = pc.if_else(pc.match_substring_regex(column, _NUMBER), column, None).cast(pa.float64())
    return column.to_numpy(zero_copy_only=False)  # nulls come as NaN


def _joined(pieces: Sequence[np.ndarray]) -> np.ndarray:
    """A whole column, which may be written to."""
    values = np.concatenate(pieces).astype(np.float64, copy=False)  # a column without any number is of another type
    beyond = ~np.isfinite(values)
    if beyond.any():
        values[beyond] = np.nan
    return values


def _no_rows(path: Source, dropped: int) -> UserError:
    found = f"a header, but none of its {dropped} rows has as many cells" if dropped else "a header without rows"
    return UserError(f"{path}: {found}; {_EXPECTED}: run the tracker on this recording again")


def _is_wide(path: Source) -> bool:
    """Whether it is in UTF-16."""
    with path.open("rb") as file:
        return (gzip.GzipFile(fileobj=file) if _is_gzipped(path) else file).read(2) in _UTF_16_MARKS


def _is_gzipped(path: Source) -> bool:
    with path.open("rb") as file:
        return file.read(2) == _GZIP_MAGIC
