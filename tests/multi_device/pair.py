"""Two processes of two devices each, as a user starts them: one `python run.py` in each of two terminals."""

import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

from tests.end_to_end.program import ROOT, TINY

# Two cues and two steps an epoch: compiling and waiting for each other is what these processes do. The second batch has
# six sessions, so that one of four devices has none.
SMALL = (
    *TINY,
    "--config.data.cues=('pose','aus')",
    "--config.simulation.subjects=21",
    "--config.train.batch_size=8",
    "--config.train.epochs=6",
    "--config.train.evaluate_every=3",
)


def environment(devices: int, port: int | None = None, process: int = 0) -> dict[str, str]:
    """Of a process that trains alone, or, with a port, of one of two."""
    several = {
        "JAX_COORDINATOR_ADDRESS": f"localhost:{port}",
        "JAX_NUM_PROCESSES": "2",
        "JAX_PROCESS_ID": str(process),
    }
    return {
        **os.environ,
        "PYTHONUNBUFFERED": "1",
        "JAX_PLATFORMS": "cpu",
        "JAX_NUM_CPU_DEVICES": str(devices),
        **(several if port else {}),
    }


def start(folder: pathlib.Path, *arguments: str, cache: pathlib.Path | None = None, **where) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, str(ROOT / "run.py"), *SMALL, *arguments],
        cwd=folder,
        env=environment(**where) | ({"XDG_CACHE_HOME": str(cache)} if cache else {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


class Pair:
    """Two processes that train together in `folder`; `arguments` beside SMALL and caches, of each its own."""

    def __init__(self, folder: pathlib.Path, *arguments: tuple[str, ...], caches=(None, None)):
        with socket.socket() as free:
            free.bind(("", 0))
            port = free.getsockname()[1]
        folder.mkdir(exist_ok=True)
        self.processes = [
            start(folder, *of_it, cache=cache, devices=2, port=port, process=i)
            for i, (of_it, cache) in enumerate(zip(arguments or ((), ()), caches, strict=True))
        ]
        self._stopped = 0.0

    def stop(self, process: int, how: signal.Signals, when) -> None:
        """Sends the signal to one of them once `when()` holds."""
        begin = time.monotonic()
        while not when():
            ended = [one.poll() for one in self.processes]
            assert ended == [None, None], f"ended before it could be stopped: {self.ended()}"
            assert time.monotonic() - begin < 300, "never came to the point where it was to be stopped"
            time.sleep(0.02)
        self.processes[process].send_signal(how)
        self._stopped = time.monotonic()

    def ended(self) -> tuple[list[int], list[str], list[str], float]:
        """(statuses, what they printed, what they printed on stderr, seconds since the signal) once both have ended."""
        printed = [one.communicate(timeout=300) for one in self.processes]
        seconds = time.monotonic() - self._stopped
        return [one.returncode for one in self.processes], *map(list, zip(*printed, strict=True)), seconds


def finished(process: subprocess.Popen) -> str:
    """What a process printed that has come to its end as it should."""
    printed, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    return printed
