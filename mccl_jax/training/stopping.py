"""SIGTERM, by which a scheduler announces that it takes the machine away: a training saves where it is, and ends."""

import itertools
import signal
import threading

import jax
from jax.experimental import multihost_utils

STATUS = 143  # what a shell says of a program that SIGTERM ended
# Of several hosts all count alike, over all trainings: a wish from the last step of one is heeded in the next one.
_calls = itertools.count()


class Stopping:
    """While this context is on, SIGTERM is a wish that `wished` tells of; one that it did not tell of comes after."""

    def __init__(self):
        self._heard, self._before = threading.Event(), None

    def __enter__(self) -> "Stopping":
        # Of several hosts JAX listens by itself. Elsewhere than in the main thread nobody may.
        if jax.process_count() == 1 and threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGTERM, lambda *_: self._heard.set())
        return self

    def __exit__(self, kind, *_) -> None:
        if self._before is not None:
            signal.signal(signal.SIGTERM, self._before)
            if kind is None and self._heard.is_set():
                signal.raise_signal(signal.SIGTERM)

    def wished(self) -> bool:
        """Whether to end after this call of the training step; of several hosts, which all ask, all say the same."""
        if jax.process_count() > 1:
            return multihost_utils.reached_preemption_sync_point(next(_calls))
        return self._heard.is_set()
