"""The tables of E-DAIC (AVEC 2019): who is in train, dev and test, how severe the case is, and the items of the PHQ-8.

train_split.csv, dev_split.csv and test_split.csv: `Participant_ID,Gender,PHQ_Binary,PHQ_Score,PCL-C (PTSD),PTSD
Severity`. Detailed_PHQ8_Labels.csv: `Participant_ID,PHQ_8NoInterest, ..., PHQ_8Moving,PHQ_8Total`, of train and dev.
"""

import dataclasses
import math
import pathlib
from collections.abc import Iterable, Mapping

from data_builders.e_daic.defects import CORRECTIONS, DEFECTS
from data_builders.readers.phq8 import (
    GENDER,
    HIGHEST_SCORE,
    ITEMS,
    SCORE,
    Participant,
    Splits,
    contradictions,
    find_tables,
    gender,
    number,
    numbers,
    read_people,
    relabel,
)
from mccl_jax.errors import UserError

SPLIT_FILES = {"train_split.csv": "train", "dev_split.csv": "dev", "test_split.csv": "test"}
DETAILED = "Detailed_PHQ8_Labels.csv"
TOTAL = "PHQ8_Total"
PTSD = ("PCL-C (PTSD)", "PTSD Severity")


def read_splits(folder: pathlib.Path, corrections: Iterable[str] = CORRECTIONS) -> Splits:
    """Reads whichever of the tables `folder` holds; `corrections`: ids of `e_daic.defects` that are switched on.

    Labels have the names that DAIC-WOZ gives them; the columns on PTSD keep their own, and their text where it is no
    number. Raises UserError, in one line with the line of the table, where no split file is there, a cell of the PHQ-8
    is no such number, or somebody stands twice.
    """
    files = find_tables(folder, (*SPLIT_FILES, DETAILED))
    if not any(name in files for name in SPLIT_FILES):
        raise UserError(f"{folder}: no split file; expected {', '.join(SPLIT_FILES)} in it: put them there")
    notes = [f"no {name}" for name in (*SPLIT_FILES, DETAILED) if name not in files]
    participants = {}
    for name, split in SPLIT_FILES.items():
        for where, session, cells in read_people(files[name], "E-DAIC") if name in files else ():
            if session in participants:
                raise UserError(
                    f"{where}: {session} is in {split}, but in {participants[session].split} in another file; expected "
                    "one split a participant: take the files as they were handed out"
                )
            labels = numbers(where, cells) | {column: _value(cells[column]) for column in PTSD if column in cells}
            participants[session] = Participant(session, split, gender(where, cells.get(GENDER, "")), labels)
    if DETAILED in files:
        _join_items(participants, files[DETAILED], notes)
    relabel(participants, DEFECTS, corrections, notes)
    for one in participants.values():
        notes += contradictions(one) + _totals(one.session, one.labels)
    return Splits(participants, tuple(files.values()), tuple(notes))


def _join_items(participants: dict[str, Participant], path: pathlib.Path, notes: list[str]) -> None:
    strangers, there = [], set()
    for where, session, cells in read_people(path, "E-DAIC"):
        items = numbers(where, {name: cells[name] for name in ITEMS if name in cells})
        if TOTAL in cells:
            items[TOTAL] = number(where, TOTAL, cells[TOTAL], HIGHEST_SCORE)
        there.add(session)
        if session in participants:
            one = participants[session]
            participants[session] = dataclasses.replace(one, labels={**one.labels, **items})
        else:
            strangers.append(session)
    if strangers:
        notes.append(f"in {DETAILED}, but in no split file: {', '.join(strangers)}")
    if without := [name for name, one in participants.items() if one.split != "test" and name not in there]:
        notes.append(f"in train or dev, but not in {DETAILED}: {', '.join(without)}")


def _totals(session: str, labels: Mapping[str, str | float | None]) -> list[str]:
    total, score = labels.get(TOTAL), labels.get(SCORE)
    if None in (total, score) or total == score:
        return []
    return [f"{TOTAL} is not {SCORE}, both are kept: {session}, {total:g}, {score:g}"]


def _value(cell: str) -> str | float | None:
    """A number where the cell is one, None where it is empty."""
    try:
        value = float(cell)
    except ValueError:
        return cell or None
    return value if math.isfinite(value) else None
