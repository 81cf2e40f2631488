"""The text of an OpenFace CSV as columns of numbers: encoding, header, cells; nothing about what they mean.

UTF-8 with or without a byte order mark, or UTF-16 with one (what a spreadsheet saves as "Unicode text").

Columns are found by their stripped name with its case kept: x_0 is a 2D landmark in pixels, X_0 a 3D one in mm. Only
the columns asked for are parsed, straight into floats; where a cell is no number ("-0.4253258.1", "-1.#IND") the file
is read a second time as text and that cell alone becomes NaN. A file may also be the `Content` of an archive's member.
"""

import csv
import gzip
import pathlib
import zlib
from collections.abc import Collection, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as pa_csv

from data_builders.readers.archives import Content
from mccl_jax.errors import UserError

Source = pathlib.Path | Content

_EXPECTED = "expected a CSV as OpenFace writes it, plain or .gz"
_NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"
_GZIP_MAGIC = b"\x1f\x8b"
_UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")
# What C prints for a number that is none, and what the parser takes for missing anyway, after a comma and a space.
_NOT_A_NUMBER = [space + text for text in pa_csv.ConvertOptions().null_values for space in ("", " ")]
_BLOCK = 1 << 22  # bytes that are parsed together: fewer and longer pieces of columns
_LONGEST_HEADER = 1 << 20  # bytes; the full header has about 7000


def read_header(path: Source) -> tuple[str, ...]:
    """The stripped column names of a CSV, plain or gzipped; UserError where `path` is no such file."""
    try:
        with path.open("rb") as file:
            line = (gzip.GzipFile(fileobj=file) if _is_gzipped(path) else file).readline(_LONGEST_HEADER)
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"{path}: cannot be read ({_one_line(error)}); {_EXPECTED}: copy the file again") from error
    if not line.strip():
        raise UserError(f"{path}: empty, or its first line is; {_EXPECTED}: run the tracker on this recording again")
    try:
        # In UTF-16 the line is cut in the middle of its last character.
        wide = line.startswith(_UTF_16_MARKS)
        text = line.decode("utf-16", errors="ignore") if wide else line.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise UserError(f"{path}: not a text file; {_EXPECTED}: leave it out of the folder")
    return tuple(name.strip() for name in next(csv.reader([text])))


def read_columns(
    path: Source, header: Sequence[str], columns: Collection[str]
) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
    """The named `columns` of a CSV with this `header` as (F,) float64 arrays, and what had to be repaired.

    A cell that is no finite number is NaN. Rows whose number of cells differs from the header's are dropped. Raises
    UserError where the text cannot be cut into rows, or has none.
    """
    dropped, encoding = [], _encoding(path)

    def drop(row):
        dropped.append(row.actual_columns)
        return "skip"

    def read(kind: pa.DataType) -> pa.Table:
        dropped.clear()
        source = pa.py_buffer(path.data) if isinstance(path, Content) else str(path)
        with pa.input_stream(source, compression="gzip" if _is_gzipped(path) else None) as stream:
            return pa_csv.read_csv(
                stream,
                pa_csv.ReadOptions(column_names=list(header), skip_rows=1, encoding=encoding, block_size=_BLOCK),
                pa_csv.ParseOptions(invalid_row_handler=drop),
                pa_csv.ConvertOptions(
                    include_columns=list(columns),
                    column_types=dict.fromkeys(columns, kind),
                    null_values=_NOT_A_NUMBER,
                ),
            )

    try:
        try:
            table = read(pa.float64())
        except pa.ArrowInvalid as error:
            if "conversion error" not in str(error):
                raise
            table = read(pa.string())
    except (pa.ArrowInvalid, OSError, UnicodeDecodeError) as error:
        if "Empty CSV" in str(error):
            raise _no_rows(path, dropped) from error
        raise UserError(f"{path}: cannot be read ({_one_line(error)}); {_EXPECTED}: copy the file again") from error
    if not table.num_rows:
        raise _no_rows(path, dropped)
    notes = [f"rows dropped whose number of cells is not the header's: {len(dropped)}"] if dropped else []
    if encoding != "utf8":
        notes.append("text in UTF-16")
    numbers = {}
    for name in columns:
        values = _numbers(table[name])
        if not np.isfinite(values).all():
            values = np.where(np.isfinite(values), values, np.nan)
        numbers[name] = values
    return numbers, tuple(notes)


def _numbers(column: pa.ChunkedArray) -> np.ndarray:
    if pa.types.is_string(column.type):
        column = pc.utf8_trim_whitespace(column)
        column = pc.if_else(pc.match_substring_regex(column, _NUMBER), column, None).cast(pa.float64())
    return column.to_numpy()  # nulls come as NaN


def _no_rows(path: Source, dropped: Sequence[int]) -> UserError:
    found = f"a header, but none of its {len(dropped)} rows has as many cells" if dropped else "a header without rows"
    return UserError(f"{path}: {found}; {_EXPECTED}: run the tracker on this recording again")


def _encoding(path: Source) -> str:
    with path.open("rb") as file:
        mark = (gzip.GzipFile(fileobj=file) if _is_gzipped(path) else file).read(2)
    return "utf16" if mark in _UTF_16_MARKS else "utf8"


def _is_gzipped(path: Source) -> bool:
    with path.open("rb") as file:
        return file.read(2) == _GZIP_MAGIC


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
