"""The file of what is known of the sessions without a model."""

import numpy as np
import pytest

from mccl_jax.errors import UserError
from mccl_jax.evaluation.described import Described

TWO = Described(
    np.array(["a", "b"]), {"seconds": np.array([60.0, np.nan])}, np.array([[1, 2], [3, np.nan]], np.float32)
)


def test_read_back_as_it_was_written_and_picked_by_name(tmp_path):
    TWO.save(tmp_path / "sessions.npz")
    found = Described.load(tmp_path / "sessions.npz").of(np.array(["b", "a"]))
    assert found.session.tolist() == ["b", "a"]
    np.testing.assert_array_equal(found.nuisance["seconds"], [np.nan, 60])
    np.testing.assert_array_equal(found.statistics, [[3, np.nan], [1, 2]])


def test_a_session_that_is_not_there_is_named():
    with pytest.raises(UserError, match=r"has no session c, and 0 more.*run the training's command again"):
        TWO.of(np.array(["a", "c"]))


@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04 broken"])
def test_a_file_that_is_no_such_is_refused(tmp_path, content):
    path = tmp_path / "sessions.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=r"sessions\.npz: cannot be read .*run the training's command again"):
        Described.load(path)


def test_what_would_have_to_be_unpickled_is_refused(tmp_path):
    path = tmp_path / "sessions.npz"
    np.savez(path, session=np.array(["a"]), statistics=np.array([[object()]], object))
    with pytest.raises(UserError, match="cannot be read"):
        Described.load(path)
