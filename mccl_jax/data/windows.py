"""From records to fixed windows: the only place where frames are filled, moved, scaled, cut or padded.

A session becomes T frames on a regular grid of `rate` Hz. What the cues mean there (`representation="relative"`):

  landmarks   R^T (X - T) with R = Rx Ry Rz: rigid head motion removed (it is 93 to 99 % of the raw variance and would
              only repeat the pose cue); minus the window's median shape; in distances between the eyes
  gaze        R^T g: relative to the head, (0, 0, -1) is straight ahead of the face, y points down
  pose        minus the window's median: mm and rad around the person's own resting place
  aus         intensity / 5, so that a flat face stays flat
  deep        as they are, as is any other cue

`representation="min_max"` keeps camera coordinates and scales by each session's own extremes, as the official code
does (landmarks per axis, translation and AUs jointly; the others raw). `official_windows` leaves all of it to
`mccl_jax.data.official`.
"""

import dataclasses
import pathlib
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from scipy.spatial.transform import Rotation

from data_builders.records import Session
from mccl_jax.cues import EYE_CORNERS, HEAD_FRAME, Cue
from mccl_jax.data.options import BY_QUESTION, QUESTIONS, WindowOptions
from mccl_jax.data.stored import Kept, Rows, Store
from mccl_jax.errors import UserError


@dataclasses.dataclass(frozen=True)
class Windows:
    """N sessions as the model sees them.

    cues      name -> (N, T, V, C) float32, 0 where masked; or rows of it that lie on disk.
    mask      (N, T) bool: the frame holds data.
    segment   (N, T) int32: the segment a frame belongs to, 0..S-1, rising; -1 outside the valid part.
    severity, subject, session   (N,): target (NaN where unknown), and who.
    usable    (N,) share of the recording's frames that are usable, at the tool's own rate.
    """

    cues: Mapping[str, np.ndarray | Rows]
    specification: Mapping[str, Cue]
    mask: np.ndarray
    segment: np.ndarray
    severity: np.ndarray
    subject: np.ndarray
    session: np.ndarray
    usable: np.ndarray

    def __len__(self) -> int:
        return len(self.session)

    def of(self, names: Sequence[str]) -> "Windows":
        """The same windows with the cues of these names alone, in this order; with all of them where none is named."""
        if not names:
            return self
        if missing := [name for name in names if name not in self.cues]:
            raise UserError(f"model.cues: the data have no {', '.join(missing)}; they have {', '.join(self.cues)}")
        cues, specification = ({name: of[name] for name in names} for of in (self.cues, self.specification))
        return dataclasses.replace(self, cues=cues, specification=specification)


def cut_windows(
    sessions: Iterable[Session], options: WindowOptions, folder: pathlib.Path | None = None
) -> tuple[Windows, list[str]]:
    """Cuts one window from each session; sessions may come from a generator, one is held at a time.

    With a `folder` the windows are kept there, where they are not yet, instead of in memory (see `Store`); the official
    ones never are. Returns the windows, unscaled (see `data.scaling`), and one line for each session that had no usable
    frame and is left out. Raises UserError where no session is left, or where sessions differ in their cues.
    """
    if options.official_windows:
        from mccl_jax.data.official import cut_official_windows  # which is made of parts of this module

        return cut_official_windows(sessions, options.official, options.num_segments)
    rows, left_out, specification = [], [], None
    with Kept() if folder is None else Store(folder) as kept:
        for session in sessions:
            specification = specification or dict(session.specification)
            if dict(session.specification) != specification:
                raise UserError(f"{session.session}: its cues differ from those of the sessions before it")
            if (found := _cut(session, options)) is None:
                left_out.append(f"{session.session}: no usable frame in its first {options.seconds:g} s, left out")
            else:
                cues, *row = found
                kept.add(cues)
                rows.append(row)
        if not rows:
            raise UserError("no session with a usable frame: " + ("; ".join(left_out[:3]) or "the data set is empty"))
    masks, segments, severity, subject, session, usable = zip(*rows, strict=True)
    return (
        Windows(
            kept.cues(),
            specification,
            np.stack(masks),
            np.stack(segments),
            np.array(severity, np.float64),
            np.array(subject),
            np.array(session),
            np.array(usable, np.float64),
        ),
        left_out,
    )


