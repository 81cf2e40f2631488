"""Bad data, mistakes and full disks: each ends in one line and status 2, or in a line of the preparation report."""

import contextlib
import gzip
import os
import pathlib
import shutil
import signal
import subprocess

import openpyxl
import pytest

from data_builders.simulator.corpus import write_corpus
from data_builders.simulator.options import Options
from tests.data_builders.openface_files import COUNT, columns, text, write
from tests.end_to_end.program import ROOT, TINY_MODEL, run, start, stop_when

CMDC = f"--config={ROOT}/configs/cmdc.py"
OWN = f"--config={ROOT}/configs/openface.py"


def refused(folder: pathlib.Path, *arguments: str, lines: int = 1) -> str:
    """Runs the program, which must end in one clear message and status 2; returns it."""
    done = run(folder, *arguments, check=2)
    assert "Traceback" not in done.stderr, done.stderr
    message = [line for line in done.stderr.splitlines() if not line.startswith(("preparing ", "prepared ", "epoch "))]
    assert len(message) == lines, done.stderr
    assert message[0].startswith("error: ")
    return "\n".join(message)


@pytest.fixture(scope="module")
def small_cmdc(tmp_path_factory) -> pathlib.Path:
    """A simulated CMDC of fifteen people, some without video."""
    return write_corpus(
        tmp_path_factory.mktemp("cmdc") / "raw", Options(subjects=15, seconds=(12, 16), fps=3), str, "cmdc"
    )


@pytest.fixture
def cmdc(small_cmdc, tmp_path) -> pathlib.Path:
    """One's own copy of it."""
    return pathlib.Path(shutil.copytree(small_cmdc, tmp_path / "raw"))


def own(folder: pathlib.Path, targets: dict[str, object], frames: int = 60) -> pathlib.Path:
    """Recordings of one's own, one a subject, with slightly different faces."""
    for i, name in enumerate(targets):
        cells = columns(frames)
        cells["AU12_r"] = [round(0.1 * i + 0.01 * j, 3) for j in range(frames)]
        write(folder / name, cells)
    rows = [f"{name},{name.split('.')[0]},{target}" for name, target in targets.items()]
    (folder / "labels.csv").write_text("\n".join(["file,subject,target", *rows]) + "\n")
    return folder


def test_without_the_corpus_a_few_lines_say_what_to_get_and_where_to_put_it(tmp_path):
    said = refused(tmp_path, CMDC, lines=6)
    for words in ("--config.data.manual_dir", "doi 10.1109/TAFFC.2022.3181210", "SubjectInfo.xlsx", "HC01", "Q1.csv"):
        assert words in said
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("folder", ["nowhere", "empty", "wrong"])
@pytest.mark.parametrize("config", [CMDC, OWN])
def test_a_folder_that_is_not_the_corpus(tmp_path, folder, config):
    (tmp_path / "empty").mkdir()
    (tmp_path / "wrong").mkdir()
    (tmp_path / "wrong" / "holiday.jpg").write_text("x")
    said = refused(
        tmp_path, config, f"--config.data.manual_dir={folder}", lines=6 if config == CMDC and folder != "wrong" else 1
    )
    assert str(tmp_path / folder) in said
    assert ("SubjectInfo.xlsx" if config == CMDC else "labels.csv") in said
    assert not list((tmp_path / "prepared").rglob("*.array_record*"))
    assert not (tmp_path / "runs").exists()


