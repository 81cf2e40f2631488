"""CMDC's table of people: what it is known to have wrong is repaired and said, what cannot be repaired is refused."""

import math

import openpyxl
import pytest

from data_builders.readers.subject_info import (
    HIGHEST_TOTAL,
    ITEMS,
    Subject,
    read_subject_info,
    subject_id,
    subject_name,
)
from data_builders.simulator.cmdc_simulation import CmdcSimulation, video_is_flagged
from data_builders.simulator.cmdc_tables import EMPTY_TOTAL, HAMD, TYPED_AS_TEXT, WITHOUT_HAMD, write_subject_info
from data_builders.simulator.options import Options
from mccl_jax.errors import UserError

HEADER = ["ID", "MDD", "VideoAvailabe", "PHQtotal", *ITEMS, "Age"]


def row(subject, total=9, items=(1,) * 9, patient=None, video=1, age=30):
    patient = int(subject.upper().startswith("MDD")) if patient is None else patient
    return [subject, patient, video, total, *items, age]


def table(tmp_path, *rows, header=HEADER, before=(), sheets=()):
    """A workbook of these rows; `before`: rows above the header, `sheets`: sheets before the one of people."""
    book = openpyxl.Workbook()
    for title, content in sheets:
        sheet = book.create_sheet(title, len(book.sheetnames) - 1)
        for one in content:
            sheet.append(one)
    sheet = book.worksheets[-1]
    for one in [*before, header, *rows]:
        sheet.append(one)
    path = tmp_path / "SubjectInfo.xlsx"
    book.save(path)
    return path


def people(tmp_path, *rows, target="PHQtotal", **layout):
    info = read_subject_info(table(tmp_path, *rows, **layout), target)
    return info.subjects, info.notes


def effects_of(person):
    return [(one.id, one.what, one.was, one.value, one.made) for one in person.effects]


def uncorrected(tmp_path, *rows, **layout):
    """The same with all corrections switched off."""
    return read_subject_info(table(tmp_path, *rows, **layout), corrections=())


def refused(path, words, target="PHQtotal"):
    with pytest.raises(UserError, match=words) as caught:
        read_subject_info(path, target)
    said = str(caught.value)
    assert said.startswith(f"{path}")
    assert "\n" not in said
    return said


@pytest.mark.parametrize(
    ("text", "who"),
    [
        ("HC01", ("HC", 1)),
        ("mdd26", ("MDD", 26)),
        (" HC7 ", ("HC", 7)),
        ("MDD_09", ("MDD", 9)),
        ("HC-010", ("HC", 10)),
        ("HC00", None),
        ("HC", None),
        ("HC100", None),
        ("HC1a", None),
        ("XHC01", None),
        ("3", None),
        ("", None),
    ],
)
def test_ids_as_people_write_them(text, who):
    assert subject_id(text) == who
    if who:
        assert subject_id(subject_name(*who)) == who


@pytest.fixture(scope="module")
def simulation():
    return CmdcSimulation(Options(subjects=78, seconds=(20.0, 30.0), fps=4.0))


@pytest.fixture(scope="module")
def simulated(simulation, tmp_path_factory):
    path = tmp_path_factory.mktemp("table") / "SubjectInfo.xlsx"
    write_subject_info(path, simulation)
    return path


def test_the_simulated_table_says_what_was_simulated(simulation, simulated):
    info = read_subject_info(simulated)
    assert set(info.subjects) == {simulation.name(i) for i in range(78)}
    for i in range(78):
        name, items = simulation.name(i), simulation.phq(i)
        person = info.subjects[name]
        assert person.target == items.sum()
        assert [person.labels[item] for item in ITEMS] == items.tolist()
        assert (person.group, person.patient) == (simulation.group(i), simulation.group(i) == "MDD")
        assert person.video == video_is_flagged(name)
        with_hamd = person.patient and name != WITHOUT_HAMD
        expected = [int(simulation.hamd(i).sum()), *simulation.hamd(i).tolist()] if with_hamd else [None] * 18
        assert [person.labels[column] for column in HAMD] == expected
        assert not {"ID", "MDD", "PHQtotal", ""} & set(person.labels)
    # MDD21 got its own row, the second of MDD20; this and an empty total are all that is wrong.
    row = info.subjects["MDD21"].row
    assert row == info.subjects["MDD20"].row + 1
    assert {name: effects_of(person) for name, person in info.subjects.items() if person.effects} == {
        "MDD21": [("MDD20-twice", f"ID in row {row}", "MDD20", "MDD21", True)],
        EMPTY_TOTAL: [("no-total", "PHQtotal", None, float(info.subjects[EMPTY_TOTAL].target), True)],
    }
    assert (info.notes, info.effects) == ((), ())


