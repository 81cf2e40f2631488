"""How long and in how much memory are raw recordings prepared?

python -m pip install -r requirements-bench.txt     # for the comparison alone
python benchmarks/prepare.py                about 4 minutes on 2 cores
python benchmarks/prepare.py --frames=2700 --repetitions=2 --counts=10

1. One simulated DAIC-WOZ session of 27,000 frames, in an archive that is as large as a real one (noise in place of HOG
   features): read into a session, against pandas reading the files as the official preparation does (whole files; cells
   that are no number filled; landmarks, action units and translation min-max scaled), with and without unpacking the
   archive before, as that does too. Then the same session with one frame of "-1.#IND", which the corpus has in places.
   Values are compared before anything is timed; the readers take turns.
2. Peak memory of a process that writes that session's record, and one of E-DAIC with its CNN features; its size.
3. Seconds, bytes and peak memory against the number of sessions, by one process and by one a core.
"""

import functools
import io
import multiprocessing
import os
import pathlib
import platform
import statistics
import sys
import tarfile
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import numpy as np
import pandas as pd
import pyarrow
import scipy.io
from absl import app, flags, logging

from data_builders.daic_woz import daic_woz_dataset_builder as daic_woz
from data_builders.daic_woz.session import read_session
from data_builders.e_daic import session as e_daic
from data_builders.preparation import open_or_prepare
from data_builders.readers.clnf import FILES
from data_builders.records import Session
from data_builders.shards import Shard, Source, write_shard
from data_builders.simulator.corpus import write_corpus
from data_builders.simulator.options import Options
from data_builders.thinning import thin
from mccl_jax.cues import DAIC_WOZ_CUES, DEEP, E_DAIC_CUES

FRAMES = flags.DEFINE_integer("frames", 27_000, "Of the one session.")
REPETITIONS = flags.DEFINE_integer("repetitions", 7, "Of each reading.")
COUNTS = flags.DEFINE_list("counts", ["10", "40", "160"], "Numbers of sessions.")
HOG = 4464  # values a frame
RATE, SECONDS = 30.0, 60.0  # frames a second; length of a session where their number is what counts
NUMBER = "319"  # a simulated session without a defect in its files


def read_with_pandas(folder: pathlib.Path) -> dict[str, np.ndarray]:
    """The four files of a session, as the official preparation reads and scales them."""

    def table(name: str, last: int | None = None) -> np.ndarray:
        frame = pd.read_csv(folder / f"{NUMBER}_CLNF_{name}.txt", low_memory=False)
        frame = frame.apply(pd.to_numeric, errors="coerce")
        values = frame.to_numpy()
        least = values[np.where(~np.isnan(values[:, 4:last]))].min()
        return frame.where(~np.isnan(frame), least).to_numpy()[:, 4:last]

    landmarks, pose = table("features3D"), table("pose")
    axes = [scaled(landmarks[:, first : first + 68]) for first in (0, 68, 136)]
    return {
        "landmarks": np.stack(axes, axis=-1),
        "gaze": table("gaze").reshape(-1, 4, 3),
        "pose": np.concatenate([scaled(pose[:, :3]), pose[:, 3:]], axis=1).reshape(-1, 2, 3),
        "aus": scaled(table("AUs", 18))[..., None],
    }


def scaled(values: np.ndarray) -> np.ndarray:
    """Values from their least to their greatest as 0 to 1."""
    return (values - values.min()) / (values.max() - values.min())


def check(session: Session, read: dict[str, np.ndarray]) -> None:
    """Raises AssertionError where the two read other values."""
    cues = {name: cue.astype(np.float64) for name, cue in session.cues.items()}
    cues["landmarks"] = np.stack([scaled(cues["landmarks"][..., axis]) for axis in range(3)], axis=-1)
    cues["pose"] = np.stack([scaled(cues["pose"][:, 0]), cues["pose"][:, 1]], axis=1)
    cues["aus"] = scaled(cues["aus"])
    for name, cue in cues.items():
        np.testing.assert_allclose(cue, read[name], rtol=0, atol=1e-6, err_msg=name)


def timed(readers: dict[str, Callable[[], object]], repetitions: int) -> dict[str, list[float]]:
    """Name -> seconds of each repetition; the readers take turns."""
    seconds = {name: [] for name in readers}
    for _ in range(repetitions):
        for name, read in readers.items():
            begin = time.perf_counter()
            read()
            seconds[name].append(time.perf_counter() - begin)
    return seconds


def spread(values: list[float]) -> str:
    """Median and range."""
    return f"{statistics.median(values):6.2f} s ({min(values):.2f} to {max(values):.2f})"


