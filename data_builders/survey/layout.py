"""What the files of a corpus are called and hold, as far as it is known: each corpus has its own `survey.py`."""

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence

Patterns = Mapping[str, re.Pattern]


@dataclasses.dataclass(frozen=True)
class Columns:
    """Columns of one kind of text: `needed` are read, `known` matches the name of any that may be there.

    Where `any_case`, names count in lower case.
    """

    needed: tuple[str, ...]
    known: re.Pattern
    any_case: bool = False

    def absent(self, cells: Sequence[str]) -> list[str]:
        """Needed columns that a header lacks."""
        names = {self._as_known(cell) for cell in cells}
        return [name for name in self.needed if name not in names]

    def is_known(self, cell: str) -> bool:
        """Whether a column may be called so."""
        return bool(self.known.fullmatch(self._as_known(cell)))

    def _as_known(self, cell: str) -> str:
        return cell.lower() if self.any_case else cell


@dataclasses.dataclass(frozen=True)
class Layout:
    """A corpus on disk.

    name      as people call it.
    owner     names of the folders around a file, and its own -> whose it is, a session's number or a person's ID; ""
              where it is nobody's.
    archive   matches the names of archives, of which the members are looked at.
    read      owner -> kind -> the name that its file has; all that the preparation reads.
    beside    the same of what is known to lie beside that.
    tables    kind -> the name of a file that is nobody's.
    columns   kind -> its columns, of texts that begin with a header.
    optional  kinds of `read` without which a session can be used.
    words     what occurs in names of files and folders and may be shown to anybody, separated by spaces. No given name
              may be one.
    headings  the same of columns.
    """

    name: str
    owner: Callable[[Sequence[str]], str]
    read: Callable[[str], Patterns]
    tables: Patterns
    columns: Mapping[str, Columns]
    words: str
    headings: str
    archive: re.Pattern | None = None
    beside: Callable[[str], Patterns] = lambda owner: {}
    optional: tuple[str, ...] = ()
