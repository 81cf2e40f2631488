"""Files of tensors: exact there and back, damage said in one line, and no pickle ever loaded."""

import json
import pathlib
import pickle
import pickletools
import shlex
import struct
import sys
import types

import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy

from mccl_jax.errors import UserError
from mccl_jax.interop.tensors import read_tensors, write_tensors


class Trap:
    """A pickle of it creates a file when it is loaded."""

    def __init__(self, path: pathlib.Path):
        self.path = path

    def __reduce__(self):
        return pathlib.Path.touch, (self.path,)


def refused(path: pathlib.Path) -> str:
    with pytest.raises(UserError) as error:
        read_tensors(path)
    said = str(error.value)
    assert said.startswith(str(path))
    assert "expected" in said or "needs torch" in said
    assert "\n" not in said
    return said


def write_raw(path: pathlib.Path, dtype: str, shape: list[int], data: bytes) -> None:
    """A .safetensors file by its definition: length of the header, header, data."""
    header = json.dumps({"x": {"dtype": dtype, "shape": shape, "data_offsets": [0, len(data)]}}).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header + data)


def test_there_and_back_is_the_same(tmp_path):
    rng = np.random.default_rng(0)
    tensors = {
        "view": rng.standard_normal((2, 3, 4), np.float32).transpose(2, 0, 1),
        "every other": rng.standard_normal(9)[::2],
        "scalar": np.array(1.5, np.float32),
        "counter": np.array(7, np.int64),
        "jax": jnp.arange(3.0),
    }
    path = tmp_path / "new folder" / "model.safetensors"
    write_tensors(path, tensors)
    back = read_tensors(path)
    assert set(back) == set(tensors)
    for name, tensor in tensors.items():
        assert back[name].dtype == tensor.dtype
        assert back[name].shape == tensor.shape
        np.testing.assert_array_equal(back[name], tensor)
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_half_precision_becomes_float32(tmp_path):
    path = tmp_path / "half.safetensors"
    write_raw(path, "BF16", [2], b"\x80\x3f\x00\xc0")
    back = read_tensors(path)["x"]
    assert back.dtype == np.float32
    np.testing.assert_array_equal(back, [1, -2])
    write_tensors(path, {"x": np.array([0.1, 65504], np.float16)})
    back = read_tensors(path)["x"]
    assert back.dtype == np.float32
    np.testing.assert_array_equal(back, np.array([0.1, 65504], np.float16).astype(np.float32))


def test_npz_is_read(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.arange(3.0))
    np.testing.assert_array_equal(read_tensors(tmp_path / "a.npz")["x"], [0, 1, 2])


def test_truncated_files_are_refused(tmp_path):
    whole = safetensors.numpy.save({"x": np.zeros(100, np.float32)})
    for name, size in (("tail", len(whole) - 3), ("header", 20), ("empty", 0)):
        path = tmp_path / f"{name}.safetensors"
        path.write_bytes(whole[:size])
        assert "copy or download it again" in refused(path)
    np.savez(tmp_path / "a.npz", x=np.zeros(100))
    data = (tmp_path / "a.npz").read_bytes()
    (tmp_path / "a.npz").write_bytes(data[:-30])
    assert "copy or download it again" in refused(tmp_path / "a.npz")


@pytest.mark.parametrize("suffix", [".safetensors", ".npz", ".pth", ".pt", ".bin", ".pkl"])
def test_a_pickle_is_never_loaded(tmp_path, suffix):
    sprung = tmp_path / "sprung"
    trap = pickle.dumps({"conv1.weight": Trap(sprung)})
    path = tmp_path / f"weights{suffix}"
    path.write_bytes(trap)
    refused(path)
    assert not sprung.exists()
    assert "REDUCE" in {opcode.name for opcode, *_ in pickletools.genops(trap)}  # loading would call it


def test_objects_in_an_npz_are_never_loaded(tmp_path):
    sprung = tmp_path / "sprung"
    np.savez(tmp_path / "a.npz", x=np.array([Trap(sprung)], object))
    assert "allow_pickle" in refused(tmp_path / "a.npz")
    assert not sprung.exists()


def test_other_files_are_refused(tmp_path):
    assert "not found" in refused(tmp_path / "absent.safetensors")
    (tmp_path / "folder.safetensors").mkdir()
    refused(tmp_path / "folder.safetensors")
    (tmp_path / "weights.h5").write_bytes(b"")
    assert ".safetensors is best" in refused(tmp_path / "weights.h5")
    write_tensors(tmp_path / "none.safetensors", {})
    assert "holds no tensors" in refused(tmp_path / "none.safetensors")
    write_raw(tmp_path / "float8.safetensors", "F8_E4M3", [2], b"\0\0")
    refused(tmp_path / "float8.safetensors")


