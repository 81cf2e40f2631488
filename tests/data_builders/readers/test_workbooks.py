"""Workbooks as plain cells; what is none, is damaged or is far too large is one line, and soon."""

import struct
import time
import warnings
import zipfile

import openpyxl
import pytest

from data_builders.readers import workbooks
from data_builders.readers.workbooks import read_sheets
from mccl_jax.errors import UserError


def workbook(path, **sheets):
    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


def refused(path):
    with pytest.raises(UserError) as caught:
        read_sheets(path)
    said = str(caught.value)
    assert said.startswith(f"{path}")
    assert "\n" not in said
    assert "; expected" in said
    return said


def test_cells_are_stripped_text_floats_or_none(tmp_path):
    rows = [["ID ", None, " a\tb "], [1, 2.5, True], ["", "  ", "3"], [], [None, "x"]]
    (found,) = read_sheets(workbook(tmp_path / "a.xlsx", People=rows)).values()
    assert [[cell for cell in row if cell is not None] for row in found] == [
        ["ID", "a\tb"],
        [1.0, 2.5, 1.0],
        ["3"],
        [],
        ["x"],
    ]
    assert found[1][:3] == [1.0, 2.5, 1.0]
    assert all(type(cell) in (str, float, type(None)) for row in found for cell in row)
    assert found[4][1] == "x"


def test_sheets_keep_their_names_and_order(tmp_path):
    found = read_sheets(workbook(tmp_path / "a.xlsx", Notes=[["seen"]], People=[["ID"]], Empty=[]))
    assert list(found) == ["Notes", "People", "Empty"]
    assert found["Empty"] == []


def test_a_formula_is_the_value_that_was_saved_with_it_or_nothing(tmp_path):
    found = read_sheets(workbook(tmp_path / "a.xlsx", People=[["ID", "=1+1"]]))
    assert found["People"][0][:2] == ["ID", None]


