"""The four split files of a simulated DAIC-WOZ, under their real names and headers."""

import pathlib

from data_builders.simulator.daic_woz_simulation import DaicWozSimulation
from data_builders.simulator.interview_simulation import DEPRESSED_FROM, EMPTY_ITEM, ITEMS, WRONG_BINARY

_LABELLED = ("Participant_ID", "PHQ8_Binary", "PHQ8_Score", "Gender", *(f"PHQ8_{item}" for item in ITEMS))
# File -> split, header.
TABLES = {
    "train_split_Depression_AVEC2017.csv": ("train", _LABELLED),
    "dev_split_Depression_AVEC2017.csv": ("dev", _LABELLED),
    "test_split_Depression_AVEC2017.csv": ("test", ("participant_ID", "Gender")),
    "full_test_split.csv": ("test", ("Participant_ID", "PHQ_Binary", "PHQ_Score", "Gender")),
}


def write_splits(folder: pathlib.Path, simulation: DaicWozSimulation) -> None:
    """Writes them: rows by number, blank lines at the end."""
    numbered = sorted(range(len(simulation)), key=simulation.name)
    for name, (split, header) in TABLES.items():
        rows = [_row(simulation, i) for i in numbered if simulation.split(i) == split]
        lines = [header, *([row[_plain(column)] for column in header] for row in rows)]
        (folder / name).write_text("".join(",".join(cells) + "\n" for cells in lines) + "\n\n")


def _plain(column: str) -> str:
    """The same for PHQ_Score and PHQ8_Score, and for participant_ID and Participant_ID."""
    return column.lower().replace("phq8_", "phq_")


def _row(simulation: DaicWozSimulation, i: int) -> dict[str, str]:
    """Plain name of each column -> cell."""
    name, score = simulation.name(i), int(simulation.severity[i])
    cells = {
        "Participant_ID": name,
        "PHQ_Binary": WRONG_BINARY.get(name, int(score >= DEPRESSED_FROM)),
        "PHQ_Score": score,
        "Gender": int(simulation.subject(i).gender == "female"),
        **{f"PHQ_{item}": points for item, points in zip(ITEMS, simulation.items(i).tolist(), strict=True)},
    }
    session, item, _ = EMPTY_ITEM
    if name == session:
        cells[f"PHQ_{item}"] = ""
    return {_plain(column): str(cell) for column, cell in cells.items()}
