"""From embeddings to severity: the paper's XGBoost, and ridge regression beside it; and a network's own last layer.

`fit` gives a `Regressor`; `to_json` and `from_json` keep it without pickle and without loss: a regressor that was read
back predicts the same bits.
"""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

import numpy as np

from mccl_jax.errors import UserError

# Rows are summed in the order of the threads that meet them: one thread, one result.
_XGBOOST_THREADS = 1
# The paper's code; everything else is XGBoost's default (squared error, lambda 1, 256 bins).
_XGBOOST_TREES = 50
_XGBOOST = {"learning_rate": 0.08, "subsample": 0.75, "max_depth": 4, "tree_method": "hist"}

# Ridge: penalty a session, from none but the mean to next to no penalty.
_PENALTIES = np.concatenate([[np.inf], np.logspace(5, -3, 33)])
# A feature that varies less than this share of its size is a float32 constant.
_FLAT = 1e-6


class Regressor(Protocol):
    """Predicts severities from features; made by `fit` or `from_json`."""

    name: ClassVar[str]

    def predict(self, features: np.ndarray) -> np.ndarray:
        """(N, 2D) -> (N,) float64, in the units of the target, neither clipped nor rounded.

        Raises UserError where a feature is not finite, ValueError where their number is another than in `fit`.
        """

    def to_json(self) -> str:
        """The regressor as one line of JSON."""


def fit(
    name: str, features: np.ndarray, target: np.ndarray, seed: int = 0, subject: np.ndarray | None = None
) -> Regressor:
    """Fits the regressor of this name to features (N, 2D) and target (N,).

    `seed` draws XGBoost's rows (the paper's is 0). `subject` (N,) says whose session it is, for ridge's penalty; every
    session is somebody else's where it is None. With a constant target, or a single session, both predict that target.

    Raises UserError for an unknown name, no session at all, or features or targets that are not finite.
    """
    if name not in REGRESSORS:
        raise UserError(f"regressor: {name!r} is unknown; expected {' or '.join(REGRESSORS)}: correct the config")
    target = np.asarray(target, np.float64)
    if len(target) == 0:
        raise UserError("train: no session with a known target; expected at least one: check the labels and the split")
    if not np.isfinite(target).all():
        raise UserError("train: a target is not finite; expected numbers: leave sessions without a target out")
    features = _checked(features)
    if features.shape[:1] != target.shape:
        raise ValueError(f"features {features.shape} and target {target.shape} must have the same sessions")
    return REGRESSORS[name].fit(features, target, seed, np.arange(len(target)) if subject is None else subject)


def from_json(text: str) -> Regressor:
    """What `to_json` wrote. Raises UserError where `text` is something else."""
    try:
        content = json.loads(text)
        return _KINDS[content.pop("regressor")].from_content(content)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"regressor: cannot be read ({type(error).__name__}); expected the JSON of {' or '.join(REGRESSORS)} as "
            "training writes it: run --mode=evaluate again in its workdir"
        ) from error


@dataclasses.dataclass(frozen=True)
class XGBoost:
    """Gradient-boosted trees with the settings of the paper's code; `booster` is an `xgboost.Booster`."""

    booster: Any
    name: ClassVar[str] = "xgboost"

    @classmethod
    def fit(cls, features: np.ndarray, target: np.ndarray, seed: int, subject: np.ndarray) -> "XGBoost":
        import xgboost

        # XGBoost 2 and later start from the target's mean by themselves; said here, so that every version does.
        parameters = {**_XGBOOST, "base_score": float(target.mean()), "seed": seed, "nthread": _XGBOOST_THREADS}
        return cls(xgboost.train(parameters, xgboost.DMatrix(features, target), _XGBOOST_TREES))

    def predict(self, features: np.ndarray) -> np.ndarray:
        import xgboost

        features = _checked(features, self.booster.num_features())
        if len(features) == 0:  # XGBoost would warn of an empty data set
            return np.zeros(0)
        return self.booster.predict(xgboost.DMatrix(features)).astype(np.float64)

    def to_json(self) -> str:
        return json.dumps({"regressor": self.name, "model": json.loads(self.booster.save_raw("json"))})

    @classmethod
    def from_content(cls, content: dict[str, Any]) -> "XGBoost":
        import xgboost

        booster = xgboost.Booster({"nthread": _XGBOOST_THREADS})
        booster.load_model(bytearray(json.dumps(content["model"]), "utf-8"))
        return cls(booster)


