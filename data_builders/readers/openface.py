"""Recordings as OpenFace writes them: one CSV, a row a face and frame, to arrays of cues.

Three families of headers are in use and read alike, because columns are found by name: 714 columns (OpenFace 2.x),
431 without face_id, gaze_angle and eye landmarks (0.x and 1.x), and one that has `face, confidence` and neither
timestamp nor success. What was repaired, chosen or left out stands in `Recording.notes`, as "what: details".
Source: RecorderCSV.cpp and the wiki page "Output Format" of TadasBaltrusaitis/OpenFace.
"""

import collections
import dataclasses
import pathlib
from collections.abc import Collection, Mapping, Sequence

import numpy as np

from data_builders.readers.openface_text import Source, read_columns, read_header
from mccl_jax.cues import OPENFACE_AUS, OPENFACE_CUES, Cue
from mccl_jax.errors import UserError, shown

READER = "openface 2"  # goes into every record; raise it when the same file would be read differently

# Columns of each cue, in the order of its points and channels.
COLUMNS = {
    "landmarks": tuple(f"{axis}_{point}" for point in range(68) for axis in "XYZ"),
    "gaze": tuple(f"gaze_{eye}_{axis}" for eye in (0, 1) for axis in "xyz"),
    "pose": ("pose_Tx", "pose_Ty", "pose_Tz", "pose_Rx", "pose_Ry", "pose_Rz"),
    "aus": tuple(f"{au}_r" for au in OPENFACE_AUS),
}
GAZE_ANGLE = ("gaze_angle_x", "gaze_angle_y")
# The tracker's own bound on its confidence for `success` (validation_boundary in LandmarkDetectorParameters.cpp).
TRACKED_ABOVE = 0.725
# Frames a second that a camera may have; what timestamps say beyond it cannot be true.
SLOWEST, FASTEST = 1.0, 250.0
# From one frame number to the next, times the usual step: a longer step is a slip of the timestamp, not a pause.
_LARGEST_JUMP = 50.0
# Frame numbers and timestamps beyond these are none; four days at 30 a second and seconds since 1970 are within.
_MOST_FRAME, _MOST_TIME = 1e7, 1e10
# What no face that was tracked can have: cells beyond it, in either direction, count as unreadable. Those of
# "deep", the activations of a network, are bounded generously.
_BOUNDS = {"landmarks": 1e5, "gaze": 1e3, "pose": 1e5, "aus": 100.0, "deep": 1e6}


@dataclasses.dataclass(frozen=True)
class Recording:
    """What one file holds, F frames of one face in the order of time.

    cues            name -> (F, V, C) float32: landmarks (F,68,3) mm, gaze (F,2,3) unit vectors, pose (F,2,3) with
                    point 0 the translation in mm and point 1 the rotation in rad, aus (F,17,1) 0..5. All in the
                    camera's frame, failed frames included as they stand. A cell that is no number is NaN.
    specification   name -> Cue, in the order of `cues`.
    gaze_angle      (F, 2) float32, rad, or None where the file has none.
    frame           (F,) int64, strictly increasing.
    row             (F,) int64: which of the file's rows each frame is, from 0; rows that cannot be cut into cells are
                    not counted.
    time            (F,) float64, seconds, strictly increasing.
    confidence      (F,) float32, 0..1; NaN where the file says neither.
    success         (F,) bool: the tool tracked the face.
    notes           what had to be chosen or repaired, each "what: details".
    omitted         cues that were asked for, are absent and were left out.
    """

    cues: Mapping[str, np.ndarray]
    specification: Mapping[str, Cue]
    gaze_angle: np.ndarray | None
    frame: np.ndarray
    row: np.ndarray
    time: np.ndarray
    confidence: np.ndarray
    success: np.ndarray
    notes: tuple[str, ...]
    omitted: tuple[str, ...]


