"""What a preparation did: counted while it runs, kept with the data set, said in words and as JSON."""

import dataclasses
import json
import math
import pathlib
from collections.abc import Iterable, Mapping, Sequence

from data_builders.defects import Defect, Effect, in_words, written
from data_builders.readers.folders import folders_below
from data_builders.records import Session
from mccl_jax.errors import printable

JSON_NAME, TEXT_NAME = "preparation.json", "preparation.txt"
DESCRIPTION = "simulation.json"  # what the simulator leaves in a folder that it has made up
_EXAMPLES = 5  # lines under a note in preparation.txt; preparation.json has all


def is_simulated(raw: str | pathlib.Path) -> bool:
    """Whether the simulator wrote recordings that are in a folder, however they came to be there.

    Recordings are found at any depth, so what it has left counts anywhere below the folder; and above it, for a part
    of what is made up is made up.
    """
    raw = pathlib.Path(raw).resolve()
    above = any((folder / DESCRIPTION).is_file() for folder in raw.parents)
    return above or any(DESCRIPTION in names for _, names in folders_below(raw))


@dataclasses.dataclass(frozen=True)
class Report:
    """The preparation of one data set.

    source         the folder of raw files.
    fingerprint    of the raw files; another one means that the data set is out of date.
    sessions, subjects, frames, seconds   what the data set holds.
    unlabelled     sessions without a target.
    failed_share   share of frames that are unusable: face not tracked, or a cell unreadable.
    splits         name -> {"sessions": n, "subjects": n}
    skipped        (file, why) of what was left out.
    notes          what -> {"sessions": n, "examples": ["session: details", ...]}, as the readers said it.
    corrections    id -> {"wrong", "source", "sessions": n, "examples": ["session: what was a, is b", ...]}, each row of
                   the corpus's table of defects by which something was corrected.
    switched_off   the same of each by which something would have been.
    simulated      whether the raw files were made up.
    """

    source: str
    fingerprint: str
    sessions: int
    subjects: int
    frames: int
    seconds: float
    unlabelled: int
    failed_share: float
    splits: Mapping[str, Mapping[str, int]]
    skipped: tuple[tuple[str, str], ...]
    notes: Mapping[str, Mapping[str, object]]
    corrections: Mapping[str, Mapping[str, object]]
    switched_off: Mapping[str, Mapping[str, object]]
    simulated: bool = False

    def words(self) -> str:
        """The report for a reader, a line a fact."""
        lines = [
            f"{self.sessions} sessions of {self.subjects} subjects from {self.source}",
            f"{self.frames} frames, {self.seconds / 60:.1f} minutes; {self.failed_share:.2%} of the frames failed",
        ]
        if self.simulated:
            lines.insert(0, "SIMULATED recordings: they say nothing about real people")
        if self.unlabelled:
            lines.append(f"sessions without a target: {self.unlabelled}")
        lines += [
            f"split {name}: {n['sessions']} sessions, {n['subjects']} subjects" for name, n in self.splits.items()
        ]
        lines.append(f"skipped: {len(self.skipped) or 'nothing'}")
        lines += [f"  {name}: {why}" for name, why in self.skipped]
        made, off = (
            {f"{id}: {entry['wrong']} ({entry['source']})": entry for id, entry in entries.items()}
            for entries in (self.corrections, self.switched_off)
        )
        lines += self._block("corrections", made)
        lines += self._block("corrections that are switched off", off) if off else []
        lines += self._block("notes", self.notes)
        return "\n".join(map(printable, lines)) + "\n"  # names of files may hold anything

    def _block(self, title: str, entries: Mapping[str, Mapping[str, object]]) -> list[str]:
        lines = [f"{title}: {len(entries) or 'none'}"]
        for what, entry in entries.items():
            of_all = entry["sessions"] in (0, self.sessions)
            lines.append(f"  {what}" + ("" if of_all else f" (in {entry['sessions']} of {self.sessions} sessions)"))
            examples = [example for example in entry["examples"] if not of_all or ": " in example]
            lines += [f"    {example}" for example in examples[:_EXAMPLES]]
            if more := len(examples[_EXAMPLES:]):
                lines.append(f"    and {more} more: {JSON_NAME}")
        return lines

    def write(self, folder: pathlib.Path) -> None:
        """Writes preparation.json and preparation.txt."""
        (folder / JSON_NAME).write_text(json.dumps(dataclasses.asdict(self), indent=1) + "\n", encoding="utf-8")
        (folder / TEXT_NAME).write_text(self.words(), encoding="utf-8")

    @classmethod
    def read(cls, folder: pathlib.Path) -> "Report | None":
        """The report kept in `folder`; None where there is none, or one of another form."""
        try:
            kept = json.loads((folder / JSON_NAME).read_text(encoding="utf-8"))
            return cls(**{**kept, "skipped": tuple(tuple(pair) for pair in kept["skipped"])})
        except (OSError, ValueError, TypeError, KeyError):
            return None


