"""The windows of the official preparation (xkwangcn/MCCL, commit 19ce640), from a record of DAIC-WOZ with all frames.

A cue is scaled over the whole recording (landmarks per axis, translation and AUs jointly, each to 0..1; gaze and
rotation stay), cut to the transcript, from the start of its first row to the stop of its last, and laid into windows
of 60 s with zeros behind the end; every tenth frame is kept. Seven windows end to end are what the model sees. Time is
the number of the row over 30, never the timestamp.

What that preparation does by mistake is a switch of `OfficialOptions`, off by default. Not reproduced: what it makes of
files whose rows are out of order, doubled or missing in some files only (records are in order and aligned), and of a
cue that never changes (0/0 there, 0 here).
"""

import dataclasses
from collections.abc import Iterable, Mapping

import numpy as np

from data_builders.records import Session
from mccl_jax.data.options import OfficialOptions, WindowOptions
from mccl_jax.data.windows import Windows, equal_segments, min_max, resample
from mccl_jax.errors import UserError

FRAME_RATE, STEP = 30, 10  # frames a second; of which every tenth is kept
WINDOW, TRAIN_HOP = 60 * FRAME_RATE, 50 * FRAME_RATE
FRAMES = WINDOW // STEP  # of a window, kept: 180
WINDOWS = 7  # that the model sees; the official loader stops at a session that has fewer
NO_MISTAKES = OfficialOptions()


@dataclasses.dataclass(frozen=True)
class OfficialWindows:
    """W windows of one session, as many as the official preparation makes.

    cues   name -> (W, 180, V, C) float32, 0 behind the end of the interview and where masked; NaN where D4 leaves it.
    mask   (W, 180) bool: every cue has data there.
    """

    cues: Mapping[str, np.ndarray]
    mask: np.ndarray


def number_of_windows(frames: int, hop: int) -> int:
    """How many windows the official code makes of so many frames; none of 300 frames and fewer at a hop of 1500."""
    return (frames - WINDOW) // hop + (1 if (frames - WINDOW) % hop == 0 else 2)


def official_windows(session: Session, options: OfficialOptions = NO_MISTAKES) -> OfficialWindows:
    """All windows of one session.

    Raises UserError where the record holds only some of the frames, no landmarks, or no times of the transcript.
    """
    begin, end = _span(session)
    train = session.split == "train"
    begins = dict.fromkeys(session.cues, begin)
    if train and options.landmarks_uncut_in_train:
        begins["landmarks"] = 0
    hop = TRAIN_HOP if train and options.train_hop_50 else WINDOW
    count = number_of_windows(max(0, end - begins["landmarks"]), hop)
    # Rows of the frames that are kept, counted from where a cue begins.
    rows = hop * np.arange(count)[:, None] + np.arange(0, WINDOW, STEP)
    take = _as_it_stands if options.fill_with_one_value else _by_usable_frames
    cues, mask = {}, np.ones(rows.shape, bool)
    for name, values, time in _prepared(session, options):
        cues[name], has_data = take(values, time, begins[name], end, rows)
        mask &= has_data
    return OfficialWindows(cues, mask)


def model_input(windows: OfficialWindows) -> tuple[dict[str, np.ndarray], np.ndarray, int]:
    """The model's cues (1260, V, C) and mask (1260,) from the first seven windows, and how many of these there were.

    Where there are fewer the rest is 0 and masked. So are frames with a value that is NaN, on which a training would
    end as NaN.
    """
    found = min(len(windows.mask), WINDOWS)
    mask = np.zeros((WINDOWS, FRAMES), bool)
    mask[:found] = windows.mask[:WINDOWS]
    joined = {}
    for name, values in windows.cues.items():
        whole = np.zeros((WINDOWS, *values.shape[1:]), np.float32)
        whole[:found] = values[:WINDOWS]
        joined[name] = whole.reshape(WINDOWS * FRAMES, *values.shape[2:])
    readable = np.all([np.isfinite(values).all(axis=(1, 2)) for values in joined.values()], axis=0)
    cues = {name: np.where(readable[:, None, None], values, 0) for name, values in joined.items()}
    return cues, mask.ravel() & readable, found