def read_openface(
    path: str | Source,
    cues: Sequence[str] = tuple(OPENFACE_CUES),
    missing: str = "refuse",
    frame_rate: float = 30.0,
) -> Recording:
    """Reads the cues of one OpenFace CSV, plain or gzipped, or of an archive's member.

    cues         names of `OPENFACE_CUES`, in the order wanted.
    missing      "refuse" raises where a column of a cue is absent, "omit" leaves that cue out; none is ever made up.
    frame_rate   frames a second, used only where the file has no timestamps or ones that tell nothing.

    Of several faces the one with the most tracked frames is kept. Where the file has no `success`, a frame counts as
    tracked where its confidence is above the tracker's own bound. Raises UserError, in one line that says what to do,
    where the file is no such CSV, lacks a cue, or has no frame in which all cues are readable and the face is tracked.
    """
    check_options(cues, missing, frame_rate)
    path = pathlib.Path(path) if isinstance(path, str) else path
    header = read_header(path)
    cues, omitted = present_cues(path, header, cues, missing)
    context = [name for name in ("frame", "timestamp", "confidence", "success", "face_id", "face") if name in header]
    angles = GAZE_ANGLE if set(GAZE_ANGLE) <= set(header) else ()
    wanted = [*context, *angles, *(column for name in cues for column in COLUMNS[name])]
    times = collections.Counter(header)
    repeated = [name for name in wanted if times[name] > 1]
    if repeated:
        raise UserError(f"{path}: column {repeated[0]} stands more than once; expected each once: remove the others")
    columns, repairs = read_columns(path, header, wanted)
    notes = [*repairs, *(f"cue left out: {name}" for name in omitted)]
    without_the_impossible(columns, notes)
    success = tracked(columns, notes)
    rows = rows_in_order(columns, success, notes)
    columns = {name: values[rows] for name, values in columns.items()}
    success = success[rows]
    arrays = {name: as_cue([columns[column] for column in COLUMNS[name]], OPENFACE_CUES[name]) for name in cues}
    bound(arrays, notes)
    if not (success & np.all([np.isfinite(array).all(axis=(1, 2)) for array in arrays.values()], axis=0)).any():
        raise UserError(
            f"{path}: in none of its {len(success)} frames the face was tracked and all of {', '.join(cues)} readable; "
            "expected some: look at the recording, or leave it out"
        )
    unreadable = {name: np.isnan(columns[name]).sum() for name in wanted if np.isnan(columns[name]).any()}
    if unreadable:
        notes.append(f"unreadable cells, their frames are not used: {sum(unreadable.values())} in {few(unreadable)}")
    notes += implausible(arrays, success)
    frame = columns["frame"].astype(np.int64)
    return Recording(
        cues=arrays,
        specification={name: OPENFACE_CUES[name] for name in cues},
        gaze_angle=_in_32_bits(np.stack([columns[name] for name in angles], axis=-1)) if angles else None,
        frame=frame,
        row=rows,
        time=time_of(frame, columns.get("timestamp"), frame_rate, notes),
        confidence=columns["confidence"].astype(np.float32),
        success=success,
        notes=tuple(notes),
        omitted=omitted,
    )


def check_options(
    cues: Sequence[str], missing: str, frame_rate: float, known: Collection[str] = tuple(OPENFACE_CUES)
) -> None:
    """Raises UserError where a reader of the `known` cues would not understand its options."""
    unknown = [name for name in cues if name not in known]
    if unknown or not cues or len(set(cues)) < len(cues):
        raise UserError(f"cues: {', '.join(cues) or 'none'}; expected one or more of {', '.join(known)}, each once")
    if missing not in ("refuse", "omit"):
        raise UserError(f"missing: {missing!r}; expected 'refuse' or 'omit'")
    if not SLOWEST <= frame_rate <= FASTEST:
        raise UserError(f"frame_rate: {frame_rate}; expected {SLOWEST:g} to {FASTEST:g} frames a second")


