"""Folders in buckets, gs://BUCKET/FOLDER: worked in as copies on a disk of this machine, and kept in step with them.

The program locks, appends, maps and renames files, which object stores cannot. So a folder in a bucket is copied to the
user's cache folder, all else works in the copy as on any disk, and what has changed there goes to the bucket when a
checkpoint is complete, and at the end. In the bucket a file is an object of the same name, replaced in one step. The
file without which a folder counts for nothing (LAST) goes last and, where it changes itself, is removed first: what a
kill leaves is whole, or known not to be. Objects of which the program knows nothing are left alone.

Of several processes that train together each has a copy, and the main one alone writes to the bucket. Nothing can be
locked there: who begins to train in a folder leaves his name in it, and who finds another name than his own, ends.

For a path on a disk nothing is imported, and nothing leaves this machine. What is done with a bucket is in mirrors.py.
"""

import contextlib
import importlib.util
import os
import pathlib
import re
import sys
from collections.abc import Callable, Iterator

from mccl_jax.errors import UserError
from mccl_jax.mirrors import LAST, Mirror, copy_of

_URL = re.compile(r"gs://[a-z0-9][a-z0-9._-]+(/(?!\.{1,2}(/|$))[^/]+)+/?")

_kept: list[Mirror] = []  # what this process keeps in step


def is_remote(place: str | os.PathLike) -> bool:
    """Whether `place` is no path on a disk."""
    return "://" in str(place)


def check_form(name: str, place: str | os.PathLike) -> None:
    """Raises UserError where `place`, which the option of this name gives, is remote and no folder in a bucket."""
    if is_remote(place) and not _URL.fullmatch(str(place)):
        raise UserError(f"{name} is {place}: expected a path on a disk, or gs://BUCKET/FOLDER")


def check(name: str, place: str | os.PathLike) -> None:
    """Raises UserError where `place` is to be used, is remote and cannot be; asks nobody."""
    check_form(name, place)
    if is_remote(place) and importlib.util.find_spec("gcsfs") is None:
        raise UserError(f"{name} is {place}: gs:// needs gcsfs: pip install -r requirements-gcs.txt -c constraints.txt")


def on_disk(place: str | os.PathLike) -> pathlib.Path:
    """A path as it is, or that of the copy of a folder in a bucket, which may not be there yet."""
    return copy_of(str(place)) if is_remote(place) else pathlib.Path(place).expanduser()


@contextlib.contextmanager
def working_in(
    place: str | os.PathLike, main: bool = True, wait: Callable[[str], None] = lambda name: None
) -> Iterator[pathlib.Path]:
    """The folder on a disk to work in; of one in a bucket the copy, which goes back to it at the end.

    Of several processes only the `main` one writes, and all `wait` for each other. Raises UserError where the bucket
    cannot be read, or another process of this machine works in the copy.
    """
    if not is_remote(place):
        yield pathlib.Path(place).expanduser()
        return
    mirror = Mirror(str(place))

    def busy():
        raise UserError(f"{place}: another process on this machine works in it; wait for its end")

    with mirror.alone(busy) if main else contextlib.nullcontext():
        if main:
            mirror.pull()
            wait("bucket")  # where processes have one copy together, it is there now
        else:
            wait("bucket")
            mirror.pull()
        wait("copied")
        if not main:
            yield mirror.folder
            return
        print(f"{place}: worked in as {mirror.folder}", file=sys.stderr, flush=True)
        _kept.append(mirror)
        try:
            yield mirror.folder
            mirror.push()
        except BaseException:
            if mirror.claimed:  # what a failed training says of itself
                with contextlib.suppress(UserError):
                    mirror.push()
            raise
        finally:
            _kept.remove(mirror)


def claim(folder: pathlib.Path) -> None:
    """This process is the one that trains in `folder`; where that is the copy of one in a bucket, it is said there.

    Raises UserError where the bucket cannot be written to.
    """
    for mirror in _kept_with(folder):
        mirror.claim()


def publish(folder: pathlib.Path, complete: Callable[[], object]) -> None:
    """Where `folder` lies in the copy of one in a bucket, the bucket gets what has changed, once it is `complete`.

    Raises UserError where the bucket cannot be written to, or another process has begun to train in it.
    """
    for mirror in _kept_with(folder):
        complete()
        mirror.push()


def _kept_with(folder: pathlib.Path) -> list[Mirror]:
    return [mirror for mirror in _kept if folder.absolute().is_relative_to(mirror.folder)]


def fetched(place: str | os.PathLike, part: str) -> pathlib.Path:
    """A checkpoint or model on a disk: `place`, or a copy; of a workdir in a bucket of its `part` alone.

    Raises UserError where the bucket has none there, or cannot be read.
    """
    if not is_remote(place):
        return pathlib.Path(place).expanduser()
    check("the checkpoint", place)
    url = str(place).rstrip("/")
    for candidate in (f"{url}/{part}", url):
        mirror = Mirror(candidate)
        if LAST[0] in mirror.listed():
            with mirror.alone():
                mirror.pull()
            return mirror.folder
    raise UserError(
        f"{place}: holds no whole checkpoint; expected the workdir of a finished training, or its folder {part} or "
        "checkpoints/STEP"
    )
