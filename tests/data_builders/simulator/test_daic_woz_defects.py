"""The defects of a simulated DAIC-WOZ are where they are said to be."""

import re
import zipfile

import pytest

from data_builders.daic_woz.defects import DEFECTS
from data_builders.defects import Exclude, Relabel, Rule, Shift
from data_builders.simulator.corpus import write_corpus
from data_builders.simulator.daic_woz import (
    APPLE_DOUBLE,
    AUS_AS_CSV,
    FROM_A_MAC,
    NOT_NUMBERS,
    TRUNCATED,
    UNLISTED,
    WITHOUT_ARCHIVE,
    middle,
)
from data_builders.simulator.daic_woz_simulation import NUMBERS, SHIFTS, DaicWozSimulation
from data_builders.simulator.interview_simulation import EMPTY_ITEM, INTERRUPTED_AUS, INTERRUPTIONS, WRONG_BINARY
from tests.data_builders.simulator.daic_woz_reading import OPTIONS, contents, headers, quiet, sound, text_of


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_corpus(tmp_path_factory.mktemp("corpora") / "daic", OPTIONS, quiet, layout="daic_woz")


@pytest.fixture(scope="module")
def simulation():
    return DaicWozSimulation(OPTIONS)


def test_shifts_and_interruptions_are_those_of_the_table_of_defects():
    found = {kind: {} for kind in (Shift, Exclude, Relabel)}
    for defect in DEFECTS:
        if defect.correction and not isinstance(defect.correction, Rule):
            found[type(defect.correction)][defect.sessions[0]] = defect.correction
    assert found[Shift] == {number: Shift(seconds) for number, seconds in SHIFTS.items()}
    assert found[Exclude] == {number: Exclude(*span) for number, span in INTERRUPTIONS.items()}
    number, item, value = EMPTY_ITEM
    assert found[Relabel] == {
        number: Relabel(f"PHQ8_{item}", None, value),
        **{number: Relabel("PHQ8_Binary", float(wrong), 1.0) for number, wrong in WRONG_BINARY.items()},
    }


def test_nobody_is_there_before_the_interview_so_that_a_shift_shows(simulation):
    for i in range(len(simulation)):
        track, number = simulation.track(i), simulation.name(i)
        begin = simulation.timing(i).begin
        assert not track.success[track.time < begin - 1.0].any()
        assert track.success[track.time >= begin - 1.0].any()
        if number in SHIFTS:
            assert begin > SHIFTS[number] + 1.9


def test_interruptions_are_within_the_recording_and_show(folder, simulation):
    for number, (begin, end) in INTERRUPTIONS.items():
        i = NUMBERS.index(number)
        track = simulation.track(i)
        inside = (track.time >= begin) & (track.time < end)
        assert track.time[-1] > end + 25
        assert inside.sum() == (end - begin) * 4
        assert (track.aus[inside & track.success] == INTERRUPTED_AUS).all()
        assert (track.aus[~inside] < INTERRUPTED_AUS).mean() > 0.99
        assert not [line for line in simulation.transcript(i) if line.start < end and line.stop > begin]
        assert [line for line in simulation.transcript(i) if line.start >= end]


def test_cells_that_are_no_numbers_stand_where_they_are_said_to(folder, simulation):
    found = {}
    for i, number in sound(simulation):
        frames = len(simulation.track(i).time)
        for name in headers():
            ending = f"CLNF_{name}.{'csv' if (number, name) == (AUS_AS_CSV, 'AUs') else 'txt'}"
            header, *lines = text_of(folder, number, ending).data.decode().splitlines()
            for row, line in enumerate(lines):
                if "#" in line:
                    assert row == middle(frames)
                    cells = zip(header.split(", "), line.split(", "), strict=True)
                    found |= {(number, name, column): cell for column, cell in cells if "#" in cell}
    assert found == NOT_NUMBERS


def test_the_files_that_were_damaged_on_the_way(folder):
    assert text_of(folder, APPLE_DOUBLE, "TRANSCRIPT.csv").data.startswith(b"\x00\x05\x16\x07")
    assert (folder / f"{TRUNCATED}_P.zip").read_bytes()[:2] == b"PK"
    with pytest.raises(zipfile.BadZipFile):
        zipfile.ZipFile(folder / f"{TRUNCATED}_P.zip")
    beside = [name for name in contents(folder, FROM_A_MAC) if "__MACOSX" in name or ".DS_Store" in name]
    assert f"__MACOSX/{FROM_A_MAC}_P/._{FROM_A_MAC}_TRANSCRIPT.csv" in beside
    assert f"{FROM_A_MAC}_P/.DS_Store" in beside
    tables = "".join(path.read_text() for path in folder.glob("*split*.csv"))
    assert UNLISTED not in re.findall(r"^\d+", tables, re.MULTILINE)
    assert WITHOUT_ARCHIVE in re.findall(r"^\d+", tables, re.MULTILINE)
    first, copied = (contents(folder, number) for number in (NUMBERS[0], UNLISTED))
    assert copied[f"{UNLISTED}_P/{UNLISTED}_CLNF_pose.txt"] == first[f"{NUMBERS[0]}_CLNF_pose.txt"]
