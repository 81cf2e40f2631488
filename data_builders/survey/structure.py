"""The structure of a corpus in a form that may be sent to anybody: disguised names and headers, kinds, no values.

Everything that is printed here is a word of ours, a count, or has passed `Disguise`.
"""

import collections
import dataclasses
import gzip
import io
import math
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence

import scipy.io

from data_builders.readers import matlab
from data_builders.readers.archives import base_name, is_metadata, read_members
from data_builders.readers.limits import Unpacking, read_all
from data_builders.readers.workbooks import read_sheets
from data_builders.survey.cells import Cells, cells_of
from data_builders.survey.disguise import Disguise
from data_builders.survey.headers import Header
from data_builders.survey.inventory import LISTED_ARCHIVES, Archive, Inventory, Seen, spread
from data_builders.survey.layout import Columns, Layout
from data_builders.survey.runs import runs
from data_builders.survey.survey import Count
from mccl_jax.errors import UserError

_CLOSELY = 3  # texts of each kind that are looked through as a whole
_FAMILIES = 6  # headers shown of a kind
_PATTERNS = 60  # of names
_MOST_BYTES = matlab.MOST_BYTES  # of one file
_EXPLANATION = (
    "No value, ID or name is in this: {id} is the number of a session, {n} any other number, <word> any other word,",
    "(text) a cell that may be data. Read it through before you send it.",
)
_SAID = {"\n": "\\n", "\r\n": "\\r\\n", "\r": "\\r", "": "none", "\t": "tab"}
_VARIABLES = 10  # of a MATLAB file that are said
_NOTHING_KNOWN = Columns((), re.compile(r"(?!)"))
# What a text is, its separator, its line end, and its first line in disguise.
_Family = tuple[str, str, str, tuple[str, ...]]
_WIDTHS = (2048, 4096)  # of features, which say what they are


def structure(
    inventory: Inventory, layout: Layout, disguise: Disguise, counts: Sequence[Count], refused: bool, simulated: bool
) -> str:
    """The whole of it, in lines."""
    lines = [f"{'SIMULATED ' if simulated else ''}structure of a folder read as {layout.name}", *_EXPLANATION, ""]
    if refused:
        lines += ["--mode=prepare refuses this folder as it is", ""]
    lines += [f"{count.what}: {count.found}" + (f" of {count.expected}" if count.expected else "") for count in counts]
    lines += ["", "files: pattern, number, bytes of each", *_files(inventory, disguise)]
    cells, variables = _looked_through(inventory, layout, disguise)
    lines += ["", f"texts: how they begin, and what is in them (of {_CLOSELY} of each kind that is read, all cells)"]
    lines += _texts(inventory, layout, disguise, cells)
    lines += [f"  {said}: {_number(n, 'file')}" for said, n in variables.items()]
    lines += _workbooks(inventory, layout, disguise)
    return "\n".join(lines)


@dataclasses.dataclass
class _Alike:
    """Files of one disguised pattern."""

    number: int = 0
    sizes: list[int] = dataclasses.field(default_factory=list)
    what: str = ""


def _files(inventory: Inventory, disguise: Disguise) -> list[str]:
    found: dict[str, _Alike] = collections.defaultdict(_Alike)

    def add(container: str, pattern: str, number: int, sizes: Sequence[int], what: str) -> None:
        name = disguise.name(pattern)
        alike = found[f"in {disguise.name(container)}: {name}" if container else name]
        alike.number, alike.what = alike.number + number, what
        alike.sizes = [min([*alike.sizes, *sizes]), max([*alike.sizes, *sizes])]

    containers = {archive.place: archive.pattern.rpartition("/")[2] for archive in inventory.archives}
    for archive in inventory.archives:
        add("", archive.pattern, 1, [archive.size], "")
    for seen in inventory.files:
        add(containers.get(seen.place, ""), seen.pattern, 1, [seen.size], "" if seen.read else ", known and not read")
    from_macos = sum(one.number for one in inventory.strangers if is_metadata(one.pattern))
    for one in inventory.strangers:
        if not is_metadata(one.pattern):
            add(one.container, one.pattern, one.number, [one.least, one.greatest], ", not known")
    shown = sorted(found, key=lambda name: -found[name].number)[:_PATTERNS]
    lines = [
        f"  {name}: {found[name].number}, {_orders(found[name].sizes)}{found[name].what}" for name in sorted(shown)
    ]
    if rest := sum(alike.number for name, alike in found.items() if name not in shown):
        lines.append(f"  other patterns: {rest}")
    if from_macos:
        lines.append(f"  what macOS adds (__MACOSX, ._ and the name of a file): {from_macos}")
    return lines + _archives(inventory.archives)


