"""Members of an archive (zip, tar, tar.gz) or of an extracted folder, read by name and without unpacking anything.

An archive is not trusted: its paths and sizes are what somebody wrote into it. Nothing is ever written to disk, a
member is known by the last part of its path alone, and what counts are the bytes that really come out. What nobody
asked for (audio, HOG features, archives inside the archive, macOS' `._` files) is never opened; a tar.gz has to be
decompressed past it, and is given up where that turns out far longer than the file.
"""

import dataclasses
import gzip
import hashlib
import io
import json
import os
import pathlib
import re
import stat
import tarfile
import zipfile
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import BinaryIO

from mccl_jax.errors import UserError

# Bytes of one member. The 3D landmarks of an hour, the longest text, have about 160 MB.
MOST_BYTES = 1 << 29
# Bytes out for one byte in. Text of a tracker that saw nothing, the most uniform there is, shrinks to about a sixtieth.
MOST_RATIO = 200
_STEP = 1 << 20  # read at once; below it no ratio is asked for
# Reads a member: takes what its messages begin with, and the bytes that it may have.
Reader = Callable[[str, int], bytes]
_ZIP, _GZIP = b"PK", b"\x1f\x8b"


@dataclasses.dataclass(frozen=True)
class Content:
    """The bytes of one member; as text it is where they come from, so that it can stand in a message as a path does."""

    where: str
    name: str
    data: bytes = dataclasses.field(repr=False)

    def __str__(self) -> str:
        return self.where

    def open(self, mode: str = "rb") -> BinaryIO:
        """A stream of the bytes, as of a file; `mode` is there for the likeness with a path."""
        return io.BytesIO(self.data)

    @property
    def sha256(self) -> str:
        """Of the bytes, in hexadecimal."""
        return hashlib.sha256(self.data).hexdigest()


def read_members(
    source: pathlib.Path,
    wanted: Mapping[str, re.Pattern],
    optional: Collection[str] = (),
    most_bytes: Mapping[str, int] | None = None,
) -> dict[str, Content]:
    """Key -> member for each of `wanted`, whose pattern must match the whole last part of the member's path.

    source       an archive, told by its content, or a folder, searched with its subfolders.
    optional     keys that may be absent; they are then absent from what is returned.
    most_bytes   key -> bytes that its member may have, where that is not `MOST_BYTES`.

    Raises UserError, in one line, where `source` is neither, is damaged or cut short, lacks a member that is not
    optional, or where a wanted member stands twice, is encrypted, no regular file (a link), has an absolute path or one
    that leads out of the archive, or unpacks to more than any such file has.
    """
    found, seen, most_bytes = {}, [], most_bytes or {}
    try:
        for name, read in _members(source):
            base = _base(name)
            seen.append(base)
            for key, pattern in wanted.items():
                if not pattern.fullmatch(base) or _is_metadata(name):
                    continue
                where = f"{source}: {_shown(name)}"
                if key in found:
                    raise UserError(
                        f"{where}: the second member of its kind, after {_shown(found[key].name)}; expected one: "
                        "remove the other, or take the archive as it was handed out"
                    )
                _check_path(where, name)
                found[key] = Content(where, name, read(where, most_bytes.get(key, MOST_BYTES)))
    except UserError:
        raise
    except Exception as error:  # whatever a damaged archive makes the standard library raise
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise UserError(
            f"{source}: cannot be read ({reason}); expected a whole .zip or .tar.gz, or a folder: copy or download it "
            "again"
        ) from error
    if missing := [key for key in wanted if key not in found and key not in optional]:
        held = ", ".join(map(_shown, seen[:5])) + (", ..." if len(seen) > 5 else "") if seen else "nothing"
        raise UserError(
            f"{source}: lacks {', '.join(missing)} ({wanted[missing[0]].pattern}); it holds {held}: download or unpack "
            "it again"
        )
    return {key: found[key] for key in wanted if key in found}


def digest_of(members: Mapping[str, Content]) -> str:
    """SHA-256 of what was read of a session, whatever its files are called."""
    return hashlib.sha256(json.dumps([[key, content.sha256] for key, content in members.items()]).encode()).hexdigest()


def size(source: pathlib.Path, wanted: Mapping[str, re.Pattern]) -> int:
    """Bytes of an archive, or of the wanted files in a folder."""
    files = files_in(source, wanted) if source.is_dir() else [source]
    return sum(path.stat().st_size for path in files)


def checksums(source: pathlib.Path, wanted: Mapping[str, re.Pattern]) -> list[tuple[str, int, int]] | None:
    """(name, bytes, CRC-32) as an archive itself keeps them: of the wanted members of a zip, or of all in a .tar.gz.

    Quick to get, and changes when the content does. None where it keeps none: a plain tar, a zip cut short.
    """
    with source.open("rb") as file:
        magic = file.read(2)
        if magic == _GZIP:
            file.seek(-min(8, os.fstat(file.fileno()).st_size), os.SEEK_END)
            return [(source.name, os.fstat(file.fileno()).st_size, int.from_bytes(file.read(4), "little"))]
        if magic != _ZIP:
            return None
        try:
            with zipfile.ZipFile(file) as archive:
                members = archive.infolist()
        except Exception:  # whatever a damaged archive makes the standard library raise: reading it will say what
            return None
    return [
        (member.filename, member.file_size, member.CRC)
        for member in members
        if any(pattern.fullmatch(_base(member.filename)) for pattern in wanted.values())
    ]


