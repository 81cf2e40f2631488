"""Embeddings on disk: nothing lost, the same bytes for the same content, whole or absent."""

import dataclasses
import zipfile

import numpy as np
import pytest

from mccl_jax.errors import UserError
from mccl_jax.evaluation.embeddings import Embeddings, evaluated_epochs, path_of_epoch


def embeddings(sessions=5, width=3):
    rng = np.random.default_rng(0)
    return Embeddings(
        session=[f"p{row}_visit1" for row in range(sessions)],
        subject=[f"Jürgen {row}" for row in range(sessions)],
        split=["train", "dev", "train", "test", "train"][:sessions],
        target=[np.nan, 1.5, 2.0, 0.1, 24.0][:sessions],
        z_inter=rng.normal(size=(sessions, width)),
        z_intra=rng.normal(size=(sessions, width)),
        labels={
            "group": np.array(["HC", "", "MDD", "HC", "Ü"][:sessions], np.str_),
            "PHQ-1": np.array([0, np.nan, 3, 1, 1][:sessions], np.float64),
        },
    )


def with_output():
    """Of a network that itself says severities, though not of everybody."""
    return dataclasses.replace(embeddings(), output=[1.5, np.nan, 2, 3, 4])


@pytest.mark.parametrize("saved", [embeddings(5), embeddings(0), with_output()])
def test_what_is_saved_is_loaded(tmp_path, saved):
    saved.save(tmp_path / "new" / "epoch_00001.npz")
    loaded = Embeddings.load(tmp_path / "new" / "epoch_00001.npz")
    arrays = [field.name for field in dataclasses.fields(Embeddings) if field.name != "labels"]
    pairs = [(getattr(saved, name), getattr(loaded, name)) for name in arrays]
    assert list(saved.labels) == list(loaded.labels)
    for one, other in [*pairs, *zip(saved.labels.values(), loaded.labels.values(), strict=True)]:
        np.testing.assert_array_equal(one, other)
        assert one.dtype.kind == other.dtype.kind
    assert [file.name for file in (tmp_path / "new").iterdir()] == ["epoch_00001.npz"]


def test_equal_embeddings_give_equal_bytes(tmp_path):
    embeddings().save(tmp_path / "a.npz")
    embeddings().save(tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.npz") as archive:  # no time of day inside
        assert {member.date_time for member in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_features_are_inter_then_intra():
    one = embeddings()
    assert one.features.dtype == np.float32
    np.testing.assert_array_equal(one.features[:, :3], one.z_inter)
    np.testing.assert_array_equal(one.features[:, 3:], one.z_intra)


def test_a_split_keeps_its_rows_together():
    train = embeddings().of_split("train")
    assert train.session.tolist() == ["p0_visit1", "p2_visit1", "p4_visit1"]
    np.testing.assert_array_equal(train.z_inter, embeddings().z_inter[[0, 2, 4]])
    assert len(embeddings().of_split("nobody")) == 0


def test_a_failed_save_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "epoch_00001.npz"
    embeddings().save(path)
    before = path.read_bytes()

    def full(file, **arrays):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(UserError, match=r"epoch_00001.npz: could not be written \(No space left on device\)"):
        embeddings().save(path)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    assert path.read_bytes() == before


@pytest.mark.parametrize("damage", ["absent", "empty", "cut", "text", "pickle", "other"])
def test_what_cannot_be_read_is_named(tmp_path, damage):
    path = tmp_path / "epoch_00001.npz"
    embeddings().save(path)
    if damage == "absent":
        path.unlink()
    elif damage in ("empty", "cut"):
        path.write_bytes(path.read_bytes()[: 0 if damage == "empty" else 700])
    elif damage == "text":
        path.write_text("session,subject\n")
    elif damage == "pickle":
        np.savez(path, session=np.array([{}], object))
    else:
        np.savez(path, weights=np.zeros(3))
    with pytest.raises(UserError, match=r"epoch_00001.npz: cannot be read .*expected embeddings") as caught:
        Embeddings.load(path)
    assert "\n" not in str(caught.value)


def test_arrays_that_do_not_fit_are_refused():
    one = {field.name: getattr(embeddings(), field.name) for field in dataclasses.fields(Embeddings)}
    for name, value in (
        ("target", np.zeros(4)),
        ("z_inter", np.zeros((4, 3))),
        ("z_intra", np.zeros((5, 2))),
        ("session", ["a", "b", "c", "d", "a"]),
    ):
        with pytest.raises(ValueError, match=r"session|embeddings"):
            Embeddings(**{**one, name: value})


def test_epochs_are_listed_in_order_and_nothing_else(tmp_path):
    assert evaluated_epochs(tmp_path) == {}
    for epoch in (20, 5, 100000, 99999):
        embeddings().save(path_of_epoch(tmp_path, epoch))
    for name in (".epoch_00006.npz.partial", "epoch_7.npz", "epoch_00008.npz.old", "notes.txt"):
        (tmp_path / "embeddings" / name).touch()
    assert list(evaluated_epochs(tmp_path)) == [5, 20, 99999, 100000]
    assert evaluated_epochs(tmp_path)[20] == tmp_path / "embeddings" / "epoch_00020.npz"


def test_what_the_network_says_is_kept_where_it_says_something(tmp_path):
    embeddings().save(tmp_path / "contrastive.npz")
    with np.load(tmp_path / "contrastive.npz") as arrays:
        assert "output" not in arrays
    assert not embeddings().has_output
    assert np.isnan(embeddings().output).all()
    one = with_output()
    assert one.has_output
    np.testing.assert_array_equal(one.of_split("train").output, [1.5, 2, 4])
