"""Is a run that is killed again and again, and started again each time, the same in the end as one left in peace?

python benchmarks/kills.py                  20 kills of one run, about 4 minutes on 2 cores
python benchmarks/kills.py --kills=40 --seed=1

One run of configs/cmdc.py on a simulated corpus: preparation, five folds, the final model, scores. SIGKILL or SIGTERM
comes at random moments of every part of it: while data are prepared, while a fold trains, inside a save, while the
final model trains, while scores are made and regressors fitted, while the model is written. Compared with an
undisturbed run: results.json and predictions.csv byte by byte, every array of the final model and of each training's
best checkpoint bit by bit, and which that is. Ends with status 1 where something differs.
"""

import contextlib
import dataclasses
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import jax
from absl import app, flags, logging

from data_builders.simulator.corpus import write_corpus
from data_builders.simulator.options import Options
from mccl_jax.training import checkpoints

KILLS = flags.DEFINE_integer("kills", 20, "How often the run is killed.")
SEED = flags.DEFINE_integer("seed", 0, "Of the moments.")

EPOCHS = 6
ARGUMENTS = (
    f"--config={ROOT}/configs/cmdc.py",
    "--config.data.manual_dir=raw",
    "--config.windows.seconds=16.0",
    "--config.model.width=4",
    "--config.model.blocks=(1,)",
    "--config.model.hidden=4",
    "--config.model.projection=8",
    f"--config.train.epochs={EPOCHS}",
    "--config.train.batch_size=8",
    "--config.train.evaluate_every=1",
    "--config.train.checkpoint_every=1",
    "--config.evaluation.resamples=1000",
)
RUN = pathlib.Path("runs/cmdc")
# Part of the run -> what appears, below the folder of the run, when it is on, and how many seconds it lasts about.
PARTS = {
    "preparation": ("prepared/cmdc/cmdc/*/incomplete*", 1.5),
    "a fold trains": (f"{RUN}/fold_*/checkpoints/*[0-9]", 1.0),
    "inside a save": (f"{RUN}/*/checkpoints/*tmp*", 0.02),
    "the final model trains": (f"{RUN}/all/checkpoints/*[0-9]", 0.5),
    "scores are made": (f"{RUN}/all/embeddings/epoch_{EPOCHS:05d}.npz", 2.0),
    "the model is written": (f"{RUN}/.model*", 0.02),
}
# In the order of the run; parts that are passed do not come again.
SHARES = ("preparation", *["a fold trains", "inside a save"] * 3, "the final model trains", "scores are made")


@dataclasses.dataclass(frozen=True)
class Kill:
    """One kill as it came about: when, by which signal, in which part, and whether the run was still on.

    status   that a shell would see: 143 after SIGTERM, however it ended the run.
    """

    part: str
    how: signal.Signals
    seconds: float
    hit: bool
    status: int