def test_the_simulated_table_as_it_stands(simulated):
    plain, corrected = read_subject_info(simulated, corrections=()), read_subject_info(simulated)
    assert set(corrected.subjects) - set(plain.subjects) == {"MDD21"}
    assert math.isnan(plain.subjects[EMPTY_TOTAL].target)
    others = set(plain.subjects) - {EMPTY_TOTAL}
    assert all(plain.subjects[name] == corrected.subjects[name] for name in others)
    row = corrected.subjects["MDD21"].row
    assert plain.notes == (f"SubjectInfo.xlsx, row {row}: MDD20 stands there once more: the row is not used",)
    assert [(one.id, one.was, one.value, one.made) for one in plain.effects] == [
        ("MDD20-twice", "MDD20", "MDD21", False)
    ]
    assert effects_of(plain.subjects[EMPTY_TOTAL])[0][-1] is False


def test_the_numbers_of_the_simulated_table(simulation, simulated):
    info = read_subject_info(simulated)
    assert info.subjects[TYPED_AS_TEXT[0]].target == simulation.phq(3).sum()  # a number, typed as text


def test_another_column_may_be_the_target(simulation, simulated):
    info = read_subject_info(simulated, "HAMDtotal")
    patients = [i for i in range(78) if simulation.group(i) == "MDD" and simulation.name(i) != WITHOUT_HAMD]
    known = {name: person.target for name, person in info.subjects.items() if not math.isnan(person.target)}
    assert known == {simulation.name(i): simulation.hamd(i).sum() for i in patients}
    assert "HAMDtotal" not in info.subjects["MDD01"].labels
    assert info.subjects["HC01"].labels["PHQtotal"] == simulation.phq(0).sum()


def test_the_bound_of_one_scale_is_not_anothers(tmp_path):
    found, notes = people(tmp_path, row("HC01", age=HIGHEST_TOTAL + 20), target="Age")
    assert found["HC01"].target == HIGHEST_TOTAL + 20
    assert notes == ()


def test_a_row_by_itself(tmp_path):
    found, notes = people(tmp_path, row("HC07", 3, (3, 0, 0, 0, 0, 0, 0, 0, 0), video=0))
    labels = {"VideoAvailabe": 0, "Age": 30, "PHQ-1": 3, **dict.fromkeys(ITEMS[1:], 0)}
    assert found == {"HC07": Subject("HC07", 2, "HC", False, False, 3.0, labels)}
    assert notes == ()


# Rows by ID and, where it is not the ID's, the total; then who they are taken for.
GAPS = {
    "between two": (["MDD19", "MDD20", "MDD20", "MDD22"], ["MDD19", "MDD20", "MDD21", "MDD22"]),
    "at the end of a group": (["MDD24", "MDD25", "MDD25", "HC01"], ["MDD24", "MDD25", "MDD26", "HC01"]),
    "at the end": (["HC51", "HC51"], ["HC51", "HC52"]),
    "at the beginning": (["HC01", "HC01", "HC03"], ["HC01", "HC02", "HC03"]),
}


@pytest.mark.parametrize("where", GAPS)
def test_who_stands_twice_where_the_next_is_missing_is_the_next(tmp_path, where):
    ids, taken_for = GAPS[where]
    found, notes = people(tmp_path, *(row(one, age=k) for k, one in enumerate(ids)))
    assert {name: person.labels["Age"] for name, person in found.items()} == {
        name: k for k, name in enumerate(taken_for)
    }
    assert notes == ()
    (corrected,) = (person for person in found.values() if person.effects)
    before = subject_name(corrected.group, subject_id(corrected.subject)[1] - 1)
    assert effects_of(corrected) == [
        ("MDD20-twice", f"ID in row {corrected.row}", before, corrected.subject, True),
    ]
    plain = uncorrected(tmp_path, *(row(one, age=k) for k, one in enumerate(ids)))
    assert plain.subjects == {name: person for name, person in found.items() if person is not corrected}
    assert plain.notes == (
        f"SubjectInfo.xlsx, row {corrected.row}: {before} stands there once more: the row is not used",
    )


NO_GAPS = {
    "the next is there": ["MDD20", "MDD20", "MDD21", "MDD22"],
    "the next is elsewhere": ["MDD21", "MDD19", "MDD20", "MDD20", "MDD22"],
    "they are apart": ["MDD20", "MDD19", "MDD20", "MDD22"],
    "two are missing": ["MDD20", "MDD20", "MDD23"],
    "the order is another": ["MDD20", "MDD20", "MDD18"],
    "there is no next": ["MDD25", "MDD26", "MDD26"],
    "there is no next healthy one": ["HC52", "HC52", "MDD01"],
}


