"""What --mode=train refuses before hours are spent."""

import numpy as np
import pytest

from mccl_jax.errors import UserError
from mccl_jax.evaluation.held_out import check_labels
from mccl_jax.evaluation.options import Options


def checked(labels, **options):
    labels = {"gender": np.array(["", "", ""]), **{name: np.array(values) for name, values in labels.items()}}
    check_labels(labels, np.array(["a", "b", "c"]), Options(**options))


@pytest.mark.parametrize("key", ["positive", "group"])
def test_nothing_asked_for_nothing_checked(key):
    checked({}, **{key: ""})
    checked({"MDD": [0.0, 1.0, np.nan]})


def test_labels_that_serve():
    checked({"MDD": [0.0, 1.0, 1.0], "site": ["N", "S", "S"]}, positive="MDD", group="site")
    checked({"MDD": [0.0, 0.0, 0.0], "age": [30.0, 31.0, 32.0]}, positive="MDD", group="age")


NAN = float("nan")


@pytest.mark.parametrize(
    ("labels", "options", "words"),
    [
        ({"MDD": [0.0] * 3}, {"group": "site"}, r"evaluation\.group is 'site': no such label; there are gender, MDD$"),
        ({}, {"positive": "MDD"}, r"evaluation\.positive is 'MDD': no such label; there are gender$"),
        ({"MDD": [0.0, NAN, NAN]}, {"positive": "MDD"}, r"b: its MDD is unknown, which evaluation\.positive asks for"),
        ({"age": [NAN, 30.0, 30.0]}, {"group": "age"}, r"a: its age is unknown, which evaluation\.group asks for"),
        ({"site": ["N", "S", ""]}, {"group": "site"}, r"c: its site is unknown, which evaluation\.group asks for"),
        (
            {"site": ["N", "S", "S"]},
            {"positive": "site"},
            r"evaluation\.positive is 'site', which holds 'N': expected 0",
        ),
        (
            {"PHQ": [0.0, 1.0, 14.0]},
            {"positive": "PHQ"},
            r"evaluation\.positive is 'PHQ', which holds 14\.0: expected 0",
        ),
    ],
)
def test_labels_that_do_not_are_one_line(labels, options, words):
    with pytest.raises(UserError, match=words) as caught:
        checked(labels, **options)
    assert "\n" not in str(caught.value)
