"""Embeddings of one evaluated epoch: all that regressors, protocols and reports see of a trained model."""

import dataclasses
import os
import pathlib
import re
from collections.abc import Mapping

import numpy as np

from mccl_jax.files import arrays_of, replacing

_FOLDER = "embeddings"
_ARRAYS = ("session", "subject", "split", "target", "z_inter", "z_intra")
_OUTPUT, _LABEL = "output", "label/"
# The epoch of embeddings of an encoder that has not been trained yet.
UNTRAINED = 0
_NAME = re.compile(r"epoch_(\d{5,})\.npz")


@dataclasses.dataclass(frozen=True)
class Embeddings:
    """N sessions of all splits, as the model of one epoch sees them, in the order of the data.

    session   (N,) str, each once.
    subject   (N,) str.
    split     (N,) str: "train", "dev", "test".
    target    (N,) float64; NaN where unknown.
    z_inter   (N, D) float32: the inter-cue view.
    z_intra   (N, D) float32: the intra-cue view.
    labels    what else the corpus says of them, name -> (N,): float64 (NaN where unknown) or str ("").
    output    (N,) float64: the severity that the network itself says; NaN where it says none, as a contrastive one.
    """

    session: np.ndarray
    subject: np.ndarray
    split: np.ndarray
    target: np.ndarray
    z_inter: np.ndarray
    z_intra: np.ndarray
    labels: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)
    output: np.ndarray | None = None

    def __post_init__(self):
        for name, kind in (("session", np.str_), ("subject", np.str_), ("split", np.str_), ("target", np.float64)):
            object.__setattr__(self, name, np.asarray(getattr(self, name), kind))
        for name in ("z_inter", "z_intra"):
            object.__setattr__(self, name, np.asarray(getattr(self, name), np.float32))
        output = np.full(len(self.session), np.nan) if self.output is None else self.output
        object.__setattr__(self, _OUTPUT, np.asarray(output, np.float64))
        per_session = (self.session, self.subject, self.split, self.target, self.output, *self.labels.values())
        if any(array.shape != self.session.shape[:1] for array in per_session):
            raise ValueError(f"one entry a session expected, got {[array.shape for array in per_session]}")
        if self.z_inter.ndim != 2 or self.z_inter.shape != self.z_intra.shape or len(self.z_inter) != len(self):
            raise ValueError(f"embeddings must be ({len(self)}, D): {self.z_inter.shape}, {self.z_intra.shape}")
        if len(np.unique(self.session)) != len(self):
            raise ValueError("each session must be there once")

    def __len__(self) -> int:
        return len(self.session)

    @property
    def features(self) -> np.ndarray:
        """(N, 2D) float32: inter before intra, as the paper's code gives them to its regressor."""
        return np.concatenate([self.z_inter, self.z_intra], axis=1)

    @property
    def has_output(self) -> bool:
        """Whether the network itself says severities."""
        return bool(np.isfinite(self.output).any())

    def rows(self, which: np.ndarray) -> "Embeddings":
        """The sessions that `which` selects: a mask (N,) bool or indices."""
        labels = {name: values[which] for name, values in self.labels.items()}
        arrays = {name: getattr(self, name)[which] for name in (*_ARRAYS, _OUTPUT)}
        return Embeddings(**arrays, labels=labels)

    def of_split(self, name: str) -> "Embeddings":
        """The sessions of one split; none where nobody is in it."""
        return self.rows(self.split == name)

    def save(self, path: str | os.PathLike) -> None:
        """Writes an npz, whole or not at all; equal embeddings give equal bytes.

        Raises UserError where it cannot be written.
        """
        arrays = {name: getattr(self, name) for name in (*_ARRAYS, *((_OUTPUT,) if self.has_output else ()))}
        arrays |= {f"{_LABEL}{name}": values for name, values in self.labels.items()}
        with replacing(path) as temporary, open(temporary, "wb") as file:
            np.savez(file, **arrays)

    @staticmethod
    def load(path: str | os.PathLike) -> "Embeddings":
        """Reads what `save` wrote. Raises UserError where it is absent, damaged or something else."""
        expected = "embeddings that a training wrote: delete it and run training again in this workdir"
        with arrays_of(path, expected) as arrays:
            labels = {name.removeprefix(_LABEL): arrays[name] for name in arrays if name.startswith(_LABEL)}
            output = arrays.get(_OUTPUT)
            return Embeddings(**{name: arrays[name] for name in _ARRAYS}, labels=labels, output=output)


def path_of_epoch(workdir: str | os.PathLike, epoch: int) -> pathlib.Path:
    """Where the embeddings of an epoch, counted from 1, lie; 0 is the encoder before its training."""
    return pathlib.Path(workdir) / _FOLDER / f"epoch_{epoch:05d}.npz"


def path_of_cut(workdir: str | os.PathLike, name: str) -> pathlib.Path:
    """Where the last embeddings of sessions lie that are cut in another way, of this name."""
    return pathlib.Path(workdir) / _FOLDER / f"{name}.npz"


def evaluated_epochs(workdir: str | os.PathLike) -> dict[int, pathlib.Path]:
    """Epoch -> file for all embeddings in a workdir, in the order of the epochs; empty where there are none."""
    files = (pathlib.Path(workdir) / _FOLDER).glob("epoch_*.npz")
    named = [(match, file) for file in files if (match := _NAME.fullmatch(file.name))]
    return dict(sorted((int(match[1]), file) for match, file in named))