def _cut(session: Session, options: WindowOptions):
    usable = session.usable
    if not usable.any():
        return None
    _check_rate(session, options)
    time, question = session.time[usable], session.question[usable]
    place = _grid_by_question if options.segments == BY_QUESTION else _grid
    places, grid, of_question = place(session, time, question, options)
    if not len(places):
        return None
    cues = {name: values[usable].astype(np.float64) for name, values in session.cues.items()}
    cues = _relative_to_the_head(cues, session.specification) if options.representation == "relative" else min_max(cues)
    sampled, mask = resample(cues, time, question, grid, of_question, options)
    if not mask.any():
        return None
    if options.representation == "relative":
        sampled = _around_the_resting_face(sampled, mask)

    def placed(values, fill=0):
        whole = np.full((options.frames, *values.shape[1:]), fill, values.dtype)
        whole[places] = values
        return whole

    cues = {
        name: placed(np.where(mask[:, None, None], values, 0)).astype(np.float32) for name, values in sampled.items()
    }
    segment = of_question - 1 if options.segments == BY_QUESTION else equal_segments(mask, options.segments)
    segment = placed(segment.astype(np.int32), fill=-1)
    frames, usable_frames = session.recorded
    return cues, placed(mask), segment, session.target, session.subject, session.session, usable_frames / frames


def _check_rate(session: Session, options: WindowOptions) -> None:
    """Raises UserError where a record whose frames were thinned out does not hold those that the options ask for."""
    if thinned := session.provenance.get("thinned"):
        every = thinned["rate"] / options.rate
        if every < 1 or every != round(every) or options.sampling != "nearest":
            raise UserError(
                f"{session.session}: holds frames for windows.sampling 'nearest' at {thinned['rate']:g} Hz, or at a "
                f"whole part of that, not for {options.sampling!r} at {options.rate:g} Hz: prepare it at its own rate"
            )


def _grid(session: Session, time: np.ndarray, question: np.ndarray, options: WindowOptions):
    """(places in the window, their times, the questions they belong to) of the interview as a whole."""
    # From the first to the last word, or, where no transcript says, from the first to the last usable frame.
    start, end = np.where(np.isfinite(session.speech_span), session.speech_span, time[[0, -1]])
    n = max(0, min(options.frames, int((end - start) * options.rate + 1e-6) + 1))
    grid = start + np.arange(n) / options.rate
    return np.arange(n), grid, question[_nearest(time, grid)]


def _grid_by_question(session: Session, time: np.ndarray, question: np.ndarray, options: WindowOptions):
    """The same where each question has a stretch of the window to itself."""
    asked = np.unique(question)
    if asked[0] < 1 or asked[-1] > QUESTIONS:
        raise UserError(
            f"{session.session}: windows.segments is {BY_QUESTION!r}, but the recording is not cut by questions "
            f"1..{QUESTIONS}: give a number of segments of equal length"
        )
    share = options.frames // QUESTIONS
    places, grid, of_question = [], [], []
    for one in asked:
        first, last = time[question == one][[0, -1]]
        n = min(share, int((last - first) * options.rate + 1e-6) + 1)
        places.append((one - 1) * share + np.arange(n))
        grid.append(first + np.arange(n) / options.rate)
        of_question.append(np.full(n, one))
    return tuple(map(np.concatenate, (places, grid, of_question)))


