"""The split files by their real names and headers, and the corrections of their labels."""

import math

import pytest

from data_builders.defects import Effect
from data_builders.readers.daic_woz_splits import read_splits
from data_builders.readers.phq8 import ITEMS
from mccl_jax.errors import UserError
from tests.data_builders.daic_woz_files import label_row, write_splits


@pytest.fixture
def folder(tmp_path):
    write_splits(
        tmp_path,
        train=[label_row(303, 0, gender=0), label_row(319, 13).replace("2,2,2,2,2,1,1,1", "2,2,,2,2,1,1,1")],
        dev=[label_row(302, 4), label_row(409, 10, binary=0)],
        test=["300,1", "301,0"],
        full_test=["300,0,2,1", "301,0,3,0"],
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
        "302": ("dev", "female", 4.0),
        "409": ("dev", "female", 10.0),
        "300": ("test", "female", 2.0),
        "301": ("test", "male", 3.0),
    }
    assert splits.participants["300"].labels == {"PHQ8_Score": 2.0, "PHQ8_Binary": 0.0}
    assert [splits.participants["302"].labels[item] for item in ITEMS] == [1, 1, 1, 1, 0, 0, 0, 0]


def test_labels_are_corrected_and_said(folder):
    splits = read_splits(folder)
    assert splits.participants["409"].labels["PHQ8_Binary"] == 1
    assert splits.participants["319"].labels["PHQ8_Sleep"] == 2
    assert {name: one.effects for name, one in splits.participants.items() if one.effects} == {
        "409": (Effect("409-binary", "PHQ8_Binary", 0.0, 1.0, True),),
        "319": (Effect("319-sleep", "PHQ8_Sleep", None, 2.0, True),),
    }
    assert not has_note(splits, "contradict")
    assert not has_note(splits, "sum")


def test_a_correction_can_be_left_away(folder):
    splits = read_splits(folder, corrections=["319-sleep"])
    assert splits.participants["409"].labels["PHQ8_Binary"] == 0
    assert splits.participants["319"].labels["PHQ8_Sleep"] == 2
    assert [one.made for name in ("319", "409") for one in splits.participants[name].effects] == [True, False]
    assert has_note(splits, "PHQ8_Binary and PHQ8_Score contradict each other", "409, 0, 10")
    assert read_splits(folder, corrections=()).participants["319"].labels["PHQ8_Sleep"] is None
    with pytest.raises(UserError, match="'409' is none; expected some of 318-shift"):
        read_splits(folder, corrections=["409"])


def test_labels_that_are_right_already_stay(folder):
    write_splits(folder, dev=[label_row(409, 10), label_row(302, 4)])
    splits = read_splits(folder)
    assert splits.participants["409"].labels["PHQ8_Binary"] == 1
    assert not has_note(splits, "409")
    assert splits.participants["409"].effects == ()


def test_labels_that_are_neither_as_known_nor_right_stay_and_are_said(folder):
    write_splits(folder, train=[label_row(319, 13).replace("2,2,2,2,2,1,1,1", "2,2,1,2,2,1,1,1")])
    splits = read_splits(folder)
    assert splits.participants["319"].labels["PHQ8_Sleep"] == 1
    assert splits.participants["319"].effects == ()
    assert has_note(splits, "label not corrected, it is neither as known nor as it should be: 319, 1")


def test_without_labels_of_test(folder):
    (folder / "full_test_split.csv").unlink()
    splits = read_splits(folder)
    assert splits.participants["300"].split == "test"
    assert math.isnan(splits.participants["300"].score)
    assert splits.participants["300"].labels == {}
    assert has_note(splits, "no full_test_split.csv")


def test_files_one_folder_down(folder):
    below = folder / "labels"
    below.mkdir()
    (folder / "full_test_split.csv").rename(below / "full_test_split.csv")
    assert read_splits(folder).participants["300"].score == 2
    (folder / "full_test_split.csv").write_text((below / "full_test_split.csv").read_text())
    with pytest.raises(UserError, match="stands once more as"):
        read_splits(folder)


def test_contradictions_are_kept_and_said(folder):
    write_splits(folder, dev=[label_row(302, 4).replace(",4,", ",5,", 1)])
    splits = read_splits(folder)
    assert splits.participants["302"].score == 5
    assert has_note(splits, "not the sum", "302, 5, the items 4")


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (label_row(302, 4).replace(",4,", ",four,", 1), "line 2: PHQ8_Score is 'four'; expected a whole number"),
        (label_row(302, 4).replace(",4,", ",25,", 1), "expected a whole number from 0 to 24"),
        (label_row("30x", 4), "Participant_ID is '30x'"),
        (label_row(302, 4, gender=2), "Gender is '2'"),
        (label_row(302, 4) + ",1", "13 cells; expected 12"),
        (label_row(302, 4) + "\n" + label_row(302, 4), "302 stands in line 2 already"),
        (label_row(303, 4), "303 is in dev, but in train in another file"),
    ],
)
def test_mistakes_are_one_line(folder, row, said):
    write_splits(folder, dev=[row])
    with pytest.raises(UserError, match=said) as error:
        read_splits(folder)
    assert "dev_split" in str(error.value)
    assert "\n" not in str(error.value)


def test_no_split_files(tmp_path):
    with pytest.raises(UserError, match=r"no split file; expected train_split_Depression_AVEC2017\.csv"):
        read_splits(tmp_path)
    (tmp_path / "full_test_split.csv").write_text("id,score\n300,1\n")
    with pytest.raises(UserError, match="no column Participant_ID"):
        read_splits(tmp_path)
