"""The kinds of raw files that are damaged, and who reads each of them."""

import dataclasses
import hashlib
import pathlib
from collections.abc import Callable

import numpy as np

from data_builders.cmdc import session as cmdc
from data_builders.cmdc.cmdc_dataset_builder import _compared
from data_builders.daic_woz import session as daic_woz
from data_builders.e_daic import session as e_daic
from data_builders.openface import session as openface
from data_builders.readers import daic_woz_splits, e_daic_splits
from data_builders.readers.labels import read_labels
from data_builders.readers.matlab import read_feature
from data_builders.readers.subject_info import read_subject_info
from data_builders.readers.transcripts import DAIC_WOZ, E_DAIC, read_transcript
from mccl_jax.cues import DAIC_WOZ_CUES, E_DAIC_CUES, OPENFACE_CUES
from tests.data_builders import e_daic_files
from tests.fuzz import bases, corpora, hostile, matfiles, packing, workbooks
from tests.fuzz.noise import damaged
from tests.fuzz.tables import mutated
from tests.fuzz.tar_lies import lying_tar
from tests.fuzz.zip_lies import lying_zip

NUMBER = "319"  # the session of DAIC-WOZ that is damaged


@dataclasses.dataclass(frozen=True)
class Case:
    """One damaged file or archive.

    said     what it is and what was done to it.
    read     reads it; returns what `valid.check` knows, or a list of it.
    targets  names of what is damaged, by which `watch` tells how far its reader got.
    stage    what counts as past the header: "rows" of a target, or a "member" out of it.
    """

    said: str
    read: Callable[[], object]
    targets: tuple[str, ...]
    stage: str = "rows"


def _openface(rng: np.random.Generator, place: pathlib.Path) -> Case:
    """A CSV by itself, plain or gzipped."""
    texts = bases.openface()
    name = list(texts)[rng.integers(len(texts))]
    data, said = mutated(rng, texts[name], bases.separator(texts[name]), zipped=True)
    path = place / ("a.csv" if rng.integers(2) else "a.csv.gz")
    path.write_bytes(data)
    missing = ("refuse", "omit")[rng.integers(2)]
    return Case(f"{name}: {said}", lambda: openface.read_session(path, missing=missing), (path.name,))


def _cmdc(rng: np.random.Generator, place: pathlib.Path) -> Case:
    """An interview of two answers, one of them damaged."""
    answers = {
        name: data for name, data in bases.cmdc().items() if "MDD01/Q" in name and name.endswith(("Q1.csv", "Q2.csv"))
    }
    folder = place / "MDD01"
    folder.mkdir()
    for name, data in answers.items():
        (folder / name.rsplit("/", 1)[-1]).write_bytes(data)
    data, said = mutated(rng, (folder / "Q2.csv").read_bytes(), ", ", zipped=True)
    (folder / "Q2.csv").write_bytes(data)
    if rng.random() < 0.3:
        name = ("Q3.csv", "Q2-.csv", "q2.CSV", "Q13.csv", "Q02.csv.gz", "Q1.csv.csv", "vector_Q1.csv")[rng.integers(7)]
        (folder / name).write_bytes(data)
        said += f", and {name}"
    return Case(said, lambda: cmdc.read_recording(folder, tuple(OPENFACE_CUES), 30.0), ("Q2.csv",))


def _daic_woz(rng: np.random.Generator, place: pathlib.Path) -> Case:
    """A session in any packing, one or two of its texts damaged."""
    members = dict(bases.daic_woz(NUMBER))
    texts = [name for name in members if name.endswith((".txt", "TRANSCRIPT.csv")) and "features.txt" not in name]
    several = []
    targets = rng.choice(texts, int(rng.integers(1, 3)), replace=False).tolist()
    for target in targets:
        separator = "\t" if "TRANSCRIPT" in target else ", "
        members[target], said = mutated(rng, members[target], separator)
        several.append(f"{target}: {said}")
    prefix = ("", f"{NUMBER}_P/")[rng.integers(2)]
    form = packing.PACKINGS[rng.integers(len(packing.PACKINGS))]
    path = packing.write(place, NUMBER, form, {prefix + name: data for name, data in members.items()})
    read = lambda: daic_woz.read_recording(path, tuple(DAIC_WOZ_CUES), 30.0)  # noqa: E731
    return Case(f"{form}, {'; '.join(several)}", read, tuple(targets))


