"""One session of E-DAIC, from its archive or folder, as a record; needs no TFDS, so that a prediction can use it."""

import dataclasses
import pathlib
import re
from collections.abc import Iterable, Sequence

import numpy as np

from data_builders.defects import Ledger, corrected_times
from data_builders.e_daic.defects import CORRECTIONS, DEFECTS
from data_builders.readers import matlab, transcripts
from data_builders.readers.archives import Content, digest_of, read_members
from data_builders.readers.openface import READER as OPENFACE_READER
from data_builders.readers.openface import Recording, bound, read_openface
from data_builders.readers.phq8 import Participant
from data_builders.readers.session_files import number_of
from data_builders.readers.session_files import recordings as recordings  # a way in, as each corpus has one
from data_builders.readers.transcripts import E_DAIC, NO_WORDS, read_transcript
from data_builders.records import Session
from data_builders.statistics import statistics
from mccl_jax.cues import DEEP, E_DAIC_CUES
from mccl_jax.errors import UserError

READER = f"e_daic 4, {OPENFACE_READER}"  # raise it when the same files would be read differently
FRAME_RATE = 30.0  # frames a second of almost all sessions
# Label: who leads the interview, a person behind the avatar or the avatar by itself; by the number of the session.
INTERVIEWER = "interviewer"
_INTERVIEWERS = {"wizard": range(300, 493), "autonomous": range(600, 719)}
_TRACKER, _DEEP, _TRANSCRIPT = "OpenFace", DEEP.name, "transcript"
_LATE = 5.0  # seconds of speech behind the last frame that are worth a note


def members(number: str, cues: Iterable[str] = tuple(E_DAIC_CUES)) -> dict[str, re.Pattern]:
    """What it is -> the name that its file has; all that is ever opened of a session."""
    names = {_TRANSCRIPT: rf"{number}_Transcript\.csv", _TRACKER: rf"{number}_OpenFace2\.1\.0_Pose_gaze_AUs\.csv"}
    if _DEEP in cues:
        names[_DEEP] = rf"{number}_CNN_ResNet\.mat"
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
    cues: Sequence[str] = tuple(E_DAIC_CUES),
    frame_rate: float = FRAME_RATE,
) -> Session:
    """Reads the files of one session; without a participant its severity is unknown.

    Time is the tracker's timestamp. Row i of the features is of row i of the tracker's file; where one of the two is
    longer its last rows are left out. The transcript gives the span of speech; a session without one is read as a
    whole. `corrections`: which rows of `defects.DEFECTS` are switched on; an interruption, and frames whose features
    are all 0, which no face has, go into provenance["exclude_seconds"]. Raises UserError where another file is absent,
    or where one cannot be used.
    """
    number = number_of(source)
    most_bytes = {_DEEP: matlab.MOST_BYTES, _TRANSCRIPT: transcripts.MOST_BYTES}
    read = read_members(source, members(number, cues), {_TRANSCRIPT}, most_bytes)
    files, digest = [{"member": content.name, "sha256": content.sha256} for content in read.values()], digest_of(read)
    # Gaze, pose or AUs: without any of them the tracker's file is still what tells time and success.
    of_tracker = [name for name in cues if name != _DEEP] or ["pose"]
    recording = read_openface(read[_TRACKER], of_tracker, frame_rate=frame_rate)
    ledger = Ledger(DEFECTS, corrections, participant.effects if participant else ())
    notes, span, turns = _speech(read.get(_TRANSCRIPT), recording.time[-1])
    notes += recording.notes
    arrays, keep = dict(recording.cues), slice(None)
    if _DEEP in cues:
        # Popped and not kept: file and array may have a GB each.
        features = matlab.read_feature(read.pop(_DEEP), len(DEEP.points))
        arrays[_DEEP], keep = _aligned(source, features, recording, notes)
        del features
        bound({_DEEP: arrays[_DEEP]}, notes)
        if n := int((~np.isfinite(arrays[_DEEP])).any(axis=(1, 2)).sum()):
            notes.append(f"frames with CNN features that are no number are not used: {n} of {len(arrays[_DEEP])}")
    provenance = {
        "file": source.name,
        "sha256": digest,
        "reader": READER,
        "members": files,
        "turns": turns,
        "notes": notes + _rate(recording.time),
    }
    time, success = recording.time[keep], recording.success[keep]
    span = np.array(corrected_times(number, ledger, span, provenance))
    if _DEEP in cues:
        _exclude_without_face(arrays[_DEEP], success, time, ledger, provenance)
    provenance |= ledger.provenance()
    session = Session(
        session=number,
        subject=number,
        cues={name: arrays[name] if name == _DEEP else arrays[name][keep] for name in cues},
        specification={name: E_DAIC_CUES[name] for name in cues},
        time=time,
        confidence=recording.confidence[keep],
        success=success,
        question=np.zeros(len(success), np.int32),
        speech_span=span,
        target=participant.score if participant else float("nan"),
        split=participant.split if participant else "",
        gender=participant.gender if participant else "",
        labels=(dict(participant.labels) if participant else {}) | {INTERVIEWER: interviewer(number)},
        provenance=provenance,
    )
    if not session.usable.any():
        raise UserError(
            f"{source}: no frame is tracked, readable in all of {', '.join(cues)} and outside its interruption; "
            "expected some: leave it out"
        )
    return dataclasses.replace(session, statistics=statistics(session))


