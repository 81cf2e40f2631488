"""One person's answers as a session; needs no TFDS, so that a prediction for a new interview can use it."""

import dataclasses
import hashlib
import json
import os
import pathlib
import re
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from data_builders.cmdc.defects import CORRECTIONS, DEFECTS
from data_builders.defects import Ledger
from data_builders.digests import digest
from data_builders.readers.folders import folders_below
from data_builders.readers.openface import READER as OPENFACE_READER
from data_builders.readers.openface import Recording, read_openface
from data_builders.readers.subject_info import Subject, subject_id, subject_name
from data_builders.readers.workbooks import Cell
from data_builders.records import Session
from data_builders.statistics import statistics
from mccl_jax.cues import OPENFACE_CUES
from mccl_jax.errors import UserError

READER = f"cmdc 2, {OPENFACE_READER}"  # raise it when the same files would be read differently
QUESTIONS = 12
# Q9.csv, and Q9-.csv as some names are written; never vector_Q9.csv or Q9.wav.csv, which hold something else.
ANSWER = re.compile(r"Q([0-9]{1,2})[ _-]*\.csv(\.gz)?", re.IGNORECASE)


@dataclasses.dataclass(frozen=True)
class Interview:
    """A person's folder: question -> CSV in the order of the questions, and notes, each "what: details"."""

    folder: pathlib.Path
    answers: Mapping[int, pathlib.Path]
    notes: tuple[str, ...]


def find_interview(folder: pathlib.Path, names: Sequence[str] | None = None) -> Interview | None:
    """The answers that lie in a folder (`names`: what is in it, where that is known); None where there are none.

    Raises UserError where two files claim the same question.
    """
    answers, beyond = {}, []
    for name in sorted(os.listdir(folder) if names is None else names):
        match = ANSWER.fullmatch(name)
        if match is None:
            continue
        question = int(match[1])
        if not 1 <= question <= QUESTIONS:
            beyond.append(name)
        elif question in answers:
            raise UserError(
                f"{folder}: {answers[question].name} and {name} are both of question {question}; expected one file an "
                "answer: remove one of them"
            )
        else:
            answers[question] = folder / name
    notes = [f"files of questions beyond 1..{QUESTIONS} are not used: {', '.join(beyond)}"] if beyond else []
    return Interview(folder, dict(sorted(answers.items())), tuple(notes)) if answers else None


def find_interviews(root: pathlib.Path) -> dict[str, Interview]:
    """ID -> interview for every folder below `root` that is named by an ID and holds answers, by ID.

    Raises UserError where a person has two such folders.
    """
    found = {}
    for folder, names in folders_below(root):
        who = subject_id(folder.name)
        interview = find_interview(folder, names) if who else None
        if interview is None:
            continue
        subject = subject_name(*who)
        if subject in found:
            raise UserError(
                f"{root}: {subject} has two folders with answers, {found[subject].folder.relative_to(root)} and "
                f"{folder.relative_to(root)}; expected one folder a person: remove one of them"
            )
        found[subject] = interview
    return dict(sorted(found.items()))


def recordings(source: pathlib.Path) -> list[pathlib.Path]:
    """The folders of interviews that `source` is or holds. Raises UserError where there are none."""
    if source.is_dir():
        found = [folder for folder, names in folders_below(source) if any(map(ANSWER.fullmatch, names))]
        if found:
            return [source] if source in found else found
    raise UserError(
        f"{source}: expected the folder of an interview, with Q1.csv to Q{QUESTIONS}.csv, or a folder that holds some: "
        "correct --input"
    )


def read_recording(
    path: pathlib.Path, cues: Sequence[str], frame_rate: float, corrections: Iterable[str] = CORRECTIONS
) -> Session:
    """The interview of somebody unknown. Raises UserError where `path` is no folder of one, or cannot be read."""
    interview = find_interview(path) if path.is_dir() else None
    if interview is None:
        raise UserError(f"{path}: expected the folder of an interview, with Q1.csv to Q{QUESTIONS}.csv")
    return read_interview(interview, None, (), cues, frame_rate, corrections)