@pytest.mark.parametrize("where", NO_GAPS)
def test_who_stands_twice_elsewhere_is_refused_with_other_values_and_said_with_the_same(tmp_path, where):
    ids = NO_GAPS[where]
    twice = next(one for one in ids if ids.count(one) == 2)
    first, second = (at + 2 for at, one in enumerate(ids) if one == twice)
    path = table(tmp_path, *(row(one, age=k) for k, one in enumerate(ids)))
    said = refused(path, f"row {second}: {twice} stands in row {first} already, with other values; expected one row")
    assert said.endswith("correct or remove one")
    found, notes = people(tmp_path, *map(row, ids))
    assert set(found) == set(ids)
    assert notes == (f"SubjectInfo.xlsx: {twice} stands in rows {first} and {second} with the same values",)


def test_of_three_alike_one_is_the_missing_one(tmp_path):
    found, notes = people(tmp_path, *map(row, ["MDD20", "MDD20", "MDD20", "MDD22"]))
    assert set(found) == {"MDD20", "MDD21", "MDD22"}
    assert found["MDD21"].row == 4
    assert notes == ("SubjectInfo.xlsx: MDD20 stands in rows 2 and 3 with the same values",)


@pytest.mark.parametrize("empty", [None, "", "  "])
def test_a_missing_total_is_the_sum_of_its_items_and_said(tmp_path, empty):
    found, notes = people(tmp_path, row("HC01", empty, (0, 1, 2, 3, 3, 0, 0, 0, 1)))
    assert found["HC01"].target == 10
    assert effects_of(found["HC01"]) == [("no-total", "PHQtotal", None, 10.0, True)]
    assert notes == ()
    plain = uncorrected(tmp_path, row("HC01", empty, (0, 1, 2, 3, 3, 0, 0, 0, 1))).subjects["HC01"]
    assert math.isnan(plain.target)
    assert effects_of(plain) == [("no-total", "PHQtotal", None, 10.0, False)]


def test_a_total_that_is_not_the_target_is_corrected_as_well(tmp_path):
    rows = row("HC01", "?", (0, 1, 2, 3, 3, 0, 0, 0, 1)), row("HC02", 40, (None,) * 9)
    found, _ = people(tmp_path, *rows, target="Age")
    assert [(person.target, person.labels["PHQtotal"]) for person in found.values()] == [(30, 10), (30, None)]
    assert effects_of(found["HC01"]) == [("no-total", "PHQtotal", "?", 10.0, True)]
    header = [name for name in HEADER if name != "PHQtotal"]
    without = [cell for name, cell in zip(HEADER, row("HC01"), strict=True) if name != "PHQtotal"]
    found, _ = people(tmp_path, without, header=header, target="Age")
    assert "PHQtotal" not in found["HC01"].labels
    assert found["HC01"].effects == ()


def test_a_missing_total_with_a_missing_item_is_unknown(tmp_path):
    found, notes = people(tmp_path, row("HC01", None, (0, 1, 2, 3, None, 0, 0, 0, 1)), row("HC02"))
    assert math.isnan(found["HC01"].target)
    assert found["HC01"].labels["PHQ-5"] is None
    assert notes == ()


def test_a_total_against_its_items_counts_and_is_said(tmp_path):
    found, notes = people(tmp_path, row("HC01", 12))
    assert found["HC01"].target == 12
    assert notes == ("HC01: PHQtotal is 12, its items sum up to 9: PHQtotal counts",)


@pytest.mark.parametrize("total", [-1, 28, 270])
def test_a_total_outside_the_scale_is_unknown_and_said(tmp_path, total):
    found, notes = people(tmp_path, row("HC01", total, (None,) * 9))
    assert math.isnan(found["HC01"].target)
    assert notes == ()
    assert effects_of(found["HC01"]) == [("total-off-scale", "PHQtotal", total, None, True)]
    plain = uncorrected(tmp_path, row("HC01", total, (None,) * 9)).subjects["HC01"]
    assert plain.target == total
    assert effects_of(plain) == [("total-off-scale", "PHQtotal", total, None, False)]