def interviewer(number: str) -> str | None:
    """Who leads the interview of a session; None where its number is of neither kind."""
    return next((name for name, numbers in _INTERVIEWERS.items() if int(number) in numbers), None)


def _speech(content: Content | None, end: float) -> tuple[list[str], tuple[float, float], int | None]:
    """Notes on the transcript, its first and last word, and how many of its rows have words."""
    if content is None:
        return ["no transcript: the whole recording counts as the interview"], (np.nan, np.nan), None
    transcript = read_transcript(content, E_DAIC)
    notes, span = list(transcript.notes), transcript.speech_span
    notes += [NO_WORDS] if np.isnan(span).any() else []
    if (late := span[1] - end) > _LATE:
        notes.append(f"speech goes on after the video has ended: {late:.1f} s")
    return notes, span, sum(transcript.turns.values())


def _aligned(
    source: pathlib.Path, features: np.ndarray, recording: Recording, notes: list[str]
) -> tuple[np.ndarray, np.ndarray]:
    """(frames kept, 2048, 1) the features of each frame that has some, and (F,) bool which frames these are."""
    rows = int(recording.row.max()) + 1
    if rows != len(features):
        notes.append(
            f"rows of OpenFace and CNN_ResNet, the last of the longer are left out: {rows} and {len(features)}"
        )
    keep = recording.row < len(features)
    if not keep.any():
        raise UserError(f"{source}: CNN_ResNet has no row of a frame; expected one a frame: download the session again")
    return features[recording.row[keep]][..., None], keep


def _exclude_without_face(
    features: np.ndarray, success: np.ndarray, time: np.ndarray, ledger: Ledger, provenance: dict
) -> None:
    """Puts the stretches of time in which all features of a frame are 0 into "exclude_seconds"."""
    empty = ~(features != 0).any(axis=(1, 2))
    was, now = int(success.sum()), int((success & ~empty).sum())
    if ledger.corrects("zero-features", "frames that count as tracked", was, now) and was != now:
        runs = np.flatnonzero(np.diff(empty, prepend=False, append=False)).reshape(-1, 2)
        begins = np.append(time, time[-1] + 1)  # a stretch ends where the next frame begins
        provenance.setdefault("exclude_seconds", []).extend(begins[runs].tolist())


def _rate(time: np.ndarray) -> list[str]:
    """A note where the frames come at another rate than usual."""
    steps = np.diff(time)
    rate = 1 / np.median(steps) if len(steps) else FRAME_RATE
    return [] if abs(rate / FRAME_RATE - 1) < 0.02 else [f"frames a second that are not {FRAME_RATE:g}: {rate:.1f}"]
