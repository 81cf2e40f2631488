"""A simulated E-DAIC: its layout, its text, and the project's readers on both."""

import collections
import dataclasses
import io
import json
import re
import wave

import numpy as np
import pytest
import scipy.io

from data_builders.readers.archives import Content
from data_builders.readers.matlab import read_feature
from data_builders.readers.openface import read_openface
from data_builders.readers.transcripts import E_DAIC, read_transcript
from data_builders.simulator.corpus import write_corpus
from data_builders.simulator.e_daic import EXTRACTED, UNLISTED, WITHOUT_ARCHIVE
from data_builders.simulator.e_daic_simulation import NUMBERS, SESSIONS, EDaicSimulation
from data_builders.simulator.e_daic_tables import CONTRADICTING, write_tables
from data_builders.simulator.interview_simulation import EMPTY_ITEM, SCORES, WRONG_BINARY
from data_builders.simulator.latents import LINEAR
from mccl_jax.errors import UserError
from tests.data_builders.simulator.e_daic_reading import (
    OPTIONS,
    contents,
    features_of,
    file_of,
    files_in,
    quiet,
    rows_of,
    sound,
)

FEW = dataclasses.replace(OPTIONS, subjects=5)
SPLIT_HEADER = "Participant_ID,Gender,PHQ_Binary,PHQ_Score,PCL-C (PTSD),PTSD Severity"
DETAILED_HEADER = (
    "Participant_ID,PHQ_8NoInterest,PHQ_8Depressed,PHQ_8Sleep,PHQ_8Tired,PHQ_8Appetite,PHQ_8Failure,"
    "PHQ_8Concentrating,PHQ_8Moving,PHQ_8Total"
)
AUS = ["01", "02", "04", "05", "06", "07", "09", "10", "12", "14", "15", "17", "20", "23", "25", "26", "45"]
COLUMNS = [
    *("frame", "timestamp", "confidence", "success"),
    *("pose_Tx", "pose_Ty", "pose_Tz", "pose_Rx", "pose_Ry", "pose_Rz"),
    *("gaze_0_x", "gaze_0_y", "gaze_0_z", "gaze_1_x", "gaze_1_y", "gaze_1_z", "gaze_angle_x", "gaze_angle_y"),
    *(f"AU{au}_r" for au in AUS),
    *(f"AU{au}_c" for au in (*AUS[:-1], "28", "45")),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_corpus(tmp_path_factory.mktemp("corpora") / "e_daic", OPTIONS, quiet, layout="e_daic")


@pytest.fixture(scope="module")
def simulation():
    return EDaicSimulation(OPTIONS)


def content(folder, number, ending):
    return Content(ending, ending, file_of(folder, number, ending))


def test_275_sessions_in_the_splits_of_the_corpus(tmp_path):
    whole = EDaicSimulation(dataclasses.replace(OPTIONS, subjects=275))
    write_tables(tmp_path, whole)
    sizes = {"train_split.csv": 163, "dev_split.csv": 56, "test_split.csv": 56, "Detailed_PHQ8_Labels.csv": 219}
    assert {path.name for path in tmp_path.iterdir()} == set(sizes)
    numbers = {}
    for table, count in sizes.items():
        header, body = rows_of(tmp_path / table)
        numbers[table] = [cells[0] for cells in body]
        assert header == (DETAILED_HEADER if "Detailed" in table else SPLIT_HEADER)
        assert len(body) == count
        assert numbers[table] == sorted(numbers[table])
        assert (tmp_path / table).read_text().endswith("\n\n")
    train, dev, test, detailed = numbers.values()
    assert sorted(train + dev) == detailed
    assert len({*train, *dev, *test}) == 275
    # All of DAIC-WOZ is in train and dev, and a program leads all of test.
    assert [one for one in detailed if one < "500"] == [
        str(n) for n in range(300, 493) if n not in (342, 394, 398, 460)
    ]
    assert {"602", "603", "609", "657"} < {*train, *dev, *test}
    assert all("600" <= one <= "718" for one in test)
    assert 0 < len([one for one in dev if one > "500"]) < len([one for one in train if one > "500"])


@pytest.mark.parametrize("subjects", [5, 12, 24, 60, 150, 275])
def test_splits_have_their_shares_at_any_size(subjects):
    simulation = EDaicSimulation(dataclasses.replace(OPTIONS, subjects=subjects))
    counted = collections.Counter(map(simulation.split, range(subjects)))
    for split, count in (("train", 163), ("dev", 56), ("test", 56)):
        assert counted[split] >= 1
        assert abs(counted[split] - subjects * count / 275) < 1.5
    kinds = collections.Counter(
        (simulation.split(i), "wizard" if simulation.name(i) < "500" else "autonomous") for i in range(subjects)
    )
    assert all(abs(kinds[kind] - subjects * count / 275) < 2 for kind, count in SESSIONS.items())


def test_scores_are_the_sums_of_their_items_but_for_the_known_slips(folder, simulation):
    labels, scores = folder / "labels", {}
    for split in ("train", "dev", "test"):
        for number, gender, binary, score, positive, ptsd in rows_of(labels / f"{split}_split.csv")[1]:
            i, scores[number] = NUMBERS.index(number), int(score)
            assert simulation.split(i) == split
            assert gender == simulation.subject(i).gender
            expected = WRONG_BINARY.get(number, int(int(score) >= 10))
            assert int(binary) == (1 - expected if number == CONTRADICTING else expected)
            assert (int(positive), int(ptsd)) == simulation.ptsd(i)
            assert 17 <= int(ptsd) <= 85
            assert int(positive) == (int(ptsd) >= 44)
    assert scores == dict(zip(map(simulation.name, range(24)), simulation.severity.tolist(), strict=True))
    assert (scores["319"], scores["409"]) == (SCORES["319"], SCORES["409"]) == (13, 10)
    for number, *items, total in rows_of(labels / "Detailed_PHQ8_Labels.csv")[1]:
        if number == EMPTY_ITEM[0]:
            assert items[2] == ""
            items[2] = EMPTY_ITEM[2]
        assert sum(map(int, items)) == int(total) == scores[number]
        assert {int(item) for item in items} <= {0, 1, 2, 3}


def test_each_session_has_all_its_files_in_its_folder(folder, simulation):
    expected = {
        "{}_AUDIO.wav",
        "{}_Transcript.csv",
        "features/{}_BoAW_openSMILE_2.3.0_eGeMAPS.csv",
        "features/{}_BoAW_openSMILE_2.3.0_MFCC.csv",
        "features/{}_BoVW_openFace_2.1.0_Pose_Gaze_AUs.csv",
        "features/{}_CNN_ResNet.mat",
        "features/{}_CNN_VGG.mat",
        "features/{}_densenet201.csv",
        "features/{}_OpenFace2.1.0_Pose_gaze_AUs.csv",
        "features/{}_OpenSMILE2.3.0_egemaps.csv",
        "features/{}_OpenSMILE2.3.0_mfcc.csv",
        "features/{}_vgg16.csv",
    }
    for _, number in sound(simulation):
        names = {name for name in contents(folder, number) if "/._" not in name}
        lacking = {"302": "{}_Transcript.csv", "657": "features/{}_CNN_VGG.mat"}.get(number)
        assert names == {f"{number}_P/{name.format(number)}" for name in expected - {lacking}}
    numbers = {*map(simulation.name, range(24)), UNLISTED} - {WITHOUT_ARCHIVE}
    assert {path.name for path in (folder / "data").iterdir()} == {
        *(f"{number}_P.tar.gz" for number in numbers - set(EXTRACTED)),
        *(name.partition("/")[0] for name in EXTRACTED.values()),
    }
    assert {path.name for path in folder.iterdir()} == {"data", "labels", "simulation.json"}


def test_what_nobody_is_to_read_is_next_to_nothing(folder):
    found = {name.rpartition("/")[2]: data for name, data in contents(folder, "308").items()}
    with wave.open(io.BytesIO(found["308_AUDIO.wav"])) as audio:
        assert (audio.getframerate(), audio.getnchannels()) == (16_000, 1)
    assert scipy.io.loadmat(io.BytesIO(found["308_CNN_VGG.mat"]))["feature"].shape == (1, 4096)
    for name, separator in (("OpenSMILE2.3.0_egemaps", b";"), ("BoAW_openSMILE_2.3.0_MFCC", b";"), ("vgg16", b",")):
        assert separator in found[f"308_{name}.csv"]
    used = ("308_Transcript.csv", "308_OpenFace2.1.0_Pose_gaze_AUs.csv", "308_CNN_ResNet.mat")
    assert sum(len(data) for name, data in found.items() if name not in used) < 20_000


def test_the_trackers_file_has_its_53_columns_and_decimals(folder, simulation):
    assert len(COLUMNS) == 53
    three, two, one, six = (rf"-?\d+\.\d{{{places}}}" for places in (3, 2, 1, 6))
    row = [r"\d+", three, two, "[01]", *[one] * 3, *[three] * 3, *[six] * 6, *[three] * 2, *[two] * 17]
    row += [r"[01]\.00"] * 18
    separators = set()
    for _, number in sound(simulation):
        header, *lines = file_of(folder, number, "OpenFace2.1.0_Pose_gaze_AUs.csv").decode().splitlines()
        separator = ", " if ", " in header else ","
        assert header == separator.join(COLUMNS)
        assert all(re.fullmatch(separator.join(row), line) for line in lines)
        separators.add(separator)
    assert separators == {",", ", "}


def test_the_readers_find_what_was_simulated(folder, simulation):
    for i, number in sound(simulation):
        cues = ("gaze", "pose", "aus")
        recording = read_openface(content(folder, number, "OpenFace2.1.0_Pose_gaze_AUs.csv"), cues)
        track = simulation.track(i)
        assert [note for note in recording.notes if "unreadable" in note or "dropped" in note] == []
        assert np.array_equal(recording.frame, np.arange(1, len(track.time) + 1))
        assert np.array_equal(recording.time, track.time)
        assert np.array_equal(recording.confidence, track.confidence.astype(np.float32))
        assert np.array_equal(recording.success, track.success)
        expected = {
            "gaze": track.gaze,
            "pose": np.stack([track.translation, track.rotation], axis=1),
            "aus": track.aus[:, :, None],
        }
        for name, values in expected.items():
            assert np.array_equal(recording.cues[name], values.astype(np.float32)), name
        assert np.array_equal(read_feature(content(folder, number, "CNN_ResNet.mat"), 2048), simulation.features(i))


def test_features_are_matlabs_and_say_nothing_of_the_time_of_day(folder):
    data = file_of(folder, "308", "CNN_ResNet.mat")
    assert data[:116].decode().rstrip() == "MATLAB 5.0 MAT-file, simulated"
    assert scipy.io.whosmat(io.BytesIO(data))[0][::2] == ("feature", "single")
    assert features_of(folder, "308").min() == 0


def test_transcripts_are_comma_separated_and_do_not_say_who_speaks(folder, simulation):
    for i, number in sound(simulation):
        if number == "302":
            continue
        source = content(folder, number, "Transcript.csv")
        lines = source.data.decode().splitlines()
        assert lines[0] == "Start_Time,End_Time,Text,Confidence"
        assert all(re.fullmatch(r'\d+\.\d,\d+\.\d,"well, simulated \w+ \d+",0\.9', line) for line in lines[1:])
        assert read_transcript(source, E_DAIC).speech_span == simulation.speech_span(i)
        begin, end = simulation.timing(i).begin, simulation.timing(i).end
        assert simulation.speech_span(i) == pytest.approx((begin, end), abs=0.051)
        assert end < simulation.track(i).time[-1]


def test_the_same_options_write_the_same_bytes(tmp_path):
    once, again = (write_corpus(tmp_path / name, FEW, quiet, layout="e_daic") for name in "ab")
    files = [path.relative_to(once) for path in files_in(once)]
    assert files == [path.relative_to(again) for path in files_in(again)]
    assert all((once / path).read_bytes() == (again / path).read_bytes() for path in files)
    other = write_corpus(tmp_path / "c", dataclasses.replace(FEW, seed=1), quiet, layout="e_daic")
    assert (other / "data/602_P.tar.gz").read_bytes() != (once / "data/602_P.tar.gz").read_bytes()


def test_a_session_is_the_same_in_a_smaller_corpus(simulation):
    few = EDaicSimulation(FEW)
    for i in range(5):
        assert (few.name(i), few.split(i)) == (simulation.name(i), simulation.split(i))
        assert few.transcript(i) == simulation.transcript(i)
        assert np.array_equal(few.items(i), simulation.items(i))
    assert np.array_equal(few.features(4), simulation.features(4))


def test_severity_acts_on_behaviour():
    many = EDaicSimulation(dataclasses.replace(OPTIONS, subjects=275))
    told = [np.corrcoef(many.latent(name), many.severity)[0, 1] for name in LINEAR]
    assert np.array_equal(np.sign(told), [-1, -1, -1, 1, -1])
    assert min(map(abs, told)) > 0.3
    assert np.corrcoef([many.ptsd(i)[1] for i in range(275)], many.severity)[0, 1] > 0.6


def test_the_description_marks_it_as_simulated_and_promises_no_oracle(folder):
    description = json.loads((folder / "simulation.json").read_text())
    assert "imulated" in description["simulated"]
    assert description["layout"] == "e_daic"
    assert "oracle" not in description


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"splits": (0.6, 0.2, 0.2)}, "splits"),
        ({"subjects": 276}, "subjects"),
        ({"subjects": 4}, "subjects"),
        ({"fps": 1.1, "seconds": (20.0, 30.0)}, "fps"),
        ({"seconds": (2.0, 30.0)}, "seconds"),
    ],
)
def test_options_that_the_corpus_does_not_know_are_refused_before_anything_is_written(tmp_path, changes, named):
    with pytest.raises(UserError, match=named):
        write_corpus(tmp_path / "a", dataclasses.replace(OPTIONS, **changes), quiet, layout="e_daic")
    assert not any(tmp_path.iterdir())