def present_cues(
    path: Source, header: Sequence[str], cues: Sequence[str], missing: str
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Which of `cues` a file with this header has in full, and which it lacks; raises as `read_openface` says."""
    names = set(header)
    no_context = [name for name in ("frame", "confidence") if name not in names]
    if no_context:
        raise UserError(
            f"{path}: no column {' or '.join(no_context)}; expected a CSV as OpenFace 2.x writes it, separated by "
            f"commas (its first columns: {few(header)}): leave this file out, or write it again with OpenFace"
        )
    absent = {name: [column for column in COLUMNS[name] if column not in names] for name in cues}
    absent = {name: columns for name, columns in absent.items() if columns}
    present = tuple(name for name in cues if name not in absent)
    if absent and (missing == "refuse" or not present):
        said = "; ".join(
            f"{name} ({few(columns)}: {len(columns)} of {len(COLUMNS[name])} columns)"
            for name, columns in absent.items()
        )
        remedy = 'or leave the cue out (missing="omit")' if present else "there is nothing else to read in this file"
        raise UserError(
            f"{path}: missing cues {said}; expected the columns of OpenFace 2.x: run it with -3Dfp -gaze -pose -aus, "
            + remedy
        )
    return present, tuple(absent)


def without_the_impossible(columns: Mapping[str, np.ndarray], notes: list[str]) -> None:
    """Makes NaN, in place, of frame numbers, timestamps and confidences that no recording can have."""
    for name, least, most in (
        ("frame", -_MOST_FRAME, _MOST_FRAME),
        ("timestamp", -_MOST_TIME, _MOST_TIME),
        ("confidence", 0.0, 1.0),
    ):
        values = columns.get(name, np.zeros(0))
        beyond = (values < least) | (values > most)
        if beyond.any():
            values[beyond] = np.nan
            notes.append(f"{name} beyond {least:g}..{most:g} counts as unreadable: {beyond.sum()} rows")


def tracked(columns: Mapping[str, np.ndarray], notes: list[str]) -> np.ndarray:
    """(F,) bool: the column success, or else what the confidence says of it; a note where it is the latter."""
    if "success" in columns:
        return columns["success"] == 1
    notes.append(f"no success column, a frame counts as tracked where its confidence is above {TRACKED_ABOVE}")
    # Compared at the tracker's precision: its bound is a 32-bit float too.
    return columns["confidence"].astype(np.float32) > np.float32(TRACKED_ABOVE)


def rows_in_order(columns: Mapping[str, np.ndarray], success: np.ndarray, notes: list[str]) -> np.ndarray:
    """Indices of the rows to keep, in frame order: one face, each frame once, frame and timestamp readable."""
    frame, timestamp = columns["frame"], columns.get("timestamp")
    keep = np.isfinite(frame) & (frame == np.floor(frame))
    if timestamp is not None and np.isfinite(timestamp).any():
        keep &= np.isfinite(timestamp)
    if not keep.all():
        notes.append(f"rows dropped whose frame or timestamp is unreadable: {(~keep).sum()} of {len(keep)}")
    face = columns.get("face_id", columns.get("face"))
    if face is not None and len(np.unique(face[keep])) > 1:
        faces = np.unique(face[keep])
        tracked = [(success & keep & (face == one)).sum() for one in faces]
        best = faces[np.argmax(tracked)]
        others = keep & (face != best)
        notes.append(
            f"several faces, the one tracked in most frames is kept: face {best:g} with {max(tracked)} tracked frames "
            f"of {len(faces)} faces, {others.sum()} rows of the others dropped"
        )
        keep &= ~others
    rows = np.flatnonzero(keep)
    steps = np.diff(frame[rows])
    if (steps > 0).all():
        return rows
    confidence = np.nan_to_num(columns["confidence"][rows], nan=-1.0)
    rows = rows[np.lexsort((-confidence, frame[rows]))]  # a stable sort: of equals the first row stays first
    first = np.diff(frame[rows], prepend=-np.inf) > 0
    if (steps < 0).any():
        notes.append(f"rows out of frame order are sorted: {(steps < 0).sum()} steps back")
    if not first.all():
        notes.append(f"frames that stand twice, the most confident row is kept: {(~first).sum()} rows dropped")
    return rows[first]


def time_of(frame: np.ndarray, timestamp: np.ndarray | None, frame_rate: float, notes: list[str]) -> np.ndarray:
    """(F,) seconds: the timestamps where they can be true, and else the frame number over a rate.

    That rate is the recording's own where its timestamps merely repeat, run backwards or leap, `frame_rate` where they
    tell nothing.
    """
    if timestamp is None or not np.isfinite(timestamp).any():
        notes.append(f"no timestamps, time is the frame number at {frame_rate:g} frames a second")
        return frame / frame_rate
    frames, seconds = np.diff(frame), np.diff(timestamp)
    forward = seconds > 0
    if not len(seconds):
        return timestamp
    with np.errstate(over="ignore"):  # a step of next to nothing
        rates = frames[forward] / seconds[forward]
    rate = np.median(rates) if forward.any() else np.inf
    if not SLOWEST <= rate <= FASTEST:
        notes.append(
            f"timestamps that cannot be true, time is the frame number at {frame_rate:g} frames a second: "
            f"they say {rate:.4g}"
        )
        return frame / frame_rate
    jumps = np.zeros(len(forward), bool)
    jumps[forward] = rates < rate / _LARGEST_JUMP
    if not forward.all() or jumps.any():
        # Timestamps have three decimals, so one step tells the rate less well than all ordinary steps together.
        ordinary = np.abs(rates / rate - 1) < 0.3
        if ordinary.any():  # of two that differ by far neither is near the median
            rate = frames[forward][ordinary].sum() / seconds[forward][ordinary].sum()
        notes.append(
            "timestamps that repeat, run backwards or leap, time is the frame number at the rate of the others: "
            f"{(~forward | jumps).sum()} times, {rate:.4g} frames a second"
        )
        return frame / rate
    return timestamp


_TOGETHER = 512  # rows: what is written column by column stays in the processor's cache


def as_cue(columns: Sequence[np.ndarray], cue: Cue) -> np.ndarray:
    """(F, V, C) float32 of a cue's columns; what 32 bits cannot hold is infinite, which `bound` then finds."""
    found = np.empty((len(columns[0]), len(columns)), np.float32)
    with np.errstate(over="ignore"):
        for first in range(0, len(found), _TOGETHER):
            rows = slice(first, first + _TOGETHER)
            found[rows] = np.stack([column[rows] for column in columns], axis=-1)
    return found.reshape(-1, *cue.shape)


def _in_32_bits(values: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        return values.astype(np.float32)


def bound(cues: Mapping[str, np.ndarray], notes: list[str]) -> None:
    """Makes NaN, in place, of values that no face can have: one of them would rule every scale that is fitted."""
    for name, values in cues.items():
        beyond = (values > _BOUNDS[name]) | (values < -_BOUNDS[name])  # no copy: features may have a GB
        if beyond.any():
            values[beyond] = np.nan
            notes.append(f"values that no face can have, their frames are not used: {beyond.sum()} in {name}")


def implausible(cues: Mapping[str, np.ndarray], success: np.ndarray) -> list[str]:
    """Signs that a cue is not in the units it should be in, looked for in tracked frames."""
    notes = []

    def check(name, values, low, high, units):
        outside = ((values < low) | (values > high)).any(axis=tuple(range(1, values.ndim)))
        if outside.any():
            notes.append(f"{name} outside {low:.4g}..{high:.4g} {units}: {outside.sum()} frames")

    if "aus" in cues:
        check("AU intensities", cues["aus"][success], 0, 5, "(the tool's scale)")
    if "pose" in cues:
        check("head rotation", cues["pose"][success, 1], -2 * np.pi, 2 * np.pi, "rad")
    if "gaze" in cues:
        check("length of the gaze vectors", np.linalg.norm(cues["gaze"][success], axis=-1), 0.95, 1.05, "(unit)")
    return notes


def few(names: Sequence[str] | Mapping[str, object], n: int = 3) -> str:
    """The first `n` names for a message, and whether there are more."""
    names = [shown(name, 40) for name in names]
    return ", ".join(names[:n]) + (", ..." if len(names) > n else "")
