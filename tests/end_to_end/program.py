"""`python run.py ...` as a user runs it: a process of its own, in a folder of its own."""

import os
import pathlib
import signal
import subprocess
import sys
import time

# A shell that starts the tests in the background has Ctrl-C ignored, by all that they start, too.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = pathlib.Path(__file__).resolve().parents[2]
# A model and a corpus as small as the program can train: seconds, not minutes.
TINY_MODEL = (
    "--config.windows.seconds=16",
    "--config.model.width=4",
    "--config.model.blocks=(1,)",
    "--config.model.hidden=4",
    "--config.model.projection=8",
    "--config.train.epochs=4",
    "--config.train.batch_size=4",
    "--config.train.direct_baseline=False",
    "--config.train.evaluate_every=2",
    "--config.train.checkpoint_every=1",
    "--config.evaluation.resamples=200",
    "--config.evaluation.cuts=()",
)
TINY = ("--config.simulation.subjects=30", "--config.simulation.seconds=(12,20)", *TINY_MODEL)


def run(folder: pathlib.Path, *arguments: str, check: int | None = 0) -> subprocess.CompletedProcess:
    """Runs the program in `folder` and asserts its exit status (None: any)."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "run.py"), *arguments], cwd=folder, capture_output=True, text=True, timeout=600
    )
    assert check is None or done.returncode == check, f"status {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def start(folder: pathlib.Path, *arguments: str) -> subprocess.Popen:
    """The program, running."""
    return subprocess.Popen(
        [sys.executable, str(ROOT / "run.py"), *arguments],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )


def stop_when(condition, folder: pathlib.Path, with_signal: signal.Signals, *arguments: str) -> tuple[int, str]:
    """Starts the program, sends it `with_signal` once `condition()` holds; returns its status and stderr."""
    process = start(folder, *arguments)
    begin = time.monotonic()
    while not condition():
        assert process.poll() is None, f"ended before it could be stopped: {process.stderr.read()}"
        assert time.monotonic() - begin < 300, "never came to the point where it was to be stopped"
        time.sleep(0.02)
    process.send_signal(with_signal)
    _, errors = process.communicate(timeout=120)
    return process.returncode, errors
