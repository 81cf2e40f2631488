"""What kinds of cells the columns of a text hold; never what they say."""

import collections
import dataclasses
import functools
from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as pa_csv

from data_builders.survey.disguise import NOT_NUMBERS, kind_of
from data_builders.survey.headers import Header

MOST_BYTES = 1 << 26  # looked through; the longest text of half an hour has about 90 MB
_INTEGER = r"^\s*[+-]?[0-9]+\s*$"
_NUMBER = r"^\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?\s*$"


@dataclasses.dataclass(frozen=True)
class Cells:
    """Of one text.

    kinds    what each column holds: "integer", "float" (some of them integers), "text" or "empty".
    odd      (place of the column, kind) -> how many cells of a column of numbers are none: empty, -1.#IND, ...
    rows     how many there are that have as many cells as the first line, and not only empty ones.
    ragged   rows that have more or fewer.
    whole    whether all of the text was looked through.
    """

    kinds: tuple[str, ...]
    odd: Mapping[tuple[int, str], int]
    rows: int
    ragged: int
    whole: bool


def cells_of(data: bytes, header: Header, begins_with_header: bool) -> Cells | None:
    """None where the text cannot be cut into as many columns as its first line has."""
    whole = len(data) <= MOST_BYTES
    data = data if whole else data[: data.rfind(b"\n", 0, MOST_BYTES) + 1]
    ragged = []

    def drop(row: pa_csv.InvalidRow) -> str:
        ragged.append(row.number)
        return "skip"

    names = [str(i) for i in range(len(header.cells))]
    try:
        table = pa_csv.read_csv(
            pa.py_buffer(data),
            pa_csv.ReadOptions(column_names=names, skip_rows=int(begins_with_header), encoding=header.encoding),
            pa_csv.ParseOptions(
                delimiter=header.separator[:1] or "\x1f",
                quote_char=False if header.separator == "\t" else '"',
                invalid_row_handler=drop,
            ),
            pa_csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False),
        )
    except (pa.ArrowInvalid, OSError, UnicodeDecodeError, LookupError):
        return None
    blank = functools.reduce(pc.and_, [pc.equal(table[name], "") for name in names])
    table = table.filter(pc.invert(blank))
    kinds, odd = [], {}
    for place, name in enumerate(names):
        kind, others = _column(table[name])
        kinds.append(kind)
        odd.update({(place, other): count for other, count in others.items()})
    return Cells(tuple(kinds), odd, table.num_rows, len(ragged), whole)


def _column(cells: pa.ChunkedArray) -> tuple[str, dict[str, int]]:
    integers = pc.sum(pc.match_substring_regex(cells, _INTEGER)).as_py() or 0
    is_number = pc.match_substring_regex(cells, _NUMBER)
    others = collections.Counter(map(kind_of, pc.filter(cells, pc.invert(is_number)).to_pylist()))
    numbers = len(cells) - others.total()
    not_numbers = sum(others[kind] for kind in (*NOT_NUMBERS, "malformed number"))
    if others["text"] > numbers + not_numbers:
        return "text", {}
    if not numbers + not_numbers:
        return ("text" if others["text"] else "empty"), {}
    return ("integer" if integers == numbers else "float"), dict(others)
