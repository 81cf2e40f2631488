"""Twelve ways of damaging a checkpoint: is each recovered from, or refused in one line, and never taken for whole?

python benchmarks/damage.py              about 3 minutes on 2 cores

A training on a simulated corpus has come to its end. Each time in a copy of it, its newest checkpoint is damaged, what
was made of it taken away, and the same command given again. Either that ends as it did before, byte for byte in
results.json, predictions.csv and the arrays of the final model, from the checkpoint before the damaged one, which is
named; or it ends with status 2 and one line. Ends with status 1 where anything else comes of it.
"""

import functools
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import jax
from absl import app, logging

from mccl_jax.training import checkpoints
from tests.end_to_end.program import TINY

RUN, RESULTS = pathlib.Path("runs/simulated"), ("results.json", "predictions.csv")


def files(step: pathlib.Path) -> list[pathlib.Path]:
    """All files of a checkpoint."""
    return sorted(path for path in step.rglob("*") if path.is_file())


def of_arrays(step: pathlib.Path) -> pathlib.Path:
    """The file that holds most of the values."""
    return max((path for path in files(step) if path.parent.name == "d"), key=lambda path: path.stat().st_size)


def flip(path: pathlib.Path, at: int) -> None:
    """One bit of a file."""
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def cut_short(step: pathlib.Path) -> None:
    for path in files(step):
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def emptied(step: pathlib.Path) -> None:
    for path in files(step):
        path.write_bytes(b"")


def wrong_bits(step: pathlib.Path) -> None:
    path = of_arrays(step)
    for at in range(100, path.stat().st_size, 500):
        flip(path, at)


def wrong_digit(step: pathlib.Path) -> None:
    """In the metadata, which are JSON still."""
    path = step / "_CHECKPOINT_METADATA"
    before, key, metadata = path.read_text().partition('"custom_metadata"')
    path.write_text(before + key + re.sub(r"\d", lambda digit: str(9 - int(digit[0])), metadata, count=1))


def folder_emptied(step: pathlib.Path) -> None:
    shutil.rmtree(step)
    step.mkdir()


def half_written(step: pathlib.Path) -> None:
    """What a save leaves that is killed."""
    for path in files(step)[::2]:
        path.unlink()
    step.rename(step.with_name(f"{step.name}.orbax-checkpoint-tmp"))


def another_form(step: pathlib.Path) -> None:
    (step / "_CHECKPOINT_METADATA").write_text('{"version": 7, "custom_metadata": ["x"]}')


def a_folder(step: pathlib.Path) -> None:
    (path := of_arrays(step)).unlink()
    path.mkdir()


def swapped(step: pathlib.Path, other: pathlib.Path) -> None:
    shutil.rmtree(step)
    shutil.copytree(other, step)


WAYS: dict[str, Callable[[pathlib.Path], None]] = {
    "all files cut short": cut_short,
    "all files emptied": emptied,
    "a file of arrays removed": lambda step: of_arrays(step).unlink(),
    "wrong bits in the arrays": wrong_bits,
    "a wrong digit in the metadata": wrong_digit,
    "the folder emptied": folder_emptied,
    "half written, the rest missing": half_written,
    "metadata of another form": another_form,
    "a folder in a file's place": a_folder,
    "a file that may not be read": lambda step: of_arrays(step).chmod(0),
    "a name that is no step": lambda step: step.rename(step.with_name(f"{step.name} (copy)")),
}


def run(folder: pathlib.Path, *arguments: str) -> subprocess.CompletedProcess:
    """The program, as somebody whom permissions hold."""
    as_one = ("setpriv", "--bounding-set=-dac_override,-dac_read_search") if os.geteuid() == 0 else ()
    command = [*as_one, sys.executable, str(ROOT / "run.py"), *TINY, *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def newest(folder: pathlib.Path) -> pathlib.Path:
    """The newest checkpoint of the run in a folder."""
    return max((folder / RUN / "checkpoints").iterdir(), key=lambda path: int(path.name))


def outcome(whole: pathlib.Path, folder: pathlib.Path) -> tuple[str, str]:
    """What comes of the same command in a folder whose newest checkpoint is damaged, and what is said of that."""
    for name in RESULTS:
        (folder / RUN / name).unlink()
    shutil.rmtree(folder / RUN / "model")
    done = run(folder)
    said = [line for line in done.stderr.splitlines() if "/checkpoints" in line or line.startswith("error: ")]
    said = [*dict.fromkeys(said)]  # what is no step is said by the training and by the evaluation
    line = " ".join(said).replace(f"{folder / RUN}/", "").replace(f"{RUN}/", "") or "-"
    if "Traceback" in done.stderr or done.returncode not in (0, 2) or len(said) > 1:
        return f"WRONG: status {done.returncode}", done.stderr
    if done.returncode:
        return "refused", line
    same = [(folder / RUN / name).read_bytes() == (whole / RUN / name).read_bytes() for name in RESULTS]
    arrays = [jax.tree.leaves(checkpoints.load(place / RUN / "model")[0]) for place in (whole, folder)]
    same += [a.tobytes() == b.tobytes() for a, b in zip(*arrays, strict=True)]
    if not all(same) or "goes on after step 15 of 20" not in done.stdout:
        return "WRONG: ended otherwise than before", line
    return "recovered", line


def main(_: Sequence[str]) -> int:
    logging.set_verbosity(logging.ERROR)
    with tempfile.TemporaryDirectory() as parent:
        whole, other = pathlib.Path(parent, "whole"), pathlib.Path(parent, "other")
        whole.mkdir()
        run(whole).check_returncode()
        (other / "prepared").parent.mkdir()
        shutil.copytree(whole / "prepared", other / "prepared")
        run(other, "--config.seed=1").check_returncode()
        ways = WAYS | {"swapped with another model's": functools.partial(swapped, other=newest(other))}
        outcomes = []
        for way, damage in ways.items():
            folder = pathlib.Path(shutil.copytree(whole, pathlib.Path(parent, "damaged")))
            damage(newest(folder))
            what, said = outcome(whole, folder)
            print(f"{way:31s} {what:10s} {said}", flush=True)
            outcomes.append(what)
            shutil.rmtree(folder)
    print(", ".join(f"{outcomes.count(what)} {what}" for what in dict.fromkeys(outcomes)))
    return int(any(what.startswith("WRONG") for what in outcomes))


if __name__ == "__main__":
    app.run(main)