def long_session(place: pathlib.Path, frames: int) -> tuple[pathlib.Path, pathlib.Path]:
    """Archive of one simulated session, and the folder that it is unpacked to."""
    seconds = frames / RATE
    raw = write_corpus(place / "long", Options(subjects=5, seconds=(seconds, seconds), fps=RATE), str, "daic_woz")
    archive, folder = place / f"{NUMBER}_P.zip", place / f"{NUMBER}_P"
    rng = np.random.default_rng(0)
    with zipfile.ZipFile(raw / f"{NUMBER}_P.zip") as small, zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for name in small.namelist():
            if not name.endswith("/"):
                hog = rng.random(frames * HOG, np.float32).tobytes() if name.endswith("hog.bin") else None
                file.writestr(pathlib.PurePosixPath(name).name, hog or small.read(name), compresslevel=1)
    unpack(archive, folder)
    return archive, folder


def with_a_frame_of_no_numbers(archive: pathlib.Path, unpacked: pathlib.Path) -> None:
    """Replaces the values of one frame in all of a session's files, and packs them anew."""
    for name in FILES.values():
        path = unpacked / f"{NUMBER}_CLNF_{name}.txt"
        lines = path.read_text().split("\n")
        cells = lines[FRAMES.value // 2].split(", ")
        lines[FRAMES.value // 2] = ", ".join(cells[:3] + ["0"] + ["-1.#IND"] * (len(cells) - 4))
        path.write_text("\n".join(lines))
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
        for path in sorted(unpacked.iterdir()):
            file.write(path, path.name)


def unpack(archive: pathlib.Path, folder: pathlib.Path) -> None:
    """All of an archive into a folder."""
    with zipfile.ZipFile(archive) as file:
        file.extractall(folder)


def e_daic_session(place: pathlib.Path, frames: int) -> pathlib.Path:
    """An archive of E-DAIC's layout; its values are noise, for here they are only read."""
    rng = np.random.default_rng(0)
    names = ["frame", "timestamp", "confidence", "success"]
    names += [f"pose_{kind}{axis}" for kind in "TR" for axis in "xyz"]
    names += [f"gaze_{eye}_{axis}" for eye in "01" for axis in "xyz"] + ["gaze_angle_x", "gaze_angle_y"]
    names += [f"{au}_r" for au in E_DAIC_CUES["aus"].points] + [
        f"{au}_c" for au in (*E_DAIC_CUES["aus"].points, "AU28")
    ]
    values = rng.normal(size=(frames, len(names))).round(3)
    values[:, 0], values[:, 1], values[:, 2:4] = np.arange(frames) + 1, np.arange(frames) / RATE, 1
    text = io.StringIO()
    pd.DataFrame(values, columns=names).to_csv(text, index=False)
    feature = io.BytesIO()
    deep = np.maximum(rng.normal(size=(frames, len(DEEP.points))), 0).astype(np.float32)
    scipy.io.savemat(feature, {"feature": deep}, do_compression=True)
    path = place / "300_P.tar.gz"
    with tarfile.open(path, "w:gz", compresslevel=1) as archive:
        for name, data in (
            ("300_P/features/300_OpenFace2.1.0_Pose_gaze_AUs.csv", text.getvalue().encode()),
            ("300_P/features/300_CNN_ResNet.mat", feature.getvalue()),
        ):
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


def thinned(read: Callable[[pathlib.Path], Session], path: pathlib.Path) -> Session:
    """The session as the form "3hz" keeps it."""
    return thin(read(path), 3.0)


def peak_of(read: Callable[[], Session], cues: dict) -> tuple[float, float, float]:
    """(MiB at most, seconds, MiB on disk) for a process of its own that writes the record that `read` gives."""
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder, context.Pool(1) as pool:
        return pool.apply(_peak_of, (Shard(f"{folder}/shard", (Source("one", "train", read),), cues),))


def _peak_of(shard: Shard) -> tuple[float, float, float]:
    begin = time.perf_counter()
    (outcome,) = write_shard(shard)
    if outcome.summary is None:
        raise AssertionError(outcome.why)
    return peak(os.getpid()), time.perf_counter() - begin, os.path.getsize(shard.path) / 2**20


def peak(process: int) -> float:
    """MiB that a process has had at most; 0 where it has ended."""
    try:
        status = pathlib.Path(f"/proc/{process}/status").read_text()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM")), 0.0)


class Watch:
    """The most memory that this process, or one that it has started, has at any time."""

    def __init__(self):
        self.most, self._over = 0.0, threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(0.02):
            processes = [os.getpid(), *(child.pid for child in multiprocessing.active_children())]
            self.most = max(self.most, *map(peak, processes))


def corpus_of(place: pathlib.Path, sessions: int) -> pathlib.Path:
    """So many simulated sessions of a minute."""
    options = Options(subjects=sessions, seconds=(SECONDS, SECONDS), fps=RATE)
    return write_corpus(place / f"of_{sessions}", options, str, "daic_woz")


def prepared(raw: pathlib.Path, workers: int) -> tuple[float, float, float, int]:
    """(seconds, MiB on disk, MiB of memory at most of any process, sessions) of a preparation by so many processes."""
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        results = context.Queue()
        process = context.Process(target=_prepared, args=(raw, folder, workers, results))
        process.start()
        found = results.get()
        process.join()
        return found


def _prepared(raw: pathlib.Path, folder: str, workers: int, results: multiprocessing.Queue) -> None:
    begin = time.perf_counter()
    with Watch() as watch:
        builder, report = open_or_prepare(
            daic_woz.Builder, data_dir=folder, manual_dir=raw, config=daic_woz.DaicWozConfig(), workers=workers
        )
    seconds = time.perf_counter() - begin
    disk = sum(path.stat().st_size for path in pathlib.Path(builder.data_dir).rglob("*") if path.is_file()) / 2**20
    results.put((seconds, disk, watch.most, report.sessions))


def compare(archive: pathlib.Path, unpacked: pathlib.Path) -> None:
    """Prints what each way of reading a session takes."""
    text = sum((unpacked / f"{NUMBER}_CLNF_{name}.txt").stat().st_size for name in FILES.values())
    print(f"  {text / 1e6:.0f} MB of text in {archive.stat().st_size / 1e6:.0f} MB of zip")

    def unpack_and_read() -> None:
        with tempfile.TemporaryDirectory(dir=archive.parent) as scratch:
            unpack(archive, pathlib.Path(scratch))
            read_with_pandas(pathlib.Path(scratch))

    seconds = timed(
        {
            "mccl_jax, the archive": lambda: read_session(archive),
            "mccl_jax, unpacked files": lambda: read_session(unpacked),
            "pandas, unpacked files": lambda: read_with_pandas(unpacked),
            "pandas, after unpacking": unpack_and_read,
        },
        REPETITIONS.value,
    )
    ours = seconds["mccl_jax, the archive"]
    for name, values in seconds.items():
        ratio = statistics.median(theirs / mine for theirs, mine in zip(values, ours, strict=True))
        print(f"  {name:25s} {spread(values)}, {ratio:.1f} times the first")


def main(_) -> None:
    logging.set_verbosity(logging.FATAL)
    versions = f"Python {platform.python_version()}, pandas {pd.__version__}, pyarrow {pyarrow.__version__}"
    print(f"{os.cpu_count()} cores, {versions}; SIMULATED recordings")
    with tempfile.TemporaryDirectory() as folder:
        place = pathlib.Path(folder)
        archive, unpacked = long_session(place, FRAMES.value)
        session = read_session(archive)
        check(session, read_with_pandas(unpacked))
        print(f"\none session of {len(session.time)} frames:")
        compare(archive, unpacked)
        with_a_frame_of_no_numbers(archive, unpacked)
        for name, cue in read_session(archive).cues.items():
            rows = np.isfinite(cue).all(axis=(1, 2))
            np.testing.assert_array_equal(cue[rows], session.cues[name][rows], err_msg=name)
        print("\nthe same, a frame of which is -1.#IND throughout:")
        compare(archive, unpacked)

        print("\npeak memory of a process that writes the record, its seconds, and the record:")
        deep = e_daic_session(place, FRAMES.value)
        for name, reader, path, cues in (
            ("DAIC-WOZ", read_session, archive, DAIC_WOZ_CUES),
            ("E-DAIC with deep", e_daic.read_session, deep, E_DAIC_CUES),
        ):
            for form, one in (
                ("native", functools.partial(reader, path)),
                ("3hz", functools.partial(thinned, reader, path)),
            ):
                memory, took, disk = peak_of(one, cues)
                print(f"  {name:16s} {form:6s} {memory:5.0f} MiB  {took:5.2f} s, {disk:6.1f} MiB on disk")

        print(f"\nsessions of {SECONDS:.0f} s into records of the form 3hz:")
        for sessions in map(int, COUNTS.value):
            raw = corpus_of(place, sessions)
            for workers in (1, os.cpu_count()):
                took, disk, memory, there = prepared(raw, workers)
                print(
                    f"  {there:4d} sessions, {workers} processes: {took:6.1f} s, {disk:6.1f} MiB on disk, at most "
                    f"{memory:4.0f} MiB of memory"
                )


if __name__ == "__main__":
    app.run(main)
