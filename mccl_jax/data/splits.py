"""Who is trained on and who is reported: one division, or one for each fold of the corpus and one on all sessions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from data_builders.folds import by_severity, folds_by_subject
from mccl_jax.errors import UserError

if TYPE_CHECKING:  # scoring needs the names below, and not what these import
    from mccl_jax.data.sessions import Facts
    from mccl_jax.data.windows import Windows

FOLD, ALL = "fold_", "all"
# Within one of them, a part of its train sessions is left out: what such a training is called, and their split there.
INNER = "inner"
# Beside one of them, the same network trained on severity, a baseline: what that training is called.
DIRECT = "direct"
# The split of a session that would be trained on, but whose subject is reported.
EXCLUDED = "excluded"
# That of a session which is neither trained on nor reported.
UNUSED = "unused"
_NAMED = 10  # of which a line names so many


def divisions(
    windows: Windows,
    facts: Facts,
    reported: str,
    dev_fraction: float,
    split_seed: int,
    exclude_overlap: bool = False,
    kfold: int = 0,
) -> dict[str, np.ndarray]:
    """Name -> (N,) the split of each session.

    Where the corpus has splits, or neither splits nor folds: one division, named "": the corpus's own, or one by
    subject. Where it has folds: one a fold, "fold_1" and so on, that reports who is tested in it and trains on all
    others, and "all", which trains on everybody, for the final model. With `kfold` there are so many folds by subject,
    alike in severities, of the sessions of train and of the reported split (of all, where there are none); others are
    `UNUSED`. Raises UserError where there is nothing to train
    on or to report, and, naming them, where subjects (or the very same recording, under two names) stand in both; with
    `exclude_overlap` these sessions are `EXCLUDED` from train instead.
    """
    folds, begin = facts.folds, np.full(len(windows), "train")
    if kfold:
        folds, begin = _drawn(windows, facts, reported, kfold, split_seed)
    elif any(facts.split) or not any(folds):
        split = facts.split
        if not any(split):
            split = split_by_subject(windows.subject, windows.severity, dev_fraction, split_seed)
        return {"": _apart(windows, facts, split, reported, exclude_overlap)}
    found = {}
    for fold in sorted({fold for of_one in folds for fold in of_one}):
        tested = np.array([fold in of_one for of_one in folds])
        if np.isfinite(windows.severity[tested]).any():
            split = np.where(tested, reported, begin)
            found[f"{FOLD}{fold}"] = _apart(windows, facts, split, reported, exclude_overlap, f" of fold {fold}")
    if len(found) < 2:
        raise UserError(
            f"only {len(found)} of the folds test a session with a known target; expected two at least: use more "
            "sessions, or other folds"
        )
    return {**found, ALL: begin}


def _drawn(
    windows: Windows, facts: Facts, reported: str, kfold: int, seed: int
) -> tuple[list[tuple[int, ...]], np.ndarray]:
    """(the folds in which each session is tested, (N,) "train" or `UNUSED`)."""
    if any(facts.folds):
        raise UserError(
            f"data.kfold is {kfold}, but the labels have folds of their own: leave data.kfold 0, or leave the column "
            "fold out of the labels"
        )
    pool = np.isin(facts.split, ("train", reported)) if any(facts.split) else np.full(len(windows), True)
    fold = folds_by_subject(windows.subject, np.where(pool, windows.severity, np.nan), kfold, seed)
    tested = [(int(one) + 1,) if one >= 0 and here else () for one, here in zip(fold, pool, strict=True)]
    return tested, np.where(pool, "train", UNUSED)


def with_inner(divided: Mapping[str, np.ndarray], windows: Windows, folds: int, seed: int) -> dict[str, np.ndarray]:
    """`divided`, and before each training that is reported `folds` more, by which its epoch and regressor are chosen.

    "fold_1/inner_1" and so on (without folds "inner_1"): each leaves a part of the train sessions out, whose split is
    then `INNER`; parts are by subject and alike in severities. What is reported is none of them, nor trained on. Raises
    UserError where train has fewer subjects with a known target than there are to be parts.
    """
    found = {}
    for name, split in divided.items():
        train = split == "train"
        if name != ALL:
            part = folds_by_subject(windows.subject, np.where(train, windows.severity, np.nan), folds, seed)
            for one in range(folds):
                inner = f"{name}/{INNER}_{one + 1}" if name else f"{INNER}_{one + 1}"
                found[inner] = np.where(train & (part == one), INNER, split)
        found[name] = split
    return found


def inner_of(name: str, trainings: Sequence[str]) -> list[str]:
    """The trainings by which the epoch of the one of this name is chosen."""
    begin = f"{name}/{INNER}_" if name else f"{INNER}_"
    return [one for one in trainings if one.startswith(begin)]


def with_direct(divided: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """`divided`, and before each training that is reported one more on the same sessions: `direct_of` it."""
    found = {}
    for name, split in divided.items():
        if is_outer(name) and name != ALL:
            found[direct_of(name)] = split
        found[name] = split
    return found


def direct_of(name: str) -> str:
    """The training on severity that is the baseline of the one of this name."""
    return f"{name}/{DIRECT}" if name else DIRECT


def is_direct(name: str) -> bool:
    """Whether it is such a training."""
    return name.rpartition("/")[2] == DIRECT


def is_outer(name: str) -> bool:
    """Whether a training is one by itself, and neither chooses for another one nor is its baseline."""
    return not is_direct(name) and not name.rpartition("/")[2].startswith(f"{INNER}_")


def check_unreported(
    windows: Windows, facts: Facts, divided: Mapping[str, np.ndarray], name: str, reported: str
) -> None:
    """Raises UserError where `name` is no split to choose checkpoints by (train.best_by).

    It must have sessions with a known target, and nobody who is trained on or reported, be it under another name.
    """
    for split in divided.values():
        if not np.isfinite(windows.severity[split == name]).any():
            raise UserError(
                f"train.best_by is {name!r}: there is no labelled session in such a split, there are "
                f"{', '.join(sorted(set(split.tolist())))}: expected 'loss', or a split that is neither train nor "
                f"{reported}"
            )
        others = np.isin(split, ("train", reported))
        if (both := (split == name) & _among(windows, facts, others)).any():
            raise UserError(
                f"train.best_by is {name!r}: subjects stand in it and in train or {reported}, too: "
                f"{_few(sorted(set(windows.subject[both])))}; expected nobody in both: set train.best_by='loss'"
            )


def excluded(windows: Windows, divided: Mapping[str, np.ndarray], reported: str) -> list[str]:
    """A line for each division that leaves sessions out of train: how many, and the first of them."""
    notes = []
    for name, split in divided.items():
        sessions, subjects = windows.session[split == EXCLUDED], set(windows.subject[split == EXCLUDED])
        if len(sessions):
            where = f" of {name.replace('_', ' ')}" if name else ""
            notes.append(
                f"left out of train, whose subjects are in {reported}{where}, too (data.exclude_overlap): "
                f"{len(sessions)}, subjects {len(subjects)}: {_few(sessions)}"
            )
    return notes


def _apart(
    windows: Windows, facts: Facts, split: np.ndarray, reported: str, exclude_overlap: bool, where: str = ""
) -> np.ndarray:
    """(N,) `split`, in which nobody is both in train and reported."""
    _check_labelled(windows, split, reported, where)
    overlap = (split == "train") & _among(windows, facts, split == reported)
    if not overlap.any():
        return split
    if not exclude_overlap:
        raise UserError(
            f"subjects stand in train and in {reported}{where}: {_few(sorted(set(windows.subject[overlap])))}; "
            "expected nobody, and no recording, in both: correct the splits, or set data.exclude_overlap=True, which "
            "leaves them out of train"
        )
    split = np.where(overlap, EXCLUDED, split)
    _check_labelled(windows, split, reported, where)
    return split


def _among(windows: Windows, facts: Facts, these: np.ndarray) -> np.ndarray:
    """(N,) bool: the subject of a session is that of one of `these` (N,) bool, or its recording is one of theirs."""
    subject = np.isin(windows.subject, windows.subject[these])
    digests = np.array(facts.digests or [""] * len(windows))
    return subject | (np.isin(digests, digests[these]) & (digests != ""))


def _check_labelled(windows: Windows, split: np.ndarray, reported: str, where: str) -> None:
    for name in ("train", reported):
        if not np.isfinite(windows.severity[split == name]).any():
            raise UserError(
                f"no labelled session in {name}{where}; there are {', '.join(sorted(set(split.tolist())))}: "
                "correct the labels or evaluation.reported_split"
            )


def split_by_subject(subject: np.ndarray, severity: np.ndarray, dev_fraction: float, seed: int) -> np.ndarray:
    """(N,) "train" or "dev"; all sessions of a subject stand on one side.

    Subjects are ordered by their mean severity and cut into blocks of about 1 / dev_fraction; one subject of each
    block, drawn at random, is dev, so that both sides have like severities. Subjects without a known severity train.
    Raises UserError where either side would be empty.
    """
    _, number, order, generator = by_severity(subject, severity, seed)
    wanted = round(len(order) * dev_fraction)
    if not 0 < wanted < len(order):
        raise UserError(
            f"{len(order)} subjects with a known target cannot be divided into train and dev by data.dev_fraction "
            f"{dev_fraction:g}: expected at least one on each side"
        )
    dev = [generator.choice(block) for block in np.array_split(order, wanted)]
    return np.where(np.isin(number, dev), "dev", "train")


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
