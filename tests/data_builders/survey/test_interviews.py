"""DAIC-WOZ and E-DAIC before they are prepared: what is planted is found, and what is whole is not complained of."""

import zipfile

import pytest

from data_builders.daic_woz import survey as daic_woz
from data_builders.daic_woz.daic_woz_dataset_builder import DaicWozConfig
from data_builders.e_daic import survey as e_daic
from data_builders.e_daic.e_daic_dataset_builder import EDaicConfig
from data_builders.simulator.corpus import write_corpus
from data_builders.simulator.options import Options
from data_builders.survey import interviews
from tests.data_builders import daic_woz_files as daic
from tests.data_builders import e_daic_files as edaic
from tests.data_builders.survey.looking import look


def of_daic_woz(folder, **options):
    return look(folder, daic_woz.layout, interviews.look_at, DaicWozConfig(**options))


def of_e_daic(folder, **options):
    return look(folder, e_daic.layout, e_daic.look_at, EDaicConfig(**options))


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    options = Options(subjects=24, seconds=(14.0, 18.0), fps=3.0)
    return write_corpus(tmp_path_factory.mktemp("daic") / "raw", options, str, "daic_woz")


@pytest.fixture
def whole(tmp_path):
    """Three sessions as they should be, flat and nested, zipped and unpacked."""
    for number in (300, 301, 302):
        tables = daic.tables(seed=number)
        tables["gaze"]["x_0"][0] = number / 1000
        made = daic.members(str(number), tables)
        if number == 301:
            made = {f"301_P/{name}": content for name, content in made.items()}
        if number == 302:
            daic.write_folder(tmp_path / "302_P", made)
        else:
            daic.write_archive(tmp_path / f"{number}_P.zip", made)
    daic.write_splits(tmp_path, [daic.label_row(300), daic.label_row(301)], [daic.label_row(302)])
    return tmp_path


def test_the_defects_of_a_simulated_corpus(simulated):
    found = of_daic_woz(simulated)
    assert found.counts["train"].missing == ("308",)
    assert (found.counts["train"].found, found.counts["train"].expected) == (13, 107)
    assert found.counts["train"].note == "its table lists 14"
    assert sum(found.counts[split].found for split in ("train", "dev", "test")) == found.counts["sessions"].found == 23
    assert found.counts["sessions"].unexpected == ("493_P.zip",)
    assert found.lines[0] == "archives {id}_P.zip (22), folders {id}_P (2), in the folder itself"
    assert found.lines[1] in ("their files: {id}_P/ (12), flat (11)", "their files: flat (12), {id}_P/ (11)")
    assert "train_split_Depression_AVEC2017.csv (12 columns)" in found.lines[2]
    assert found.lines[3].startswith("headers: landmarks 208 columns; gaze 16 columns; pose 10 columns; aus 24")
    first, second = found.odd(costs=True)
    assert first.startswith("306_P.zip: cannot be read (File is not a zip file)")
    assert second == "transcript that is an AppleDouble file of macOS: 487_TRANSCRIPT.csv"
    copied, *corrected = found.odd(costs=False)
    assert "318_CLNF_gaze.txt and 493_CLNF_gaze.txt" in copied
    assert sorted(corrected) == [
        "corrected (319-sleep), PHQ8_Sleep empty: 319, PHQ8_Sleep was unknown, is 2",
        "corrected (409-binary), score 10, binary 0: 409, PHQ8_Binary was 0, is 1",
    ]
    left = of_daic_woz(simulated, corrections=("-409-binary",)).odd()
    assert "left as it is (409-binary), score 10, binary 0: 409, PHQ8_Binary is 0, would be 1" in left
    assert "306_P.zip" not in found.weights


def test_nothing_is_odd_about_whole_sessions(whole):
    found = of_daic_woz(whole)
    assert found.odd() == ["no test_split_Depression_AVEC2017.csv", "no full_test_split.csv"]
    assert found.lines[0] == "archives {id}_P.zip (2), folders {id}_P (1), in the folder itself"
    assert found.lines[1] == "their files: flat (2), {id}_P/ (1)"
    assert found.counts["test"].words() == "0 of 47; in no table"
    with zipfile.ZipFile(whole / "300_P.zip") as archive:
        size = sum(member.file_size for member in archive.infolist())
    assert found.weights["300_P.zip"] == ("listed", size)


def change(archive, number, drop=(), **contents):
    """Writes a session anew, with other contents under {number}_<key>."""
    made = {name: content for name, content in daic.members(number).items() if not any(part in name for part in drop)}
    made |= {f"{number}_{name.replace('__', '.')}": content for name, content in contents.items()}
    return daic.write_archive(archive, made)


