"""The TFDS data set of DAIC-WOZ, from the corpus as it is handed out."""

import dataclasses
import functools
import hashlib
import json
import math
import pathlib
from collections.abc import Mapping, Sequence
from typing import ClassVar

import tensorflow_datasets as tfds
from etils import epath

from data_builders.daic_woz.defects import CORRECTIONS, known_of, switched_on
from data_builders.daic_woz.session import READER, find_sessions, members, read_session
from data_builders.preparation import Plan, SessionBuilder, Source
from data_builders.readers.archives import sizes
from data_builders.readers.daic_woz_splits import SCORE, Participant, Splits, find_split_files, read_splits
from data_builders.readers.labels import SPLITS
from data_builders.readers.openface import FASTEST, SLOWEST
from data_builders.records import Session
from data_builders.thinning import thin
from mccl_jax.cues import DAIC_WOZ_CUES
from mccl_jax.errors import UserError

# Form of the records -> frames a second that are kept; None: all.
FORMS = {"3hz": 3.0, "native": None}
SESSIONS = {"train": 107, "dev": 35, "test": 47}  # of the full corpus


@dataclasses.dataclass(eq=False, kw_only=True)
class DaicWozConfig(tfds.core.BuilderConfig):
    """What changes the records; the config's name, and so the folder on disk, follows from it.

    form          "3hz": the frames that windows at 3 Hz look at, a tenth of the disk; "native": all frames, for other
                  rates and for the official windows.
    cues          which cues, in this order; names of `mccl_jax.cues.DAIC_WOZ_CUES`.
    frame_rate    frames a second of sessions without usable timestamps.
    corrections   ids of the corrections, of `defects.DEFECTS`, that are made.
    """

    name: str = ""
    form: str = "3hz"
    cues: tuple[str, ...] = tuple(DAIC_WOZ_CUES)
    frame_rate: float = 30.0
    corrections: tuple[str, ...] = CORRECTIONS

    def __post_init__(self):
        if self.form not in FORMS:
            raise UserError(f"form is {self.form!r}: expected {' or '.join(FORMS)}")
        unknown = [name for name in self.cues if name not in DAIC_WOZ_CUES]
        if unknown or not self.cues or len(set(self.cues)) < len(self.cues):
            raise UserError(
                f"cues: {', '.join(self.cues) or 'none'}; expected one or more of {', '.join(DAIC_WOZ_CUES)}, each once"
            )
        if not SLOWEST <= self.frame_rate <= FASTEST:
            raise UserError(f"frame_rate: {self.frame_rate}; expected {SLOWEST:g} to {FASTEST:g} frames a second")
        self.corrections = tuple(defect.id for defect in switched_on(self.corrections))
        if not self.name:
            others = [list(self.cues), self.frame_rate, list(self.corrections)]
            usual = [list(DAIC_WOZ_CUES), 30.0, list(CORRECTIONS)]
            digest = hashlib.sha256(json.dumps(others).encode()).hexdigest()[:8]
            self.name = self.form if others == usual else f"{self.form}-{digest}"


class Builder(SessionBuilder):
    """A session is a person's interview. TFDS splits: train, dev and test of AVEC 2017, as far as they are there."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar = {"1.0.0": "First form."}
    BUILDER_CONFIGS: ClassVar = [
        DaicWozConfig(form="3hz", description="The frames that windows at 3 Hz look at."),
        DaicWozConfig(form="native", description="All frames, about 30 a second."),
    ]
    MANUAL_DOWNLOAD_INSTRUCTIONS = """the folder of DAIC-WOZ, the Distress Analysis Interview Corpus, Wizard of Oz:
  get it   from the University of Southern California, which hands it out for research under a signed agreement:
           dcapswoz.ict.usc.edu
  leave    it as it is: 300_P.zip to 492_P.zip (or folders 300_P that hold their text files) at any depth, and the split
           files train_, dev_ and test_split_Depression_AVEC2017.csv and full_test_split.csv; nothing is unpacked
  without  it, configs/daic_woz.py:simulated makes up a corpus of the same layout"""
    # TFDS' own way to find this file needs importlib_resources, which it does not install.
    code_path = epath.Path(__file__)

    def __init__(self, *, config: DaicWozConfig | str | None = None, **kwargs):
        config = config or self.BUILDER_CONFIGS[0]
        # TFDS takes one of its own configurations by name only.
        name = getattr(config, "name", config)
        super().__init__(config=name if name in self.builder_configs else config, **kwargs)

    @property
    def specification(self):
        return {name: DAIC_WOZ_CUES[name] for name in self.builder_config.cues}

    def fingerprint(self, folder: pathlib.Path) -> str:
        """Of the names and sizes of archives, or of the files used in folders, of the split files and the reader."""
        sessions = [
            [number, sizes(source, members(number, self.builder_config.cues))]
            for number, source in find_sessions(folder)[0].items()
        ]
        tables = [hashlib.sha256(path.read_bytes()).hexdigest() for path in find_split_files(folder).values()]
        return hashlib.sha256(json.dumps([READER, sessions, tables]).encode()).hexdigest()

    def plan(self, folder: pathlib.Path) -> Plan:
        """One source a session that is there and in a split file: by split, and in it by number."""
        found, notes = find_sessions(folder)
        if not found:
            raise UserError(f"{folder}: no archive 300_P.zip and no folder 300_P in it; {_expected(folder)}")
        if not find_split_files(folder):
            raise UserError(f"{folder}: no split file in it; {_expected(folder)}")
        splits = read_splits(folder, self.builder_config.corrections)
        skipped = [
            (path.name, "is in no split file") for number, path in found.items() if number not in splits.participants
        ]
        skipped += [
            (f"{number}_P.zip", f"is in {one.split}, but there is neither such an archive nor a folder {number}_P")
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
            Source(path.name, split, functools.partial(self._read, path, splits.participants[number]))
            for split in SPLITS
            for number, path in known.items()
            if splits.participants[number].split == split
        ]
        return Plan(tuple(sources), tuple(sorted(skipped)), (*_counts(known, splits), *notes, *splits.notes))

    def _read(self, path: pathlib.Path, participant: Participant) -> Session:
        config = self.builder_config
        session = read_session(path, participant, config.corrections, config.cues, config.frame_rate)
        rate = FORMS[config.form]
        return session if rate is None else thin(session, rate)


def _counts(known: Mapping[str, pathlib.Path], splits: Splits) -> list[str]:
    there = {split: sum(splits.participants[number].split == split for number in known) for split in SPLITS}
    notes = [
        "sessions, of those in the full corpus: "
        + ", ".join(f"{split} {there[split]} of {SESSIONS[split]}" for split in SPLITS)
    ]
    unlabelled = [number for number in known if math.isnan(splits.participants[number].score)]
    if unlabelled:
        notes.append(f"no known {SCORE}: {_few(unlabelled)}")
    told = [f"{number}: {defect.wrong}" for number in known for defect in known_of(number) if not defect.correction]
    return notes + [f"known of session {one}" for one in told]


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _expected(folder: pathlib.Path) -> str:
    inside = sorted(path.name for path in folder.iterdir())
    few = ", ".join(inside[:5]) + (", ..." if len(inside) > 5 else "")
    return (
        "expected the folder of DAIC-WOZ, with 300_P.zip and so on, and train_split_Depression_AVEC2017.csv and so on "
        f"(it holds {few}): correct --config.data.manual_dir"
    )
