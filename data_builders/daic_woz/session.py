"""One session of DAIC-WOZ, from its archive or folder, as a record; needs no TFDS, so that a prediction can use it."""

import dataclasses
import pathlib
import re
from collections.abc import Iterable, Sequence

import numpy as np

from data_builders.daic_woz.defects import CORRECTIONS, DEFECTS
from data_builders.defects import Ledger, corrected_times
from data_builders.readers import transcripts
from data_builders.readers.archives import Content, digest_of, read_members
from data_builders.readers.clnf import FILES, Recording, read_clnf
from data_builders.readers.clnf import READER as CLNF_READER
from data_builders.readers.phq8 import Participant
from data_builders.readers.session_files import number_of
from data_builders.readers.session_files import recordings as recordings  # a way in, as each corpus has one
from data_builders.readers.transcripts import NO_WORDS, Transcript, read_transcript
from data_builders.records import Session
from data_builders.statistics import statistics
from mccl_jax.cues import DAIC_WOZ_CUES
from mccl_jax.errors import UserError

READER = f"daic_woz 3, {CLNF_READER}"  # raise it when the same files would be read differently
INTERVIEWER = "Ellie"
_TRANSCRIPT = "transcript"
_LATE = 5.0  # seconds of speech behind the last frame that are worth a note


def members(number: str, cues: Iterable[str] = tuple(DAIC_WOZ_CUES)) -> dict[str, re.Pattern]:
    """Cue, or "transcript" -> the name that its file has; all that is ever opened of a session."""
    names = {cue: rf"{number}_CLNF_{FILES[cue]}\.(txt|csv)" for cue in cues}
    names[_TRANSCRIPT] = rf"{number}_TRANSCRIPT\.csv"
    return {key: re.compile(name, re.IGNORECASE) for key, name in names.items()}


def read_recording(
    path: pathlib.Path, cues: Sequence[str], frame_rate: float, corrections: Iterable[str] = CORRECTIONS
) -> Session:
    """A session of somebody unknown. Raises UserError where `path` is no archive or folder of one."""
    return read_session(path, None, corrections, cues, frame_rate)


def read_session(
    source: pathlib.Path,
    participant: Participant | None = None,
    corrections: Iterable[str] = CORRECTIONS,
    cues: Sequence[str] = tuple(DAIC_WOZ_CUES),
    frame_rate: float = 30.0,
) -> Session:
    """Reads the text files of one session; without a participant its severity is unknown.

    The transcript gives the span of speech. `corrections`: which rows of `defects.DEFECTS` are switched on; those that
    move time are written beside the values: the span of speech is moved, an interruption goes into
    provenance["exclude_seconds"].
    provenance["turns"] counts the participant's lines with words. provenance keeps too what the official preparation
    goes by: "transcript" (first start and last stop, uncorrected),
    "frames" ([first, count] of each run of frame numbers) where these are not 1, 2, 3, ..., and "official_fill" (see
    `readers.clnf.Recording`). Raises UserError where a file is absent or cannot be used.
    """
    number = number_of(source)
    read = read_members(source, members(number, cues), most_bytes={_TRANSCRIPT: transcripts.MOST_BYTES})
    transcript = read_transcript(read[_TRANSCRIPT])
    recording = read_clnf({cue: read[cue] for cue in cues}, frame_rate)
    provenance = _provenance(source, read, transcript, recording)
    ledger, span = Ledger(DEFECTS, corrections, participant.effects if participant else ()), transcript.marked_span
    if ledger.corrects("sync-markers", "speech_span", span, transcript.speech_span):
        span = transcript.speech_span
    span = np.array(corrected_times(number, ledger, span, provenance))
    provenance |= ledger.provenance()
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
        "sha256": digest_of(read),
        "reader": READER,
        "members": files,
        "transcript": {
            "first_start": _or_none(transcript.first_start),
            "last_stop": _or_none(transcript.last_stop),
        },
        "turns": sum(rows for speaker, rows in transcript.turns.items() if speaker != INTERVIEWER),
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
    notes = [NO_WORDS] if np.isnan(span).any() else []
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
