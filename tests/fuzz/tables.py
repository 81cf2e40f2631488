"""Damage to tables of text that goes by their structure: cells, rows, columns, separators, line ends, encodings."""

import dataclasses
import gzip

import numpy as np

from tests.fuzz.noise import damaged

# What may stand in a cell instead of what should.
CELLS = (
    *(
        "",
        " ",
        "nan",
        "NaN",
        "-nan(ind)",
        "inf",
        "-inf",
        "Infinity",
        "1e308",
        "-1e308",
        "1e39",
        "-1e39",
        "1e-320",
        "1e99999",
    ),
    *("-1.#IND", "1.#QNAN", "1.#INF", "-0.4253258.1", "--1", "+-1", "1e", ".", "-", "0x1p3", "1_000", "1 2", "-0.0"),
    *("0", "1", "-1", "-5", "0.5", "2", "3.5e38", "2147483648", "-9223372036854775809", "9007199254740993", "1e15"),
    *(
        "9" * 400,
        "1" * 5000,
        "0." + "3" * 900,
        "x" * 700,
        "x" * 140000,
        "text",
        "TRUE",
        "None",
        "=1+1",
        "'1",
        "#DIV/0!",
    ),
    *(
        "\u0661\u0662\u0663",
        "\uff11\uff12",
        "\u00b2",
        "\u221e",
        "\u2212" + "1",
        "\U0001f600",
        "\u2028",
        "\u00a0" + "1",
        "\ufeff1",
    ),
    *(
        "\0",
        "1\0",
        "\x1b[31m",
        "\x7f",
        "a\rb",
        "a\nb",
        '"',
        '"1',
        '1"',
        '"1,2"',
        '"a\nb"',
        "1,5",
        "1;5",
        "1\t5",
        "<sync>",
    ),
)
# Columns that rule all others, as the tables call them.
_RULING = ("frame", "timestamp", "confidence", "success", "face_id", "face", "start_time", "stop_time", "end_time")
_MOST_CELLS = 300_000  # that rows or columns are added up to
_ENCODINGS = ("utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1")


@dataclasses.dataclass
class Grid:
    """A table in pieces; `header` is the first line, and rows may be of any length."""

    header: list[str]
    rows: list[list[str]]
    separator: str

    @classmethod
    def of(cls, data: bytes, separator: str) -> "Grid":
        """Taken apart at every separator and line end."""
        header, *rows = [line.split(separator) for line in data.decode("utf-8").splitlines()]
        return cls(header, rows, separator)

    def text(self, newline: str = "\n") -> str:
        """Put together again."""
        return "".join(self.separator.join(row) + newline for row in (self.header, *self.rows))

    def column(self, rng: np.random.Generator) -> int:
        """One of the columns, every other time one of those that rule all others."""
        ruling = [at for at, name in enumerate(self.header) if name.strip().lower() in _RULING]
        if ruling and rng.integers(2):
            return ruling[rng.integers(len(ruling))]
        return int(rng.integers(len(self.header)))


