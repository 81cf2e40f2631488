import dataclasses
import gzip
import json
import pickletools
import re
import zipfile

import numpy as np
import openpyxl
import pytest

from data_builders.readers.openface import read_openface
from data_builders.simulator.cmdc import MALFORMED, MALFORMED_TEXT, MISNAMED_CSV, MISNAMED_WAV, TRAP
from data_builders.simulator.cmdc_simulation import FLAGGED_BUT_ABSENT, MISSING_ANSWERS, CmdcSimulation
from data_builders.simulator.cmdc_tables import (
    COLUMNS_AS_TYPED,
    EMPTY_TOTAL,
    HEADER,
    IDS_AS_TYPED,
    TYPED_AS_TEXT,
    WITHOUT_HAMD,
)
from data_builders.simulator.corpus import write_corpus
from data_builders.simulator.latents import LINEAR
from data_builders.simulator.options import Options
from data_builders.simulator.simulation import Simulation
from mccl_jax.errors import UserError

OPTIONS = Options(subjects=78, seconds=(20.0, 30.0), fps=4.0)
FEW = dataclasses.replace(OPTIONS, subjects=6)
OPENFACE_OUTPUT = re.compile(r"Q(\d+)-?\.csv")


def quiet(_):
    pass


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_corpus(tmp_path_factory.mktemp("corpora") / "cmdc", OPTIONS, quiet, layout="cmdc")


@pytest.fixture(scope="module")
def simulation():
    return CmdcSimulation(OPTIONS)


def people(folder):
    return {path.name: path for path in folder.glob("part*/*")}


def answers(person):
    """Question -> OpenFace's output."""
    found = [(OPENFACE_OUTPUT.fullmatch(path.name), path) for path in person.iterdir()]
    return {int(match[1]): path for match, path in sorted(found, key=lambda pair: pair[1]) if match}


def rows(folder, table="SubjectInfo.xlsx"):
    return list(openpyxl.load_workbook(folder / table).active.iter_rows(values_only=True))


def number_of(simulation, name):
    return [simulation.name(i) for i in range(len(simulation))].index(name)


def full_header():
    """Written down a second time, from OpenFace's RecorderCSV.cpp."""
    names = ["frame", "face_id", "timestamp", "confidence", "success"]
    names += ["gaze_0_x", "gaze_0_y", "gaze_0_z", "gaze_1_x", "gaze_1_y", "gaze_1_z", "gaze_angle_x", "gaze_angle_y"]
    names += [f"eye_lmk_{axis}_{point}" for axis in ("x", "y", "X", "Y", "Z") for point in range(56)]
    names += ["pose_Tx", "pose_Ty", "pose_Tz", "pose_Rx", "pose_Ry", "pose_Rz"]
    names += [f"{axis}_{point}" for axis in ("x", "y", "X", "Y", "Z") for point in range(68)]
    names += ["p_scale", "p_rx", "p_ry", "p_rz", "p_tx", "p_ty"]
    names += [f"p_{mode}" for mode in range(34)]
    aus = ["01", "02", "04", "05", "06", "07", "09", "10", "12", "14", "15", "17", "20", "23", "25", "26", "45"]
    return names + [f"AU{au}_r" for au in aus] + [f"AU{au}_c" for au in (*aus[:-1], "28", "45")]


def test_78_people_of_whom_44_have_519_answers_with_video(folder):
    everybody = people(folder)
    expected = {f"HC{n:02d}" for n in range(1, 53)} | {f"MDD{n:02d}" for n in range(1, 27)}
    assert set(everybody) == expected
    with_video = {name: answers(path) for name, path in everybody.items() if answers(path)}
    assert len(with_video) == 44
    assert sum(map(len, with_video.values())) == 519
    assert {name for name, found in with_video.items() if len(found) < 12} == set(MISSING_ANSWERS)
    assert len(list(folder.glob("part*/*/Q*.npy"))) == 519
    assert len(list(folder.glob("part*/*/Q*.pkl"))) == 78 * 12 - 9
    assert {path.name[:-2] for path in (folder / "part2").iterdir()} == {"HC"}


