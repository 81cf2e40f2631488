"""What is known to be wrong with a corpus, as rows of a table; each corpus has its own in `defects.py`.

A row with a correction changes what a record says of its session, and can be switched off by its id: the record then
says what the files say. A row without one is told: it is a statement, or something without which there would be no
record. Records hold what the tools wrote and how it was corrected: each correction writes down, beside the values, what
was there before (`Ledger`).
"""

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence

from mccl_jax.errors import UserError

ALL = "all"  # in place of the ids of all corrections


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
class Rule:
    """What the reader does wherever it meets the defect, in whatever session; the row says what."""


@dataclasses.dataclass(frozen=True)
class Defect:
    """A row of the table; `sessions` is empty where any may be concerned, `correction` None where it is only told."""

    id: str
    sessions: tuple[str, ...]
    wrong: str
    done: str
    source: str
    correction: Relabel | Shift | Exclude | Rule | None = None


@dataclasses.dataclass(frozen=True)
class Effect:
    """What a correction does to a session: `what` was `was` in the files and is `value`, as JSON has them.

    made   whether it is switched on; where not, `what` stayed as it was.
    """

    id: str
    what: str
    was: object
    value: object
    made: bool


class Ledger:
    """Which corrections of a table are switched on, and what they do to one session, in the order in which they do it.

    `effects`: of what was corrected before, such as its labels. Raises UserError as `switched_on` does.
    """

    def __init__(self, table: Sequence[Defect], corrections: Iterable[str], effects: Iterable[Effect] = ()):
        self.table, self.effects = table, list(effects)
        on = switched_on(table, corrections)
        self._on = {defect.id: defect in on for defect in table if defect.correction}

    def corrects(self, id: str, what: str, was: object, value: object) -> bool:
        """Whether `what` is to be corrected from `was` to `value`; writes it down either way, unless they are equal."""
        was, value = _plain(was), _plain(value)
        if was != value:
            self.effects.append(Effect(id, what, was, value, self._on[id]))
        return self._on[id]

    def provenance(self) -> dict[str, list[dict]]:
        """What a record holds of it, see `records.Session`."""
        return written(self.effects)


def written(effects: Iterable[Effect]) -> dict[str, list[dict]]:
    """Effects as a record holds them: "corrections" that were made, and those "switched_off"."""
    found = {"corrections": [], "switched_off": []}
    for one in effects:
        entry = {"id": one.id, "what": one.what, "was": one.was, "is": one.value}
        found["corrections" if one.made else "switched_off"].append(entry)
    return found


def corrections_in(table: Iterable[Defect]) -> tuple[str, ...]:
    """The ids of the rows that have a correction."""
    return tuple(defect.id for defect in table if defect.correction)


def switched_on(table: Sequence[Defect], corrections: Iterable[str]) -> tuple[Defect, ...]:
    """The rows whose corrections are named: ids, "all", or "-id" for all but that one.

    Raises UserError for a name that is none.
    """
    corrections, known = tuple(corrections), corrections_in(table)
    on = set(known) if corrections and corrections[0].startswith("-") else set()
    for name in corrections:
        named = known if name == ALL else (name.removeprefix("-"),)
        if not set(named) <= set(known):
            expected = f"{', '.join(known) or 'none'}, or {ALL}, or an id with - before it for all but that one"
            raise UserError(f"corrections: {name!r} is none; expected some of {expected}")
        on = on - set(named) if name.startswith("-") else on | set(named)
    return tuple(defect for defect in table if defect.id in on)


def corrected_times(session: str, ledger: Ledger, span: tuple[float, float], provenance: dict) -> tuple[float, float]:
    """The span of speech, shifted as the rows of a session say; an interruption goes into "exclude_seconds"."""
    for defect in known_of(ledger.table, session):
        correction = defect.correction
        if isinstance(correction, Shift):
            shifted = span[0] + correction.seconds, span[1] + correction.seconds
            span = shifted if ledger.corrects(defect.id, "speech_span", span, shifted) else span
        elif isinstance(correction, Exclude):
            seconds = [[correction.begin, correction.end]]
            if ledger.corrects(defect.id, "exclude_seconds", [], seconds):
                provenance.setdefault("exclude_seconds", []).extend(seconds)
    return span


def known_of(table: Iterable[Defect], session: str) -> tuple[Defect, ...]:
    """The rows that name a session."""
    return tuple(defect for defect in table if session in defect.sessions)


def told(table: Iterable[Defect], sessions: Iterable[str]) -> list[str]:
    """A note on each of these sessions and what is known of it, but for what is corrected."""
    found = [(session, defect) for session in sessions for defect in known_of(table, session)]
    return [f"known of session {session}: {defect.wrong}" for session, defect in found if not defect.correction]


def in_words(correction: Mapping[str, object], made: bool = True) -> str:
    """An entry of a record's "corrections", or of its "switched_off" (`made` False), without its id."""
    was, value = _said(correction["was"]), _said(correction["is"])
    return f"{correction['what']} " + (f"was {was}, is {value}" if made else f"is {was}, would be {value}")


def _plain(value: object) -> object:
    """As JSON has it: lists, and None for NaN."""
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def _said(value: object) -> str:
    if isinstance(value, list):
        if not any(isinstance(one, list) for one in value):
            return " to ".join(dict.fromkeys(map(_said, value))) or "none"
        return ", ".join(map(_said, value))
    return "unknown" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
