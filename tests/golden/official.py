"""The official model's weights, inputs and values (see README.md here), and what counts as equal to them."""

import functools
import json
import os
import pathlib
import re
from collections.abc import Mapping

import numpy as np

from configs import daic_woz
from data_builders.daic_woz.session import read_session
from data_builders.readers.daic_woz_splits import read_splits
from data_builders.readers.session_files import find_sessions
from data_builders.records import Session
from mccl_jax.data.options import OfficialOptions

from . import plain, recipe

# The four mistakes of the official preparation, as the config of the official run switches them on.
AS_RELEASED = OfficialOptions(**daic_woz.get_config("official").windows.official.to_dict())

HERE = pathlib.Path(__file__).parent
SEED = int(os.environ.get("MCCL_GOLDEN_SEED", "0"))

# Largest difference, as a share of the largest entry: of forward passes, and of gradients and what is trained by them.
TOLERANCES = {"float64": (1e-8, 1e-8), "float32": (2e-4, 2e-3)}
OF_WINDOWS = 2.4e-7  # two units in the last place of float32, which windows are always in


@functools.cache
def values() -> dict[str, np.ndarray]:
    """Every golden value by its name."""
    with np.load(os.environ.get("MCCL_GOLDEN_MODEL", HERE / "model_seed0.npz")) as file:
        return dict(file)


@functools.cache
def tensors() -> dict[str, np.ndarray]:
    """The weights and running statistics by their official names, in PyTorch's layout."""
    shapes = json.loads((HERE / "parameters.json").read_text())
    return {name: recipe.weight(name, tuple(shape), SEED) for name, shape in shapes.items()}


def raw_folder() -> pathlib.Path:
    """Where the sessions in DAIC-WOZ's raw layout lie, and what the official preparation makes of them."""
    return pathlib.Path(os.environ.get("MCCL_GOLDEN_RAW", HERE / "daic_woz_raw")).resolve()


@functools.cache
def recordings() -> dict[int, Session]:
    """Those sessions, read, by their numbers."""
    participants = read_splits(raw_folder()).participants
    return {number: read_session(path, participants[number]) for number, path in find_sessions(raw_folder())[0].items()}


@functools.cache
def windows() -> dict[str, np.ndarray]:
    """What the official preparation makes of them, as windows/<number>/<name>."""
    with np.load(raw_folder() / "official_windows.npz") as file:
        return {f"windows/{name}": value for name, value in file.items()}


def inputs(batch: int = 0) -> dict[str, np.ndarray]:
    """The small batch, or, for 1, the other one of the trajectory: cue -> (4, 96, V, C)."""
    cues = {name: values()[f"{('small/in', 'trajectory/batch1')[batch]}/{name}"] for name in recipe.CUES}
    return cues | {"aus": cues["aus"][..., None]}


def drawn(B: int, T: int, seed: int) -> dict[str, np.ndarray]:
    """Inputs that the file does not hold, drawn anew: cue -> (B, T, V, C)."""
    cues = {name: x.astype(np.float32) for name, x in recipe.inputs(B, T, seed).items()}
    return cues | {"aus": cues["aus"][..., None]}


def names(*prefixes: str) -> set[str]:
    """The golden values whose names begin so, inputs left aside."""
    return {name for name in values() if name.startswith(prefixes) and not re.search("/in/|/batch1/", name)}


@functools.cache
def expected_values() -> dict[str, np.ndarray]:
    """Every value that something of ours can be held against: the golden ones, and the independent ones of plain.py."""
    return values() | windows() | plain.values()


def error(found: np.ndarray, expected: np.ndarray) -> float:
    """Largest difference, as a share of the largest expected entry; infinite where shapes differ."""
    if np.shape(found) != np.shape(expected):
        return np.inf
    return float(np.abs(found - expected).max() / max(np.abs(expected).max(), 1e-30))


def wrong(found: Mapping[str, np.ndarray], dtype: str) -> dict[str, float]:
    """Expected value -> error / tolerance, worst first, for those of `found` that are off."""
    forward, gradient = TOLERANCES[dtype]
    off = {}
    for name, value in found.items():
        expected = expected_values()[name]
        tolerance = gradient if "/grad_" in name or name.startswith("trajectory/") else forward
        if name.startswith("windows/"):
            tolerance = OF_WINDOWS
        if "/grad_head/" in name:
            # The first four entries of a gradient may be tiny beside the whole: the limit is a share of its norm.
            norm = values()[name.replace("/grad_head/", "/grad_norm/")]
            tolerance *= float(norm) / max(np.abs(expected).max(), 1e-30)
        share = np.nan_to_num(error(value, expected) / tolerance, nan=np.inf)
        if share > 1:
            off[name] = share
    return dict(sorted(off.items(), key=lambda item: -item[1]))
