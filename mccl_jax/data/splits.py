"""Who is trained on and who is reported: one division, or one for each fold of the corpus and one on all sessions."""

from collections.abc import Mapping, Sequence

import numpy as np

from data_builders.folds import by_severity
from mccl_jax.data.sessions import Facts
from mccl_jax.data.windows import Windows
from mccl_jax.errors import UserError

FOLD, ALL = "fold_", "all"
# The split of a session that would be trained on, but whose subject is reported.
EXCLUDED = "excluded"
_NAMED = 10  # of which a line names so many


def divisions(
    windows: Windows,
    facts: Facts,
    reported: str,
    dev_fraction: float,
    split_seed: int,
    exclude_overlap: bool = False,
) -> dict[str, np.ndarray]:
    """Name -> (N,) the split of each session.

    Where the corpus has splits, or neither splits nor folds: one division, named "": the corpus's own, or one by
    subject. Where it has folds: one a fold, "fold_1" and so on, that reports who is tested in it and trains on all
    others, and "all", which trains on everybody, for the final model. Raises UserError where there is nothing to train
    on or to report, and, naming them, where subjects (or the very same recording, under two names) stand in both; with
    `exclude_overlap` these sessions are `EXCLUDED` from train instead.
    """
    if any(facts.split) or not any(facts.folds):
        split = facts.split
        if not any(split):
            split = split_by_subject(windows.subject, windows.severity, dev_fraction, split_seed)
        return {"": _apart(windows, facts, split, reported, exclude_overlap)}
    found = {}
    for fold in sorted({fold for of_one in facts.folds for fold in of_one}):
        tested = np.array([fold in of_one for of_one in facts.folds])
        if np.isfinite(windows.severity[tested]).any():
            split = np.where(tested, reported, "train")
            found[f"{FOLD}{fold}"] = _apart(windows, facts, split, reported, exclude_overlap, f" of fold {fold}")
    if len(found) < 2:
        raise UserError(
            f"only {len(found)} of the folds test a session with a known target; expected two at least: use more "
            "sessions, or other folds"
        )
    return {**found, ALL: np.full(len(windows), "train")}


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