@pytest.mark.parametrize("total", [0, 27])
def test_the_ends_of_the_scale_are_on_it(tmp_path, total):
    found, notes = people(tmp_path, row("HC01", total, (total // 9,) * 9))
    assert found["HC01"].target == total
    assert notes == ()


@pytest.mark.parametrize("text", ["nine", "9?", "nan", "#DIV/0!", "-0.4253258.1"])
def test_text_in_the_place_of_a_number_is_unknown_and_said(tmp_path, text):
    found, notes = people(tmp_path, row("HC01", text, (None,) * 9), row("HC02", 9, (text, *[1] * 8)))
    assert math.isnan(found["HC01"].target)
    assert found["HC02"].labels["PHQ-1"] is None
    assert notes == (
        f"HC01: PHQtotal is {text!r}, no number: it counts as unknown",
        f"HC02: PHQ-1 is {text!r}, no number: it counts as unknown",
    )


def test_text_in_other_columns_is_kept(tmp_path):
    found, notes = people(tmp_path, row("HC01", age="forty"))
    assert found["HC01"].labels["Age"] == "forty"
    assert notes == ()


def test_the_column_mdd_counts_against_the_id_and_the_id_where_the_column_says_nothing(tmp_path):
    found, notes = people(tmp_path, row("HC01", patient=1), row("MDD01", patient=0), row("MDD02", patient="yes"))
    assert {name: (person.group, person.patient) for name, person in found.items()} == {
        "HC01": ("HC", True),
        "MDD01": ("MDD", False),
        "MDD02": ("MDD", True),
    }
    assert notes == (
        "HC01: column MDD is 1, against its ID: the column counts",
        "MDD01: column MDD is 0, against its ID: the column counts",
        "MDD02: MDD is 'yes', no number: it counts as unknown",
    )
    assert effects_of(found["MDD02"]) == [("no-MDD", "MDD", "yes", 1.0, True)]
    assert found["HC01"].effects == found["MDD01"].effects == ()
    plain = uncorrected(tmp_path, row("HC01", patient=1), row("MDD02", patient="yes")).subjects
    assert (plain["HC01"].patient, plain["MDD02"].patient) == (True, None)


@pytest.mark.parametrize("name", ["VideoAvailabe", "VideoAvailable", "Video"])
def test_video_may_be_spelt_rightly_and_is_unknown_where_no_column_says(tmp_path, name):
    header = [name if column == "VideoAvailabe" else column for column in HEADER]
    found, _ = people(tmp_path, row("HC01"), row("HC02", video=0), row("HC03", video=None), header=header)
    said = [person.video for person in found.values()]
    assert said == ([None] * 3 if name == "Video" else [True, False, None])


def test_blank_rows_and_rows_of_nobody(tmp_path):
    blank = [None] * len(HEADER)
    found, notes = people(
        tmp_path, blank, row("HC01"), [], row("HC02"), row("mean"), [None, None, 44, *blank[3:]], [5], ["  "]
    )
    assert {name: person.row for name, person in found.items()} == {"HC01": 3, "HC02": 5}
    assert notes == (
        "SubjectInfo.xlsx, row 6: ID is 'mean', no ID such as HC01: the row is not used",
        "SubjectInfo.xlsx, row 7: ID is None, no ID such as HC01: the row is not used",
        "SubjectInfo.xlsx, row 8: ID is 5.0, no ID such as HC01: the row is not used",
    )


def test_a_title_above_the_header_and_sheets_before_it(tmp_path):
    found, notes = people(
        tmp_path, row("HC01"), before=[["The corpus"], []], sheets=[("Read me", [["ID of the study", "x"]])]
    )
    assert found["HC01"].row == 4
    assert found["HC01"].target == 9
    assert notes == ()


def test_columns_are_found_by_name_and_one_without_a_name_is_not_read(tmp_path):
    order = [len(HEADER) - 1 - k for k in range(len(HEADER))]
    header = [f" {HEADER[k]} " for k in order]
    found, _ = people(tmp_path, [*(row("HC01")[k] for k in order), "a remark"], header=header)
    assert found == {"HC01": Subject("HC01", 2, "HC", False, True, 9.0, found["HC01"].labels)}
    assert set(found["HC01"].labels) == {"VideoAvailabe", "Age", *ITEMS}


def test_tables_that_cannot_be_used_are_one_line(tmp_path):
    refused(table(tmp_path, row("HC01")), "no column Phq; its columns are ID, MDD, .*: name one of them", "Phq")
    header = ["Id", *HEADER[1:]]
    refused(table(tmp_path, row("HC01"), header=header), "no column ID in its first rows; expected CMDC's table")
    refused(table(tmp_path, row("HC01"), before=[[]] * 10), "no column ID in its first rows")
    refused(table(tmp_path), "nobody in it; expected a row for each of HC01")
    refused(table(tmp_path, row("total")), "nobody in it")
    header = [*HEADER[:-1], "PHQtotal"]
    refused(table(tmp_path, row("HC01"), header=header), "column PHQtotal stands twice; expected each once")
    openpyxl.Workbook().save(tmp_path / "empty.xlsx")
    refused(tmp_path / "empty.xlsx", "no column ID in its first rows")
    refused(tmp_path / "gone.xlsx", "there is no such file")
    (tmp_path / "text.xlsx").write_text("ID,MDD\n")
    refused(tmp_path / "text.xlsx", "cannot be read as an Excel workbook")
