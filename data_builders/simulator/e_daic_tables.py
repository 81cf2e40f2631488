"""The split files and the table of items of a simulated E-DAIC, under their real names and headers."""

import pathlib
from collections.abc import Sequence

from data_builders.simulator.e_daic_simulation import EDaicSimulation
from data_builders.simulator.interview_simulation import DEPRESSED_FROM, EMPTY_ITEM, ITEMS, WRONG_BINARY

SPLIT_FILES = {"train": "train_split.csv", "dev": "dev_split.csv", "test": "test_split.csv"}
DETAILED = "Detailed_PHQ8_Labels.csv"  # of train and dev
_SPLIT_HEADER = ("Participant_ID", "Gender", "PHQ_Binary", "PHQ_Score", "PCL-C (PTSD)", "PTSD Severity")
_DETAILED_HEADER = ("Participant_ID", *(f"PHQ_8{item}" for item in ITEMS), "PHQ_8Total")
CONTRADICTING = "606"  # its binary is what its score is not; that there is such a session is known, which is made up

_Cells = Sequence[str | int]


def write_tables(folder: pathlib.Path, simulation: EDaicSimulation) -> None:
    """Writes them: rows by number, a blank line at the end."""
    numbered = sorted(range(len(simulation)), key=simulation.name)
    for split, name in SPLIT_FILES.items():
        rows = [_row(simulation, i) for i in numbered if simulation.split(i) == split]
        _write(folder / name, _SPLIT_HEADER, rows)
    rows = [_items(simulation, i) for i in numbered if simulation.split(i) != "test"]
    _write(folder / DETAILED, _DETAILED_HEADER, rows)


def _write(path: pathlib.Path, header: Sequence[str], rows: Sequence[_Cells]) -> None:
    path.write_text("".join(",".join(map(str, cells)) + "\n" for cells in (header, *rows)) + "\n")


def _row(simulation: EDaicSimulation, i: int) -> _Cells:
    name, score = simulation.name(i), int(simulation.severity[i])
    binary = WRONG_BINARY.get(name, int((score >= DEPRESSED_FROM) != (name == CONTRADICTING)))
    return name, simulation.subject(i).gender, binary, score, *simulation.ptsd(i)


def _items(simulation: EDaicSimulation, i: int) -> _Cells:
    cells = dict(zip(ITEMS, simulation.items(i).tolist(), strict=True))
    session, item, _ = EMPTY_ITEM
    if simulation.name(i) == session:
        cells[item] = ""
    return simulation.name(i), *cells.values(), int(simulation.severity[i])