def cut_official_windows(
    sessions: Iterable[Session], options: OfficialOptions = NO_MISTAKES, segments: int = 3
) -> tuple[Windows, list[str]]:
    """As `windows.cut_windows`: the model's input of each session, and a line on each that is left out or padded.

    Raises UserError where no session is left, or where sessions differ in their cues.
    """
    rows, notes, specification = [], [], None
    for session in sessions:
        specification = specification or dict(session.specification)
        if dict(session.specification) != specification:
            raise UserError(f"{session.session}: its cues differ from those of the sessions before it")
        one = official_windows(session, options)
        cues, mask, found = model_input(one)
        if not mask.any():
            notes.append(f"{session.session}: no frame in its official windows holds data, left out")
            continue
        if found < WINDOWS:
            notes.append(
                f"{session.session}: {found} of {WINDOWS} official windows, with which the official code stops: padded "
                "and masked"
            )
        frames, usable = session.recorded
        if left := int(np.any([np.isnan(values).any(axis=(2, 3)) for values in one.cues.values()], axis=0).sum()):
            notes.append(f"{session.session}: {left} frames that the official code leaves as NaN are masked")
        rows.append((session, cues, mask, usable / frames))
    if not rows:
        raise UserError("no session with a usable frame: " + ("; ".join(notes[:3]) or "the data set is empty"))
    kept, cues, masks, usable = zip(*rows, strict=True)
    return (
        Windows(
            cues={name: np.stack([one[name] for one in cues]) for name in specification},
            specification=specification,
            mask=np.stack(masks),
            segment=np.stack([equal_segments(mask, segments) for mask in masks]),
            severity=np.array([session.target for session in kept], np.float64),
            subject=np.array([session.subject for session in kept]),
            session=np.array([session.session for session in kept]),
            usable=np.array(usable, np.float64),
        ),
        notes,
    )


def _span(session: Session) -> tuple[int, int]:
    """(first row, row behind the last) of the interview, by the transcript's own times."""
    if "thinned" in session.provenance:
        raise UserError(f"{session.session}: holds only some frames; official windows need all: prepare it as 'native'")
    if "landmarks" not in session.cues:
        raise UserError(
            f"{session.session}: has no landmarks, whose length official windows go by: add them to data.cues"
        )
    times = session.provenance.get("transcript", {})
    start, stop = times.get("first_start"), times.get("last_stop")
    if start is None or stop is None:
        raise UserError(
            f"{session.session}: no time of its transcript's first or last row; official windows need DAIC-WOZ's: "
            "leave this session out"
        )
    return max(0, int(start * FRAME_RATE)), max(0, min(len(session.time), int(stop * FRAME_RATE)))


def _prepared(session: Session, options: OfficialOptions):
    """(name, values scaled over the whole recording, their times) of each cue: all frames with D4, else usable ones."""
    time = np.arange(len(session.time)) / FRAME_RATE
    cues = {name: values.astype(np.float64) for name, values in session.cues.items()}
    if options.fill_with_one_value:
        fill = session.provenance.get("official_fill", {})
        for name, value in fill.items():
            if name in cues and value is not None:
                cues[name] = np.where(np.isnan(cues[name]), value, cues[name])
    else:
        usable = session.usable
        time, cues = time[usable], {name: values[usable] for name, values in cues.items()}
    scaled = min_max(cues) if len(time) else cues
    if options.raw_translation_zero_rotation and "pose" in cues:
        scaled["pose"] = np.stack([cues["pose"][:, 0], np.zeros_like(cues["pose"][:, 1])], axis=1)
    for name, values in scaled.items():
        yield name, values, time


def _as_it_stands(values, time, begin: int, end: int, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(W, 180, V, C) and (W, 180): the frames of `rows`, counted from `begin`, as far as they lie before `end`."""
    inside = begin + rows < end
    taken = values[np.where(inside, begin + rows, 0)]
    return np.where(inside[..., None, None], taken, 0).astype(np.float32), inside


def _by_usable_frames(values, time, begin: int, end: int, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same from usable frames at `time`, by the rule of `windows.resample` for those that are not."""
    grid = (begin + rows).ravel() / FRAME_RATE
    within = (time >= begin / FRAME_RATE) & (time < end / FRAME_RATE)
    if not within.any() or not len(grid):
        return np.zeros((*rows.shape, *values.shape[1:]), np.float32), np.zeros(rows.shape, bool)
    # Windows may overlap: the grid need not rise.
    nothing = np.zeros(within.sum(), int), np.zeros(len(grid), int)  # of no question
    options = WindowOptions(rate=FRAME_RATE / STEP)
    sampled, mask = resample({"": values[within]}, time[within], nothing[0], grid, nothing[1], options)
    mask = mask & (grid < end / FRAME_RATE)
    taken = np.where(mask[:, None, None], sampled[""], 0).astype(np.float32)
    return taken.reshape(*rows.shape, *values.shape[1:]), mask.reshape(rows.shape)
