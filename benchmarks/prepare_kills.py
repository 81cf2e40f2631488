"""Is a preparation that is killed, and started again, the same in the end as one left in peace?

python benchmarks/prepare_kills.py              10 moments, about 3 minutes on 2 cores

A simulated DAIC-WOZ in its archives is prepared by two processes. SIGKILL comes at moments that are spread evenly over
the time that the preparation takes, from the first look at the archives to the data set's final name. Compared with an
undisturbed one: every record, the report, and that nothing is left beside them, no process either. Ends with status 1
where something differs.
"""

import contextlib
import dataclasses
import json
import pathlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import numpy as np
import tensorflow_datasets as tfds
from absl import app, flags, logging

from data_builders.daic_woz import daic_woz_dataset_builder as daic_woz  # makes it known to TFDS
from data_builders.records import decode
from data_builders.report import JSON_NAME
from data_builders.simulator.corpus import write_corpus
from data_builders.simulator.options import Options

MOMENTS = flags.DEFINE_integer("moments", 10, "How many.")
PLACE = f"{daic_woz.Builder.name}/3hz/{daic_woz.Builder.VERSION}"


@dataclasses.dataclass(frozen=True)
class Moment:
    """One kill: how long after the preparation began, whether it met one, and what differs after another start."""

    seconds: float
    hit: bool
    differs: tuple[str, ...]


def start(raw: pathlib.Path, data_dir: pathlib.Path) -> subprocess.Popen:
    """The program that prepares, going on from whatever is there."""
    options = {"data.manual_dir": raw, "data.data_dir": data_dir, "data.workers": 2}
    arguments = [f"--config.{key}={value}" for key, value in options.items()]
    return subprocess.Popen(
        [sys.executable, ROOT / "run.py", f"--config={ROOT}/configs/daic_woz.py", "--mode=prepare", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def begun(process: subprocess.Popen) -> float:
    """The time at which a program that there is nothing prepared for begins to prepare."""
    if not (said := process.stderr.readline()).startswith("preparing "):
        raise RuntimeError(said + process.stderr.read())
    return time.monotonic()


def finish(process: subprocess.Popen) -> float:
    """The time at which a program ends; raises RuntimeError where it does not end well."""
    _, errors = process.communicate()
    if process.returncode:
        raise RuntimeError(f"status {process.returncode}: {errors}")
    return time.monotonic()


def killed(raw: pathlib.Path, data_dir: pathlib.Path, seconds: float, peaceful: pathlib.Path) -> Moment:
    """Kills a preparation, starts it again, and compares."""
    process = start(raw, data_dir)
    begun(process)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.communicate(timeout=seconds)
    hit = process.poll() is None
    process.kill()
    process.communicate()
    finish(start(raw, data_dir))
    return Moment(seconds, hit, tuple(differences(peaceful, data_dir)))


def differences(one: pathlib.Path, other: pathlib.Path) -> list[str]:
    """What two data sets of the same raw files differ in."""
    found = []
    reports = [json.loads((folder / PLACE / JSON_NAME).read_text()) for folder in (one, other)]
    if reports[0] != reports[1]:
        found.append(JSON_NAME)
    files = [sorted(path.name for path in (folder / PLACE).parent.rglob("*")) for folder in (one, other)]
    found += set(files[0]) ^ set(files[1])
    builders = [tfds.builder(f"{daic_woz.Builder.name}/3hz", data_dir=folder) for folder in (one, other)]
    for split in builders[0].info.splits:
        records = [[decode(example) for example in builder.as_data_source(split)] for builder in builders]
        for a, b in zip(*records, strict=True):
            try:
                np.testing.assert_equal(dataclasses.asdict(a), dataclasses.asdict(b))
            except AssertionError:
                found.append(a.session)
    return found


def moments(place: pathlib.Path, shares: Sequence[float], seconds: float = 60.0) -> list[Moment]:
    """A kill at each of these shares of the time that an undisturbed preparation takes."""
    raw = write_corpus(place / "raw", Options(subjects=30, seconds=(seconds, seconds), fps=30), str, "daic_woz")
    process = start(raw, place / "in_peace")
    begin = begun(process)
    took = finish(process) - begin
    return [
        killed(raw, place / f"killed_{i}", share * took, place / "in_peace") for i, share in enumerate(shares, start=1)
    ]


def main(_) -> int:
    logging.set_verbosity(logging.ERROR)
    with tempfile.TemporaryDirectory() as folder:
        found = moments(pathlib.Path(folder), [(i + 0.5) / MOMENTS.value for i in range(MOMENTS.value)])
    for one in found:
        met = "" if one.hit else ", but it had ended"
        said = f"differs: {', '.join(one.differs)}" if one.differs else "equal after another start"
        print(f"killed {one.seconds:5.2f} s after its beginning{met}: {said}", flush=True)
    hits = sum(one.hit for one in found)
    print(f"{hits} kills of {len(found)} met a preparation")
    return int(any(one.differs for one in found) or not hits)


if __name__ == "__main__":
    app.run(main)
