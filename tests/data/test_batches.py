"""Batches drawn on the device: each epoch a permutation, made from seed and step alone."""

import functools
from itertools import chain

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mccl_jax.cues import AUS
from mccl_jax.data.batches import draw, resident, take
from mccl_jax.data.windows import Windows

MEMBERS = jnp.array([3, 1, 4, 15, 9, 2, 6, 5, 35, 8, 97])


@functools.partial(jax.jit, static_argnums=4)
def drawn(seed, step, members, count, batch_size):
    drawn.traces += 1
    return draw(seed, step, members, count, batch_size)


drawn.traces = 0


def epoch(number, count, batch_size, seed=0):
    """The batches of one epoch, each as the list of its sessions."""
    steps = -(-count // batch_size)
    batches = []
    for step in range(number * steps, (number + 1) * steps):
        rows, present = drawn(seed, step, MEMBERS, count, batch_size)
        assert rows.shape == present.shape == (batch_size,)
        batches.append(rows[present].tolist())
    return batches


@pytest.mark.parametrize("batch_size", [1, 4, 11, 16])
@pytest.mark.parametrize("count", [11, 8, 3])
def test_an_epoch_takes_each_member_once(batch_size, count):
    for number in range(3):
        batches = epoch(number, count, batch_size)
        assert sorted(chain(*batches)) == sorted(MEMBERS[:count].tolist())
        # All batches are full but the last.
        assert [len(batch) for batch in batches[:-1]] == [batch_size] * (len(batches) - 1)


def test_epochs_and_seeds_differ_and_repeat_exactly():
    orders = [list(chain(*epoch(number, 11, 4, seed))) for seed in (0, 1) for number in range(4)]
    assert len({tuple(order) for order in orders}) == 8
    assert orders[:4] == [list(chain(*epoch(number, 11, 4))) for number in range(4)]


def test_every_place_of_the_epoch_is_open_to_every_member():
    first = {epoch(number, 8, 8)[0][0] for number in range(80)}
    assert first == set(MEMBERS[:8].tolist())


def test_the_padding_of_a_fold_is_never_drawn_and_does_not_matter():
    other = MEMBERS.at[8:].set(-1)
    for step in range(6):
        expected, found = (drawn(0, step, members, 8, 3) for members in (MEMBERS, other))
        np.testing.assert_array_equal(expected[1], found[1])
        np.testing.assert_array_equal(expected[0][expected[1]], found[0][found[1]])


def test_unequal_folds_share_one_program():
    before = drawn.traces
    for count in (10, 7, 2):
        drawn(5, 0, MEMBERS, count, 5)
    assert drawn.traces - before == 1


def windows():
    rng = np.random.default_rng(0)
    N, T = 5, 4
    return Windows(
        cues={"aus": rng.random((N, T, 17, 1), np.float32)},
        specification={"aus": AUS},
        mask=np.array([[1, 1, 0, 1], [1, 1, 1, 1], [0, 0, 0, 1], [1, 0, 0, 0], [1, 1, 0, 0]], bool),
        segment=np.zeros((N, T), np.int32),
        severity=np.arange(5.0),
        subject=np.array(["b", "a", "b", "c", "a"]),
        session=np.array(list("vwxyz")),
        usable=np.ones(N),
    )


def test_resident_numbers_the_subjects():
    data = resident(windows())
    assert data.subject.tolist() == [1, 0, 1, 2, 0]
    assert data.present.tolist() == [1] * 5
    assert data.mask.dtype == data.present.dtype == data.cues["aus"].dtype == np.float32
    np.testing.assert_array_equal(data.mask, windows().mask)


def test_rows_that_are_not_present_are_emptied():
    data = jax.tree.map(jnp.asarray, resident(windows()))
    batch = take(data, jnp.array([2, 0, 0]), jnp.array([True, True, False]))
    np.testing.assert_array_equal(batch.cues["aus"][:2], windows().cues["aus"][[2, 0]])
    assert batch.subject.tolist()[:2] == [1, 1]
    assert batch.present.tolist() == [1, 1, 0]
    assert batch.mask.tolist() == [[0, 0, 0, 1], [1, 1, 0, 1], [0, 0, 0, 0]]