def _archives(archives: Sequence[Archive]) -> list[str]:
    broken = sum(bool(archive.why) for archive in archives)
    unlisted = sum(not archive.listed and not archive.why for archive in archives)
    return ([f"  archives that cannot be opened or are cut short: {broken}"] if broken else []) + (
        [f"  archives that were not listed, as they would have to be unpacked: {unlisted}"] if unlisted else []
    )


def _contents(inventory: Inventory) -> Iterator[tuple[Seen, bytes]]:
    """A few of each kind that is read, and all that they hold."""
    chosen = collections.defaultdict(list)
    for kind in dict.fromkeys(seen.kind for seen in inventory.files if seen.read and seen.header):
        alike = [seen for seen in inventory.of_kind(kind) if seen.header]
        for i in spread([seen.size for seen in alike], max(_CLOSELY, LISTED_ARCHIVES)):
            chosen[alike[i].place].append(alike[i])
    for place, wanted in chosen.items():
        path = inventory.root / place
        try:
            if not wanted[0].inside:
                with path.open("rb") as file:
                    stream = Unpacking(gzip.GzipFile(fileobj=file), file, path) if place.endswith(".gz") else file
                    yield wanted[0], read_all(stream, path, _MOST_BYTES)
                continue
            patterns = {seen.inside: re.compile(re.escape(base_name(seen.inside))) for seen in wanted}
            most = {seen.inside: matlab.MOST_BYTES for seen in wanted if not seen.header.cells}
            found = read_members(path, patterns, patterns, most)
        except (UserError, OSError, EOFError, zlib.error):
            continue  # damaged: that is said of the archive
        for seen in wanted:
            if seen.inside in found:
                yield seen, found[seen.inside].data


def _family(layout: Layout, disguise: Disguise, kind: str, header: Header) -> _Family:
    is_known = layout.columns.get(kind, _NOTHING_KNOWN).is_known
    shown = disguise.cells(header.cells, is_known) if header.cells else ()
    return header.what, header.separator, header.line_end, shown


def _looked_through(
    inventory: Inventory, layout: Layout, disguise: Disguise
) -> tuple[dict[tuple[str, _Family], list[Cells]], collections.Counter]:
    """Cells of texts by kind and family, and what MATLAB files hold; one file is in memory, or those of one archive."""
    cells, variables = collections.defaultdict(list), collections.Counter()
    for seen, data in _contents(inventory):
        if seen.header.what.startswith("MATLAB"):
            variables[f"{seen.header.what}: {_variables(data)}"] += 1
        elif seen.header.cells:
            family = _family(layout, disguise, seen.kind, seen.header)
            if found := cells_of(data, seen.header, begins_with_header=_is_header(family[3])):
                cells[seen.kind, family].append(found)
    return cells, variables


def _texts(
    inventory: Inventory, layout: Layout, disguise: Disguise, cells: Mapping[tuple[str, _Family], Sequence[Cells]]
) -> list[str]:
    families: dict[str, collections.Counter] = collections.defaultdict(collections.Counter)
    for seen in inventory.files:
        if seen.header and not seen.header.what.startswith("MATLAB") and not _is_workbook(seen):
            families[seen.kind][_family(layout, disguise, seen.kind, seen.header)] += 1
    for one in inventory.strangers:
        if one.header:
            families[f"one of {disguise.name(one.pattern)}"][_family(layout, disguise, "", one.header)] += 1
    lines = []
    for kind in sorted(families, key=lambda kind: (kind not in layout.columns, kind)):
        for family, n in families[kind].most_common(_FAMILIES):
            what, separator, line_end, shown = family
            said = f"{what}, {len(shown)} columns" if shown else what
            if shown:
                said += f', separator "{_SAID.get(separator, separator) if separator else "none"}"'
                said += f", line ends {_SAID[line_end]}"
            lines.append(f"  {kind}: {_number(n, 'file')}, {said}")
            lines += [f"    {line}" for line in _columns(shown, cells.get((kind, family), ()))]
        if len(families[kind]) > _FAMILIES:
            lines.append(f"  {kind}: {len(families[kind]) - _FAMILIES} other ways to begin")
    return lines


