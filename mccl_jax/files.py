"""Files that are whole or absent: what is written here survives being killed at any moment."""

import contextlib
import fcntl
import os
import pathlib
import zipfile
from collections.abc import Callable, Iterator, Mapping

import numpy as np

from mccl_jax.errors import UserError


def refuse_remote(name: str, place: str | os.PathLike) -> None:
    """Raises UserError where `place`, which the option of this name gives, is no path on a disk, and has to be one."""
    if "://" in str(place):
        raise UserError(
            f"{name} is {place}: expected a path on a disk: copy what is in the bucket there (gcloud storage cp -r) or "
            "mount it where it is only read (gcsfuse); --workdir, --checkpoint and data_dir of run.py may be gs://"
        )


def cache_folder() -> pathlib.Path:
    """Where on this machine things are kept that can be made, or fetched, again. Raises RuntimeError without a home."""
    return pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "mccl_jax"


@contextlib.contextmanager
def writing(place: str | os.PathLike) -> Iterator[None]:
    """Within it, a place that cannot be written to, or is full, is a UserError that names it."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        if error.filename and not pathlib.Path(place).is_relative_to(pathlib.Path(error.filename).parent):
            reason = f"{error.filename}: {reason}"  # another file than one at this place or on the way to it
        raise UserError(
            f"{place}: could not be written ({reason}); expected a writable folder with free space: free some space or "
            "choose another folder"
        ) from error


@contextlib.contextmanager
def arrays_of(path: str | os.PathLike, expected: str) -> Iterator[Mapping[str, np.ndarray]]:
    """The arrays of an npz by name; nothing in it is unpickled.

    Within it, a file that is absent, damaged or something else is a UserError that says what is `expected`, and what to
    do.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            yield arrays
    except (OSError, EOFError, KeyError, ValueError, TypeError, AttributeError, zipfile.BadZipFile) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(f"{path}: cannot be read ({reason}); expected {expected}") from error


@contextlib.contextmanager
def locked(path: pathlib.Path, busy: Callable[[], None]) -> Iterator[None]:
    """Holds the lock of this name, which only one process has; `busy` is called where another one has it.

    Where `busy` returns, waits. The system frees the lock when the process ends, however it does.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = path.open("w")
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            busy()
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def replacing(path: str | os.PathLike) -> Iterator[pathlib.Path]:
    """A temporary path beside `path` to write to; it becomes `path` in one step at the end, or vanishes on an error.

    Raises UserError where the folder cannot be written to or is full.
    """
    path = pathlib.Path(path)
    temporary = path.with_name(f".{path.name}.partial")
    try:
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            yield temporary
            os.replace(temporary, path)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()
