"""The TFDS data set of a folder of OpenFace CSVs and a table of labels."""

import dataclasses
import functools
import hashlib
import json
import pathlib
import re
from collections.abc import Mapping
from typing import ClassVar

import tensorflow_datasets as tfds
from etils import epath

from data_builders.digests import digests
from data_builders.openface.session import is_table, read_session, session_name
from data_builders.preparation import UNSPLIT, Plan, SessionBuilder
from data_builders.readers.folders import folders_below
from data_builders.readers.labels import read_labels
from data_builders.readers.openface import READER, check_options, present_cues
from data_builders.readers.openface_text import read_header
from data_builders.shards import Source
from mccl_jax.cues import OPENFACE_CUES
from mccl_jax.errors import UserError


@dataclasses.dataclass(eq=False, kw_only=True)
class OpenFaceConfig(tfds.core.BuilderConfig):
    """What changes the records; the config's name, and so the folder on disk, follows from it.

    cues         which cues, in this order; names of `mccl_jax.cues.OPENFACE_CUES`.
    missing      "refuse": a recording that lacks a cue is skipped. "omit": a cue that some recording lacks is left out
                 of the whole data set, so that all sessions have the same cues.
    frame_rate   frames a second of recordings without usable timestamps.
    target       the column of the labels that is to be predicted.
    labels       the table of labels, in the folder of the recordings or anywhere else.
    """

    name: str = ""
    cues: tuple[str, ...] = tuple(OPENFACE_CUES)
    missing: str = "refuse"
    frame_rate: float = 30.0
    target: str = "target"
    labels: str = "labels.csv"

    def __post_init__(self):
        options = [list(self.cues), self.missing, self.frame_rate, self.target, self.labels]
        digest = hashlib.sha256(json.dumps(options).encode()).hexdigest()[:8]
        self.name = self.name or f"{re.sub(r'[^0-9A-Za-z]+', '_', self.target)}-{digest}"
        check_options(self.cues, self.missing, self.frame_rate)


class Builder(SessionBuilder):
    """Sessions of any folder of OpenFace CSVs with a labels.csv. TFDS splits: those of the labels, else one."""

    VERSION = tfds.core.Version("1.1.0")
    RELEASE_NOTES: ClassVar = {"1.0.0": "First form.", "1.1.0": "A session may be tested in several folds."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "a folder with the CSVs that OpenFace wrote (plain or .gz, in subfolders or not) and labels.csv, one row a "
        "recording, with the columns file, subject, target and, if known, split, fold, gender"
    )
    # TFDS' own way to find this file needs importlib_resources, which it does not install.
    code_path = epath.Path(__file__)

    def __init__(self, *, config: OpenFaceConfig | None = None, **kwargs):
        super().__init__(config=config or OpenFaceConfig(), **kwargs)

    @property
    def specification(self):
        return {name: OPENFACE_CUES[name] for name in self.builder_config.cues}

    def fingerprint(self, folder: pathlib.Path) -> str:
        """Of the names and contents of the CSVs that the labels name, of the labels and of the reader's version."""
        labels = folder / self.builder_config.labels
        named = {row.file for row in read_labels(labels, self.builder_config.target).rows}
        table = labels.read_bytes()
        files = {name: path for name, path in self._files(folder).items() if name in named}
        found = list(digests(files, self.digests_file).items())
        return hashlib.sha256(json.dumps([READER, found, hashlib.sha256(table).hexdigest()]).encode()).hexdigest()

    def plan(self, folder: pathlib.Path) -> Plan:
        """One source for each file that the labels name, by name; the labels' splits, or one split for all."""
        config = self.builder_config
        table = read_labels(folder / config.labels, config.target)
        files, rows = self._files(folder), {row.file: row for row in table.rows}
        skipped = [(name, "named in the labels, but there is no such file") for name in rows if name not in files]
        skipped += [(name, "has no row in the labels") for name in files if name not in rows]
        files = {name: path for name, path in files.items() if name in rows}
        if not files:
            raise UserError(
                f"{folder}: none of the {len(rows)} files that {config.labels} names is there (first: "
                f"{table.rows[0].file}); expected paths relative to this folder: correct them, or name another folder"
            )
        cues, notes = self._common_cues(files)
        sources, named = [], {}
        for name, path in files.items():
            if (other := named.setdefault(session_name(name), name)) != name:
                skipped.append((name, f"is the same session as {other}"))
                continue
            read = functools.partial(read_session, path, rows[name], cues, frame_rate=config.frame_rate)
            sources.append(Source(name, rows[name].split or UNSPLIT, read, path.stat().st_size))
        return Plan(tuple(sources), tuple(sorted(skipped)), (*table.notes, *notes))

    def _files(self, folder: pathlib.Path) -> dict[str, pathlib.Path]:
        """Path below `folder` -> path of every CSV but the labels, by name."""
        labels = (folder / self.builder_config.labels).resolve()
        paths = [below / name for below, names in folders_below(folder) for name in names if is_table(name)]
        names = {
            path.relative_to(folder).as_posix(): path for path in paths if path.is_file() and path.resolve() != labels
        }
        return dict(sorted(names.items()))

    def _common_cues(self, files: Mapping[str, pathlib.Path]) -> tuple[tuple[str, ...], list[str]]:
        """The cues that all sessions will have, and a note for each that is left out."""
        wanted, missing = self.builder_config.cues, self.builder_config.missing
        if missing == "refuse":
            return wanted, []
        lacking = {name: [] for name in wanted}
        for name, path in files.items():
            try:
                absent = present_cues(path, read_header(path), wanted, missing)[1]
            except UserError:
                continue  # reading it will fail with the same message, and then it is reported
            for cue in absent:
                lacking[cue].append(name)
        common = tuple(cue for cue in wanted if not lacking[cue])
        if not common:
            cue, names = min(lacking.items(), key=lambda item: len(item[1]))
            raise UserError(
                f"{names[0]}: no cue is in all recordings, {cue} is the least often missing ({len(names)} of "
                f'{len(files)} files); expected one that all have: leave those files out with missing="refuse"'
            )
        return common, [
            f"cue left out of all sessions: {cue}, which {len(names)} of {len(files)} files lack (first: {names[0]})"
            for cue, names in lacking.items()
            if names
        ]
