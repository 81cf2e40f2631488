"""A simulated DAIC-WOZ: its layout, its text, and the project's readers on both."""

import collections
import dataclasses
import io
import json
import re
import wave

import numpy as np
import pytest

from data_builders.daic_woz.defects import DEFECTS
from data_builders.readers.clnf import read_clnf
from data_builders.readers.transcripts import read_transcript
from data_builders.simulator.clnf_text import gaze_in_head
from data_builders.simulator.corpus import write_corpus
from data_builders.simulator.daic_woz import (
    APPLE_DOUBLE,
    AUS_AS_CSV,
    EXTRACTED,
    NOT_NUMBERS,
    TRUNCATED,
    UNLISTED,
    is_nested,
)
from data_builders.simulator.daic_woz_simulation import (
    NUMBERS,
    SESSIONS,
    SHIFTS,
    VIDEO_ENDS_EARLY,
    WITHOUT_INTERVIEWER,
    DaicWozSimulation,
)
from data_builders.simulator.daic_woz_tables import write_splits
from data_builders.simulator.interview_simulation import ABSENT, EMPTY_ITEM, SCORES, WRONG_BINARY
from data_builders.simulator.latents import LINEAR
from mccl_jax.cues import DAIC_WOZ_AUS, OPENFACE_AUS
from mccl_jax.errors import UserError
from tests.data_builders.simulator.daic_woz_reading import OPTIONS, contents, headers, quiet, sound, text_of

