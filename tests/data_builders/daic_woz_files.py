"""Small made-up sessions in DAIC-WOZ's layout: every cell tells its column and frame."""

import pathlib
import zipfile

import numpy as np

from mccl_jax.cues import DAIC_WOZ_AUS

COUNT = 60
TRANSCRIPT = [(0.2, 0.5, "Ellie", "hi"), (0.6, 1.1, "Participant", "hello"), (1.2, 1.8, "Ellie", "bye")]
ITEMS = ["NoInterest", "Depressed", "Sleep", "Tired", "Appetite", "Failure", "Concentrating", "Moving"]
TRAIN_HEADER = ["Participant_ID", "PHQ8_Binary", "PHQ8_Score", "Gender", *(f"PHQ8_{item}" for item in ITEMS)]
BINARY_AUS = ("AU04_c", "AU12_c", "AU15_c", "AU23_c", "AU28_c", "AU45_c")


def tables(frames: int = COUNT, rate: float = 30.0, seed: int = 0) -> dict[str, dict[str, list]]:
    """File ("features3D", ...) -> column -> cells. The first points are plain numbers, the rest moves a little."""
    numbers = np.arange(frames)
    rng = np.random.default_rng(seed)

    def wave(low, high):
        return np.round((low + high) / 2 + (high - low) / 2 * np.sin(numbers / 9 + rng.uniform(0, 6)), 3).tolist()

    context = {
        "frame": (numbers + 1).tolist(),
        "timestamp": [f"{i / rate:.4f}" for i in numbers],
        "confidence": [0.95] * frames,
        "success": [1] * frames,
    }
    landmarks = {
        f"{axis}{p}": wave(at + p, at + p + 2) for axis, at in zip("XYZ", (0, 100, 500), strict=True) for p in range(68)
    }
    names = [f"{axis}_{eye}" for eye in ("0", "1", "h0", "h1") for axis in "xyz"]
    gaze = dict(zip(names, ([value] * frames for value in (0.0, 0.6, -0.8, 0.6, 0.0, -0.8) * 2), strict=True))
    pose = {name: wave(10 * k, 10 * k + 5) for k, name in enumerate(("Tx", "Ty", "Tz"))}
    pose |= {name: wave(0, 0.1) for name in ("Rx", "Ry", "Rz")}
    aus = {f"{au}_r": wave(0, int(au[2:]) / 10) for au in DAIC_WOZ_AUS} | {au: [1] * frames for au in BINARY_AUS}
    cues = {"features3D": landmarks, "gaze": gaze, "pose": pose, "AUs": aus}
    return {name: {column: list(cells) for column, cells in context.items()} | cue for name, cue in cues.items()}


def text(columns: dict[str, list]) -> str:
    """The columns as CLNF prints them."""
    return "\n".join(
        [", ".join(columns), *(", ".join(map(str, row)) for row in zip(*columns.values(), strict=True)), ""]
    )


def transcript(rows=TRANSCRIPT) -> str:
    """Rows of (start, stop, speaker, value)."""
    return "\n".join(["start_time\tstop_time\tspeaker\tvalue", *("\t".join(map(str, row)) for row in rows), ""])


def members(number: str, made: dict[str, dict[str, list]] | None = None, rows=None) -> dict[str, str]:
    """Name -> text of the members of an archive that are read; without `rows` the words are the session's own."""
    rows = [(*times, f"{words} {number}") for *times, words in TRANSCRIPT] if rows is None else rows
    names = {f"{number}_CLNF_{file}.txt": text(columns) for file, columns in (made or tables()).items()}
    return names | {f"{number}_TRANSCRIPT.csv": transcript(rows)}


def write_archive(path: pathlib.Path, contents: dict[str, str | bytes]) -> pathlib.Path:
    """A zip of `contents`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return path


def write_folder(path: pathlib.Path, contents: dict[str, str | bytes]) -> pathlib.Path:
    """The same as a folder."""
    for name, content in contents.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def label_row(number: int | str, score: int = 8, binary: int | None = None, gender: int = 1) -> str:
    """A row of the train and dev files; items that sum up to the score."""
    items = [score // 8 + (i < score % 8) for i in range(8)]
    return ",".join(map(str, [number, int(score >= 10) if binary is None else binary, score, gender, *items]))


def write_splits(folder: pathlib.Path, train=(), dev=(), test=(), full_test=()) -> None:
    """The four split files, with blank lines at their ends; a file without rows is not written."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, header, rows in (
        ("train_split_Depression_AVEC2017.csv", ",".join(TRAIN_HEADER), train),
        ("dev_split_Depression_AVEC2017.csv", ",".join(TRAIN_HEADER), dev),
        ("test_split_Depression_AVEC2017.csv", "participant_ID,Gender", test),
        ("full_test_split.csv", "Participant_ID,PHQ_Binary,PHQ_Score,Gender", full_test),
    ):
        if rows:
            (folder / name).write_text("\n".join([header, *rows, "", ",," if name.startswith("dev") else "", ""]))