@dataclasses.dataclass(frozen=True)
class Ridge:
    """intercept + ((features - mean) / scale) . coefficients, with the penalty that predicts left-out subjects best.

    alpha = penalty x N in |y - Xb|^2 + alpha |b|^2, the penalty chosen from a log grid by the mean squared error of
    leave-one-SUBJECT-out: sessions of a person resemble each other more than those of strangers, and leaving out one
    session at a time would reward a penalty so small that it knows the person again. The grid ends with an infinite
    penalty (`alpha` is None): all coefficients 0, which predicts the mean. Of equal errors the largest penalty wins,
    and where there is only one subject, so that none can be left out, it is the infinite one.
    """

    mean: np.ndarray
    scale: np.ndarray
    coefficients: np.ndarray
    intercept: float
    alpha: float | None
    name: ClassVar[str] = "ridge"

    @classmethod
    def fit(cls, features: np.ndarray, target: np.ndarray, seed: int, subject: np.ndarray) -> "Ridge":
        mean, scale, flat, left, singular, right = _decomposed(features)
        # The mean of equal numbers need not be that number: a constant target must be predicted as it is.
        intercept = float(target[0] if (target == target[0]).all() else target.mean())
        alpha = _penalties(left, singular, (target - intercept)[:, None], subject)[0]
        coefficients = right.T @ (singular / (singular**2 + alpha) * (left.T @ (target - intercept)))
        coefficients = np.where(flat, 0.0, coefficients)
        return cls(mean, scale, coefficients, intercept, float(alpha) if np.isfinite(alpha) else None)

    def predict(self, features: np.ndarray) -> np.ndarray:
        features = _checked(features, len(self.coefficients)).astype(np.float64)
        return self.intercept + ((features - self.mean) / self.scale) @ self.coefficients

    def to_json(self) -> str:
        content = {"regressor": self.name, **dataclasses.asdict(self)}
        return json.dumps(content, default=np.ndarray.tolist, allow_nan=False)

    @classmethod
    def from_content(cls, content: dict[str, Any]) -> "Ridge":
        arrays = {name: np.asarray(content[name], np.float64) for name in ("mean", "scale", "coefficients")}
        return cls(**arrays, intercept=content["intercept"], alpha=content["alpha"])


@dataclasses.dataclass(frozen=True)
class Network:
    """intercept + features . coefficients: the last layer of a network that was itself trained on severity.

    Nothing is fitted here. Only such a network has one (train.objective "severity").
    """

    coefficients: np.ndarray
    intercept: float
    name: ClassVar[str] = "network"

    @classmethod
    def of(cls, params: Mapping[str, np.ndarray], centre: float, scale: float) -> "Network":
        """From the params of a network whose layer `severity` predicts (severity - centre) / scale."""
        kernel, bias = (np.asarray(params[f"severity/{name}"], np.float64) for name in ("kernel", "bias"))
        return cls(float(scale) * kernel, float(centre + scale * bias))

    def predict(self, features: np.ndarray) -> np.ndarray:
        return self.intercept + _checked(features, len(self.coefficients)).astype(np.float64) @ self.coefficients

    def to_json(self) -> str:
        content = {"regressor": self.name, **dataclasses.asdict(self)}
        return json.dumps(content, default=np.ndarray.tolist, allow_nan=False)

    @classmethod
    def from_content(cls, content: dict[str, Any]) -> "Network":
        return cls(np.asarray(content["coefficients"], np.float64), content["intercept"])


