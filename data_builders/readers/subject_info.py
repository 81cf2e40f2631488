"""CMDC's table of people, SubjectInfo.xlsx, with the oddities that it is known for.

Columns: ID (HC01.., MDD01..), MDD (1 patient, 0 control), VideoAvailabe (so spelt), PHQtotal, PHQ-1..PHQ-9 and, for
some, items of the HAMD. Source: Zou et al., IEEE TAFFC 2022; the defects are known from those who used the corpus.
"""

import dataclasses
import math
import pathlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from data_builders.cmdc.defects import CORRECTIONS, DEFECTS
from data_builders.defects import Effect, Ledger
from data_builders.readers.workbooks import Cell, read_sheets
from mccl_jax.errors import UserError, shown

TOTAL, ITEMS = "PHQtotal", tuple(f"PHQ-{n}" for n in range(1, 10))
HIGHEST_TOTAL = 27  # of the PHQ-9
LAST = {"HC": 52, "MDD": 26}  # numbers of the last people
_ID = re.compile(r"(HC|MDD)[ _-]?0*([1-9][0-9]?)", re.IGNORECASE)
_VIDEO = ("VideoAvailabe", "VideoAvailable")


@dataclasses.dataclass(frozen=True)
class Subject:
    """One row: who, in which row, and what is known.

    group    "HC" (healthy control) or "MDD" (patient), by the ID.
    patient  the column MDD: what the corpus itself says of depressed or not; None where it is unknown.
    video    whether the row says that there is video; None where it does not say.
    target   the column asked for; NaN where it is unknown.
    labels   every other column: a number, a text or None.
    effects  of the corrections of the row.
    """

    subject: str
    row: int
    group: str
    patient: bool | None
    video: bool | None
    target: float
    labels: Mapping[str, Cell]
    effects: tuple[Effect, ...] = ()


@dataclasses.dataclass(frozen=True)
class SubjectInfo:
    """Subjects by ID, notes, each "what: details", and the effects of corrections on rows that are nobody's."""

    subjects: Mapping[str, Subject]
    notes: tuple[str, ...]
    effects: tuple[Effect, ...]


def subject_id(text: str) -> tuple[str, int] | None:
    """("HC", 7) of "HC07", "hc7" and the like; None where the text is no such ID."""
    match = _ID.fullmatch(text.strip())
    return (match[1].upper(), int(match[2])) if match else None


def subject_name(group: str, number: int) -> str:
    """ "HC07" of ("HC", 7): how the corpus names its folders."""
    return f"{group}{number:02d}"


def read_subject_info(path: pathlib.Path, target: str = TOTAL, corrections: Iterable[str] = CORRECTIONS) -> SubjectInfo:
    """Reads the workbook; `target` names the column of the severity.

    `corrections`: which rows of `cmdc.defects` are switched on. An unreadable number is unknown, and the notes say so.
    Raises UserError where the file is no workbook, has no column ID or `target`, nobody in it, or somebody twice with
    different values.
    """
    header, rows = _table(path)
    if target not in header:
        raise UserError(
            f"{path}: no column {target}; its columns are {shown(', '.join(filter(None, header)), 200)}: name one of "
            "them, or take the file as it was handed out"
        )
    notes, people, effects, corrections = [], {}, [], tuple(corrections)
    for row, subject, cells, twice in _identified(path, rows, notes):
        ledger = Ledger(DEFECTS, corrections)
        if twice and not ledger.corrects("MDD20-twice", f"ID in row {row}", twice, subject):
            notes.append(f"{path.name}, row {row}: {twice} stands there once more: the row is not used")
            effects += ledger.effects
            continue
        person = _person(row, subject, cells, target, ledger, notes)
        before = people.setdefault(subject, person)
        if before is not person:
            if dataclasses.replace(before, row=row) != person:
                raise UserError(
                    f"{path}, row {row}: {subject} stands in row {before.row} already, with other values; expected one "
                    "row a person: correct or remove one"
                )
            notes.append(f"{path.name}: {subject} stands in rows {before.row} and {row} with the same values")
    if not people:
        raise UserError(f"{path}: nobody in it; expected a row for each of HC01.. and MDD01..: copy it again")
    return SubjectInfo(people, tuple(notes), tuple(effects))


