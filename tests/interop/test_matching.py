"""Everything that is wrong with named tensors is said at once, by name."""

import numpy as np
import pytest

from mccl_jax.errors import UserError
from mccl_jax.interop.matching import matched

SHAPES = {"a": (2, 3), "b": (4,), "c": ()}
GOOD = {"a": np.zeros((2, 3), np.float32), "b": np.ones(4), "c": np.float32(1)}


def message(tensors, **more) -> str:
    with pytest.raises(UserError) as error:
        matched(tensors, SHAPES, "file.safetensors", "three tensors", **more)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_what_matches_is_given_back():
    found = matched(GOOD, SHAPES, "", "")
    assert set(found) == set(SHAPES)
    assert found["a"] is GOOD["a"]


def test_missing_extra_and_misshapen_in_one_message():
    assert message({"a": np.zeros((3, 2)), "c": np.float32(1), "d": np.zeros(1)}) == (
        "file.safetensors: missing: b; not expected: d; of another shape: a (3, 2) for (2, 3); expected three tensors"
    )


def test_every_name_is_listed():
    said = message({f"extra{i}": np.zeros(1) for i in range(300)})
    assert "missing: a, b, c;" in said
    assert all(f"extra{i}" in said for i in range(300))


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (np.zeros((2, 3), np.int64), "not floating-point: a (int64)"),
        (np.full((2, 3), np.nan), "not finite: a"),
        (np.zeros(6), "of another shape: a (6,) for (2, 3)"),
    ],
)
def test_values_that_are_no_weights(value, said):
    assert said in message(GOOD | {"a": value})


def test_one_of_several_names_suffices_and_copies_must_agree():
    spellings = {"a": ("x.a", "y.a"), "b": ("b",), "c": ("c",)}
    rest = {"b": GOOD["b"], "c": GOOD["c"]}
    for copies in ({"x.a": GOOD["a"]}, {"y.a": GOOD["a"]}, {"x.a": GOOD["a"], "y.a": GOOD["a"].copy()}):
        assert set(matched(rest | copies, SHAPES, "", "", spellings)) == set(SHAPES)
    differing = message(rest | {"x.a": GOOD["a"], "y.a": GOOD["a"] + 1}, spellings=spellings)
    assert "given in copies that differ: y.a from x.a" in differing
    assert "missing: x.a;" in message(rest, spellings=spellings)
