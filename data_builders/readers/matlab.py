"""Frame features as a MATLAB file holds them: the array `feature`, a row a frame, to a float32 array.

Versions 4 to 7 are read by scipy, version 7.3, which is HDF5, by h5py where that is installed. Only the one variable is
read, after its kind and size are known, and only where it is plain numbers: no object is ever made of what a file says.
"""

import io
import math
import pathlib
import warnings
from collections.abc import Callable

import numpy as np
import scipy.io

from data_builders.readers.archives import Content
from data_builders.readers.limits import MOST_RATIO, STEP, read_all
from data_builders.readers.mat5 import variables
from mccl_jax.errors import UserError, reason_of, shown

VARIABLE = "feature"
MOST_ROWS = 1 << 17  # frames: 72 minutes at 30 a second; the longest session of E-DAIC has 60
MOST_BYTES = 1 << 31  # of a file; `MOST_ROWS` rows of 2048 doubles
_HDF5 = b"\x89HDF\r\n\x1a\n"
_HDF5_PLACES = (0, 512)  # as any HDF5 file begins, and behind the header that MATLAB puts in front
# Bytes of a number of each kind.
NUMBERS = {"double": 8, "single": 4} | {f"{sign}int{8 * size}": size for sign in ("", "u") for size in (1, 2, 4, 8)}


def read_feature(source: pathlib.Path | Content, width: int) -> np.ndarray:
    """(N, width) float32: the variable `feature`, whichever way round it lies; what is not finite is NaN.

    Needs at most the size of the file and twice that of the array. Raises UserError, in one line that says what to do,
    where the file cannot be read or is of version 7.3 and h5py is not installed, or where the variable is absent, no
    matrix of real numbers, of another width, or longer than any recording.
    """
    with source.open("rb") as file:
        data = read_all(file, source, MOST_BYTES)
    expected = f"expected a MATLAB file with the variable {VARIABLE}, a row of {width} numbers for each frame"
    read = _read_hdf5 if any(data[at : at + len(_HDF5)] == _HDF5 for at in _HDF5_PLACES) else _read_mat

    def check(kind: str, shape: tuple[int, ...]) -> None:
        found = f"{VARIABLE} is {kind} of shape {shape}"
        if kind not in NUMBERS or len(shape) != 2 or width not in shape:
            raise UserError(f"{source}: {found}; {expected}: take the file as it was handed out")
        if max(shape) > max(MOST_ROWS, width):
            raise UserError(f"{source}: {found}; {expected}, and at most {MOST_ROWS} rows: download it again")
        if NUMBERS[kind] * math.prod(shape) > max(STEP, MOST_RATIO * len(data)):
            raise UserError(
                f"{source}: {found}, far more than its {len(data)} bytes hold; {expected}: download it again"
            )

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # scipy reads some kinds of numbers only to say that they may be wrong
            values = read(str(source), data, check)
    except UserError:
        raise
    except Exception as error:  # whatever a damaged file makes the libraries raise
        raise UserError(f"{source}: cannot be read ({reason_of(error)}); {expected}: download it again") from error
    if values.shape[1] != width:
        values = values.T
    with np.errstate(over="ignore"):
        values = np.array(values, np.float32, order="C")
    values[~np.isfinite(values)] = np.nan
    return values


def _read_mat(where: str, data: bytes, check: Callable[[str, tuple[int, ...]], None]) -> np.ndarray:
    for one in variables(data):
        if one.name == VARIABLE and one.is_complex:
            check("complex", one.shape)
    held = {}
    for name, shape, kind in scipy.io.whosmat(io.BytesIO(data)):
        held.setdefault(name, (kind, shape))  # of two of one name the first is read
    if VARIABLE not in held:
        raise _absent(where, list(held))
    check(*held[VARIABLE])
    values = scipy.io.loadmat(io.BytesIO(data), variable_names=[VARIABLE])[VARIABLE]
    check(_kind(values.dtype), values.shape)  # what came out
    return values


def _read_hdf5(where: str, data: bytes, check: Callable[[str, tuple[int, ...]], None]) -> np.ndarray:
    try:
        import h5py
    except ImportError as error:
        raise UserError(
            f"{where}: is a MATLAB file of version 7.3, which needs h5py; expected it to be installed: pip install h5py"
        ) from error
    with h5py.File(io.BytesIO(data), "r") as file:
        # Not by a link, which may lead to another file.
        linked = not isinstance(file.get(VARIABLE, getlink=True), h5py.HardLink)
        if linked or not isinstance(file.get(VARIABLE), h5py.Dataset):
            raise _absent(where, list(file))
        held = file[VARIABLE]
        check(_kind(held.dtype), held.shape)
        if held.external or held.is_virtual:
            raise ValueError("its numbers are in another file")
        if held.chunks and math.prod(held.chunks) * held.dtype.itemsize > MOST_BYTES:
            raise ValueError(f"its numbers are in pieces of {held.chunks}")
        return held[...].T  # HDF5 names MATLAB's axes from the last to the first


def _kind(dtype: np.dtype) -> str:
    """MATLAB's name of a kind of numbers."""
    return {"float64": "double", "float32": "single"}.get(dtype.name, dtype.name)


def _absent(where: str, names: list[str]) -> UserError:
    held = shown(", ".join(names[:5])) or "nothing"
    return UserError(f"{where}: has no variable {VARIABLE} (it holds {held}): take the file as it was handed out")
