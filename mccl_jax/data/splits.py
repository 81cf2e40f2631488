"""Who is trained on and who is reported, where the corpus does not say."""

import numpy as np

from mccl_jax.errors import UserError


def split_by_subject(subject: np.ndarray, severity: np.ndarray, dev_fraction: float, seed: int) -> np.ndarray:
    """(N,) "train" or "dev"; all sessions of a subject stand on one side.

    Subjects are ordered by their mean severity and cut into blocks of about 1 / dev_fraction; one subject of each
    block, drawn at random, is dev, so that both sides have like severities. Subjects without a known severity train.
    Raises UserError where either side would be empty.
    """
    people, number = np.unique(subject, return_inverse=True)
    known = np.isfinite(severity)
    count = np.bincount(number[known], minlength=len(people))
    mean = np.bincount(number[known], severity[known], len(people)) / np.maximum(count, 1)
    order = np.flatnonzero(count)
    generator = np.random.default_rng(seed)
    generator.shuffle(order)  # so that equal severities stand in random order
    order = order[np.argsort(mean[order], kind="stable")]
    wanted = round(len(order) * dev_fraction)
    if not 0 < wanted < len(order):
        raise UserError(
            f"{len(order)} subjects with a known target cannot be divided into train and dev by data.dev_fraction "
            f"{dev_fraction:g}: expected at least one on each side"
        )
    dev = [generator.choice(block) for block in np.array_split(order, wanted)]
    return np.where(np.isin(number, dev), "dev", "train")
