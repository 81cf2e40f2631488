"""Small OpenFace CSVs for tests: every cell tells its column and frame."""

import gzip
import pathlib

from mccl_jax.cues import OPENFACE_AUS

COUNT = 12


def columns(frames: int = COUNT, rate: float = 25.0) -> dict[str, list]:
    """Column -> cells of a full recording; X_p at frame i is p + i / 100, Y_p 100 + p, Z_p 500 + p, x_p -1."""
    numbers = range(frames)
    found = {
        "frame": [i + 1 for i in numbers],
        "face_id": [0] * frames,
        "timestamp": [f"{i / rate:.3f}" for i in numbers],
        "confidence": [0.98] * frames,
        "success": [1] * frames,
    }
    for eye in (0, 1):
        for axis, value in zip("xyz", (0.0, 0.6, -0.8) if eye == 0 else (0.6, 0.0, -0.8), strict=True):
            found[f"gaze_{eye}_{axis}"] = [value] * frames
    found |= {"gaze_angle_x": [0.1] * frames, "gaze_angle_y": [0.2] * frames}
    found |= {f"pose_T{axis}": [10 * (k + 1) + i / 10 for i in numbers] for k, axis in enumerate("xyz")}
    found |= {f"pose_R{axis}": [0.1 * (k + 1)] * frames for k, axis in enumerate("xyz")}
    for axis in "xy":
        found |= {f"{axis}_{p}": [-1] * frames for p in range(68)}
    found |= {f"X_{p}": [p + i / 100 for i in numbers] for p in range(68)}
    found |= {f"Y_{p}": [100 + p] * frames for p in range(68)}
    found |= {f"Z_{p}": [500 + p] * frames for p in range(68)}
    found |= {f"{au}_r": [int(au[2:]) / 10] * frames for au in OPENFACE_AUS}
    return found | {f"{au}_c": [1] * frames for au in OPENFACE_AUS}


def text(columns: dict[str, list], separator: str = ", ", newline: str = "\n") -> str:
    """The columns as OpenFace prints them."""
    lines = [separator.join(columns), *(separator.join(map(str, row)) for row in zip(*columns.values(), strict=True))]
    return newline.join(lines) + newline


def write(path: pathlib.Path, columns: dict[str, list], encoding: str = "utf-8", **layout: str) -> pathlib.Path:
    """Writes a recording, gzipped where the name ends in .gz."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = text(columns, **layout).encode(encoding)
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path
