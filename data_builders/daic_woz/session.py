"""One session of DAIC-WOZ, from its archive or folder, as a record; needs no TFDS, so that a prediction can use it."""

import dataclasses
import hashlib
import json
import pathlib
import re
from collections.abc import Iterable, Sequence

import numpy as np

from data_builders.daic_woz.defects import CORRECTIONS, Exclude, Shift, switched_on
from data_builders.readers.archives import Content, read_members
from data_builders.readers.clnf import FILES, Recording, read_clnf
from data_builders.readers.clnf import READER as CLNF_READER
from data_builders.readers.daic_woz_splits import Participant
from data_builders.readers.transcripts import Transcript, read_transcript
from data_builders.records import Session
from data_builders.statistics import statistics
from mccl_jax.cues import DAIC_WOZ_CUES
from mccl_jax.errors import UserError

READER = f"daic_woz 1, {CLNF_READER}"  # raise it when the same files would be read differently
INTERVIEWER = "Ellie"
_TRANSCRIPT = "transcript"
# Named by what ends them: the same pattern serves an archive and a folder of any session.
_SOURCE = re.compile(r"([0-9]{3})_P(\.zip|\.tar\.gz)?", re.IGNORECASE)
_LATE = 5.0  # seconds of speech behind the last frame that are worth a note


def session_number(source: pathlib.Path) -> str | None:
    """ "300" of 300_P.zip, 300_P.tar.gz and the folder 300_P; None where `source` is named otherwise."""
    match = _SOURCE.fullmatch(source.name)
    return match[1] if match and source.is_dir() == (match[2] is None) else None


def members(number: str, cues: Iterable[str] = tuple(DAIC_WOZ_CUES)) -> dict[str, re.Pattern]:
    """Cue, or "transcript" -> the name that its file has; all that is ever opened of a session."""
    names = {cue: rf"{number}_CLNF_{FILES[cue]}\.(txt|csv)" for cue in cues}
    names[_TRANSCRIPT] = rf"{number}_TRANSCRIPT\.csv"
    return {key: re.compile(name, re.IGNORECASE) for key, name in names.items()}


def find_sessions(root: pathlib.Path) -> tuple[dict[str, pathlib.Path], tuple[str, ...]]:
    """Number -> archive or folder of each session below `root`, by number; and notes, each "what: details".

    Where a session has both, its archive is read. Raises UserError where it has two of either.
    """
    found, notes = {}, []
    for path in sorted(root.rglob("*_P*")):
        number = session_number(path)
        if number is None or "__MACOSX" in path.parts:
            continue
        before = found.setdefault(number, path)
        if before is path or path.is_relative_to(before):  # some tools unpack 300_P.zip into 300_P/300_P
            continue
        if before.is_dir() == path.is_dir():
            raise UserError(f"{path}: is of the same session as {before}; expected one a session: remove one of them")
        found[number] = path if before.is_dir() else before
        notes.append(f"sessions with both an archive and a folder, the archive is read: {number}")
    return dict(sorted(found.items())), tuple(dict.fromkeys(notes))


def recordings(source: pathlib.Path) -> list[pathlib.Path]:
    """The archives or folders of sessions that `source` is or holds. Raises UserError where there are none."""
    if session_number(source):
        return [source]
    found = list(find_sessions(source)[0].values()) if source.is_dir() else []
    if not found:
        raise UserError(f"{source}: expected an archive 300_P.zip, a folder 300_P, or a folder that holds some")
    return found


def read_recording(path: pathlib.Path, cues: Sequence[str], frame_rate: float) -> Session:
    """A session of somebody unknown. Raises UserError where `path` is no archive or folder of one."""
    return read_session(path, cues=cues, frame_rate=frame_rate)