def _e_daic(rng: np.random.Generator, place: pathlib.Path) -> Case:
    """A session in any packing, its tracker's text, its features or its transcript damaged."""
    members = dict(bases.e_daic())
    part = ("OpenFace", "OpenFace", "CNN_ResNet", "Transcript")[rng.integers(4)]
    (target,) = [name for name in members if part in name]
    if part == "CNN_ResNet":
        members[target], said = matfiles.mutated(rng, e_daic_files.features())
    else:
        members[target], said = mutated(rng, members[target], "," if part == "Transcript" else ", ")
    if rng.random() < 0.05:
        del members[target]
    form = packing.PACKINGS[rng.integers(len(packing.PACKINGS))]
    path = packing.write(place, "300", form, members)
    read = lambda: e_daic.read_recording(path, tuple(E_DAIC_CUES), 30.0)  # noqa: E731
    return Case(f"{form}, {target}: {said}", read, (target.rsplit("/", 1)[-1],))


def _matlab(rng: np.random.Generator, place: pathlib.Path) -> Case:
    """Features by themselves."""
    data, said = matfiles.mutated(rng, np.abs(rng.normal(size=(int(rng.integers(1, 60)), 16))).astype(np.float32))
    path = place / "300_CNN_ResNet.mat"
    path.write_bytes(data)
    # What is loaded is a stream of the file's bytes, without its name.
    return Case(said, lambda: read_feature(path, 16), ("",))


def _transcript(rng: np.random.Generator, place: pathlib.Path) -> Case:
    """A transcript of either layout by itself."""
    layout, text = (
        (DAIC_WOZ, bases.daic_woz(NUMBER)[f"{NUMBER}_TRANSCRIPT.csv"]),
        (E_DAIC, e_daic_files.transcript([(i, i + 0.7, f"word, {i}") for i in range(20)]).encode()),
    )[rng.integers(2)]
    data, said = mutated(rng, text, layout.separator)
    path = place / "a.csv"
    path.write_bytes(data)
    return Case(said, lambda: read_transcript(path, layout), (path.name,))


def _labels(rng: np.random.Generator, place: pathlib.Path) -> Case:
    """labels.csv."""
    splits, genders = ("train", "dev", "test"), ("female", "male", "f", "0", "")
    rows = [
        f"{i}.csv,s{i // 2},{i},{splits[i // 2 % 3]},{i // 2 % 5},{genders[i // 2 % 5]},{20 + i},x" for i in range(30)
    ]
    text = "\n".join(["file,subject,target,split,fold,gender,age,site", *rows]) + "\n"
    data, said = mutated(rng, text.encode(), ",", most=1)
    path = place / "labels.csv"
    path.write_bytes(data)
    return Case(said, lambda: read_labels(path), (path.name,))


def _daic_woz_splits(rng: np.random.Generator, place: pathlib.Path) -> Case:
    """The split files of DAIC-WOZ, one of them damaged."""
    tables = {name: data for name, data in bases.daic_woz_corpus().items() if name.endswith(".csv")}
    return _tables(rng, place, tables, daic_woz_splits.read_splits)


def _e_daic_splits(rng: np.random.Generator, place: pathlib.Path) -> Case:
    """The tables of E-DAIC, one of them damaged."""
    split, detailed = e_daic_files.split_row, e_daic_files.detailed_row
    scores = {300 + i: i * 7 % 25 for i in range(9)}
    rows = [split(number, score) for number, score in scores.items()]
    items = [detailed(number, score) for number, score in list(scores.items())[:6]]
    e_daic_files.write_tables(place, rows[:3], rows[3:6], rows[6:], items)
    return _tables(rng, place, {path.name: path.read_bytes() for path in place.iterdir()}, e_daic_splits.read_splits)


def _tables(rng, place, tables, read):
    target = list(tables)[rng.integers(len(tables))]
    tables = {**tables, target: tables[target].rstrip(b"\n") + b"\n"}
    tables[target], said = mutated(rng, tables[target], ",", most=1)
    for name, data in tables.items():
        (place / name).write_bytes(data)
    return Case(f"{target}: {said}", lambda: read(place), (target,))


