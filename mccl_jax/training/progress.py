"""What a training says while it runs."""

import sys
import time

import tqdm


def duration(seconds: float) -> str:
    """As a person says it."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s"


class Progress:
    """A bar with rate and time left on a terminal, plain lines elsewhere; `silent`: nothing."""

    def __init__(self, total: int, silent: bool = False):
        off = silent or None  # None: on a terminal alone
        self._bar = tqdm.tqdm(
            total=total, unit="step", desc="training", disable=off, file=sys.stderr, dynamic_ncols=True
        )
        self._silent = silent
        self._begin, self._total, self._done = time.perf_counter(), total, 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._bar.close()

    def step(self, steps: int = 1) -> None:
        """So many more steps are done."""
        self._done += steps
        self._bar.update(steps)

    def line(self, text: str) -> None:
        """One line with the time left; above the bar where there is one."""
        if self._silent:
            return
        rate = self._done / (time.perf_counter() - self._begin)
        tqdm.tqdm.write(
            f"{text}, {rate:.1f} steps/s, {duration((self._total - self._done) / rate)} left", file=sys.stderr
        )
