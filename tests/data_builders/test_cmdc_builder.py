"""From CMDC as it is handed out (simulated) to a TFDS data set: who is in it, in which folds, and what is said."""

import json
import pathlib
import shutil
import subprocess
import sys

import numpy as np
import openpyxl
import pytest
import tensorflow_datasets as tfds

from data_builders.cmdc.cmdc_dataset_builder import ANSWERS, OFFICIAL, SUBJECTS, Builder, CMDCConfig
from data_builders.cmdc.defects import CORRECTIONS
from data_builders.cmdc.session import find_interviews, read_interview
from data_builders.preparation import UNSPLIT, open_or_prepare
from data_builders.readers.openface import read_openface
from data_builders.records import decode
from data_builders.report import TEXT_NAME
from data_builders.simulator.cmdc import TRAP, write_cmdc
from data_builders.simulator.cmdc_simulation import CmdcSimulation, has_video
from data_builders.simulator.cmdc_tables import EMPTY_TOTAL
from data_builders.simulator.options import Options
from mccl_jax.errors import UserError

OPTIONS = Options(subjects=78, seconds=(20.0, 30.0), fps=4.0)
NAMES = sorted(name for i in range(78) if has_video(name := CmdcSimulation(OPTIONS).name(i)))


def written(folder, subjects):
    folder.mkdir()
    write_cmdc(folder, CmdcSimulation(Options(subjects=subjects, seconds=OPTIONS.seconds, fps=OPTIONS.fps)))
    return folder


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """The whole corpus; nothing in it may be changed."""
    return written(tmp_path_factory.mktemp("cmdc") / "raw", 78)


@pytest.fixture(scope="module")
def prepared(corpus, tmp_path_factory):
    """Configuration -> (sessions by name, report, folder) of the whole corpus."""
    place = tmp_path_factory.mktemp("prepared")

    def of(folds):
        builder, report = prepare(place, corpus, folds=folds)
        return {one.session: one for one in sessions(builder)}, report, pathlib.Path(builder.data_dir)

    return {folds: of(folds) for folds in ("disjoint", "official")}


@pytest.fixture(scope="module")
def some_people(tmp_path_factory):
    return written(tmp_path_factory.mktemp("some") / "raw", 18)


@pytest.fixture
def few(some_people, tmp_path):
    """A corpus of 18 people, 10 of them with video, to be changed."""
    return pathlib.Path(shutil.copytree(some_people, tmp_path / "raw"))


FEW = ["HC01", "HC03", "HC05", "HC07", "HC09", "HC11", "MDD01", "MDD02", "MDD04", "MDD05"]


def prepare(place, folder, **options):
    return open_or_prepare(Builder, data_dir=place, manual_dir=folder, config=CMDCConfig(**options))


def sessions(builder):
    return [decode(example) for example in builder.as_data_source(UNSPLIT)]


def plan(tmp_path, folder, **options):
    """What would be prepared, without preparing it."""
    return Builder(data_dir=tmp_path / "unused", config=CMDCConfig(**options)).plan(folder)


def rewrite(path, change):
    """Changes the first sheet of a workbook in place."""
    book = openpyxl.load_workbook(path)
    change(book.active)
    book.save(path)


def row_of(sheet, name):
    return next(k for k in range(1, sheet.max_row + 1) if str(sheet.cell(k, 1).value).strip().upper() == name)


def refused(words, *args, **options):
    with pytest.raises(UserError, match=words) as caught:
        prepare(*args, **options)
    return str(caught.value)


@pytest.mark.parametrize("folds", ["disjoint", "official"])
def test_44_people_and_519_answers(prepared, folds):
    found, report, _ = prepared[folds]
    assert list(found) == NAMES
    assert (report.sessions, report.subjects, report.unlabelled) == (SUBJECTS, SUBJECTS, 0) == (44, 44, 0)
    assert report.splits == {UNSPLIT: {"sessions": 44, "subjects": 44}}
    left_out = report.notes["answers left out"]["examples"]  # of a simulated face that was not tracked at all
    answers = sum(len(one.provenance["answers"]) for one in found.values())
    assert answers + sum(example.count("Q") for example in left_out) == ANSWERS == 519
    assert {one.split for one in found.values()} == {""}
    assert {one.subject == one.session == name for name, one in found.items()} == {True}


