"""Recordings as DAIC-WOZ's tracker CLNF writes them: a text file a cue, a row a frame, to arrays of cues.

The first four columns of each file are frame, timestamp, confidence and success. Names keep their case: x0 is a 2D
landmark in pixels, X0 a 3D one in mm. What was repaired or chosen stands in `Recording.notes`, as "what: details".
Source: the manual of DAIC-WOZ, and the headers of its files.
"""

import collections
import dataclasses
import functools
from collections.abc import Mapping, Sequence

import numpy as np

from data_builders.readers.openface import (
    as_cue,
    bound,
    few,
    implausible,
    rows_in_order,
    time_of,
    tracked,
    without_the_impossible,
)
from data_builders.readers.openface_text import Source, read_columns, read_header
from mccl_jax.cues import DAIC_WOZ_AUS, DAIC_WOZ_CUES, Cue
from mccl_jax.errors import UserError, shown

READER = "clnf 2"  # raise it when the same files would be read differently

# Columns of each cue, in the order of its points and channels.
COLUMNS = {
    "landmarks": tuple(f"{axis}{point}" for point in range(68) for axis in "XYZ"),
    "gaze": tuple(f"{axis}_{eye}" for eye in ("0", "1", "h0", "h1") for axis in "xyz"),
    "pose": ("Tx", "Ty", "Tz", "Rx", "Ry", "Rz"),
    "aus": tuple(f"{au}_r" for au in DAIC_WOZ_AUS),
}
# What the file of each cue is called behind "{id}_CLNF_".
FILES = {"landmarks": "features3D", "gaze": "gaze", "pose": "pose", "aus": "AUs"}
CONTEXT = ("frame", "timestamp", "confidence", "success")


@dataclasses.dataclass(frozen=True)
class Recording:
    """What the files of one session hold, F frames in the order of time.

    cues            name -> (F, V, C) float32: landmarks (F,68,3) mm, gaze (F,4,3) two eyes as the camera and two as the
                    head sees them, pose (F,2,3) with point 0 the translation in mm and point 1 the rotation in rad, aus
                    (F,14,1). Failed frames included as they stand. A cell that is no number is NaN.
    specification   name -> Cue, in the order of `cues`.
    frame           (F,) int64, strictly increasing.
    time            (F,) float64, seconds, strictly increasing.
    confidence      (F,) float32, 0..1; NaN where some file says neither.
    success         (F,) bool: the tool tracked the face.
    official_fill   cue -> what the official preparation puts into the NaN cells of that cue's file; NaN where it leaves
                    them. Only cues whose file has such cells.
    notes           what had to be chosen or repaired, each "what: details".
    """

    cues: Mapping[str, np.ndarray]
    specification: Mapping[str, Cue]
    frame: np.ndarray
    time: np.ndarray
    confidence: np.ndarray
    success: np.ndarray
    official_fill: Mapping[str, float]
    notes: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class _File:
    """One file's rows in frame order, and what `official_fill` says of it (None where no cell is NaN)."""

    columns: Mapping[str, np.ndarray]
    frame: np.ndarray
    success: np.ndarray
    official_fill: float | None


