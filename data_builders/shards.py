"""Sessions into files of records: a shard is one file, and what is written into it depends on nothing but the shard.

So any number of processes may write the shards of a data set, in any order and on any engine: here they are spawned
ones, in `beam.py` those of a Beam runner. A process holds one session at a time.
"""

import concurrent.futures
import dataclasses
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import pyarrow
from tensorflow_datasets.core import file_adapters

from data_builders.records import Session, encode, features
from data_builders.report import Summary
from mccl_jax.cues import Cue
from mccl_jax.errors import UserError

# Of raw files, for each process that is started: what is read while Python and TFDS are being imported.
_WORTH_A_PROCESS = 1 << 28


@dataclasses.dataclass(frozen=True)
class Source:
    """A recording that can be prepared.

    name    what the report calls it.
    split   its TFDS split.
    read    gives the session, or raises UserError to skip it; can be pickled, as another process may call it.
    bytes   of its files.
    """

    name: str
    split: str
    read: Callable[[], Session]
    bytes: int = 0


@dataclasses.dataclass(frozen=True)
class Shard:
    """The sources of one file of records, in their order, and the cues of the data set."""

    path: str
    sources: tuple[Source, ...]
    specification: Mapping[str, Cue]


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What became of a source: `summary` of its session, or None and `why` it is skipped."""

    source: Source
    summary: Summary | None
    why: str = ""


def write_shard(shard: Shard) -> list[Outcome]:
    """Writes the sessions that can be read; an outcome for each source."""
    outcomes, records = [], features(shard.specification)

    def examples() -> Iterator[tuple[str, bytes]]:
        for source in shard.sources:
            try:
                session = source.read()
            except UserError as error:
                _, _, reason = str(error).partition(f"{source.name}: ")  # a reader's message starts with the path
                outcomes.append(Outcome(source, None, reason or str(error)))
            else:
                outcomes.append(Outcome(source, Summary.of(session)))
                yield source.name, records.serialize_example(encode(session, shard.specification))

    file_adapters.ArrayRecordFileAdapter.write_examples(shard.path, examples())
    return outcomes


def write_shards(shards: Sequence[Shard], workers: int, done: Callable[[int], None]) -> list[list[Outcome]]:
    """`write_shard` of each; `done` hears how many sources are dealt with each time that a shard is.

    workers   processes; 1: this one; 0: as many as there are CPU cores and work for.

    Raises UserError where a process ends before its work is done.
    """
    if (workers := workers or worthwhile(source for shard in shards for source in shard.sources)) == 1:
        return [_counted(write_shard(shard), done) for shard in shards]
    context = multiprocessing.get_context("spawn")  # a fork would copy the threads of libraries in an unknown state
    pool = concurrent.futures.ProcessPoolExecutor(min(workers, len(shards)), context, initializer=_begin)
    try:
        written = {pool.submit(write_shard, shard): i for i, shard in enumerate(shards)}
        for future in concurrent.futures.as_completed(written):
            _counted(future.result(), done)
        return [future.result() for future in written]
    except concurrent.futures.process.BrokenProcessPool as error:
        raise UserError(
            "a process that prepares sessions has ended before its work was done; expected enough memory for "
            f"{workers} of them: try fewer with --config.data.workers=1"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def worthwhile(sources: Iterable[Source]) -> int:
    """Processes that are sooner done than one."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores, sum(source.bytes for source in sources) // _WORTH_A_PROCESS))


def _counted(outcomes: list[Outcome], done: Callable[[int], None]) -> list[Outcome]:
    done(len(outcomes))
    return outcomes


def _begin() -> None:
    """What a spawned process does first: it has one core, leaves Ctrl-C to its parent, and ends when that has ended."""
    pyarrow.set_cpu_count(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    multiprocessing.parent_process().join()
    os._exit(1)