def test_the_records_are_the_interviews(prepared, corpus):
    found, _, _ = prepared["disjoint"]
    simulation = CmdcSimulation(OPTIONS)
    numbers = {simulation.name(i): i for i in range(78)}
    interviews = find_interviews(corpus)
    for name in ("HC01", "HC41", "MDD02", "MDD21"):
        one = found[name]
        direct = read_interview(interviews[name])
        for cue, values in direct.cues.items():
            np.testing.assert_array_equal(one.cues[cue], values)
        np.testing.assert_array_equal(one.time, direct.time)
        np.testing.assert_array_equal(one.question, direct.question)
        of_labels = {"corrections": one.provenance["corrections"]} if name == "MDD21" else {}  # nobody's in `direct`
        assert one.provenance == direct.provenance | of_labels
        assert one.statistics == direct.statistics
        first = one.provenance["answers"][0]
        answer = read_openface(corpus / interviews[name].folder / first["file"])
        np.testing.assert_array_equal(one.cues["aus"][one.question == first["question"]], answer.cues["aus"])
        items = simulation.phq(numbers[name])
        assert one.target == items.sum()
        assert [one.labels[f"PHQ-{n}"] for n in range(1, 10)] == items.tolist()
        assert (one.labels["group"], one.labels["MDD"]) == (name[:-2], float(name[:-2] == "MDD"))


@pytest.mark.parametrize("folds", ["disjoint", "official"])
def test_every_planted_defect_is_said(prepared, folds):
    found, report, place = prepared[folds]
    assert report.skipped == (("MDD11", "SubjectInfo.xlsx says that there is video; no Q1.csv to Q12.csv is there"),)
    text = (place / TEXT_NAME).read_text()
    assert text == report.words()
    for line in (
        "people and answers with video: 44 and 519; the full corpus has 44 and 519",
        "people without video, as the table of people says: 33",
        "corrections: 3",
        "known of session MDD14: no answers to Q11, Q12",
        "MDD20-twice: MDD20 stands twice in the table of people, MDD21 is missing (users of the corpus) (in 1 of 44 "
        "sessions)",
        "MDD21: ID in row 74 was MDD20, is MDD21",
        f"{EMPTY_TOTAL}: PHQtotal was unknown, is {found[EMPTY_TOTAL].target:g}",
        "answers that are absent (in 4 of 44 sessions)",
        "HC24: Q10",
        "HC41: Q9, Q10, Q11, Q12",
        "MDD14: Q11, Q12",
        "MDD17: Q9, Q11",
        "unreadable cells, their frames are not used (in 2 of 44 sessions)",
        "HC03: Q2 1 in gaze_0_x",
        "MDD01: Q5 1 in AU12_r",
        "MDD02: question of Q9-.csv was unknown, is 9",
    ):
        assert f"{line}\n" in text
    assert 9 in found["MDD02"].question
    assert set(found["HC41"].question.tolist()) <= set(range(1, 9))
    assert np.isnan(found["HC03"].cues["gaze"]).sum() == 1
    assert np.isnan(found["HC03"].cues["pose"]).sum() == 0  # the malformed p_rx is nothing that is read


