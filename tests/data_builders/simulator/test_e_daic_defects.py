"""The defects of a simulated E-DAIC are where they are said to be."""

import dataclasses
import importlib.util
import io

import numpy as np
import pytest

from data_builders.defects import Exclude, Relabel, Rule
from data_builders.e_daic.defects import DEFECTS
from data_builders.simulator import e_daic
from data_builders.simulator.corpus import write_corpus
from data_builders.simulator.e_daic import (
    EXTRACTED,
    FROM_A_MAC,
    LACKING,
    TRUNCATED,
    UNLISTED,
    VERSION_7_3,
    WITHOUT_ARCHIVE,
)
from data_builders.simulator.e_daic_simulation import (
    LONG,
    MORE_ROWS,
    NUMBERS,
    RARELY_TRACKED,
    RATES,
    WITHOUT_FACE,
    EDaicSimulation,
    runs_back,
)
from data_builders.simulator.e_daic_tables import CONTRADICTING
from data_builders.simulator.interview_simulation import EMPTY_ITEM, INTERRUPTED_AUS, INTERRUPTIONS, WRONG_BINARY
from tests.data_builders.simulator.e_daic_reading import (
    OPTIONS,
    contents,
    features_of,
    file_of,
    quiet,
    rows_of,
    sound,
    table_of,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_corpus(tmp_path_factory.mktemp("corpora") / "e_daic", OPTIONS, quiet, layout="e_daic")


@pytest.fixture(scope="module")
def simulation():
    return EDaicSimulation(OPTIONS)


def test_what_is_planted_is_what_the_table_of_defects_knows():
    found, rates = {kind: {} for kind in (Exclude, Relabel)}, {}
    for defect in DEFECTS:
        if defect.correction and not isinstance(defect.correction, Rule):
            found[type(defect.correction)][defect.sessions[0]] = defect.correction
        if defect.id.endswith("-rate"):
            rates[defect.sessions[0]] = float(defect.wrong.split()[0])
    assert found[Exclude] == {number: Exclude(*span) for number, span in INTERRUPTIONS.items()}
    number, item, value = EMPTY_ITEM
    assert found[Relabel] == {
        number: Relabel(f"PHQ8_{item}", None, value),
        **{number: Relabel("PHQ8_Binary", float(wrong), 1.0) for number, wrong in WRONG_BINARY.items()},
    }
    assert rates == RATES
    assert {defect.sessions: defect.wrong for defect in DEFECTS}[("657",)] == f"no {LACKING['657']}"


def test_all_are_within_the_first_sessions(simulation):
    planted = {*INTERRUPTIONS, *WRONG_BINARY, *RATES, *LACKING, *EXTRACTED, *MORE_ROWS, EMPTY_ITEM[0], CONTRADICTING}
    planted |= {TRUNCATED, FROM_A_MAC, WITHOUT_ARCHIVE, VERSION_7_3, RARELY_TRACKED, LONG, WITHOUT_FACE}
    assert planted <= {*NUMBERS[: OPTIONS.subjects]}
    split = {simulation.name(i): simulation.split(i) for i in range(len(simulation))}
    assert (split[LONG], split[EMPTY_ITEM[0]]) == ("dev", "train")
    assert "test" not in {split[number] for number in WRONG_BINARY}


def test_frames_come_at_the_rates_that_are_known(folder):
    for number in (*RATES, "308"):
        time = table_of(folder, number)["timestamp"]
        rate = (len(time) - 1) / (time[-1] - time[0])
        assert 15 * rate == pytest.approx(RATES.get(number, 30.0), rel=0.002)  # OPTIONS have a fifteenth of the frames


def test_interruptions_are_within_the_recording_and_show(folder, simulation):
    for number, (begin, end) in INTERRUPTIONS.items():
        i, table, features = NUMBERS.index(number), table_of(folder, number), features_of(folder, number)
        time, tracked = table["timestamp"], table["success"] == 1
        inside = (time >= begin) & (time < end)
        assert time[-1] > end + 25
        assert inside.sum() == (end - begin) * OPTIONS.fps
        assert (table["AU09_r"][inside & tracked] == INTERRUPTED_AUS).all()
        assert (table["AU09_r"][~inside] < INTERRUPTED_AUS).all()
        one, other = (features[tracked & which].mean(axis=0) for which in (inside, ~inside))
        assert np.abs(one - other).max() > 0.5
        assert not [line for line in simulation.transcript(i) if line.start < end and line.stop > begin]
        assert [line for line in simulation.transcript(i) if line.start >= end]


def test_slips_of_the_tables(folder):
    tables = {path.name: rows_of(path)[1] for path in (folder / "labels").iterdir()}
    (row,) = [row for row in tables["Detailed_PHQ8_Labels.csv"] if "" in row]
    assert (row[0], row[3], row[-1]) == ("319", "", "13")
    everybody = [row for name, rows in tables.items() if "split" in name for row in rows]
    contradicting = {row[0]: (int(row[2]), int(row[3])) for row in everybody if int(row[2]) != (int(row[3]) >= 10)}
    assert set(contradicting) == {"409", CONTRADICTING}
    assert contradicting["409"] == (0, 10)
    assert WITHOUT_ARCHIVE in {row[0] for row in everybody}
    assert UNLISTED not in {row[0] for row in everybody}


def test_archives_and_folders(folder, simulation):
    lacking = {"657": "CNN_VGG.mat", "300": "OpenFace2.1.0_Pose_gaze_AUs.csv", "301": "CNN_ResNet.mat"}
    lacking["302"] = "Transcript.csv"
    for number in ("300", "301", *(number for _, number in sound(simulation))):
        names = [name for name in contents(folder, number) if "/._" not in name]
        assert len(names) == (11 if number in lacking else 12)
        assert not any(name.endswith(lacking.get(number, "nothing")) for name in names)
    assert (folder / "data" / f"{TRUNCATED}_P.tar.gz").read_bytes()[:2] == b"\x1f\x8b"
    with pytest.raises(EOFError):
        contents(folder, TRUNCATED)
    beside = {name: data for name, data in contents(folder, FROM_A_MAC).items() if "/._" in name}
    assert len(beside) == 12
    assert "304_P/features/._304_CNN_ResNet.mat" in beside
    assert all(data.startswith(b"\x00\x05\x16\x07") for data in beside.values())
    assert (folder / "data/305_P/305_Transcript.csv").is_file()
    assert (folder / "data/306_P.tar/306_P/306_Transcript.csv").is_file()
    assert not list(folder.rglob(f"{WITHOUT_ARCHIVE}_P*"))
    first, copied = (file_of(folder, number, "CNN_ResNet.mat") for number in (NUMBERS[0], UNLISTED))
    assert first == copied


def test_rows_of_the_features(folder, simulation):
    more = {}
    for i, number in sound(simulation):
        features, track = simulation.features(i), simulation.track(i)
        if len(features) != len(track.time):
            more[number] = len(features) - len(track.time)
            assert len(features_of(folder, number)) == len(features)
        tracked = track.success[: len(features)]
        empty = (features[: len(tracked)] == 0).all(axis=1)
        assert empty[~tracked].all()
        assert empty[tracked].sum() == (len(range(0, tracked.sum(), 10)) if number == WITHOUT_FACE else 0)
    assert more == MORE_ROWS


def test_faces_are_lost_more_often_and_once_almost_always(simulation):
    usable = {}
    for i, number in sound(simulation):
        track = simulation.track(i)
        usable[number] = track.success[track.time >= simulation.timing(i).begin].mean()
    assert 0.8 < np.median(list(usable.values())) < 0.95
    i = NUMBERS.index(RARELY_TRACKED)
    assert simulation.track(i).success.sum() == 3
    longer = EDaicSimulation(dataclasses.replace(OPTIONS, seconds=(300.0, 300.0))).track(i)
    assert longer.success.mean() == pytest.approx(0.01, abs=0.002)


def test_one_is_much_longer_than_the_others(simulation):
    seconds = {number: simulation.track(i).time[-1] for i, number in sound(simulation) if number not in INTERRUPTIONS}
    longest = seconds.pop(LONG)
    assert longest > 3 * max(seconds.values())


def test_transcripts_of_odd_sessions_run_back(folder, simulation):
    for i, number in sound(simulation):
        if number == "302":
            continue
        rows = file_of(folder, number, "Transcript.csv").decode().splitlines()[1:]
        starts, stops = ([float(row.split(",")[k]) for row in rows] for k in (0, 1))
        assert (sorted(starts) != starts) == runs_back(number)
        if runs_back(number):
            assert starts[0] > simulation.speech_span(i)[0]
            assert stops[-1] < simulation.speech_span(i)[1]


def test_features_in_the_newer_format_where_it_can_be_written(folder, simulation, monkeypatch):
    i = NUMBERS.index(VERSION_7_3)
    name = f"features/{VERSION_7_3}_CNN_ResNet.mat"
    there = importlib.util.find_spec("h5py") is not None
    assert (b"\x89HDF" in e_daic._files(simulation, i, VERSION_7_3)[name][:520]) == there
    assert (b"\x89HDF" in file_of(folder, VERSION_7_3, "CNN_ResNet.mat")[:520]) == there
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    assert e_daic._files(simulation, i, VERSION_7_3)[name].startswith(b"MATLAB 5.0")


def test_the_newer_format_is_matlabs(simulation):
    h5py = pytest.importorskip("h5py")
    features = simulation.features(0)
    data = e_daic._hdf5(features)
    assert data == e_daic._hdf5(features)
    assert (data[:10], data[124:128]) == (b"MATLAB 7.3", b"\x00\x02IM")
    with h5py.File(io.BytesIO(data), "r") as file:
        assert np.array_equal(file["feature"][...].T, features)
