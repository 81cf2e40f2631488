"""Many cases in several processes, each process under limits; one that dies or hangs is a failure of its case."""

import collections
import dataclasses
import multiprocessing
import multiprocessing.connection
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator

from tests.fuzz import worker
from tests.fuzz.worker import FAILURE, Result

HANGS_AFTER = 120.0  # seconds a case, the making of it included; `worker.MOST_SECONDS` is for what ends
_START = 300.0  # seconds until a process is ready


@dataclasses.dataclass
class _Worker:
    process: multiprocessing.Process
    connection: multiprocessing.connection.Connection
    case: tuple[str, int] | None = None
    since: float = dataclasses.field(default_factory=time.monotonic)
    ready: bool = False


def run(
    cases: Iterable[tuple[str, int]], seed: int, processes: int, serve: Callable = worker.serve
) -> Iterator[Result]:
    """The result of each (kind, number), in the order in which they are done."""
    waiting = collections.deque(cases)
    with tempfile.TemporaryDirectory(prefix="fuzz-") as scratch:  # here, since a process that dies cleans nothing up
        workers = [_start(seed, serve, scratch) for _ in range(min(processes, len(waiting)))]
        try:
            while workers:
                multiprocessing.connection.wait([one.connection for one in workers], timeout=1.0)
                for one in list(workers):
                    result, alive = _look(one)
                    if result is not None:
                        yield result
                    if not alive:
                        workers.remove(one)
                        if waiting:
                            workers.append(_start(seed, serve, scratch))
                    elif one.ready and one.case is None:
                        if not waiting:
                            one.connection.send(None)
                            one.process.join(10)
                            workers.remove(one)
                            continue
                        one.case, one.since = waiting.popleft(), time.monotonic()
                        one.connection.send(one.case)
        finally:
            for one in workers:
                one.process.kill()
                one.process.join()


def _start(seed: int, serve: Callable, scratch: str) -> _Worker:
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(there, seed, scratch), daemon=True)
    process.start()
    there.close()
    return _Worker(process, here)


def _look(one: _Worker) -> tuple[Result | None, bool]:
    """(the result of its case, if there is one, whether the process goes on)."""
    try:
        if one.connection.poll():
            answer = one.connection.recv()
            one.case = None
            one.ready = True
            return answer, True
    except (EOFError, ConnectionError):
        one.process.join()
        return _died(one, f"the process died with exit code {one.process.exitcode}"), False
    if time.monotonic() - one.since > (HANGS_AFTER if one.ready else _START):
        one.process.kill()
        one.process.join()
        return _died(one, f"hangs: no end after {HANGS_AFTER:g} s"), False
    return None, True


def _died(one: _Worker, why: str) -> Result:
    if one.case is None:
        raise RuntimeError(f"a process of the fuzzer {why}, before its first case")
    return Result(*one.case, FAILURE, "", why, False, time.monotonic() - one.since, 0)