def test_with_the_corrections_switched_off_the_records_say_what_the_files_say(prepared, corpus, tmp_path):
    found = prepared["disjoint"][0]
    builder, report = prepare(tmp_path, corpus, folds="official", corrections=())
    plain = {one.session: one for one in sessions(builder)}
    assert set(found) - set(plain) == {"MDD21"}
    assert ("MDD21", "has answers, but no row in SubjectInfo.xlsx") in report.skipped
    assert "SubjectInfo.xlsx, row 74: MDD20 stands there once more: the row is not used" in report.notes
    assert {name for name, one in plain.items() if np.isnan(one.target)} == {EMPTY_TOTAL}
    assert 9 in found["MDD02"].question
    assert 9 not in plain["MDD02"].question
    for name, one in plain.items():
        if name not in (EMPTY_TOTAL, "MDD02"):
            assert one.provenance == found[name].provenance
            assert one.labels == found[name].labels
            assert one.target == found[name].target
    assert not report.corrections
    assert {id: entry["examples"] for id, entry in report.switched_off.items()} == {
        "MDD20-twice": ["SubjectInfo.xlsx: ID in row 74 is MDD20, would be MDD21"],
        "no-total": [f"{EMPTY_TOTAL}: PHQtotal is unknown, would be {found[EMPTY_TOTAL].target:g}"],
        "answer-names": ["MDD02: question of Q9-.csv is unknown, would be 9"],
    }
    assert "    SubjectInfo.xlsx: ID in row 74 is MDD20, would be MDD21\n" in report.words()
    for name in (EMPTY_TOTAL, "MDD02"):
        assert plain[name].provenance["switched_off"] == found[name].provenance["corrections"]
        assert len(found[name].provenance["corrections"]) == 1


@pytest.mark.parametrize(
    ("correction", "differs"), [("MDD20-twice", "MDD21"), ("no-total", EMPTY_TOTAL), ("answer-names", "MDD02")]
)
def test_each_correction_by_itself(corpus, tmp_path, correction, differs):
    """Read one by one, without preparing them."""
    with_all, without, alone = (
        {source.name: source for source in plan(tmp_path, corpus, cues=("aus",), corrections=corrections).sources}
        for corrections in (("all",), (f"-{correction}",), (correction,))
    )
    assert set(with_all) - set(without) == ({"MDD21"} if differs == "MDD21" else set())
    for name in ("MDD21", EMPTY_TOTAL, "MDD02"):
        one, other, single = (of[name].read() if name in of else None for of in (with_all, without, alone))
        assert [row["id"] for row in one.provenance["corrections"]] == [
            {"MDD21": "MDD20-twice", EMPTY_TOTAL: "no-total", "MDD02": "answer-names"}[name]
        ]
        if name != differs:
            assert other.provenance == one.provenance
            np.testing.assert_equal(other.target, one.target)
        else:
            assert single.provenance == one.provenance
            assert other is None or other.provenance["corrections"] == []


def test_a_group_that_the_table_does_not_say_is_that_of_the_id_or_unknown(few, tmp_path):
    rewrite(few / "SubjectInfo.xlsx", lambda sheet: sheet.cell(row_of(sheet, "HC03"), 2, "?"))
    found = [
        next(source for source in plan(tmp_path, few, corrections=on).sources if source.name == "HC03").read().labels
        for on in (("all",), ("-no-MDD",))
    ]
    assert [labels["MDD"] for labels in found] == [0.0, None]
    assert [labels["group"] for labels in found] == ["HC", "HC"]


def test_disjoint_folds_test_everybody_once_and_are_alike(prepared):
    found, report, _ = prepared["disjoint"]
    assert {len(one.folds) for one in found.values()} == {1}
    fold = np.array([one.folds[0] for one in found.values()])
    group = np.array([one.labels["group"] for one in found.values()])
    assert set(fold.tolist()) == {1, 2, 3, 4, 5}
    for some in (fold, fold[group == "HC"], fold[group == "MDD"]):
        assert np.ptp(np.bincount(some)[1:]) <= 1
    said = ", ".join(f"{np.sum(fold == k)} in fold {k}" for k in range(1, 6))
    assert f"  folds (disjoint), people tested: {said}\n" in report.words()
    assert "overlap" not in report.words()
    assert "5FoldSplitInfo" not in report.words()


