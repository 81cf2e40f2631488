"""What is known to be wrong with a corpus, as rows of a table; each corpus has its own in `defects.py`.

A row with a correction can be switched off by its id; the others are dealt with as said, or merely told. Records hold
what the tools wrote, so that a correction of times stands beside the values, never in them.
"""

import dataclasses
from collections.abc import Iterable, Sequence

from mccl_jax.errors import UserError


@dataclasses.dataclass(frozen=True)
class Relabel:
    """The label `column` was `was` (None: empty) and should be `value`."""

    column: str
    was: float | None
    value: float


@dataclasses.dataclass(frozen=True)
class Shift:
    """`seconds` to be added to the transcript's times, so that they are those of the recording."""

    seconds: float


@dataclasses.dataclass(frozen=True)
class Exclude:
    """From `begin` to `end`, in seconds of the recording, is no interview."""

    begin: float
    end: float


@dataclasses.dataclass(frozen=True)
class Defect:
    """A row of the table; `sessions` is empty where any may be concerned."""

    id: str
    sessions: tuple[str, ...]
    wrong: str
    done: str
    source: str
    correction: Relabel | Shift | Exclude | None = None


def corrections_in(table: Iterable[Defect]) -> tuple[str, ...]:
    """The ids of the rows that have a correction."""
    return tuple(defect.id for defect in table if defect.correction)


def switched_on(table: Sequence[Defect], corrections: Iterable[str]) -> tuple[Defect, ...]:
    """The rows whose corrections are named. Raises UserError for a name that is none."""
    corrections, known = tuple(corrections), corrections_in(table)
    unknown = [name for name in corrections if name not in known]
    if unknown:
        raise UserError(f"corrections: {unknown[0]!r} is none; expected some of {', '.join(known)}")
    return tuple(defect for defect in table if defect.id in corrections)


def corrected_times(session: str, defects: Iterable[Defect], provenance: dict) -> float:
    """Writes what `defects` say of the times of a session beside its values, and returns the shift of its transcript.

    An interruption goes into provenance["exclude_seconds"], the ids of all into "corrections", and into "notes" what is
    otherwise than in the files.
    """
    shift, provenance["corrections"] = 0.0, []
    for defect in defects:
        if session not in defect.sessions:
            continue
        if isinstance(defect.correction, Exclude):
            provenance["exclude_seconds"] = [[defect.correction.begin, defect.correction.end]]
            provenance["notes"].append(f"interruptions that are not used: {defect.wrong} ({defect.source})")
        elif isinstance(defect.correction, Shift):
            shift = defect.correction.seconds
            provenance["notes"].append(f"transcripts shifted against the video: by {shift:g} s ({defect.source})")
        provenance["corrections"].append(defect.id)
    return shift


def known_of(table: Iterable[Defect], session: str) -> tuple[Defect, ...]:
    """The rows that name a session."""
    return tuple(defect for defect in table if session in defect.sessions)
