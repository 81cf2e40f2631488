"""A trace of a few steps: after the first ones, no longer than asked, and never without a word."""

import jax
import jax.numpy as jnp
import pytest

from mccl_jax.training.profiling import Profile


def trained(folder, at_least, calls, steps_a_call=1):
    said, step = [], jax.jit(lambda x: jnp.tanh(x @ x))
    with Profile(folder, at_least, said.append) as profile:
        for _ in range(calls):
            profile.begin()
            profile.end(steps_a_call, step(jnp.ones((8, 8))))
    return said, list(folder.rglob("*.xplane.pb"))


@pytest.mark.parametrize(
    ("at_least", "calls", "a_call", "traced"), [(2, 6, 1, 2), (3, 6, 4, 4), (9, 5, 1, 3)], ids=["", "an epoch", "few"]
)
def test_whole_calls_are_traced(tmp_path, at_least, calls, a_call, traced):
    said, files = trained(tmp_path / "profile", at_least, calls, a_call)
    assert said == [f"profile: {traced} steps are in {tmp_path / 'profile'}"]
    assert len(files) == 1
    assert files[0].stat().st_size > 0


def test_a_training_too_short_says_so(tmp_path):
    said, files = trained(tmp_path / "profile", 3, calls=2)
    assert said == ["profile: none, the training came to its end within 2 calls of its step"]
    assert not files


def test_nothing_asked_for_nothing_done(tmp_path):
    assert trained(tmp_path / "profile", 0, calls=4) == ([], [])
    assert not (tmp_path / "profile").exists()
