"""Streamed batches are the very ones that a step draws of resident windows."""

import jax
import numpy as np
import pytest

from data_builders.records import Session
from mccl_jax.data.batches import draw, resident, take
from mccl_jax.data.windows import WindowOptions, cut_windows
from mccl_jax.training.feeding import Source, Stream
from mccl_jax.training.mesh import make_mesh
from mccl_jax.training.step import Hyper
from tests.data.made import plain

N, BATCH_SIZE, SLOTS = 9, 4, 3
OPTIONS = WindowOptions(rate=2.0, seconds=6.0)
TARGET = np.array([1, 2, np.nan, 4, 5, 6, 7, np.nan, 9], np.float32)


def sessions() -> list[Session]:
    """Two of each person but the last, of different lengths."""
    rng = np.random.default_rng(0)
    return [
        plain(np.arange(3 + i) / 2, rng.normal(size=3 + i), session=f"s{i}", subject=f"p{i // 2}") for i in range(N)
    ]


@pytest.fixture(scope="module")
def windows(tmp_path_factory):
    folder = tmp_path_factory.mktemp("windows")
    return cut_windows(sessions(), OPTIONS, folder)[0]


def source(windows, seed: int, count: int) -> Source:
    members = np.pad(np.random.default_rng(seed).permutation(N)[:count], (0, N - count)).astype(np.int32)
    hyper = Hyper(np.int32(seed), *np.float32([1, 1, 1]), np.int32(-(-count // BATCH_SIZE)))
    return Source(windows, members, np.int32(count), hyper, TARGET)


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("count", [9, 6, 2])
def test_each_batch_is_the_one_that_a_step_draws(windows, count, shuffle):
    one, in_memory = (
        source(windows, 3, count),
        resident(cut_windows(sessions(), WindowOptions(rate=2.0, seconds=6.0))[0], TARGET),
    )
    stream = Stream([one], make_mesh(1, jax.devices()[:1]), BATCH_SIZE, shuffle)
    for step, found in enumerate(stream.batches(0, 3 * SLOTS, SLOTS)):
        epoch, slot = divmod(step, SLOTS)
        found = jax.tree.map(lambda x: np.asarray(x[0]), found)
        if slot >= one.hyper.steps_per_epoch:
            assert not found.present.any()
            continue
        at = epoch * int(one.hyper.steps_per_epoch) + slot
        rows, present = draw(3, at, one.members, count, BATCH_SIZE, shuffle)
        expected, there = take(in_memory, rows, present), np.asarray(present)
        assert found.present.tolist() == expected.present.tolist()
        np.testing.assert_array_equal(found.mask, expected.mask)
        np.testing.assert_array_equal(found.cues["plain"][there], expected.cues["plain"][there])
        np.testing.assert_array_equal(found.subject[there], expected.subject[there])
        np.testing.assert_array_equal(found.target[there], expected.target[there])
        np.testing.assert_array_equal(found.segment[there], expected.segment[there])
    assert step == 3 * SLOTS - 1


def test_it_begins_anywhere(windows):
    stream = Stream([source(windows, 1, 9)], make_mesh(1, jax.devices()[:1]), BATCH_SIZE, True)
    whole = [np.asarray(batch.subject) for batch in stream.batches(0, 7, SLOTS)]
    later = [np.asarray(batch.subject) for batch in stream.batches(5, 7, SLOTS)]
    np.testing.assert_array_equal(whole[5:], later)


def test_everything_is_all_rows_in_their_order(windows):
    stream = Stream([source(windows, 1, 9)], make_mesh(1, jax.devices()[:1]), BATCH_SIZE, True)
    batches = [jax.tree.map(lambda x: np.asarray(x[0]), batch) for batch in stream.everything(4)]
    found = np.concatenate([batch.cues["plain"][batch.present > 0] for batch in batches])
    np.testing.assert_array_equal(found, np.stack([windows.cues["plain"][i] for i in range(N)]))
    assert [batch.present.sum() for batch in batches] == [4, 4, 1]
