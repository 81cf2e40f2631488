"""Holds named tensors against what is expected, and says everything that is wrong with them at once."""

from collections.abc import Mapping

import numpy as np

from mccl_jax.errors import UserError


def matched(
    tensors: Mapping[str, np.ndarray],
    shapes: Mapping[str, tuple[int, ...]],
    source: str,
    expected: str,
    spellings: Mapping[str, tuple[str, ...]] | None = None,
) -> dict[str, np.ndarray]:
    """The tensors by the names of `shapes`, as numpy arrays.

    spellings   for a tensor that may come under several names, these names: at least one of them must be there, and
                those that are must be equal. Without it every tensor comes under its own name.
    source, expected   begin and end the message: where the tensors come from; what they should be, and what to do.

    Raises UserError, a single line, that lists by name every tensor that is missing, not expected, of another shape,
    not floating-point, not finite, or given in copies that differ.
    """
    spellings = spellings or {name: (name,) for name in shapes}
    known = {spelling for name in shapes for spelling in spellings[name]}
    wrong = {
        "missing": [spellings[name][0] for name in shapes if not any(s in tensors for s in spellings[name])],
        "not expected": [name for name in tensors if name not in known],
        "of another shape": [],
        "not floating-point": [],
        "not finite": [],
        "given in copies that differ": [],
    }
    out = {}
    for name, shape in shapes.items():
        for spelling in (s for s in spellings[name] if s in tensors):
            tensor = np.asarray(tensors[spelling])
            if tensor.shape != tuple(shape):
                wrong["of another shape"].append(f"{spelling} {tensor.shape} for {tuple(shape)}")
            elif not np.issubdtype(tensor.dtype, np.floating):
                wrong["not floating-point"].append(f"{spelling} ({tensor.dtype})")
            elif not np.isfinite(tensor).all():
                wrong["not finite"].append(spelling)
            elif name in out and not np.array_equal(out[name], tensor):
                wrong["given in copies that differ"].append(f"{spelling} from {spellings[name][0]}")
            else:
                out[name] = tensor
    said = [f"{what}: {', '.join(names)}" for what, names in wrong.items() if names]
    if said:
        raise UserError(f"{source}: {'; '.join(said)}; expected {expected}")
    return out
