"""The table of labels: what it may hold, and the line that a mistake is found in."""

import math

import pytest

from data_builders.readers import labels
from data_builders.readers.labels import read_labels
from mccl_jax.errors import UserError


def table(tmp_path, text, encoding="utf-8"):
    path = tmp_path / "labels.csv"
    path.write_bytes(text.encode(encoding))
    return path


def test_a_full_table(tmp_path):
    text = (
        "file,subject,target,split,fold,gender,site,age\n"
        "a.csv,s1,3.5,train,0,female,North,31\n"
        'b.csv,s1,,train,0,F,"South, old",\n'
        "\n"
        "c.csv,s2,0,Dev,1,0,,40.5\n"
    )
    found = read_labels(table(tmp_path, text))
    a, b, c = found.rows
    assert (a.file, a.subject, a.target, a.split, a.fold, a.gender) == ("a.csv", "s1", 3.5, "train", 0, "female")
    assert a.labels == {"site": "North", "age": 31.0}
    assert math.isnan(b.target)
    assert b.labels == {"site": "South, old", "age": None}
    assert (c.split, c.fold, c.gender, c.line) == ("dev", 1, "male", 5)
    assert found.notes == (
        "rows without a target: 1",
        "the column fold of the labels is not used: they have a column split, too, and that one counts",
    )


def test_only_what_is_needed(tmp_path):
    (row,) = read_labels(table(tmp_path, "phq,subject,file\n7,s,x/a.csv.gz\n"), target="phq").rows
    assert (row.file, row.subject, row.target) == ("x/a.csv.gz", "s", 7.0)
    assert (row.split, row.fold, row.gender, dict(row.labels)) == ("", -1, "", {})


def test_another_target_leaves_the_first_one_a_label(tmp_path):
    (row,) = read_labels(table(tmp_path, "file,subject,target,other\na,s,1,2\n"), target="other").rows
    assert row.target == 2
    assert row.labels == {"target": 1.0}


@pytest.mark.parametrize(("newline", "encoding"), [("\r\n", "utf-8-sig"), ("\n", "utf-8-sig"), ("\r", "utf-8")])
def test_spreadsheets(tmp_path, newline, encoding):
    text = newline.join([" file , subject,target ", " a.csv, Jürg ,1 ", ",,", ""])
    (row,) = read_labels(table(tmp_path, text, encoding)).rows
    assert (row.file, row.subject, row.target) == ("a.csv", "Jürg", 1.0)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("file,subject,score\na,s,1\n", "no column target; its columns, cut at commas, are: file, subject, score"),
        ("file;subject;target\na;s;1\n", "cut at commas, are: file;subject;target"),
        ("", "are: none"),
        ("file,subject,target\n", "has no rows"),
        ("file,subject,target,target\na,s,1,1\n", "'target' stands twice"),
        ("file,subject,target\na,s,1,2\n", "line 2: 4 cells; expected 3"),
        ("file,subject,target\na,s,1\nb,,1\n", "line 3: subject is empty"),
        ("file,subject,target\n,s,1\n", "line 2: file is empty"),
        ("file,subject,target\na,s,high\n", "line 2: target is 'high'"),
        ("file,subject,target\na,s,inf\n", "line 2: target is 'inf'"),
        ("file,subject,target\na,s,1\nb,s,1\na,s,1\n", "line 4: file a stands in line 2"),
        ("file,subject,target,split\na,s,1,valid\n", "line 2: split is 'valid'"),
        ("file,subject,target,split\na,s,1,train\nb,t,1,\n", "line 3: split is empty, as in 1 of 2 rows"),
        ("file,subject,target,fold\na,s,1,0\nb,t,1,\n", "line 3: fold is empty"),
        ("file,subject,target,fold\na,s,1,-1\n", "line 2: fold is '-1'"),
        ("file,subject,target,gender\na,s,1,woman\n", "line 2: gender is 'woman'"),
        (
            "file,subject,target,split\na,s,1,train\nb,s,1,test\n",
            "line 3: subject s has split test, but train in line 2",
        ),
        ("file,subject,target,fold\na,s,1,0\nb,t,1,1\nc,s,1,1\n", "line 4: subject s has fold 1, but 0 in line 2"),
        ("file,subject,target,gender\na,s,1,f\nb,s,1,m\n", "line 3: subject s has gender male, but female in line 2"),
    ],
)
def test_mistakes(tmp_path, text, said):
    path = table(tmp_path, text)
    with pytest.raises(UserError) as error:
        read_labels(path)
    assert said in str(error.value)
    assert str(error.value).startswith(str(path))
    assert "\n" not in str(error.value)


def test_a_gender_known_once_is_no_conflict(tmp_path):
    rows = read_labels(table(tmp_path, "file,subject,target,gender\na,s,1,f\nb,s,1,\n")).rows
    assert [row.gender for row in rows] == ["female", ""]


def test_no_table_and_no_text(tmp_path):
    with pytest.raises(UserError, match="there is no such table; expected a CSV with the columns file, subject, phq"):
        read_labels(tmp_path / "labels.csv", "phq")
    with pytest.raises(UserError, match="cannot be read as text"):
        read_labels(table(tmp_path, "file,subject,target\nJürg,s,1\n", "latin-1"))


def test_real_labels(shared):
    for target in ("anxious_1_7", "extraverted_1_7"):
        found = read_labels(shared / "real" / "react" / "labels.csv", target)
        assert len(found.rows) == 46
        assert len({row.subject for row in found.rows}) == 24
        assert all(1 <= row.target <= 7 for row in found.rows)
        assert found.notes == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("file,subject,target\na,s," + "9" * 200_000, "line 2: cannot be cut into cells"),
        ("file,subject,target\na,s," + "x" * 900, "line 2: target is 'xxx"),
        ("file,subject,target\na\x1b[2J,s,1\na\x1b[2J,s,2\n", r"line 3: file a\?\[2J stands"),
        (",".join(f"column{i}" for i in range(5000)) + "\n1\n", "no column file or subject or target"),
        ("file,subject,target,fold\na,s,1," + "9" * 400 + "\n", "fold is '999"),
        ("file,subject,target,fold\na,s,1,\u0663\n", "fold is '\u0663'"),
    ],
)
def test_what_is_quoted_is_short_and_printable(tmp_path, text, said):
    with pytest.raises(UserError, match=said) as error:
        read_labels(table(tmp_path, text))
    assert str(error.value).isprintable()
    assert len(str(error.value)) < 600


def test_a_table_that_is_far_too_long(tmp_path, monkeypatch):
    monkeypatch.setattr(labels, "_MOST_BYTES", 20)
    with pytest.raises(UserError, match="is larger than any such file"):
        read_labels(table(tmp_path, "file,subject,target\na,s,1\n"))