def mutated(
    rng: np.random.Generator, data: bytes, separator: str, zipped: bool = False, most: int = 3
) -> tuple[bytes, str]:
    """A table with some kinds of damage, and which.

    zipped   it may come out gzipped, and be damaged as such.
    most     changes of its structure; beside them there may be one of its layout and one of its bytes.
    """
    said, grid, header = [], Grid.of(data, separator), len(data.split(b"\n", 1)[0])
    if rng.random() < 0.75:
        for _ in range(rng.integers(1, most + 1)):
            kind = list(_STRUCTURE)[rng.integers(len(_STRUCTURE))]
            if grid.header and grid.rows:
                _STRUCTURE[kind](rng, grid)
                said.append(kind)
        data = grid.text().encode("utf-8", "replace")
    if rng.random() < 0.25:
        kind = list(_LAYOUT)[rng.integers(len(_LAYOUT))]
        data = _LAYOUT[kind](rng, data)
        said.append(kind)
    if zipped and rng.random() < 0.02:
        last = data.rstrip(b"\n").rpartition(b"\n")[2] + b"\n"
        data = gzip.compress(data + last * int(rng.integers(1, 50_000_000) // len(last)), 9, mtime=0)
        said.append("gzipped with its last row over and over")
    elif zipped and rng.random() < 0.25:
        data = gzip.compress(data, int(rng.integers(0, 10)), mtime=0)
        said.append("gzipped")
        if rng.random() < 0.4:
            data, what = damaged(rng, data)
            said.append(what)
    elif not said or rng.random() < 0.3:
        data, what = damaged(rng, data, 0 if rng.random() < 0.15 else header)
        said.append(what)
    return data, ", ".join(said)


def _any(rng, several):
    return several[rng.integers(len(several))]


def _cells(rng, grid):
    for _ in range(rng.integers(1, 6)):
        row = _any(rng, grid.rows)
        if row:
            row[min(grid.column(rng), len(row) - 1)] = _any(rng, CELLS)


def _whole_column(rng, grid):
    _fill(grid, grid.column(rng), [_any(rng, CELLS)] * len(grid.rows))


def _mixed_column(rng, grid):
    _fill(grid, grid.column(rng), [_any(rng, CELLS) for _ in grid.rows])


def _turned_column(rng, grid):
    at = grid.column(rng)
    _fill(grid, at, [row[at] if at < len(row) else "" for row in reversed(grid.rows)])


def _scaled_column(rng, grid):
    at, factor = grid.column(rng), _any(rng, (-1.0, 0.0, 1e-9, 1e3, 1e9, 1e30, 1e300))

    def scaled(cell):
        try:
            return f"{float(cell) * factor:.6g}"
        except ValueError:
            return cell

    _fill(grid, at, [scaled(row[at]) if at < len(row) else "" for row in grid.rows])


def _leap(rng, grid):
    """From some row on a column is far higher, or lower, than before."""
    at, by = grid.column(rng), float(_any(rng, (-1e18, -1000, -1, 1, 50, 1e4, 1e9, 1e18, 1e300)))
    for row in grid.rows[int(rng.integers(len(grid.rows))) :][: int(rng.integers(1, len(grid.rows) + 1))]:
        try:
            row[at] = f"{float(row[at]) + by:.10g}"
        except (ValueError, IndexError):
            continue


def _random_numbers(rng, grid):
    size = 10.0 ** rng.uniform(-6, 12)
    _fill(grid, grid.column(rng), [f"{value:.6g}" for value in rng.normal(0, size, len(grid.rows))])


def _fill(grid, at, cells):
    for i, (row, cell) in enumerate(zip(grid.rows, cells, strict=True)):
        if at < len(row):
            row[at] = cell if i < 20 else cell[:1000]


def _delete_column(rng, grid):
    at = grid.column(rng)
    for row in (grid.header, *grid.rows):
        del row[at : at + 1]


def _double_column(rng, grid):
    at, to = grid.column(rng), int(rng.integers(len(grid.header)))
    for row in (grid.header, *grid.rows):
        row.insert(to, row[at] if at < len(row) else "")


def _swap_columns(rng, grid):
    a, b = grid.column(rng), grid.column(rng)
    for row in grid.rows if rng.integers(2) else (grid.header, *grid.rows):
        if max(a, b) < len(row):
            row[a], row[b] = row[b], row[a]


def _rename(rng, grid):
    at = grid.column(rng)
    name = grid.header[at]
    names = (name.upper(), name.lower(), f" {name} ", f'"{name}"', f"{name}\0", "", "frame", "timestamp", *CELLS)
    grid.header[at] = _any(rng, names)


def _header_only(rng, grid):
    grid.rows.clear()


def _one_row(rng, grid):
    grid.rows[:] = [_any(rng, grid.rows)]


def _few_rows(rng, grid):
    some = sorted(rng.integers(0, len(grid.rows), int(rng.integers(1, 6))))
    grid.rows[:] = [list(grid.rows[at]) for at in some]


def _delete_rows(rng, grid):
    grid.rows[:] = [row for row in grid.rows if rng.random() < 0.7]


def _repeat_rows(rng, grid):
    for _ in range(rng.integers(1, 5)):
        grid.rows.insert(int(rng.integers(len(grid.rows) + 1)), list(_any(rng, grid.rows)))


def _shuffle_rows(rng, grid):
    grid.rows[:] = [grid.rows[at] for at in rng.permutation(len(grid.rows))]


def _turn_rows(rng, grid):
    grid.rows.reverse()


def _ragged_rows(rng, grid):
    for _ in range(rng.integers(1, 6)):
        row = _any(rng, grid.rows)
        if rng.integers(2):
            row.append(_any(rng, CELLS))
        else:
            del row[-1:]


def _odd_rows(rng, grid):
    odd = (list(grid.header), [], [""], ["", ""], ["#comment"], ["\0"], [""] * len(grid.header), ["x" * 5000])
    for _ in range(rng.integers(1, 4)):
        grid.rows.insert(int(rng.integers(len(grid.rows) + 1)), list(_any(rng, odd)))


def _more_columns(rng, grid):
    """Up to a hundred thousand, their names all different, in a few rows."""
    count = int(10 ** rng.uniform(0, 5))
    grid.rows[:] = grid.rows[: _MOST_CELLS // count]
    grid.header += [f"more_{i}" for i in range(count)]
    cell = _any(rng, ("0", "1.5", "", "x"))
    for row in grid.rows:
        row += [cell] * count


def _more_rows(rng, grid):
    """Each row many times, with frame numbers and timestamps of their own; some thousand in all."""
    most = _MOST_CELLS // (
        len(grid.rows) * len(grid.header) + sum(len(cell) for row in grid.rows for cell in row) // 50
    )
    times = int(rng.integers(1, most + 1)) if most else 1
    grid.rows[:] = [list(row) for row in grid.rows for _ in range(times)]
    for at, name in enumerate(grid.header):
        if name.strip() in ("frame", "timestamp"):
            step = 1 if name.strip() == "frame" else 1 / 30
            _fill(grid, at, [f"{step * i:.6g}" for i in range(len(grid.rows))])


def _other_separator(rng, data):
    old, new = _any(rng, ((b", ", b","), (b",", b";"), (b",", b"\t"), (b"\t", b","), (b",", b", "), (b", ", b" ,  ")))
    return data.replace(old, new)


def _other_newlines(rng, data):
    new = _any(rng, (b"\r\n", b"\r", b"\n\r", b"\n\n", b"\r\r\n", b"", b"\x0b", b"\xe2\x80\xa8"))
    if rng.integers(2):
        return data.replace(b"\n", new)
    at = int(rng.integers(len(data) + 1))
    return data[:at] + data[at:].replace(b"\n", new)


def _other_encoding(rng, data):
    return data.decode("utf-8", "replace").encode(_any(rng, _ENCODINGS), "replace")


def _open_quote(rng, data):
    at = int(rng.integers(len(data) + 1))
    return data[:at] + b'"' + data[at:]


def _marks_in_the_middle(rng, data):
    for _ in range(rng.integers(1, 4)):
        at = int(rng.integers(len(data) + 1))
        data = data[:at] + _any(rng, (b"\xef\xbb\xbf", b"\xff\xfe", b"\0", b"\x1a", b"\xc3")) + data[at:]
    return data


def _no_last_newline(rng, data):
    return data.rstrip(b"\n")


def _headless(rng, data):
    return data.partition(b"\n")[2]


def _blank_first_line(rng, data):
    return _any(rng, (b"\n", b"\r\n", b" \n", b"\n\n\n", b"sep=,\n", b"# OpenFace\n")) + data


_STRUCTURE = {
    "cells": _cells,
    "a column of one cell": _whole_column,
    "a column of odd cells": _mixed_column,
    "a column upside down": _turned_column,
    "a column scaled": _scaled_column,
    "a leap": _leap,
    "a column of random numbers": _random_numbers,
    "a column deleted": _delete_column,
    "a column twice": _double_column,
    "columns swapped": _swap_columns,
    "a column renamed": _rename,
    "no rows": _header_only,
    "one row": _one_row,
    "few rows": _few_rows,
    "rows deleted": _delete_rows,
    "rows repeated": _repeat_rows,
    "rows shuffled": _shuffle_rows,
    "rows upside down": _turn_rows,
    "ragged rows": _ragged_rows,
    "odd rows": _odd_rows,
    "more columns": _more_columns,
    "more rows": _more_rows,
}
_LAYOUT = {
    "another separator": _other_separator,
    "other line ends": _other_newlines,
    "another encoding": _other_encoding,
    "a quotation mark": _open_quote,
    "marks in the middle": _marks_in_the_middle,
    "no last line end": _no_last_newline,
    "no header": _headless,
    "another first line": _blank_first_line,
}
