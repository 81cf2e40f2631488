"""What is damaged: small raw files of every corpus, simulated ones, and real recordings where they are at hand."""

import functools
import gzip
import itertools
import os
import pathlib
import tempfile
import zipfile

from data_builders.simulator.cmdc import write_cmdc
from data_builders.simulator.cmdc_simulation import CmdcSimulation
from data_builders.simulator.daic_woz import write_daic_woz
from data_builders.simulator.daic_woz_simulation import DaicWozSimulation
from data_builders.simulator.options import Options
from tests.data_builders import e_daic_files

_OPTIONS = {"seconds": (14.0, 20.0), "fps": 5.0}
_REAL_ROWS = 200


@functools.cache
def cmdc() -> dict[str, bytes]:
    """Path -> content of a simulated CMDC of six people, two of them patients."""
    return _written(lambda folder: write_cmdc(folder, CmdcSimulation(Options(subjects=6, **_OPTIONS))))


@functools.cache
def daic_woz_corpus() -> dict[str, bytes]:
    """Path -> content of a simulated DAIC-WOZ of five sessions, archives and tables."""
    return _written(lambda folder: write_daic_woz(folder, DaicWozSimulation(Options(subjects=5, **_OPTIONS))))


@functools.cache
def daic_woz(number: str = "319") -> dict[str, bytes]:
    """Name -> content of the files of one of its sessions."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "archive.zip")
        path.write_bytes(daic_woz_corpus()[f"{number}_P.zip"])
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if not name.endswith("/")]
            return {name.rsplit("/", 1)[-1]: archive.read(name) for name in names}


@functools.cache
def e_daic(number: int = 300) -> dict[str, bytes]:
    """Path -> content of the members of a made-up session of E-DAIC."""
    made = e_daic_files.members(number, deep=e_daic_files.features(e_daic_files.COUNT, seed=number))
    return {name: data if isinstance(data, bytes) else data.encode() for name, data in made.items()}


@functools.cache
def openface() -> dict[str, bytes]:
    """Name -> text of recordings of the three families of headers, simulated and, where they are at hand, real."""
    full = max((data for name, data in cmdc().items() if name.endswith("Q1.csv") and "vector" not in name), key=len)
    older = _columns(full, lambda name: not name.startswith(("face_id", "gaze_angle", "eye_lmk")))
    other = _columns(full, lambda name: not name.startswith(("timestamp", "success", "eye_lmk", "p_", "x_", "y_")))
    found = {"714 columns": full, "431 columns": older, "face, confidence": other.replace(b"face_id", b"face", 1)}
    for path in sorted(_real().glob("*.csv.gz")):
        with gzip.open(path) as file:
            found[path.name] = b"".join(itertools.islice(file, _REAL_ROWS))
    return found


def separator(text: bytes) -> str:
    """Between the cells of a recording: a comma, or a comma and a space."""
    return ", " if b", " in text.split(b"\n", 1)[0] else ","


def _real() -> pathlib.Path:
    here = pathlib.Path(__file__).resolve().parents[2].parent
    return pathlib.Path(os.environ.get("MCCL_SHARED", here / "shared"), "real", "openface")


def _columns(text, wanted):
    rows = [line.split(", ") for line in text.decode().splitlines()]
    places = [at for at, name in enumerate(rows[0]) if wanted(name)]
    return "".join(", ".join(row[at] for at in places) + "\n" for row in rows).encode()


def _written(write):
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch, "raw")
        folder.mkdir()
        write(folder)
        return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}
