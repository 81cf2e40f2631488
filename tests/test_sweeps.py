"""The language of sweeps: what it means, and that mistakes in it are one line."""

import pytest

from mccl_jax.errors import UserError
from mccl_jax.sweeps import names_of, settings


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("seed=0", [{"seed": 0}]),
        ("seed=0,1,2", [{"seed": 0}, {"seed": 1}, {"seed": 2}]),
        (
            "seed=0,1 * train.temperature=0.05,9e-2",
            [{"seed": s, "train.temperature": t} for s in (0, 1) for t in (0.05, 0.09)],
        ),
        ("a=1,2 & b=x,'y z'", [{"a": 1, "b": "x"}, {"a": 2, "b": "y z"}]),
        ("a=1 + b=-2.5", [{"a": 1}, {"b": -2.5}]),
        ("a=1,2 & b=3,4 * c=5,6", [{"a": a, "b": b, "c": c} for a, b in ((1, 3), (2, 4)) for c in (5, 6)]),
        ("(a=1 + b=2) * c=3,4", [{"a": 1, "c": 3}, {"a": 1, "c": 4}, {"b": 2, "c": 3}, {"b": 2, "c": 4}]),
        ('r=("ridge", xgboost),(ridge,)', [{"r": ("ridge", "xgboost")}, {"r": ("ridge",)}]),
        ("a=True,None,3hz,1e-3,1E+2", [{"a": v} for v in (True, None, "3hz", 1e-3, 100.0)]),
    ],
)
def test_settings(text, expected):
    assert settings(text) == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "expected the key of a config, not 'the end'"),
        ("seed", "expected '=', not 'the end'"),
        ("seed=", "expected a value, not 'the end'"),
        ("seed=0,", "expected a value"),
        ("seed=0 1", "did not expect '1'"),
        ("0=1", "'0' is no key"),
        ("a=1,2 & b=1", "joins 2 and 1 settings"),
        ("a=1 * a=2", "a stands twice in one setting"),
        ("(a=1", "expected ')'"),
        ('a="1', "cannot be read from"),
    ],
)
def test_mistakes_are_one_line(text, said):
    with pytest.raises(UserError) as caught:
        settings(text)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_names_are_short_and_different():
    assert names_of(settings("seed=0,1 * train.temperature=0.05")) == [
        "seed=0,temperature=0.05",
        "seed=1,temperature=0.05",
    ]
    assert names_of(settings("a.x=1 + b.x=1")) == ["a_x=1", "b_x=1"]
    assert names_of(settings("r=(a, b)")) == ["r=a+b"]
    with pytest.raises(UserError, match="stands there twice"):
        names_of(settings("seed=1,1"))
