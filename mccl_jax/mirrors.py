"""One folder in a bucket and its copy on a disk, each made equal to the other where that is asked for.

The file system is the one that epath has for gs://, of gcsfs, which requirements-gcs.txt installs. It is imported where
a bucket is used and nowhere else.
"""

import base64
import concurrent.futures
import contextlib
import datetime
import hashlib
import os
import pathlib
import re
import shutil
import socket
import sys
import uuid
from collections.abc import Callable, Iterable, Iterator

import tqdm

from mccl_jax.errors import UserError, reason_of, shown
from mccl_jax.files import cache_folder, locked, replacing, writing

# Of a checkpoint or a model, and of prepared data: the file without which the folder counts for nothing.
LAST = ("SHA256SUMS", "preparation.json")
_OWNER = ".owner"
# What is not finished, what concerns one machine alone, and, of objects, what is no path below the folder.
_PASSING = re.compile(r"(^|/)(\.|incomplete\.|/)|\.orbax-checkpoint-tmp")
_AT_ONCE = 8


def copy_of(url: str) -> pathlib.Path:
    """Where the copy of a folder in a bucket lies, or will."""
    url = url.rstrip("/")
    return cache_folder() / "gs" / f"{url.rpartition('/')[2]}-{hashlib.sha256(url.encode()).hexdigest()[:12]}"


