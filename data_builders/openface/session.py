"""One OpenFace CSV as a session; needs no TFDS, so that a prediction for a new recording can use it."""

import dataclasses
import pathlib
from collections.abc import Iterable, Sequence

import numpy as np

from data_builders.defects import ALL, switched_on
from data_builders.digests import digest
from data_builders.readers.folders import folders_below
from data_builders.readers.labels import Label
from data_builders.readers.openface import READER, read_openface
from data_builders.records import Session
from data_builders.statistics import statistics
from mccl_jax.cues import OPENFACE_CUES
from mccl_jax.errors import UserError


def session_name(file: str) -> str:
    """The name of a session: its file's path below the corpus, without .csv or .csv.gz."""
    return file.removesuffix(".gz").removesuffix(".csv")


def is_table(name: str) -> bool:
    """Whether a file may be a recording, or a table of labels, by its name."""
    return name.endswith((".csv", ".csv.gz"))


def recordings(source: pathlib.Path) -> list[pathlib.Path]:
    """The CSVs (plain or .gz) that `source` is or holds, but for tables of labels; UserError where there are none."""
    if source.is_file():
        return [source]
    found = (folder / name for folder, names in folders_below(source) for name in names if is_table(name))
    files = sorted(path for path in found if path.name != "labels.csv")
    if not files:
        raise UserError(f"{source}: expected an OpenFace CSV, or a folder that holds some: correct --input")
    return files


def read_recording(
    path: pathlib.Path, cues: Sequence[str], frame_rate: float, corrections: Iterable[str] = (ALL,)
) -> Session:
    """A recording of somebody unknown; no defects are known of one's own recordings, so that "all" means none."""
    switched_on((), corrections)
    return read_session(path, cues=cues, frame_rate=frame_rate)


def read_session(
    path: str | pathlib.Path,
    label: Label | None = None,
    cues: Sequence[str] = tuple(OPENFACE_CUES),
    missing: str = "refuse",
    frame_rate: float = 30.0,
) -> Session:
    """Reads `path` as `readers.openface.read_openface` does; without a label the subject and the target are unknown."""
    path = pathlib.Path(path)
    recording = read_openface(path, cues, missing, frame_rate)
    label = label or Label(line=0, file=path.name, subject="", target=float("nan"), split="", fold=-1, gender="")
    session = Session(
        session=session_name(label.file),
        subject=label.subject,
        cues=recording.cues,
        specification=recording.specification,
        time=recording.time,
        confidence=recording.confidence,
        success=recording.success,
        question=np.zeros(len(recording.time), np.int32),
        speech_span=np.full(2, np.nan),
        target=label.target,
        split=label.split,
        folds=() if label.fold < 0 else (label.fold,),
        gender=label.gender,
        labels=label.labels,
        provenance={"file": label.file, "sha256": digest(path), "reader": READER, "notes": list(recording.notes)},
    )
    return dataclasses.replace(session, statistics=statistics(session))
