"""The official model's weights, inputs and values (see README.md here), and what counts as equal to them."""

import functools
import json
import os
import pathlib
from collections.abc import Mapping

import numpy as np

from . import recipe

HERE = pathlib.Path(__file__).parent
SEED = int(os.environ.get("MCCL_GOLDEN_SEED", "0"))

# Largest difference, as a share of the largest entry: of forward passes, and of gradients.
TOLERANCES = {"float64": (1e-8, 1e-8), "float32": (2e-4, 2e-3)}


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


def inputs() -> dict[str, np.ndarray]:
    """The small batch: cue -> (4, 96, V, C)."""
    cues = {name: values()[f"small/in/{name}"] for name in recipe.CUES}
    return cues | {"aus": cues["aus"][..., None]}


def names(*prefixes: str) -> set[str]:
    """The golden values whose names begin so, inputs left aside."""
    return {name for name in values() if name.startswith(prefixes) and "/in/" not in name}


def error(found: np.ndarray, expected: np.ndarray) -> float:
    """Largest difference, as a share of the largest expected entry."""
    return float(np.abs(found - expected).max() / max(np.abs(expected).max(), 1e-30))


def wrong(found: Mapping[str, np.ndarray], dtype: str) -> dict[str, float]:
    """Golden value -> error / tolerance, worst first, for those of `found` that are off."""
    forward, gradient = TOLERANCES[dtype]
    off = {}
    for name, value in found.items():
        expected = values()[name]
        tolerance = gradient if "/grad_" in name else forward
        if "/grad_head/" in name:
            # The first four entries of a gradient may be tiny beside the whole: the limit is a share of its norm.
            norm = values()[name.replace("/grad_head/", "/grad_norm/")]
            tolerance *= float(norm) / max(np.abs(expected).max(), 1e-30)
        share = np.nan_to_num(error(value, expected) / tolerance, nan=np.inf)
        if share > 1:
            off[name] = share
    return dict(sorted(off.items(), key=lambda item: -item[1]))
