"""The TFDS data set of CMDC, from the corpus as it is handed out."""

import dataclasses
import functools
import hashlib
import json
import math
import pathlib
import re
from typing import ClassVar

import numpy as np
import tensorflow_datasets as tfds
from etils import epath

from data_builders.cmdc.defects import CORRECTIONS, DEFECTS
from data_builders.cmdc.session import QUESTIONS, READER, Interview, find_interviews, read_interview
from data_builders.defects import ALL, switched_on, told
from data_builders.digests import digests
from data_builders.folds import folds_by_range, folds_by_subject
from data_builders.preparation import UNSPLIT, Plan, SessionBuilder
from data_builders.readers.openface import check_options, few
from data_builders.readers.subject_info import TOTAL, SubjectInfo, read_subject_info, subject_id
from data_builders.readers.workbooks import read_sheets
from data_builders.shards import Source
from mccl_jax.cues import OPENFACE_CUES
from mccl_jax.errors import UserError

FOLDS = ("disjoint", "official")
NUMBER_OF_FOLDS = 5
# Of the full corpus: people and answers with video.
SUBJECTS, ANSWERS = 44, 519
# The published test folds, by ID. They overlap: MDD21 to MDD24 and HC41 to HC48 are tested twice.
OFFICIAL = {
    "MDD": {1: (21, 26), 2: (1, 6), 3: (7, 12), 4: (13, 18), 5: (19, 24)},
    "HC": {1: (41, 52), 2: (1, 12), 3: (13, 24), 4: (25, 36), 5: (37, 48)},
}
SPLIT_INFO = "5FoldSplitInfo.xlsx"
_FOLD = re.compile(r"fold *([1-5])", re.IGNORECASE)


@dataclasses.dataclass(eq=False, kw_only=True)
class CMDCConfig(tfds.core.BuilderConfig):
    """What changes the records; the config's name, and so the folder on disk, follows from it.

    folds        "disjoint": five folds of our own, every person tested once, alike in groups and severities.
                 "official": the published ones, in which some people are tested twice.
    cues         which cues, in this order; names of `mccl_jax.cues.OPENFACE_CUES`.
    frame_rate   frames a second of answers without usable timestamps.
    seed         of the disjoint folds: another one deals people anew.
    target       the column of the labels that is to be predicted.
    labels       the table of people, in the folder of the corpus.
    corrections  which corrections of `defects.DEFECTS` are made: as `defects.switched_on` of all corpora takes them.
    """

    name: str = ""
    folds: str = "disjoint"
    cues: tuple[str, ...] = tuple(OPENFACE_CUES)
    frame_rate: float = 30.0
    seed: int = 0
    target: str = TOTAL
    labels: str = "SubjectInfo.xlsx"
    corrections: tuple[str, ...] = (ALL,)

    def __post_init__(self):
        if self.folds not in FOLDS:
            raise UserError(f"data.folds is {self.folds!r}: expected {' or '.join(FOLDS)}")
        if self.folds == "official" and self.seed:
            raise UserError(f"data.split_seed is {self.seed}: the official folds are not drawn; leave it 0")
        check_options(self.cues, "refuse", self.frame_rate)
        self.corrections = tuple(defect.id for defect in switched_on(DEFECTS, self.corrections))
        if not self.name:
            others = [list(self.cues), self.frame_rate, self.seed, self.target, self.labels, list(self.corrections)]
            usual = [list(OPENFACE_CUES), 30.0, 0, TOTAL, "SubjectInfo.xlsx", list(CORRECTIONS)]
            digest = hashlib.sha256(json.dumps(others).encode()).hexdigest()[:8]
            self.name = self.folds if others == usual else f"{self.folds}-{digest}"