def equal_segments(mask: np.ndarray, segments: int) -> np.ndarray:
    """Equal stretches of the valid part, which reaches from the first to the last valid frame; -1 outside of it."""
    first, last = np.flatnonzero(mask)[[0, -1]]
    at = np.arange(len(mask)) - first
    inside = (at >= 0) & (at <= last - first)
    return np.where(inside, at * segments // (last - first + 1), -1).astype(np.int32)


def _relative_to_the_head(cues: dict[str, np.ndarray], specification: Mapping[str, Cue]) -> dict[str, np.ndarray]:
    """Landmarks and gaze in the head's own frame; needs the pose for both. AUs as a share of their scale."""
    out = dict(cues)
    if "pose" in cues:
        translation, rotation = cues["pose"][:, 0], cues["pose"][:, 1]
        # Upper case: intrinsic x, then y, then z, that is R = Rx Ry Rz. x @ R is R^T applied to the rows of x.
        matrix = Rotation.from_euler("XYZ", rotation).as_matrix()
        if "landmarks" in cues:
            out["landmarks"] = (cues["landmarks"] - translation[:, None]) @ matrix
        if "gaze" in cues:
            head = [point.endswith(HEAD_FRAME) for point in specification["gaze"].points]  # is relative to it already
            out["gaze"] = np.where(np.array(head)[:, None], cues["gaze"], cues["gaze"] @ matrix)
    elif "landmarks" in cues or "gaze" in cues:
        raise UserError(
            "windows.representation 'relative' needs the pose cue to remove head motion: "
            "add it to data.cues or choose 'min_max'"
        )
    if "aus" in cues:
        out["aus"] = cues["aus"] / 5
    return out


def _around_the_resting_face(cues: dict[str, np.ndarray], mask: np.ndarray) -> dict[str, np.ndarray]:
    out = dict(cues)
    if "landmarks" in cues:
        shape = np.median(cues["landmarks"][mask], axis=0)
        right, left = (shape[list(corners)].mean(axis=0) for corners in EYE_CORNERS)
        between_eyes = np.linalg.norm(left - right)
        out["landmarks"] = (cues["landmarks"] - shape) / (between_eyes or 1.0)
    if "pose" in cues:
        out["pose"] = cues["pose"] - np.median(cues["pose"][mask], axis=0)
    return out


def min_max(cues: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The official scaling: by the session's extremes, landmarks per axis, translation and AUs jointly."""

    def scaled(values, axis):
        low, high = values.min(axis=axis, keepdims=True), values.max(axis=axis, keepdims=True)
        return (values - low) / np.where(high > low, high - low, 1.0)

    out = dict(cues)
    if "landmarks" in cues:
        out["landmarks"] = scaled(cues["landmarks"], (0, 1))
    if "pose" in cues:
        out["pose"] = np.stack([scaled(cues["pose"][:, 0], (0, 1)), cues["pose"][:, 1]], axis=1)
    if "aus" in cues:
        out["aus"] = scaled(cues["aus"], (0, 1, 2))
    return out


def _nearest(time: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """Index of the frame that is nearest to each point of the grid; of two as near, the earlier one."""
    after = np.clip(np.searchsorted(time, grid), 0, len(time) - 1)
    before = np.clip(after - 1, 0, None)
    return np.where(np.abs(time[before] - grid) <= np.abs(time[after] - grid), before, after)


def resample(cues, time, question, grid, of_question, options) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Usable frames at `time` onto `grid`; returns the values (undefined where masked) and the mask.

    For each point, frames of another question than its own are as if they were not there.
    """
    half_step = 0.5 / options.rate + 1e-9
    begin, end = np.searchsorted(question, of_question), np.searchsorted(question, of_question, side="right")
    after = np.clip(np.searchsorted(time, grid), begin, end - 1)
    before = np.clip(after - 1, begin, None)
    nearest = np.where(np.abs(time[before] - grid) <= np.abs(time[after] - grid), before, after)
    direct = np.abs(time[nearest] - grid) <= half_step
    gap = time[after] - time[before]
    bridged = ~direct & (time[before] <= grid) & (grid <= time[after]) & (gap <= options.max_gap + 1e-9)
    share = np.where(gap > 0, (grid - time[before]) / np.where(gap > 0, gap, 1), 0.0)[:, None, None]
    first = np.clip(np.searchsorted(time, grid - half_step), begin, end)
    count = np.clip(np.searchsorted(time, grid + half_step, side="right"), begin, end) - first

    def sample(values):
        if options.sampling == "nearest":
            at = values[nearest]
        else:
            total = np.concatenate([np.zeros((1, *values.shape[1:])), np.cumsum(values, axis=0)])
            at = (total[first + count] - total[first]) / np.maximum(count, 1)[:, None, None]
        between = (1 - share) * values[before] + share * values[after]
        return np.where(bridged[:, None, None], between, at)

    return {name: sample(values) for name, values in cues.items()}, direct | bridged
