"""One process that makes cases, reads them under limits, and judges what came of each."""

import contextlib
import dataclasses
import os
import pathlib
import re
import resource
import shutil
import tempfile
import time
import traceback
import warnings
import zlib

import numpy as np

from mccl_jax.errors import UserError

MOST_MEMORY = 3 << 29  # bytes of address space beside what the process has before the first case: 1.5 GiB
MOST_SECONDS = 10.0  # of processor time that reading a case takes
RECORD, SKIPPED, ERROR, FAILURE = OUTCOMES = "valid record", "reported skip", "clean error", "FAILURE"


@dataclasses.dataclass(frozen=True)
class Result:
    """What came of a case.

    outcome   one of OUTCOMES.
    said      what the case is; reason: the error's message, or why it failed.
    past      the reader came past the header (see `watch`).
    seconds   of processor time that reading took; memory: bytes that the process had at most beside what it began with.
    """

    kind: str
    number: int
    outcome: str
    said: str
    reason: str
    past: bool
    seconds: float
    memory: int


def serve(connection, seed: int, scratch: str) -> None:
    """Answers each (kind, number) on `connection` with a `Result`, until there is None; files come below `scratch`."""
    place = tempfile.mkdtemp(dir=scratch)
    _prepare_process(place)
    connection.send(None)  # ready
    while (asked := connection.recv()) is not None:
        connection.send(run(*asked, seed, pathlib.Path(place)))


def _prepare_process(scratch: str) -> None:
    """Imports everything, makes what is damaged, and sets the limit of memory."""
    from tests.fuzz import bases, watch

    watch.install()
    for made in (bases.openface, bases.cmdc, bases.daic_woz, bases.e_daic, bases.daic_woz_corpus):
        made()
    for kind in ("e_daic", "subject_info", "preparation"):  # what is imported late
        run(kind, 0, 0, pathlib.Path(scratch))
    size = int(pathlib.Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + MOST_MEMORY, resource.RLIM_INFINITY))


def run(kind: str, number: int, seed: int, scratch: pathlib.Path) -> Result:
    """Makes the case and reads it."""
    from tests.fuzz import watch
    from tests.fuzz.kinds import KINDS

    place, elsewhere = scratch / "case", scratch / "elsewhere"
    for folder in (place, elsewhere):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
    case = KINDS[kind][0](np.random.default_rng([seed, zlib.crc32(kind.encode()), number]), place)
    before = _listing(place)
    tempfile.tempdir = str(elsewhere)
    back = os.getcwd()
    os.chdir(elsewhere)
    writes = kind == "preparation"
    memory, start = _memory_from_now_on(), time.process_time()
    try:
        with (
            warnings.catch_warnings(record=True) as warned,
            watch.watching((place / "prepared", elsewhere) if writes else ()) as seen,
        ):
            warnings.simplefilter("always")
            outcome, reason, found = _read(case)
            seconds = time.process_time() - start
            reached, harm = list(seen[0]), list(seen[1])
    finally:
        os.chdir(back)
        tempfile.tempdir = None
    memory = _memory("VmHWM") - memory
    if outcome != FAILURE:
        wrong = [f"{one.category.__name__}: {one.message}" for one in warned] + harm
        after = {name: size for name, size in _listing(place).items() if not (writes and name.startswith("prepared"))}
        wrong += ["files were changed"] * (before != after)
        # TFDS leaves an empty folder of this name for each builder that is made.
        wrong += [f"left {name}" for name in os.listdir(elsewhere) if not (writes and name.endswith("tfds"))]
        wrong += [f"took {seconds:.1f} s"] * (seconds > MOST_SECONDS)
        outcome, reason = (FAILURE, "; ".join(wrong)[:1000]) if wrong else _judged(outcome, reason, found, place)
    past = any(one.startswith(case.stage) and name in one for one in reached for name in case.targets)
    past |= re.search(r", (line|row) ([2-9]|[1-9][0-9]+):", reason) is not None and outcome == ERROR
    return Result(kind, number, outcome, case.said, reason, past, seconds, memory)


def _memory_from_now_on() -> int:
    """Bytes that the process has now; its peak is counted from here."""
    with contextlib.suppress(OSError):  # where it may not, the peak is that of its whole life
        pathlib.Path("/proc/self/clear_refs").write_text("5")
    return _memory("VmRSS")


def _memory(which: str) -> int:
    status = pathlib.Path("/proc/self/status").read_text()
    return int(re.search(rf"{which}:\s+([0-9]+) kB", status)[1]) << 10


def _read(case):
    try:
        return RECORD, "", case.read()
    except UserError as error:
        causes = _causes(error)
        if any(isinstance(one, MemoryError | RecursionError | AssertionError) for one in causes):
            return FAILURE, f"{error} <- {' <- '.join(map(repr, causes))}"[:1000], None
        return ERROR, str(error), None
    except BaseException:
        return FAILURE, traceback.format_exc()[-2500:], None


def _causes(error):
    found = []
    while error := error.__cause__ or error.__context__:
        found.append(error)
    return found


def _judged(outcome, reason, found, place):
    """What is returned is valid, what is said is fit to be read."""
    from tests.fuzz import valid
    from tests.fuzz.corpora import Prepared

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            if outcome == ERROR:
                valid.check_message(reason, str(place))
            elif isinstance(found, Prepared):
                skipped = found.report.skipped
                for session in found.sessions:
                    valid.check(session)
                for _, why in skipped:
                    valid.check_message(why, str(place))
                assert len(found.sessions) == found.report.sessions
                assert len(found.sessions) + len(skipped) >= found.planned, f"not all are accounted for: {skipped}"
                outcome = SKIPPED if found.report.sessions < found.planned else RECORD
                reason = "; ".join(why for _, why in skipped)
            else:
                valid.check(found)
    except Exception:
        return FAILURE, traceback.format_exc()[-2500:]
    return outcome, reason


def _listing(folder):
    return {str(path.relative_to(folder)): path.lstat().st_size for path in sorted(folder.rglob("*"))}
