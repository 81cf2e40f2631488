"""A made-up workdir: embeddings of some epochs, in which severity may be planted."""

import numpy as np
import pytest

from mccl_jax.evaluation.embeddings import Embeddings, evaluated_epochs, path_of_epoch


@pytest.fixture
def workdir_of(tmp_path):
    """A function that writes embeddings and gives epoch -> file."""

    def write(target, split, subject=None, epochs=(5, 10, 15), signal=0.0, width=6, seed=0):
        """One session an entry of `target` and `split`; `signal` is how much of the target every embedding holds."""
        rng = np.random.default_rng(seed)
        target = np.asarray(target, float)
        subject = [f"s{row:03d}" for row in range(len(target))] if subject is None else subject
        session = [f"{one}_{row:03d}" for row, one in enumerate(subject)]
        for epoch in epochs:
            noise = rng.normal(size=(2, len(target), width))
            z_inter, z_intra = noise + signal * np.nan_to_num(target)[None, :, None]
            Embeddings(session, subject, split, target, z_inter, z_intra).save(path_of_epoch(tmp_path, epoch))
        return evaluated_epochs(tmp_path)

    return write


@pytest.fixture
def corpus():
    """target, split of 100 sessions with a skewed score: 60 train, 40 test."""
    target = np.clip(np.round(np.random.default_rng(7).gamma(1.3, 5, 100)), 0, 24)
    return target, ["train"] * 60 + ["test"] * 40
