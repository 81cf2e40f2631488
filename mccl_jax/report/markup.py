"""HTML from Python values: whatever is no markup yet is escaped, so that text from files can never become any."""

import html
import re
from collections.abc import Iterable, Mapping, Sequence


class Markup(str):
    """HTML that is ready to stand in a page."""

    __slots__ = ()


_VOID = ("img", "link", "meta", "wbr")
# Cells and headings of more characters are of words, and want room.
_WORDS, _HEADING = 24, 15


def tag(element: str, *children: object, **attributes: object) -> Markup:
    """<element attribute="...">children</element>; None is no child, and an attribute that is None or False is none.

    A trailing underscore of an attribute is dropped (`class_`), others become hyphens (`aria_label`).
    """
    said = "".join(
        f" {name.rstrip('_').replace('_', '-')}" + ("" if value is True else f'="{html.escape(str(value))}"')
        for name, value in attributes.items()
        if value is not None and value is not False
    )
    return Markup(f"<{element}{said}>" + ("" if element in _VOID else f"{joined(children)}</{element}>"))


def joined(children: Iterable[object]) -> Markup:
    """Children one after the other."""
    return Markup("".join(escaped(child) for child in children if child is not None))


def escaped(child: object) -> Markup:
    """Markup as it is, anything else as text."""
    return child if isinstance(child, Markup) else Markup(html.escape(str(child)))


def breakable(key: str) -> Markup:
    """A long name that may be broken behind its dots and underscores."""
    parts = re.split(r"(?<=[._])", key)
    return joined(part for index, one in enumerate(parts) for part in ([tag("wbr")] if index else []) + [one])


def paragraphs(lines: Iterable[object], class_: str | None = None) -> Markup:
    return joined(tag("p", line, class_=class_) for line in lines)


def bullets(lines: Sequence[object]) -> Markup | None:
    """A list, or nothing where there is nothing to list."""
    return tag("ul", *(tag("li", line) for line in lines)) if lines else None


def definitions(facts: Mapping[str, object]) -> Markup:
    """Name and value, one below the other on a phone; without those that are None."""
    return tag(
        "dl", *(tag("div", tag("dt", name), tag("dd", value)) for name, value in facts.items() if value is not None)
    )


def table(caption: str, columns: Mapping[str, Sequence[object]], emphasised: Sequence[int] = ()) -> Markup:
    """A table that scrolls by itself where the page is narrow: the first column names the rows.

    `emphasised`: indices of the rows that matter most.
    """
    first, *others = columns
    head = tag("tr", *(tag("th", name, scope="col", class_=_room(name, _HEADING)) for name in columns))
    rows = []
    for index, name in enumerate(columns[first]):
        cells = [_cell(columns[other][index]) for other in others]
        mark = "emphasised" if index in emphasised else None
        rows.append(tag("tr", tag("th", name, scope="row"), *cells, class_=mark))
    whole = tag("table", tag("caption", tag("span", caption)), tag("thead", head), tag("tbody", *rows))
    # In reach of the keyboard, or who has no mouse cannot scroll it.
    return tag("div", whole, class_="scrolls", tabindex="0", role="region", aria_label=caption)


def _cell(content: object) -> Markup:
    return tag("td", content, class_=None if isinstance(content, Markup) else _room(str(content), _WORDS))


def _room(text: str, most: int) -> str | None:
    return "words" if len(text) > most else None
