"""The golden tests notice errors: each planted one (mutations.py) puts an expected value beyond its tolerance."""

import pytest

from tests.golden.mutations import MUTATIONS, PIECES, Mutation, betrayed, planted


@pytest.mark.parametrize("piece", PIECES)
def test_without_an_error_nothing_is_off(piece):
    assert betrayed(None, piece) == {}


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.error)
def test_planted_error_is_noticed(mutation):
    assert betrayed(mutation, mutation.piece)


def test_an_error_that_no_longer_fits_the_code_is_refused():
    outdated = Mutation("outdated", "losses", "text that the module does not hold", "", "losses")
    with pytest.raises(ValueError, match="occurs 0 times"), planted(outdated):
        pass
