"""Which checkpoint of a training is the best so far. Nothing that is reported has a say in it.

Compared are checkpoints at the end of evaluated epochs: by the mean training loss of the epoch, or by the MAE of the
headline regressor, fitted on train, on a split that is neither trained on nor reported. The lower the better, the first
of equal ones. What is needed to go on is kept with every checkpoint, so that a training that was stopped chooses as one
left in peace.
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from mccl_jax.evaluation import held_out
from mccl_jax.evaluation.embeddings import Embeddings
from mccl_jax.evaluation.options import Options
from mccl_jax.metrics import METRICS

LOSS = "loss"


class Selection:
    """The choice among the checkpoints of one training.

    by      "loss", or the name of a split.
    kept    what `saved` gave for the checkpoint that the training goes on from; None where it begins.
    best    step, epoch and score of the best checkpoint so far; None before there is one.
    """

    def __init__(self, by: str, options: Options, kept: Mapping[str, Any] | None = None):
        self._by, self._options, self._score = by, options, math.nan
        self._loss, self._steps = kept["loss_of_epoch"] if kept else (0.0, 0)
        self.best: dict[str, Any] | None = kept["best"] if kept else None

    @property
    def words(self) -> str:
        """What a score is."""
        if self._by == LOSS:
            return "mean training loss of the epoch"
        return f"MAE of {self._options.primary} on {self._by}"

    def step(self, slot: int, loss: float) -> None:
        """Adds the loss of one step, the one of this number in its epoch."""
        if slot == 0:
            self._loss, self._steps = 0.0, 0
        self._loss, self._steps = self._loss + loss, self._steps + 1

    def score(self, embeddings: Embeddings) -> None:
        """Of the epoch that has just ended, whose checkpoint is to be saved next."""
        self._score = self._loss / self._steps if self._by == LOSS else self._mae(embeddings)

    def saved(self, step: int, epoch: int) -> dict[str, Any]:
        """What is kept with the checkpoint that is saved now: its score, where it has one, and the best so far."""
        score, self._score = self._score, math.nan
        if math.isfinite(score) and (self.best is None or score < self.best["score"]):
            self.best = {"step": step, "epoch": epoch, "score": score}
        return {
            "score": score if math.isfinite(score) else None,
            "score_is": self.words,
            "best": self.best,
            "loss_of_epoch": (self._loss, self._steps),
        }

    def _mae(self, embeddings: Embeddings) -> float:
        primary = self._options.primary
        alone = dataclasses.replace(self._options, regressors=(primary,))
        chosen = held_out.known(embeddings.of_split(self._by))
        predicted = held_out.fit(embeddings, alone)[primary].predict(chosen.features)
        return float(METRICS["mae"](chosen.target, np.asarray(predicted)))
