"""What an archive holds, by its own word: names and sizes of its members, and how some of them begin."""

import dataclasses
import os
import pathlib
import tarfile
import zlib
from collections.abc import Callable

from data_builders.readers.archives import GZIP, ZIP, members_of, unreadable
from data_builders.readers.limits import STEP
from mccl_jax.errors import UserError, reason_of, shown


@dataclasses.dataclass(frozen=True)
class Member:
    """A member as it is listed, but not read.

    name   its path inside.
    size   bytes, as the archive says: what comes out may have others.
    crc    CRC-32, where the archive keeps one (a zip does).
    head   the first bytes, as far as they were asked for.
    """

    name: str
    size: int
    crc: int | None
    head: bytes = dataclasses.field(repr=False)


def list_members(source: pathlib.Path, heads: Callable[[str, int], int]) -> list[Member]:
    """Every member but folders, in the order of the archive; of each, the first `heads(name, size)` bytes are read.

    A zip or a folder is listed without unpacking anything else; a tar has to be gone through, see `is_listed_quickly`.
    Raises UserError, in one line, where `source` is neither, is damaged, cut short or holds more than any session does,
    or where a member of which the first bytes are read is encrypted or no regular file.
    """
    found = []
    try:
        for member in members_of(source):
            head, most = b"", heads(member.name, member.size)
            if most:
                with member.open(f"{source}: {shown(member.name)}") as stream:
                    head = stream.read(most)
            found.append(Member(member.name, member.size, member.crc, head))
    except UserError:
        raise
    except Exception as error:  # whatever a damaged archive makes the standard library raise
        raise unreadable(source, error) from error
    return found


def is_listed_quickly(source: pathlib.Path) -> bool:
    """Whether `source` can be listed without going through all of it."""
    if source.is_dir():
        return True
    with source.open("rb") as file:
        return file.read(2) == ZIP


def glance(source: pathlib.Path) -> str:
    """What is wrong with a .tar.gz, as far as its two ends tell; "" where nothing is. Quick, and no proof.

    A tar is whole blocks of 512 bytes, and a gzip file ends with the number of bytes that it was made from: of one that
    was cut short these last bytes are any.
    """
    try:
        with source.open("rb") as file:
            if file.read(2) != GZIP:
                file.seek(0)
                block = file.read(tarfile.BLOCKSIZE)
            else:
                file.seek(0)
                block = zlib.decompressobj(wbits=31).decompress(file.read(STEP), tarfile.BLOCKSIZE)
                file.seek(-4, os.SEEK_END)
                if int.from_bytes(file.read(4), "little") % tarfile.BLOCKSIZE:
                    return "does not end as a .tar.gz does, it seems cut short"
        tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
        return f"is no .tar.gz that can be opened ({reason_of(error)})"
    return ""
