"""Kinds of cells, and never a cell."""

import pytest

from data_builders.survey.cells import cells_of
from data_builders.survey.headers import header_of


def looked_at(text, encoding="utf-8", begins_with_header=True):
    data = text.encode(encoding)
    return cells_of(data, header_of(data), begins_with_header)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_kinds_by_column(encoding):
    found = looked_at("a, b, c, d\n1, 0.5, x, \n2, 3, y, \n", encoding)
    assert found.kinds == ("integer", "float", "text", "empty")
    assert (found.rows, found.ragged, found.odd, found.whole) == (2, 0, {}, True)


def test_cells_among_numbers_that_are_none_are_counted_by_kind():
    rows = ["1,1", "-1.#IND,2", "-1.#ind,", "-0.4.1,hm", "1e3,3", ",", "", "1,2,3"]
    found = looked_at("\n".join(["a,b", *rows]) + "\n")
    assert found.kinds == ("float", "integer")
    assert found.odd == {(0, "-1.#IND"): 2, (0, "malformed number"): 1, (1, "empty"): 1, (1, "text"): 1}
    assert (found.rows, found.ragged) == (5, 1)  # of blank ones nothing is said


def test_text_separated_by_tabs_may_hold_anything_else():
    found = looked_at('start\tvalue\n0.5\tso, "he said\n1.5\tyes\n')
    assert (found.kinds, found.rows) == (("float", "text"), 2)


def test_without_a_header_the_first_line_is_a_row():
    assert looked_at("1,2\n3,4\n", begins_with_header=False).rows == 2


def test_a_long_text_is_looked_through_in_part(monkeypatch):
    monkeypatch.setattr("data_builders.survey.cells.MOST_BYTES", 50)
    found = looked_at("a,b\n" + "1,2\n" * 100)
    assert (found.whole, found.kinds) == (False, ("integer", "integer"))
    assert 5 < found.rows < 15