def test_an_answer_has_all_its_files_and_one_that_is_missing_none(folder):
    everybody = people(folder)
    sound = {"Q4.wav", "Q4.txt", "Q4.pkl", "Q4.wav.csv", "vector_Q4.csv"}

    def files(name, question):
        return {path.name for path in everybody[name].iterdir() if re.search(rf"Q{question}\D", path.name)}

    assert files("HC01", 4) == sound | {"Q4.csv", "Q4.npy"}
    assert files("HC02", 4) == sound
    assert files(FLAGGED_BUT_ABSENT, 4) == sound
    assert not any(files(name, question) for name, gone in MISSING_ANSWERS.items() for question in gone)
    embedding = np.load(everybody["HC01"] / "Q4.npy", allow_pickle=False)
    assert embedding.shape == (768,)


def test_the_header_is_openfaces_in_full(folder):
    for person in people(folder).values():
        for path in answers(person).values():
            with path.open() as file:
                assert next(file) == ", ".join(full_header()) + "\n"
    assert len(full_header()) == 714


def test_the_header_is_that_of_a_real_recording(shared, folder):
    with gzip.open(shared / "real/openface/opendbm_subj01_timepoint01.csv.gz", "rt") as file:
        assert next(file).rstrip() == ", ".join(full_header())


def test_the_text_has_openfaces_decimals(folder):
    number, three, two, one, six = (r"\d+", *(rf"-?\d+\.\d{{{places}}}" for places in (3, 2, 1, 6)))
    row = [number, "0", three, two, "[01]", *[six] * 6, *[three] * 2, *[one] * 280, *[one] * 3, *[three] * 3]
    row += [*[one] * 340, *[three] * 40, *[two] * 17, *[r"[01]\.00"] * 18]
    lines = (people(folder)["MDD04"] / "Q1.csv").read_text().splitlines()[1:]
    assert all(re.fullmatch(", ".join(row), line) for line in lines)


def test_the_reader_finds_in_an_answer_what_was_simulated(folder, simulation):
    person = people(folder)["MDD04"]
    for question, track in simulation.answers(number_of(simulation, "MDD04")).items():
        recording = read_openface(person / f"Q{question}.csv")
        assert recording.notes == ()
        assert np.array_equal(recording.frame, np.arange(1, len(track.time) + 1))
        assert np.allclose(recording.time, np.arange(len(track.time)) / 4)
        assert np.array_equal(recording.success, track.success)
        expected = {
            "landmarks": track.landmarks,
            "gaze": track.gaze,
            "pose": np.stack([track.translation, track.rotation], axis=1),
            "aus": track.aus[:, :, None],
        }
        for name, values in expected.items():
            assert np.array_equal(recording.cues[name], values.astype(np.float32)), name


def test_the_answers_of_a_person_are_one_session_but_for_the_neutral_faces(simulation):
    for name in ("MDD04", "HC41"):
        i = number_of(simulation, name)
        whole, cut, offsets = simulation.track(i), list(simulation.answers(i).values()), simulation.offsets(i)
        lengths = [len(answer.time) for answer in cut]
        assert len(cut) == 12 - len(MISSING_ANSWERS.get(name, ()))
        assert min(lengths) >= 1
        assert len(set(lengths)) > 3
        for field in ("landmarks", "gaze", "gaze_angle", "translation", "rotation", "success", "presence"):
            assert np.array_equal(np.concatenate([getattr(answer, field) for answer in cut]), getattr(whole, field))
        expected = np.clip(whole.aus - np.repeat(offsets, lengths, axis=0), 0, 5)
        assert np.allclose(np.concatenate([answer.aus for answer in cut]), expected, rtol=0, atol=1e-9)
        assert 0 <= offsets.min() < 0.05 < 0.25 < offsets.max() <= 0.3


def test_pixels_are_the_projection_of_the_points_in_space(folder):
    lines = (people(folder)["MDD04"] / "Q1.csv").read_text().splitlines()
    table = np.array([[float(cell) for cell in line.split(", ")] for line in lines[1:]])
    column = dict(zip(lines[0].split(", "), table[table[:, 4] == 1].T, strict=True))
    for prefix, point in (("", 30), ("eye_lmk_", 0), ("eye_lmk_", 50)):
        x, y, X, Y, Z = (column[f"{prefix}{axis}_{point}"] for axis in "xyXYZ")
        assert np.allclose(x, 320 + 500 * X / Z, atol=0.15)
        assert np.allclose(y, 240 + 500 * Y / Z, atol=0.15)
    for eye, corners in enumerate(((36, 39), (42, 45))):
        for axis in "XY":
            pupil = np.mean([column[f"eye_lmk_{axis}_{28 * eye + k}"] for k in range(20, 28)], axis=0)
            assert np.allclose(pupil, (column[f"{axis}_{corners[0]}"] + column[f"{axis}_{corners[1]}"]) / 2, atol=0.15)


