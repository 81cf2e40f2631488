"""Scales of a corpus, fitted on train alone; one session is looked at at a time, so that windows may lie on disk."""

import dataclasses
from collections.abc import Mapping

import numpy as np

from mccl_jax.cues import DEEP
from mccl_jax.data.options import WindowOptions
from mccl_jax.data.stored import Rows
from mccl_jax.data.windows import Windows
from mccl_jax.errors import UserError

# Cue -> what shares one scale, as axes of (T, V, C): all landmarks, an axis of gaze, translation and rotation each.
_POOLED = {"landmarks": (0, 1, 2), "gaze": (0, 1), "pose": (0, 2)}


@dataclasses.dataclass(frozen=True)
class Scaler:
    """(x - centre) / scale per cue, fitted on the valid frames of train; it travels with the checkpoint.

    Only gaze and CNN features are centred (a mean over a session is behaviour, the mean over people is not). Scales are
    pooled, so that what stands in the same unit stays comparable: one for all landmarks, one for translation and one
    for rotation, one per axis of gaze, one for all 2048 features, so that those that hardly ever move stay small. AUs
    keep their absolute scale. centre and scale: name -> (V, C) float32.
    """

    centre: Mapping[str, np.ndarray]
    scale: Mapping[str, np.ndarray]

    @classmethod
    def fit(cls, windows: Windows, rows: np.ndarray, options: WindowOptions) -> "Scaler":
        """Fits on the given rows of `windows`; the identity where sessions are scaled by their own extremes.

        CNN features never are, so they are standardised in any representation.
        """
        centre = {name: np.zeros(cue.shape, np.float32) for name, cue in windows.specification.items()}
        scale = {name: np.ones(cue.shape, np.float32) for name, cue in windows.specification.items()}
        rows = np.arange(len(windows))[rows]

        def mean(name: str, pooled: tuple[int, ...], of=lambda frames: frames) -> np.ndarray:
            """Over the valid frames of the rows, (V, C) but for what is pooled, which is 1."""
            total = count = 0
            for row in rows:
                values = of(windows.cues[name][row][windows.mask[row]].astype(np.float64))
                total = total + values.sum(axis=pooled, keepdims=True)[0]
                count += np.prod([values.shape[axis] for axis in pooled])
            return total / count

        def deviation(name: str, pooled: tuple[int, ...], centre: np.ndarray) -> np.ndarray:
            root = np.sqrt(mean(name, pooled, lambda frames: (frames - centre) ** 2))
            return np.where(root > 1e-12, root, 1.0).astype(np.float32)

        if options.representation == "relative" and not options.official_windows:
            for name, pooled in _POOLED.items():
                if name in windows.cues:
                    if name == "gaze":
                        centre[name] += mean(name, pooled).astype(np.float32)
                    scale[name] *= deviation(name, pooled, centre[name])
        if DEEP.name in windows.cues:
            exact = mean(DEEP.name, (0,))
            centre[DEEP.name] += exact.astype(np.float32)
            scale[DEEP.name] *= deviation(DEEP.name, (0, 1, 2), exact)
        return cls(centre, scale)

    def __call__(self, windows: Windows) -> Windows:
        """Scaled windows; masked frames stay 0. Those on disk stay there, and are scaled as they are read."""

        def scaled(name: str) -> np.ndarray | Rows:
            values, (centre, scale) = windows.cues[name], (self.centre[name], self.scale[name])

            def row(i: int) -> np.ndarray:
                out, mask = np.zeros(values.shape[1:], np.float32), windows.mask[i]
                out[mask] = (values[i][mask] - centre) / scale
                return out

            rows = Rows(values.shape, row)
            return rows if isinstance(values, Rows) else np.stack([rows[i] for i in range(len(windows))])

        return dataclasses.replace(windows, cues={name: scaled(name) for name in windows.cues})


@dataclasses.dataclass(frozen=True)
class SeverityScale:
    """(severity - centre) / scale with mean and deviation of the known severities of train, each () float64."""

    centre: np.ndarray
    scale: np.ndarray

    @classmethod
    def fit(cls, severity: np.ndarray) -> "SeverityScale":
        """Fits on those that are known of (N,). Raises UserError where none is."""
        known = severity[np.isfinite(severity)]
        if not len(known):
            raise UserError(
                "train: no session has a known target, which train.objective 'severity' learns; expected one at least: "
                "check the labels and the split"
            )
        return cls(np.asarray(known.mean()), np.asarray(known.std() or 1.0))

    def __call__(self, severity: np.ndarray) -> np.ndarray:
        """(N,) float32, NaN where the severity is unknown."""
        return ((severity - self.centre) / self.scale).astype(np.float32)
