"""Tars in which something is not as their headers say; each header has a checksum that fits, if not said otherwise."""

import gzip
from collections.abc import Mapping

import numpy as np

from tests.fuzz.packing import pax, strange_name, tar_member


def lying_tar(rng: np.random.Generator, members: Mapping[str, bytes], target: str, gzipped: bool) -> tuple[bytes, str]:
    """A tar, or tar.gz, in which something about the member `target` or about the whole is wrong; and what."""
    kind = list(_LIES)[rng.integers(len(_LIES))]
    tar = _LIES[kind](rng, members, target)
    return gzip.compress(tar, 6, mtime=0) if gzipped else tar, kind


def _sizes(rng, members, target):
    sizes = (0, 1, -1, -512, -100000, 511, 1 << 20, 8**11 - 1, 1 << 40, 1 << 62, (1 << 87) - 1, -(1 << 80))
    fields = (*sizes, b"\xff" * 12, b"12x4567890\0 ")
    return _tar(members, {target: {"size": fields[rng.integers(len(fields))]}})


def _kinds(rng, members, target):
    kinds = b"1234567SLKNDMVxgXAZ\0\xff"
    kind = bytes([kinds[rng.integers(len(kinds))]])
    return _tar(
        members, {target: {"kind": kind, "link": ("/etc/passwd", "../x", "300_CLNF_pose.txt", "")[rng.integers(4)]}}
    )


def _names(rng, members, target):
    return _tar({strange_name(rng, name) if name == target else name: data for name, data in members.items()}, {})


def _pax(rng, members, target):
    fields = (
        *({"size": size} for size in (1 << 62, -1, 0, "9" * 5000, "1e5")),
        *({"path": path} for path in ("../" + target, "\udcff/" + target, "z" * 9000, "")),
        *({"hdrcharset": "BINARY", "path": target}, {"hdrcharset": "\udcff"}, {"linkpath": "/etc/passwd"}),
        *({"mtime": "nan"}, {"mtime": "1e999"}, {"comment": "x" * 20000}, {str(i): i for i in range(500)}),
        *({"GNU__sparse__map": "0,1,5,1", "GNU__sparse__size": 1 << 40}, {"GNU__sparse__map": "x"}),
        *({"GNU__sparse__size": "-1"}, {"GNU__sparse__name": "/" + target}),
        {"GNU__sparse__major": 1, "GNU__sparse__minor": 0, "GNU__sparse__realsize": 1 << 50},
    )
    tar = b""
    for name, data in members.items():
        tar += pax(**fields[rng.integers(len(fields))]) if name == target else b""
        tar += tar_member(name, data)
    return tar + bytes(1024)


def _pax_of_another_size(rng, members, target):
    """One of the headers that the library reads as a whole."""
    kind = bytes([b"xgLKX"[rng.integers(5)]])
    size = int(rng.choice([0, 3, 1 << 16, 1 << 30, 1 << 50]))
    return tar_member("pax", b"2 " * 150 + b"=\n", kind, size) + _tar(members, {})


def _twice(rng, members, target):
    tar = _tar(members, {})
    return tar[:-1024] + tar_member(target, members[target]) + bytes(1024)


def _without_end(rng, members, target):
    return _tar(members, {})[: -int(rng.choice([1024, 512, 1]))]


def _end_in_the_middle(rng, members, target):
    return b"".join((bytes(1024) if name == target else b"") + tar_member(name, data) for name, data in members.items())


def _sums(rng, members, target):
    """Headers damaged behind their checksums' back, or the checksum itself."""
    tar = bytearray(_tar(members, {}))
    at = tar.find(target.encode()) + int(rng.integers(500))
    tar[at] ^= int(rng.integers(1, 256))
    return bytes(tar)


def _tar(members, changed):
    return b"".join(tar_member(name, data, **changed.get(name, {})) for name, data in members.items()) + bytes(1024)


_LIES = {
    "sizes in a tar": _sizes,
    "kinds of members in a tar": _kinds,
    "names in a tar": _names,
    "pax headers": _pax,
    "a pax header of another size": _pax_of_another_size,
    "a member twice": _twice,
    "a tar without its end": _without_end,
    "a tar that ends early": _end_in_the_middle,
    "a header behind its checksum": _sums,
}