def test_writing_where_one_cannot(tmp_path):
    with pytest.raises(UserError, match=r"ends in \.safetensors"):
        write_tensors(tmp_path / "model.pth", {})
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="could not be written"):
        write_tensors(tmp_path / "file" / "model.safetensors", {"x": np.zeros(1)})


def test_a_pytorch_file_without_torch_says_how_to_convert_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)  # its import fails
    path = tmp_path / "somebody's resnet18.pth"
    path.write_bytes(b"PK")
    said = refused(path)
    assert "install torch, or convert" in said
    python, option, code, *files = shlex.split(said[said.index("python -c") :])
    assert (python, option) == ("python", "-c")
    compile(code, "line", "exec")
    assert "torch.load(sys.argv[1], map_location='cpu', weights_only=True)" in code
    assert files == [str(path), str(path.with_suffix(".safetensors"))]


class FakeTensor:
    """As much of a tensor as reading needs."""

    def __init__(self, array, dtype="float32"):
        self.array, self.dtype = array, dtype

    def detach(self):
        return self

    def to(self, dtype):
        return FakeTensor(self.array.astype(dtype), dtype)

    def numpy(self):
        if self.dtype == "bfloat16":
            raise TypeError("Got unsupported ScalarType BFloat16")
        return self.array


@pytest.fixture
def fake_torch(monkeypatch):
    """A stand-in for torch, which gives back `torch.held` and notes how it was asked."""
    names = {"Tensor": FakeTensor, "float16": "float16", "bfloat16": "bfloat16", "float32": "float32"}
    torch = types.SimpleNamespace(__version__="2.10.0+cpu", asked=[], **names)

    def load(path, **options):
        torch.asked.append(options)
        if isinstance(torch.held, Exception):
            raise torch.held
        return torch.held

    torch.load = load
    monkeypatch.setitem(sys.modules, "torch", torch)
    return torch


def test_a_pytorch_file_is_read_as_plain_weights(tmp_path, fake_torch):
    path = tmp_path / "weights.pth"
    path.write_bytes(b"PK")
    fake_torch.held = {"a": FakeTensor(np.arange(2.0)), "b": FakeTensor(np.ones(2, np.float16), "bfloat16")}
    found = read_tensors(path)
    assert fake_torch.asked == [{"map_location": "cpu", "weights_only": True}]
    np.testing.assert_array_equal(found["a"], [0, 1])
    assert found["b"].dtype == np.float32


def test_pytorch_files_that_hold_more_than_tensors_are_refused(tmp_path, fake_torch):
    path = tmp_path / "weights.pth"
    path.write_bytes(b"PK")
    fake_torch.held = {"state_dict": {"a": FakeTensor(np.ones(1))}, "epoch": 3, "b": FakeTensor(np.ones(1))}
    assert "not tensors: state_dict (dict), epoch (int); expected a state_dict" in refused(path)
    fake_torch.held = [FakeTensor(np.ones(1))]
    assert "holds a list" in refused(path)
    fake_torch.held = pickle.UnpicklingError("Weights only load failed.\nIn PyTorch 2.6 ...")
    assert "(Weights only load failed.)" in refused(path)


@pytest.mark.parametrize("version", ["1.13.1+cu116", "2.5.1", "2.9.1"])
def test_a_torch_whose_loading_is_unsafe_is_not_used(tmp_path, fake_torch, version):
    path = tmp_path / "weights.pth"
    path.write_bytes(b"PK")
    fake_torch.__version__ = version
    assert f"torch {version} can be made to run code" in refused(path)
    assert not fake_torch.asked


def test_with_torch_itself(tmp_path):
    torch = pytest.importorskip("torch", reason="torch is not installed", minversion="2.10")
    torch.save({"a": torch.arange(3.0), "b": torch.ones(2, dtype=torch.bfloat16)}, tmp_path / "weights.pth")
    found = read_tensors(tmp_path / "weights.pth")
    np.testing.assert_array_equal(found["a"], [0, 1, 2])
    assert found["b"].dtype == np.float32
    sprung = tmp_path / "sprung"
    torch.save({"a": Trap(sprung)}, tmp_path / "trap.pth")
    assert "torch will not read it" in refused(tmp_path / "trap.pth")
    assert not sprung.exists()
