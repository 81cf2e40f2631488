"""Archives and folders of a session's files, as they should be.

A tar is put together here, since the standard library would not write what is wrong: see `tar_lies`.
"""

import gzip
import io
import pathlib
import struct
import zipfile
from collections.abc import Mapping

import numpy as np

PACKINGS = ("zip", "tar", "tar.gz", "folder")


def write(place: pathlib.Path, number: str, packing: str, members: Mapping[str, bytes]) -> pathlib.Path:
    """The session `number` in the folder `place`, packed as it should be."""
    path = place / (f"{number}_P" if packing == "folder" else f"{number}_P.{packing}")
    if packing == "folder":
        for name, data in members.items():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_bytes(data)
        return path
    path.write_bytes(packed(packing, members))
    return path


def packed(packing: str, members: Mapping[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip, tar or tar.gz of them."""
    if packing == "zip":
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", compression) as archive:
            for name, data in members.items():
                archive.writestr(zipfile.ZipInfo(name), data, compression)
        return file.getvalue()
    tar = b"".join(tar_member(name, data) for name, data in members.items()) + bytes(1024)
    return tar if packing == "tar" else gzip.compress(tar, 6, mtime=0)


def tar_member(
    name: str | bytes, data: bytes = b"", kind: bytes = b"0", size: int | bytes | None = None, link: str = ""
) -> bytes:
    """Header and content of a member; `size` is what the header says of it: a number, or the field's 12 bytes."""
    name = name if isinstance(name, bytes) else name.encode("utf-8", "surrogateescape")
    if len(name) > 100:
        return tar_member("././@LongLink", name + b"\0", b"L") + tar_member(name[:100], data, kind, size, link)
    size = len(data) if size is None else size
    field = size if isinstance(size, bytes) else _number(size)
    head = struct.pack(
        "100s8s8s8s12s12s8sc100s8s32s32s8s8s155s12x",
        *(name, b"0000644\0", b"0000000\0", b"0000000\0", field, b"00000000000\0", b" " * 8, kind, link.encode()),
        *(b"ustar  \0", b"", b"", b"", b"", b""),
    )
    head = head[:148] + f"{sum(head):06o}\0 ".encode() + head[156:]
    return head + data + bytes(-len(data) % 512)


def pax(**fields: str | int) -> bytes:
    """A header that overrules fields of the next member."""
    lines = []
    for key, value in fields.items():
        rest = f" {key.replace('__', '.')}={value}\n".encode("utf-8", "surrogateescape")
        length = len(rest) + len(str(len(rest)))
        lines.append(str(length + (len(str(length)) > len(str(len(rest))))).encode() + rest)
    return tar_member("pax", b"".join(lines), b"x")


def _number(value: int) -> bytes:
    """A size: octal digits, or where these do not do a binary number, as GNU tar writes it."""
    if 0 <= value < 8**11:
        return f"{value:011o}\0".encode()
    return bytes([0x80 if value >= 0 else 0xFF]) + (value % (1 << 88)).to_bytes(11, "big")


def strange_name(rng: np.random.Generator, name: str) -> str:
    """A name that somebody may give a member to do harm, or that a file system left."""
    base = name.rsplit("/", 1)[-1]
    names = (
        *(f"/{base}", f"../{base}", f"a/../../{base}", f"C:\\{base}", f"..\\{base}", f"\\\\host\\{base}", f"./{base}"),
        *(f"a\n\x1b[31m/{base}", f"a\r/{base}", f"\udcff\udcfe/{base}", f"\u202e/{base}", f"{base}\0", f"{base}\n"),
        *("x/" * 400 + base, "y" * 3000 + f"/{base}", f"{base}/", f"{base}.zip", f"._{base}", f"__MACOSX/{base}"),
        *(base.upper(), base.replace("3", "\u0663"), base.replace(".", "\uff0e"), f"//{base}", f" {base}", "", "/"),
    )
    return names[rng.integers(len(names))]
