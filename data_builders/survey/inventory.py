"""All files below a folder, members of archives among them, told by their names and their first bytes."""

import dataclasses
import functools
import pathlib

from data_builders.readers.archives import base_name, is_metadata
from data_builders.readers.folders import folders_below
from data_builders.readers.listing import glance, is_listed_quickly, list_members
from data_builders.survey.disguise import Disguise
from data_builders.survey.headers import HEAD, Header, header_of
from data_builders.survey.layout import Layout, Patterns
from mccl_jax.errors import UserError

# Archives that have to be gone through as a whole to be listed: so many are, the others are looked at from outside.
LISTED_ARCHIVES = 3
_TEXTS = (".csv", ".csv.gz", ".txt", ".tsv")


@dataclasses.dataclass(frozen=True)
class Seen:
    """A file, or a member of an archive.

    place     path below the folder, of the file or of the archive.
    inside    path in the archive; "" of a file.
    pattern   the path (inside, where there is one) with its numbers replaced, see `Disguise.pattern`.
    owner     whose it is; "" where it is nobody's.
    kind      a kind of the layout, "" where it is of none; `read` whether the preparation reads it.
    size      bytes, as far as the archive tells the truth.
    crc       CRC-32, of a member of a zip.
    header    of texts, where the first bytes were looked at.
    """

    place: str
    inside: str
    pattern: str
    owner: str
    kind: str
    read: bool
    size: int
    crc: int | None = None
    header: Header | None = None


@dataclasses.dataclass(frozen=True)
class Archive:
    """An archive of a session.

    slow     whether it has to be unpacked to be listed; `listed` whether it was.
    why      what is wrong with it, if anything.
    """

    place: str
    pattern: str
    owner: str
    size: int
    slow: bool = False
    listed: bool = False
    why: str = ""


@dataclasses.dataclass(frozen=True)
class Strangers:
    """Files of no known kind whose paths have one pattern: how many, their least and greatest size, one's header.

    `container` is the pattern of the archives in which they are, "" where they are in none.
    """

    container: str
    pattern: str
    number: int
    least: int
    greatest: int
    header: Header | None


@dataclasses.dataclass(frozen=True)
class Inventory:
    """What lies below `root`, members of the archives listed among it: `files` are of a kind, `strangers` of none."""

    root: pathlib.Path
    files: tuple[Seen, ...]
    strangers: tuple[Strangers, ...]
    archives: tuple[Archive, ...]

    def of_kind(self, kind: str) -> list[Seen]:
        """The files of one kind."""
        return [seen for seen in self.files if seen.kind == kind]


def take_inventory(root: pathlib.Path, layout: Layout, disguise: Disguise, also_unread: bool = False) -> Inventory:
    """Looks at everything below `root` from outside; nothing is unpacked but the first lines of texts.

    Those are the texts that the preparation reads and, with `also_unread`, one of each other pattern. Of archives that
    cannot be listed without going through all of them, `LISTED_ARCHIVES` of different size are. Raises nothing for what
    is wrong with a file: it is said of the archive or in the header.
    """
    waiting, look = [], _Look(layout, disguise, also_unread)
    files = (folder / name for folder, names in folders_below(root) for name in names)
    for path in filter(pathlib.Path.is_file, files):
        place = path.relative_to(root).as_posix()
        parts = place.split("/")
        owner = layout.owner(parts)
        if layout.archive and layout.archive.fullmatch(parts[-1]):
            waiting.append((path, place, disguise.pattern(place, owner), owner))
            continue
        seen = look.seen(place, "", place, owner, path.stat().st_size)
        if look.wants_head(seen):
            try:
                with path.open("rb") as file:
                    seen = dataclasses.replace(seen, header=header_of(file.read(HEAD)))
            except OSError:
                seen = dataclasses.replace(seen, header=Header("a file that cannot be opened"))
        look.keep(seen)
    archives, slow = [], []
    for path, place, pattern, owner in waiting:
        archive = Archive(place, pattern, owner, path.stat().st_size)
        if not archive.size:
            archives.append(dataclasses.replace(archive, why="is empty"))
        elif is_listed_quickly(path):
            archives.append(look.into(path, archive))
        elif why := glance(path):
            archives.append(dataclasses.replace(archive, slow=True, why=why))
        else:
            slow.append((path, dataclasses.replace(archive, slow=True)))
    chosen = spread([archive.size for _, archive in slow], LISTED_ARCHIVES)
    for i, (path, archive) in enumerate(slow):
        archives.append(look.into(path, archive) if i in chosen else archive)
    return Inventory(root, tuple(look.files), tuple(look.strangers.values()), tuple(archives))


