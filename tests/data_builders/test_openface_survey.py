"""One's own recordings before they are prepared: rows of the labels, files, headers."""

from data_builders.openface import survey
from data_builders.openface.openface_dataset_builder import OpenFaceConfig
from tests.data_builders.openface_files import columns, write
from tests.data_builders.survey.looking import look

OLD = ("face_id", "gaze_angle_x", "gaze_angle_y")  # not in OpenFace 0.x and 1.x


def of_own(folder, **options):
    return look(folder, survey.layout, survey.look_at, OpenFaceConfig(**options))


def some(folder, missing=(), **others):
    """Six recordings, the last of which may lack columns or have others."""
    for i in range(5):
        cells = columns(20)
        cells["AU12_r"] = [round(i / 10 + j / 100, 3) for j in range(20)]
        write(folder / f"{i}.csv", cells)
    cells = {name: cell for name, cell in columns(20).items() if name not in missing} | others
    write(folder / "p/last.csv.gz", cells)
    names = [*(f"{i}.csv" for i in range(5)), "p/last.csv.gz"]
    rows = [f"{name},s{i},{i},{'train' if i < 4 else 'dev'}" for i, name in enumerate(names)]
    (folder / "labels.csv").write_text("\n".join(["file,subject,target,split", *rows]) + "\n")
    return folder


def test_whole_recordings(tmp_path):
    found = of_own(some(tmp_path))
    assert {what: count.words() for what, count in found.counts.items()} == {
        "train": "4 of 4",
        "dev": "2 of 2",
        "recordings": "6 of 6",
    }
    assert found.lines == [
        "recordings: *.csv (5), *.csv.gz (1), in the folder itself, 1 folder below",
        "labels: labels.csv, 6 rows of 6 subjects",
        "headers: 393 columns as of OpenFace 2.x",
    ]
    assert not found.odd()


def test_families_of_headers_and_columns_that_are_absent(tmp_path):
    no_clock = some(tmp_path / "a", missing=("timestamp", "success", "face_id"), face=[0] * 20, mood=[1] * 20)
    found = of_own(no_clock)
    assert found.lines[-1] == (
        "headers: 393 columns as of OpenFace 2.x (5), 392 columns without timestamp and success (1)"
    )
    assert found.odd() == ["recording with columns that are not known (mood): p/last.csv.gz"]
    old = of_own(some(tmp_path / "b", missing=(*OLD, "AU12_r")))
    assert "389 columns as of OpenFace 0.x or 1.x (1)" in old.lines[-1]
    assert old.odd(costs=True) == ["recording that lacks columns AU12_r: p/last.csv.gz"]
    assert not of_own(tmp_path / "b", missing="omit").odd(costs=True)


def test_rows_without_a_file_and_files_without_a_row(tmp_path):
    folder = some(tmp_path)
    (folder / "2.csv").rename(folder / "two.csv")
    (folder / "video.mp4").write_bytes(b"x")
    found = of_own(folder)
    count = found.counts["recordings"]
    assert (count.found, count.expected, count.missing, count.unexpected) == (5, 6, ("2.csv",), ("two.csv",))
    assert found.counts["train"].found == 3
    assert found.odd() == ["files that are not known and not read, 1: video.mp4"]