def read_session(
    source: pathlib.Path,
    participant: Participant | None = None,
    corrections: Iterable[str] = CORRECTIONS,
    cues: Sequence[str] = tuple(DAIC_WOZ_CUES),
    frame_rate: float = 30.0,
) -> Session:
    """Reads the text files of one session; without a participant its severity is unknown.

    The transcript gives the span of speech. `corrections` are ids of `defects.DEFECTS`; those that move time are
    written beside the values: the span of speech is shifted, an interruption goes into provenance["exclude_seconds"].
    provenance keeps too what the official preparation goes by: "transcript" (first start and last stop, uncorrected),
    "frames" ([first, count] of each run of frame numbers) where these are not 1, 2, 3, ..., and "official_fill" (see
    `readers.clnf.Recording`). Raises UserError where a file is absent or cannot be used.
    """
    number = session_number(source)
    if number is None:
        raise UserError(f"{source}: expected the archive or folder of a session, as in 300_P.zip or 300_P: rename it")
    read = read_members(source, members(number, cues))
    transcript = read_transcript(read[_TRANSCRIPT])
    recording = read_clnf({cue: read[cue] for cue in cues}, frame_rate)
    provenance, shift = _provenance(source, read, transcript, recording), 0.0
    for defect in switched_on(corrections):
        if number not in defect.sessions:
            continue
        if isinstance(defect.correction, Exclude):
            provenance["exclude_seconds"] = [[defect.correction.begin, defect.correction.end]]
            provenance["notes"].append(f"interruptions that are not used: {defect.wrong} ({defect.source})")
        elif isinstance(defect.correction, Shift):
            shift = defect.correction.seconds
            provenance["notes"].append(f"transcripts shifted against the video: by {shift:g} s ({defect.source})")
        provenance["corrections"].append(defect.id)
    span = np.array(transcript.speech_span) + shift
    provenance["notes"] += _notes(recording, transcript, span)
    session = Session(
        session=number,
        subject=number,
        cues=recording.cues,
        specification=recording.specification,
        time=recording.time,
        confidence=recording.confidence,
        success=recording.success,
        question=np.zeros(len(recording.time), np.int32),
        speech_span=span,
        target=participant.score if participant else float("nan"),
        split=participant.split if participant else "",
        gender=participant.gender if participant else "",
        labels=dict(participant.labels) if participant else {},
        provenance=provenance,
    )
    if not session.usable.any():
        raise UserError(f"{source}: no frame outside its interruption is usable; expected some: leave it out")
    return dataclasses.replace(session, statistics=statistics(session))


def _provenance(source: pathlib.Path, read: dict[str, Content], transcript: Transcript, recording: Recording) -> dict:
    files = [{"member": content.name, "sha256": content.sha256} for content in read.values()]
    found = {
        "file": source.name,
        "sha256": hashlib.sha256(json.dumps(files).encode()).hexdigest(),
        "reader": READER,
        "members": files,
        "transcript": {
            "first_start": _or_none(transcript.first_start),
            "last_stop": _or_none(transcript.last_stop),
        },
        "corrections": [],
        "notes": [*transcript.notes, *recording.notes],
    }
    if recording.official_fill:
        found["official_fill"] = {cue: _or_none(value) for cue, value in recording.official_fill.items()}
    runs = _runs(recording.frame)
    if runs != [[1, len(recording.frame)]]:
        found["frames"] = runs
        found["notes"].append(f"frame numbers that are not 1, 2, 3, ...: {len(runs)} runs, the first from {runs[0][0]}")
    return found


def _notes(recording: Recording, transcript: Transcript, span: np.ndarray) -> list[str]:
    notes = []
    if transcript.speakers and INTERVIEWER not in transcript.speakers:
        notes.append("no lines of the interviewer in the transcript")
    if (late := span[1] - recording.time[-1]) > _LATE:
        notes.append(f"speech goes on after the video has ended: {late:.1f} s")
    return notes


def _runs(frame: np.ndarray) -> list[list[int]]:
    """[first, count] of each run of consecutive numbers."""
    begins = np.flatnonzero(np.diff(frame, prepend=frame[0] - 2) != 1)
    counts = np.diff(begins, append=len(frame))
    return [[int(frame[begin]), int(count)] for begin, count in zip(begins, counts, strict=True)]


def _or_none(value: float) -> float | None:
    return value if np.isfinite(value) else None  # JSON knows no NaN