class Mirror:
    """A folder in a bucket and its copy on a disk."""

    def __init__(self, url: str, folder: pathlib.Path | None = None):
        self.url = url.rstrip("/")
        self.folder = (folder or copy_of(url)).absolute()
        self._root, self._name = self.url.removeprefix("gs://"), ""
        # Name -> (size, time of change) of the file here that is equal to the object there, or None where it is not.
        self._known: dict[str, tuple[int, int] | None] = {}

    @property
    def claimed(self) -> bool:
        """Whether this process is the one that writes there."""
        return bool(self._name)

    def has(self, name: str) -> bool:
        """Whether the bucket had a file of this name, when it was last looked at."""
        return name in self._known

    def alone(self, busy: Callable[[], None] = lambda: None):
        """Within it no other process of this machine has the copy; where `busy` returns, waits for the one that has."""
        return locked(self.folder.with_name(f".{self.folder.name}.bucket"), busy)

    def listed(self) -> dict[str, tuple[int, str]]:
        """Name -> (size, CRC32C in base64) of all that is in the bucket's folder; nothing where there is none."""
        with self._reaching("read"):
            files = _file_system()
            files.invalidate_cache()
            try:
                found = files.find(self._root, detail=True)
            except FileNotFoundError as error:
                raise FileNotFoundError(f"there is no bucket {self._root.partition('/')[0]}") from error
        named = {path.removeprefix(f"{self._root}/"): said for path, said in found.items()}
        return {
            name: (int(said["size"]), said.get("crc32c", ""))
            for name, said in named.items()
            if said["type"] == "file" and not name.endswith("/") and not _PASSING.search(name)
        }

    def pull(self, unless_without: str = "") -> None:
        """Makes the copy what the bucket has; but leaves it where the bucket lacks the file `unless_without`."""
        there, here = self.listed(), self._here()
        self._known = {name: here.get(name) if self._equal(name, *there[name]) else None for name in there}
        missing = {name: there[name] for name, known in self._known.items() if known is None}
        if not unless_without or unless_without in there:
            with writing(self.folder):
                for name in here.keys() - there.keys():
                    (self.folder / name).unlink()
                self._remove_empty_folders()
                self._bring(missing)

    def push(self) -> None:
        """Makes the bucket what the copy is. Where nothing has changed nobody is asked.

        What goes last is removed first where it has changed itself, as it does with all that it tells of: a card that
        is laid beside a checkpoint leaves that whole.
        """
        here = self._here()
        changed = {name for name, stat in here.items() if self._known.get(name) != stat}
        gone = self._known.keys() - here.keys()
        if not changed and not gone:
            return
        self._check_owner()
        for name in filter(_is_last, changed & self._known.keys()):
            self._remove(name)
        self._send([name for name in changed if not _is_last(name)], here)
        self._check_owner()
        self._send([name for name in changed if _is_last(name)], here)
        for name in sorted(gone, key=lambda name: not _is_last(name)):
            self._remove(name)

    def claim(self) -> None:
        """From now on a push ends in UserError where another process has claimed the folder after this one."""
        now = datetime.datetime.now(datetime.UTC).isoformat(" ", "seconds")
        self._name = f"process {os.getpid()} on {socket.gethostname()}, since {now} ({uuid.uuid4().hex})"
        with self._reaching("written to"):
            _file_system().pipe_file(f"{self._root}/{_OWNER}", self._name.encode())

    def _check_owner(self) -> None:
        if not self._name:
            return
        with self._reaching("read"):
            owner = _file_system().cat_file(f"{self._root}/{_OWNER}").decode(errors="replace")
        if owner != self._name:
            raise UserError(
                f"{self.url}: another process has begun to write in it ({shown(owner)}): that one goes on from what is "
                "there; this one ends, and leaves the bucket as it is"
            )

    def _here(self) -> dict[str, tuple[int, int]]:
        """Name -> (size, time of change) of every file of the copy."""
        found = {}
        for folder, _, names in os.walk(self.folder):
            for path in (pathlib.Path(folder, name) for name in names):
                name = path.relative_to(self.folder).as_posix()
                if not _PASSING.search(name):
                    found[name] = _stat(path)
        return found

    def _equal(self, name: str, size: int, crc: str) -> bool:
        """Whether the file of this name is as in the bucket."""
        path = self.folder / name
        return path.is_file() and path.stat().st_size == size and _crc32c(path) == crc

    def _bring(self, wanted: dict[str, tuple[int, str]]) -> None:
        if not wanted:
            return
        size = sum(size for size, _ in wanted.values())
        self.folder.mkdir(parents=True, exist_ok=True)
        if size > (free := shutil.disk_usage(self.folder).free):
            raise UserError(
                f"{self.folder}: {free / 1e9:.1f} GB are free; the copy of {self.url} needs {size / 1e9:.1f} GB: free "
                "some, or set XDG_CACHE_HOME to a folder on another disk"
            )

        def bring(name: str) -> None:
            of_bucket = wanted[name]
            with replacing(self.folder / name) as temporary, self._reaching("read"):
                _file_system().get_file(f"{self._root}/{name}", str(temporary))
                if (temporary.stat().st_size, _crc32c(temporary)) != of_bucket:
                    raise ValueError(f"{name} has changed while it was copied, or was damaged on the way")
            self._known[name] = _stat(self.folder / name)

        what = f"{len(wanted)} files, {size / 1e6:.1f} MB"
        print(f"{self.url}: copying {what}, to {self.folder}", file=sys.stderr, flush=True)
        self._each(bring, wanted, "copying")

    def _send(self, names: Iterable[str], here: dict[str, tuple[int, int]]) -> None:
        def send(name: str) -> None:
            with self._reaching("written to"):
                _file_system().put_file(str(self.folder / name), f"{self._root}/{name}", consistency="md5")
            self._known[name] = here[name]

        self._each(send, sorted(names), "keeping")

    def _remove(self, name: str) -> None:
        with self._reaching("written to"), contextlib.suppress(FileNotFoundError):
            _file_system().rm_file(f"{self._root}/{name}")
        del self._known[name]

    def _each(self, do: Callable[[str], None], names: Iterable[str], called: str) -> None:
        names = list(names)
        with concurrent.futures.ThreadPoolExecutor(_AT_ONCE) as threads:
            futures = [threads.submit(do, name) for name in names]
            done = concurrent.futures.as_completed(futures)
            try:
                for future in tqdm.tqdm(done, desc=called, unit=" files", total=len(names), disable=None, leave=False):
                    future.result()
            except BaseException:
                for future in futures:
                    future.cancel()
                raise

    def _remove_empty_folders(self) -> None:
        """An empty folder, of a checkpoint that has gone, would be taken for a damaged one."""
        for folder, _, _ in os.walk(self.folder, topdown=False):
            with contextlib.suppress(OSError):
                os.rmdir(folder)

    @contextlib.contextmanager
    def _reaching(self, how: str) -> Iterator[None]:
        """Within it, a bucket that cannot be read or written to is a UserError."""
        try:
            yield
        except Exception as error:  # of gcsfs, aiohttp, google.auth: many kinds
            raise UserError(
                f"{self.url}: could not be {how} ({type(error).__name__}: {reason_of(error)}); expected a bucket that "
                "is there, credentials that may do so (gcloud auth application-default login, or the service account "
                "of the machine) and a network: the same command again goes on"
            ) from error


def _file_system():
    """The one of epath; JSON over HTTPS alone, which asks nobody first of what kind a bucket is."""
    os.environ.setdefault("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")
    from etils.epath import backend

    return backend.fsspec_backend.fs("gs://")


def _is_last(name: str) -> bool:
    return name.rpartition("/")[2] in LAST


def _stat(path: pathlib.Path) -> tuple[int, int]:
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns


def _crc32c(path: pathlib.Path) -> str:
    import google_crc32c

    digest = google_crc32c.Checksum()
    with path.open("rb") as file:
        while chunk := file.read(1 << 22):
            digest.update(chunk)
    return base64.b64encode(digest.digest()).decode()
