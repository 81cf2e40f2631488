"""The table that says whose recording a file is and how severe the case: labels.csv, one row a recording.

Columns: file, subject, the target (its name is the caller's), and optionally split (train, dev, test), fold (a whole
number) and gender; every other column is kept as a label of the session. The table is small and its mistakes are its
author's to mend, so it is read with the standard library, which knows the line of each row.
"""

import collections
import csv
import dataclasses
import io
import math
import pathlib
import re
from collections.abc import Iterable, Mapping

from data_builders.readers.limits import read_all
from mccl_jax.errors import UserError, reason_of, shown

SPLITS = ("train", "dev", "test")
_MOST_BYTES = 1 << 24  # of a table; a hundred thousand rows
# DAIC-WOZ writes 0 for male and 1 for female.
_GENDERS = {"female": "female", "f": "female", "1": "female", "male": "male", "m": "male", "0": "male", "": ""}


@dataclasses.dataclass(frozen=True)
class Label:
    """One row: a recording's `file`, its `subject` and what is known of them; see `Session` for the fields.

    line   where the row stands in the table, for messages.
    """

    line: int
    file: str
    subject: str
    target: float
    split: str
    fold: int
    gender: str
    labels: Mapping[str, str | float | None] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class LabelTable:
    """All rows, in the order of the table, and notes, each "what: details", on what they lack or is not used."""

    rows: tuple[Label, ...]
    notes: tuple[str, ...]


def read_labels(path: str | pathlib.Path, target: str = "target") -> LabelTable:
    """Reads and checks a table of labels; `target` names the column of the severity, an empty cell in it is NaN.

    Raises UserError, in one line with the line of the table, where a column is missing, a subject is empty, a file
    stands twice, a number is none, a split is unknown, only some rows have a split or a fold, or where a subject
    stands in two splits, in two folds or with two genders.
    """
    path = pathlib.Path(path)
    table = read_table(path, ("file", "subject", target))
    others = [name for name in table[0][1] if name not in ("file", "subject", target, "split", "fold", "gender")]
    numeric = {name for name in others if all(_is_number(cells[name]) for _, cells in table if cells[name])}

    def value(name, cell):
        return (float(cell) if name in numeric else cell) if cell else None

    rows = []
    for line, cells in table:
        row = _row(f"{path}, line {line}", line, cells, target)
        rows.append(dataclasses.replace(row, labels={name: value(name, cells[name]) for name in others}))
    _check_files(path, rows)
    for name, nothing in (("split", ""), ("fold", -1)):
        _check_all_or_none(path, rows, name, nothing)
        _check_one_a_subject(path, rows, name)
    _check_one_a_subject(path, [row for row in rows if row.gender], "gender")
    unlabelled = sum(math.isnan(row.target) for row in rows)
    notes = [f"rows without a {target}: {unlabelled}"] if unlabelled else []
    if rows[0].split and rows[0].fold >= 0:  # all have what one has
        notes.append("the column fold of the labels is not used: they have a column split, too, and that one counts")
    return LabelTable(tuple(rows), tuple(notes))


def _row(where: str, line: int, cells: Mapping[str, str], target: str) -> Label:
    for name in ("file", "subject"):
        if not cells[name]:
            raise UserError(f"{where}: {name} is empty; expected a {name} in every row: fill it in")
    if cells[target] and not _is_number(cells[target]):
        raise UserError(
            f"{where}: {target} is {shown(cells[target])!r}; expected a number, or an empty cell where it is unknown: "
            "correct it, or name the column that holds the target"
        )
    split, fold, gender = (cells.get(name, "").lower() for name in ("split", "fold", "gender"))
    if split and split not in SPLITS:
        raise UserError(f"{where}: split is {shown(split)!r}; expected {', '.join(SPLITS)}: rename it")
    if not re.fullmatch("[0-9]{0,6}", fold):
        raise UserError(f"{where}: fold is {shown(fold)!r}; expected a whole number from 0 on: correct it")
    if gender not in _GENDERS:
        raise UserError(
            f"{where}: gender is {shown(gender)!r}; expected female, male, f, m, 1 (female) or 0 (male): rename it"
        )
    return Label(
        line=line,
        file=cells["file"],
        subject=cells["subject"],
        target=float(cells[target] or "nan"),
        split=split,
        fold=int(fold or -1),
        gender=_GENDERS[gender],
    )


