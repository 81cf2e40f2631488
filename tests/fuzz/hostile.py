"""Archives and files that somebody made to do harm, each of them by name; the details of each are drawn."""

import bz2
import gzip
import io
import os
import pathlib
import struct
import zipfile
import zlib
from collections.abc import Mapping

import numpy as np

from tests.fuzz.packing import packed, pax, tar_member

_MIB = 1 << 20


def write(rng: np.random.Generator, place: pathlib.Path, number: str, members: Mapping[str, bytes], target: str):
    """(archive or folder of the session `number` in `place`, what it is)."""
    kind = list(_KINDS)[rng.integers(len(_KINDS))]
    made = _KINDS[kind](rng, members, target, place)
    if isinstance(made, pathlib.Path):
        return made, kind
    suffix, data = made
    path = place / f"{number}_P.{suffix}"
    path.write_bytes(data)
    return path, kind


def _zeros(size: int, level: int = 9) -> bytes:
    """That many zeros as a raw deflate stream, made piece by piece."""
    packer = zlib.compressobj(level, zlib.DEFLATED, -15)
    return b"".join(packer.compress(bytes(_MIB)) for _ in range(size // _MIB)) + packer.flush()


def _gzipped(before: bytes, zeros: int, after: bytes = b"") -> bytes:
    """A gzip file of `before`, so many zeros, and `after`."""
    packer, crc, size = zlib.compressobj(9, zlib.DEFLATED, -15), 0, 0
    data = [b"\x1f\x8b\x08\0\0\0\0\0\2\xff"]
    for part in (before, *[bytes(_MIB)] * (zeros // _MIB), after):
        crc, size = zlib.crc32(part, crc), size + len(part)
        data.append(packer.compress(part))
    return b"".join([*data, packer.flush(), struct.pack("<II", crc, size % (1 << 32))])


def _raw_zip(entries) -> bytes:
    """A zip of (name, packed content, CRC, size, compression) as said."""
    body, directory, place = [], [], 0
    for name, content, crc, size, compression in entries:
        name = name.encode()
        fields = struct.pack("<HHHHHIIIHH", 20, 0, compression, 0, 33, crc, len(content), size, len(name), 0)
        directory += b"PK\1\2", struct.pack("<H", 20), fields, struct.pack("<HHHII", 0, 0, 0, 0, place), name
        body += b"PK\3\4", fields, name, content
        place += 4 + len(fields) + len(name) + len(content)
    count, listed = min(len(entries), 0xFFFF), b"".join(directory)
    return b"".join([*body, listed, b"PK\5\6", struct.pack("<HHHHIIH", 0, 0, count, count, len(listed), place, 0)])


def _others(members, target):
    return [
        (name, data, zlib.crc32(data), len(data), 0) for name, data in members.items() if name != target
    ]  # fmt: skip


def _zip_bomb(rng, members, target, place):
    size = int(rng.integers(50, 500)) * _MIB
    said = size if rng.integers(2) else len(members[target])
    return "zip", _raw_zip([*_others(members, target), (target, _zeros(size), 0, said, 8)])


def _zip_bomb_of_bz2(rng, members, target, place):
    size = int(rng.integers(1000, 4000)) * _MIB
    part = bz2.compress(bytes(45 * 900_000 // 10))
    return "zip", _raw_zip([*_others(members, target), (target, part * (size // 4_050_000), 0, size, 12)])


def _zip_of_lzma(rng, members, target, place):
    """Its properties ask for a dictionary of 4 GiB."""
    head = b"\x09\x04\x05\x00\x5d" + struct.pack("<I", 0xFFFFFFFF)
    return "zip", _raw_zip([*_others(members, target), (target, head + rng.bytes(1000), 0, 1000, 14)])


def _overlapping(rng, members, target, place):
    """Every member is the same, and within the ratio."""
    data = rng.bytes(1024) * int(rng.integers(2000, 100_000))
    content = zlib.compress(data, 9)[2:-4]
    crc = zlib.crc32(data)
    body = b"PK\3\4" + struct.pack("<HHHHHIIIHH", 20, 0, 8, 0, 33, crc, len(content), len(data), len(target), 0)
    body += target.encode() + content
    directory = b"".join(
        b"PK\1\2"
        + struct.pack("<HHHHHHIIIHH", 20, 20, 0, 8, 0, 33, crc, len(content), len(data), len(name), 0)
        + struct.pack("<HHHII", 0, 0, 0, 0, 0)
        + name.encode()
        for name in members
    )
    count = len(members)
    return "zip", body + directory + b"PK\5\6" + struct.pack(
        "<HHHHIIH", 0, 0, count, count, len(directory), len(body), 0
    )


def _many_members(rng, members, target, place):
    count = 100_000
    return "zip", _raw_zip([*((f"{i:x}", b"", 0, 0, 0) for i in range(count)), *_others(members, "")])


def _tar_of_many(rng, members, target, place):
    header = tar_member("x")
    return "tar.gz", gzip.compress(header * 100_000 + packed("tar", members), 1)


def _tar_bomb(rng, members, target, place):
    size = int(rng.integers(50, 500)) * _MIB
    others = b"".join(tar_member(name, data) for name, data in members.items() if name != target)
    where = target if rng.integers(2) else "unwanted"
    return "tar.gz", _gzipped(others + tar_member(where, size=size), size, bytes(1024))


def _gzip_of_zeros(rng, members, target, place):
    return "tar.gz", _gzipped(b"", int(rng.integers(50, 500)) * _MIB)


def _zeros_behind(rng, members, target, place):
    """Behind the end of the archive."""
    return "tar.gz", _gzipped(packed("tar", members), int(rng.integers(50, 500)) * _MIB)


def _enormous_header(rng, members, target, place):
    """A pax or name header of many MB, which the library would read as a whole."""
    size = int(rng.integers(50, 500)) * _MIB
    kind = bytes([b"xgLKX"[rng.integers(5)]])
    return "tar.gz", _gzipped(tar_member("pax", kind=kind, size=size), size, packed("tar", members))


def _slow_header(rng, members, target, place):
    """A pax header that takes long to take apart."""
    text = b"2 " * int(rng.choice([1000, 30_000, 500_000])) + b"=\n"
    return "tar", tar_member("pax", text, b"x") + packed("tar", members)


def _growing_headers(rng, members, target, place):
    """Global pax headers, each of which adds keys that every later member inherits."""
    tar = b"".join(
        pax(**{f"key{i}x{j}": j for j in range(300)}).replace(b"\x00x\x00", b"\x00g\x00", 1) + tar_member("x")
        for i in range(200)
    )
    return "tar.gz", gzip.compress(tar + packed("tar", members), 1)


def _sparse(rng, members, target, place):
    fields = {"GNU__sparse__major": 1, "GNU__sparse__minor": 0, "GNU__sparse__realsize": 1 << 45}
    head = pax(**fields, GNU__sparse__name=target)
    content = f"1\n{(1 << 45) - 1}\n1\n".encode().ljust(512, b"\0") + b"x"
    rest = {name: data for name, data in members.items() if name != target}
    return "tar", head + tar_member("GNUSparseFile.0/x", content) + packed("tar", rest)


def _inside(rng, members, target, place):
    """The session's own archive inside an archive, once or more, beside its name or in place of a member."""
    inner, packing = packed("zip", members), ("zip", "tar", "tar.gz")[rng.integers(3)]
    for depth in range(int(rng.integers(1, 4))):
        inner = packed(packing, {f"{depth}.{packing}": inner})
    if rng.integers(2):
        return packing, packed(packing, {**members, target: inner})
    return packing, packed(packing, {"319_P.zip": inner, "300_P.tar.gz": inner})


def _quine(rng, members, target, place):
    """A gzip of a gzip of a gzip."""
    data = packed("tar", members)
    for _ in range(int(rng.integers(2, 8))):
        data = gzip.compress(data)
    return ("tar.gz", "zip")[rng.integers(2)], data


def _apple_double(rng, members, target, place):
    """What macOS puts beside files, and once in place of one."""
    double = b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X        " + bytes(64)
    added = {f"__MACOSX/._{name.rsplit('/', 1)[-1]}": double for name in members} | {".DS_Store": double}
    packing = ("zip", "tar", "tar.gz")[rng.integers(3)]
    return packing, packed(packing, {**added, **members, **({target: double} if rng.integers(2) else {})})


def _encrypted(rng, members, target, place):
    data = bytearray(packed("zip", members))
    for mark, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        at = data.find(mark)
        while at >= 0:
            data[at + offset] |= 1
            at = data.find(mark, at + 4)
    return "zip", bytes(data)


def _zip_link(rng, members, target, place):
    file = io.BytesIO(packed("zip", {n: d for n, d in members.items() if n != target}))
    with zipfile.ZipFile(file, "a") as archive:
        link = zipfile.ZipInfo(target)
        link.external_attr = int(rng.choice([0o120777, 0o020666, 0o060666, 0o010644, 0o140777])) << 16
        link.create_system = 3
        archive.writestr(link, "/etc/passwd")
    return "zip", file.getvalue()


def _long_names(rng, members, target, place):
    long = "n" * int(rng.integers(1000, 60_000))
    packing = ("zip", "tar", "tar.gz")[rng.integers(3)]
    return packing, packed(packing, {long: b"", f"{long}/{target}": b"x", **members})


def _not_an_archive(rng, members, target, place):
    texts = (
        b"",
        b"\n",
        b"<html>Please log in</html>",
        b"PK",
        b"\x1f\x8b",
        b"\x1f\x8b\x08",
        b"7z\xbc\xaf'\x1c",
        b"Rar!\x1a\7",
        rng.bytes(5000),
        bytes(5000),
    )
    return ("zip", "tar", "tar.gz")[rng.integers(3)], texts[rng.integers(len(texts))]


def _linked_folder(rng, members, target, place):
    """A folder in which a file is a link: to nothing, to itself, to a folder, to a device, to a file elsewhere."""
    folder = place / "319_P"
    for name, data in members.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    (folder / target).unlink()
    goals = ("nowhere", str(folder / target), str(folder), "/dev/zero", "/etc/passwd", "/proc/self/mem")
    (folder / target).symlink_to(goals[rng.integers(len(goals))])
    (folder / "loop").symlink_to(folder)
    if rng.integers(2):
        os.mkfifo(folder / "319_CLNF_other.txt")
    return folder


_KINDS = {
    "a zip bomb": _zip_bomb,
    "a zip bomb of bz2": _zip_bomb_of_bz2,
    "lzma in a zip": _zip_of_lzma,
    "members that overlap": _overlapping,
    "a hundred thousand members": _many_members,
    "a hundred thousand headers": _tar_of_many,
    "a tar bomb": _tar_bomb,
    "gzip of zeros": _gzip_of_zeros,
    "zeros behind the end": _zeros_behind,
    "an enormous header": _enormous_header,
    "a slow header": _slow_header,
    "growing headers": _growing_headers,
    "a sparse member": _sparse,
    "archives inside archives": _inside,
    "gzip of gzip": _quine,
    "AppleDouble files": _apple_double,
    "an encrypted zip": _encrypted,
    "links and devices in a zip": _zip_link,
    "long names": _long_names,
    "no archive": _not_an_archive,
    "links in a folder": _linked_folder,
}
