"""Names of files and columns in a form that may be shown to anybody: what is not known to be harmless is replaced.

Nothing passes because it looks harmless, only because it stands in a list: the words of a corpus's layout, its columns,
what C and others write for a number that is none, and ASCII punctuation. Numbers are {n}, or {id} where they are those
of the session; all other words are <word>.
"""

import re
from collections.abc import Callable, Iterable, Sequence

# Words that may be shown wherever they are met.
_WORDS = "DS_Store MACOSX LICENSE README Thumbs.db desktop.ini labels simulation"
# The ends of names that may be shown; as words they may not, for "bin" is a name, too.
_ENDINGS = (
    "7z avi bin bmp bz2 csv dat doc docx edf gz h5 hdf5 htm html jpeg jpg json log lst m4a mat md mkv mov mp3 mp4 npy "
    "npz odt parquet pdf pickle pkl png ppt py rar rtf sav tar tgz tif tsv txt wav wma wmv xls xlsx xml xz yaml yml zip"
)
NOT_NUMBERS = (
    *("nan", "-nan", "inf", "-inf", "NA", "N/A"),
    *(f"{sign}1.#{kind}" for sign in ("", "-") for kind in ("IND", "QNAN", "SNAN", "INF")),
)
_TOKEN = re.compile(r"\{id\}|\{n\}|(?:[A-Za-z]|[^\x00-\x7f])+|[0-9]+|[\x00-\x7f]")
_LONGEST_NAME = 60  # characters of a cell that may be a column's name


class Disguise:
    """The words that may be shown of file names (`words`) and of unknown columns (`headings`)."""

    def __init__(self, words: str, headings: str):
        endings = [f".{ending}" for ending in _ENDINGS.split()]
        self._words, self._headings = _Words([*_WORDS.split(), *words.split(), *endings]), _Words(headings.split())

    def pattern(self, name: str, owner: str = "") -> str:
        """A path with its numbers replaced, but for those of known words (features3D); for the user's own eyes."""
        return self._words.numbered(name, owner)

    def name(self, pattern: str) -> str:
        """A pattern with all other words replaced."""
        return self._words.disguised(pattern)

    def cells(self, cells: Sequence[str], is_known: Callable[[str], bool]) -> tuple[str, ...]:
        """The first line of a text. A known column is shown; of others nothing but words that columns are made of.

        Where the line does not look like a header, it may be data: then not even these.
        """
        known = [is_known(cell) for cell in cells]
        names = all(found or _may_be_name(cell) for cell, found in zip(cells, known, strict=True))
        names = names and (any(known) or len([cell for cell in cells if cell]) > 2)
        return tuple(
            cell if found and (names or sum(known) > len(cells) / 2) else self._unknown(cell, names)
            for cell, found in zip(cells, known, strict=True)
        )

    def _unknown(self, cell: str, is_name: bool) -> str:
        if is_name and cell:
            return self._headings.disguised(self._headings.numbered(cell, ""))
        return f"({kind_of(cell)})"


def kind_of(cell: str) -> str:
    """integer, float, empty, one of NOT_NUMBERS, "malformed number" or text."""
    cell = cell.strip()
    if not cell:
        return "empty"
    if re.fullmatch(r"[+-]?[0-9]+", cell):
        return "integer"
    if re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", cell):
        return "float"
    for text in NOT_NUMBERS:
        if cell.lower() == text.lower():
            return text
    return "malformed number" if re.fullmatch(r"[0-9.,eE+-]+", cell) else "text"


def _may_be_name(cell: str) -> bool:
    """Whether a cell can be the name of a column: not long, no number, not several words of a sentence."""
    return not cell or (len(cell) <= _LONGEST_NAME and kind_of(cell) == "text" and cell.count(" ") <= 2)


class _Words:
    """Words that may be shown, with or without numbers in them."""

    def __init__(self, words: Iterable[str]):
        words = sorted(words, key=len, reverse=True)
        self._shown = {word.lower() for word in words}
        kept = [_whole(word) for word in words if not word.isalpha()]
        self._kept = re.compile("|".join(kept) or r"(?!)", re.IGNORECASE)

    def numbered(self, name: str, owner: str) -> str:
        parts, end = [], 0
        for match in [*self._kept.finditer(name), None]:
            text = name[end : match.start() if match else len(name)]
            parts.append(re.sub(r"\d+", lambda number: "{id}" if number[0] == owner else "{n}", text))
            if match:
                parts.append(match[0])
                end = match.end()
        return "".join(parts)

    def disguised(self, pattern: str) -> str:
        parts, end = [], 0
        for match in [*self._kept.finditer(pattern), None]:
            text = pattern[end : match.start() if match else len(pattern)]
            parts += [self._token(token) for token in _TOKEN.findall(text)]
            if match:
                parts.append(match[0])
                end = match.end()
        # A code such as 1a2b3c is one word: its make-up is nobody's business.
        return re.sub(r"(?:<word>|\{n\}){3,}|(?:<word> ){2,}<word>", "<word>", "".join(parts))

    def _token(self, token: str) -> str:
        if token in ("{id}", "{n}"):
            return token
        if token[0] in "0123456789":
            return "{n}"
        if token.isascii() and not token.isalpha():
            return token if token.isprintable() else "?"
        return token if token.lower() in self._shown else "<word>"


def _whole(word: str) -> str:
    """A pattern of the word where it is not a part of a longer one."""
    begin = r"(?<![A-Za-z])" if word[0].isalpha() else r"(?<![0-9])" if word[0].isdecimal() else ""
    end = r"(?![A-Za-z])" if word[-1].isalpha() else r"(?![0-9])" if word[-1].isdecimal() else ""
    return begin + re.escape(word) + end