def test_official_folds_are_the_published_ones_and_their_overlap_is_said(prepared):
    found, report, _ = prepared["official"]
    for name, one in found.items():
        group, number = name[:-2], int(name[-2:])
        assert one.folds == tuple(k for k, (first, last) in OFFICIAL[group].items() if first <= number <= last)
    assert found["HC41"].folds == found["MDD24"].folds == (1, 5)
    twice = [name for name, one in found.items() if len(one.folds) == 2]
    assert twice == ["HC41", "HC43", "HC45", "HC47", "MDD21", "MDD22", "MDD24"]
    assert f"  the official folds overlap, tested twice: {', '.join(twice)}\n" in report.words()
    assert "  5FoldSplitInfo.xlsx has the published folds; a further block in it" in report.words()
    assert (
        "  folds (official), people tested: 10 in fold 1, 10 in fold 2, 9 in fold 3, 11 in fold 4, 11 in fold 5\n"
        in (report.words())
    )


def test_no_pickle_is_ever_loaded(prepared, corpus):
    """Loading one of the corpus's pickles would leave this file in the working directory."""
    assert len(list(corpus.rglob("*.pkl"))) > 500
    places = [pathlib.Path.cwd(), corpus, *(place for _, _, place in prepared.values())]
    assert not [place for place in places if list(place.glob(f"**/{TRAP}" if place != pathlib.Path.cwd() else TRAP))]


READ = """
import socket, sys
def refuse(*args, **kwargs):
    raise AssertionError("network")
socket.socket.connect = socket.getaddrinfo = refuse
import tensorflow_datasets as tfds
records = tfds.builder_from_directory(sys.argv[1]).as_data_source("sessions")
assert len(records) == 44
assert records[0]["session"] == b"HC01" and records[0]["folds"].shape == (1,)
frames = len(records[0]["time"])
assert records[0]["cues"]["landmarks"].shape == (frames, 68, 3) and records[0]["question"].shape == (frames,)
assert "tensorflow" not in sys.modules and "data_builders" not in sys.modules
"""


def test_the_data_set_is_read_without_this_project(prepared, tmp_path):
    _, _, place = prepared["disjoint"]
    subprocess.run([sys.executable, "-c", READ, str(place)], check=True, cwd=tmp_path)


def test_configurations_by_name(tmp_path):
    assert list(Builder.builder_configs) == ["disjoint", "official"]
    for name in Builder.builder_configs:
        builder = Builder(data_dir=tmp_path, config=name)
        assert builder.builder_config.folds == name
        assert builder.data_dir == str(tmp_path / "cmdc" / name / "1.0.0")
        assert Builder(data_dir=tmp_path, config=CMDCConfig(folds=name)).data_dir == builder.data_dir
    assert Builder(data_dir=tmp_path).builder_config.folds == "disjoint"
    assert "Chinese Multimodal Depression Corpus" in Builder.MANUAL_DOWNLOAD_INSTRUCTIONS
    assert Builder(data_dir=tmp_path).name == "cmdc"
    assert "Zou" in Builder(data_dir=tmp_path).info.citation


@pytest.mark.parametrize(
    "options",
    [
        {"cues": ("aus",)},
        {"frame_rate": 25.0},
        {"target": "HAMDtotal"},
        {"labels": "other.xlsx"},
        {"corrections": ("no-total",)},
    ],
)
def test_other_options_have_folders_of_their_own(tmp_path, options):
    places = {
        Builder(data_dir=tmp_path, config=CMDCConfig(folds=folds, **more)).data_dir
        for folds in ("disjoint", "official")
        for more in ({}, options)
    }
    assert len(places) == 4


def test_mistaken_options_are_named():
    with pytest.raises(UserError, match="'leave one out': expected disjoint or official"):
        CMDCConfig(folds="leave one out")
    with pytest.raises(UserError, match="cues: hands"):
        CMDCConfig(cues=("hands",))
    with pytest.raises(UserError, match="'409-binary' is none; expected some of MDD20-twice"):
        CMDCConfig(corrections=("409-binary",))
    assert CMDCConfig(corrections=CORRECTIONS[::-1]).name == CMDCConfig().name


