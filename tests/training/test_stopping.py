"""SIGTERM: a wish while a training listens, and never lost."""

import signal

import pytest

from mccl_jax.training.stopping import Stopping


@pytest.fixture
def heard():
    """The signals that reach who listened before."""
    found = []
    before = signal.signal(signal.SIGTERM, lambda number, _: found.append(number))
    yield found
    signal.signal(signal.SIGTERM, before)


def test_what_a_training_has_ended_for_does_not_come_again(heard):
    def ends():
        with Stopping():
            signal.raise_signal(signal.SIGTERM)
            raise SystemExit(143)

    with pytest.raises(SystemExit):
        ends()
    assert heard == []


def test_one_that_comes_when_nobody_asks_any_more_takes_effect_afterwards(heard):
    with Stopping():
        signal.raise_signal(signal.SIGTERM)
        assert heard == []
    assert heard == [signal.SIGTERM]


def test_nothing_happens_without_it(heard):
    with Stopping():
        pass
    assert heard == []