def read_clnf(files: Mapping[str, Source], frame_rate: float = 30.0) -> Recording:
    """Reads the file of each cue, a path or a member of an archive, and lays their frames side by side.

    A frame counts as tracked where every file says so; frames that some file lacks are dropped. `frame_rate`, frames a
    second, is used only where timestamps tell nothing. Raises UserError, in one line that says what to do, where a file
    is no such text or lacks a column, where the files have no frame in common, or where in none of these all cues are
    readable and the face is tracked.
    """
    notes = []
    read = {cue: _read(cue, source, notes) for cue, source in files.items()}
    frames = [file.frame for file in read.values()]
    alike = all(np.array_equal(frame, frames[0]) for frame in frames)  # as they are but for damage; sets take long
    frame = frames[0] if alike else functools.reduce(np.intersect1d, frames)
    where = next(iter(files.values()))
    if not len(frame):
        raise UserError(
            f"{where}: has no frame number in common with the other files of its session; expected the files of one "
            "recording: download them again"
        )
    union = frame if alike else functools.reduce(np.union1d, frames)
    if len(frame) < len(union):
        notes.append(f"frames dropped that some of the session's files lack: {len(union) - len(frame)} of {len(union)}")
    rows = {cue: slice(None) if alike else np.searchsorted(file.frame, frame) for cue, file in read.items()}
    common = {
        name: np.stack([file.columns[name][rows[cue]] for cue, file in read.items()])
        for name in CONTEXT
        if name != "frame"
    }
    for name, values in common.items():
        if differ := int((values != values[0]).any(axis=0).sum()):
            notes.append(f"files of the session that differ in {name}: {differ} of {len(frame)} frames")
    cues = {
        cue: as_cue([file.columns[column][rows[cue]] for column in COLUMNS[cue]], DAIC_WOZ_CUES[cue])
        for cue, file in read.items()
    }
    bound(cues, notes)
    success = np.all([file.success[rows[cue]] for cue, file in read.items()], axis=0)
    if not (success & np.all([np.isfinite(values).all(axis=(1, 2)) for values in cues.values()], axis=0)).any():
        raise UserError(
            f"{where}: in none of {len(success)} frames the face was tracked and all of {', '.join(cues)} readable; "
            "expected some: look at the recording, or leave it out"
        )
    notes += implausible(cues, success)
    return Recording(
        cues=cues,
        specification={cue: DAIC_WOZ_CUES[cue] for cue in cues},
        frame=frame,
        time=time_of(frame, common["timestamp"][0], frame_rate, notes),
        confidence=common["confidence"].min(axis=0).astype(np.float32),
        success=success,
        official_fill={cue: file.official_fill for cue, file in read.items() if file.official_fill is not None},
        notes=tuple(dict.fromkeys(notes)),
    )


def _read(cue: str, source: Source, notes: list[str]) -> _File:
    header = read_header(source)
    _check_header(cue, source, header)
    columns, repairs = read_columns(source, header, header)
    said = list(repairs)
    unreadable = {name: count for name in header if (count := np.count_nonzero(np.isnan(columns[name])))}
    fill = official_fill(np.stack(list(columns.values()))) if unreadable else None
    without_the_impossible(columns, said)
    success = tracked(columns, said)
    rows = rows_in_order(columns, success, said)
    if not len(rows):
        raise UserError(f"{source}: no row has a frame number and a timestamp; expected some: download the file again")
    ours = {name: count for name, count in unreadable.items() if name in (*CONTEXT, *COLUMNS[cue])}
    if ours:
        said.append(f"unreadable cells, their frames are not used: {sum(ours.values())} in {few(ours)}")
    notes += (f"{note} ({FILES[cue]})" for note in said)
    if np.array_equal(rows, np.arange(len(success))):
        rows = slice(None)
    columns = {name: columns[name][rows] for name in (*CONTEXT, *COLUMNS[cue])}
    return _File(columns, columns["frame"].astype(np.int64), success[rows], fill)


def _check_header(cue: str, source: Source, header: Sequence[str]) -> None:
    absent = [name for name in (*CONTEXT, *COLUMNS[cue]) if name not in header]
    if absent:
        raise UserError(
            f"{source}: no column {few(absent)} ({len(absent)} of {len(COLUMNS[cue]) + len(CONTEXT)}); expected the "
            f"{FILES[cue]} text of CLNF, names in their own case (its first columns: {few(header, 5)}): take the file "
            "as it was handed out"
        )
    repeated = [name for name, times in collections.Counter(header).items() if times > 1]
    if repeated:
        raise UserError(
            f"{source}: column {shown(repeated[0])!r} stands more than once; expected each once: remove the others"
        )


def official_fill(columns: np.ndarray) -> float:
    """What the official preparation puts into the NaN cells of a file of `columns` (n, F), in the file's own order.

    It means to take the least of what is measured, columns 4 to n - 1; but where it tests column k + 4 for being a
    number it takes column k, so that frame numbers, timestamps, confidence and success are among the candidates. Where
    a candidate is itself no number neither is the least, and nothing is filled (defect D4 of the official code).
    """
    chosen = columns[:-4][~np.isnan(columns[4:])]
    return float(chosen.min()) if len(chosen) else float("nan")
