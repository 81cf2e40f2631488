"""What is known to be wrong with DAIC-WOZ, and what is done about it: one table.

A row with a correction can be switched off by its id; the others are dealt with as said, or merely told. Records hold
what the tools wrote, so that a correction of times stands beside the values, never in them.
"""

import dataclasses
from collections.abc import Iterable

from mccl_jax.errors import UserError

_MANUAL = "manual of the corpus"
_BAILEY = "github.com/adbailey1/daic_woz_process"


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


_SHIFTED = "the span of speech is shifted by as much; the transcript's own times are kept beside it"
_CUT_OUT = "frames in it are not usable"
_TOLD = "nothing; it is told"

DEFECTS = (
    Defect("318-shift", ("318",), "transcript too early", _SHIFTED, _BAILEY, Shift(34.319917)),
    Defect("321-shift", ("321",), "transcript too early", _SHIFTED, _BAILEY, Shift(3.8379167)),
    Defect("341-shift", ("341",), "transcript too early", _SHIFTED, _BAILEY, Shift(6.1892)),
    Defect("362-shift", ("362",), "transcript too early", _SHIFTED, _BAILEY, Shift(16.8582)),
    # Others cut 395 to 428 s.
    Defect("373-interruption", ("373",), "interrupted, 5:52 to 7:00", _CUT_OUT, _MANUAL, Exclude(352.0, 420.0)),
    Defect("444-interruption", ("444",), "interrupted, 4:46 to 6:27", _CUT_OUT, _MANUAL, Exclude(286.0, 387.0)),
    Defect("409-binary", ("409",), "score 10, binary 0", "binary is 1", _BAILEY, Relabel("PHQ8_Binary", 0.0, 1.0)),
    Defect(
        "319-sleep", ("319",), "PHQ8_Sleep empty", "2, by the total", "split file", Relabel("PHQ8_Sleep", None, 2.0)
    ),
    Defect("absent", ("342", "394", "398", "460"), "do not exist", "nothing", _MANUAL),
    Defect("no-interviewer", ("451", "458", "480"), "no lines of the interviewer in the transcript", _TOLD, _MANUAL),
    Defect("402-short", ("402",), "the video ends about 2 min early", _TOLD, _MANUAL),
    Defect("487-transcript", ("487",), "an AppleDouble file in place of the transcript", "refused", "a user"),
    Defect("not-a-number", (), "-1.#IND and the like", "NaN, and the frame is not usable", "probable"),
    Defect("sync-markers", (), "<sync>, [syncing], scrubbed_entry", "no words of the interview", _BAILEY),
)
CORRECTIONS = tuple(defect.id for defect in DEFECTS if defect.correction)


def switched_on(corrections: Iterable[str]) -> tuple[Defect, ...]:
    """The rows whose corrections are named. Raises UserError for a name that is none."""
    corrections = tuple(corrections)
    unknown = [name for name in corrections if name not in CORRECTIONS]
    if unknown:
        raise UserError(f"corrections: {unknown[0]!r} is none; expected some of {', '.join(CORRECTIONS)}")
    return tuple(defect for defect in DEFECTS if defect.id in corrections)


def known_of(session: str) -> tuple[Defect, ...]:
    """The rows that name a session."""
    return tuple(defect for defect in DEFECTS if session in defect.sessions)
