"""How windows come to the devices: all of them once, or batch by batch.

`Resident` is for what fits them. `Stream` reads ahead by Grain, each host only the rows of its own devices; its batches
are the very ones that a step draws of resident windows: the number of the step alone says which, so that a resume is
exact, on another number of hosts too.
"""

import dataclasses
import functools
import itertools
from collections.abc import Callable, Iterator, Sequence

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding

from mccl_jax.data.batches import Batch, numbered, order, resident
from mccl_jax.data.windows import Windows
from mccl_jax.training.mesh import SPREAD, put
from mccl_jax.training.step import Hyper

_AHEAD = 4  # batches, which are on the devices before they are asked for


@dataclasses.dataclass(frozen=True)
class Source:
    """One run: its windows, and which of their rows take part, the first `count` of `members`.

    target: (N,) float32 of the rows, where the loss asks for it.
    """

    windows: Windows
    members: np.ndarray
    count: np.int32
    hyper: Hyper
    target: np.ndarray | None = None


class Resident:
    """All windows of runs that train together, (runs, N, ...), on the devices, where each step draws its batch."""

    def __init__(self, sources: Sequence[Source], mesh: Mesh):
        self._data = put([resident(source.windows, source.target) for source in sources], mesh)

    def batches(self, first: int, end: int, per_epoch: int) -> Iterator[Batch]:
        """What each dispatch needs."""
        return itertools.repeat(self._data)

    def everything(self, batch_size: int) -> Batch:
        """All rows."""
        return self._data


class Stream:
    """The batches of runs that train together, each (runs, size, ...), spread over the axes `run` and `data`."""

    def __init__(self, sources: Sequence[Source], mesh: Mesh, batch_size: int, shuffle: bool):
        self._sources, self._batch_size, self._shuffle = sources, batch_size, shuffle
        self._sharding = NamedSharding(mesh, SPREAD)
        self._devices = mesh.shape["data"]
        self._subjects = [numbered(source.windows) for source in sources]
        self._order = functools.lru_cache(maxsize=2 * len(sources))(self._order)

    def batches(self, first: int, end: int, per_epoch: int) -> Iterator[Batch]:
        """Those of the steps from `first` on, epochs of `per_epoch` steps; behind the end of a run's epoch, padding."""
        return self._read_ahead(lambda step: self._training(*divmod(int(step), per_epoch)), first, end)

    def everything(self, batch_size: int) -> Iterator[Batch]:
        """All rows in their order, so many at a time."""
        size, N = self._size(batch_size), len(self._sources[0].windows)

        def batch(number: int) -> Batch:
            rows = number * size + np.arange(size)
            return self._put(lambda run: (np.minimum(rows, N - 1), rows < N), size)

        return self._read_ahead(batch, 0, -(-N // size))

    def _read_ahead(self, batch: Callable[[int], Batch], first: int, end: int) -> Iterator[Batch]:
        import grain  # takes a second, which others need not wait

        ahead = grain.ReadOptions(num_threads=_AHEAD, prefetch_buffer_size=_AHEAD)
        return iter(grain.MapDataset.range(first, end).map(batch).to_iter_dataset(ahead))

    def _size(self, batch_size: int) -> int:
        """The next multiple of the number of devices that share a batch."""
        return -(-batch_size // self._devices) * self._devices

    def _training(self, epoch: int, slot: int) -> Batch:
        size = self._size(self._batch_size)

        def rows(run: int) -> tuple[np.ndarray, np.ndarray]:
            source, at = self._sources[run], np.arange(size)
            inside = (at < self._batch_size) & (slot < source.hyper.steps_per_epoch)
            at = slot * self._batch_size + at
            rows = self._order(run, epoch)[np.minimum(at, len(source.members) - 1)]
            return rows, inside & (at < source.count)

        return self._put(rows, size)

    def _order(self, run: int, epoch: int) -> np.ndarray:
        source = self._sources[run]
        at = order(source.hyper.seed, np.int32(epoch), len(source.members), source.count, self._shuffle)
        return source.members[np.asarray(at)]

    def _put(self, rows_of: Callable[[int], tuple[np.ndarray, np.ndarray]], size: int) -> Batch:
        """Reads what the devices of this host need; `rows_of` run i gives (size,) rows, and which are sessions."""
        runs, parts = len(self._sources), []
        for device, (run, share) in self._sharding.addressable_devices_indices_map((runs, size)).items():
            run = run.start or 0
            rows, present = rows_of(run)
            batch = _batch(self._sources[run], self._subjects[run], rows[share], present[share])
            parts.append(jax.tree.map(lambda x, device=device: jax.device_put(x[None], device), batch))

        def whole(*leaves: jax.Array) -> jax.Array:
            shape = (runs, size, *leaves[0].shape[2:])
            return jax.make_array_from_single_device_arrays(shape, self._sharding, [*leaves])

        return jax.tree.map(whole, *parts)


def _batch(source: Source, subject: np.ndarray, rows: np.ndarray, present: np.ndarray) -> Batch:
    """Rows of windows; those that are not present are empty, and not read."""

    windows = source.windows

    def read(name: str) -> np.ndarray:
        values = windows.cues[name]
        out = np.zeros((len(rows), *values.shape[1:]), np.float32)
        for i in np.flatnonzero(present):
            out[i] = values[rows[i]]
        return out

    return Batch(
        {name: read(name) for name in windows.cues},
        (windows.mask[rows] & present[:, None]).astype(np.float32),
        windows.segment[rows],
        subject[rows],
        present.astype(np.float32),
        None if source.target is None else source.target[rows],
    )
