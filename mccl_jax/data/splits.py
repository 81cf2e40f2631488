"""Who is trained on and who is reported, where the corpus does not say."""

from collections.abc import Sequence

import numpy as np

from mccl_jax.data.windows import Windows
from mccl_jax.errors import UserError


def divide(windows: Windows, splits: Sequence[str], reported: str, dev_fraction: float, split_seed: int) -> np.ndarray:
    """(N,) the split of each session: the corpus's own (`splits`), or one by subject where it has none.

    Raises UserError where there is nothing to train on or to report, or where a subject stands in both.
    """
    split = np.array(splits)
    if not any(split):
        split = split_by_subject(windows.subject, windows.severity, dev_fraction, split_seed)
    for name in ("train", reported):
        if not np.isfinite(windows.severity[split == name]).any():
            raise UserError(
                f"no labelled session in {name}; there are {', '.join(sorted(set(split.tolist())))}: "
                "correct the labels or evaluation.reported_split"
            )
    both = set(windows.subject[split == "train"]) & set(windows.subject[split == reported])
    if both:
        raise UserError(f"subjects stand in train and in {reported}: {', '.join(sorted(both)[:10])}")
    return split


def folds_by_subject(subject: np.ndarray, severity: np.ndarray, folds: int, seed: int) -> np.ndarray:
    """(N,) number of the fold, 0..folds-1, in which each session is tested; all sessions of a subject in one.

    Subjects are ordered by their mean severity; each run of `folds` of them is dealt out at random, one to a fold, so
    that folds have like severities. -1 where the severity is unknown. Raises UserError where a fold would be empty.
    """
    people, number, order, generator = _by_severity(subject, severity, seed)
    if len(order) < folds:
        raise UserError(f"{len(order)} subjects with a known target cannot be dealt into {folds} folds")
    fold = np.full(len(people), -1)
    for start in range(0, len(order), folds):
        some = order[start : start + folds]
        fold[some] = generator.permutation(folds)[: len(some)]
    return fold[number]


def split_by_subject(subject: np.ndarray, severity: np.ndarray, dev_fraction: float, seed: int) -> np.ndarray:
    """(N,) "train" or "dev"; all sessions of a subject stand on one side.

    Subjects are ordered by their mean severity and cut into blocks of about 1 / dev_fraction; one subject of each
    block, drawn at random, is dev, so that both sides have like severities. Subjects without a known severity train.
    Raises UserError where either side would be empty.
    """
    _, number, order, generator = _by_severity(subject, severity, seed)
    wanted = round(len(order) * dev_fraction)
    if not 0 < wanted < len(order):
        raise UserError(
            f"{len(order)} subjects with a known target cannot be divided into train and dev by data.dev_fraction "
            f"{dev_fraction:g}: expected at least one on each side"
        )
    dev = [generator.choice(block) for block in np.array_split(order, wanted)]
    return np.where(np.isin(number, dev), "dev", "train")


def _by_severity(subject, severity, seed):
    """(people, number of each session's person, people of known severity in its order, generator)."""
    people, number = np.unique(subject, return_inverse=True)
    known = np.isfinite(severity)
    count = np.bincount(number[known], minlength=len(people))
    mean = np.bincount(number[known], severity[known], len(people)) / np.maximum(count, 1)
    order = np.flatnonzero(count)
    generator = np.random.default_rng(seed)
    generator.shuffle(order)  # so that equal severities stand in random order
    return people, number, order[np.argsort(mean[order], kind="stable")], generator
