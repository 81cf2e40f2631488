"""Zips in which something is not as their headers say."""

import re
import struct
from collections.abc import Mapping

import numpy as np

from tests.fuzz.packing import packed, strange_name


def lying_zip(rng: np.random.Generator, members: Mapping[str, bytes], target: str) -> tuple[bytes, str]:
    """A zip in which something about the member `target`, about all of them or about the whole is wrong; and what."""
    kind = list(_LIES)[rng.integers(len(_LIES))]
    return _LIES[kind](rng, bytearray(packed("zip", members)), target), kind


# Fields of zip headers: offset and width. L: before the content, C: in the central directory, E: the end record.
_FIELDS = {
    "flags": {"L": (6, 2), "C": (8, 2)},
    "compression": {"L": (8, 2), "C": (10, 2)},
    "CRC": {"L": (14, 4), "C": (16, 4)},
    "packed size": {"L": (18, 4), "C": (20, 4)},
    "unpacked size": {"L": (22, 4), "C": (24, 4)},
    "length of the name": {"L": (26, 2), "C": (28, 2)},
    "length of the extra field": {"L": (28, 2), "C": (30, 2)},
    "disk": {"C": (34, 2)},
    "attributes": {"C": (38, 4)},
    "offset": {"C": (42, 4)},
    "version": {"L": (4, 2), "C": (6, 2)},
    "system": {"C": (5, 1)},
    "time": {"L": (10, 4), "C": (12, 4)},
    "number of members": {"E": (8, 4)},
    "size of the directory": {"E": (12, 4)},
    "place of the directory": {"E": (16, 4)},
    "length of the comment": {"E": (20, 2)},
}
_MARKS = {"L": b"PK\x03\x04", "C": b"PK\x01\x02", "E": b"PK\x05\x06"}


def _field(name: str):
    """Sets one field, in one or all of its places, of one or all members."""

    def lie(rng, data, target):
        places = _FIELDS[name]
        value = int(
            rng.choice(
                [0, 1, 2, 8, 9, 12, 14, 99, 0x800, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFE, 0xFFFFFFFF, rng.integers(1 << 32)]
            )
        )
        each = bool(rng.integers(2))
        for where in places if rng.integers(2) else list(places)[:1]:
            offset, width = places[where]
            for at in _headers(bytes(data), where, None if each or where == "E" else target):
                data[at + offset : at + offset + width] = (value % (1 << 8 * width)).to_bytes(width, "little")
        return bytes(data)

    return lie


def _headers(data: bytes, where: str, target: str | None) -> list[int]:
    found = [match.start() for match in re.finditer(re.escape(_MARKS[where]), data)]
    name_at = {"L": 30, "C": 46, "E": 0}[where]
    return [at for at in found if target is None or data[at + name_at :].startswith(target.encode())]


def _zip64(rng, data, target):
    """Sizes that refer to a zip64 field, which is absent or says something enormous."""
    for at in _headers(bytes(data), "C", target)[:1]:
        data[at + 20 : at + 28] = b"\xff" * 8
        if rng.integers(2):
            sizes = struct.pack(
                "<HHQQ", 1, 16, *((0, 1, 1 << 33, 1 << 62, (1 << 64) - 1)[i] for i in rng.integers(5, size=2))
            )
            name, extra = struct.unpack("<HH", data[at + 28 : at + 32])
            data[at + 30 : at + 32] = struct.pack("<H", extra + len(sizes))
            data[at + 46 + name : at + 46 + name] = sizes
            end = data.rfind(_MARKS["E"])
            size = struct.unpack("<I", data[end + 12 : end + 16])[0]
            data[end + 12 : end + 16] = struct.pack("<I", size + len(sizes))
    return bytes(data)


def _zip64_end(rng, data, target):
    """An end record that refers to a zip64 one, which says something enormous."""
    end = data.rfind(_MARKS["E"])
    values = [(0, 1, 1 << 20, 1 << 40, (1 << 64) - 1)[i] for i in rng.integers(5, size=4)]
    record = struct.pack("<4sQHHIIQQQQ", b"PK\x06\x06", 44, 45, 45, 0, 0, *values)
    locator = struct.pack("<4sIQI", b"PK\x06\x07", 0, end, 1)
    data[end + 8 : end + 20] = b"\xff" * 12
    return bytes(data[:end]) + record + locator + bytes(data[end:])


def _other_name(rng, data, target):
    """Names before the content and in the directory that differ, or both are strange."""
    new = strange_name(rng, target).encode("utf-8", "surrogateescape")[: len(target)].ljust(len(target), b"_")
    for where in ("L", "C") if rng.integers(2) else ("C",):
        for at in _headers(bytes(data), where, target):
            name_at = at + {"L": 30, "C": 46}[where]
            data[name_at : name_at + len(target)] = new
            if rng.integers(2):
                flags = at + {"L": 6, "C": 8}[where]
                data[flags + 1] |= 8  # "the name is UTF-8"
    return bytes(data)


def _around(rng, data, target):
    junk = rng.bytes(int(rng.integers(1, 2000)))
    return junk + bytes(data) if rng.integers(2) else bytes(data) + junk


def _two_archives(rng, data, target):
    return bytes(data) + bytes(data)


_LIES = {
    **{f"{name} in a zip": _field(name) for name in _FIELDS},
    "zip64 sizes": _zip64,
    "a zip64 end record": _zip64_end,
    "names in a zip": _other_name,
    "junk around a zip": _around,
    "two zips in one": _two_archives,
}
