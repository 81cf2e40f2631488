"""The first rows of an Excel workbook as plain values: what the label tables of some corpora are kept in."""

import math
import pathlib
import zipfile

from mccl_jax.errors import UserError

# An xlsx is a zip archive. A table of people is far smaller; more than this is damage or malice.
_MOST_BYTES = 1 << 26
_MOST_ROWS, _MOST_COLUMNS = 5000, 500

Cell = str | float | None


def read_sheets(path: pathlib.Path) -> dict[str, list[list[Cell]]]:
    """Sheet -> rows -> cells. Text is stripped, numbers are finite floats, an empty cell or text is None.

    Formulas count as the value that was saved with them. Raises UserError where `path` is absent, no xlsx, damaged, or
    larger than any table of people.
    """
    import openpyxl

    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(member.file_size for member in archive.infolist())
        if size > _MOST_BYTES:
            raise UserError(
                f"{path}: unpacks to {size} bytes; expected at most {_MOST_BYTES}: take the file as it was handed out"
            )
        workbook = openpyxl.load_workbook(path, read_only=True, data_only=True)
        try:
            return {sheet.title: _rows(path, sheet) for sheet in workbook.worksheets}
        finally:
            workbook.close()
    except UserError:
        raise
    except FileNotFoundError as error:
        raise UserError(f"{path}: there is no such file; expected an Excel workbook: put it there") from error
    except Exception as error:  # whatever a damaged archive or broken XML makes openpyxl raise
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise UserError(
            f"{path}: cannot be read as an Excel workbook ({reason}); expected an .xlsx file: copy it again"
        ) from error


def _rows(path: pathlib.Path, sheet) -> list[list[Cell]]:
    sheet.reset_dimensions()  # what the file says of its own size may be wrong
    rows = []
    for row in sheet.iter_rows(max_col=_MOST_COLUMNS, values_only=True):
        if len(rows) == _MOST_ROWS:
            raise UserError(
                f"{path}, sheet {sheet.title}: more than {_MOST_ROWS} rows; expected a table of people: remove the "
                "empty rows at its end"
            )
        rows.append([_cell(value) for value in row])
    return rows


def _cell(value: object) -> Cell:
    if isinstance(value, int | float):  # bool too: spreadsheets have TRUE for 1
        return float(value) if math.isfinite(value) else str(value)
    if value is None:
        return None
    return str(value).strip() or None