def test_what_is_wrong_with_recordings_stands_in_the_report(tmp_path):
    """One folder with everything; each file is prepared with a note, or skipped with a reason."""
    folder = own(tmp_path / "mine", {f"{i}.csv": i for i in range(3)}, COUNT)
    whole = text(columns())
    header, *rows = whole.splitlines()
    cells = columns()
    cells["X_5"][3], cells["AU04_r"][4], cells["pose_Tx"][5] = "-1.#IND", "-0.42.1", "nan"
    files = {
        "truncated.csv": "\n".join([header, *rows])[:-900],
        "empty.csv": "",
        "header_only.csv": header + "\n",
        "another_tool.csv": "start_time,stop_time,speaker,value\n1,2,a,b\n",
        "ragged.csv": "\n".join([header, *rows[:5], rows[5] + ", 7", *rows[6:]]) + "\n",
        "repeated_header.csv": "\n".join([header, *rows[:6], header, *rows[6:]]) + "\n",
        "numbers.csv": text(cells),
        "crlf.csv": text(columns(), newline="\r\n"),
        "one_frame.csv": "\n".join([header, rows[0]]) + "\n",
        "no_usable_frame.csv": text(columns() | {"success": [0] * COUNT}),
        "binary.csv": "\x89PNG\0\0",
    }
    for name, content in files.items():
        (folder / name).write_text(content, encoding="latin-1")
    (folder / "bom.csv").write_text(whole, encoding="utf-8-sig")
    (folder / "utf_16.csv").write_text(whole, encoding="utf-16")
    (folder / "cut.csv.gz").write_bytes(gzip.compress(whole.encode())[:500])
    write(folder / "0.csv.gz", columns())  # the same session as 0.csv
    write(folder / "unlabelled.csv", columns())
    with (folder / "labels.csv").open("a") as labels:
        names = [*files, "bom.csv", "utf_16.csv", "cut.csv.gz", "0.csv.gz", "gone.csv"]
        labels.writelines(f"{name},s-{name},1\n" for name in names)
    done = run(tmp_path, OWN, "--config.data.manual_dir=mine", "--mode=prepare")
    report = done.stdout
    skipped = {
        "0.csv.gz": "is the same session as 0.csv",
        "another_tool.csv": "no column frame or confidence",
        "binary.csv": "not a text file",
        "cut.csv.gz": "cannot be read",
        "empty.csv": "empty",
        "gone.csv": "named in the labels, but there is no such file",
        "header_only.csv": "a header without rows",
        "no_usable_frame.csv": "in none of its 12 frames the face was tracked",
        "unlabelled.csv": "has no row in the labels",
    }
    for name, why in skipped.items():
        assert f"  {name}: {why}" in report, name
    assert f"skipped: {len(skipped)}\n" in report
    assert "11 sessions of 11 subjects" in report
    for session, note in {
        "truncated": "rows dropped whose number of cells is not the header's",
        "ragged": "rows dropped whose number of cells is not the header's",
        "repeated_header": "rows dropped whose frame or timestamp is unreadable",
        "numbers": "unreadable cells, their frames are not used",
        "utf_16": "text in UTF-16",
    }.items():
        lines = report.splitlines()
        at = next(i for i, line in enumerate(lines) if line.startswith(f"  {note}"))
        under = [line for line in lines[at + 1 : at + 6] if line.startswith("    ")]
        assert any(line.startswith(f"    {session}") for line in under), (session, under)


def test_what_is_wrong_with_answers_stands_in_the_report(cmdc, tmp_path):
    first = next(cmdc.rglob("HC01"))
    content = (first / "Q1.csv").read_text()
    header, *rows = content.splitlines()
    for question, broken in {
        1: "",
        2: header + "\n",
        3: "start_time,stop_time\n1,2\n",
        4: "\n".join([header, header, *rows]) + "\n",
        5: "\n".join([header, *rows])[:-2000],
    }.items():
        (first / f"Q{question}.csv").write_text(broken)
    (first / "Q6.csv").write_text((first / "Q6.csv").read_text(), encoding="utf-16")
    shutil.copytree(first, first.with_name("HC52"))  # nobody of that name in the table
    report = run(
        tmp_path, CMDC, "--config.data.manual_dir=raw", "--config.data.folds=official", "--mode=prepare"
    ).stdout
    assert "HC52: has answers, but no row in SubjectInfo.xlsx" in report
    (line,) = [line for line in report.splitlines() if line.startswith("    HC01: Q1 (")]
    for words in ("Q1 (empty", "Q2 (a header without rows", "Q3 (no column frame or confidence"):
        assert words in line
    assert "    HC01: Q6" in report.split("text in UTF-16")[1]
    assert "    HC01: Q4 1 of" in report.split("rows dropped whose frame or timestamp is unreadable")[1]


def test_a_person_with_two_folders(cmdc, tmp_path):
    first = next(cmdc.rglob("HC01"))
    shutil.copytree(first, cmdc / "again" / "HC01")
    said = refused(tmp_path, CMDC, "--config.data.manual_dir=raw")
    assert "HC01 has two folders with answers" in said
    assert "again/HC01" in said
    assert not (tmp_path / "prepared").exists() or not list((tmp_path / "prepared").rglob("*.json"))


