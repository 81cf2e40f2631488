"""The text in which DAIC-WOZ's tracker CLNF writes a track: a file a cue, names joined by comma and space.

Source: the manual of DAIC-WOZ, and the headers of its files.
"""

import io
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from pyarrow import csv as pa_csv
from scipy.spatial.transform import Rotation

from data_builders.simulator.openface_text import project
from data_builders.simulator.tracker import DECIMALS, PRESENCE, Track
from mccl_jax.cues import DAIC_WOZ_AUS, OPENFACE_AUS

# Action units whose presence (0 or 1) this tracker writes.
PRESENT = ("AU04", "AU12", "AU15", "AU23", "AU28", "AU45")

# Names and (F, columns) values of columns that stand side by side.
_Block = tuple[Sequence[str], np.ndarray]


def clnf_texts(track: Track) -> dict[str, bytes]:
    """File, "features3D" and so on -> its text, frames from 1 on.

    What a track does not hold is made from what it holds: pixels are the projection of the points in space, and the
    gaze in the head's frame is that of the camera's frame turned back by the head's rotation.
    """
    gaze = np.concatenate([track.gaze, gaze_in_head(track)], axis=1)
    blocks = {
        "features3D": _points("XYZ", track.landmarks),
        "features": _points("xy", np.round(project(track.landmarks), DECIMALS["landmarks"])),
        "gaze": ([f"{axis}_{eye}" for eye in ("0", "1", "h0", "h1") for axis in "xyz"], gaze.reshape(len(gaze), -1)),
        "pose": (("Tx", "Ty", "Tz", "Rx", "Ry", "Rz"), np.concatenate([track.translation, track.rotation], axis=1)),
        "AUs": ([f"{au}_r" for au in DAIC_WOZ_AUS], track.aus[:, [OPENFACE_AUS.index(au) for au in DAIC_WOZ_AUS]]),
    }
    present = ([f"{au}_c" for au in PRESENT], track.presence[:, [PRESENCE.index(au) for au in PRESENT]])
    return {name: _text(track, block, *([present] if name == "AUs" else [])) for name, block in blocks.items()}


def gaze_in_head(track: Track) -> np.ndarray:
    """(F, 2, 3) unit vectors R^T g, rounded as in the text; 0 where a failed frame has nothing."""
    matrix = Rotation.from_euler("XYZ", track.rotation).as_matrix()  # R = Rx Ry Rz; x @ R is R^T applied to rows
    return np.round(track.gaze @ matrix, DECIMALS["gaze"]) + 0.0  # + 0.0 turns -0.0 into 0.0


def with_cell(text: bytes, column: str, row: int, cell: str) -> bytes:
    """The text with `cell` in place of what stands in row `row`, from 0, of `column`."""
    header, *lines = text.decode().split("\n")
    cells = lines[row].split(", ")
    cells[header.split(", ").index(column)] = cell
    lines[row] = ", ".join(cells)
    return "\n".join([header, *lines]).encode()


def _points(axes: str, points: np.ndarray) -> _Block:
    """(F, P, len(axes)) points as columns: all of the first axis, then all of the next."""
    names = [f"{axis}{point}" for axis in axes for point in range(points.shape[1])]
    return names, points.swapaxes(1, 2).reshape(len(points), -1)


def _text(track: Track, *blocks: _Block) -> bytes:
    columns = {
        "frame": np.arange(1, len(track.time) + 1),
        "timestamp": track.time,
        "confidence": track.confidence,
        "success": track.success.astype(np.int64),
    }
    for names, values in blocks:
        columns |= dict(zip(names, np.ascontiguousarray(values.T), strict=True))
    file = io.BytesIO()
    # Arrow gives each number the fewest digits that read back as the same one.
    pa_csv.write_csv(pa.table(columns), file, pa_csv.WriteOptions(include_header=False))
    return ", ".join(columns).encode() + b"\n" + file.getvalue().replace(b",", b", ")
