"""Damage to bytes, wherever they lie and whatever they mean."""

import numpy as np


def damaged(rng: np.random.Generator, data: bytes, start: int = 0) -> tuple[bytes, str]:
    """`data` with one kind of damage from byte `start` on, and what was done."""
    start = min(start, max(len(data) - 1, 0))
    kind = list(_KINDS)[rng.integers(len(_KINDS))]
    return _KINDS[kind](rng, bytearray(data), start), f"{kind} from byte {start}"


def _place(rng, data, start):
    return int(rng.integers(start, len(data) + 1))


def _flip_bits(rng, data, start):
    for _ in range(rng.integers(1, 9)):
        if len(data) > start:
            data[rng.integers(start, len(data))] ^= 1 << int(rng.integers(8))
    return bytes(data)


def _set_bytes(rng, data, start):
    for _ in range(rng.integers(1, 9)):
        if len(data) > start:
            data[rng.integers(start, len(data))] = rng.integers(256)
    return bytes(data)


def _truncate(rng, data, start):
    return bytes(data[: _place(rng, data, start)])


def _remove(rng, data, start):
    at = _place(rng, data, start)
    del data[at : at + int(rng.integers(1, 300))]
    return bytes(data)


def _repeat(rng, data, start):
    at = _place(rng, data, start)
    part = data[at : at + int(rng.integers(1, 3000))]
    data[at:at] = part * int(rng.integers(1, 4))
    return bytes(data)


def _swap(rng, data, start):
    a, b = sorted(_place(rng, data, start) for _ in range(2))
    size = min(int(rng.integers(1, 500)), b - a)
    data[a : a + size], data[b : b + size] = data[b : b + size], data[a : a + size]
    return bytes(data)


def _insert(rng, data, start):
    strange = (
        *(
            b"\0",
            b"\0" * 300,
            b"\xef\xbb\xbf",
            b"\xff\xfe",
            b"\xfe\xff",
            b'"',
            b"\r",
            b"\n",
            b"\r\n",
            b"\n\n\n",
            b"\x1a",
        ),
        *(b"\t", b",", b", ", b";", b"\xe2\x80\xa8", b"\xc2\x85", b"\x1b[2J", b"\xed\xa0\x80", b"\xf0\x9f\x98\x80"),
        *(b"PK\x03\x04", b"PK\x05\x06", b"\x1f\x8b", b"\x00\x05\x16\x07", b"\x89HDF\r\n\x1a\n", rng.bytes(40)),
    )
    for _ in range(rng.integers(1, 4)):
        at = _place(rng, data, start)
        data[at:at] = strange[rng.integers(len(strange))]
    return bytes(data)


def _zero(rng, data, start):
    at = _place(rng, data, start)
    size = min(int(rng.integers(1, 3000)), len(data) - at)
    data[at : at + size] = bytes(size)
    return bytes(data)


def _append(rng, data, start):
    return bytes(data) + rng.bytes(int(rng.integers(1, 300)))


_KINDS = {
    "bits flipped": _flip_bits,
    "bytes set": _set_bytes,
    "truncated": _truncate,
    "bytes removed": _remove,
    "bytes repeated": _repeat,
    "blocks swapped": _swap,
    "something inserted": _insert,
    "zeros": _zero,
    "something appended": _append,
}
