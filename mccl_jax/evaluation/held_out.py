"""What one training says of sessions that it did not see: regressors fitted on train, predictions for the others."""

import dataclasses
import pathlib
from collections.abc import Callable, Iterable, Mapping

import numpy as np

from mccl_jax import regressors
from mccl_jax.errors import UserError
from mccl_jax.evaluation.baselines import baselines
from mccl_jax.evaluation.described import Described
from mccl_jax.evaluation.embeddings import UNTRAINED, Embeddings
from mccl_jax.evaluation.options import Options
from mccl_jax.metrics import METRICS

Fitted = dict[str, regressors.Regressor]


@dataclasses.dataclass(frozen=True)
class HeldOut:
    """N sessions of the reported split, in the order of the data.

    name        of the fold or of another training; "" where there are no folds.
    train       the train sessions with a known target, at the last epoch; `unknown_train` have none.
    reported    the reported ones, at the last epoch, those without a known target too.
    predicted   epoch -> regressor -> (N,); beside the regressors "network", where the network itself says severities.
    fitted      the regressors of the last epoch.
    baselines   name -> (N,): what `baselines` predicts without a trained encoder.
    cuts        name of another way to cut the sessions -> regressor -> (N,).
    """

    name: str
    train: Embeddings
    unknown_train: int
    reported: Embeddings
    predicted: Mapping[int, Mapping[str, np.ndarray]]
    fitted: Fitted
    baselines: Mapping[str, np.ndarray]
    cuts: Mapping[str, Mapping[str, np.ndarray]] = dataclasses.field(default_factory=dict)

    def mae(self, epoch: int, regressor: str) -> float | None:
        """On the reported sessions with a known target; None where there are none."""
        rows = np.isfinite(self.reported.target)
        if not rows.any():
            return None
        return float(METRICS["mae"](self.reported.target[rows], self.predicted[epoch][regressor][rows]))

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
    described: Described | None = None,
    direct: str | pathlib.Path | None = None,
    cuts: Mapping[str, str | pathlib.Path] | None = None,
) -> HeldOut:
    """Fits and predicts at every evaluated epoch; `files` is epoch -> file, `track` wraps the sequence of epochs.

    Epoch 0, where it is there, is the encoder before its training, a baseline; so is what `described` allows, and
    what the same network trained on severity says, whose embeddings are the file `direct`. `cuts`: name -> embeddings
    of the sessions cut in another way, at the last epoch; regressors are fitted on those of train.

    Raises UserError where there is no epoch, no session with a known target in train, no session in the reported split,
    a subject in both, an epoch whose sessions differ from the others', embeddings that are not finite, or a label that
    `options` asks for and that is not there.
    """
    epochs = sorted(epoch for epoch in files if epoch != UNTRAINED)
    if not epochs:
        raise UserError("evaluation: no embeddings; expected embeddings/epoch_*.npz: train in this workdir first")
    last = Embeddings.load(files[epochs[-1]])
    check_labels(last.labels, last.session, options)
    train, reported = known(last.of_split("train")), last.of_split(options.reported_split)
    if len(reported) == 0:
        raise UserError(
            f"evaluation: no session in the reported split {options.reported_split!r}; expected one of "
            f"{', '.join(sorted(set(last.split.tolist())))}: correct the config"
        )
    if both := sorted({*last.of_split("train").subject.tolist()} & {*reported.subject.tolist()}):
        raise UserError(
            f"evaluation: subjects stand in train and in {options.reported_split}{f' of {name}' if name else ''}: "
            f"{', '.join(both[:10])}{' ...' if both[10:] else ''}; no score is given of people who were trained on: "
            "report another split, or train with data.exclude_overlap=True"
        )
    untrained = None
    if UNTRAINED in files:
        untrained = _same_sessions(Embeddings.load(files[UNTRAINED]), last, files[UNTRAINED])
    predicted = {}
    for epoch in track(epochs):
        embeddings = _same_sessions(Embeddings.load(files[epoch]), last, files[epoch])
        fitted = fit(embeddings, options)
        of_reported = embeddings.of_split(options.reported_split)
        predicted[epoch] = {name: model.predict(of_reported.features) for name, model in fitted.items()}
        if last.has_output:
            predicted[epoch][regressors.Network.name] = of_reported.output
    unknown = len(last.of_split("train")) - len(train)
    on_severity = None
    if direct is not None:
        on_severity = Embeddings.load(direct)
        _check_sessions(on_severity, last, direct)
    rivals = baselines(train, reported, untrained, described, on_severity, options)
    of_cuts = {}
    for cut, file in (cuts or {}).items():
        embeddings = Embeddings.load(file)
        _check_sessions(embeddings, last, file)
        features = embeddings.of_split(options.reported_split).features
        of_cuts[cut] = {name: model.predict(features) for name, model in fit(embeddings, options).items()}
    return HeldOut(name, train, unknown, reported, predicted, fitted, rivals, of_cuts)


def fit(embeddings: Embeddings, options: Options) -> Fitted:
    """Every regressor, fitted on the train sessions with a known target."""
    train = known(embeddings.of_split("train"))
    return {
        name: regressors.fit(name, train.features, train.target, options.seed, train.subject)
        for name in options.regressors
    }


def check_labels(labels: Mapping[str, np.ndarray], session: np.ndarray, options: Options) -> None:
    """Raises UserError where a label that the options ask for is not there, or unknown for a session.

    `labels`: name -> (N,), as `Embeddings` has them; `session` (N,) names them.
    """
    for key in ("positive", "group"):
        name = getattr(options, key)
        if not name:
            continue
        if name not in labels:
            raise UserError(f"evaluation.{key} is {name!r}: no such label; there are {', '.join(labels) or 'none'}")
        values = labels[name]
        text = values.dtype.kind == "U"
        unknown = session[values == "" if text else np.isnan(values)]
        if len(unknown):
            raise UserError(
                f"{unknown[0]}: its {name} is unknown, which evaluation.{key} asks for; expected it of every session: "
                "fill it in, or leave the option empty"
            )
        wrong = values if text else values[~np.isin(values, (0, 1))]
        if key == "positive" and len(wrong):
            raise UserError(
                f"evaluation.positive is {name!r}, which holds {wrong[0].item()!r}: expected 0 and 1: name another "
                "label, or leave the option empty"
            )


def known(embeddings: Embeddings) -> Embeddings:
    """The sessions with a known target."""
    return embeddings.rows(np.isfinite(embeddings.target))


def _check_sessions(embeddings: Embeddings, last: Embeddings, file: str | pathlib.Path) -> None:
    for name in ("session", "subject", "split", "target"):
        if not np.array_equal(getattr(embeddings, name), getattr(last, name), equal_nan=name == "target"):
            raise UserError(
                f"{file}: its sessions are not those of the last epoch ({name} differs); expected one data set in all "
                "epochs: train in an empty workdir"
            )


def _same_sessions(embeddings: Embeddings, last: Embeddings, file: str | pathlib.Path) -> Embeddings:
    _check_sessions(embeddings, last, file)
    if not np.array_equal(np.isfinite(embeddings.output), np.isfinite(last.output)):
        raise UserError(
            f"{file}: what the network itself says is not there as it is in the last epoch; expected one training in "
            "all epochs: train in an empty workdir"
        )
    return embeddings
