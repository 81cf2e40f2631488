"""--mode=check: what it estimates is what is taken, nothing is written, and what is shared tells nothing of people."""

import contextlib
import json
import pathlib
import re
import types

import openpyxl
import pytest

from data_builders.simulator.corpus import write_corpus
from data_builders.simulator.options import Options
from data_builders.survey.estimate import estimate
from mccl_jax.errors import UserError
from mccl_jax.experiment import DataOptions, Experiment, TransferOptions
from mccl_jax.modes import check, prepare
from tests.data_builders import daic_woz_files as daic
from tests.data_builders import e_daic_files as edaic
from tests.data_builders.openface_files import columns, write

OF = {
    "daic_woz": {"form": "3hz", "labels": "", "target": ""},
    "e_daic": {"form": "3hz", "labels": "", "target": "", "cues": ("deep", "gaze", "pose", "aus")},
    "cmdc": {"folds": "disjoint", "labels": "SubjectInfo.xlsx", "target": "PHQtotal"},
    "openface": {},
}


def experiment(corpus, folder, **data):
    place = {"corpus": corpus, "manual_dir": str(folder), "data_dir": str(folder.parent / "prepared")}
    return Experiment(name=corpus, data=DataOptions(**place, **(OF[corpus] | data)))


def said(corpus, folder, share=False, **data):
    lines = []
    check.run(experiment(corpus, folder, **data), "python run.py --config=x", share, lines.append)
    (text,) = lines
    return text


def everything(folder):
    """What lies in a folder, and when it was last changed."""
    return {path: path.stat().st_mtime_ns for path in [folder, *folder.rglob("*")]}


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    options = Options(subjects=24, seconds=(14.0, 30.0), fps=10.0)
    return write_corpus(tmp_path_factory.mktemp("daic") / "raw", options, str, "daic_woz")


@pytest.mark.parametrize("form", ["3hz", "native"])
def test_the_disk_that_is_estimated_is_the_disk_that_is_taken(simulated, form):
    one = experiment("daic_woz", simulated, form=form)
    kind, config = prepare.builder_of(one.data)
    builder = kind(data_dir=simulated.parent / "prepared", config=config)
    sources = builder.plan(simulated).sources
    weights = {source.name: ("", (simulated / source.name).stat().st_size) for source in sources}
    weights = {
        name: weight for name, weight in weights.items() if name.endswith("zip") and name[:3] not in ("306", "487")
    }
    estimated, refused = estimate(builder, sources, weights, form)
    assert not refused
    assert estimated.recordings == len(weights)
    assert len(estimated.measured) == 3
    prepare.prepare(one, str)
    files = list((simulated.parent / "prepared").rglob(f"{form}/*/*.array_record*"))
    taken = sum(path.stat().st_size for path in files)
    assert estimated.bytes == pytest.approx(taken, rel=0.3)
    assert 0 < estimated.seconds < 60


def test_a_recording_that_cannot_be_read_is_replaced_and_told(tmp_path):
    for i in range(4):
        write(tmp_path / "raw" / f"{i}.csv", columns(20 + i) | ({"success": [0] * (20 + i)} if i == 2 else {}))
    rows = [f"{i}.csv,s{i},{i}" for i in range(4)]
    (tmp_path / "raw/labels.csv").write_text("\n".join(["file,subject,target", *rows]) + "\n")
    text = said("openface", tmp_path / "raw")
    assert "! tried, and cannot be prepared: 2.csv: in none of its 22 frames" in text
    assert "estimated from 3 of 4 recordings (" in text
    assert text.splitlines()[-1].startswith("next: mend what is marked with !, or go on without it: python run.py")
    (tmp_path / "raw/2.csv").unlink()
    assert said("openface", tmp_path / "raw").splitlines()[-1] == "next: python run.py --config=x"


def test_nothing_that_can_be_prepared_is_refused_as_prepare_does(tmp_path):
    write(tmp_path / "raw/a.csv", columns(20) | {"success": [0] * 20})
    (tmp_path / "raw/labels.csv").write_text("file,subject,target\na.csv,s,1\n")
    with pytest.raises(UserError, match=r"none of the 1 recordings can be prepared.*a\.csv: in none of its 20 frames"):
        said("openface", tmp_path / "raw")


def test_too_little_space_is_warned_of(simulated, monkeypatch):
    assert "WARNING" not in said("daic_woz", simulated)
    monkeypatch.setattr("shutil.disk_usage", lambda place: types.SimpleNamespace(free=10))
    text = said("daic_woz", simulated)
    assert "where 10 bytes are free" in text
    assert "  WARNING: that is not enough free space: free some, or name another folder" in text


@pytest.mark.parametrize("share", [False, True])
def test_nothing_is_written_and_simulated_data_are_called_so(simulated, share):
    before = everything(simulated)
    there = set(simulated.parent.iterdir())
    assert said("daic_woz", simulated, share).startswith("SIMULATED ")
    assert said("daic_woz", simulated.parent, share).startswith("SIMULATED ")
    assert everything(simulated) == before
    assert set(simulated.parent.iterdir()) == there


