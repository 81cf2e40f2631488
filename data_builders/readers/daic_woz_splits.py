"""The split files of DAIC-WOZ (AVEC 2017): who is in train, dev and test, and how severe the case is.

Four files whose headers differ: train and dev have `Participant_ID, PHQ8_Binary, PHQ8_Score, Gender` and the eight
items, test has `participant_ID, Gender`, and full_test_split.csv, handed out after the challenge, has the labels of
test as `Participant_ID, PHQ_Binary, PHQ_Score, Gender`.
"""

import dataclasses
import pathlib
import re
from collections.abc import Iterable, Mapping

from data_builders.daic_woz.defects import CORRECTIONS, Relabel, switched_on
from data_builders.readers.labels import read_table
from mccl_jax.errors import UserError

# File -> split; a later file of the same split completes an earlier one.
FILES = {
    "train_split_Depression_AVEC2017.csv": "train",
    "dev_split_Depression_AVEC2017.csv": "dev",
    "test_split_Depression_AVEC2017.csv": "test",
    "full_test_split.csv": "test",
}
SCORE, BINARY = "PHQ8_Score", "PHQ8_Binary"
HIGHEST_SCORE, DEPRESSED_FROM = 24, 10  # of the PHQ-8
ITEMS = tuple(
    f"PHQ8_{item}"
    for item in ("NoInterest", "Depressed", "Sleep", "Tired", "Appetite", "Failure", "Concentrating", "Moving")
)
_GENDERS = {"0": "male", "1": "female", "male": "male", "female": "female", "": ""}
_HIGHEST = {SCORE: HIGHEST_SCORE, BINARY: 1, **dict.fromkeys(ITEMS, 3)}


@dataclasses.dataclass(frozen=True)
class Participant:
    """One row: session number, split, gender, and `labels`: PHQ8_Score, PHQ8_Binary and items, None where unknown."""

    session: str
    split: str
    gender: str
    labels: Mapping[str, float | None]

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


def find_split_files(folder: pathlib.Path) -> dict[str, pathlib.Path]:
    """Name -> path of each split file in `folder` or one folder below. Raises UserError where one stands twice."""
    found = {}
    for name in FILES:
        paths = sorted({*folder.glob(name), *folder.glob(f"*/{name}")})
        if len(paths) > 1:
            raise UserError(f"{paths[0]}: stands once more as {paths[1]}; expected it once: remove one of them")
        if paths:
            found[name] = paths[0]
    return found


def read_splits(folder: pathlib.Path, corrections: Iterable[str] = CORRECTIONS) -> Splits:
    """Reads whichever split files `folder` holds; `corrections`: ids of `daic_woz.defects` that are switched on.

    Raises UserError, in one line with the line of the table, where none is there, a cell is no such number, or somebody
    stands twice.
    """
    files = find_split_files(folder)
    if not files:
        raise UserError(f"{folder}: no split file; expected {', '.join(FILES)} in it: put them there")
    notes = [f"no {name}" for name in FILES if name not in files]
    participants = {}
    for name, path in files.items():
        first_of_file = {}
        for line, cells in read_table(path, ()):
            one = _participant(path, line, cells, FILES[name])
            if one.session in first_of_file:
                raise UserError(
                    f"{path}, line {line}: {one.session} stands in line {first_of_file[one.session]} already; expected "
                    "one row a participant: remove one"
                )
            first_of_file[one.session] = line
            participants[one.session] = _completed(participants.get(one.session), one, f"{path}, line {line}", notes)
    for defect in switched_on(corrections):
        if isinstance(defect.correction, Relabel):
            _relabel(participants, defect.sessions[0], defect.correction, notes)
    for one in participants.values():
        notes += _contradictions(one)
    return Splits(participants, tuple(files.values()), tuple(notes))


def _participant(path: pathlib.Path, line: int, cells: Mapping[str, str], split: str) -> Participant:
    where = f"{path}, line {line}"
    named = {_standard(name): cell for name, cell in cells.items()}
    if "Participant_ID" not in named:
        raise UserError(
            f"{path}: no column Participant_ID; expected a split file of DAIC-WOZ (its columns, cut at commas: "
            f"{', '.join(cells)[:100]}): take the file as it was handed out"
        )
    session = named["Participant_ID"]
    if not re.fullmatch(r"[0-9]{3}", session):
        raise UserError(f"{where}: Participant_ID is {session!r}; expected a number such as 300: correct it")
    if named.get("Gender", "").lower() not in _GENDERS:
        raise UserError(f"{where}: Gender is {named['Gender']!r}; expected 0 (male) or 1 (female): correct it")
    labels = {name: _number(where, name, named[name]) for name in (SCORE, BINARY, *ITEMS) if name in named}
    return Participant(session, split, _GENDERS[named.get("Gender", "").lower()], labels)


def _standard(name: str) -> str:
    """The name that train and dev have for a column: participant_ID and PHQ_Score are Participant_ID and PHQ8_Score."""
    if name.lower() == "participant_id":
        return "Participant_ID"
    return re.sub("^PHQ_", "PHQ8_", name)


def _number(where: str, name: str, cell: str) -> float | None:
    if not cell:
        return None
    if not re.fullmatch(r"[0-9]+(\.0*)?", cell) or float(cell) > _HIGHEST[name]:
        raise UserError(
            f"{where}: {name} is {cell!r}; expected a whole number from 0 to {_HIGHEST[name]}, or an empty cell: "
            "correct it"
        )
    return float(cell)


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


def _relabel(participants: dict[str, Participant], session: str, correction: Relabel, notes: list[str]) -> None:
    one = participants.get(session)
    if one is None or correction.column not in one.labels:
        return
    if (found := one.labels[correction.column]) != correction.was:
        if found != correction.value:
            notes.append(f"label not corrected, it is neither as known nor as it should be: {session}, {found}")
        return
    participants[session] = dataclasses.replace(one, labels={**one.labels, correction.column: correction.value})
    was = "empty" if correction.was is None else f"{correction.was:g}"
    notes.append(f"label corrected: {session}, {correction.column} was {was}, is {correction.value:g}")


def _contradictions(one: Participant) -> list[str]:
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
