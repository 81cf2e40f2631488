"""The tables of known defects, and how what they correct is switched and written down."""

import pathlib

import pytest

from data_builders.cmdc import defects as cmdc
from data_builders.daic_woz import defects as daic_woz
from data_builders.defects import (
    Defect,
    Exclude,
    Ledger,
    Relabel,
    Rule,
    Shift,
    corrected_times,
    corrections_in,
    in_words,
    switched_on,
    told,
)
from data_builders.e_daic import defects as e_daic
from mccl_jax.errors import UserError

TABLE = (
    Defect("a-shift", ("1",), "early", "shifted", "manual", Shift(2.5)),
    Defect("a-cut", ("1",), "interrupted", "cut out", "manual", Exclude(3.0, 4.0)),
    Defect("a-label", ("2",), "wrong", "right", "manual", Relabel("score", None, 2.0)),
    Defect("a-rule", (), "odd", "even", "manual", Rule()),
    Defect("known", ("1", "2"), "no sound", "nothing", "manual"),
)
TABLES = {"cmdc": cmdc, "daic_woz": daic_woz, "e_daic": e_daic}


@pytest.mark.parametrize("corpus", TABLES)
def test_a_table_is_whole_and_the_readme_leads_to_it(corpus):
    table = TABLES[corpus].DEFECTS
    assert len({row.id for row in table}) == len(table)
    assert all(row.wrong and row.done and row.source for row in table)
    assert all(len(row.sessions) == (0 if isinstance(row.correction, Rule) else 1) for row in table if row.correction)
    corrected = [row.correction is not None for row in table]
    assert corrected == sorted(corrected, reverse=True)  # what can be switched off stands first
    assert corrections_in(table) == TABLES[corpus].CORRECTIONS
    assert not any(row.id.startswith("-") or row.id == "all" for row in table)
    readme = (pathlib.Path(__file__).parents[2] / "data_builders" / corpus / "README.md").read_text()
    assert "[defects.py](defects.py)" in readme
    assert "config.data.corrections" in readme


@pytest.mark.parametrize(
    ("corrections", "on"),
    [
        ((), []),
        (("all",), ["a-shift", "a-cut", "a-label", "a-rule"]),
        (("a-rule", "a-cut"), ["a-cut", "a-rule"]),
        (("-a-cut",), ["a-shift", "a-label", "a-rule"]),
        (("all", "-a-cut", "-a-rule"), ["a-shift", "a-label"]),
        (("a-cut", "-a-cut"), []),
    ],
)
def test_corrections_are_switched_by_their_ids(corrections, on):
    assert [row.id for row in switched_on(TABLE, corrections)] == on


@pytest.mark.parametrize("name", ["known", "-known", "A-cut", "-all", "-", ""])
def test_a_name_that_is_none_is_named(name):
    with pytest.raises(UserError, match="expected some of a-shift, a-cut, a-label, a-rule, or all") as caught:
        switched_on(TABLE, ("all", name))
    assert f"{name!r} is none" in str(caught.value)
    assert switched_on((), ("all",)) == ()


def test_what_a_correction_does_is_written_down_whether_it_is_made_or_not():
    ledger = Ledger(TABLE, ("-a-label",))
    assert ledger.corrects("a-rule", "span", (float("nan"), 1.0), (0.5, 1.0))
    assert not ledger.corrects("a-label", "score", None, 2.0)
    assert ledger.corrects("a-rule", "span", (float("nan"), 1.0), (float("nan"), 1.0))  # nothing to be done
    made = {"id": "a-rule", "what": "span", "was": [None, 1.0], "is": [0.5, 1.0]}
    off = {"id": "a-label", "what": "score", "was": None, "is": 2.0}
    assert ledger.provenance() == {"corrections": [made], "switched_off": [off]}
    assert Ledger(TABLE, (), ledger.effects).provenance() == ledger.provenance()
    with pytest.raises(KeyError):
        ledger.corrects("known", "span", 1, 2)


def test_times_are_corrected_beside_the_values():
    for corrections in (("all",), ()):
        ledger, provenance = Ledger(TABLE, corrections), {}
        assert corrected_times("2", ledger, (1.0, 2.0), provenance) == (1.0, 2.0)
        assert not ledger.effects
        span = corrected_times("1", ledger, (1.0, 2.0), provenance)
        assert span == ((3.5, 4.5) if corrections else (1.0, 2.0))
        assert provenance == ({"exclude_seconds": [[3.0, 4.0]]} if corrections else {})
        assert [(one.id, one.was, one.value, one.made) for one in ledger.effects] == [
            ("a-shift", [1.0, 2.0], [3.5, 4.5], bool(corrections)),
            ("a-cut", [], [[3.0, 4.0]], bool(corrections)),
        ]


def test_what_is_not_corrected_is_told_of_the_sessions_that_are_there():
    assert told(TABLE, ["2", "3"]) == ["known of session 2: no sound"]


@pytest.mark.parametrize(
    ("was", "value", "words"),
    [
        (None, 2.0, "x was unknown, is 2"),
        (0.0, 1.0, "x was 0, is 1"),
        ("MDD20", "MDD21", "x was MDD20, is MDD21"),
        ([], [[352.0, 420.0]], "x was none, is 352 to 420"),
        ([0.75, 14.3], [None, None], "x was 0.75 to 14.3, is unknown"),
    ],
)
def test_in_words(was, value, words):
    correction = {"id": "a-rule", "what": "x", "was": was, "is": value}
    assert in_words(correction) == words
    assert in_words(correction, made=False) == words.replace("was", "is", 1).replace(", is", ", would be")
