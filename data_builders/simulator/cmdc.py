"""Writes a simulated corpus in the layout in which CMDC is handed out, with the defects of the real one.

The corpus: Zou et al., IEEE TAFFC 2022, doi 10.1109/TAFFC.2022.3181210. Layout and defects as those who read it
describe them: zwtbb/multidatasets_mdd, hyuneu-n/facial-coordination-depression, issues 3 and 4 of
CMDC-corpus/CMDC-Baseline.
"""

import pathlib

import numpy as np
from tqdm import tqdm

from data_builders.simulator.cmdc_simulation import CmdcSimulation, has_video, questions
from data_builders.simulator.cmdc_tables import write_folds, write_subject_info
from data_builders.simulator.dummies import SILENCE
from data_builders.simulator.openface_text import write_full_openface_csv
from data_builders.simulator.tracker import Track

# Cells of the first frame that are no numbers: subject, question, column.
MALFORMED = (("HC03", 2, "gaze_0_x"), ("HC03", 7, "p_rx"), ("MDD01", 5, "AU12_r"))
MALFORMED_TEXT = "-0.4253258.1"
# Files whose names have a hyphen too many, Q9-.wav and Q9-.csv: subject, question.
MISNAMED_WAV = ("HC03", 9)
MISNAMED_CSV = ("MDD02", 9)

TRAP = "PICKLE_WAS_LOADED"
# A pickle that calls open(TRAP, "w") when it is loaded: whoever unpickles an answer's features leaves that file behind.
_PICKLE = f"cbuiltins\nopen\n(V{TRAP}\nVw\ntR.".encode()


def write_cmdc(folder: pathlib.Path, simulation: CmdcSimulation) -> None:
    """Writes part1..part3 with a folder a person, SubjectInfo.xlsx and 5FoldSplitInfo.xlsx into `folder`."""
    for i in tqdm(range(len(simulation)), desc="simulating", unit="person", disable=None):
        name = simulation.name(i)
        person = folder / _part(name) / name
        person.mkdir(parents=True)
        for question in questions(name):
            _write_beside(person, question)
        if has_video(name):
            embeddings = simulation.embeddings(i)
            for question, track in simulation.answers(i).items():
                _write_video(person, question, track, embeddings[question])
    write_subject_info(folder / "SubjectInfo.xlsx", simulation)
    write_folds(folder / "5FoldSplitInfo.xlsx")


def _part(name: str) -> str:
    """Where the folders lie in the real corpus is not documented: part folders show whether a reader looks for them."""
    if name.startswith("MDD"):
        return "part3"
    return "part1" if int(name[-2:]) <= 26 else "part2"


def _write_beside(person: pathlib.Path, question: int) -> None:
    """The files of an answer that nothing here is to read, with next to nothing in them."""
    wav = f"Q{question}-.wav" if (person.name, question) == MISNAMED_WAV else f"Q{question}.wav"
    (person / wav).write_bytes(SILENCE)
    (person / f"Q{question}.txt").write_text("Simulated: nobody said anything.\n")
    (person / f"Q{question}.pkl").write_bytes(_PICKLE)
    for name in (f"vector_Q{question}.csv", f"Q{question}.wav.csv"):
        (person / name).write_text("0.0,0.0,0.0\n")


def _write_video(person: pathlib.Path, question: int, track: Track, embedding: np.ndarray) -> None:
    np.save(person / f"Q{question}.npy", embedding)
    csv = person / (f"Q{question}-.csv" if (person.name, question) == MISNAMED_CSV else f"Q{question}.csv")
    write_full_openface_csv(csv, track)
    for name, number, column in MALFORMED:
        if (name, number) == (person.name, question):
            _spoil(csv, column)


def _spoil(csv: pathlib.Path, column: str) -> None:
    header, first, rest = csv.read_text().split("\n", 2)
    cells = first.split(", ")
    cells[header.split(", ").index(column)] = MALFORMED_TEXT
    csv.write_text("\n".join([header, ", ".join(cells), rest]))
