"""Where windows are kept: in memory, or on disk, as an ArrayRecord file a cue of which single rows are read."""

import contextlib
import dataclasses
import pathlib
import sys
from collections.abc import Callable, Iterator, Mapping

import numpy as np
from array_record.python.array_record_data_source import ArrayRecordDataSource
from array_record.python.array_record_module import ArrayRecordWriter

from mccl_jax.files import locked, replacing

FORM = 1  # raise it when the same records would be cut into other windows


@dataclasses.dataclass(frozen=True)
class Rows:
    """What an array (N, T, V, C) float32 is to those who take one row at a time; threads may do so together."""

    shape: tuple[int, ...]
    row: Callable[[int], np.ndarray]

    def __getitem__(self, i: int) -> np.ndarray:
        return self.row(int(i))

    def __len__(self) -> int:
        return self.shape[0]


class Kept(contextlib.nullcontext):
    """Takes windows one session after the other, and gives them back as arrays."""

    def __init__(self):
        super().__init__(self)
        self._sessions = []

    def add(self, cues: Mapping[str, np.ndarray]) -> None:
        """The next session: name -> (T, V, C) float32."""
        self._sessions.append(cues)

    def cues(self) -> dict[str, np.ndarray]:
        """All that was added, name -> (N, T, V, C)."""
        return {name: np.stack([cues[name] for cues in self._sessions]) for name in self._sessions[0]}


class Store:
    """Takes windows one session after the other, and gives back what was taken, as rows on disk.

    `folder` is named by all that its content depends on: a file that is there already is whole, and is not written
    again. Processes that want the same folder take turns. Raises UserError where it cannot be written to.
    """

    def __init__(self, folder: pathlib.Path):
        self._folder, self._writers, self._shapes, self._count = folder, {}, {}, 0
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> "Store":
        self._stack.__enter__()
        return self

    def __exit__(self, *error) -> None:
        self._stack.__exit__(*error)

    def add(self, cues: Mapping[str, np.ndarray]) -> None:
        """The next session: name -> (T, V, C) float32."""
        if not self._shapes:
            self._shapes = {name: values.shape for name, values in cues.items()}
            self._begin()
        for name, writer in self._writers.items():
            writer.write(np.ascontiguousarray(cues[name]).tobytes())
        self._count += 1

    def cues(self) -> dict[str, Rows]:
        """All that was added, name -> rows; to be asked for once the context has been left."""
        return {name: _rows(self._path(name), (self._count, *shape)) for name, shape in self._shapes.items()}

    def _begin(self) -> None:
        """Opens what is to be written; what another process writes is waited for."""
        if not self._missing():  # nor is there a need to write anything, a lock among it
            return
        lock = self._folder.with_name(f".{self._folder.name}.lock")
        with contextlib.ExitStack() as held:
            held.enter_context(locked(lock, self._say_busy))
            for name in self._missing():  # another process may have written some in the meantime
                self._writers[name] = held.enter_context(_writer(self._path(name)))
            if self._writers:
                self._stack.enter_context(held.pop_all())

    def _missing(self) -> list[str]:
        return [name for name in self._shapes if not self._path(name).exists()]

    def _say_busy(self) -> None:
        print(f"waiting for another process that writes {self._folder}", file=sys.stderr, flush=True)

    def _path(self, name: str) -> pathlib.Path:
        return self._folder / f"{name}.array_record"


@contextlib.contextmanager
def _writer(path: pathlib.Path) -> Iterator[ArrayRecordWriter]:
    with replacing(path) as temporary:
        writer = ArrayRecordWriter(str(temporary), "group_size:1")
        try:
            yield writer
        finally:
            writer.close()


def _rows(path: pathlib.Path, shape: tuple[int, ...]) -> Rows:
    source = ArrayRecordDataSource(str(path))
    if len(source) != shape[0]:
        raise ValueError(f"{path} holds {len(source)} sessions, expected {shape[0]}")
    return Rows(shape, lambda i: np.frombuffer(source[i], np.float32).reshape(shape[1:]))
