"""What a report is made of: the files that a finished training left in its workdir, read once."""

from __future__ import annotations

import dataclasses
import json
import pathlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from mccl_jax.data.splits import ALL
from mccl_jax.errors import UserError
from mccl_jax.evaluation import results
from mccl_jax.evaluation.embeddings import Embeddings, path_of_epoch
from mccl_jax.training.writers import read_metrics

if TYPE_CHECKING:  # which needs the model's libraries
    from mccl_jax.experiment import Experiment

PREPARATION = "preparation.txt"
# What other modes may add to a workdir: where the model looks, and what each part of it is worth.
INSIGHT, ABLATION = "insight.json", "ablation.json"


@dataclasses.dataclass(frozen=True)
class Contents:
    """One training, or one for each fold, as its workdir tells of it.

    name          of the workdir, without the folders that it lies in.
    config        the experiment's options, "train.epochs" -> value, as they are told.
    results       what results.json holds (docs/results.md).
    predictions   the rows of predictions.csv; numbers are float, None where there is none. Empty: left out.
    loss          (2, M): epochs done, and the training loss of each step, or the folds' mean of each epoch.
    preparation   the text of preparation.txt; None where it is not there.
    embeddings    of the reported sessions, by the model whose result is the primary one; None where they are not there.
                  With folds, whose models embed in spaces of their own, those of the final model, which knew them.
    insight, ablation   what the JSON files of these names hold; None where they are not there. A training that is part
                  of an ablation lies two folders below that one's table.
    shareable     whether all that is of single participants, or of few, has been left out.
    """

    name: str
    experiment: Experiment
    config: Mapping[str, Any]
    results: dict[str, Any]
    predictions: list[dict[str, Any]]
    loss: np.ndarray
    preparation: str | None
    embeddings: Embeddings | None
    insight: dict[str, Any] | None = None
    ablation: dict[str, Any] | None = None
    shareable: bool = False

    @classmethod
    def of(cls, workdir: pathlib.Path, experiment: Experiment) -> Contents:
        """Reads them. Raises UserError where results or predictions are absent or damaged."""
        found = results.read(workdir)
        preparation = workdir / PREPARATION
        return cls(
            name=workdir.absolute().name,
            experiment=experiment,
            config=experiment.options,
            results=found,
            predictions=results.read_rows(workdir),
            loss=_loss(workdir, [fold["name"] for fold in found["folds"]]),
            preparation=preparation.read_text(encoding="utf-8") if preparation.exists() else None,
            embeddings=_embeddings(workdir, found),
            insight=_json(workdir / INSIGHT),
            ablation=_json(workdir / ABLATION) or _json(workdir.absolute().parent.parent / ABLATION),
        )

    @property
    def primary(self) -> dict[str, Any]:
        """Scores of the protocol and the regressor that are the headline."""
        named = self.results["primary"]
        return self.results["protocols"][named["protocol"]]["models"][named["regressor"]]

    @property
    def regressors(self) -> list[str]:
        """Their names, the headline's first."""
        named = self.results["primary"]
        models = self.results["protocols"][named["protocol"]]["models"]
        return sorted(models, key=lambda name: name != named["regressor"])

    @property
    def corpus(self) -> str:
        """The one that the reported sessions are of."""
        return (self.experiment.transfer or self.experiment.data).corpus

    @property
    def counts(self) -> dict[str, int]:
        """Of the reported sessions."""
        return self.results["counts"][self.results["reported_split"]]


def _loss(workdir: pathlib.Path, folds: list[str]) -> np.ndarray:
    curves = [_loss_curve(workdir / name, by_epoch=bool(folds)) for name in folds or [""]]
    longest = max(curve.shape[1] for curve in curves)  # a fold whose metrics.jsonl is gone has none
    return np.mean([curve for curve in curves if curve.shape[1] == longest], axis=0)


def _loss_curve(workdir: pathlib.Path, by_epoch: bool) -> np.ndarray:
    """(2, M): epochs done and the loss of each step, or the mean loss of each epoch, so that folds can be averaged."""
    metrics = read_metrics(workdir)
    epoch, loss = (np.array([line[key] for line in metrics], float) for key in ("epoch", "loss"))
    if by_epoch:
        return np.array([[one + 1, loss[epoch == one].mean()] for one in np.unique(epoch)]).reshape(-1, 2).T
    steps = max(1, int((epoch == 0).sum()))  # an epoch has as many as the first
    return np.stack([(np.arange(len(loss)) + 1) / steps, loss])


def _embeddings(workdir: pathlib.Path, found: dict[str, Any]) -> Embeddings | None:
    primary = found["primary"]
    epoch = found["protocols"][primary["protocol"]]["models"][primary["regressor"]]["epoch"]
    folder = workdir / ALL if found["folds"] else workdir
    if not isinstance(epoch, int) or not (path := path_of_epoch(folder, epoch)).exists():
        return None
    embeddings = Embeddings.load(path)
    return embeddings if found["folds"] else embeddings.of_split(found["reported_split"])


def _json(path: pathlib.Path) -> dict[str, Any] | None:
    if not path.exists():
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(found, dict):
            raise ValueError("is no object")
        return found
    except (OSError, ValueError) as error:
        raise UserError(
            f"{path}: cannot be read ({type(error).__name__}); expected JSON: make it anew, or remove it"
        ) from error
