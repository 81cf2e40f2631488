"""Small corpora with damaged files in them, prepared as a user prepares them: what cannot be read is skipped, and said.

Some have archives that are absent, stand twice or stand beside a folder of the same session, and files of others.
"""

import contextlib
import dataclasses
import io
import json
import os
import pathlib
from collections.abc import Callable

import numpy as np

from data_builders.cmdc import cmdc_dataset_builder as cmdc
from data_builders.daic_woz import daic_woz_dataset_builder as daic_woz
from data_builders.e_daic import e_daic_dataset_builder as e_daic
from data_builders.openface import openface_dataset_builder as openface
from data_builders.preparation import open_or_prepare
from data_builders.records import Session, decode
from data_builders.report import JSON_NAME, TEXT_NAME, Report
from tests.data_builders import e_daic_files
from tests.fuzz import bases, matfiles, packing
from tests.fuzz.noise import damaged
from tests.fuzz.tables import mutated


@dataclasses.dataclass(frozen=True)
class Prepared:
    """What came of a preparation: the records, the report, and how many recordings there were to prepare."""

    sessions: list[Session]
    report: Report
    planned: int


def damaged_corpus(
    rng: np.random.Generator, place: pathlib.Path
) -> tuple[str, Callable[[], Prepared], tuple[str, ...]]:
    """(what was done, how it is prepared, names of what is damaged).

    Raw files are in `place`/raw, the data set comes below `place`/prepared.
    """
    corpus = list(_CORPORA)[rng.integers(len(_CORPORA))]
    raw = place / "raw"
    raw.mkdir()
    builder, config, damaged_files = _CORPORA[corpus](rng, raw)
    said = ", ".join((corpus, *damaged_files)) + " damaged" + _misplaced(rng, raw) + _strangers(rng, raw)

    def read() -> Prepared:
        with contextlib.redirect_stderr(io.StringIO()):
            made, report = open_or_prepare(builder, data_dir=place / "prepared", manual_dir=raw, config=config)
        sessions = [decode(one) for split in made.info.splits for one in made.as_data_source(split)]
        text = (pathlib.Path(made.data_dir) / TEXT_NAME).read_text("utf-8")
        assert len(text.splitlines()) == len(report.words().splitlines())
        assert all(line.isprintable() for line in text.split("\n")), f"not printable: {text!r}"
        json.loads((pathlib.Path(made.data_dir) / JSON_NAME).read_text("utf-8"), parse_constant=lambda name: 1 / 0)
        return Prepared(sessions, report, len(made.plan(raw).sources))

    return said, read, tuple(damaged_files)


def _misplaced(rng, raw):
    """One archive is away, or is there twice."""
    archives = sorted(raw.glob("3*_P.*"))
    if not archives or rng.random() < 0.6:
        return ""
    one = archives[rng.integers(len(archives))]
    kind = ("absent", "twice", "beside a folder", "in a folder of its name")[rng.integers(4)]
    if kind == "absent":
        one.unlink()
    elif kind == "twice":
        (raw / "again").mkdir()
        (raw / "again" / one.name).write_bytes(one.read_bytes())
    elif kind == "beside a folder":
        (raw / one.name[:5]).mkdir()
        (raw / one.name[:5] / "readme.txt").write_text("nothing")
    else:
        data = one.read_bytes()
        one.unlink()
        one.mkdir()
        (one / one.name).write_bytes(data)
    return f", {one.name} {kind}"


_STRANGE = (b"\xfc\xff.csv", b"a\nb.csv", b"\x1b[31m.csv", b"500_P.zip", b"HC40", b"._319_P.zip", b"labels.csv.csv")


def _strangers(rng, raw):
    """Files that have no business there."""
    said = ""
    for at in rng.integers(len(_STRANGE), size=rng.integers(3)):
        path = os.path.join(os.fsencode(raw), _STRANGE[at])
        if not os.path.exists(path):
            with open(path, "wb") as file:
                file.write(rng.bytes(100))
            said += f", and {_STRANGE[at]!r}"
    return said


def _openface(rng, raw):
    texts, rows = bases.openface(), ["file,subject,target"]
    for i in range(6):
        name = ("714 columns", "431 columns")[i % 2]
        data = mutated(rng, texts[name], ", ", zipped=True)[0] if i > 1 else texts[name]
        (raw / f"{i}.csv").write_bytes(data + b"\n" * i)
        rows.append(f"{i}.csv,s{i},{i}")
    (raw / "labels.csv").write_text("\n".join(rows) + "\n")
    return (
        openface.Builder,
        openface.OpenFaceConfig(missing=("refuse", "omit")[rng.integers(2)]),
        [f"{i}.csv" for i in range(2, 6)],
    )


def _cmdc(rng, raw):
    names = []
    for name, data in bases.cmdc().items():
        path = raw / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith(("Q1.csv", "Q2.csv")) and "vector" not in name and rng.random() < 0.5:
            data, _ = mutated(rng, data, ", ", zipped=True)
            names.append(name)
        if (name.endswith(".xlsx") and rng.random() < 0.1) or name.endswith(".pkl"):
            data, _ = damaged(rng, data)
        path.write_bytes(data)
    return cmdc.Builder, cmdc.CMDCConfig(folds="official"), names


def _daic_woz(rng, raw):
    names = []
    for name, data in bases.daic_woz_corpus().items():
        number = name[:3]
        if name.endswith(".zip") and number in ("319", "341", "362"):
            members = dict(bases.daic_woz(number))
            target = sorted(members)[rng.integers(len(members))]
            if members[target].isascii():
                members[target], _ = mutated(rng, members[target], ", ")
            data = packing.packed("zip", members)
            if rng.random() < 0.2:
                data, _ = damaged(rng, data)
            names.append(target)
        elif name.endswith(".csv") and rng.random() < 0.05:
            data, _ = mutated(rng, data.rstrip(b"\n") + b"\n", ",")
            names.append(name)
        (raw / name).write_bytes(data)
    return daic_woz.Builder, daic_woz.DaicWozConfig(form=("3hz", "native")[rng.integers(2)]), names


def _e_daic(rng, raw):
    for number in (300, 301, 302):
        members = dict(bases.e_daic(number))
        if number > 300:
            name = next(name for name in members if ("OpenFace" if number == 301 else "ResNet") in name)
            values = e_daic_files.features(seed=number)
            members[name] = mutated(rng, members[name], ", ")[0] if number == 301 else matfiles.mutated(rng, values)[0]
        packing.write(raw, str(number), ("zip", "tar.gz", "folder")[rng.integers(3)], members)
    rows = [e_daic_files.split_row(number, number - 290) for number in (300, 301, 302)]
    e_daic_files.write_tables(raw, rows)
    return e_daic.Builder, e_daic.EDaicConfig(form=("3hz", "native")[rng.integers(2)]), ["301_OpenFace", "302_CNN"]


_CORPORA = {"openface": _openface, "cmdc": _cmdc, "daic_woz": _daic_woz, "e_daic": _e_daic}
