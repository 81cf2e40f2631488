"""Features in MATLAB files: every version that scipy reads, what is no such array, and version 7.3."""

import io
import struct
import sys
import tracemalloc
import types
import zlib

import numpy as np
import pytest
import scipy.io
import scipy.sparse

from data_builders.readers import matlab
from data_builders.readers.archives import Content
from data_builders.readers.matlab import read_feature
from mccl_jax.errors import UserError

WIDTH = 5
VALUES = np.random.default_rng(0).normal(size=(7, WIDTH)).astype(np.float32)
HDF5 = b"\x89HDF\r\n\x1a\n" + b"\0" * 64


def content(data: bytes) -> Content:
    return Content("a.tar.gz: 300_CNN_ResNet.mat", "300_CNN_ResNet.mat", data)


def mat(values, name="feature", **options) -> Content:
    file = io.BytesIO()
    scipy.io.savemat(file, {name: values, "other": np.array(["text"], object)}, **options)
    return content(file.getvalue())


@pytest.mark.parametrize("values", [VALUES, VALUES.T, VALUES.astype(np.float64)])
@pytest.mark.parametrize("compressed", [False, True])
def test_either_way_round(values, compressed):
    found = read_feature(mat(values, do_compression=compressed), WIDTH)
    np.testing.assert_array_equal(found, VALUES)
    assert found.dtype == np.float32
    assert found.flags.c_contiguous


def test_version_4_and_files(tmp_path):
    path = tmp_path / "300_CNN_ResNet.mat"
    scipy.io.savemat(path, {"feature": VALUES}, format="4")
    np.testing.assert_array_equal(read_feature(path, WIDTH), VALUES)


def test_numbers_that_scipy_itself_doubts():
    file = io.BytesIO()
    scipy.io.savemat(file, {"feature": VALUES}, format="4")
    data = bytearray(file.getvalue())
    data[:4] = struct.pack("<I", struct.unpack("<I", data[:4])[0] + 2000)  # floating point numbers of a VAX
    with pytest.raises(UserError, match=r"cannot be read .*VAX D-float"):
        read_feature(content(bytes(data)), WIDTH)


def test_a_square_one_is_as_it_stands():
    np.testing.assert_array_equal(read_feature(mat(VALUES[:WIDTH]), WIDTH), VALUES[:WIDTH])


def test_what_is_not_finite_is_nan():
    values = VALUES.astype(np.float64)
    values[0, :3] = np.nan, np.inf, 1e300
    found = read_feature(mat(values), WIDTH)
    assert np.isnan(found[0, :3]).all()
    assert np.isfinite(found).sum() == VALUES.size - 3


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (VALUES[:, :4], r"feature is single of shape \(7, 4\)"),
        (VALUES[None], r"of shape \(1, 7, 5\)"),
        (VALUES.astype(complex), "feature is complex of shape"),
        (np.array([["a"]], object), "feature is cell"),
        (scipy.sparse.eye(WIDTH, format="csc"), "feature is sparse"),
        ({"x": 1.0}, "feature is struct"),
        ("text", "feature is char"),
    ],
)
def test_what_is_no_such_array(values, said):
    with pytest.raises(UserError, match=said) as error:
        read_feature(mat(values), WIDTH)
    assert str(error.value).startswith("a.tar.gz: 300_CNN_ResNet.mat: feature is ")
    assert "\n" not in str(error.value)


def test_another_variable():
    with pytest.raises(UserError, match=r"has no variable feature \(it holds features, other\)"):
        read_feature(mat(VALUES, name="features"), WIDTH)


@pytest.mark.parametrize("data", [b"", b"no MATLAB file at all", mat(VALUES).data[:300], mat(VALUES).data[:200] * 9])
def test_damaged_files(data):
    with pytest.raises(UserError, match=r"cannot be read|has no variable") as error:
        read_feature(content(data), WIDTH)
    assert "\n" not in str(error.value)


def test_random_damage_is_a_users_error_at_most():
    rng, whole = np.random.default_rng(1), mat(VALUES, do_compression=True).data
    for _ in range(100):
        damaged = bytearray(whole)
        for at in rng.integers(128, len(whole), 3):
            damaged[at] = rng.integers(256)
        try:
            assert read_feature(content(bytes(damaged)), WIDTH).shape[1] == WIDTH
        except UserError as error:
            assert "\n" not in str(error)  # noqa: PT017


def test_longer_than_any_recording(monkeypatch):
    monkeypatch.setattr(matlab, "MOST_ROWS", 6)
    with pytest.raises(UserError, match="and at most 6 rows"):
        read_feature(mat(VALUES), WIDTH)
    monkeypatch.setattr(matlab, "MOST_BYTES", 100)
    with pytest.raises(UserError, match="is larger than any such file"):
        read_feature(mat(VALUES), WIDTH)


@pytest.mark.parametrize("data", [HDF5, b"MATLAB 7.3 MAT-file".ljust(512) + HDF5])
def test_version_7_3_needs_h5py(monkeypatch, data):
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(UserError, match=r"version 7\.3, which needs h5py.*pip install h5py"):
        read_feature(content(data), WIDTH)


class MadeUpDataset(np.ndarray):
    """Stands for h5py's: an array with a shape, a dtype and slices, all in the file."""

    external, is_virtual, chunks = None, False, None