def _subject_info(rng: np.random.Generator, place: pathlib.Path) -> Case:
    """SubjectInfo.xlsx."""
    data, said = workbooks.mutated(rng, bases.cmdc()["SubjectInfo.xlsx"])
    path = place / "SubjectInfo.xlsx"
    path.write_bytes(data)
    return Case(said, lambda: read_subject_info(path), (path.name,))


def _split_info(rng: np.random.Generator, place: pathlib.Path) -> Case:
    """5FoldSplitInfo.xlsx, of which nothing but a note is made."""
    data, said = workbooks.mutated(rng, bases.cmdc()["5FoldSplitInfo.xlsx"])
    path = place / "5FoldSplitInfo.xlsx"
    path.write_bytes(data)
    return Case(said, lambda: _compared(path), (path.name,))


def _archive(form: str, lie: float) -> Callable[[np.random.Generator, pathlib.Path], Case]:
    """A session whose archive is damaged, or has headers that lie; its files are as they should be."""

    def make(rng: np.random.Generator, place: pathlib.Path) -> Case:
        members, path = _small_members(), place / f"{NUMBER}_P.{form}"
        wanted = [name for name in members if "CLNF" in name or "TRANSCRIPT" in name]
        if rng.random() < lie:
            target, whole = wanted[rng.integers(len(wanted))], None
            if form == "zip":
                data, said = lying_zip(rng, members, target)
            else:
                data, said = lying_tar(rng, members, target, gzipped=form == "tar.gz")
        else:
            whole = packing.packed(form, members)
            data, said = damaged(rng, whole)
        path.write_bytes(data)

        def read():
            found = daic_woz.read_recording(path, tuple(DAIC_WOZ_CUES), 30.0)
            if whole is not None and form != "tar":  # which has no check sums of its content
                read_whole = {one["member"]: one["sha256"] for one in found.provenance["members"]}
                assert read_whole == _digests(), "what came out of a damaged archive is not what went in"
            return found

        return Case(said, read, (NUMBER,), "member")

    return make


def _digests() -> dict[str, str]:
    return {name: hashlib.sha256(data).hexdigest() for name, data in _small_members().items() if _is_read(name)}


def _is_read(name):
    return name.endswith((".txt", "TRANSCRIPT.csv")) and "features.txt" not in name


def _small_members() -> dict[str, bytes]:
    """The files of the session with as few rows as will do."""
    members = bases.daic_woz(NUMBER)
    return {name: b"".join(data.splitlines(True)[:40]) if _is_read(name) else data for name, data in members.items()}


def _hostile(rng: np.random.Generator, place: pathlib.Path) -> Case:
    """One of the archives that somebody made to do harm."""
    members = _small_members()
    path, said = hostile.write(rng, place, NUMBER, members, f"{NUMBER}_CLNF_pose.txt")
    return Case(said, lambda: daic_woz.read_recording(path, tuple(DAIC_WOZ_CUES), 30.0), (NUMBER,), "member")


def _preparation(rng: np.random.Generator, place: pathlib.Path) -> Case:
    """A small corpus with damaged files, through its builder."""
    return Case(*corpora.damaged_corpus(rng, place))


# Kind -> (how a case of it is made, its share of all cases).
KINDS = {
    "openface": (_openface, 20),
    "cmdc": (_cmdc, 6),
    "daic_woz": (_daic_woz, 14),
    "e_daic": (_e_daic, 10),
    "matlab": (_matlab, 7),
    "transcript": (_transcript, 5),
    "labels": (_labels, 5),
    "daic_woz_splits": (_daic_woz_splits, 3),
    "e_daic_splits": (_e_daic_splits, 3),
    "subject_info": (_subject_info, 5),
    "split_info": (_split_info, 2),
    "zip": (_archive("zip", 0.6), 6),
    "tar": (_archive("tar", 0.7), 4),
    "tar.gz": (_archive("tar.gz", 0.5), 4),
    "hostile": (_hostile, 4),
    "preparation": (_preparation, 2),
}
