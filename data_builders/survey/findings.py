"""What is odd about files whatever their corpus: sizes, headers, the same content twice, strangers."""

import collections
import statistics
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence

from data_builders.defects import Defect, Effect, in_words
from data_builders.readers.archives import base_name, is_metadata
from data_builders.survey.headers import Header
from data_builders.survey.inventory import Archive, Inventory, Seen
from data_builders.survey.layout import Layout
from data_builders.survey.survey import Oddity

_FAR_SMALLER = 10  # times smaller than the median of its kind; lengths of interviews differ five-fold
_ENOUGH = 5  # files of a kind, for a median to say something
_STRANGERS = 6  # patterns listed
# What lies about in folders and is no data.
_NO_DATA = (".md", ".pdf", ".doc", ".docx", ".html", ".htm", ".py", ".ini", ".db", ".json", ".log")
_SMALLEST_REPEATED = 256  # bytes: stubs of next to nothing are alike


def broken_archives(inventory: Inventory) -> list[Oddity]:
    """Those that cannot be opened or listed, by what is wrong."""
    return [Oddity(f"{archive.place}: {archive.why}", costs=True) for archive in inventory.archives if archive.why]


def odd_sizes(files: Sequence[Seen], archives: Iterable[Archive] = ()) -> list[Oddity]:
    """Files that are empty or far smaller than others of their kind; archives are a kind, too."""
    sized = [(shown(seen), seen.kind, seen.size) for seen in files]
    sized += [(archive.place, "archive", archive.size) for archive in archives if not archive.why]
    oddities = []
    if empty := [name for name, _, size in sized if not size]:
        oddities.append(Oddity("files of 0 bytes", tuple(empty), costs=True))
    for kind in dict.fromkeys(kind for _, kind, _ in sized):
        alike = [(name, size) for name, of, size in sized if of == kind and size]
        median = statistics.median([size for _, size in alike]) if len(alike) >= _ENOUGH else 0
        if small := [name for name, size in alike if size * _FAR_SMALLER < median]:
            oddities.append(Oddity(f"less than a tenth of what files of the kind {kind} have", tuple(small)))
    return oddities


def odd_headers(files: Sequence[Seen], layout: Layout) -> list[Oddity]:
    """Texts that are none, lack a column that is needed, or have columns that are not known."""
    amiss, unknown = collections.defaultdict(list), collections.defaultdict(list)
    of_kind = collections.Counter(seen.kind for seen in files)
    for seen in files:
        columns, header = layout.columns.get(seen.kind), seen.header
        if columns is None or header is None:
            continue
        is_known = [columns.is_known(cell) for cell in header.cells]
        if not header.cells:
            amiss[f"{seen.kind} that is {header.what}"].append(shown(seen))
        elif 2 * sum(is_known) < len(is_known):
            amiss[f"{seen.kind} without a header that is known"].append(shown(seen))
            continue
        elif absent := columns.absent(header.cells):
            amiss[f"{seen.kind} that lacks columns {_list(absent)}"].append(shown(seen))
        if others := [cell for cell, known in zip(header.cells, is_known, strict=True) if cell and not known]:
            unknown[seen.kind, f"with columns that are not known ({_list(others)})"].append(shown(seen))
        if header.what == "not utf-8":
            unknown[seen.kind, "that is not in UTF-8"].append(shown(seen))
    return [Oddity(what, tuple(names), costs=True) for what, names in amiss.items()] + [
        Oddity(f"all {kind} {what}" if len(names) == of_kind[kind] > 1 else f"{kind} {what}", ())
        if len(names) == of_kind[kind]
        else Oddity(f"{kind} {what}", tuple(names))
        for (kind, what), names in unknown.items()
    ]


def repeated(inventory: Inventory, files: Iterable[Seen]) -> list[Oddity]:
    """Files with the same content: by their checksums in zips; elsewhere those of equal size are read."""
    by_size = collections.defaultdict(list)
    for seen in files:
        if seen.size >= _SMALLEST_REPEATED:
            by_size[seen.kind, seen.size].append(seen)
    pairs = collections.defaultdict(list)
    for alike in by_size.values():
        same = collections.defaultdict(list)
        for seen in alike if len(alike) > 1 else ():
            crc = seen.crc
            if crc is None and not seen.inside:
                crc = zlib.crc32((inventory.root / seen.place).read_bytes())
            if crc is not None:
                same[crc].append(seen)
        for several in same.values():
            for other in several[1:]:
                owners = several[0].owner, other.owner
                pairs[owners if all(owners) else ("", "")].append(f"{shown(several[0])} and {shown(other)}")
    return [Oddity("files with the same content", tuple(names)) for names in pairs.values()]


def corrections(table: Sequence[Defect], effects: Mapping[str, Iterable[Effect]]) -> list[Oddity]:
    """What is corrected in tables, or would be were it not switched off; `effects` by session."""
    wrong = {defect.id: defect.wrong for defect in table}
    kinds = collections.defaultdict(list)
    for session, several in effects.items():
        for one in several:
            said = in_words({"what": one.what, "was": one.was, "is": one.value}, one.made)
            kinds[one.id, one.made].append(f"{session}, {said}")
    return [
        Oddity(f"{'corrected' if made else 'left as it is'} ({id}), {wrong[id]}", tuple(names))
        for (id, made), names in kinds.items()
    ]


def strangers(inventory: Inventory) -> list[Oddity]:
    """Files that are not known, by pattern; not those that are obviously no data."""
    found = [one for one in inventory.strangers if not is_metadata(one.pattern) and not _is_no_data(one.pattern)]
    if not found:
        return []
    found.sort(key=lambda one: -one.number)
    listed = [one.pattern + (f" ({one.number})" if one.number > 1 else "") for one in found[:_STRANGERS]]
    more = f", and {len(found) - _STRANGERS} more kinds of names" if len(found) > _STRANGERS else ""
    total = sum(one.number for one in found)
    return [Oddity(f"files that are not known and not read, {total}: {', '.join(listed)}{more}")]


def headers_in_words(files: Sequence[Seen], family: Callable[[Header], str]) -> str:
    """ "208 columns" or "714 columns (518), 713 columns (1)"."""
    count = collections.Counter(family(seen.header) for seen in files if seen.header and seen.header.cells)
    if len(count) == 1:
        return next(iter(count))
    return ", ".join(f"{what} ({n})" for what, n in count.most_common())


def number_of_columns(header: Header) -> str:
    """ "208 columns"."""
    return f"{len(header.cells)} columns"


def shown(seen: Seen) -> str:
    """A short name that tells the file."""
    return base_name(seen.inside) if seen.inside else "/".join(seen.place.split("/")[-2:])


def _is_no_data(pattern: str) -> bool:
    base = base_name(pattern)
    return base.startswith(".") or base.lower().endswith(_NO_DATA) or base.upper().startswith(("README", "LICENSE"))


def _list(names: Sequence[str]) -> str:
    more = len(names) - 3
    return ", ".join(name[:40] for name in names[:3]) + (f" and {more} more" if more > 0 else "")
