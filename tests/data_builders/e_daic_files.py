"""Small made-up sessions in E-DAIC's layouts: every cell tells its column and frame."""

import io
import pathlib
import tarfile

import numpy as np
import scipy.io

from mccl_jax.cues import DEEP, OPENFACE_AUS
from tests.data_builders.daic_woz_files import ITEMS, write_archive, write_folder

COUNT = 60
TRANSCRIPT = [(0.6, 1.1, "hello"), (0.2, 0.5, "so, hi"), (1.2, 1.8, "bye")]
SPLIT_HEADER = "Participant_ID,Gender,PHQ_Binary,PHQ_Score,PCL-C (PTSD),PTSD Severity"
DETAILED_HEADER = ",".join(["Participant_ID", *(f"PHQ_8{item}" for item in ITEMS), "PHQ_8Total"])
BINARY_AUS = (*(f"{au}_c" for au in OPENFACE_AUS), "AU28_c")


def columns(frames: int = COUNT, rate: float = 30.0, seed: int = 0) -> dict[str, list]:
    """Column -> cells of the tracker's file, 53 of them; pose and AUs move a little."""
    numbers = np.arange(frames)
    rng = np.random.default_rng(seed)

    def wave(low, high):
        return np.round((low + high) / 2 + (high - low) / 2 * np.sin(numbers / 9 + rng.uniform(0, 6)), 3).tolist()

    found = {
        "frame": (numbers + 1).tolist(),
        "timestamp": [f"{i / rate:.4f}" for i in numbers],
        "confidence": [0.95] * frames,
        "success": [1] * frames,
    }
    found |= {f"pose_T{axis}": wave(10 * k, 10 * k + 5) for k, axis in enumerate("xyz")}
    found |= {f"pose_R{axis}": wave(0, 0.1) for axis in "xyz"}
    gaze = zip(
        (f"gaze_{eye}_{axis}" for eye in (0, 1) for axis in "xyz"), (0.0, 0.6, -0.8, 0.6, 0.0, -0.8), strict=True
    )
    found |= {name: [value] * frames for name, value in gaze}
    found |= {f"gaze_angle_{axis}": [0.1] * frames for axis in "xy"}
    found |= {f"{au}_r": wave(0, int(au[2:]) / 10) for au in OPENFACE_AUS}
    return found | {name: [1] * frames for name in BINARY_AUS}


def features(frames: int = COUNT, seed: int = 0) -> np.ndarray:
    """(frames, 2048) float32, none of them negative, as behind a ReLU; the first tells the row."""
    found = np.abs(np.random.default_rng(seed).normal(size=(frames, len(DEEP.points)))).astype(np.float32)
    found[:, 0] = np.arange(frames)
    return found


def mat(values: np.ndarray, **options) -> bytes:
    """A MATLAB file of them."""
    file = io.BytesIO()
    scipy.io.savemat(file, {"feature": values}, **options)
    return file.getvalue()


def transcript(rows=TRANSCRIPT) -> str:
    """Rows of (start, stop, text)."""
    lines = [f'{start},{stop},"{text}",0.91' for start, stop, text in rows]
    return "\n".join(["Start_Time,End_Time,Text,Confidence", *lines, ""])


def members(number: int | str, made=None, deep=None, rows=None, separator: str = ", ") -> dict[str, str | bytes]:
    """Name -> content of the members of an archive, what is not read among them.

    Without `rows` the words are the session's own.
    """
    rows = [(*times, f"{words} {number}") for *times, words in TRANSCRIPT] if rows is None else rows
    made = columns() if made is None else made
    cells = [separator.join(made), *(separator.join(map(str, row)) for row in zip(*made.values(), strict=True)), ""]
    names = {
        "{}_AUDIO.wav": b"RIFF",
        "{}_Transcript.csv": transcript(rows),
        "features/{}_densenet201.csv": "audio",
        "features/{}_OpenFace2.1.0_Pose_gaze_AUs.csv": "\n".join(cells),
        "features/{}_CNN_ResNet.mat": mat(features() if deep is None else deep),
        "features/{}_CNN_VGG.mat": b"never read",
    }
    return {f"{number}_P/{name.format(number)}": content for name, content in names.items()}


def without(made: dict[str, str | bytes], part: str) -> dict[str, str | bytes]:
    """The members but those whose name contains `part`."""
    return {name: content for name, content in made.items() if part not in name}


def write_session(path: pathlib.Path, made: dict[str, str | bytes]) -> pathlib.Path:
    """An archive or folder, as its name says: 300_P.tar.gz, 300_P.zip, 300_P, or 300_P.tar, a folder around 300_P."""
    if path.suffix == ".zip":
        return write_archive(path, made)
    if path.name.endswith(".tar.gz"):
        path.parent.mkdir(parents=True, exist_ok=True)
        with tarfile.open(path, "w:gz") as archive:
            for name, content in made.items():
                data = content if isinstance(content, bytes) else content.encode()
                member = tarfile.TarInfo(name)
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
        return path
    prefix = "" if path.suffix == ".tar" else f"{path.name}/"
    return write_folder(path, {name.removeprefix(prefix): content for name, content in made.items()})


def split_row(number: int, score: int, binary: int | None = None, gender: str = "female") -> str:
    """A row of a split file."""
    return f"{number},{gender},{int(score >= 10) if binary is None else binary},{score},0,{20 + score}"


def detailed_row(number: int, score: int, total: int | None = None) -> str:
    """A row of the table of items, which sum up to the score."""
    items = [score // 8 + (i < score % 8) for i in range(8)]
    return ",".join(map(str, [number, *items, score if total is None else total]))


def write_tables(folder: pathlib.Path, train=(), dev=(), test=(), detailed=()) -> None:
    """The four tables, with blank lines at their ends; one without rows is not written."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, header, rows in (
        ("train_split.csv", SPLIT_HEADER, train),
        ("dev_split.csv", SPLIT_HEADER.replace(",PHQ", ", PHQ"), dev),
        ("test_split.csv", SPLIT_HEADER, test),
        ("Detailed_PHQ8_Labels.csv", DETAILED_HEADER, detailed),
    ):
        if rows:
            (folder / name).write_text("\n".join([header, *rows, "", "," * header.count(","), ""]))
