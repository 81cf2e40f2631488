"""The split files of DAIC-WOZ (AVEC 2017): who is in train, dev and test, and how severe the case is.

Four files whose headers differ: train and dev have `Participant_ID, PHQ8_Binary, PHQ8_Score, Gender` and the eight
items, test has `participant_ID, Gender`, and full_test_split.csv, handed out after the challenge, has the labels of
test as `Participant_ID, PHQ_Binary, PHQ_Score, Gender`.
"""

import pathlib
from collections.abc import Iterable

from data_builders.daic_woz.defects import CORRECTIONS, DEFECTS
from data_builders.readers.phq8 import (
    GENDER,
    Participant,
    Splits,
    contradictions,
    find_tables,
    gender,
    numbers,
    read_people,
    relabel,
)
from mccl_jax.errors import UserError

# File -> split; a later file of the same split completes an earlier one.
FILES = {
    "train_split_Depression_AVEC2017.csv": "train",
    "dev_split_Depression_AVEC2017.csv": "dev",
    "test_split_Depression_AVEC2017.csv": "test",
    "full_test_split.csv": "test",
}


def read_splits(folder: pathlib.Path, corrections: Iterable[str] = CORRECTIONS) -> Splits:
    """Reads whichever split files `folder` holds; `corrections`: ids of `daic_woz.defects` that are switched on.

    Raises UserError, in one line with the line of the table, where none is there, a cell is no such number, or somebody
    stands twice.
    """
    files = find_tables(folder, FILES)
    if not files:
        raise UserError(f"{folder}: no split file; expected {', '.join(FILES)} in it: put them there")
    notes = [f"no {name}" for name in FILES if name not in files]
    participants = {}
    for name, path in files.items():
        for where, session, cells in read_people(path, "DAIC-WOZ"):
            one = Participant(session, FILES[name], gender(where, cells.get(GENDER, "")), numbers(where, cells))
            participants[session] = _completed(participants.get(session), one, where, notes)
    relabel(participants, DEFECTS, corrections, notes)
    for one in participants.values():
        notes += contradictions(one)
    return Splits(participants, tuple(files.values()), tuple(notes))


def _completed(before: Participant | None, one: Participant, where: str, notes: list[str]) -> Participant:
    """`one`, with what an earlier file of the same split says besides."""
    if before is None:
        return one
    if before.split != one.split:
        raise UserError(
            f"{where}: {one.session} is in {one.split}, but in {before.split} in another file; expected one split a "
            "participant: take the files as they were handed out"
        )
    if before.gender and one.gender and before.gender != one.gender:
        notes.append(f"the split files differ in gender, the last one counts: {one.session}")
    return Participant(one.session, one.split, one.gender or before.gender, {**before.labels, **one.labels})