def test_the_way_tfds_has_it(few, tmp_path):
    builder = Builder(data_dir=tmp_path / "plain", config="official")
    builder.download_and_prepare(download_dir=tmp_path, download_config=tfds.download.DownloadConfig(manual_dir=few))
    assert [one.session for one in sessions(builder)] == FEW
    assert [one.folds for one in sessions(builder)] == [(2,)] * 10
    assert (pathlib.Path(builder.data_dir) / TEXT_NAME).is_file()


def test_another_target_and_fewer_cues(few, tmp_path):
    one = plan(tmp_path, few, target="PHQ-1", cues=("aus", "pose")).sources[0].read()
    assert tuple(one.cues) == ("aus", "pose")
    assert one.target == one.labels["PHQ-1"]


def test_who_has_no_known_target_is_tested_in_no_fold(few, tmp_path):
    def change(sheet):
        sheet.cell(row_of(sheet, "HC03"), 4).value = "?"
        sheet.cell(row_of(sheet, "HC03"), 5).value = None  # so that the sum of the items is unknown too

    rewrite(few / "SubjectInfo.xlsx", change)
    found = plan(tmp_path, few)
    read = {source.name: source.read() for source in found.sources}
    assert np.isnan(read["HC03"].target)
    assert [name for name, one in read.items() if not one.folds] == ["HC03"]
    assert "no known PHQtotal, neither fitted nor scored: HC03" in found.notes
    assert "tested in no fold, only trained on: HC03" in found.notes
    assert "HC03: PHQtotal is '?', no number: it counts as unknown" in found.notes


def test_people_that_files_and_table_do_not_share_are_said(few, tmp_path):
    def change(sheet):
        sheet.cell(row_of(sheet, "HC03"), 1).value = "HC33"  # HC33 has no files, HC03 no row
        sheet.cell(row_of(sheet, "HC05"), 3).value = 0  # the table knows of no video
        sheet.cell(row_of(sheet, "HC07"), 3).value = None  # nor does it say so here

    rewrite(few / "SubjectInfo.xlsx", change)
    found = plan(tmp_path, few)
    assert found.skipped == (
        ("HC03", "has answers, but no row in SubjectInfo.xlsx"),
        ("HC33", "SubjectInfo.xlsx says that there is video; no Q1.csv to Q12.csv is there"),
    )
    assert [source.name for source in found.sources] == [name for name in FEW if name != "HC03"]
    assert "has answers, though the table of people says that there is no video: HC05" in found.notes
    answers = 9 * 12
    assert f"people and answers with video: 9 and {answers}; the full corpus has 44 and 519" in found.notes


def test_the_table_may_lie_in_the_one_subfolder_that_has_it(few, tmp_path):
    expected = plan(tmp_path, few, folds="official")
    (few / "labels").mkdir()
    for name in ("SubjectInfo.xlsx", "5FoldSplitInfo.xlsx"):
        (few / name).rename(few / "labels" / name)
    builder = Builder(data_dir=tmp_path / "unused", config="official")
    found = builder.plan(few)
    assert [source.name for source in found.sources] == FEW
    assert found.notes == expected.notes
    assert f"5FoldSplitInfo.xlsx has the published folds{SECOND}" in found.notes
    before = builder.fingerprint(few)
    rewrite(few / "labels" / "SubjectInfo.xlsx", lambda sheet: sheet.cell(3, 4, 1))
    assert builder.fingerprint(few) != before
    shutil.copytree(few / "labels", few / "copies")
    with pytest.raises(UserError, match=r"raw/SubjectInfo\.xlsx: there is no such file; expected the folder of CMDC"):
        builder.plan(few)


def fold_rows(sheet):
    return [k for k in range(1, sheet.max_row + 1) if str(sheet.cell(k, 1).value).startswith("Fold")]


SECOND = "; a further block in it, presumably of people with video, is not used"