@dataclasses.dataclass(frozen=True)
class Summary:
    """What a report is made of, of one session: a few numbers and notes, without its arrays.

    digest     SHA-256 of what was read of the recording.
    answers    question -> SHA-256 of its file, where the recording is cut by questions.
    corrected  "corrections" and "switched_off" of its provenance.
    """

    session: str
    subject: str
    frames: int
    usable: int
    seconds: float
    labelled: bool
    notes: tuple[str, ...]
    digest: str
    answers: Mapping[int, str]
    corrected: Mapping[str, Sequence[Mapping[str, object]]]

    @classmethod
    def of(cls, session: Session) -> "Summary":
        """The summary of a session."""
        frames, usable = session.recorded
        return cls(
            session=session.session,
            subject=session.subject,
            frames=frames,
            usable=usable,
            seconds=float(session.time[-1] - session.time[0]),
            labelled=not math.isnan(session.target),
            notes=tuple(session.provenance["notes"]),
            digest=session.provenance["sha256"],
            answers={answer["question"]: answer["sha256"] for answer in session.provenance.get("answers", ())},
            corrected={kind: session.provenance.get(kind, ()) for kind in ("corrections", "switched_off")},
        )


class Tally:
    """Counts what is prepared and what is not, session by session; the arguments are those of `preparation.Plan`."""

    def __init__(
        self,
        skipped: Iterable[tuple[str, str]],
        notes: Iterable[str],
        defects: Iterable[Defect] = (),
        effects: Iterable[tuple[str, Effect]] = (),
    ):
        self.skipped = list(skipped)
        self._notes = {note: {"sessions": 0, "examples": []} for note in notes}
        self._defects = {one.id: one for one in defects}
        self._corrections = {"corrections": {}, "switched_off": {}}
        for file, effect in effects:
            self._correct(file, written([effect]), sessions=0)
        self._splits, self._subjects = {}, set()
        self._frames = self._failed = self._unlabelled = 0
        self._seconds = 0.0

    def add(self, split: str, session: Summary) -> None:
        """Counts one prepared session."""
        sessions, subjects = self._splits.setdefault(split, ([], set()))
        sessions.append(session.session)
        subjects.add(session.subject)
        self._subjects.add(session.subject)
        self._frames += session.frames
        self._failed += session.frames - session.usable
        self._seconds += session.seconds
        self._unlabelled += not session.labelled
        for note in session.notes:
            what, _, details = note.partition(": ")
            entry = self._notes.setdefault(what, {"sessions": 0, "examples": []})
            entry["sessions"] += 1
            entry["examples"].append(f"{session.session}: {details}" if details else session.session)
        self._correct(session.session, session.corrected, sessions=1)

    def _correct(self, name: str, corrected: Mapping[str, Sequence[Mapping[str, object]]], sessions: int) -> None:
        for kind, found in self._corrections.items():
            said = {}
            for correction in corrected[kind]:
                said.setdefault(correction["id"], []).append(in_words(correction, made=kind == "corrections"))
            for id, words in said.items():
                row = self._defects[id]
                entry = found.setdefault(id, {"wrong": row.wrong, "source": row.source, "sessions": 0, "examples": []})
                entry["sessions"] += sessions
                entry["examples"].append(f"{name}: {'; '.join(words)}")

    def skip(self, name: str, why: str) -> None:
        """Notes one recording that is left out."""
        self.skipped.append((name, why))

    def report(self, source: str, fingerprint: str, simulated: bool = False) -> Report:
        """The report on everything counted so far."""
        splits = {name: {"sessions": len(s), "subjects": len(who)} for name, (s, who) in self._splits.items()}
        return Report(
            source=source,
            fingerprint=fingerprint,
            sessions=sum(n["sessions"] for n in splits.values()),
            subjects=len(self._subjects),
            frames=self._frames,
            seconds=self._seconds,
            unlabelled=self._unlabelled,
            failed_share=self._failed / max(self._frames, 1),
            splits=splits,
            skipped=tuple(self.skipped),
            notes=self._notes,
            simulated=simulated,
            **{
                kind: {id: found[id] for id in self._defects if id in found}
                for kind, found in self._corrections.items()
            },
        )