class Builder(SessionBuilder):
    """A session is a person's interview, its answers end to end. One TFDS split; records say which folds test them."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar = {"1.0.0": "First form."}
    BUILDER_CONFIGS: ClassVar = [
        CMDCConfig(folds="disjoint", description="Five disjoint folds, alike in groups and severities."),
        CMDCConfig(folds="official", description="The published folds, which overlap."),
    ]
    MANUAL_DOWNLOAD_INSTRUCTIONS = """the folder of CMDC, the Chinese Multimodal Depression Corpus:
  get it   from its authors, who hand it out for research under a signed agreement: apply as the paper of the corpus
           says (Zou et al., IEEE TAFFC 2022, doi 10.1109/TAFFC.2022.3181210)
  unpack   it as it is; the folder must hold SubjectInfo.xlsx and, at any depth, the folders HC01.., MDD01.. with
           Q1.csv to Q12.csv, what OpenFace wrote about each answer
  without  it, configs/cmdc.py:simulated makes up a corpus of the same layout"""
    # TFDS' own way to find this file needs importlib_resources, which it does not install.
    code_path = epath.Path(__file__)

    @property
    def specification(self):
        return {name: OPENFACE_CUES[name] for name in self.builder_config.cues}

    def fingerprint(self, folder: pathlib.Path) -> str:
        """Of the names and contents of the answers and the tables, and of the reader's version."""
        answers = [path for interview in find_interviews(folder).values() for path in interview.answers.values()]
        tables = [path for path in (self._labels(folder), table_in(folder, SPLIT_INFO)) if path.is_file()]
        files = {str(path.relative_to(folder)): path for path in (*answers, *tables)}
        found = digests(files, self.digests_file)
        return hashlib.sha256(json.dumps([READER, list(found.items())]).encode()).hexdigest()

    def plan(self, folder: pathlib.Path) -> Plan:
        """One source a person who has answers and a row in the table of people, by ID."""
        config = self.builder_config
        interviews = find_interviews(folder)
        if not interviews:
            raise UserError(f"{folder}: no folder HC01.. or MDD01.. with a Q1.csv below it; {_expected(folder)}")
        table = self._labels(folder)
        if not table.is_file():
            raise UserError(f"{table}: there is no such file; {_expected(folder)}")
        info = read_subject_info(table, config.target, config.corrections)
        skipped = [
            (name, f"has answers, but no row in {config.labels}") for name in interviews if name not in info.subjects
        ]
        skipped += [
            (name, f"{config.labels} says that there is video; no Q1.csv to Q{QUESTIONS}.csv is there")
            for name, person in info.subjects.items()
            if person.video and name not in interviews
        ]
        known = {name: interview for name, interview in interviews.items() if name in info.subjects}
        if not known:
            raise UserError(
                f"{folder}: none of the {len(interviews)} people with answers ({', '.join(list(interviews)[:3])}, ...) "
                f"has a row in {config.labels}; expected the table of the same corpus: put it there"
            )
        if all(math.isnan(info.subjects[name].target) for name in known):
            raise UserError(
                f"{table}: column {config.target} holds no number for anybody with answers; expected severities: name "
                "their column with --config.data.target"
            )
        folds = self._folds(known, info)
        sources = [
            Source(
                name,
                UNSPLIT,
                functools.partial(
                    read_interview,
                    interview,
                    info.subjects[name],
                    folds[name],
                    config.cues,
                    config.frame_rate,
                    config.corrections,
                ),
                sum(path.stat().st_size for path in interview.answers.values() if path.is_file()),
            )
            for name, interview in known.items()
        ]
        notes = [*_counts(known, info, config.target), *told(DEFECTS, known), *info.notes]
        notes += self._notes_on_folds(folder, folds)
        effects = tuple((table.name, effect) for effect in info.effects)
        return Plan(tuple(sources), tuple(sorted(skipped)), tuple(notes), DEFECTS, effects)

    def _labels(self, folder: pathlib.Path) -> pathlib.Path:
        """The table of people."""
        return table_in(folder, self.builder_config.labels)

    def _folds(self, known: dict[str, Interview], info: SubjectInfo) -> dict[str, tuple[int, ...]]:
        """The folds, 1..5, in which each person is tested; none without a known target."""
        people = [info.subjects[name] for name in known]
        if self.builder_config.folds == "official":
            numbered = {person.subject: subject_id(person.subject) for person in people}
            return {name: folds_by_range(number, OFFICIAL[group]) for name, (group, number) in numbered.items()}
        fold = folds_by_subject(
            np.array([person.subject for person in people]),
            np.array([person.target for person in people]),
            NUMBER_OF_FOLDS,
            seed=self.builder_config.seed,
            group=np.array([person.group for person in people]),
        )
        return {name: () if number < 0 else (int(number) + 1,) for name, number in zip(known, fold, strict=True)}

    def _notes_on_folds(self, folder: pathlib.Path, folds: dict[str, tuple[int, ...]]) -> list[str]:
        sizes = {fold: sum(fold in of_one for of_one in folds.values()) for fold in range(1, NUMBER_OF_FOLDS + 1)}
        said = ", ".join(f"{size} in fold {fold}" for fold, size in sizes.items())
        notes = [f"folds ({self.builder_config.folds}), people tested: {said}"]
        if twice := [name for name, of_one in folds.items() if len(of_one) > 1]:
            notes.append(f"the official folds overlap, tested twice: {', '.join(twice)}")
        if never := [name for name, of_one in folds.items() if not of_one]:
            notes.append(f"tested in no fold, only trained on: {', '.join(never)}")
        split_info = table_in(folder, SPLIT_INFO)
        if self.builder_config.folds == "official" and split_info.is_file():
            notes.append(_compared(split_info))
        return notes