def test_a_table_of_folds_that_differs_is_said_and_not_used(few, tmp_path):
    info = few / "5FoldSplitInfo.xlsx"
    published = [source.read().folds for source in plan(tmp_path, few, folds="official").sources]

    def said():
        found = plan(tmp_path, few, folds="official")
        assert [source.read().folds for source in found.sources[:2]] == published[:2]
        return [note for note in found.notes if "5FoldSplitInfo" in note]

    rewrite(info, lambda sheet: sheet.cell(fold_rows(sheet)[7], 4, "MDD01"))  # of the second block
    assert said() == [f"5FoldSplitInfo.xlsx has the published folds{SECOND}"]
    rewrite(info, lambda sheet: sheet.cell(fold_rows(sheet)[2], 4, "MDD07 - MDD12"))  # only written otherwise
    assert said() == [f"5FoldSplitInfo.xlsx has the published folds{SECOND}"]
    rewrite(
        info, lambda sheet: (sheet.cell(fold_rows(sheet)[1], 5, "HC01-11"), sheet.cell(fold_rows(sheet)[4], 4, "-"))
    )
    assert said() == ["5FoldSplitInfo.xlsx differs from the published folds, which are used, in fold 2, 5" + SECOND]
    rewrite(info, lambda sheet: sheet.cell(fold_rows(sheet)[4], 4, "9" * 5000))  # more digits than Python reads at once
    assert said() == ["5FoldSplitInfo.xlsx differs from the published folds, which are used, in fold 2, 5" + SECOND]
    rewrite(info, lambda sheet: sheet.delete_rows(1, sheet.max_row))
    assert said() == ["5FoldSplitInfo.xlsx differs from the published folds, which are used, in fold 1, 2, 3, 4, 5"]
    info.write_text("Fold 1")
    (line,) = said()
    assert line.startswith("5FoldSplitInfo.xlsx cannot be read, the published folds are used: ")
    assert "\n" not in line
    info.unlink()
    assert said() == []