@pytest.mark.parametrize("wrong", ["absent", "truncated", "a CSV", "no such column", "somebody twice"])
def test_a_table_of_people_that_cannot_be_used(cmdc, tmp_path, wrong):
    table = cmdc / "SubjectInfo.xlsx"
    arguments = [CMDC, "--config.data.manual_dir=raw"]
    if wrong == "absent":
        table.unlink()
    elif wrong == "truncated":
        table.write_bytes(table.read_bytes()[:1000])
    elif wrong == "a CSV":
        table.write_text("ID,MDD,PHQtotal\nHC01,0,3\n")
    elif wrong == "no such column":
        arguments.append("--config.data.target=PHQ")
    else:
        workbook = openpyxl.load_workbook(table)
        sheet = workbook.worksheets[0]
        sheet.append(["HC01", 0, 1, 27])
        workbook.save(table)
    said = refused(tmp_path, *arguments)
    assert "SubjectInfo.xlsx" in said
    assert {"no such column": "no column PHQ", "somebody twice": "HC01 stands in row"}.get(wrong, "expected") in said


@pytest.mark.parametrize("people", [1, 3])
def test_fewer_people_than_folds(cmdc, tmp_path, people):
    folders = sorted(path for path in cmdc.rglob("*") if path.is_dir() and list(path.glob("Q1.csv")))
    for folder in folders[people:]:
        shutil.rmtree(folder)
    said = refused(tmp_path, CMDC, "--config.data.manual_dir=raw")
    assert f"{people} subjects with a known target cannot be dealt into 5 folds" in said


def test_one_session_in_all(tmp_path):
    own(tmp_path / "mine", {"a.csv": 3})
    said = refused(tmp_path, OWN, "--config.data.manual_dir=mine")
    assert "1 subjects with a known target cannot be divided into train and dev" in said
    assert not (tmp_path / "runs").exists()


def test_no_usable_frame_anywhere(tmp_path):
    folder = own(tmp_path / "mine", {"a.csv": 3, "b.csv": 4})
    for name in ("a.csv", "b.csv"):
        write(folder / name, columns() | {"success": [0] * COUNT})
    said = refused(tmp_path, OWN, "--config.data.manual_dir=mine")
    assert "no recording of split sessions could be prepared" in said
    assert "in none of its 12 frames" in said


def test_constant_targets_sessions_of_one_frame_and_a_batch_larger_than_the_corpus(tmp_path):
    folder = own(tmp_path / "mine", {f"{i}.csv": 7 for i in range(6)})
    for i in (0, 3):
        write(folder / f"{i}.csv", columns(1) | {"AU01_r": [0.1 * i]})
    done = run(tmp_path, OWN, "--config.data.manual_dir=mine", *TINY_MODEL, "--config.train.batch_size=64")
    said = " ".join(done.stdout.split())
    assert "All training targets are equal: there was nothing to learn." in said
    assert "xgboost cannot be told apart from predicting the training" in said
    note = "a batch of 64 is larger than the 4 train sessions: a batch has them all"
    assert note in said
    assert note in (tmp_path / "runs/openface/preparation.txt").read_text()
    assert "nan" not in done.stdout.lower()


@pytest.mark.parametrize(
    ("argument", "named"),
    [
        ("--config.data.folds=mine", "data.folds is 'mine': expected 'disjoint' or 'official'"),
        ("--config.windows.segments=answers", "windows.segments is 'answers'"),
        ("--config.windows.segments=0", "cannot be cut into 0 segments"),
        ("--config.data.corpus=daic", "data.corpus is 'daic'"),
        ("--config.evaluation.positive=depressed", "evaluation.positive is 'depressed': no such label"),
        ("--config.evaluation.group=HAMD-1", "its HAMD-1 is unknown, which evaluation.group asks for"),
        ("--config.data.fold=official", "config.data has no key 'fold'"),
        ("--config.train.batch_size=many", "many"),
    ],
)
def test_options_that_do_not_fit(cmdc, tmp_path, argument, named):
    assert named in refused(tmp_path, CMDC, "--config.data.manual_dir=raw", argument)
    assert not (tmp_path / "runs").exists()


def test_labels_as_a_spreadsheet_saves_them(tmp_path):
    folder = own(tmp_path / "mine", {f"{i}.csv": i for i in range(3)}, COUNT)
    labels = (folder / "labels.csv").read_text()
    (folder / "labels.csv").write_bytes(labels.replace("\n", "\r\n").encode("utf-8-sig"))
    assert "3 sessions of 3 subjects" in run(tmp_path, OWN, "--config.data.manual_dir=mine", "--mode=prepare").stdout
    (folder / "labels.csv").write_bytes(labels.encode("utf-16"))
    said = refused(tmp_path, OWN, "--config.data.manual_dir=mine", "--mode=prepare")
    assert "labels.csv" in said
    assert "expected a CSV in UTF-8: save it as such" in said