def test_cells_that_are_no_numbers_stand_where_they_are_said_to(folder):
    found = set()
    for name, person in people(folder).items():
        for question, path in answers(person).items():
            header, *lines = path.read_text().splitlines()
            for i, line in enumerate(lines):
                if MALFORMED_TEXT in line:
                    assert i == 0
                    found.add((name, question, header.split(", ")[line.split(", ").index(MALFORMED_TEXT)]))
    assert found == set(MALFORMED)
    assert len(found) >= 2


def test_two_files_have_a_hyphen_too_many(folder):
    hyphened = {(path.parent.name, path.name) for path in folder.rglob("*-.*")}
    assert hyphened == {
        (MISNAMED_WAV[0], f"Q{MISNAMED_WAV[1]}-.wav"),
        (MISNAMED_CSV[0], f"Q{MISNAMED_CSV[1]}-.csv"),
    }
    for name, file in hyphened:
        assert not (people(folder)[name] / file.replace("-", "")).exists()


def test_whoever_loads_a_pickle_leaves_a_trace(folder):
    pickles = {path.read_bytes() for path in folder.rglob("*.pkl")}
    assert len(pickles) == 1
    operations = [(op.name, value) for op, value, _ in pickletools.genops(pickles.pop())]
    assert ("GLOBAL", "builtins open") in operations
    assert ("UNICODE", TRAP) in operations
    assert [name for name, _ in operations][-2:] == ["REDUCE", "STOP"]


def test_the_table_has_a_row_a_person_and_the_real_ones_mistakes(folder):
    header, *body, blank = rows(folder)
    assert header == tuple(COLUMNS_AS_TYPED.get(name, name) for name in HEADER)
    assert header[:4] == ("ID", "MDD", "VideoAvailabe", "PHQtotal")
    assert any(name != name.strip() for name in header)
    assert set(blank) == {None}
    assert len(body) == 78
    ids = [row[0] for row in body]
    assert ids.count("MDD20") == 2
    assert "MDD21" not in ids
    at = ids.index("MDD20")
    assert ids[at : at + 3] == ["MDD20", "MDD20", "MDD22"]
    for name, typed in IDS_AS_TYPED.items():
        assert typed in ids
        assert name not in ids
    assert any(name != name.strip() for name in ids)
    assert any(name != name.upper() for name in ids)
    typed_as_text = [(row[0], HEADER[k]) for row in body for k in range(1, len(row)) if isinstance(row[k], str)]
    assert typed_as_text == [TYPED_AS_TEXT]
    flagged = [row[0] for row in body if row[2] == 1]
    assert [sum(name.upper().startswith(group) for name in flagged) for group in ("HC", "MDD")] == [26, 19]
    assert FLAGGED_BUT_ABSENT in flagged


def test_scores_are_sums_of_their_items_and_overlap_between_the_groups(folder):
    _, *body, _ = rows(folder)
    totals = {0: [], 1: []}
    for row in body:
        items = row[4:13]
        assert (row[3] is None) == (row[0] == EMPTY_TOTAL)
        assert row[3] is None or int(row[3]) == sum(items)
        assert set(items) <= {0, 1, 2, 3}
        totals[row[1]].append(sum(items))
        if row[13] is not None:
            assert row[1] == 1
            assert row[13] == sum(row[14:])
        else:
            assert set(row[13:]) == {None}
            assert row[1] == 0 or row[0] == WITHOUT_HAMD
    assert len(totals[1]) == 26
    assert max(totals[0]) < 12
    assert min(totals[1]) > 8
    assert max(totals[0]) >= min(totals[1])
    assert max(totals[1]) > 20


def test_the_folds_are_the_official_ones(folder):
    table = rows(folder, "5FoldSplitInfo.xlsx")
    folds = [row for row in table if str(row[0]).startswith("Fold")]
    assert [row[0] for row in folds] == [f"Fold {k}" for k in (1, 2, 3, 4, 5)] * 2
    assert [row[3:] for row in folds[:5]] == [
        ("MDD21-26", "HC41-52"),
        ("MDD01-06", "HC01-12"),
        ("MDD07-12", "HC13-24"),
        ("MDD13-18", "HC25-36"),
        ("MDD19-24", "HC37-48"),
    ]
    assert folds[0][1:3] == ("MDD01-20", "HC01-40")
    assert folds[2][1:3] == ("MDD01-06, MDD13-26", "HC01-12, HC25-52")
    with_video = {name for name, path in people(folder).items() if answers(path)}
    for row in folds[5:]:
        train, test = (set(", ".join(cells).split(", ")) for cells in (row[1:3], row[3:]))
        assert train | test == with_video
        assert not train & test


