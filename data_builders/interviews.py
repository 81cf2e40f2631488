"""What the builders of DAIC-WOZ and E-DAIC share: an archive a session, tables of splits, corrections, two forms."""

import dataclasses
import functools
import hashlib
import json
import math
import pathlib
import re
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

import tensorflow_datasets as tfds

from data_builders.defects import ALL, Defect, corrections_in, switched_on, told
from data_builders.digests import digests
from data_builders.preparation import Plan, SessionBuilder
from data_builders.readers.archives import checksums, files_in, size
from data_builders.readers.labels import SPLITS
from data_builders.readers.openface import check_options, few
from data_builders.readers.phq8 import SCORE, Participant, Splits, find_tables
from data_builders.readers.session_files import find_sessions
from data_builders.records import Session
from data_builders.shards import Source
from data_builders.thinning import thin
from mccl_jax.cues import Cue
from mccl_jax.errors import UserError

# Form of the records -> frames a second that are kept; None: all.
FORMS = {"3hz": 3.0, "native": None}


@dataclasses.dataclass(frozen=True)
class Corpus:
    """What a builder must know of its corpus.

    name           as people call it.
    archive        what the first archive is called, for messages.
    cues           name -> Cue, all that there are, in the order in which they are read by default.
    defects        the table of what is known to be wrong.
    sessions       split -> sessions of the full corpus.
    tables         names of the tables of splits and labels, the first one for messages.
    reader         changes when the same files would be read differently.
    members        (number, cues) -> what is read of a session.
    read_splits    (folder, corrections that are switched on) -> who is in which split.
    read_session   (source, participant, corrections, cues, frame_rate) -> the session.
    """

    name: str
    archive: str
    cues: Mapping[str, Cue]
    defects: tuple[Defect, ...]
    sessions: Mapping[str, int]
    tables: tuple[str, ...]
    reader: str
    members: Callable[[str, Sequence[str]], dict[str, re.Pattern]]
    read_splits: Callable[[pathlib.Path, Sequence[str]], Splits]
    read_session: Callable[[pathlib.Path, Participant, Sequence[str], Sequence[str], float], Session]


@dataclasses.dataclass(eq=False, kw_only=True)
class InterviewConfig(tfds.core.BuilderConfig):
    """What changes the records; the config's name, and so the folder on disk, follows from it.

    form          "3hz": the frames that windows at 3 Hz look at, a tenth of the disk; "native": all frames, for other
                  rates.
    cues          which cues, in this order; None: all of the corpus.
    frame_rate    frames a second of sessions without usable timestamps.
    corrections   which corrections, of the corpus's table of defects, are made: as `defects.switched_on` takes them.
    """

    corpus: ClassVar[Corpus]
    name: str = ""
    form: str = "3hz"
    cues: tuple[str, ...] | None = None
    frame_rate: float = 30.0
    corrections: tuple[str, ...] = (ALL,)

    def __post_init__(self):
        cues, corrections = tuple(self.corpus.cues), corrections_in(self.corpus.defects)
        self.cues = cues if self.cues is None else self.cues
        if self.form not in FORMS:
            raise UserError(f"form is {self.form!r}: expected {' or '.join(FORMS)}")
        check_options(self.cues, "refuse", self.frame_rate, cues)
        self.corrections = tuple(defect.id for defect in switched_on(self.corpus.defects, self.corrections))
        if not self.name:
            others = [list(self.cues), self.frame_rate, list(self.corrections)]
            digest = hashlib.sha256(json.dumps(others).encode()).hexdigest()[:8]
            usual = others == [list(cues), 30.0, list(corrections)]
            self.name = self.form if usual else f"{self.form}-{digest}"