def stand_in(held):
    """A module with as much of h5py as is used, whose files hold `held`."""

    class File(dict):
        def __init__(self, file, mode):
            assert mode == "r"
            super().__init__(held)

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def get(self, name, getlink=False):
            return HardLink() if getlink and name in self else super().get(name)

    class HardLink:
        pass

    return types.SimpleNamespace(File=File, Dataset=MadeUpDataset, HardLink=HardLink)


@pytest.mark.parametrize("values", [VALUES, VALUES.T, VALUES[:WIDTH].T])
def test_version_7_3_by_a_stand_in_for_h5py(monkeypatch, values):
    monkeypatch.setitem(sys.modules, "h5py", stand_in({"feature": values.view(MadeUpDataset)}))
    found = read_feature(content(HDF5), WIDTH)
    # MATLAB writes the axes the other way round, which shows where both are of one length.
    np.testing.assert_array_equal(found, VALUES if len(values) != values.shape[1] else VALUES[:WIDTH])


def test_what_is_no_such_array_in_version_7_3(monkeypatch):
    for held, said in (
        ({"feature": {}}, "has no variable feature"),
        ({"x": VALUES.view(MadeUpDataset)}, "holds x"),
        ({"feature": np.array([[b""] * WIDTH], object).view(MadeUpDataset)}, "feature is object"),
        ({"feature": VALUES[:, :2].view(MadeUpDataset)}, r"of shape \(7, 2\)"),
    ):
        monkeypatch.setitem(sys.modules, "h5py", stand_in(held))
        with pytest.raises(UserError, match=said):
            read_feature(content(HDF5), WIDTH)


def test_version_7_3_by_h5py():
    h5py = pytest.importorskip("h5py")
    file = io.BytesIO()
    with h5py.File(file, "w", userblock_size=512) as made:
        made["feature"] = VALUES.T
    np.testing.assert_array_equal(read_feature(content(file.getvalue()), WIDTH), VALUES)


def lying(variable: bytes, compressed: bool) -> Content:
    """A version 5 file with this variable."""
    header = b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM"
    if compressed:
        packed = zlib.compress(variable)
        variable = struct.pack("<II", 15, len(packed)) + packed
    return content(header + variable)


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize(("at", "what"), [(4, "flags"), (20, "dimensions"), (36, "name"), (52, "numbers")])
def test_lengths_are_not_believed(compressed, at, what):
    """scipy would reserve 3 GB for what is not there."""
    whole = mat(VALUES).data[128:]
    variable = bytearray(whole[: 8 + struct.unpack("<I", whole[4:8])[0]])
    read_feature(lying(bytes(variable), compressed), WIDTH)
    variable[8 + at : 12 + at] = struct.pack("<I", 3 << 30)
    tracemalloc.start()
    with pytest.raises(UserError, match=f"cannot be read .says that the {what} of a variable have 3221225472 bytes"):
        read_feature(lying(bytes(variable), compressed), WIDTH)
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("kind", [0, 8, 14, 15, 19, 200])
def test_kinds_of_numbers_that_there_are_not(compressed, kind):
    """scipy would end the process."""
    whole = mat(VALUES).data[128:]
    variable = bytearray(whole[: 8 + struct.unpack("<I", whole[4:8])[0]])
    variable[56:60] = struct.pack("<I", kind)
    with pytest.raises(UserError, match=f"cannot be read .says that the numbers of a variable are of kind {kind}"):
        read_feature(lying(bytes(variable), compressed), WIDTH)


def test_of_two_variables_of_one_name_the_first_is_read():
    whole = mat(VALUES).data
    twice = whole[:128] + mat(VALUES + 1).data[128:] + whole[128:]
    np.testing.assert_array_equal(read_feature(content(twice), WIDTH), VALUES + 1)


def test_a_bomb_is_refused_before_it_is_unpacked():
    data = mat(np.zeros((100_000, 64)), do_compression=True)
    assert len(data.data) < 60_000
    with pytest.raises(UserError, match=r"feature is double of shape \(100000, 64\), far more than its [0-9]+ bytes"):
        read_feature(data, 64)


def test_version_7_3_leads_to_no_other_file(tmp_path):
    h5py = pytest.importorskip("h5py")
    other = tmp_path / "other.h5"
    with h5py.File(other, "w") as made:
        made["feature"] = VALUES.T
    external, virtual, linked = (tmp_path / name for name in ("external.h5", "virtual.h5", "linked.h5"))
    (tmp_path / "raw").write_bytes(VALUES.tobytes())
    with h5py.File(external, "w") as made:
        made.create_dataset("feature", (WIDTH, 7), np.float32, external=[(str(tmp_path / "raw"), 0, VALUES.nbytes)])
    with h5py.File(virtual, "w") as made:
        layout = h5py.VirtualLayout((WIDTH, 7), np.float32)
        layout[:] = h5py.VirtualSource(str(other), "feature", (WIDTH, 7))
        made.create_virtual_dataset("feature", layout)
    with h5py.File(linked, "w") as made:
        made["feature"] = h5py.ExternalLink(str(other), "feature")
    for path in (external, virtual, linked):
        with pytest.raises(UserError, match=r"has no variable feature|its numbers are in another file"):
            read_feature(path, WIDTH)