FEW = dataclasses.replace(OPTIONS, subjects=5)
LABELLED = "Participant_ID,PHQ8_Binary,PHQ8_Score,Gender," + ",".join(
    f"PHQ8_{item}"
    for item in ("NoInterest", "Depressed", "Sleep", "Tired", "Appetite", "Failure", "Concentrating", "Moving")
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_corpus(tmp_path_factory.mktemp("corpora") / "daic", OPTIONS, quiet, layout="daic_woz")


@pytest.fixture(scope="module")
def simulation():
    return DaicWozSimulation(OPTIONS)


def rows(folder, table):
    header, *lines = (folder / table).read_text().splitlines()
    return header, [line.split(",") for line in lines if line]


def test_189_sessions_in_the_splits_of_the_corpus(tmp_path):
    whole = DaicWozSimulation(dataclasses.replace(OPTIONS, subjects=189))
    assert sorted(NUMBERS) == [str(n) for n in range(300, 493) if n not in (342, 394, 398, 460)]
    assert [defect.sessions for defect in DEFECTS if defect.id == "absent"] == [tuple(map(str, ABSENT))]
    write_splits(tmp_path, whole)
    expected = {
        "train_split_Depression_AVEC2017.csv": (LABELLED, 107),
        "dev_split_Depression_AVEC2017.csv": (LABELLED, 35),
        "test_split_Depression_AVEC2017.csv": ("participant_ID,Gender", 47),
        "full_test_split.csv": ("Participant_ID,PHQ_Binary,PHQ_Score,Gender", 47),
    }
    assert {path.name for path in tmp_path.iterdir()} == set(expected)
    numbers = {}
    for table, (header, count) in expected.items():
        found, body = rows(tmp_path, table)
        numbers[table] = [cells[0] for cells in body]
        assert (found, len(body)) == (header, count)
        assert numbers[table] == sorted(numbers[table])
        assert {cells[header.split(",").index("Gender")] for cells in body} == {"0", "1"}
        assert (tmp_path / table).read_text().endswith("\n\n\n")
    *others, test, full_test = numbers.values()
    assert test == full_test
    assert sorted(sum(others, test)) == sorted(NUMBERS)


@pytest.mark.parametrize("subjects", [5, 12, 24, 60, 120, 189])
def test_splits_have_their_shares_at_any_size(subjects):
    simulation = DaicWozSimulation(dataclasses.replace(OPTIONS, subjects=subjects))
    counted = collections.Counter(map(simulation.split, range(subjects)))
    for split, count in SESSIONS.items():
        assert counted[split] >= 1
        assert abs(counted[split] - subjects * count / 189) < 1.5


def test_scores_are_the_sums_of_their_items_but_for_the_known_slips(folder, simulation):
    scores = {}
    for table in ("train", "dev"):
        _, body = rows(folder, f"{table}_split_Depression_AVEC2017.csv")
        for number, binary, score, _, *items in body:
            scores[number] = int(score)
            assert 0 <= int(score) <= 24
            if number == EMPTY_ITEM[0]:
                assert items[2] == ""
                items[2] = EMPTY_ITEM[2]
            assert sum(map(int, items)) == int(score)
            assert {int(item) for item in items} <= {0, 1, 2, 3}
            assert int(binary) == (WRONG_BINARY[number] if number in WRONG_BINARY else int(score) >= 10)
    _, body = rows(folder, "full_test_split.csv")
    for number, binary, score, _ in body:
        scores[number] = int(score)
        assert int(binary) == (int(score) >= 10)
    assert scores == dict(zip(map(simulation.name, range(26)), simulation.severity.tolist(), strict=True))
    assert (scores["319"], scores["409"]) == (SCORES["319"], SCORES["409"]) == (13, 10)
    assert {i: simulation.split(i) for i in (NUMBERS.index("319"), NUMBERS.index("409"))} == {1: "train", 8: "train"}


def test_each_session_has_all_its_files_flat_or_in_a_folder(folder, simulation):
    kinds = set()
    for _, number in sound(simulation):
        names = {name for name in contents(folder, number) if "__MACOSX" not in name and ".DS_Store" not in name}
        under = f"{number}_P/" if is_nested(number) and number not in EXTRACTED else ""
        expected = [f"CLNF_{name}.txt" for name in ("features3D", "features", "gaze", "pose", "AUs")]
        expected += ["CLNF_hog.bin", "AUDIO.wav", "COVAREP.csv", "FORMANT.csv", "TRANSCRIPT.csv"]
        if number == AUS_AS_CSV:
            expected[4] = "CLNF_AUs.csv"
        assert names == {f"{under}{number}_{name}" for name in expected}
        kinds.add((under != "", number in EXTRACTED))
    assert kinds == {(True, False), (False, False), (False, True)}
    expected = {f"{number}_P" + ("" if number in EXTRACTED else ".zip") for _, number in sound(simulation)}
    expected |= {f"{TRUNCATED}_P.zip", f"{UNLISTED}_P.zip"}
    assert {path.name for path in folder.glob("*_P*")} == expected
    assert not any(f"{absent}_P.zip" in expected for absent in ABSENT)


def test_what_nobody_is_to_read_is_next_to_nothing(folder):
    found = contents(folder, "300")
    with wave.open(io.BytesIO(found["300_AUDIO.wav"])) as audio:
        assert (audio.getframerate(), audio.getnchannels()) == (16_000, 1)
    assert 1000 < len(found["300_CLNF_hog.bin"]) < 10_000
    assert found["300_CLNF_hog.bin"] != contents(folder, "301")["301_P/301_CLNF_hog.bin"]
    assert [found[f"300_{name}.csv"].count(b",") for name in ("COVAREP", "FORMANT")] == [73, 4]


def test_headers_and_separators_are_clnfs(folder, simulation):
    cell = re.compile(r"-?[0-9]+(\.[0-9]+)?(e-[0-9]+)?")
    for _, number in sound(simulation):
        for name, header in headers().items():
            ending = f"CLNF_{name}.{'csv' if (number, name) == (AUS_AS_CSV, 'AUs') else 'txt'}"
            first, *lines = text_of(folder, number, ending).data.decode().rstrip("\n").split("\n")
            assert first == header
            split = [line.split(", ") for line in (lines[0], lines[-1])]
            assert [len(cells) for cells in split] == [header.count(",") + 1] * 2
            assert all(cell.fullmatch(one) for cells in split for one in cells)
    assert [header.count(",") + 1 for header in headers().values()] == [208, 140, 16, 10, 24]


def test_the_readers_find_what_was_simulated(folder, simulation):
    spoiled = {number for number, *_ in NOT_NUMBERS}
    for i, number in sound(simulation):
        if number in spoiled:
            continue
        files = {"landmarks": "features3D", "gaze": "gaze", "pose": "pose", "aus": "AUs"}
        kind = {"AUs": "csv"} if number == AUS_AS_CSV else {}
        recording = read_clnf(
            {cue: text_of(folder, number, f"CLNF_{file}.{kind.get(file, 'txt')}") for cue, file in files.items()}
        )
        track = simulation.track(i)
        assert recording.notes == ()
        assert np.array_equal(recording.frame, np.arange(1, len(track.time) + 1))
        assert np.array_equal(recording.time, track.time)
        assert np.array_equal(recording.confidence, track.confidence.astype(np.float32))
        assert np.array_equal(recording.success, track.success)
        expected = {
            "landmarks": track.landmarks,
            "gaze": np.concatenate([track.gaze, gaze_in_head(track)], axis=1),
            "pose": np.stack([track.translation, track.rotation], axis=1),
            "aus": track.aus[:, [OPENFACE_AUS.index(au) for au in DAIC_WOZ_AUS], None],
        }
        for name, values in expected.items():
            assert np.array_equal(recording.cues[name], values.astype(np.float32)), name


def test_pixels_presences_and_the_heads_own_gaze(folder, simulation):
    track = simulation.track(0)
    seen = track.success

    def table(file):
        header, *lines = text_of(folder, NUMBERS[0], f"CLNF_{file}.txt").data.decode().splitlines()
        values = np.array([[float(cell) for cell in line.split(", ")] for line in lines])
        return dict(zip(header.split(", "), values.T, strict=True))

    pixels, aus, gaze = table("features"), table("AUs"), table("gaze")
    x, y, z = track.landmarks[seen, 30].T
    assert np.allclose(pixels["x30"][seen], 320 + 500 * x / z, atol=0.06)
    assert np.allclose(pixels["y30"][seen], 240 + 500 * y / z, atol=0.06)
    assert set(aus["AU28_c"]) <= {0.0, 1.0}
    assert aus["AU45_c"].any()
    eyes = np.stack([gaze[f"{axis}_h0"] for axis in "xyz"], axis=1)[seen]
    assert np.allclose(np.linalg.norm(eyes, axis=1), 1, atol=1e-5)
    # The camera is seen through a head that turns: without its turns the eyes wander less.
    assert eyes[:, 0].std() < gaze["x_0"][seen].std()


def test_transcripts_are_tab_separated_and_say_when_the_words_were(folder, simulation):
    markers = set()
    for i, number in sound(simulation):
        if number == APPLE_DOUBLE:
            continue
        source = text_of(folder, number, "TRANSCRIPT.csv")
        header, *lines = [line.split("\t") for line in source.data.decode().splitlines()]
        assert header == ["start_time", "stop_time", "speaker", "value"]
        assert {len(line) for line in lines} == {4}
        assert (np.diff([float(line[0]) for line in lines]) >= 0).all()
        assert lines[-1][3] == "scrubbed_entry"
        markers.add(lines[0][3])
        read = read_transcript(source)
        assert read.notes == ()
        shift = SHIFTS.get(number, 0.0)
        assert np.allclose(np.array(read.speech_span) + shift, simulation.speech_span(i))
        assert 0 < read.first_start < read.speech_span[0] - 1
        assert read.last_stop > read.speech_span[1]
        silent = number in WITHOUT_INTERVIEWER
        assert set(read.speakers) == ({"Participant"} if silent else {"Ellie", "Participant"})
        video = simulation.track(i).time[-1]
        late = simulation.speech_span(i)[1] - video
        assert late == pytest.approx(VIDEO_ENDS_EARLY[number], abs=0.5) if number in VIDEO_ENDS_EARLY else late < 0
    assert markers == {"<sync>", "<synch>", "[sync]", "[syncing]"}


def test_the_same_options_write_the_same_bytes(tmp_path):
    once, again = (write_corpus(tmp_path / name, FEW, quiet, layout="daic_woz") for name in "ab")
    files = sorted(path.relative_to(once) for path in once.rglob("*") if path.is_file())
    assert files == sorted(path.relative_to(again) for path in again.rglob("*") if path.is_file())
    assert all((once / path).read_bytes() == (again / path).read_bytes() for path in files)


def test_a_session_is_the_same_in_a_smaller_corpus(simulation):
    few = DaicWozSimulation(FEW)
    for i in range(5):
        assert (few.name(i), few.split(i)) == (simulation.name(i), simulation.split(i))
        assert few.transcript(i) == simulation.transcript(i)
        assert np.array_equal(few.items(i), simulation.items(i))
        assert np.array_equal(few.track(i).aus, simulation.track(i).aus)


def test_severity_acts_on_behaviour():
    many = DaicWozSimulation(dataclasses.replace(OPTIONS, subjects=189))
    told = [np.corrcoef(many.latent(name), many.severity)[0, 1] for name in LINEAR]
    assert np.array_equal(np.sign(told), [-1, -1, -1, 1, -1])
    assert min(map(abs, told)) > 0.3


def test_the_description_marks_it_as_simulated_and_promises_no_oracle(folder):
    description = json.loads((folder / "simulation.json").read_text())
    assert "imulated" in description["simulated"]
    assert description["layout"] == "daic_woz"
    assert "oracle" not in description


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"splits": (0.6, 0.2, 0.2)}, "splits"),
        ({"subjects": 190}, "subjects"),
        ({"subjects": 4}, "subjects"),
        ({"fps": 0.9, "seconds": (20.0, 30.0)}, "fps"),
        ({"seconds": (2.0, 30.0)}, "seconds"),
    ],
)
def test_options_that_the_corpus_does_not_know_are_refused_before_anything_is_written(tmp_path, changes, named):
    with pytest.raises(UserError, match=named):
        write_corpus(tmp_path / "a", dataclasses.replace(OPTIONS, **changes), quiet, layout="daic_woz")
    assert not any(tmp_path.iterdir())