def spread(sizes: list[int], n: int) -> list[int]:
    """Places of `n` of the sizes, from small to large."""
    order = sorted(range(len(sizes)), key=lambda i: sizes[i])
    n = min(n, len(order))
    return [order[(2 * k + 1) * len(order) // (2 * n)] for k in range(n)]


class _Look:
    """Tells files by their names, and gathers them; of strangers, of which there may be millions, the patterns."""

    def __init__(self, layout: Layout, disguise: Disguise, also_unread: bool):
        self._layout, self._disguise, self._also_unread = layout, disguise, also_unread
        self.files: list[Seen] = []
        self.strangers: dict[tuple[str, str], Strangers] = {}
        self._met: set[str] = set()
        self._patterns = functools.lru_cache(maxsize=64)(self._patterns_of)

    def seen(self, place: str, inside: str, path: str, owner: str, size: int, crc: int | None = None) -> Seen:
        kind, read = self._kind(path, owner)
        return Seen(place, inside, self._disguise.pattern(path, owner), owner, kind, read, size, crc)

    def keep(self, seen: Seen, container: str = "") -> None:
        if seen.kind:
            self.files.append(seen)
            return
        key = container, seen.pattern
        before = self.strangers.get(key) or Strangers(*key, 0, seen.size, seen.size, seen.header)
        self.strangers[key] = dataclasses.replace(
            before,
            number=before.number + 1,
            least=min(before.least, seen.size),
            greatest=max(before.greatest, seen.size),
            header=before.header or seen.header,
        )

    def wants_head(self, seen: Seen) -> bool:
        if not seen.size or (not seen.read and not self._also_unread) or is_metadata(seen.pattern):
            return False
        if seen.read:
            return True
        first = seen.pattern not in self._met and seen.pattern.lower().endswith(_TEXTS)
        self._met.add(seen.pattern)
        return first

    def into(self, path: pathlib.Path, archive: Archive) -> Archive:
        """Keeps the members of an archive."""
        listed = {}

        def heads(name: str, size: int) -> int:
            listed[name] = self.seen(archive.place, name, name, archive.owner, size)
            return HEAD if self.wants_head(listed[name]) else 0

        try:
            members = list_members(path, heads)
        except (UserError, OSError) as error:
            return dataclasses.replace(archive, why=str(error).removeprefix(f"{path}: "))
        for member in members:
            header = header_of(member.head) if member.head else None
            seen = dataclasses.replace(listed[member.name], crc=member.crc, header=header)
            self.keep(seen, archive.pattern.rpartition("/")[2])
        return dataclasses.replace(archive, listed=True)

    def _kind(self, path: str, owner: str) -> tuple[str, bool]:
        base = base_name(path)
        if not is_metadata(path):
            for patterns, read in self._patterns(owner):
                for kind, pattern in patterns.items():
                    if pattern.fullmatch(base):
                        return kind, read
        return "", False

    def _patterns_of(self, owner: str) -> list[tuple[Patterns, bool]]:
        """(patterns, whether such files are read), the first that matches counts."""
        of_owner = [(self._layout.read(owner), True), (self._layout.beside(owner), False)] if owner else []
        return [*of_owner, (self._layout.tables, True)]