def _table(path: pathlib.Path) -> tuple[list[str], list[tuple[int, dict[str, Cell]]]]:
    """(column names, (row, cells by name) of each row below them) of the first sheet that has a column ID."""
    for rows in read_sheets(path).values():
        for at, row in enumerate(rows[:10]):
            names = ["" if cell is None else str(cell) for cell in row]
            if "ID" in names:
                twice = [name for name in names if name and names.count(name) > 1]
                if twice:
                    raise UserError(
                        f"{path}: column {shown(twice[0])} stands twice; expected each once: remove one of them"
                    )
                return names, [
                    (number, {name: cell for name, cell in zip(names, cells, strict=False) if name})
                    for number, cells in enumerate(rows[at + 1 :], start=at + 2)
                    if any(cell is not None for cell in cells)
                ]
    raise UserError(
        f"{path}: no column ID in its first rows; expected CMDC's table of people, with the columns ID, MDD, "
        "VideoAvailabe, PHQtotal, PHQ-1..PHQ-9: take the file as it was handed out"
    )


def _identified(
    path: pathlib.Path, rows: Sequence[tuple[int, dict[str, Cell]]], notes: list[str]
) -> Iterator[tuple[int, str, dict[str, Cell], str]]:
    """(row, ID, cells, "") of each row whose ID is one; (row, next ID, cells, ID) of who stands twice in its place."""
    named = []
    for row, cells in rows:
        who = None if cells["ID"] is None else subject_id(str(cells["ID"]))
        if who is None:
            notes.append(
                f"{path.name}, row {row}: ID is {shown(repr(cells['ID']))}, no ID such as HC01: the row is not used"
            )
        else:
            named.append((row, who, cells))
    all_of_them = {who for _, who, _ in named}
    for i, (row, (group, number), cells) in enumerate(named):
        following = (group, number + 1)
        missing = number < LAST[group] and following not in all_of_them
        # In the gap that the missing one left: the same ID before, the one after next (or another group) behind.
        in_the_gap = missing and i > 0 and named[i - 1][1] == (group, number)
        if in_the_gap and (i + 1 == len(named) or named[i + 1][1] in ((group, number + 2), *_firsts(group))):
            yield row, subject_name(*following), cells, subject_name(group, number)
        else:
            yield row, subject_name(group, number), cells, ""


def _firsts(group: str) -> list[tuple[str, int]]:
    return [(other, 1) for other in ("HC", "MDD") if other != group]


def _person(
    row: int, subject: str, cells: Mapping[str, Cell], target: str, ledger: Ledger, notes: list[str]
) -> Subject:
    def number(name: str) -> float | None:
        value = cells.get(name)
        if isinstance(value, str):
            said = value
            value = _number(said)
            if value is None:
                notes.append(f"{subject}: {name} is {shown(said)!r}, no number: it counts as unknown")
        return value

    group = subject_id(subject)[0]
    patient = number("MDD")
    if patient not in (0, 1):
        by_id = float(group == "MDD")
        patient = by_id if ledger.corrects("no-MDD", "MDD", cells.get("MDD"), by_id) else None
    elif patient != (group == "MDD"):
        notes.append(f"{subject}: column MDD is {patient:.0f}, against its ID: the column counts")
    items, severity = [number(name) for name in ITEMS], number(target)
    total = _total(subject, cells, number(TOTAL) if target != TOTAL else severity, items, ledger, notes)
    if target == TOTAL:
        severity = total
    video = next((number(name) for name in _VIDEO if name in cells), None)
    others = {name: value for name, value in cells.items() if name not in ("ID", "MDD", target, *ITEMS)}
    others |= {TOTAL: total} if TOTAL in others else {}
    return Subject(
        subject=subject,
        row=row,
        group=group,
        patient=None if patient is None else bool(patient),
        video=None if video is None else video > 0,
        target=math.nan if severity is None else severity,
        labels={**others, **dict(zip(ITEMS, items, strict=True))},
        effects=tuple(ledger.effects),
    )


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _total(
    subject: str,
    cells: Mapping[str, Cell],
    total: float | None,
    items: Sequence[float | None],
    ledger: Ledger,
    notes: list[str],
) -> float | None:
    """PHQtotal, corrected; `total` is its cell where that is a number."""
    if total is None and TOTAL in cells and None not in items:
        total = sum(items) if ledger.corrects("no-total", TOTAL, cells[TOTAL], sum(items)) else None
    elif total is not None and None not in items and total != sum(items):
        notes.append(f"{subject}: {TOTAL} is {total:g}, its items sum up to {sum(items):g}: {TOTAL} counts")
    if total is not None and not 0 <= total <= HIGHEST_TOTAL:
        total = None if ledger.corrects("total-off-scale", TOTAL, total, None) else total
    return total
