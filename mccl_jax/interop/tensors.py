"""Files of named tensors, in and out. No file is ever unpickled here: a pickle can run any code on loading."""

import os
import pathlib
import shlex
import zipfile
import zlib
from collections.abc import Mapping

import jax.numpy as jnp
import numpy as np
import safetensors
import safetensors.numpy

from mccl_jax.errors import UserError
from mccl_jax.files import replacing

TORCH_SUFFIXES = (".pth", ".pt", ".bin")
# Older ones can be made to run code in spite of weights_only: CVE-2025-32434 (before 2.6) and CVE-2026-24747
# (before 2.10).
SAFE_TORCH = (2, 10)

# safetensors asks numpy for bfloat16 by its name, which numpy knows once jax has been imported.
_HALF_PRECISION = (np.dtype(np.float16), np.dtype(jnp.bfloat16))


def read_tensors(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """Tensors by name; float16 and bfloat16 become float32 (exactly), all else stays as it is.

    .safetensors and .npz are read directly; .pth, .pt and .bin through torch's weights_only loading, where torch is
    installed. Raises UserError for a file that is absent, damaged, of another kind, or holds anything but tensors.
    """
    path = pathlib.Path(path).expanduser()
    if not path.is_file():
        raise UserError(f"{path}: not found; expected a file of named tensors (.safetensors, .npz or a PyTorch file)")
    readers = {".safetensors": _safetensors, ".npz": _npz} | dict.fromkeys(TORCH_SUFFIXES, _torch)
    suffix = path.suffix.lower()
    if suffix not in readers:
        raise UserError(
            f"{path}: unknown kind of file {path.suffix!r}; expected {', '.join(readers)}: save the weights as one of "
            "these (.safetensors is best)"
        )
    tensors = readers[suffix](path)
    if not tensors:
        raise UserError(f"{path}: holds no tensors; expected the weights of a model by name: save its state_dict()")
    return {name: x.astype(np.float32) if x.dtype in _HALF_PRECISION else x for name, x in tensors.items()}


def write_tensors(path: str | os.PathLike, tensors: Mapping[str, np.ndarray]) -> None:
    """Writes a .safetensors file, whole or not at all.

    Raises UserError where the name ends otherwise or the place cannot be written to.
    """
    path = pathlib.Path(path).expanduser()
    if path.suffix != ".safetensors":
        raise UserError(f"{path}: expected a name that ends in .safetensors: name the file so")
    # safetensors writes an array's memory as it lies, so a transposed view would come out scrambled. (Not
    # ascontiguousarray: it makes a vector of a scalar.)
    data = safetensors.numpy.save({name: np.array(x, order="C") for name, x in tensors.items()})
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def _safetensors(path: pathlib.Path) -> dict[str, np.ndarray]:
    try:
        return safetensors.numpy.load_file(path)
    # The last two: an element type that numpy does not know, such as float8.
    except (safetensors.SafetensorError, OSError, TypeError, AttributeError) as error:
        raise UserError(
            f"{path}: cannot be read as safetensors ({_first_line(error)}); expected a whole file of float or integer "
            "tensors: copy or download it again, or save it anew"
        ) from error


def _npz(path: pathlib.Path) -> dict[str, np.ndarray]:
    try:
        # zipfile first: numpy takes a file that is no archive for an array or a pickle.
        with zipfile.ZipFile(path), np.load(path, allow_pickle=False) as file:
            return dict(file)
    except (OSError, ValueError, EOFError, KeyError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise UserError(
            f"{path}: cannot be read as npz ({_first_line(error)}); expected a whole archive of numeric arrays, no "
            "objects: copy or download it again, or save it anew with numpy.savez"
        ) from error


def _torch(path: pathlib.Path) -> dict[str, np.ndarray]:
    convert = (
        'python -c "import sys, torch, safetensors.torch as s; s.save_file({k: v.contiguous().clone() for k, v in '
        "torch.load(sys.argv[1], map_location='cpu', weights_only=True).items()}, sys.argv[2])\" "
        + shlex.join([str(path), str(path.with_suffix(".safetensors"))])
    )
    try:
        import torch
    except (ImportError, OSError) as error:  # OSError: a library that torch needs is absent
        raise UserError(
            f"{path}: reading a {path.suffix} file needs torch, which is not installed here: install torch, or convert "
            f"the file to .safetensors where torch is: {convert}"
        ) from error
    version = str(torch.__version__)
    if tuple(int(part) for part in version.split(".")[:2]) < SAFE_TORCH:
        raise UserError(
            f"{path}: torch {version} can be made to run code that a file hides; expected at least "
            f"{'.'.join(map(str, SAFE_TORCH))}: update torch, or convert a file that you trust: {convert}"
        )
    expected = "expected a state_dict, tensors by name, and nothing else: save module.state_dict() alone"
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds; whichever it is, nothing was loaded
        raise UserError(
            f"{path}: torch will not read it as plain weights ({_first_line(error)}); {expected}, "
            "where the file comes from and is trusted"
        ) from error
    if not isinstance(loaded, Mapping):
        raise UserError(f"{path}: holds a {type(loaded).__name__}; {expected}")
    others = [f"{name} ({type(x).__name__})" for name, x in loaded.items() if not isinstance(x, torch.Tensor)]
    if others:
        raise UserError(f"{path}: not tensors: {', '.join(others)}; {expected}")
    half = torch.float16, torch.bfloat16  # numpy has no bfloat16 that torch could give it
    return {
        str(name): (x.detach().to(torch.float32) if x.dtype in half else x.detach()).numpy()
        for name, x in loaded.items()
    }


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
