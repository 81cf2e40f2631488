"""Nothing of a name is shown but what stands in a list."""

import random
import re

import pytest

from data_builders.survey.disguise import Disguise, kind_of

WORDS = "_P CLNF AUs features3D AVEC2017 train split Q HC"
DISGUISE = Disguise(WORDS, "PHQ AU score gaze time")


@pytest.mark.parametrize(
    ("name", "owner", "pattern", "shown"),
    [
        ("300_P.zip", "300", "{id}_P.zip", "{id}_P.zip"),
        ("301_CLNF_AUs.txt", "300", "{n}_CLNF_AUs.txt", "{n}_CLNF_AUs.txt"),
        ("300_CLNF_features3D.txt", "300", "{id}_CLNF_features3D.txt", "{id}_CLNF_features3D.txt"),
        ("features4D.txt", "", "features{n}D.txt", "<word>.txt"),
        ("train_split_AVEC2017.csv", "", "train_split_AVEC2017.csv", "train_split_AVEC2017.csv"),
        ("Anna Schmidt/HC07/Q3.csv", "", "Anna Schmidt/HC{n}/Q{n}.csv", "<word> <word>/HC{n}/Q{n}.csv"),
        ("张伟_2024-01-31.wav", "", "张伟_{n}-{n}-{n}.wav", "<word>_{n}-{n}-{n}.wav"),
        ("trainer/splits.csv", "", "trainer/splits.csv", "<word>/<word>.csv"),
        ("bin/mat.csv.tar", "", "bin/mat.csv.tar", "<word>/<word>.csv.tar"),  # both are names of people, too
        ("1a2b3c.txt", "", "{n}a{n}b{n}c.txt", "<word>.txt"),
        ("a\x1bb", "", "a\x1bb", "<word>?<word>"),
    ],
)
def test_names(name, owner, pattern, shown):
    assert DISGUISE.pattern(name, owner) == pattern
    assert DISGUISE.name(pattern) == shown


def test_whatever_a_name_is_made_of_nothing_unknown_passes():
    random.seed(0)
    known = {"p", "clnf", "aus", "train", "split", "q", "hc", "csv", "word", "id", "n"}
    parts = [*"abQPé张٣0179_-. /{}<>\n\ud800", "HC", "train", "AUs", ".csv", "features3D", "{id}", "{n}", "<word>"]
    for _ in range(3000):
        name = "".join(random.choices(parts, k=random.randint(1, 12)))
        # Also of what was not made a pattern before.
        for shown in (DISGUISE.name(DISGUISE.pattern(name, "7")), DISGUISE.name(name)):
            shown = shown.replace("features3D", "")
            assert shown.isascii(), name
            assert shown.isprintable() or not shown, name
            assert {word.lower() for word in re.findall("[A-Za-z]+", shown)} <= known, name
            assert not re.search("[0-9]", shown), name


KNOWN = re.compile(r"frame|AU\d\d_r|Text|speaker").fullmatch


def cells(*row):
    return DISGUISE.cells(row, lambda cell: bool(KNOWN(cell)))


def test_a_header_shows_known_columns_and_of_others_the_words_that_columns_are_made_of():
    assert cells("frame", "AU01_r", "") == ("frame", "AU01_r", "(empty)")
    assert cells("frame", "AU1_r", "Anna_score") == ("frame", "AU{n}_<word>", "<word>_score")
    assert cells("PHQ_sum", "gaze_left", "time") == ("PHQ_<word>", "gaze_<word>", "time")
    # Known ones in the majority make it a header, whatever else is in it.
    assert cells("frame", "AU01_r", "AU02_r", "0.5") == ("frame", "AU01_r", "AU02_r", "(float)")


def test_a_first_line_that_is_data_shows_kinds_alone():
    assert cells("0.5", "1.2", "speaker", "my time with Anna") == ("(float)", "(float)", "(text)", "(text)")
    assert cells("12", "-0.3", "-1.#IND", "") == ("(integer)", "(float)", "(-1.#IND)", "(empty)")
    assert cells("time") == ("(text)",)
    assert cells("time", "score") == ("(text)", "(text)")
    assert cells("It was time, he said", "gaze score of the day it was", "time") == ("(text)",) * 3


def test_kinds_of_cells():
    said = {"1": "integer", "+1": "integer", "-.5e3": "float", "1.": "float", "": "empty", " ": "empty"}
    said |= {
        "NaN": "nan",
        "-1.#ind": "-1.#IND",
        "1.#QNAN": "1.#QNAN",
        "-0.42.1": "malformed number",
        "1,5": "malformed number",
    }
    said |= {"yes": "text", "12a": "text"}
    assert {cell: kind_of(cell) for cell in said} == said
