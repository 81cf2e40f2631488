"""What a mistake is told by: one line that names of files and cells cannot break."""

import pickle

import pytest

from mccl_jax.errors import UserError, reason_of, shown


@pytest.mark.parametrize("name", ["a\nb.csv", "a\r\x1b[2Jb.csv", "\udcfc.csv", "a\u2028b"])
def test_names_can_neither_break_the_line_nor_steer_the_terminal(name):
    said = str(UserError(f"{name}: is empty"))
    assert said.isprintable()
    assert said.endswith(": is empty")


def test_lines_that_are_indented_belong_to_the_message():
    assert str(UserError("no corpus; expected it\n  get it   from its authors")).count("\n  get it   from") == 1


def test_a_mistake_passes_from_one_process_to_another():
    error = pickle.loads(pickle.dumps(UserError("a: is empty")))
    assert (type(error), str(error)) == (UserError, "a: is empty")


def test_what_is_quoted_is_cut():
    assert shown("x" * 500) == "x" * 100 + "..."
    assert shown("a\tb\n") == "a?b?"
    assert reason_of(ValueError("two\n lines")) == "two lines"
    assert reason_of(MemoryError()) == "MemoryError"
