"""SubjectInfo.xlsx and 5FoldSplitInfo.xlsx of a simulated CMDC, as a person would have typed them."""

import datetime
import io
import pathlib
import zipfile
from collections.abc import Sequence

from openpyxl import Workbook
from openpyxl.styles import Font
from openpyxl.writer.excel import ExcelWriter

from data_builders.simulator.cmdc_simulation import PEOPLE, CmdcSimulation, has_video, video_is_flagged

PHQ = ("PHQtotal", *(f"PHQ-{n}" for n in range(1, 10)))
HAMD = ("HAMDtotal", *(f"HAMD-{n}" for n in range(1, 18)))
HEADER = ("ID", "MDD", "VideoAvailabe", *PHQ, *HAMD)  # the misspelling is the corpus's
WITHOUT_HAMD = "MDD26"  # and all healthy people

# What stands in the table in place of what should. The first is the corpus's, the others are common in such tables.
IDS_AS_TYPED = {"MDD21": "MDD20", "HC02": "HC02 ", "MDD01": "mdd01"}
COLUMNS_AS_TYPED = {"PHQ-3": "PHQ-3 "}
TYPED_AS_TEXT = ("HC03", "PHQtotal")
EMPTY_TOTAL = "HC05"  # whose PHQtotal is left empty

# First and last number of the people tested in each of the official folds: MDD, HC. Folds 1 and 5 overlap.
TEST_FOLDS = (
    ((21, 26), (41, 52)),
    ((1, 6), (1, 12)),
    ((7, 12), (13, 24)),
    ((13, 18), (25, 36)),
    ((19, 24), (37, 48)),
)
# The same for those with video: first and last place, from 0, in the list of their names.
VIDEO_TEST_FOLDS = (((15, 17), (20, 25)), ((0, 2), (0, 5)), ((3, 5), (6, 11)), ((6, 8), (12, 17)), ((9, 11), (18, 23)))
_FOLD_HEADER = ("", "Train MDD", "Train HC", "Test MDD", "Test HC")
_LAST = {"MDD": PEOPLE // 3, "HC": PEOPLE - PEOPLE // 3}

_Cell = str | int | None
_LONG_AGO = datetime.datetime(2000, 1, 1)


def write_subject_info(path: pathlib.Path, simulation: CmdcSimulation) -> None:
    """One row a person, healthy people first, and a row with nothing but a format at the end."""
    book = Workbook()
    sheet = book.active
    sheet.append([COLUMNS_AS_TYPED.get(column, column) for column in HEADER])
    for i in sorted(range(len(simulation)), key=simulation.name):
        row = _person(simulation, i)
        sheet.append([row.get(column) for column in HEADER])
    sheet.cell(sheet.max_row + 1, 1).font = Font(bold=True)
    _save(book, path)


def write_folds(path: pathlib.Path) -> None:
    """The official folds, of everybody and then of those with video; the same whoever was simulated."""
    book = Workbook()
    rows = [_FOLD_HEADER]
    for k, (patients, healthy) in enumerate(TEST_FOLDS):
        train = _others("MDD", *patients), _others("HC", *healthy)
        rows.append((f"Fold {k + 1}", *train, _range("MDD", *patients), _range("HC", *healthy)))
    rows += [(), ("Subjects with video",), _FOLD_HEADER]
    for k, places in enumerate(VIDEO_TEST_FOLDS):
        rows.append((f"Fold {k + 1}", *_video_fold(places)))
    for row in rows:
        book.active.append(row)
    _save(book, path)


def _person(simulation: CmdcSimulation, i: int) -> dict[str, _Cell]:
    name, patient = simulation.name(i), simulation.group(i) == "MDD"
    row = {"ID": IDS_AS_TYPED.get(name, name), "MDD": int(patient), "VideoAvailabe": int(video_is_flagged(name))}
    scales = [(PHQ, simulation.phq(i))]
    if patient and name != WITHOUT_HAMD:
        scales.append((HAMD, simulation.hamd(i)))
    for columns, items in scales:
        row |= dict(zip(columns, [int(items.sum()), *items.tolist()], strict=True))
    subject, column = TYPED_AS_TEXT
    if name == subject:
        row[column] = str(row[column])
    if name == EMPTY_TOTAL:
        row["PHQtotal"] = None
    return row


def _range(group: str, first: int, last: int) -> str:
    return f"{group}{first:02d}-{last:02d}"


def _others(group: str, first: int, last: int) -> str:
    """All but first..last, in one range or two."""
    ranges = ((1, first - 1), (last + 1, _LAST[group]))
    return ", ".join(_range(group, a, b) for a, b in ranges if a <= b)


def _video_fold(places: Sequence[tuple[int, int]]) -> tuple[str, ...]:
    """Names of train MDD, train HC, test MDD and test HC."""
    train, test = [], []
    for group, (first, last) in zip(("MDD", "HC"), places, strict=True):
        names = [name for n in range(1, _LAST[group] + 1) if has_video(name := f"{group}{n:02d}")]
        test.append(", ".join(names[first : last + 1]))
        train.append(", ".join(names[:first] + names[last + 1 :]))
    return *train, *test


def _save(book: Workbook, path: pathlib.Path) -> None:
    """Saves without the time of day, which openpyxl writes into the document and into the archive around it."""
    book.properties.created = book.properties.modified = _LONG_AGO
    dated = io.BytesIO()
    ExcelWriter(book, zipfile.ZipFile(dated, "w")).save()
    with zipfile.ZipFile(dated) as source, zipfile.ZipFile(path, "w") as target:
        for name in source.namelist():
            target.writestr(zipfile.ZipInfo(name, _LONG_AGO.timetuple()[:6]), source.read(name), zipfile.ZIP_DEFLATED)
