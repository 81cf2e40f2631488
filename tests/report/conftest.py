"""A made-up evaluation to report."""

import dataclasses

import numpy as np
import pytest

from mccl_jax.evaluation.embeddings import Embeddings, evaluated_epochs, path_of_epoch
from mccl_jax.evaluation.options import Options
from mccl_jax.evaluation.protocols import Evaluation, evaluate

OPTIONS = Options(target="PHQ-8", threshold=10.0, low=0.0, high=24.0, resamples=100, simulated=True)


@pytest.fixture
def evaluation_of(tmp_path):
    """A function that evaluates made-up embeddings of `sessions` sessions, two a subject, a third of them reported."""

    def make(sessions: int = 60, scale: float = 1.0, known: bool = True, **options) -> Evaluation:
        rng = np.random.default_rng(0)
        target = scale * np.clip(np.round(rng.gamma(1.3, 5, sessions)), 0, 24)
        split = np.where(np.arange(sessions) < sessions * 2 // 3, "train", "test")
        subject = [f"s{row // 2}" for row in range(sessions)]
        for epoch in (1, 2, 3):
            z_inter, z_intra = rng.normal(size=(2, sessions, 4)) + 0.2 * target[:, None] / (scale or 1)
            shown = target if known else np.where(split == "test", np.nan, target)
            Embeddings(np.arange(sessions).astype(str), subject, split, shown, z_inter, z_intra).save(
                path_of_epoch(tmp_path, epoch)
            )
        return evaluate(evaluated_epochs(tmp_path), dataclasses.replace(OPTIONS, **options))

    return make
