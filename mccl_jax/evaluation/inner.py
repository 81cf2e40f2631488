"""Which epoch and which regressor a training reports, chosen on its own train sessions alone."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from mccl_jax.evaluation.held_out import HeldOut
from mccl_jax.metrics import METRICS

# What the choice of both is called among the models of the protocol.
CHOICE = "inner_choice"


@dataclasses.dataclass(frozen=True)
class Choice:
    """What was chosen by `sessions` of train, each predicted by encoder and regressor that did not see its subject.

    epoch       regressor -> its epoch of lowest MAE, the first of equal ones; `mae` it there.
    regressor   the one of lowest MAE of all.
    """

    epoch: Mapping[str, int]
    mae: Mapping[str, float]
    regressor: str
    sessions: int


def choose(inner: Sequence[HeldOut], regressors: Sequence[str]) -> Choice:
    """The choice by the inner trainings of one training, whose parts of train are disjoint.

    Raises ValueError where none of their sessions has a known target.
    """
    true = np.concatenate([one.reported.target for one in inner])
    known = np.isfinite(true)
    if not known.any():
        raise ValueError("no session with a known target to choose by")
    best, mae = {}, {}
    for name in regressors:
        of_epoch = {}
        for epoch in sorted(set.intersection(*(set(one.predicted) for one in inner))):
            predicted = np.concatenate([one.predicted[epoch][name] for one in inner])
            of_epoch[epoch] = float(METRICS["mae"](true[known], predicted[known]))
        best[name] = min(of_epoch, key=of_epoch.get)
        mae[name] = of_epoch[best[name]]
    return Choice(best, mae, min(mae, key=mae.get), int(known.sum()))
