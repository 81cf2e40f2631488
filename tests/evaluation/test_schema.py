"""docs/results.md documents every key of results.json, and no other."""

import json

import pytest

from mccl_jax.evaluation.header import SCHEMA_VERSION
from tests import schema
from tests.report.conftest import evaluation_of, made  # noqa: F401


@pytest.fixture
def several(evaluation_of):  # noqa: F811
    """Results of a training alone, and of folds with groups; with what the mode adds to both."""
    groups = ("patients", "controls")
    found = [evaluation_of(inner=2).results, evaluation_of(folds=3, group="arm", groups=groups).results]
    for results in found:
        results.update({"sessions": ["a note"], "encoders": "begun at random", "corpora": {"train": "a", "test": "b"}})
    return [json.loads(json.dumps(results)) for results in found]


def test_the_document_is_of_this_version():
    assert schema.version() == SCHEMA_VERSION


def test_every_key_is_documented(several):
    for results in several:
        assert not schema.undocumented(results)


def test_every_documented_key_is_there(several):
    assert not schema.unseen(*several)


def test_a_key_that_comes_or_goes_is_noticed(several):
    several[0]["protocols"]["last"]["news"] = 1
    assert schema.undocumented(several[0]) == {"protocols.last.news"}
    for results in several:
        del results["verdict"]
    assert schema.unseen(*several) == {"verdict"}
