"""What one training says of sessions that it did not see: regressors fitted on train, predictions for the others."""

import dataclasses
import pathlib
from collections.abc import Callable, Iterable, Mapping

import numpy as np

from mccl_jax import regressors
from mccl_jax.errors import UserError
from mccl_jax.evaluation.embeddings import Embeddings
from mccl_jax.evaluation.options import Options
from mccl_jax.metrics import METRICS

Fitted = dict[str, regressors.Regressor]


@dataclasses.dataclass(frozen=True)
class HeldOut:
    """N sessions of the reported split, in the order of the data.

    name        of the fold; "" where there are no folds.
    train       the train sessions with a known target, at the last epoch; `unknown_train` have none.
    reported    the reported ones, at the last epoch, those without a known target too.
    predicted   epoch -> regressor -> (N,).
    fitted      the regressors of the last epoch.
    baselines   name -> (N,): what is predicted without looking at anybody.
    """

    name: str
    train: Embeddings
    unknown_train: int
    reported: Embeddings
    predicted: Mapping[int, Mapping[str, np.ndarray]]
    fitted: Fitted
    baselines: Mapping[str, np.ndarray]

    def mae(self, epoch: int, regressor: str) -> float | None:
        """On the reported sessions with a known target; None where there are none."""
        return mae_of_known(self.reported.target, self.predicted[epoch][regressor])

    def best_epoch(self, regressor: str) -> int:
        """The first epoch of lowest MAE; the last epoch where no reported session has a known target."""
        of_epoch = {epoch: self.mae(epoch, regressor) for epoch in self.predicted}
        known = {epoch: mae for epoch, mae in of_epoch.items() if mae is not None}
        return min(known, key=known.get) if known else max(of_epoch)


def hold_out(
    name: str,
    files: Mapping[int, str | pathlib.Path],
    options: Options,
    track: Callable[[Iterable[int]], Iterable[int]],
) -> HeldOut:
    """Fits and predicts at every evaluated epoch; `files` is epoch -> file, `track` wraps the sequence of epochs.

    Raises UserError where there is no epoch, no session with a known target in train, no session in the reported split,
    an epoch whose sessions differ from the others', or embeddings that are not finite.
    """
    if not files:
        raise UserError("evaluation: no embeddings; expected embeddings/epoch_*.npz: train in this workdir first")
    epochs = sorted(files)
    last = Embeddings.load(files[epochs[-1]])
    train, reported = known(last.of_split("train")), last.of_split(options.reported_split)
    if len(reported) == 0:
        raise UserError(
            f"evaluation: no session in the reported split {options.reported_split!r}; expected one of "
            f"{', '.join(sorted(set(last.split.tolist())))}: correct the config"
        )
    predicted = {}
    for epoch in track(epochs):
        embeddings = _same_sessions(Embeddings.load(files[epoch]), last, files[epoch])
        fitted = fit(embeddings, options)
        features = embeddings.of_split(options.reported_split).features
        predicted[epoch] = {regressor: model.predict(features) for regressor, model in fitted.items()}
    unknown = len(last.of_split("train")) - len(train)
    return HeldOut(name, train, unknown, reported, predicted, fitted, _baselines(train, reported, options))


def fit(embeddings: Embeddings, options: Options) -> Fitted:
    """Every regressor, fitted on the train sessions with a known target."""
    train = known(embeddings.of_split("train"))
    return {
        name: regressors.fit(name, train.features, train.target, options.seed, train.subject)
        for name in options.regressors
    }


def mae_of_known(target: np.ndarray, predicted: np.ndarray) -> float | None:
    """MAE over the (N,) sessions with a known target; None where there are none."""
    rows = np.isfinite(target)
    return float(METRICS["mae"](target[rows], predicted[rows])) if rows.any() else None


def known(embeddings: Embeddings) -> Embeddings:
    """The sessions with a known target."""
    return embeddings.rows(np.isfinite(embeddings.target))


def _baselines(train: Embeddings, reported: Embeddings, options: Options) -> dict[str, np.ndarray]:
    mean, median = float(np.mean(train.target)), float(np.median(train.target))
    baselines = {"train_mean": np.full(len(reported), mean), "train_median": np.full(len(reported), median)}
    if options.group:
        groups = train.labels[options.group]
        of_group = {value: float(train.target[groups == value].mean()) for value in np.unique(groups)}
        baselines["group_mean"] = np.array([of_group.get(value, mean) for value in reported.labels[options.group]])
    return baselines


def _same_sessions(embeddings: Embeddings, last: Embeddings, file: str | pathlib.Path) -> Embeddings:
    for name in ("session", "subject", "split", "target"):
        if not np.array_equal(getattr(embeddings, name), getattr(last, name), equal_nan=name == "target"):
            raise UserError(
                f"{file}: its sessions are not those of the last epoch ({name} differs); expected one data set in all "
                "epochs: train in an empty workdir"
            )
    return embeddings