def table_in(folder: pathlib.Path, name: str) -> pathlib.Path:
    """Where a table lies: in the folder, or in the one subfolder that has it."""
    below = sorted(folder.glob(f"*/{name}"))
    return below[0] if not (folder / name).exists() and len(below) == 1 else folder / name


def _counts(known: dict[str, Interview], info: SubjectInfo, target: str) -> list[str]:
    answers = sum(len(interview.answers) for interview in known.values())
    notes = [f"people and answers with video: {len(known)} and {answers}; the full corpus has {SUBJECTS} and {ANSWERS}"]
    without = [name for name, person in info.subjects.items() if person.video is False and name not in known]
    if without:
        notes.append(f"people without video, as the table of people says: {len(without)}")
    if unexpected := [name for name in known if info.subjects[name].video is False]:
        notes.append(f"has answers, though the table of people says that there is no video: {', '.join(unexpected)}")
    if unlabelled := [name for name in known if math.isnan(info.subjects[name].target)]:
        notes.append(f"no known {target}, neither fitted nor scored: {', '.join(unlabelled)}")
    return notes


def _compared(path: pathlib.Path) -> str:
    """Whether the corpus's own table of folds says what was published; not needed, and its form is not certain."""
    try:
        rows = [row for rows in read_sheets(path).values() for row in rows]
    except UserError as error:
        return f"{path.name} cannot be read, the published folds are used: {error}"
    said, named = {}, 0
    for row in rows:
        fold = _FOLD.fullmatch(str(row[0])) if row else None
        named += fold is not None
        if fold and len(row) >= 5 and int(fold[1]) not in said:
            said[int(fold[1])] = tuple(_numbers(cell) for cell in row[3:5])
    published = {fold: (OFFICIAL["MDD"][fold], OFFICIAL["HC"][fold]) for fold in OFFICIAL["HC"]}
    more = "; a further block in it, presumably of people with video, is not used" if named > len(said) else ""
    if said == published:
        return f"{path.name} has the published folds{more}"
    differ = [str(fold) for fold in published if said.get(fold) != published[fold]]
    return f"{path.name} differs from the published folds, which are used, in fold {', '.join(differ)}{more}"


def _numbers(cell: object) -> tuple[int, ...]:
    return tuple(int(number[:9]) for number in re.findall(r"[0-9]+", str(cell)))


def _expected(folder: pathlib.Path) -> str:
    return (
        "expected the folder of CMDC, with SubjectInfo.xlsx and the folders HC01.., MDD01.. at any depth (it holds "
        f"{few(sorted(path.name for path in folder.iterdir()), 5)}): correct manual_dir"
    )