def files_in(folder: pathlib.Path, wanted: Mapping[str, re.Pattern]) -> list[pathlib.Path]:
    """The wanted files in a folder and its subfolders."""
    return [path for path in _files(folder) if any(pattern.fullmatch(path.name) for pattern in wanted.values())]


def _members(source: pathlib.Path) -> Iterator[tuple[str, Reader]]:
    """(path inside, reader) of each member but folders."""
    if source.is_dir():
        for path in _files(source):
            yield path.relative_to(source).as_posix(), lambda where, most, path=path: _read_file(path, where, most)
        return
    with source.open("rb") as file:
        magic = file.read(2)
        file.seek(0)
        yield from _zipped(file) if magic == _ZIP else _tarred(file, magic == _GZIP)


def _files(folder: pathlib.Path) -> Iterator[pathlib.Path]:
    for place, folders, names in os.walk(folder):
        folders.sort()
        yield from (path for name in sorted(names) if (path := pathlib.Path(place, name)).is_file())


def _read_file(path: pathlib.Path, where: str, most: int) -> bytes:
    with path.open("rb") as stream:
        return _read(stream, where, most, packed=None)


def _zipped(file: BinaryIO) -> Iterator[tuple[str, Reader]]:
    whole = os.fstat(file.fileno()).st_size
    with zipfile.ZipFile(file) as archive:
        for member in archive.infolist():

            def read(where: str, most: int, member=member) -> bytes:
                if member.flag_bits & 1:
                    raise UserError(f"{where}: is encrypted; expected a plain archive: unpack it into a folder")
                if stat.S_IFMT(member.external_attr >> 16) not in (0, stat.S_IFREG):
                    raise _not_regular(where)
                with archive.open(member) as stream:
                    return _read(stream, where, most, min(member.compress_size, whole))

            if not member.is_dir():
                yield member.filename, read


def _tarred(file: BinaryIO, gzipped: bool) -> Iterator[tuple[str, Reader]]:
    """One pass from front to back: going back in a gzip stream means to begin again."""
    stream = _Limited(gzip.GzipFile(fileobj=file), file) if gzipped else file
    with tarfile.open(fileobj=stream, mode="r|", bufsize=_STEP) as archive:
        for member in archive:

            def read(where: str, most: int, member=member) -> bytes:
                if not member.isreg() or member.issparse():
                    raise _not_regular(where)
                return _read(archive.extractfile(member), where, most, packed=None)

            if not member.isdir():
                yield member.name, read


class _Limited:
    """A decompressing stream that is given up once far more has come out than went in."""

    def __init__(self, stream: BinaryIO, file: BinaryIO):
        self._stream, self._file, self._out = stream, file, 0

    def read(self, size: int) -> bytes:
        data = self._stream.read(size)
        self._out += len(data)
        _check_ratio(self._file.name, self._out, self._file.tell())
        return data


def _read(stream: BinaryIO, where: str, most: int, packed: int | None) -> bytes:
    """All of a stream of at most `most` bytes; `packed`: the bytes that it is unpacked from, if it is."""
    parts, size = [], 0
    while part := stream.read(_STEP):
        parts.append(part)
        size += len(part)
        if size > most:
            raise UserError(f"{where}: has more than {most >> 20} MiB; expected less: download the archive again")
        if packed is not None:
            _check_ratio(where, size, packed)
    return b"".join(parts)


def _check_ratio(where: str, out: int, packed: int) -> None:
    if out > _STEP and out > MOST_RATIO * packed:
        raise UserError(
            f"{where}: unpacks to more than {MOST_RATIO} times its size, as no recording does: download it again"
        )


def _check_path(where: str, name: str) -> None:
    parts = name.replace("\\", "/").split("/")
    if parts[0] == "" or ".." in parts or re.match(r"[A-Za-z]:", name):
        raise UserError(f"{where}: its path leads out of the archive; expected one inside: download it again")


def _not_regular(where: str) -> UserError:
    return UserError(f"{where}: is a link or another special member; expected a file: download the archive again")


def _base(name: str) -> str:
    return name.replace("\\", "/").rsplit("/", 1)[-1]  # some archives are packed with Windows' separator


def _is_metadata(name: str) -> bool:
    """What macOS adds beside each file: AppleDouble files, which bear its name but hold none of its content."""
    parts = name.replace("\\", "/").split("/")
    return "__MACOSX" in parts or _base(name).startswith("._")


def _shown(name: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in name)[:100]