def altered(path, member, change):
    """The workbook with one member of the archive changed."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts[member] = change(parts[member])
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return path


def test_a_number_that_is_not_finite_is_text(tmp_path):
    path = workbook(tmp_path / "a.xlsx", People=[["ID", 27]])
    altered(path, "xl/worksheets/sheet1.xml", lambda xml: xml.replace(b"<v>27</v>", b"<v>1e999</v>"))
    assert read_sheets(path)["People"][0][:2] == ["ID", "inf"]


def test_what_a_sheet_says_of_its_own_size_is_not_believed(tmp_path):
    path = workbook(tmp_path / "a.xlsx", People=[["ID", "x"], [1, 2]])
    altered(path, "xl/worksheets/sheet1.xml", lambda xml: xml.replace(b'ref="A1:B2"', b'ref="A1"'))
    assert read_sheets(path)["People"][1][:2] == [1.0, 2.0]


@pytest.mark.parametrize("damage", ["absent", "folder", "empty", "a CSV", "truncated", "a zip of something", "XML"])
def test_what_is_no_workbook_is_named(tmp_path, damage):
    path = workbook(tmp_path / "SubjectInfo.xlsx", People=[["ID"]] * 200)
    if damage in ("absent", "folder"):
        path.unlink()
    if damage == "folder":
        path.mkdir()
    if damage == "empty":
        path.write_bytes(b"")
    if damage == "a CSV":
        path.write_text("ID,MDD\nHC01,0\n")
    if damage == "truncated":
        path.write_bytes(path.read_bytes()[:2000])
    if damage == "a zip of something":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("readme.txt", "hello")
    if damage == "XML":
        altered(path, "xl/worksheets/sheet1.xml", lambda xml: xml[:300])
    said = refused(path)
    assert ("there is no such file" if damage == "absent" else "cannot be read as an Excel workbook") in said
    assert ("put it there" if damage == "absent" else "copy it again") in said


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path):
    path = workbook(tmp_path / "a.xlsx", People=[["ID"]])
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive, archive.open("xl/more.xml", "w") as member:
        for _ in range(80):
            member.write(bytes(1 << 20))
    assert path.stat().st_size < 200_000
    begin = time.perf_counter()
    said = refused(path)
    assert time.perf_counter() - begin < 1
    assert "is larger than any such file" in said


def test_more_rows_than_any_table_of_people_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(workbooks, "_MOST_ROWS", 50)
    assert len(read_sheets(workbook(tmp_path / "a.xlsx", People=[["x"]] * 50))["People"]) == 50
    said = refused(workbook(tmp_path / "b.xlsx", Notes=[], People=[["x"]] * 51))
    assert "sheet People: more than 50 rows" in said


def test_a_cell_far_below_does_not_take_long(tmp_path):
    book = openpyxl.Workbook()
    book.active.cell(1, 1, "ID")
    book.active.cell(1_048_576, 1, "lost")
    book.save(tmp_path / "a.xlsx")
    begin = time.perf_counter()
    assert "more than 5000 rows" in refused(tmp_path / "a.xlsx")
    assert time.perf_counter() - begin < 5


def test_columns_far_to_the_right_are_cut_off(tmp_path):
    book = openpyxl.Workbook()
    book.active.cell(1, 1, "ID")
    book.active.cell(1, 16_384, "lost")
    book.save(tmp_path / "a.xlsx")
    assert {len(row) for row in read_sheets(tmp_path / "a.xlsx")["Sheet"]} == {500}


@pytest.mark.parametrize("size", [0, 100])
def test_sizes_that_the_archive_says_are_not_believed(tmp_path, size):
    """A part is unpacked in one piece where its size is asked for at the end only."""
    path = workbook(tmp_path / "a.xlsx", People=[["ID"]])
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive, archive.open("xl/more.xml", "w") as member:
        for _ in range(40):
            member.write(bytes(1 << 20))
    data = bytearray(path.read_bytes())
    at = data.rfind(b"PK\x01\x02")
    data[at + 24 : at + 28] = struct.pack("<I", size)
    path.write_bytes(data)
    refused(path)


def test_parts_that_cannot_be_unpacked_in_steps(tmp_path):
    path = workbook(tmp_path / "a.xlsx", People=[["ID"]])
    with zipfile.ZipFile(path, "a", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("xl/more.xml", bytes(1000))
    assert "packed in an unusual way" in refused(path)


def test_entities_that_grow(tmp_path):
    path = workbook(tmp_path / "a.xlsx", People=[["ID", "x"]])
    grow = b"".join(b'<!ENTITY %c "%s">' % (98 + i, b"&%c;" % (97 + i) * 10) for i in range(12))
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">' + grow + b"]>"

    def change(xml):
        assert b"<t>x" in xml
        return bomb + xml.rpartition(b"?>")[2].replace(b"<t>x", b"<t>&m;", 1)

    refused(altered(path, "xl/worksheets/sheet1.xml", change))


def test_a_date_that_is_none_comes_without_a_warning(tmp_path):
    path = tmp_path / "a.xlsx"
    book = openpyxl.Workbook()
    book.active.append(["ID", 1])
    book.active["B1"].number_format = "yyyy-mm-dd"
    book.save(path)
    altered(path, "xl/worksheets/sheet1.xml", lambda xml: xml.replace(b"<v>1</v>", b"<v>99999999999</v>"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_sheets(path)["Sheet"][0][:2] == ["ID", "#VALUE!"]


def test_a_whole_number_that_no_float_holds_is_text(tmp_path):
    path = workbook(tmp_path / "a.xlsx", People=[["ID", 27]])
    altered(path, "xl/worksheets/sheet1.xml", lambda xml: xml.replace(b"<v>27</v>", b"<v>" + b"9" * 400 + b"</v>"))
    assert read_sheets(path)["People"][0][1] == "9" * 400
