"""What is known of a folder before it is prepared, and how it is said."""

import dataclasses
import pathlib
from collections.abc import Iterable, Sequence

_NAMES = 5  # listed before "and n more"


@dataclasses.dataclass(frozen=True)
class Count:
    """How many of something there are, of how many, and which are amiss; `because`: why some are not expected."""

    what: str
    found: int
    expected: int
    missing: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    because: str = ""
    note: str = ""

    def words(self) -> str:
        """Without the name of what is counted."""
        said = [f"{self.found} of {self.expected}", *([self.note] if self.note else [])]
        said += [f"missing {len(self.missing)}: {few(self.missing)}"] if self.missing else []
        if self.unexpected:
            said.append(f"unexpected {len(self.unexpected)}, {self.because}: {few(self.unexpected)}")
        return "; ".join(said)


@dataclasses.dataclass(frozen=True)
class Oddity:
    """Something missing or odd: what it is, and the files or sessions; `costs`: these are skipped unless mended."""

    what: str
    names: tuple[str, ...] = ()
    costs: bool = False

    def words(self) -> str:
        """A line."""
        if not self.names:
            return self.what
        number = f", {len(self.names)}" if len(self.names) > 1 else ""
        return f"{self.what}{number}: {few(self.names)}"


def oddities_of(notes: Iterable[str]) -> list[Oddity]:
    """Notes of readers, each "what: details", one for each kind."""
    kinds = {}
    for note in dict.fromkeys(notes):
        what, _, details = note.partition(": ")
        kinds.setdefault(what, []).append(details)
    return [Oddity(what, tuple(filter(None, details))) for what, details in kinds.items()]


@dataclasses.dataclass(frozen=True)
class Estimate:
    """What the preparation will take.

    measured    names of the recordings that were read and encoded as the preparation does it.
    recordings  number of those for which they stand.
    bytes       of the data set; `seconds` with as many `processes`.
    form        of the records, as configured.
    place       where the data set will lie; `free` bytes there.
    """

    measured: tuple[str, ...]
    recordings: int
    bytes: float
    seconds: float
    processes: int
    form: str
    place: pathlib.Path
    free: int

    def lines(self) -> list[str]:
        """In words."""
        with_processes = f" with {self.processes} processes" if self.processes > 1 else ""
        said = [
            f"disk  {size(self.bytes)} as {self.form}, in {self.place}, where {size(self.free)} are free",
            f"time  {_hours(self.seconds)}{with_processes}",
        ]
        if self.free < 1.1 * self.bytes:
            said.append(
                "WARNING: that is not enough free space: free some, or name another folder with --config.data.data_dir"
            )
        return said


@dataclasses.dataclass(frozen=True)
class Survey:
    """A folder of raw files: what was found of what is expected, how it lies, what is amiss, what it will take."""

    corpus: str
    folder: pathlib.Path
    simulated: bool
    counts: tuple[Count, ...]
    layout: tuple[str, ...]
    oddities: tuple[Oddity, ...]
    estimate: Estimate | None

    def words(self, command: str) -> str:
        """For a reader, about a screen; the last line is what to do next, `command` what prepares and trains."""
        width = max(len(count.what) for count in self.counts)
        lines = [f"{'SIMULATED ' if self.simulated else ''}{self.corpus} in {self.folder}", "", "found"]
        lines += [f"  {count.what:{width}}  {count.words()}" for count in self.counts]
        lines += ["", "layout", *(f"  {line}" for line in self.layout)]
        lines += ["", "missing or odd" + ("" if self.oddities else ": nothing")]
        # What costs a session first.
        for oddity in sorted(self.oddities, key=lambda oddity: not oddity.costs):
            lines.append(f"{'!' if oddity.costs else ' '} {oddity.words()}")
        if self.estimate:
            measured = self.estimate.measured
            of = f"estimated from {len(measured)} of {self.estimate.recordings} recordings ({', '.join(measured)})"
            lines += ["", f"preparation, {of}", *(f"  {line}" for line in self.estimate.lines())]
        marked = any(oddity.costs for oddity in self.oddities)
        lines += ["", f"next: {'mend what is marked with !, or go on without it: ' if marked else ''}{command}"]
        # Names come from files and archives, and may hold anything.
        return "\n".join("".join(c if c.isprintable() else "?" for c in line) for line in lines)


def few(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    more = len(names) - _NAMES
    separator = "; " if any(", " in name for name in names) else ", "
    return separator.join(names[:_NAMES]) + (f" and {more} more" if more > 0 else "")


def size(n: float) -> str:
    """Bytes for a reader."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if n < 1000:
            return f"{n:.0f} {unit}" if unit == "bytes" or n >= 10 else f"{n:.1f} {unit}"
        n /= 1000
    return f"{n:.1f} TB"


def _hours(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{minutes // 60}:{minutes % 60:02d} hours:minutes" if minutes else "less than a minute"