def test_the_same_options_write_the_same_bytes(tmp_path):
    once, again = (write_corpus(tmp_path / name, FEW, quiet, layout="cmdc") for name in "ab")
    files = sorted(path.relative_to(once) for path in once.rglob("*") if path.is_file())
    assert files == sorted(path.relative_to(again) for path in again.rglob("*") if path.is_file())
    assert all((once / path).read_bytes() == (again / path).read_bytes() for path in files)
    for table in once.glob("*.xlsx"):  # nor does the time of day go into it
        with zipfile.ZipFile(table) as archive:
            assert {info.date_time[0] for info in archive.infolist()} == {2000}
            assert archive.read("docProps/core.xml").count(b"2000-01-01T") == 2


def test_a_person_is_the_same_in_a_smaller_corpus(simulation):
    few = CmdcSimulation(FEW)
    assert [few.name(i) for i in range(6)] == ["HC01", "HC02", "MDD01", "HC03", "HC04", "MDD02"]
    for i in range(6):
        assert few.name(i) == simulation.name(i)
        assert np.array_equal(few.phq(i), simulation.phq(i))
        assert np.array_equal(few.track(i).aus, simulation.track(i).aus)


def test_the_signal_alone_ties_behaviour_to_severity(simulation):
    def latents(make, signal):
        return make(dataclasses.replace(OPTIONS, signal=signal)).latents

    # Equal noise at other severities: without signal nothing is left of severity.
    assert not np.array_equal(simulation.severity, Simulation(OPTIONS).severity)
    assert np.array_equal(latents(CmdcSimulation, 0.0), latents(Simulation, 0.0))
    assert not np.allclose(simulation.latents, latents(Simulation, 1.0))
    told = [np.corrcoef(simulation.latent(name), simulation.severity)[0, 1] for name in LINEAR]
    assert np.array_equal(np.sign(told), [-1, -1, -1, 1, -1])
    assert min(map(abs, told)) > 0.3


def test_the_description_marks_it_as_simulated_and_promises_no_oracle(folder, tmp_path):
    description = json.loads((folder / "simulation.json").read_text())
    assert "imulated" in description["simulated"]
    assert description["layout"] == "cmdc"
    assert "oracle" not in description
    said = []
    write_corpus(tmp_path / "a", FEW, said.append, layout="cmdc")
    assert len(said) == 1
    assert "6 simulated sessions written" in said[0]
    assert "R2" not in said[0]


@pytest.mark.parametrize("lost", ["SubjectInfo.xlsx", "part1/HC01/Q3.csv"])
def test_a_corpus_is_used_again_until_it_lost_a_file_or_another_layout_is_asked_for(tmp_path, lost):
    said = []
    write_corpus(tmp_path / "a", FEW, quiet, layout="cmdc")
    write_corpus(tmp_path / "a", FEW, said.append, layout="cmdc")
    assert "used as it is" in said[-1]
    (tmp_path / "a" / lost).unlink()
    write_corpus(tmp_path / "a", FEW, said.append, layout="cmdc")
    assert "written anew" in said[-2]
    assert (tmp_path / "a" / lost).is_file()
    write_corpus(tmp_path / "a", FEW, said.append)
    assert "written anew" in said[-2]
    assert not (tmp_path / "a" / "part1").exists()
    assert (tmp_path / "a" / "labels.csv").is_file()


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"splits": (0.6, 0.2, 0.2)}, "splits"),
        ({"subjects": 79}, "subjects"),
        ({"seconds": (2.0, 30.0)}, "seconds"),
    ],
)
def test_options_that_the_corpus_does_not_know_are_refused_before_anything_is_written(tmp_path, changes, named):
    with pytest.raises(UserError, match=named):
        write_corpus(tmp_path / "a", dataclasses.replace(OPTIONS, **changes), quiet, layout="cmdc")
    assert not any(tmp_path.iterdir())


def test_a_layout_that_nobody_knows_is_refused(tmp_path):
    with pytest.raises(UserError, match="expected one of openface, cmdc"):
        write_corpus(tmp_path / "a", OPTIONS, quiet, layout="daic")
