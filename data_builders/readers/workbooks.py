"""The first rows of an Excel workbook as plain values: what the label tables of some corpora are kept in."""

import io
import pathlib
import sys
import warnings
import zipfile

from data_builders.readers.limits import read_all
from mccl_jax.errors import UserError, reason_of, shown

# An xlsx is a zip archive. A table of people is far smaller; more than this is damage or malice.
_MOST_BYTES = 1 << 24
_MOST_ROWS, _MOST_COLUMNS = 5000, 500

Cell = str | float | None


def read_sheets(path: pathlib.Path) -> dict[str, list[list[Cell]]]:
    """Sheet -> rows -> cells. Text is stripped, numbers are finite floats, an empty cell or text is None.

    Formulas count as the value that was saved with them. Raises UserError where `path` is absent, no xlsx, damaged, or
    larger than any table of people.
    """
    import openpyxl

    try:
        with path.open("rb") as file:
            data = io.BytesIO(read_all(file, path, _MOST_BYTES))
        _check_sizes(path, data)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # openpyxl's, on what it leaves out: formats, validations
            workbook = openpyxl.load_workbook(data, read_only=True, data_only=True)
            try:
                return {sheet.title: _rows(path, sheet) for sheet in workbook.worksheets}
            finally:
                workbook.close()
    except UserError:
        raise
    except FileNotFoundError as error:
        raise UserError(f"{path}: there is no such file; expected an Excel workbook: put it there") from error
    except Exception as error:  # whatever a damaged archive or broken XML makes openpyxl raise
        raise UserError(
            f"{path}: cannot be read as an Excel workbook ({reason_of(error)}); expected an .xlsx file: copy it again"
        ) from error


def _check_sizes(path: pathlib.Path, data: io.BytesIO) -> None:
    """Unpacks everything once, in steps: what the archive says of its sizes may be wrong.

    Raises UserError beyond the limit, or where a member is packed so that it cannot be unpacked in steps.
    """
    left = _MOST_BYTES
    with zipfile.ZipFile(data) as archive:
        for member in archive.infolist():
            if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise zipfile.BadZipFile("packed in an unusual way")
            with archive.open(member) as stream:
                left -= len(read_all(stream, path, left))


def _rows(path: pathlib.Path, sheet) -> list[list[Cell]]:
    sheet.reset_dimensions()  # what the file says of its own size may be wrong
    rows = []
    for row in sheet.iter_rows(max_col=_MOST_COLUMNS, values_only=True):
        if len(rows) == _MOST_ROWS:
            raise UserError(
                f"{path}, sheet {shown(sheet.title)}: more than {_MOST_ROWS} rows; expected a table of people: remove "
                "the empty rows at its end"
            )
        rows.append([_cell(value) for value in row])
    return rows


def _cell(value: object) -> Cell:
    if isinstance(value, int | float):  # bool too: spreadsheets have TRUE for 1
        return float(value) if abs(value) <= sys.float_info.max else str(value)
    if value is None:
        return None
    return str(value).strip() or None