def test_no_corpus_no_table_nobody_in_it(few, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "unpack" in refused("is empty; expected the folder of CMDC", tmp_path / "p", empty)
    refused("there is no such folder; expected the folder of CMDC", tmp_path / "p", tmp_path / "gone")
    wrong = tmp_path / "wrong"
    (wrong / "videos" / "HC01").mkdir(parents=True)
    for k in range(7):
        (wrong / f"{k}.txt").touch()
    said = refused(r"no folder HC01\.\. or MDD01\.\. with a Q1\.csv below it; expected", tmp_path / "p", wrong)
    assert "(it holds 0.txt, 1.txt, 2.txt, 3.txt, 4.txt, ...): correct manual_dir" in said
    said = refused(
        r"other\.xlsx: there is no such file; expected the folder of CMDC", tmp_path / "p", few, labels="other.xlsx"
    )
    assert "\n" not in said
    rewrite(few / "SubjectInfo.xlsx", lambda sheet: sheet.delete_rows(2, sheet.max_row))
    refused(r"SubjectInfo\.xlsx: nobody in it", tmp_path / "p", few)
    rewrite(few / "SubjectInfo.xlsx", lambda sheet: sheet.append(["HC52", 0, 0, 3]))
    said = refused(r"none of the 10 people with answers \(HC01, HC03, HC05, \.\.\.\) has a row", tmp_path / "p", few)
    assert "expected the table of the same corpus" in said
    refused("no column Severity; its columns are ID", tmp_path / "p", few, target="Severity")
    assert not list((tmp_path / "p").rglob("*.json"))


def test_too_few_people_for_folds_of_our_own(few, tmp_path):
    for name in FEW[4:]:
        shutil.rmtree(next(few.rglob(name)))
    assert "4 subjects with a known target" in refused("into 5 folds", tmp_path / "p", few)
    assert len(plan(tmp_path, few, folds="official").sources) == 4


def test_prepared_again_only_when_something_changes(few, tmp_path, capsys):
    def run():
        capsys.readouterr()
        builder, report = prepare(tmp_path / "p", few, cues=("aus",))
        return sessions(builder), report, capsys.readouterr().err

    run()
    (few / "notes.txt").write_text("seen")
    for path in few.rglob("*.wav"):
        path.unlink()
    _, _, err = run()
    assert err == ""
    answer = next(few.rglob("HC03/Q1.csv"))
    answer.write_text("\n".join(answer.read_text().split("\n")[:3]) + "\n")
    found, _, err = run()
    assert "has changed since" in err
    assert (found[1].session, np.sum(found[1].question == 1)) == ("HC03", 2)
    rewrite(few / "SubjectInfo.xlsx", lambda sheet: sheet.cell(row_of(sheet, "HC01"), 4, 17))
    found, report, err = run()
    assert "has changed since" in err
    assert found[0].target == 17
    assert any(note.startswith("HC01: PHQtotal is 17, its items sum up to") for note in report.notes)


def test_an_answer_that_is_a_link_to_nothing_is_left_out_and_said(few, tmp_path):
    answer = few / "part1" / "HC01" / "Q1.csv"
    answer.unlink()
    answer.symlink_to(few / "gone.csv")
    _, report = prepare(tmp_path / "p", few, cues=("aus",))
    assert any("HC01: Q1 (cannot be read" in one for one in report.notes["answers left out"]["examples"])


@pytest.mark.parametrize("damage", ["the table", "the folders", "two of a person", "every answer"])
def test_raw_files_that_became_unusable_do_not_cost_the_data_set(few, tmp_path, damage):
    builder, _ = prepare(tmp_path / "p", few, cues=("aus",))

    def stamps():
        files = [path for path in pathlib.Path(builder.data_dir).iterdir() if path.name != ".digests"]
        return {path: path.stat().st_mtime_ns for path in files}

    before = stamps()
    if damage == "the table":
        (few / "SubjectInfo.xlsx").write_bytes(b"PK")
    elif damage == "the folders":
        for folder in few.glob("part*"):
            shutil.rmtree(folder)
    elif damage == "two of a person":
        shutil.copytree(few / "part1" / "HC01", few / "part2" / "HC01")
    else:
        for answer in few.rglob("Q*.csv"):
            answer.write_text("frame,confidence\n")
    refused(".", tmp_path / "p", few, cues=("aus",))
    assert stamps() == before
    assert [one.session for one in sessions(builder)] == FEW
    assert not list((tmp_path / "p").rglob("*incomplete*"))


def test_an_interview_under_two_ids_is_used_once_and_shared_answers_are_said(few, tmp_path):
    hc05, mdd01 = (next(few.rglob(name)) for name in ("HC05", "MDD01"))
    shutil.rmtree(hc05)
    shutil.copytree(mdd01, hc05)
    shutil.copy(next(few.rglob("HC01/Q3.csv")), next(few.rglob("HC03/Q4.csv")))
    _, report = prepare(tmp_path / "p", few, cues=("aus",))
    assert ("MDD01", "the same recording as HC05, byte for byte: one of the two is misplaced") in report.skipped
    assert report.notes["answers that are the same file"]["examples"] == ["HC03: Q4 as HC01 Q3"]


def test_another_seed_deals_people_anew(few, tmp_path):
    folds = [
        [source.read().folds for source in plan(tmp_path, few, seed=seed, cues=("aus",)).sources] for seed in (0, 0, 1)
    ]
    assert folds[0] == folds[1] != folds[2]
    with pytest.raises(UserError, match="the official folds are not drawn"):
        CMDCConfig(folds="official", seed=1)


def test_a_target_that_nobody_has_a_number_of(few, tmp_path):
    refused("column ID holds no number for anybody", tmp_path / "p", few, target="ID")


def test_the_report_is_whole_as_json(prepared):
    _, report, place = prepared["disjoint"]
    kept = json.loads((place / "preparation.json").read_text())
    examples = kept["notes"]["answers left out"]["examples"]
    assert len(examples) == kept["notes"]["answers left out"]["sessions"] > 5
    assert f"    and {len(examples) - 5} more: preparation.json\n" in report.words()
    assert examples[4] in report.words()
    assert examples[5] not in report.words()