def read_interview(
    interview: Interview,
    person: Subject | None = None,
    folds: tuple[int, ...] = (),
    cues: Sequence[str] = tuple(OPENFACE_CUES),
    frame_rate: float = 30.0,
    corrections: Iterable[str] = CORRECTIONS,
) -> Session:
    """Reads every answer as `readers.openface.read_openface` does and lays them end to end, one frame apart.

    What stood between two answers is not in the corpus, so time is that of the answers alone; `question` keeps them
    apart, and provenance["answers"] says where each begins. An answer that cannot be read is left out, and the notes
    say why. `corrections`: which rows of `defects.DEFECTS` are switched on. Raises UserError where none can be read.
    """
    ledger = Ledger(DEFECTS, corrections, person.effects if person else ())
    read, left_out = {}, []
    for question, path in interview.answers.items():
        as_it_should_be = path.name.lower() in (f"q{question}.csv", f"q{question}.csv.gz")
        if not as_it_should_be and not ledger.corrects("answer-names", f"question of {path.name}", None, question):
            left_out.append(f"Q{question} (its file is called {path.name})")
            continue
        try:
            read[question] = read_openface(path, cues, "refuse", frame_rate)
        except UserError as error:
            left_out.append(f"Q{question} ({str(error).removeprefix(f'{path}: ')})")
    if not read:
        raise UserError(f"{interview.folder}: none of its answers can be read: {'; '.join(left_out)}")
    absent = [f"Q{n}" for n in range(1, QUESTIONS + 1) if n not in interview.answers]
    notes = list(interview.notes)
    notes += [f"answers that are absent: {', '.join(absent)}"] if absent else []
    notes += [f"answers left out: {'; '.join(left_out)}"] if left_out else []
    times, begins = _end_to_end(list(read.values()), frame_rate)
    answers = [
        {"question": question, "file": path.name, "sha256": digest(path), "begins": begin}
        for (question, path), begin in zip(((q, interview.answers[q]) for q in read), begins, strict=True)
    ]

    def joined(field):
        return np.concatenate([getattr(recording, field) for recording in read.values()])

    first = next(iter(read.values()))
    session = Session(
        session=person.subject if person else interview.folder.name,
        subject=person.subject if person else "",
        cues={name: np.concatenate([recording.cues[name] for recording in read.values()]) for name in first.cues},
        specification=first.specification,
        time=np.concatenate(times),
        confidence=joined("confidence"),
        success=joined("success"),
        question=np.repeat(list(read), [len(recording.time) for recording in read.values()]).astype(np.int32),
        speech_span=np.full(2, np.nan),
        target=person.target if person else float("nan"),
        folds=folds,
        labels=_labels(person) if person else {},
        provenance={
            "file": interview.folder.name,
            "sha256": hashlib.sha256(json.dumps(answers).encode()).hexdigest(),
            "reader": READER,
            "answers": answers,
            "notes": notes + _notes_of_answers(read),
            **ledger.provenance(),
        },
    )
    return dataclasses.replace(session, statistics=statistics(session))


def _labels(person: Subject) -> dict[str, Cell]:
    return {**person.labels, "group": person.group, "MDD": None if person.patient is None else float(person.patient)}


def _end_to_end(recordings: Sequence[Recording], frame_rate: float) -> tuple[list[np.ndarray], list[float]]:
    """Times (F,) of each answer after those before it, and what was added to the tool's own time."""
    times, begins, start = [], [], 0.0
    for recording in recordings:
        steps = np.diff(recording.time)
        begins.append(float(start - recording.time[0]))
        times.append(recording.time + begins[-1])
        start = float(times[-1][-1] + (np.median(steps) if len(steps) else 1 / frame_rate))
    return times, begins


def _notes_of_answers(read: Mapping[int, Recording]) -> list[str]:
    """The reader's notes on the answers, one for each kind: "what: Q3 details; Q7 details"."""
    kinds = {}
    for question, recording in read.items():
        for note in recording.notes:
            what, _, details = note.partition(": ")
            kinds.setdefault(what, []).append(f"Q{question} {details}".rstrip())
    return [f"{what}: {'; '.join(said)}" for what, said in kinds.items()]
