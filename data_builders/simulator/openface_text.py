"""The text in which OpenFace 2.x writes a track: names of the columns, their order, decimals and separator.

Source: RecorderCSV.cpp and the wiki page "Output Format" of TadasBaltrusaitis/OpenFace.
"""

import io
import pathlib
from collections.abc import Iterator, Sequence
from typing import TextIO

import numpy as np

from data_builders.simulator.tracker import DECIMALS, PRESENCE, Track
from mccl_jax.cues import EYE_CORNERS, OPENFACE_AUS

# What OpenFace assumes of a camera that it knows nothing of, with pictures of 640 x 480.
FOCAL_LENGTH = 500.0  # px
CENTRE = (320.0, 240.0)  # px

_PIXELS = _MILLIMETRES = DECIMALS["landmarks"]
_SHAPE = 3  # decimals of the face's rigid and non-rigid parameters

# Names, decimals and (F, columns) values of columns that stand side by side.
_Block = tuple[Sequence[str], int, np.ndarray]


def write_openface_csv(path: pathlib.Path, track: Track) -> None:
    """Writes the 258 columns of the switches -3Dfp -pose -gaze -aus, joined by commas."""
    blocks = [*_context(track), *_gaze(track), *_pose(track), *_landmarks(track), *_aus(track)]
    with path.open("w", encoding="ascii", newline="\n") as file:
        _write(file, blocks, ",")


def write_full_openface_csv(path: pathlib.Path, track: Track) -> None:
    """Writes the 714 columns of OpenFace without switches, joined by comma and space.

    What a track does not hold is filled in from what it holds: pixels are the projection of the points in space, the
    eyes' own landmarks are rings about the middle of the eye, and the parameters of the face's shape are 0.
    """
    blocks = [*_context(track), *_gaze(track), *_eyes(track), *_pose(track)]
    blocks += [_points("", "xy", project(track.landmarks), _PIXELS), *_landmarks(track), *_shape(track), *_aus(track)]
    with path.open("w", encoding="ascii", newline="\n") as file:
        _write(file, blocks, ", ")


def pose_gaze_aus_text(track: Track, separator: str) -> bytes:
    """The 53 columns that E-DAIC has of OpenFace 2.1, which lack face_id; their order is a guess."""
    _, *context = _context(track)
    frame = ("frame",), 0, np.arange(1, len(track.time) + 1)[:, None]
    file = io.StringIO()
    _write(file, [frame, *context, *_pose(track), *_gaze(track), *_aus(track)], separator)
    return file.getvalue().encode()


def _write(file: TextIO, blocks: Sequence[_Block], separator: str) -> None:
    names = [name for names, _, _ in blocks for name in names]
    line = separator.join(f"%.{places}f" for names, places, _ in blocks for _ in names) + "\n"
    values = np.concatenate([values for _, _, values in blocks], axis=1)
    file.write(separator.join(names) + "\n")
    file.writelines(line % tuple(row) for row in values.tolist())


def _context(track: Track) -> Iterator[_Block]:
    frame = np.arange(1, len(track.time) + 1)
    yield ("frame", "face_id"), 0, np.stack([frame, np.zeros_like(frame)], axis=1)
    yield ("timestamp",), DECIMALS["time"], track.time[:, None]
    yield ("confidence",), DECIMALS["confidence"], track.confidence[:, None]
    yield ("success",), 0, track.success[:, None]


def _gaze(track: Track) -> Iterator[_Block]:
    for eye in range(2):
        yield [f"gaze_{eye}_{axis}" for axis in "xyz"], DECIMALS["gaze"], track.gaze[:, eye]
    yield ("gaze_angle_x", "gaze_angle_y"), DECIMALS["gaze_angle"], track.gaze_angle


def _pose(track: Track) -> Iterator[_Block]:
    yield ("pose_Tx", "pose_Ty", "pose_Tz"), DECIMALS["translation"], track.translation
    yield ("pose_Rx", "pose_Ry", "pose_Rz"), DECIMALS["rotation"], track.rotation


def _landmarks(track: Track) -> Iterator[_Block]:
    yield _points("", "XYZ", track.landmarks, _MILLIMETRES)


def _aus(track: Track) -> Iterator[_Block]:
    yield [f"{au}_r" for au in OPENFACE_AUS], DECIMALS["aus"], track.aus
    yield [f"{au}_c" for au in PRESENCE], DECIMALS["aus"], track.presence


def _eyes(track: Track) -> Iterator[_Block]:
    """28 points an eye: 8 around the iris, 12 along the lids, 8 around the pupil."""
    rings = np.concatenate([_ring(8, 6.0, 6.0), _ring(12, 11.0, 4.5), _ring(8, 3.0, 3.0)])
    points = np.concatenate([track.landmarks[:, corners].mean(axis=1)[:, None] + rings for corners in EYE_CORNERS], 1)
    nothing = (track.landmarks == 0).all(axis=(1, 2))
    points[nothing] = 0
    yield _points("eye_lmk_", "xy", project(points), _PIXELS)
    yield _points("eye_lmk_", "XYZ", points, _MILLIMETRES)


def _shape(track: Track) -> Iterator[_Block]:
    depth = track.translation[:, 2:]
    scale = np.divide(FOCAL_LENGTH, depth, out=np.zeros_like(depth), where=depth > 0)
    rigid = np.concatenate([scale, track.rotation, project(track.translation[:, None])[:, 0]], axis=1)
    yield ("p_scale", "p_rx", "p_ry", "p_rz", "p_tx", "p_ty"), _SHAPE, rigid
    yield [f"p_{mode}" for mode in range(34)], _SHAPE, np.zeros((len(depth), 34))


def _points(prefix: str, axes: str, points: np.ndarray, places: int) -> _Block:
    """(F, P, len(axes)) points as columns: all of the first axis, then all of the next."""
    names = [f"{prefix}{axis}_{point}" for axis in axes for point in range(points.shape[1])]
    return names, places, points.swapaxes(1, 2).reshape(len(points), -1)


def _ring(points: int, width: float, height: float) -> np.ndarray:
    """(points, 3) mm on an ellipse of these half axes, parallel to the picture, from its left end."""
    angle = np.pi + 2 * np.pi * np.arange(points) / points
    return np.stack([width * np.cos(angle), height * np.sin(angle), np.zeros(points)], axis=1)


def project(points: np.ndarray) -> np.ndarray:
    """(F, P, 3) mm, camera frame -> (F, P, 2) px; 0 where a failed frame has nothing."""
    depth = points[:, :, 2:]
    pixels = np.divide(FOCAL_LENGTH * points[:, :, :2], depth, out=np.zeros_like(points[:, :, :2]), where=depth > 0)
    return np.where(depth > 0, pixels + CENTRE, 0.0)