@pytest.mark.parametrize("place", ["a_file/run", "/proc/mccl/run"])
def test_a_workdir_that_cannot_be_written_to(cmdc, tmp_path, place):
    (tmp_path / "a_file").write_text("x")
    said = refused(tmp_path, CMDC, "--config.data.manual_dir=raw", f"--workdir={place}")
    assert place.split("/")[-2] in said
    assert "choose another" in said


def test_prepared_data_in_a_place_that_cannot_be_written_to(cmdc, tmp_path):
    said = refused(
        tmp_path, CMDC, "--config.data.manual_dir=raw", "--config.data.data_dir=/proc/mccl", "--mode=prepare"
    )
    assert "/proc/mccl" in said


@contextlib.contextmanager
def small_disk(place: pathlib.Path, size: str):
    """A file system of this size; the test is skipped where none may be mounted."""
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", place], capture_output=True)
    if mounted.returncode:
        pytest.skip("needs the right to mount a small file system")
    try:
        yield place
    finally:
        subprocess.run(["umount", place], check=True)


def test_a_disk_that_is_full_while_data_are_prepared(cmdc, tmp_path):
    arguments = (CMDC, "--config.data.manual_dir=raw", "--config.data.data_dir=disk/prepared", "--mode=prepare")
    with small_disk(tmp_path / "disk", "300k"):
        said = refused(tmp_path, *arguments)
        assert "No space left on device" in said
        assert not list((tmp_path / "disk").rglob("*.array_record*"))
    with small_disk(tmp_path / "disk2", "50m"):
        run(tmp_path, *arguments[:2], "--config.data.data_dir=disk2/prepared", "--mode=prepare")


def test_a_disk_that_is_full_while_a_simulated_corpus_is_written(tmp_path):
    with small_disk(tmp_path / "disk", "300k"):
        said = refused(tmp_path, "--config.data.data_dir=disk/prepared", "--mode=prepare")
        assert "No space left on device" in said
        assert not list((tmp_path / "disk").rglob("*.csv"))


def test_a_disk_that_is_full_while_training(tmp_path):
    """What was saved before stays whole: with more room the same command goes on and ends as if nothing had been."""
    own(tmp_path / "mine", {f"{i}.csv": i for i in range(6)})
    arguments = (OWN, "--config.data.manual_dir=mine", *TINY_MODEL)
    with small_disk(tmp_path / "disk", "400k") as disk:
        said = refused(tmp_path, *arguments, "--workdir=disk/run")
        assert "No space left on device" in said
        assert [*(disk / "run/checkpoints").glob("[1-9]*")]
        assert not (disk / "run/results.json").exists()
        subprocess.run(["mount", "-o", "remount,size=50m", disk], check=True)
        run(tmp_path, *arguments, "--workdir=disk/run")
        after = (disk / "run/results.json").read_bytes()
    run(tmp_path, *arguments, "--workdir=undisturbed")
    assert after == (tmp_path / "undisturbed/results.json").read_bytes()


def test_ctrl_c_while_data_are_prepared(cmdc, tmp_path):
    arguments = (CMDC, "--config.data.manual_dir=raw", "--mode=prepare")
    prepared, answer = tmp_path / "prepared", next(cmdc.rglob("HC03")) / "Q5.csv"
    text = answer.read_bytes()
    answer.unlink()
    os.mkfifo(answer)  # nobody writes into it: the preparation comes to it and no further
    status, errors = stop_when(lambda: list(prepared.rglob("*incomplete*")), tmp_path, signal.SIGINT, *arguments)
    answer.unlink()
    answer.write_bytes(text)
    assert status == 130
    assert errors.splitlines()[-1].startswith("interrupted: ")
    assert not list(prepared.rglob("preparation.json"))
    run(tmp_path, *arguments)


def test_two_trainings_do_not_share_a_workdir(tmp_path):
    own(tmp_path / "mine", {f"{i}.csv": i for i in range(6)})
    arguments = (OWN, "--config.data.manual_dir=mine", *TINY_MODEL)
    with start(tmp_path, *arguments, "--config.train.epochs=100000") as first:
        while not (tmp_path / "runs/openface/checkpoints").exists():
            assert first.poll() is None, first.stderr.read()
        said = refused(tmp_path, *arguments, "--config.train.epochs=100000")
        first.kill()
    assert "another process is training in it" in said
