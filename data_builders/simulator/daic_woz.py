"""Writes a simulated corpus in the layout in which DAIC-WOZ is handed out, with the defects of the real one.

The corpus: Gratch et al., LREC 2014, and its manual. Layout and defects as those who read it describe them:
cosmaadrian/multimodal-depression-from-video, xkwangcn/MCCL, adbailey1/daic_woz_process.
"""

import io
import pathlib
import zipfile

from tqdm import tqdm

from data_builders.simulator.clnf_text import clnf_texts, with_cell
from data_builders.simulator.daic_woz_simulation import DaicWozSimulation
from data_builders.simulator.daic_woz_tables import write_splits
from data_builders.simulator.dummies import APPLE_DOUBLE_FILE, SILENCE
from data_builders.simulator.interview_simulation import Line

# What befell the files of these sessions; of the real corpus are the AppleDouble file and, probably, the cells.
APPLE_DOUBLE = "487"  # in place of the transcript
# Session, file, column -> what stands in the middle frame of the recording (`middle`).
NOT_NUMBERS = {
    ("300", "pose", "Ry"): "-1.#IND",
    ("301", "gaze", "x_h1"): "1.#QNAN",
    ("302", "features3D", "X30"): "-1.#IND",
    ("303", "AUs", "AU12_r"): "1.#QNAN",
    ("303", "AUs", "AU45_c"): "-1.#IND",
}
EXTRACTED = ("304", "305")  # folders in place of archives
TRUNCATED = "306"  # the archive ends in the middle
FROM_A_MAC = "307"  # an archive with what macOS adds
WITHOUT_ARCHIVE = "308"  # in a split file alone
AUS_AS_CSV = "309"  # as the manual calls the file
UNLISTED = "493"  # in no split file: the first session once more, under a number that the corpus does not have

_LONG_AGO = (2000, 1, 1, 0, 0, 0)


def write_daic_woz(folder: pathlib.Path, simulation: DaicWozSimulation) -> None:
    """Writes an archive or a folder a session, and the four split files, into `folder`."""
    for i in tqdm(range(len(simulation)), desc="simulating", unit="session", disable=None):
        number = simulation.name(i)
        if number != WITHOUT_ARCHIVE:
            _write_session(folder, number, _files(simulation, i, number))
    _write_session(folder, UNLISTED, _files(simulation, 0, UNLISTED))
    write_splits(folder, simulation)


def is_nested(number: str) -> bool:
    """Whether the members of this session's archive lie under a folder {number}_P, or flat: both occur."""
    return int(number) % 2 == 1


def middle(frames: int) -> int:
    """The frame, from 0, in which the cells of NOT_NUMBERS are."""
    return frames // 2


def _files(simulation: DaicWozSimulation, i: int, number: str) -> dict[str, bytes]:
    """Name -> content of all files of session i, under `number`."""
    track = simulation.track(i)
    texts = clnf_texts(track)
    for (session, file, column), cell in NOT_NUMBERS.items():
        if session == number:
            texts[file] = with_cell(texts[file], column, middle(len(track.time)), cell)
    kinds = {name: "csv" if (number, name) == (AUS_AS_CSV, "AUs") else "txt" for name in texts}
    transcript = APPLE_DOUBLE_FILE if number == APPLE_DOUBLE else _transcript(simulation.transcript(i))
    return {
        f"{number}_AUDIO.wav": SILENCE,
        f"{number}_CLNF_hog.bin": simulation.unread(i),
        **{f"{number}_CLNF_{name}.{kinds[name]}": text for name, text in texts.items()},
        f"{number}_COVAREP.csv": _zeros(74),
        f"{number}_FORMANT.csv": _zeros(5),
        f"{number}_TRANSCRIPT.csv": transcript,
    }


def _transcript(lines: list[Line]) -> bytes:
    rows = [f"{line.start:.3f}\t{line.stop:.3f}\t{line.speaker}\t{line.value}" for line in lines]
    return "\n".join(["start_time\tstop_time\tspeaker\tvalue", *rows, ""]).encode()


def _zeros(columns: int) -> bytes:
    """A row of a file of audio features, which have no header."""
    return (",".join(["0"] * columns) + "\n").encode()


def _write_session(folder: pathlib.Path, number: str, files: dict[str, bytes]) -> None:
    if number in EXTRACTED:
        place = folder / f"{number}_P"
        place.mkdir()
        for name, content in files.items():
            (place / name).write_bytes(content)
        return
    if is_nested(number):
        files = {f"{number}_P/": b"", **{f"{number}_P/{name}": content for name, content in files.items()}}
    if number == FROM_A_MAC:
        beside = {f"__MACOSX/{_beside(name)}": APPLE_DOUBLE_FILE for name in files if not name.endswith("/")}
        files = {f"{number}_P/.DS_Store": bytes(8), **files, **beside}
    archive = _zipped(files)
    (folder / f"{number}_P.zip").write_bytes(archive[: len(archive) // 2] if number == TRUNCATED else archive)


def _beside(name: str) -> str:
    folder, _, base = name.rpartition("/")
    return f"{folder}/._{base}" if folder else f"._{base}"


def _zipped(files: dict[str, bytes]) -> bytes:
    """An archive without the time of day."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, _LONG_AGO), content, zipfile.ZIP_DEFLATED, compresslevel=1)
    return file.getvalue()
