"""The tables of E-DAIC: who is where, labels and items joined, and what is odd about them."""

import math

import pytest

from data_builders.defects import Effect
from data_builders.readers.e_daic_splits import read_splits
from data_builders.readers.phq8 import ITEMS
from mccl_jax.errors import UserError
from tests.data_builders.e_daic_files import detailed_row, split_row, write_tables


@pytest.fixture
def folder(tmp_path):
    write_tables(
        tmp_path,
        train=[split_row(303, 0, gender="male"), split_row(319, 13), split_row(601, 4)],
        dev=[split_row(302, 4, gender="1"), split_row(409, 10, binary=0)],
        test=[split_row(600, 5), split_row(620, 17, gender="Male")],
        detailed=[
            detailed_row(303, 0),
            detailed_row(319, 13).replace("2,2,2,2,2,1,1,1", "2,2,,2,2,1,1,1"),
            detailed_row(302, 4),
            detailed_row(409, 10),
            detailed_row(700, 4),
        ],
    )
    return tmp_path


def has_note(splits, *words):
    return any(all(word in note for word in words) for note in splits.notes)


def test_who_is_where(folder):
    splits = read_splits(folder)
    found = {name: (one.split, one.gender, one.score) for name, one in splits.participants.items()}
    assert found == {
        "303": ("train", "male", 0.0),
        "319": ("train", "female", 13.0),
        "601": ("train", "female", 4.0),
        "302": ("dev", "female", 4.0),
        "409": ("dev", "female", 10.0),
        "600": ("test", "female", 5.0),
        "620": ("test", "male", 17.0),
    }
    assert len(splits.files) == 4
    labels = splits.participants["302"].labels
    assert [labels[item] for item in ITEMS] == [1, 1, 1, 1, 0, 0, 0, 0]
    assert {name: value for name, value in labels.items() if name not in ITEMS} == {
        "PHQ8_Score": 4.0,
        "PHQ8_Binary": 0.0,
        "PHQ8_Total": 4.0,
        "PCL-C (PTSD)": 0.0,
        "PTSD Severity": 24.0,
    }
    assert not set(ITEMS) & set(splits.participants["600"].labels)
    assert has_note(splits, "in Detailed_PHQ8_Labels.csv, but in no split file: 700")
    assert has_note(splits, "in train or dev, but not in Detailed_PHQ8_Labels.csv: 601")


def test_labels_are_corrected_and_said(folder):
    splits = read_splits(folder)
    assert splits.participants["409"].labels["PHQ8_Binary"] == 1
    assert splits.participants["319"].labels["PHQ8_Sleep"] == 2
    assert not has_note(splits, "contradict")
    assert splits.participants["409"].effects == (Effect("409-binary", "PHQ8_Binary", 0.0, 1.0, True),)
    plain = read_splits(folder, corrections=())
    assert has_note(plain, "PHQ8_Binary and PHQ8_Score contradict each other", "409, 0, 10")
    assert plain.participants["319"].labels["PHQ8_Sleep"] is None
    assert plain.participants["319"].effects == (Effect("319-sleep", "PHQ8_Sleep", None, 2.0, False),)
    with pytest.raises(UserError, match="'409' is none"):
        read_splits(folder, corrections=["409"])


def test_contradictions_are_kept_and_said(folder):
    write_tables(
        folder,
        dev=[split_row(302, 4, binary=1), split_row(304, 6)],
        detailed=[detailed_row(302, 5), detailed_row(304, 6, total=7)],
    )
    splits = read_splits(folder)
    assert splits.participants["302"].score == 4
    assert has_note(splits, "contradict each other", "302, 1, 4")
    assert has_note(splits, "not the sum of the items", "302, 4, the items 5")
    assert has_note(splits, "PHQ8_Total is not PHQ8_Score", "304, 7, 6")


def test_odd_cells_of_ptsd_are_kept(folder):
    write_tables(folder, dev=["302,female,0,4,yes,", "304,male,0,,nan,1.5"])
    participants = read_splits(folder).participants
    assert [participants["302"].labels[name] for name in ("PCL-C (PTSD)", "PTSD Severity")] == ["yes", None]
    assert [participants["304"].labels[name] for name in ("PCL-C (PTSD)", "PTSD Severity")] == [None, 1.5]
    assert math.isnan(participants["304"].score)


def test_tables_that_are_absent_or_one_folder_down(folder):
    (folder / "labels").mkdir()
    (folder / "test_split.csv").rename(folder / "labels" / "test_split.csv")
    (folder / "Detailed_PHQ8_Labels.csv").unlink()
    splits = read_splits(folder)
    assert splits.participants["600"].split == "test"
    assert has_note(splits, "no Detailed_PHQ8_Labels.csv")
    assert not set(ITEMS) & set(splits.participants["302"].labels)
    (folder / "labels" / "test_split.csv").unlink()
    assert has_note(read_splits(folder), "no test_split.csv")


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (["302,female,0,four,0,1"], "line 2: PHQ8_Score is 'four'; expected a whole number from 0 to 24"),
        (["302,female,2,4,0,1"], "PHQ8_Binary is '2'"),
        (["30x,female,0,4,0,1"], "Participant_ID is '30x'"),
        (["302,other,0,4,0,1"], "Gender is 'other'"),
        (["302,female,0,4,0"], "5 cells; expected 6"),
        (["302,female,0,4,0,1", "302,female,0,4,0,1"], "302 stands in line 2 already"),
        (["303,female,0,4,0,1"], "303 is in dev, but in train in another file"),
    ],
)
def test_mistakes_are_one_line(folder, rows, said):
    write_tables(folder, dev=rows)
    with pytest.raises(UserError, match=said) as error:
        read_splits(folder)
    assert "dev_split" in str(error.value)
    assert "\n" not in str(error.value)


def test_no_split_files(tmp_path):
    write_tables(tmp_path, detailed=[detailed_row(302, 4)])
    with pytest.raises(UserError, match=r"no split file; expected train_split\.csv, dev_split\.csv, test_split\.csv"):
        read_splits(tmp_path)
    (tmp_path / "train_split.csv").write_text("id,score\n300,1\n")
    with pytest.raises(UserError, match="no column Participant_ID; expected a split file of E-DAIC"):
        read_splits(tmp_path)
