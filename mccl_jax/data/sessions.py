"""Prepared records, read back one session at a time, and what they say besides their cues; no TensorFlow."""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import tensorflow_datasets as tfds

from data_builders.records import Session, decode
from mccl_jax.data.windows import WindowOptions, Windows, cut_windows


@dataclasses.dataclass(frozen=True)
class Facts:
    """What is known of N sessions, in the order of their windows.

    split    (N,) str; "" where the corpus has no splits.
    folds    N tuples: the folds in which each session is tested.
    labels   name -> (N,): float64, NaN where unknown, or str, "" where unknown; gender, and all that the corpus says.
    """

    split: np.ndarray
    folds: tuple[tuple[int, ...], ...]
    labels: Mapping[str, np.ndarray]


def read_sessions(builder: tfds.core.DatasetBuilder) -> Iterator[Session]:
    """Every session of a prepared data set, split by split in the order of the records; one is held at a time."""
    for split in builder.info.splits:
        for example in builder.as_data_source(split):
            yield decode(example)


def windows_and_facts(sessions: Iterable[Session], options: WindowOptions) -> tuple[Windows, Facts, list[str]]:
    """Windows as `cut_windows` cuts them, facts on the same sessions, and a line on each that is left out or poor."""
    seen = {}

    def passing():
        for session in sessions:
            seen[session.session] = session.split, session.folds, {"gender": session.gender, **session.labels}
            yield session

    windows, notes = cut_windows(passing(), options)
    notes += [
        f"{session}: only {usable:.0%} of its frames are usable"
        for session, usable in zip(windows.session, windows.usable, strict=True)
        if usable < 0.5
    ]
    split, folds, labels = zip(*(seen[name] for name in windows.session), strict=True)
    return windows, Facts(np.array(split), folds, _columns(labels)), notes


def _columns(rows: Sequence[Mapping[str, str | float | None]]) -> dict[str, np.ndarray]:
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: _column([row.get(name) for row in rows]) for name in names}


def _column(values: Sequence[str | float | None]) -> np.ndarray:
    """Numbers where all that is known are numbers, else texts."""
    if any(isinstance(value, str) for value in values):
        return np.array(["" if value is None else str(value) for value in values])
    return np.array([np.nan if value is None else value for value in values], np.float64)