def start(folder: pathlib.Path) -> subprocess.Popen:
    """The run, going on from whatever is there."""
    return subprocess.Popen(
        [sys.executable, str(ROOT / "run.py"), *ARGUMENTS],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(folder: pathlib.Path) -> None:
    """Lets the run come to its end; raises RuntimeError where it does not end well."""
    process = start(folder)
    _, errors = process.communicate()
    if process.returncode:
        raise RuntimeError(f"status {process.returncode}: {errors}")


def kill(folder: pathlib.Path, part: str, generator: random.Random) -> Kill:
    """Starts the run and kills it at a random moment after `part` has begun anew."""
    pattern, lasts = PARTS[part]
    if part == "scores are made" and list(folder.glob(pattern)):  # all trainings are over: scores follow the start
        pattern, lasts = f"{RUN}/config.json", 3.0

    def there():
        found = set()
        for path in folder.glob(pattern):
            with contextlib.suppress(OSError):  # gone in the meantime
                found.add((path, path.stat().st_ino))
        return found

    before, begin = there(), time.monotonic()
    process = start(folder)
    while process.poll() is None and not there() - before:
        time.sleep(0.002)
    time.sleep(generator.uniform(0, lasts))
    how, hit = generator.choice([signal.SIGKILL, signal.SIGTERM]), process.poll() is None
    process.send_signal(how)
    seconds = time.monotonic() - begin
    process.communicate()
    status = process.returncode if process.returncode >= 0 else 128 - process.returncode
    return Kill(part, how, seconds, hit and status == 128 + how, status)


def parts(kills: int) -> list[str]:
    """Which part each kill falls into: every part at least once, as far as there are kills enough, in their order."""
    chosen = list(PARTS)[:kills]
    chosen += [SHARES[i % len(SHARES)] for i in range(kills - len(chosen))]
    return sorted(chosen, key=_stage)


def _stage(part: str) -> int:
    """Saves happen while folds train: these two are mixed."""
    return {"inside a save": list(PARTS).index("a fold trains")}.get(part, list(PARTS).index(part))


def differences(one: pathlib.Path, other: pathlib.Path) -> list[str]:
    """What two finished runs differ in."""
    found = [
        name
        for name in ("results.json", "predictions.csv")
        if (one / RUN / name).read_bytes() != (other / RUN / name).read_bytes()
    ]
    kept = [_kept(folder / RUN) for folder in (one, other)]
    for name, (arrays, metadata) in kept[0].items():
        if name not in kept[1]:
            found.append(f"{name}, which is not there")
            continue
        others, metadata_of_other = kept[1][name]
        if metadata != metadata_of_other:
            found.append(f"{name}, its metadata")
        found += [
            f"{name}{jax.tree_util.keystr(path)}"
            for (path, a), b in zip(jax.tree.leaves_with_path(arrays), jax.tree.leaves(others), strict=True)
            if a.tobytes() != b.tobytes()
        ]
    return found


def _kept(run: pathlib.Path) -> dict[str, tuple[dict, dict]]:
    """Name -> (arrays, metadata) of the final model, and of the best checkpoint of each training."""
    found = {"model": checkpoints.load(run / "model")}
    for training in sorted(path.parent for path in run.glob("*/checkpoints")):
        _, metadata, _ = checkpoints.newest(training / "checkpoints")
        best = training / "checkpoints" / str(metadata["selection"]["best"]["step"])
        found[str(best.relative_to(run))] = checkpoints.load(best)
    return found


def disturbed(folder: pathlib.Path, chosen: list[str], seed: int) -> Iterator[Kill]:
    """Kills a run once for each of the chosen parts, then lets it finish."""
    generator = random.Random(seed)
    for part in chosen:
        yield kill(folder, part, generator)
    finish(folder)


def two_folders(parent: pathlib.Path) -> tuple[pathlib.Path, pathlib.Path]:
    """Two folders to run in, with the same simulated corpus."""
    raw = write_corpus(parent / "raw", Options(subjects=78, seconds=(12, 16), fps=3), lambda line: None, "cmdc")
    folders = parent / "in_peace", parent / "killed"
    for folder in folders:
        folder.mkdir()
        (folder / "raw").symlink_to(raw)
    return folders


def main(_):
    logging.set_verbosity(logging.ERROR)
    with tempfile.TemporaryDirectory() as parent:
        in_peace, killed = two_folders(pathlib.Path(parent))
        begin = time.monotonic()
        finish(in_peace)
        print(f"undisturbed: {time.monotonic() - begin:.0f} s", flush=True)
        hits = 0
        for number, one in enumerate(disturbed(killed, parts(KILLS.value), SEED.value), start=1):
            hits += one.hit
            said = f"{one.how.name} {one.seconds:5.1f} s after its start, status {one.status}"
            print(f"kill {number:2d}, {one.part}: {said}", flush=True)
        found = differences(in_peace, killed)
        print(f"{hits} kills of {KILLS.value} met a running program")
        print("differs: " + ", ".join(found) if found else "results, predictions and final parameters are equal")
        return 1 if found or hits < KILLS.value else 0


if __name__ == "__main__":
    app.run(main)
