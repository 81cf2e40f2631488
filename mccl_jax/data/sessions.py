"""Prepared records, read back one session at a time, and what they say besides their cues; no TensorFlow."""

import dataclasses
import pathlib
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import tensorflow_datasets as tfds

from data_builders.records import Session, decode
from mccl_jax.data import description
from mccl_jax.data.cuts import Reach, reach_of
from mccl_jax.data.options import BY_QUESTION, QUESTIONS, WindowOptions
from mccl_jax.data.windows import Windows, cut_windows


@dataclasses.dataclass(frozen=True)
class Facts:
    """What is known of N sessions, in the order of their windows.

    split    (N,) str; "" where the corpus has no splits.
    folds    N tuples: the folds in which each session is tested.
    labels   name -> (N,): float64, NaN where unknown, or str, "" where unknown; gender, and all that the corpus says.
    digests  (N,) str: SHA-256 of each recording; "" where it has none.
    reaches  N of what can be cut of each besides its window.
    nuisance, statistics   what `mccl_jax.data.description` says of them: name -> (N,) float64, and (N, M) float32.
    """

    split: np.ndarray
    folds: tuple[tuple[int, ...], ...]
    labels: Mapping[str, np.ndarray]
    digests: tuple[str, ...] = ()
    reaches: tuple[Reach, ...] = ()
    nuisance: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)
    statistics: np.ndarray | None = None


def read_sessions(builder: tfds.core.DatasetBuilder) -> Iterator[Session]:
    """Every session of a prepared data set, split by split in the order of the records; one is held at a time."""
    for split in builder.info.splits:
        for example in builder.as_data_source(split):
            yield decode(example)


def windows_and_facts(
    sessions: Iterable[Session], options: WindowOptions, folder: pathlib.Path | None = None
) -> tuple[Windows, Facts, list[str]]:
    """Windows as `cut_windows` cuts them, facts on the same sessions, and a line on each that is left out or poor."""
    seen, seconds, described = {}, {}, {}

    def passing():
        for session in sessions:
            labels = {"gender": session.gender, **session.labels}
            seen[session.session] = session.split, session.folds, labels, session.provenance.get("sha256", "")
            seconds[session.session] = _seconds(session, options)
            described[session.session] = (
                description.nuisance(session),
                description.statistics(session),
                reach_of(session, options),
            )
            yield session

    windows, notes = cut_windows(passing(), options, folder)
    notes += [
        f"{session}: only {usable:.0%} of its frames are usable"
        for session, usable in zip(windows.session, windows.usable, strict=True)
        if usable < 0.5
    ]
    notes += _unseen(windows.session, *np.array([seconds[name] for name in windows.session]).T)
    split, folds, labels, digests = zip(*(seen[name] for name in windows.session), strict=True)
    nuisance, statistics, reaches = zip(*(described[name] for name in windows.session), strict=True)
    facts = Facts(
        np.array(split),
        folds,
        _columns(labels),
        digests,
        reaches,
        description.stacked(nuisance),
        np.stack(statistics),
    )
    return windows, facts, notes


def _seconds(session: Session, options: WindowOptions) -> tuple[float, float]:
    """(how long the session lasts, by its speech or its usable frames; how much of that its window reaches over)."""
    time, question = session.time[session.usable], session.question[session.usable]
    if not len(time):
        return 0.0, 0.0
    if options.segments == BY_QUESTION:
        lengths = np.array([np.ptp(time[question == one]) for one in np.unique(question)])
        longest = options.frames // QUESTIONS / options.rate
    else:
        lengths = np.diff(np.where(np.isfinite(session.speech_span), session.speech_span, time[[0, -1]]))
        longest = options.frames / options.rate
    return float(lengths.sum()), float(np.minimum(lengths, longest).sum())


def _unseen(session: np.ndarray, whole: np.ndarray, seen: np.ndarray) -> list[str]:
    """What of the sessions (N,) lies behind their windows; `whole` and `seen` (N,) in seconds."""
    longer = whole > seen + 1
    if not longer.any():
        return []
    share = 1 - seen.sum() / whole.sum()
    return [
        f"{longer.sum()} of {len(session)} sessions are longer than their window: {share:.0%} of the time of all "
        "sessions is not seen (windows.seconds)",
        *(
            f"{name}: only {part:.0f} of its {all_of_it:.0f} s are in the window"
            for name, part, all_of_it in zip(session, seen, whole, strict=True)
            if part < all_of_it / 2
        ),
    ]


def _columns(rows: Sequence[Mapping[str, str | float | None]]) -> dict[str, np.ndarray]:
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: _column([row.get(name) for row in rows]) for name in names}


def _column(values: Sequence[str | float | None]) -> np.ndarray:
    """Numbers where all that is known are numbers, else texts."""
    if any(isinstance(value, str) for value in values):
        return np.array(["" if value is None else str(value) for value in values])
    return np.array([np.nan if value is None else value for value in values], np.float64)