# Those that can be fitted.
REGRESSORS: dict[str, type[XGBoost] | type[Ridge]] = {kind.name: kind for kind in (XGBoost, Ridge)}
_KINDS = {**REGRESSORS, Network.name: Network}


def ridge_predictions(features: np.ndarray, targets: np.ndarray, subject: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(M, P): what `Ridge`, fitted to features (N, 2D) and each of P targets (N, P), predicts of the M `others`.

    For permutation tests: the features are decomposed once, and each target gets the penalty that suits it.
    """
    features, others = _checked(features), _checked(others, features.shape[1])
    mean, scale, flat, left, singular, right = _decomposed(features)
    centre = targets.mean(axis=0)
    alphas = _penalties(left, singular, targets - centre, subject)
    coefficients = right.T @ (singular[:, None] / (singular[:, None] ** 2 + alphas) * (left.T @ (targets - centre)))
    return centre + np.where(flat, 0.0, (others - mean) / scale) @ coefficients


def _decomposed(features: np.ndarray) -> tuple[np.ndarray, ...]:
    """(mean, scale, which features are constant), and the SVD of the features, standardised by them."""
    features = features.astype(np.float64)
    mean, scale = features.mean(0), features.std(0)
    flat = scale <= _FLAT * np.abs(mean)
    scale = np.where(flat, 1.0, scale)
    standardised = np.where(flat, 0.0, (features - mean) / scale)
    return mean, scale, flat, *np.linalg.svd(standardised, full_matrices=False)


def _penalties(left: np.ndarray, singular: np.ndarray, centred: np.ndarray, subject: np.ndarray) -> np.ndarray:
    """(P,) the alpha of each target (N, P), of an SVD of the features."""
    alphas = _PENALTIES * len(centred)
    errors = _left_out_errors(left, singular**2 / (singular**2 + alphas[:, None]), centred, subject)
    return alphas[np.argmin(errors, axis=0)]


def _left_out_errors(left: np.ndarray, shrinkage: np.ndarray, centred: np.ndarray, subject: np.ndarray) -> np.ndarray:
    """(A, P) mean squared errors of leave-one-subject-out, for A penalties with `shrinkage` (A, rank) and P targets.

    With the SVD X = U diag(s) V^T of the centred features, ridge with a free intercept fits H y,
    H = 1/N + U diag(s^2 / (s^2 + alpha)) U^T, and the errors on a left-out group g are (I - H_gg)^-1 (y - H y)_g;
    no refitting. `centred` (N, P). The features' scales alone are not refitted without the group. All infinite where
    there is but one subject. Source: the leave-one-out identity of Golub, Heath and Wahba 1979, in its block form.
    """
    num_sessions, subjects = len(centred), np.unique(subject)
    if len(subjects) < 2:
        return np.full((len(shrinkage), centred.shape[1]), np.inf)
    residuals = centred - left @ (shrinkage[:, :, None] * (left.T @ centred))  # (A, N, P)
    total = np.zeros((len(shrinkage), centred.shape[1]))
    for one in subjects:
        rows = np.flatnonzero(subject == one)
        hat = 1 / num_sessions + (left[rows] * shrinkage[:, None]) @ left[rows].T  # (A, n, n)
        left_out = np.linalg.solve(np.eye(len(rows)) - hat, residuals[:, rows])
        total += np.sum(left_out**2, axis=1)
    return total / num_sessions


def _checked(features: np.ndarray, number: int | None = None) -> np.ndarray:
    """`features` as float32 (N, number), all finite."""
    features = np.asarray(features, np.float32)
    if features.ndim != 2 or features.shape[1] != (number or features.shape[1]):
        raise ValueError(f"features must be (N, {number or '2D'}), not {features.shape}")
    bad = np.flatnonzero(~np.isfinite(features).all(axis=1))
    if len(bad):
        raise UserError(
            f"embeddings: {len(bad)} of {len(features)} sessions have features that are not finite (first: row "
            f"{bad[0]}); expected numbers: training diverged, lower the learning rate"
        )
    return features