class InterviewBuilder(SessionBuilder, skip_registration=True):
    """A session is a person's interview. TFDS splits: train, dev and test, as far as they are there.

    A corpus defines `BUILDER_CONFIGS`, whose class holds its `Corpus`.
    """

    @property
    def corpus(self) -> Corpus:
        """The corpus that is read."""
        return self.builder_config.corpus

    @property
    def specification(self):
        return {name: self.corpus.cues[name] for name in self.builder_config.cues}

    def fingerprint(self, folder: pathlib.Path) -> str:
        """Of the contents of what is used, by the checksums that archives keep, of the tables and of the reader."""
        kept, files = [], find_tables(folder, self.corpus.tables)
        for number, source in find_sessions(folder)[0].items():
            wanted = self.corpus.members(number, self.builder_config.cues)
            found = None if source.is_dir() else checksums(source, wanted)
            kept.append([source.name, found])
            if found is None:
                paths = files_in(source, wanted) if source.is_dir() else [source]
                files.update({path.relative_to(folder).as_posix(): path for path in paths})
        read = list(digests(files, self.digests_file).items())
        return hashlib.sha256(json.dumps([self.corpus.reader, kept, read]).encode()).hexdigest()

    def plan(self, folder: pathlib.Path) -> Plan:
        """One source a session that is there and in a split file: by split, and in it by number."""
        found, notes = find_sessions(folder)
        if not found:
            raise UserError(
                f"{folder}: no archive {self.corpus.archive} and no folder 300_P in it; {self._expected(folder)}"
            )
        if not find_tables(folder, self.corpus.tables):
            raise UserError(f"{folder}: no split file in it; {self._expected(folder)}")
        splits = self.corpus.read_splits(folder, self.builder_config.corrections)
        suffix = self.corpus.archive.removeprefix("300_P")
        skipped = [
            (path.name, "is in no split file") for number, path in found.items() if number not in splits.participants
        ]
        skipped += [
            (f"{number}_P{suffix}", f"is in {one.split}, but there is neither such an archive nor a folder {number}_P")
            for number, one in splits.participants.items()
            if number not in found
        ]
        known = {number: path for number, path in found.items() if number in splits.participants}
        if not known:
            raise UserError(
                f"{folder}: none of its {len(found)} sessions ({', '.join(list(found)[:3])}, ...) is in a split file; "
                "expected the split files of the same corpus: put them there"
            )
        sources = [
            self._source(number, path, splits.participants[number])
            for split in SPLITS
            for number, path in known.items()
            if splits.participants[number].split == split
        ]
        notes = *self._counts(known, splits), *notes, *splits.notes
        return Plan(tuple(sources), tuple(sorted(skipped)), notes, self.corpus.defects)

    def _source(self, number: str, path: pathlib.Path, participant: Participant) -> Source:
        config = self.builder_config
        read = functools.partial(
            self.corpus.read_session, path, participant, config.corrections, config.cues, config.frame_rate
        )
        if rate := FORMS[config.form]:
            read = functools.partial(_thinned, read, rate)
        return Source(path.name, participant.split, read, size(path, self.corpus.members(number, config.cues)))

    def _counts(self, known: Mapping[str, pathlib.Path], splits: Splits) -> list[str]:
        there = {split: sum(splits.participants[number].split == split for number in known) for split in SPLITS}
        notes = [
            "sessions, of those in the full corpus: "
            + ", ".join(f"{split} {there[split]} of {self.corpus.sessions[split]}" for split in SPLITS)
        ]
        unlabelled = [number for number in known if math.isnan(splits.participants[number].score)]
        if unlabelled:
            notes.append(f"no known {SCORE}: {_few(unlabelled)}")
        return notes + told(self.corpus.defects, known)

    def _expected(self, folder: pathlib.Path) -> str:
        inside = few(sorted(path.name for path in folder.iterdir()), 5)
        return (
            f"expected the folder of {self.corpus.name}, with {self.corpus.archive} and so on, and "
            f"{self.corpus.tables[0]} and so on (it holds {inside}): correct manual_dir"
        )


def _thinned(read: Callable[[], Session], rate: float) -> Session:
    return thin(read(), rate)


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