def read_table(path: pathlib.Path, needed: Iterable[str]) -> list[tuple[int, dict[str, str]]]:
    """(line, cells by column name) of each row that is not blank; names and cells stripped.

    Raises UserError where `path` is no text, longer than any table of people, lacks a `needed` column, has one twice, a
    row of another length or no row.
    """
    try:
        with path.open("rb") as file:
            # utf-8-sig: spreadsheets put a byte order mark in front.
            text = read_all(file, path, _MOST_BYTES).decode("utf-8-sig")
    except FileNotFoundError as error:
        raise UserError(
            f"{path}: there is no such table; expected a CSV with the columns {', '.join(needed)} (and split, fold, "
            "gender, ...), one row a recording: write it, or name the right one"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"{path}: cannot be read as text ({reason_of(error)}); expected a CSV in UTF-8: save it as such"
        ) from error
    reader = csv.reader(io.StringIO(text, newline=""))
    try:
        lines = [(reader.line_num, [cell.strip() for cell in cells]) for cells in reader]
    except csv.Error as error:  # a cell of more than 128 KiB, or line ends of several kinds
        raise UserError(
            f"{path}, line {reader.line_num}: cannot be cut into cells ({reason_of(error)}); expected a CSV: save it "
            "as such"
        ) from error
    header = lines[0][1] if lines else []
    missing = [name for name in needed if name not in header]
    if missing:
        raise UserError(
            f"{path}: no column {' or '.join(missing)}; its columns, cut at commas, are: "
            f"{shown(', '.join(header)) or 'none'}: rename them, or name the column that holds the target"
        )
    repeated = [name for name, times in collections.Counter(header).items() if times > 1]
    if repeated:
        raise UserError(f"{path}: column {shown(repeated[0])!r} stands twice; expected each once: rename one of them")
    rows = []
    for line, cells in lines[1:]:
        if not any(cells):
            continue
        if len(cells) != len(header):
            raise UserError(
                f"{path}, line {line}: {len(cells)} cells; expected {len(header)} as in the first line: "
                "put cells that contain a comma in quotation marks"
            )
        rows.append((line, dict(zip(header, cells, strict=True))))
    if not rows:
        raise UserError(f"{path}: has no rows; expected one for each recording: write them")
    return rows


def _is_number(cell: str) -> bool:
    try:
        return math.isfinite(float(cell))
    except ValueError:
        return False


def _check_files(path: pathlib.Path, rows: list[Label]) -> None:
    seen = {}
    for row in rows:
        if row.file in seen:
            raise UserError(
                f"{path}, line {row.line}: file {shown(row.file)} stands in line {seen[row.file]} already; "
                "expected one row a recording: remove one"
            )
        seen[row.file] = row.line


def _check_all_or_none(path: pathlib.Path, rows: list[Label], name: str, nothing: str | int) -> None:
    without = [row for row in rows if getattr(row, name) == nothing]
    if without and len(without) < len(rows):
        raise UserError(
            f"{path}, line {without[0].line}: {name} is empty, as in {len(without)} of {len(rows)} rows; "
            "expected it in every row or in none: fill it in or remove the column"
        )


def _check_one_a_subject(path: pathlib.Path, rows: list[Label], name: str) -> None:
    first = {}
    for row in rows:
        before = first.setdefault(row.subject, row)
        if getattr(before, name) != getattr(row, name):
            raise UserError(
                f"{path}, line {row.line}: subject {shown(row.subject)} has {name} {getattr(row, name)}, but "
                f"{getattr(before, name)} in line {before.line}; expected one {name} a subject: correct one of them"
            )
