"""What a file is told to be by its first bytes."""

import gzip

import pytest

from data_builders.survey.headers import HEAD, header_of
from tests.data_builders.openface_files import columns, text


@pytest.mark.parametrize(
    ("line", "separator", "cells"),
    [
        ("a, b, c", ", ", ("a", "b", "c")),
        ("a,b, c", ",", ("a", "b", "c")),
        ("a\tb, c\td", "\t", ("a", "b, c", "d")),
        ("a;b;c,d", ";", ("a", "b", "c,d")),
        ('a,"b, c"', ",", ("a", "b, c")),
        ("alone", "", ("alone",)),
        ("a,,", ",", ("a", "", "")),
    ],
)
def test_separators(line, separator, cells):
    found = header_of(f"{line}\n1\n".encode())
    assert (found.separator, found.cells, found.what) == (separator, cells, "utf-8")


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r", ""])
def test_line_ends(line_end):
    assert header_of(f"a,b{line_end}".encode()).line_end == line_end


@pytest.mark.parametrize(
    ("encoding", "what"),
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8 with a byte order mark"),
        ("utf-16", "utf-16"),
        ("latin-1", "not utf-8"),
    ],
)
def test_encodings(encoding, what):
    found = header_of("größe,b\n1,2\n".encode(encoding))
    assert (found.what, found.cells) == (what, ("größe", "b"))


@pytest.mark.parametrize(
    ("head", "what"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"\x00\x05\x16\x07" + bytes(20), "an AppleDouble file of macOS"),
        (b"\x89PNG\0\0\0", "not text"),
        (b"MATLAB 5.0 MAT-file, Platform: GLNXA64", "MATLAB up to version 7"),
        (b"MATLAB 7.3 MAT-file", "MATLAB version 7.3"),
        (b"\x89HDF\r\n\x1a\n\0\0", "MATLAB version 7.3"),
        (b"\x1f\x8b\x00broken", "a damaged .gz"),
    ],
)
def test_what_is_no_text(head, what):
    found = header_of(head)
    assert (found.what, found.cells) == (what, ())


def test_the_longest_header_is_whole_and_a_cut_character_does_no_harm():
    content = text(columns(3))
    names = tuple(columns(1))
    assert header_of(content.encode()[:HEAD]).cells == names
    assert header_of(content.encode("utf-16")[:HEAD]).cells == names
    assert header_of(gzip.compress(content.encode())[:HEAD]).cells == names
    assert header_of("a,b\nä".encode()[:-1]).what == "utf-8"
