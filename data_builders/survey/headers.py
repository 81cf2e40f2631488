"""How a file begins: enough to say what it is, from its first bytes alone."""

import codecs
import csv
import dataclasses
import re
import zlib

HEAD = 1 << 14  # bytes; OpenFace's header of 714 columns has about 7000, in UTF-16 twice as many
_GZIP, _APPLE_DOUBLE, _HDF5 = b"\x1f\x8b", b"\x00\x05\x16\x07", b"\x89HDF\r\n\x1a\n"
_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
_SAID = {"utf-8-sig": "utf-8 with a byte order mark", "utf-16-le": "utf-16", "utf-16-be": "utf-16"}


@dataclasses.dataclass(frozen=True)
class Header:
    """The first line of a text, or what the file is instead.

    what        its encoding, "utf-8" and the like; or "empty", "not text" and so on.
    separator   of the cells: ",", ", ", ";", a tab; "" where there is a single one.
    line_end    "\\n", "\\r\\n", "\\r"; "" where the line does not end.
    cells       stripped; none where the file is no text.
    """

    what: str
    separator: str = ""
    line_end: str = ""
    cells: tuple[str, ...] = ()

    @property
    def encoding(self) -> str:
        """Python's name of the encoding, as far as the text can be read by it."""
        return next((name for name, said in _SAID.items() if said == self.what), "utf-8")


def header_of(head: bytes) -> Header:
    """Of the first `HEAD` bytes of a file, or all of a shorter one; gzipped or not."""
    if head.startswith(_GZIP):
        try:
            head = zlib.decompressobj(wbits=31).decompress(head, HEAD)
        except zlib.error:
            return Header("a damaged .gz")
    if not head.strip():
        return Header("empty")
    if head.startswith(_APPLE_DOUBLE):
        return Header("an AppleDouble file of macOS")
    if head.startswith(b"MATLAB 5.0"):
        return Header("MATLAB up to version 7")
    if head.startswith((_HDF5, b"MATLAB 7.3")):
        return Header("MATLAB version 7.3")
    mark = next((mark for mark in _MARKS if head.startswith(mark)), b"")
    encoding = _MARKS.get(mark, "utf-8")
    try:
        # Not the last call: the head may end in the middle of a character.
        text = codecs.getincrementaldecoder(encoding.removesuffix("-sig"))().decode(head[len(mark) :])
    except UnicodeDecodeError:
        text, encoding = head.decode("latin-1"), "not utf-8"
    if "\0" in text:
        return Header("not text")
    line = re.match(r"[^\r\n]*", text)[0]
    return Header(
        what=_SAID.get(encoding, encoding),
        separator=_separator(line),
        line_end=re.match(r"\r\n|\r|\n|", text[len(line) :])[0],
        cells=tuple(cell.strip() for cell in cut(line, _separator(line))),
    )


def cut(line: str, separator: str) -> list[str]:
    """The cells of a line."""
    if not separator:
        return [line]
    try:
        return next(csv.reader([line], delimiter=separator[0]), [])
    except csv.Error:  # a cell of more than 128 KiB, a lone quotation mark
        return line.split(separator[0])


def _separator(line: str) -> str:
    """The one that cuts the line into most cells; a comma with a space where every comma has one."""
    most = max(("\t", ",", ";", "|"), key=line.count)
    if not line.count(most):
        return ""
    return ", " if most == "," and len(re.findall(", ", line)) == line.count(",") else most
