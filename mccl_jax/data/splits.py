"""Who is trained on and who is reported: one division, or one for each fold of the corpus and one on all sessions."""

import numpy as np

from data_builders.folds import by_severity
from mccl_jax.data.sessions import Facts
from mccl_jax.data.windows import Windows
from mccl_jax.errors import UserError

FOLD, ALL = "fold_", "all"


def divisions(
    windows: Windows, facts: Facts, reported: str, dev_fraction: float, split_seed: int
) -> dict[str, np.ndarray]:
    """Name -> (N,) the split of each session.

    Where the corpus has splits, or neither splits nor folds: one division, named "": the corpus's own, or one by
    subject. Where it has folds: one a fold, "fold_1" and so on, that reports who is tested in it and trains on all
    others, and "all", which trains on everybody, for the final model. Raises UserError where there is nothing to train
    on or to report, or where a subject stands in both.
    """
    if any(facts.split) or not any(facts.folds):
        split = facts.split
        if not any(split):
            split = split_by_subject(windows.subject, windows.severity, dev_fraction, split_seed)
        return {"": _checked(windows, split, reported)}
    found = {}
    for fold in sorted({fold for of_one in facts.folds for fold in of_one}):
        tested = np.array([fold in of_one for of_one in facts.folds])
        if np.isfinite(windows.severity[tested]).any():
            found[f"{FOLD}{fold}"] = _checked(
                windows, np.where(tested, reported, "train"), reported, f" of fold {fold}"
            )
    if len(found) < 2:
        raise UserError(
            f"only {len(found)} of the folds test a session with a known target; expected two at least: use more "
            "sessions, or other folds"
        )
    return {**found, ALL: np.full(len(windows), "train")}


def _checked(windows: Windows, split: np.ndarray, reported: str, where: str = "") -> np.ndarray:
    for name in ("train", reported):
        if not np.isfinite(windows.severity[split == name]).any():
            raise UserError(
                f"no labelled session in {name}{where}; there are {', '.join(sorted(set(split.tolist())))}: "
                "correct the labels or evaluation.reported_split"
            )
    both = set(windows.subject[split == "train"]) & set(windows.subject[split == reported])
    if both:
        raise UserError(f"subjects stand in train and in {reported}{where}: {', '.join(sorted(both)[:10])}")
    return split


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
