"""Members of an archive (zip, tar, tar.gz) or of an extracted folder, read by name and without unpacking anything.

An archive is not trusted: its paths and sizes are what somebody wrote into it. Nothing is ever written to disk, a
member is known by the last part of its path alone, and what counts are the bytes that really come out. What nobody
asked for (audio, HOG features, archives inside the archive, macOS' `._` files) is never opened; a tar.gz has to be
decompressed past it, and is given up where that turns out far longer than the file. All limits are in `limits`.
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
from contextlib import AbstractContextManager
from typing import BinaryIO

from data_builders.readers.limits import STEP, Unpacking, read_all
from mccl_jax.errors import UserError, reason_of, shown

# Bytes of all members that are read. The 3D landmarks of an hour, the longest text, have about 160 MB.
MOST_BYTES = 1 << 29
MOST_MEMBERS = 10_000  # of an archive; sessions have about twenty
_MOST_LISTED = 1 << 22  # bytes of the list of members in a zip; the library makes ten times as many of it
_MOST_EXTENDED = 1 << 14  # bytes of a header that extends the next one in a tar: a long name, times, owners
ZIP, GZIP = b"PK", b"\x1f\x8b"


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


@dataclasses.dataclass(frozen=True)
class Closed:
    """A member that can be opened; `open` takes what its messages begin with, `packed` is what it is unpacked from."""

    name: str
    size: int
    open: Callable[[str], AbstractContextManager[BinaryIO]]
    is_folder: bool = False
    crc: int | None = None
    packed: int | None = None


def read_members(
    source: pathlib.Path,
    wanted: Mapping[str, re.Pattern],
    optional: Collection[str] = (),
    most_bytes: Mapping[str, int] | None = None,
) -> dict[str, Content]:
    """Key -> member for each of `wanted`, whose pattern must match the whole last part of the member's path.

    source       an archive, told by its content, or a folder, searched with its subfolders.
    optional     keys that may be absent; they are then absent from what is returned.
    most_bytes   key -> bytes that its member may have; the others may have `MOST_BYTES` together.

    Raises UserError, in one line, where `source` is neither, is damaged or cut short, lacks a member that is not
    optional, or where a wanted member stands twice, is encrypted or packed in an unusual way, no regular file (a link),
    has an absolute path or one that leads out of the archive, or unpacks to more than any such file has.
    """
    found, seen, most_bytes, left = {}, [], most_bytes or {}, MOST_BYTES
    try:
        for member in members_of(source):
            name, base = member.name, base_name(member.name)
            if len(seen) < 6:
                seen.append(base)
            for key, pattern in wanted.items():
                if not pattern.fullmatch(base) or is_metadata(name):
                    continue
                where = f"{source}: {shown(name)}"
                if key in found:
                    raise UserError(
                        f"{where}: the second member of its kind, after {shown(found[key].name)}; expected one: "
                        "remove the other, or take the archive as it was handed out"
                    )
                _check_path(where, name)
                with member.open(where) as stream:
                    data = read_all(stream, where, most_bytes.get(key, left), member.packed)
                found[key] = Content(where, name, data)
                left -= 0 if key in most_bytes else len(found[key].data)
    except UserError:
        raise
    except Exception as error:  # whatever a damaged archive makes the standard library raise
        raise unreadable(source, error) from error
    if missing := [key for key in wanted if key not in found and key not in optional]:
        held = ", ".join(map(shown, seen[:5])) + (", ..." if seen[5:] else "") if seen else "nothing"
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
        if magic == GZIP:
            file.seek(-min(8, os.fstat(file.fileno()).st_size), os.SEEK_END)
            return [(source.name, os.fstat(file.fileno()).st_size, int.from_bytes(file.read(4), "little"))]
        if magic != ZIP:
            return None
        try:
            with _Listed(file.raw) as listed, zipfile.ZipFile(listed) as archive:
                members = archive.infolist()
        except Exception:  # whatever a damaged archive makes the standard library raise: reading it will say what
            return None
    return [
        (member.filename, member.file_size, member.CRC)
        for member in members
        if any(pattern.fullmatch(base_name(member.filename)) for pattern in wanted.values())
    ]


def files_in(folder: pathlib.Path, wanted: Mapping[str, re.Pattern]) -> list[pathlib.Path]:
    """The wanted files in a folder and its subfolders."""
    return [path for path in _files(folder) if any(pattern.fullmatch(path.name) for pattern in wanted.values())]


def members_of(source: pathlib.Path) -> Iterator[Closed]:
    """Each member but folders; whatever a damaged archive makes the standard library raise goes through."""
    if source.is_dir():
        for path in _files(source):
            name = path.relative_to(source).as_posix()
            yield Closed(name, path.stat().st_size, lambda where, path=path: path.open("rb"))
        return
    with source.open("rb") as file:
        magic = file.read(2)
        file.seek(0)
        for count, member in enumerate(_zipped(file) if magic == ZIP else _tarred(file, magic == GZIP)):
            if count == MOST_MEMBERS:
                raise UserError(f"{source}: has more than {MOST_MEMBERS} members; expected less: download it again")
            if not member.is_folder:
                yield member


def _files(folder: pathlib.Path) -> Iterator[pathlib.Path]:
    for place, folders, names in os.walk(folder):
        folders.sort()
        yield from (path for name in sorted(names) if (path := pathlib.Path(place, name)).is_file())


def _zipped(file: BinaryIO) -> Iterator[Closed]:
    whole = os.fstat(file.fileno()).st_size
    with _Listed(file.raw) as listed, zipfile.ZipFile(listed) as archive:
        for member in archive.infolist():

            def opened(where: str, member=member) -> BinaryIO:
                if member.flag_bits & 1:
                    raise UserError(f"{where}: is encrypted; expected a plain archive: unpack it into a folder")
                if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                    # Of the others the library unpacks whatever comes out of a piece at once.
                    raise UserError(f"{where}: is packed in an unusual way; expected deflate: unpack it into a folder")
                if stat.S_IFMT(member.external_attr >> 16) not in (0, stat.S_IFREG):
                    raise _not_regular(where)
                return archive.open(member)

            packed = min(member.compress_size, whole)
            yield Closed(member.filename, member.file_size, opened, member.is_dir(), member.CRC, packed)


class _Listed(io.BufferedReader):
    """A zip whose list of members, the longest piece that is read at once, is not out of all proportion."""

    def read(self, size: int | None = -1) -> bytes:
        if size is not None and size > _MOST_LISTED:
            raise UserError(f"{self.name}: has an enormous list of members; expected a session: download it again")
        return super().read(size)


def _tarred(file: BinaryIO, gzipped: bool) -> Iterator[Closed]:
    """One pass from front to back: going back in a gzip stream means to begin again."""
    stream = Unpacking(gzip.GzipFile(fileobj=file), file, file.name) if gzipped else file
    with tarfile.open(fileobj=_Whole(stream), mode="r|", bufsize=STEP, tarinfo=_Header) as archive:
        while (member := archive.next()) is not None:
            archive.members = []  # the library would keep them all
            if member.size < 0:
                raise tarfile.ReadError(f"{shown(member.name)} has a negative size")

            def opened(where: str, member=member) -> BinaryIO:
                if not member.isreg() or member.issparse():
                    raise _not_regular(where)
                return archive.extractfile(member)

            yield Closed(member.name, member.size, opened, member.isdir())
    while stream.read(STEP):  # up to the checksum at the end
        pass


class _Whole:
    """A tar that may not end before its end mark; the library would take that for its end, or seek on for ever."""

    def __init__(self, stream: BinaryIO | Unpacking):
        self._stream = stream

    def read(self, size: int) -> bytes:
        data = self._stream.read(size)
        if not data:
            raise EOFError("it ends before its end mark")
        return data


class _Header(tarfile.TarInfo):
    """A header that is refused where it is damaged, which the library would take for the end of the archive.

    So are headers of sparse members, and ones that extend the next by more than is plausible: the library reads what
    they announce into memory before anybody can ask for its size.
    """

    @classmethod
    def frombuf(cls, buf: bytes, encoding: str, errors: str) -> "_Header":
        try:
            header = super().frombuf(buf, encoding, errors)
        except tarfile.EOFHeaderError:
            raise
        except tarfile.HeaderError as error:
            raise tarfile.ReadError(f"a header is damaged: {error}") from error
        if header.type == tarfile.GNUTYPE_SPARSE:
            raise tarfile.ReadError("a member is sparse: pack it without --sparse")
        if header.type in _EXTENDING and header.size > _MOST_EXTENDED:
            raise tarfile.ReadError(f"a header is extended by {header.size} bytes")
        return header

    def _proc_gnusparse_10(self, *_) -> None:
        raise tarfile.ReadError("a member is sparse: pack it without --sparse")


_EXTENDING = (
    *(tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE),
    *(tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK),
)


def _check_path(where: str, name: str) -> None:
    parts = name.replace("\\", "/").split("/")
    if parts[0] == "" or ".." in parts or re.match(r"[A-Za-z]:", name):
        raise UserError(f"{where}: its path leads out of the archive; expected one inside: download it again")


def unreadable(source: pathlib.Path, error: Exception) -> UserError:
    """What is said of an archive where `members_of` or reading a member raised something."""
    return UserError(
        f"{source}: cannot be read ({reason_of(error)}); expected a whole .zip or .tar.gz, or a folder: copy or "
        "download it again"
    )


def _not_regular(where: str) -> UserError:
    return UserError(f"{where}: is a link or another special member; expected a file: download the archive again")


def base_name(name: str) -> str:
    """The last part of a member's path."""
    return name.replace("\\", "/").rsplit("/", 1)[-1]  # some archives are packed with Windows' separator


def is_metadata(name: str) -> bool:
    """What macOS adds beside each file: AppleDouble files, which bear its name but hold none of its content."""
    parts = name.replace("\\", "/").split("/")
    return "__MACOSX" in parts or base_name(name).startswith("._")
