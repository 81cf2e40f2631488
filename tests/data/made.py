"""Made-up sessions for the tests of windows, and the window of one session."""

import numpy as np

from data_builders.records import Session
from mccl_jax.cues import AUS, GAZE, LANDMARKS, POSE, Cue
from mccl_jax.data.windows import WindowOptions, cut_windows

# A cue that no representation changes: one number a frame.
PLAIN = Cue("plain", ("frame",), ("value",), "")
FACE = {"landmarks": LANDMARKS, "gaze": GAZE, "pose": POSE, "aus": AUS}


def session(time, specification, cues, success=None, **fields):
    F = len(time)
    return Session(
        **{"session": "s", "subject": "p", "target": 7.0, "speech_span": np.full(2, np.nan)} | fields,
        cues={name: np.asarray(x, np.float32) for name, x in cues.items()},
        specification=specification,
        time=np.asarray(time, float),
        confidence=np.ones(F, np.float32),
        success=np.ones(F, bool) if success is None else np.asarray(success, bool),
        question=np.zeros(F, np.int32),
    )


def plain(time, values, success=None, **fields):
    """A session of the plain cue."""
    return session(time, {"plain": PLAIN}, {"plain": np.reshape(values, (-1, 1, 1))}, success, **fields)


def cut(one, **options):
    """The only window of a session, as arrays without the leading axis: its cues, mask, segment."""
    windows, left_out = cut_windows([one], WindowOptions(**{"rate": 2.0, "seconds": 4.0} | options))
    assert not left_out
    return {name: x[0] for name, x in windows.cues.items()}, windows.mask[0], windows.segment[0]


def face(frames=40, seed=0, expression=True):
    """A head that turns and travels, whose face moves a little and whose eyes look straight ahead of it: a session.

    The points of the face at rest, and where they are in the head's frame at each moment, are given as well.
    """
    rng = np.random.default_rng(seed)
    time = np.arange(frames) / 2
    rest = rng.normal(0, 30, (68, 3))
    rest[[36, 39], 0], rest[[42, 45], 0] = [-45, -15], [15, 45]
    rest[[36, 39, 42, 45], 1:] = 0, -20
    local = np.repeat(rest[None], frames, axis=0)
    if expression:
        local[:, 48] += [0, 1, 0] * np.sin(time)[:, None]  # one point of the mouth
    wander = np.sin(np.outer(time, [0.7, 0.4, 0.9]) + np.arange(3))
    translation, angles = [20, -10, 600] + 80 * wander, 0.5 * wander[:, ::-1]
    x, y, z = angles.T
    zero, one = np.zeros(frames), np.ones(frames)
    # R = Rx Ry Rz, written out.
    rx = np.array([[one, zero, zero], [zero, np.cos(x), -np.sin(x)], [zero, np.sin(x), np.cos(x)]])
    ry = np.array([[np.cos(y), zero, np.sin(y)], [zero, one, zero], [-np.sin(y), zero, np.cos(y)]])
    rz = np.array([[np.cos(z), -np.sin(z), zero], [np.sin(z), np.cos(z), zero], [zero, zero, one]])
    matrix = np.einsum("ijt,jkt,klt->til", rx, ry, rz)
    cues = {
        "landmarks": np.einsum("tij,tvj->tvi", matrix, local) + translation[:, None],
        "gaze": np.einsum("tij,vj->tvi", matrix, np.tile([0, 0, -1.0], (2, 1))),
        "pose": np.stack([translation, angles], axis=1),
        "aus": rng.uniform(0, 5, (frames, 17, 1)),
    }
    return session(time, FACE, cues), rest, local
