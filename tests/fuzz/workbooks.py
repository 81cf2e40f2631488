"""Damage to Excel workbooks: cells and rows through openpyxl, the XML inside, and the archive around it."""

import datetime
import io
import re
import zipfile

import numpy as np
import openpyxl

from tests.fuzz.noise import damaged
from tests.fuzz.tables import CELLS
from tests.fuzz.zip_lies import lying_zip

_VALUES = (
    *(None, True, False, 0, 1, -1, 28, 3.5, 1e308, -1e308, 10**15, 10**300, 1e-320, datetime.datetime(1900, 1, 1)),
    *(
        datetime.time(1),
        datetime.timedelta(5),
        "=1/0",
        "=SUM(A1:A9)",
        "#N/A",
        "HC01",
        "MDD20",
        "hc 3",
        "HC99",
        "Fold 1",
        "MDD01-99",
    ),
    *(cell[:30000] for cell in CELLS if not re.search("[\x00-\x08\x0b-\x1f]", cell)),
)
# What is put in place of a piece of XML.
_XML = (
    *(
        b"",
        b"<",
        b">",
        b"&bomb;",
        b"&#0;",
        b"&#x1F600;",
        b"\xff",
        b"<x/>",
        b"NaN",
        b"1e999",
        b"9" * 5000,
        b'r="ZZZZ99999999"',
    ),
    *(b't="s"', b't="d"', b't="e"', b't="inlineStr"', b"999999999", b"-1", b"<!-- ", b"]]>", b'<?xml version="9"?>'),
)
_BOMB = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">' + b"".join(
    b'<!ENTITY %c "%s">' % (98 + i, b"&%c;" % (97 + i) * 10) for i in range(12)
)  # fmt: skip
_BOMB += b'<!ENTITY bomb "&m;">]>'


def mutated(rng: np.random.Generator, data: bytes) -> tuple[bytes, str]:
    """A workbook with some damage, and what was done."""
    kind, change = _KINDS[rng.integers(len(_KINDS))]
    data, said = change(rng, data)
    return data, f"{kind}: {said}" if said else kind


def _any(rng, several):
    return several[rng.integers(len(several))]


def _cells(rng, data):
    book = openpyxl.load_workbook(io.BytesIO(data))
    sheet, said = book.active, []
    for _ in range(rng.integers(1, 5)):
        change = list(_SHEET)[rng.integers(len(_SHEET))]
        _SHEET[change](rng, sheet)
        said.append(change)
    # Last, for openpyxl lets nobody write to merged cells, and would walk all the way to one that is far away.
    for change, make in (("a cell far away", _far_cell), ("cells merged", _merge)):
        if rng.random() < 0.05:
            make(rng, sheet)
            said.append(change)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue(), ", ".join(said)


def _place(rng, sheet):
    """Row and column; every other time one of the columns that matter most."""
    column = rng.integers(1, 6 if rng.integers(2) else min(sheet.max_column, 60) + 1)
    return int(rng.integers(1, min(sheet.max_row, 100) + 1)), int(column)


def _set_cell(rng, sheet):
    sheet.cell(*_place(rng, sheet)).value = _any(rng, _VALUES)


def _set_column(rng, sheet):
    _, column = _place(rng, sheet)
    one, other = _any(rng, _VALUES), _any(rng, _VALUES)
    for row in range(1 + int(rng.integers(2)), sheet.max_row + 1):
        sheet.cell(row, column).value = one if rng.integers(2) else other


def _format_cell(rng, sheet):
    sheet.cell(*_place(rng, sheet)).number_format = _any(rng, ("yyyy-mm-dd", "[h]:mm", "0.00E+00", "@", "General"))


def _copy_row(rng, sheet):
    row, to = _place(rng, sheet)[0], int(rng.integers(1, sheet.max_row + 3))
    for column in range(1, min(sheet.max_column, 60) + 1):
        sheet.cell(to, column).value = sheet.cell(row, column).value


def _far_cell(rng, sheet):
    sheet.cell(int(10 ** rng.uniform(0, 6)), int(10 ** rng.uniform(0, 4))).value = _any(rng, _VALUES)


def _merge(rng, sheet):
    (top, left), (bottom, right) = _place(rng, sheet), _place(rng, sheet)
    if top < bottom and left < right:
        sheet.merge_cells(start_row=top, start_column=left, end_row=bottom, end_column=right)


def _xml(rng, data):
    """One member of the workbook, changed and packed again."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    likely = [name for name in members if "sheet1" in name or "Strings" in name or "styles" in name]
    name = _any(rng, likely if rng.random() < 0.7 else list(members))
    change = rng.integers(5)
    if change == 0:
        del members[name]
    elif change == 1:
        members[name], _ = damaged(rng, members[name])
    elif change == 2:
        head, declaration, rest = members[name].rpartition(b"?>")
        members[name] = head + declaration + _BOMB + rest.replace(b"</", b"&bomb;</", 1)
    else:
        tokens = re.split(rb'(<[^>]*>|"[^"]*")', members[name])
        for _ in range(rng.integers(1, 4)):
            tokens[rng.integers(len(tokens))] = _any(rng, _XML)
        members[name] = b"".join(tokens)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, content in members.items():
            archive.writestr(member, content)
    return file.getvalue(), name


def _bomb(rng, data):
    """A part that unpacks to far more than it says, or than any table has."""
    size = int(rng.integers(1, 200)) << 20
    file = io.BytesIO(data)
    with zipfile.ZipFile(file, "a", zipfile.ZIP_DEFLATED) as archive, archive.open("xl/more.xml", "w") as part:
        for _ in range(size >> 20):
            part.write(bytes(1 << 20))
    bomb = bytearray(file.getvalue())
    if rng.integers(2):
        at = bomb.rfind(b"PK\1\2")
        bomb[at + 24 : at + 28] = int(rng.integers(1000)).to_bytes(4, "little")
    return bytes(bomb), ""


def _archive(rng, data):
    if rng.integers(2):
        return damaged(rng, data)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    return lying_zip(rng, members, _any(rng, list(members)))


_SHEET = {
    "a cell": _set_cell,
    "a column": _set_column,
    "a format": _format_cell,
    "a row copied": _copy_row,
    "a row deleted": lambda rng, sheet: sheet.delete_rows(int(rng.integers(1, sheet.max_row + 1))),
    "a column deleted": lambda rng, sheet: sheet.delete_cols(_place(rng, sheet)[1]),
    "a row inserted": lambda rng, sheet: sheet.insert_rows(_place(rng, sheet)[0]),
    "a column inserted": lambda rng, sheet: sheet.insert_cols(_place(rng, sheet)[1]),
}
# What occurs more often stands more than once.
_KINDS = (("cells", _cells),) * 4 + (("XML", _xml),) * 3 + (("archive", _archive),) * 2 + (("bomb", _bomb),)
