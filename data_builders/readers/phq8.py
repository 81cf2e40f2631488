"""What the split files of DAIC-WOZ and E-DAIC have in common: people, splits, and labels of the PHQ-8.

The columns are called otherwise in almost every file; here they have the names of DAIC-WOZ's train split.
"""

import dataclasses
import pathlib
import re
from collections.abc import Iterable, Mapping, Sequence

from data_builders.defects import Defect, Effect, Ledger, Relabel
from data_builders.readers.labels import read_table
from mccl_jax.errors import UserError, shown

SCORE, BINARY = "PHQ8_Score", "PHQ8_Binary"
HIGHEST_SCORE, DEPRESSED_FROM = 24, 10
ITEMS = tuple(
    f"PHQ8_{item}"
    for item in ("NoInterest", "Depressed", "Sleep", "Tired", "Appetite", "Failure", "Concentrating", "Moving")
)
PARTICIPANT, GENDER = "Participant_ID", "Gender"
_GENDERS = {"0": "male", "1": "female", "male": "male", "female": "female", "": ""}


@dataclasses.dataclass(frozen=True)
class Participant:
    """One person: session number, split, gender, and `labels`: PHQ8_Score, PHQ8_Binary, items and all else.

    `effects`: of the corrections of the labels.
    """

    session: str
    split: str
    gender: str
    labels: Mapping[str, str | float | None]
    effects: tuple[Effect, ...] = ()

    @property
    def score(self) -> float:
        """PHQ8_Score, NaN where it is unknown."""
        score = self.labels.get(SCORE)
        return float("nan") if score is None else score


@dataclasses.dataclass(frozen=True)
class Splits:
    """Participants by session in the order of the files, the files that were found, notes, each "what: details"."""

    participants: Mapping[str, Participant]
    files: tuple[pathlib.Path, ...]
    notes: tuple[str, ...]


def find_tables(folder: pathlib.Path, names: Iterable[str]) -> dict[str, pathlib.Path]:
    """Name -> path of each table in `folder` or one folder below. Raises UserError where one stands twice."""
    found = {}
    for name in names:
        paths = sorted({*folder.glob(name), *folder.glob(f"*/{name}")})
        if len(paths) > 1:
            raise UserError(f"{paths[0]}: stands once more as {paths[1]}; expected it once: remove one of them")
        if paths:
            found[name] = paths[0]
    return found


def read_people(path: pathlib.Path, corpus: str) -> list[tuple[str, str, dict[str, str]]]:
    """(where it stands, session, cells by standard name) of each row of a table.

    Raises UserError where there is no column of participants, a number is none, or somebody stands twice.
    """
    rows, lines = [], {}
    for line, cells in read_table(path, ()):
        where = f"{path}, line {line}"
        named = {standard_name(name): cell for name, cell in cells.items()}
        if PARTICIPANT not in named:
            raise UserError(
                f"{path}: no column {PARTICIPANT}; expected a split file of {corpus} (its columns, cut at commas: "
                f"{shown(', '.join(cells))}): take the file as it was handed out"
            )
        session = named[PARTICIPANT]
        if not re.fullmatch(r"[0-9]{3}", session):
            raise UserError(f"{where}: {PARTICIPANT} is {shown(session)!r}; expected a number such as 300: correct it")
        if session in lines:
            raise UserError(
                f"{where}: {session} stands in line {lines[session]} already; expected one row a participant: remove "
                "one"
            )
        lines[session] = line
        rows.append((where, session, named))
    return rows


def standard_name(name: str) -> str:
    """participant_ID, PHQ_Score and PHQ_8Sleep are Participant_ID, PHQ8_Score and PHQ8_Sleep."""
    return PARTICIPANT if name.lower() == PARTICIPANT.lower() else re.sub("^PHQ_8?", "PHQ8_", name)


def gender(where: str, cell: str) -> str:
    """ "male", "female" or ""; raises UserError for anything but these words, 0 and 1."""
    if cell.lower() not in _GENDERS:
        raise UserError(
            f"{where}: {GENDER} is {shown(cell)!r}; expected 0 (male) or 1 (female), or the word: correct it"
        )
    return _GENDERS[cell.lower()]


def number(where: str, name: str, cell: str, highest: int) -> float | None:
    """A whole number from 0 to `highest`, None where the cell is empty; raises UserError for anything else."""
    if not cell:
        return None
    if not re.fullmatch(r"[0-9]+(\.0*)?", cell) or float(cell) > highest:
        raise UserError(
            f"{where}: {name} is {shown(cell)!r}; expected a whole number from 0 to {highest}, or an empty cell: "
            "correct it"
        )
    return float(cell)


def numbers(where: str, cells: Mapping[str, str]) -> dict[str, float | None]:
    """Score, binary and items, as far as there are such columns."""
    highest = {SCORE: HIGHEST_SCORE, BINARY: 1, **dict.fromkeys(ITEMS, 3)}
    return {name: number(where, name, cells[name], most) for name, most in highest.items() if name in cells}


def relabel(
    participants: dict[str, Participant], table: Sequence[Defect], corrections: Iterable[str], notes: list[str]
) -> None:
    """Corrects, in place, the labels that are wrong as the `table` says; `corrections`: which rows are switched on."""
    corrections = tuple(corrections)
    for defect in table:
        correction, session = defect.correction, next(iter(defect.sessions), "")
        one = participants.get(session)
        if not isinstance(correction, Relabel) or one is None or correction.column not in one.labels:
            continue
        if (found := one.labels[correction.column]) != correction.was:
            if found != correction.value:
                notes.append(f"label not corrected, it is neither as known nor as it should be: {session}, {found}")
            continue
        ledger, labels = Ledger(table, corrections, one.effects), dict(one.labels)
        if ledger.corrects(defect.id, correction.column, found, correction.value):
            labels[correction.column] = correction.value
        participants[session] = dataclasses.replace(one, labels=labels, effects=tuple(ledger.effects))


def contradictions(one: Participant) -> list[str]:
    """Notes on labels of a person that cannot all be true."""
    notes = []
    score, binary = one.labels.get(SCORE), one.labels.get(BINARY)
    if score is not None and binary is not None and binary != (score >= DEPRESSED_FROM):
        notes.append(f"{BINARY} and {SCORE} contradict each other, both are kept: {one.session}, {binary:g}, {score:g}")
    items = [one.labels.get(name) for name in ITEMS]
    if score is not None and None not in items and sum(items) != score:
        notes.append(
            f"{SCORE} is not the sum of the items, both are kept: {one.session}, {score:g}, the items {sum(items):g}"
        )
    return notes
