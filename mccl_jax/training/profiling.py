"""A trace of some training steps for XProf or Perfetto: what the devices do, and what they wait for."""

import pathlib
from collections.abc import Callable

import jax

SKIPPED = 2  # calls of the training step at the beginning that are not looked at, for they are not like the others


class Profile:
    """While this context is on, `at_least` steps are traced into `folder`, 0: none.

    Whole calls of the training step are traced, so where a call takes an epoch's steps there may be more. Where the
    training ends before, there are fewer, or none. Each process that trains leaves a trace of its own.
    """

    def __init__(self, folder: pathlib.Path, at_least: int, say: Callable[[str], None] = print):
        self._folder, self._left, self._say = folder, at_least, say
        self._skip, self._traced, self._on = SKIPPED, 0, False

    def __enter__(self) -> "Profile":
        return self

    def __exit__(self, *_) -> None:
        if self._on:
            self._stop()
        elif self._left > 0:
            self._say(f"profile: none, the training came to its end within {SKIPPED} calls of its step")

    def begin(self) -> None:
        """A call of the training step comes."""
        if self._left > 0 and not self._skip and not self._on:
            self._folder.mkdir(parents=True, exist_ok=True)
            options = jax.profiler.ProfileOptions()
            options.python_tracer_level = 0  # every call of Python would be most of the file
            jax.profiler.start_trace(str(self._folder), profiler_options=options)
            self._on = True
        self._skip = max(0, self._skip - 1)

    def end(self, steps: int, result: object) -> None:
        """A call of so many steps was made, with this result, which may not be there yet."""
        if self._on:
            self._traced, self._left = self._traced + steps, self._left - steps
            if self._left <= 0:
                jax.block_until_ready(result)
                self._stop()

    def _stop(self) -> None:
        jax.profiler.stop_trace()
        self._on = False
        self._say(f"profile: {self._traced} steps are in {self._folder}")
