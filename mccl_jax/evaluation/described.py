"""The sessions of a workdir as predictors without a model know them, in a file beside its trainings."""

import dataclasses
import os
from collections.abc import Mapping

import numpy as np

from mccl_jax.errors import UserError
from mccl_jax.files import arrays_of, replacing

FILE = "sessions.npz"
_NUISANCE = "nuisance/"


@dataclasses.dataclass(frozen=True)
class Described:
    """N sessions.

    session     (N,) str, each once.
    nuisance    name -> (N,) float64, NaN where unknown: length, frame rate and so on, which are no behaviour.
    statistics  (N, M) float32, NaN where there is none: simple statistics of the cues.
    """

    session: np.ndarray
    nuisance: Mapping[str, np.ndarray]
    statistics: np.ndarray

    def of(self, session: np.ndarray) -> "Described":
        """The sessions of these names, in their order. Raises UserError where one is missing."""
        place = {name: i for i, name in enumerate(self.session.tolist())}
        if missing := [name for name in session.tolist() if name not in place]:
            raise UserError(
                f"{FILE}: has no session {missing[0]}, and {len(missing) - 1} more; expected all that were trained on "
                "or reported: run the training's command again, which writes it anew"
            )
        at = [place[name] for name in session.tolist()]
        return Described(session, {name: values[at] for name, values in self.nuisance.items()}, self.statistics[at])

    def save(self, path: str | os.PathLike) -> None:
        """Writes an npz, whole or not at all; equal contents give equal bytes."""
        arrays = {f"{_NUISANCE}{name}": values for name, values in self.nuisance.items()}
        with replacing(path) as temporary, open(temporary, "wb") as file:
            np.savez(file, session=self.session, statistics=self.statistics, **arrays)

    @staticmethod
    def load(path: str | os.PathLike) -> "Described":
        """Reads what `save` wrote. Raises UserError where it is absent, damaged or something else."""
        expected = "what a training writes of its sessions: run the training's command again, which writes it anew"
        with arrays_of(path, expected) as arrays:
            nuisance = {name.removeprefix(_NUISANCE): arrays[name] for name in arrays if name.startswith(_NUISANCE)}
            return Described(arrays["session"], nuisance, arrays["statistics"])