def _columns(shown: Sequence[str], cells: Sequence[Cells]) -> list[str]:
    """Columns by the kind of their cells, in their order; then what is odd about the cells, then the rows."""
    if not shown:
        return []
    if not cells:
        return [runs(shown)]
    kinds = [_common([one.kinds[i] for one in cells]) for i in range(len(shown))]
    if not _is_header(shown):
        return [f"without a header that is known: {runs(kinds)}", *_rows(cells)]
    lines, start = [], 0
    for i in range(1, len(shown) + 1):
        if i == len(shown) or kinds[i] != kinds[start]:
            lines.append(f"{kinds[start]}: {runs(shown[start:i])}")
            start = i
    odd = collections.Counter()
    for one in cells:
        for (place, kind), n in one.odd.items():
            odd[kind, place] += n
    for kind in dict.fromkeys(kind for kind, _ in odd):
        places = [place for other, place in odd if other == kind]
        n = sum(odd[kind, place] for place in places)
        lines.append(f"cells among numbers that are {kind}: {n}, in {runs([shown[place] for place in places])}")
    return lines + _rows(cells)


def _is_header(shown: Sequence[str]) -> bool:
    """Whether a first line, as it is shown, holds names of columns, most of it at least."""
    return 2 * sum(cell.startswith("(") for cell in shown) < len(shown)


def _rows(cells: Sequence[Cells]) -> list[str]:
    lines = []
    if ragged := sum(one.ragged for one in cells):
        lines.append(f"rows with another number of cells: {ragged}")
    lines.append(f"rows: {_orders([one.rows for one in cells])}" + ("" if all(c.whole for c in cells) else " and more"))
    return lines


def _common(kinds: Sequence[str]) -> str:
    return next(kind for kind in ("text", "float", "integer", "empty") if kind in kinds)


def _variables(data: bytes) -> str:
    """Of a MATLAB file: their names where known, kinds, and sizes."""
    try:
        variables = scipy.io.whosmat(io.BytesIO(data))
    except Exception:  # version 7.3, or whatever a damaged file makes scipy raise
        return "its variables were not read"
    return ", ".join(
        f"{name if name == matlab.VARIABLE else '<word>'} {kind if kind in matlab.NUMBERS else 'no numbers'} "
        f"({' x '.join(str(n) if n in _WIDTHS else _orders([n]) for n in shape)})"
        for name, shape, kind in variables[:_VARIABLES]
    )


def _workbooks(inventory: Inventory, layout: Layout, disguise: Disguise) -> list[str]:
    lines = []
    for seen in inventory.files:
        if seen.kind not in layout.tables or not _is_workbook(seen):
            continue
        try:
            sheets = read_sheets(inventory.root / seen.place)
        except UserError:
            lines.append(f"  {seen.kind}: a workbook that cannot be read")
            continue
        columns = layout.columns.get(seen.kind)
        for rows in sheets.values():
            first = [str(cell or "") for cell in rows[0]] if rows else []
            while first and not first[-1]:
                first.pop()
            shown = disguise.cells(first, columns.is_known)
            kinds = [_of_cells([row[i] for row in rows[1:] if i < len(row)]) for i in range(len(shown))]
            lines.append(f"  {seen.kind}: a sheet of {_orders([len(rows)])} rows, {len(shown)} columns")
            lines += [f"    {line}" for line in _columns(shown, [Cells(tuple(kinds), {}, len(rows), 0, True)])[:-1]]
    return lines


def _is_workbook(seen: Seen) -> bool:
    return seen.place.lower().endswith(".xlsx")


def _of_cells(cells: Sequence[object]) -> str:
    cells = [cell for cell in cells if cell is not None]
    if any(isinstance(cell, str) for cell in cells):
        return "text"
    return "empty" if not cells else "integer" if all(float(cell).is_integer() for cell in cells) else "float"


def _orders(numbers: Sequence[int]) -> str:
    """ "10k-1M": the powers of ten between which they lie."""
    low, high = min(numbers), max(numbers)
    if high == 0:
        return "0"
    lowest = 0 if low == 0 else 10 ** int(math.log10(low))
    return f"{_power(lowest)}-{_power(10 ** (int(math.log10(high)) + 1))}"


def _number(n: int, what: str) -> str:
    return f"{n} {what}{'' if n == 1 else 's'}"


def _power(n: int) -> str:
    for unit, size in (("G", 10**9), ("M", 10**6), ("k", 10**3)):
        if n >= size:
            return f"{n // size}{unit}"
    return str(n)