def test_names_in_archives_cannot_write_to_the_terminal(tmp_path):
    made = daic.members("300") | {"300_\x1b[31mred\nline.csv": "1"}
    daic.write_archive(tmp_path / "raw/300_P.zip", made)
    daic.write_splits(tmp_path / "raw", [daic.label_row(300)])
    text = said("daic_woz", tmp_path / "raw")
    assert "{id}_?[{n}mred?line.csv" in text
    assert "\x1b" not in text


# What is recognisable in the corpora below. None of it may be shared: neither words nor numbers.
WORDS = ("zaphod", "beeblebrox", "trillian", "marvin", "张伟", "gloomy", "schmidt", "betelgeuse")
NUMBERS = ("377", "378", "399", "8675309", "0.98765", "4242", "1977", "77", "88")
PLANTED_ROW = "8675309,0.98765,Zaphod Beeblebrox,trillian\n"


def plant(folder):
    """Files and folders that nobody expects, with recognisable names and contents."""
    for name in (
        "Zaphod 8675309.csv",
        "Marvin/Beeblebrox_1977-04-24.csv",
        "Marvin/张伟.txt",
        "trillian.tsv",
        "Betelgeuse4242/notes_schmidt.xyz",
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(PLANTED_ROW + "I am Marvin, and I am gloomy\n")
    (folder / "Marvin/one line.txt").write_text("Trillian gloomy")


def without_header(text):
    return text.partition("\n")[2]


def daic_woz(folder):
    tables = daic.tables()
    tables["AUs"]["AU12_r"][3:5] = ["-1.#IND", "0.98765"]
    made = daic.members("377", tables, [(0.98765, 1.5, "Participant", "i am Zaphod"), (2, 3, "Ellie", "marvin?")])
    made["377_AUDIO_Zaphod.wav"] = "x"
    daic.write_archive(folder / "Beeblebrox data/377_P.zip", {f"377_P/{name}": text for name, text in made.items()})
    made = {name: without_header(text) for name, text in daic.members("378", tables).items()}
    made["378_TRANSCRIPT.csv"] = "0.98765\t8675309\tZaphod\tI am gloomy, Trillian"
    made["399_CLNF_gaze.txt"] = "x_0, Marvin\n"
    daic.write_archive(folder / "378_P.zip", made | {"Trillian_4242.csv": PLANTED_ROW})
    daic.write_archive(folder / "399_P.zip", {"a": ""}).write_bytes(b"PK zaphod")
    daic.write_splits(folder, [daic.label_row(377, 17), daic.label_row(378, 3)])
    with (folder / "full_test_split.csv").open("w") as file:
        file.write("Participant_ID,PHQ_Binary,PHQ_Score,Gender,Zaphod_score\n399,1,13,0,4242\n")


def e_daic(folder):
    rows = [(0.98765, 1.5, "I am Zaphod"), (2, 3, "gloomy, says marvin")]
    for number, suffix in ((377, ".tar.gz"), (378, ".zip"), (399, "")):
        made = edaic.members(number, rows=rows) | {f"{number}_P/features/Trillian_8675309.csv": PLANTED_ROW}
        if number == 378:
            made = {name: without_header(data) if name.endswith("AUs.csv") else data for name, data in made.items()}
        edaic.write_session(folder / f"{number}_P{suffix}", made)
    edaic.write_tables(folder, train=[edaic.split_row(377, 17)], dev=[edaic.split_row(378, 3)])
    (folder / "test_split.csv").write_text("399,Zaphod,0.98765,8675309\n")


def cmdc(folder):
    book = openpyxl.Workbook()
    book.active.title = "Zaphod"
    book.active.append(["ID", "MDD", "VideoAvailabe", "PHQtotal", "Trillian_score"])
    book.active.append(["HC77", 0, 1, 4, 4242])
    book.active.append(["MDD88", 1, 1, 22, "Marvin"])
    folder.mkdir(exist_ok=True)
    for name in ("HC11", "HC12", "HC13", "HC14"):
        book.active.append([name, 0, 1, 3, 4242])
        write(folder / name / "Q1.csv", columns(20))
    book.save(folder / "SubjectInfo.xlsx")
    book = openpyxl.Workbook()
    book.active.append(["HC77", "Zaphod", 4242])
    book.save(folder / "5FoldSplitInfo.xlsx")
    for name in ("HC77/Q1.csv", "schmidt/MDD88/Q2.csv", "schmidt/MDD88/Q3-.csv"):
        cells = columns(20)
        cells["timestamp"][4] = cells["AU12_r"][3] = "0.98765"
        write(folder / name, cells)
    answer = folder / "HC77/Q1.csv"
    (folder / "HC77/Q4.csv").write_text(without_header(answer.read_text()))
    (folder / "HC77/Q5.csv").write_text("frame, confidence, Zaphod, 8675309\n" + PLANTED_ROW)
    (folder / "HC77/Q1.txt").write_text("I am gloomy, Marvin")
    (folder / "HC77/Q9_Zaphod.csv").write_text(PLANTED_ROW)


def openface(folder):
    write(folder / "zaphod/interview_8675309.csv", columns(20) | {"beeblebrox": ["Marvin"] * 20, "4242": [1977] * 20})
    write(folder / "Trillian.csv.gz", columns(20))
    (folder / "betelgeuse.csv").write_text(PLANTED_ROW)
    rows = "zaphod/interview_8675309.csv,Zaphod,8675309,Schmidt\nTrillian.csv.gz,Marvin,0.98765,\n"
    (folder / "labels.csv").write_text(f"file,subject,target,Beeblebrox 1977\n{rows}")


@pytest.mark.parametrize("write_it", [daic_woz, e_daic, cmdc, openface])
@pytest.mark.parametrize("readable", [True, False])
def test_nothing_recognisable_is_shared(tmp_path, write_it, readable, capfd):
    corpus, folder = write_it.__name__, tmp_path / "home of Zaphod" / "8675309"
    folder.mkdir(parents=True)
    write_it(folder)
    plant(folder)
    if corpus == "e_daic":
        (folder / "test_split.csv").unlink(missing_ok=readable)
    if not readable:  # what says who is who, so that prepare refuses the folder
        for table in [*folder.glob("*split*.csv"), *folder.glob("SubjectInfo.xlsx"), *folder.glob("labels.csv")]:
            content = table.read_bytes()
            table.write_bytes(b"P\n" + content[: len(content) // 2])
    lines = []
    with contextlib.nullcontext() if readable else pytest.raises(UserError, match="prepare refuses") as refused:
        check.run(experiment(corpus, folder), "python run.py", True, lines.append)
    text = "\n".join([*lines, *capfd.readouterr(), str(refused and refused.value)])
    assert len(text) > 1000
    for word in WORDS:
        assert word not in text.lower(), word
    for number in NUMBERS:
        assert not re.search(rf"(?<![0-9.]){re.escape(number)}(?![0-9])", text), number
    assert str(tmp_path) not in text
    assert pathlib.Path.home().name not in re.sub("[^a-z]", " ", text).split()
    # And yet it tells what there is.
    assert "<word>" in text
    known = {
        "daic_woz": (
            "{id}_P/{id}_CLNF_AUs.txt: 1",
            "24 columns",
            "-1.#IND: 1, in AU12_r",
            "{n}_CLNF_gaze.txt",
            "<word> data/",
        ),
        "e_daic": ("{id}_P/features/{id}_OpenFace2.1.0_Pose_gaze_AUs.csv: 1", "feature single (10-100 x 2048)"),
        "cmdc": ("HC{n}/Q{n}.csv: 7", "<word>/MDD{n}/Q{n}-.csv: 1", "VideoAvailabe"),
        "openface": ("<word>/<word>_{n}.csv: ", "X_0..67", "<word> {n}", "(integer), (float)"),
    }
    for words in known[corpus] if readable else known[corpus][:1]:
        assert words in text, words


def test_a_folder_that_is_absent_or_empty_is_not_named(tmp_path):
    with pytest.raises(UserError, match=r"^data.manual_dir: there is no such folder"):
        said("cmdc", tmp_path / "zaphod", share=True)
    with pytest.raises(UserError, match="zaphod: there is no such folder"):
        said("cmdc", tmp_path / "zaphod")


def test_a_config_without_a_folder_to_look_at():
    with pytest.raises(UserError, match=r"data\.manual_dir is empty"):
        check.run(Experiment(), "", say=json.dumps)
    with pytest.raises(UserError, match="this config simulates its corpus"):
        check.run(Experiment(simulation=Options()), "", say=json.dumps)


def test_of_a_transfer_both_corpora_are_looked_at(tmp_path):
    daic.write_archive(tmp_path / "one/300_P.zip", daic.members("300"))
    daic.write_splits(tmp_path / "one", [daic.label_row(300)])
    edaic.write_session(tmp_path / "other/600_P.tar.gz", edaic.members(600))
    edaic.write_tables(tmp_path / "other", test=[edaic.split_row(600, 5)])
    options = {"form": "3hz", "labels": "", "target": "", "cues": ("gaze", "pose", "aus")}
    both = Experiment(
        data=DataOptions(corpus="daic_woz", manual_dir=str(tmp_path / "one"), **options),
        transfer=TransferOptions(corpus="e_daic", manual_dir=str(tmp_path / "other"), **options),
    )
    for share in (False, True):
        lines = []
        check.run(both, "", share, lines.append)
        assert ["DAIC-WOZ" in text.splitlines()[0] for text in lines] == [True, False]
        assert "E-DAIC" in lines[1].splitlines()[0]
    for table in (tmp_path / "one").glob("*split*"):
        table.unlink()
    lines = []
    with pytest.raises(UserError, match="prepare refuses"):
        check.run(both, "", True, lines.append)
    assert len(lines) == 2
    with pytest.raises(UserError, match="one: no split file in it"):
        check.run(both, "", False, lines.append)