def test_what_is_wrong_with_single_sessions(whole):
    header = ", ".join(daic.tables()["pose"])
    change(whole / "303_P.zip", "303", drop=["AUs", "TRANSCRIPT"])
    change(whole / "304_P.zip", "304", CLNF_pose__txt=header.replace("Rz", "Rw") + "\n1, 2\n")
    change(whole / "305_P.zip", "305", CLNF_pose__txt="", CLNF_gaze__csv=daic.text(daic.tables()["gaze"]))
    change(whole / "306_P.zip", "306", CLNF_pose__txt=header + "\n")
    change(whole / "307_P.zip", "307", notes__csv="a", more__csv="b", README__md="c")
    rows = [daic.label_row(number) for number in (300, 301, 303, 304, 305, 306, 307)]
    daic.write_splits(whole, rows, [daic.label_row(302)])
    found = of_daic_woz(whole)
    assert set(found.odd(costs=True)) == {
        "sessions without aus: 303",
        "sessions without transcript: 303",
        "sessions with more than one gaze: 305",
        "files of 0 bytes: 305_CLNF_pose.txt",
        "pose that lacks columns Rz: 304_CLNF_pose.txt",
    }
    said = found.odd(costs=False)
    assert "pose with columns that are not known (Rw): 304_CLNF_pose.txt" in said
    assert "less than a tenth of what files of the kind pose have, 2: 304_CLNF_pose.txt, 306_CLNF_pose.txt" in said
    assert "files that are not known and not read, 2: {id}_notes.csv, {id}_more.csv" in said
    assert "headers: landmarks 208 columns" in found.lines[-1]


def test_sessions_at_other_depths_and_an_archive_beside_its_folder(whole):
    (whole / "part 1" / "b").mkdir(parents=True)
    (whole / "300_P.zip").rename(whole / "part 1" / "300_P.zip")
    (whole / "302_P").rename(whole / "part 1" / "b" / "302_P")
    daic.write_folder(whole / "301_P", daic.members("301"))
    found = of_daic_woz(whole)
    assert found.lines[0] == (
        "archives {id}_P.zip (2), folders {id}_P (1): 1 under part {n}/, 1 in the folder itself, 1 under part {n}/b/"
    )
    assert "sessions with both an archive and a folder, the archive is read: 301" in found.odd()
    assert not found.odd(costs=True)


def make_e_daic(folder, drop=(), **paths):
    """Sessions by number, e300=".tar.gz"."""
    for name, suffix in paths.items():
        number = int(name[1:])
        made = edaic.members(number, edaic.columns(seed=number), edaic.features(seed=number))
        for part in drop:
            made = edaic.without(made, part)
        edaic.write_session(folder / f"{number}_P{suffix}", made)


def test_of_archives_that_must_be_unpacked_few_are_listed(tmp_path):
    numbers = [f"e{n}" for n in range(300, 307)]
    make_e_daic(tmp_path, **dict.fromkeys(numbers, ".tar.gz"))
    make_e_daic(tmp_path, drop=["CNN_ResNet"], e600=".zip")
    make_e_daic(tmp_path, drop=["Transcript"], e601="", e602=".tar")
    cut = tmp_path / "303_P.tar.gz"
    cut.write_bytes(cut.read_bytes()[:-1000])
    rows = [edaic.split_row(n, 5) for n in (*range(300, 307), 600, 601, 602)]
    edaic.write_tables(tmp_path, train=rows)
    found = of_e_daic(tmp_path)
    assert found.odd(costs=True) == [
        "303_P.tar.gz: does not end as a .tar.gz does, it seems cut short",
        "sessions without deep: 600",
    ]
    assert "sessions without transcript, 2: 601, 602" in found.odd(costs=False)
    assert "3 of 6 were looked at from outside alone" in found.lines[2]
    assert found.lines[0].startswith("archives {id}_P.tar.gz (7), archives {id}_P.zip (1), folders {id}_P (1), folders")
    assert "their files: {id}_P/ and {id}_P/features/ (4)" in found.lines[1]
    assert found.weights["300_P.tar.gz"] == ("gone through", (tmp_path / "300_P.tar.gz").stat().st_size)
    assert found.weights["600_P.zip"][0] == found.weights["601_P"][0] == "listed"
    without_features = of_e_daic(tmp_path, cues=("gaze", "pose", "aus"))
    assert "sessions without deep: 600" not in without_features.odd()


def test_features_of_a_version_that_cannot_be_read(tmp_path, monkeypatch):
    made = edaic.members(300)
    (name,) = [name for name in made if "ResNet" in name]
    edaic.write_session(tmp_path / "300_P", made | {name: b"MATLAB 7.3 MAT-file" + bytes(600)})
    edaic.write_session(tmp_path / "301_P", {name.replace("300", "301"): data for name, data in made.items()})
    edaic.write_session(
        tmp_path / "302_P", {n.replace("300", "302"): b"<html>" if n == name else data for n, data in made.items()}
    )
    edaic.write_tables(tmp_path, train=[edaic.split_row(n, 5) for n in (300, 301, 302)])
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    costly = of_e_daic(tmp_path).odd(costs=True)
    assert (
        "features that are of MATLAB version 7.3, which needs h5py (pip install h5py): features/300_CNN_ResNet.mat"
        in costly
    )
    assert "features that are utf-8, no MATLAB file: features/302_CNN_ResNet.mat" in costly
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    assert not any("h5py" in words for words in of_e_daic(tmp_path).odd())
