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
    """A bar with rate and time left on a terminal, plain lines elsewhere."""

    def __init__(self, done: int, total: int, per_epoch: int):
        self._bar = tqdm.tqdm(
            initial=done, total=total, unit="step", desc="training", disable=None, file=sys.stderr, dynamic_ncols=True
        )
        self._begin, self._first, self._total, self._done = time.perf_counter(), done, total, done

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._bar.close()

    def step(self) -> None:
        self._done += 1
        self._bar.update()

    def line(self, text: str) -> None:
        """One line with the time left; above the bar where there is one."""
        rate = (self._done - self._first) / (time.perf_counter() - self._begin)
        tqdm.tqdm.write(
            f"{text}, {rate:.1f} steps/s, {duration((self._total - self._done) / rate)} left", file=sys.stderr
        )
