"""What scipy takes on trust in MATLAB files of version 5, looked at before scipy does.

It reserves and fills as much memory as a length announces before it finds out that the file, or what the file unpacks
to, is not as long; and a kind of numbers that there is not ends the process. A variable is a tag, kind and length,
around parts that have a tag each: flags, dimensions, name, numbers. Source: MathWorks, "MAT-File Format".
"""

import dataclasses
import math
import struct
import zlib
from collections.abc import Iterator

_HEADER = 128  # bytes in front of the first variable
_COMPRESSED = 15  # kind of a variable that is packed by zlib
_NUMBERS = (1, 2, 3, 4, 5, 6, 7, 9, 12, 13)  # kinds of numbers: integers of 1 to 8 bytes, single, double
_OF_NUMBERS = range(6, 16)  # classes of variables
_OPAQUE = 17  # the class of an object: neither dimensions nor name stand where they do in others
_COMPLEX = 1 << 11  # of the flags
_LONGEST = 1 << 12  # bytes of a part other than the numbers


@dataclasses.dataclass(frozen=True)
class Variable:
    """What stands in front of a variable's numbers."""

    name: str
    shape: tuple[int, ...]
    is_complex: bool


def variables(data: bytes) -> Iterator[Variable]:
    """Each variable of a version 5 file; none where `data` is of another version.

    Raises ValueError where a part is of a kind or a length that it cannot have.
    """
    order, at = {b"IM": "<", b"MI": ">"}.get(data[126:128]), _HEADER
    while order and at + 8 <= len(data):
        kind, length = struct.unpack_from(order + "II", data, at)
        head = data[at + 8 : at + 8 + min(length, 4 * _LONGEST)]
        at += 8 + length
        if kind == _COMPRESSED:
            head = zlib.decompressobj().decompress(head, 4 * _LONGEST)[8:]
        yield _variable(head, order)


def _variable(head: bytes, order: str) -> Variable:
    _, length, flags, place = _part(head, 0, order)
    if length != 8:
        raise ValueError(f"says that the flags of a variable have {length} bytes")
    (bits,) = struct.unpack_from(order + "I", head, flags)
    if bits & 0xFF == _OPAQUE:
        return Variable("", (), is_complex=False)
    _, length, dimensions, place = _part(head, place, order)
    shape = struct.unpack_from(f"{order}{_short(length, 'dimensions') // 4}i", head, dimensions)
    _, length, at, place = _part(head, place, order)
    name = head[at : at + _short(length, "name")].decode("latin-1")
    if bits & 0xFF in _OF_NUMBERS:
        kind, length, *_ = _part(head, place, order)
        if length > max(_LONGEST, 8 * math.prod(max(size, 0) for size in shape)):
            raise ValueError(f"says that the numbers of a variable have {length} bytes")
        if kind not in _NUMBERS:
            raise ValueError(f"says that the numbers of a variable are of kind {kind}")
    return Variable(name, shape, bool(bits & _COMPLEX))


def _part(head: bytes, place: int, order: str) -> tuple[int, int, int, int]:
    """(kind, length, where its content begins, where the next part begins)."""
    kind, length = struct.unpack_from(order + "II", head, place)
    if kind >> 16:  # a short part, with its content in the tag
        return kind & 0xFFFF, kind >> 16, place + 4, place + 8
    return kind, length, place + 8, place + 8 + -(-length // 8) * 8


def _short(length: int, what: str) -> int:
    if length > _LONGEST:
        raise ValueError(f"says that the {what} of a variable have {length} bytes")
    return length
