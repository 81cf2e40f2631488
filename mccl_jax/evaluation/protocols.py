"""What a training is worth: scores as a pure function of the embeddings of its evaluated epochs.

Two protocols. `last`: the last epoch, fixed before training; the primary result. `official`: the epoch of lowest MAE on
the very sessions that are reported, as the paper's code does it, and therefore optimistic. Either stands beside
predicting the training mean and the training median.
"""

import dataclasses
import pathlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from mccl_jax import regressors
from mccl_jax.errors import UserError
from mccl_jax.evaluation.embeddings import Embeddings
from mccl_jax.evaluation.intervals import ResidualInterval, residual_interval
from mccl_jax.evaluation.scoring import ScoredSessions, verdict

SCHEMA_VERSION = 1
NO_DIAGNOSIS = "Research software, not a diagnostic device: no number here is a diagnosis of anybody."
SIMULATED = "SIMULATED data: these numbers say nothing about real people."
# The protocols, and what each is worth.
PROTOCOLS = {
    "last": "the last epoch, fixed before training: the primary result",
    "official": "OPTIMISTIC: for each regressor the epoch of lowest MAE on the very sessions that are reported (the "
    "first of equal ones), as the paper's code chooses it; no estimate for new people",
}
# Below this many subjects a percentile interval is too narrow to be taken at its word.
_FEW_SUBJECTS = 20


@dataclasses.dataclass(frozen=True)
class Options:
    """What is reported, and how.

    target          what the numbers are called, for instance "PHQ-8".
    reported_split  the split whose sessions are scored; regressors are fitted on "train".
    threshold       at or above it a session is positive; None where the target has no such threshold.
    low, high       ends of the target's scale; None where it has no known end.
    primary         the regressor whose result is the headline; one of `regressors`.
    seed            of XGBoost's rows (the paper's is 0) and of the resamples.
    level           of the intervals of metrics; `prediction_level` of those around one prediction.
    """

    target: str = "severity"
    reported_split: str = "test"
    threshold: float | None = None
    low: float | None = None
    high: float | None = None
    regressors: tuple[str, ...] = ("xgboost", "ridge")
    primary: str = "xgboost"
    seed: int = 0
    resamples: int = 2000
    level: float = 0.95
    prediction_level: float = 0.9
    simulated: bool = False

    def __post_init__(self):
        unknown = [name for name in self.regressors if name not in regressors.REGRESSORS]
        if unknown or not self.regressors:
            known = ", ".join(regressors.REGRESSORS)
            raise UserError(f"evaluation.regressors is {self.regressors}: expected one or more of {known}")
        for name in ("level", "prediction_level"):
            if not 0 < getattr(self, name) < 1:
                raise UserError(f"evaluation.{name} is {getattr(self, name)}: expected a share below 1, such as 0.95")
        if self.resamples < 1 or self.seed < 0:
            raise UserError("evaluation: resamples must be at least 1, and seed must not be negative")
        if None not in (self.low, self.high) and self.low >= self.high:
            raise UserError(f"evaluation.low is {self.low}, evaluation.high {self.high}: expected low below high")
        if self.primary not in self.regressors:
            raise UserError(
                f"evaluation: primary regressor {self.primary!r} is not among {', '.join(self.regressors)}; expected "
                "one of them: correct the config"
            )
        if self.reported_split == "train":
            raise UserError(
                "evaluation: the reported split is 'train', whose sessions the regressors know; expected a held-out "
                "split: report dev or test"
            )


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """`results` is what results.json holds, `predictions` one row a reported session (protocol `last`).

    `regressors`, by name, are those of the last epoch, and `residual_intervals` the intervals around their predictions.
    """

    results: dict[str, Any]
    predictions: list[dict[str, Any]]
    regressors: dict[str, regressors.Regressor]
    residual_intervals: dict[str, ResidualInterval]


def evaluate(
    files: Mapping[int, str | pathlib.Path],
    options: Options,
    track: Callable[[Iterable[int]], Iterable[int]] = iter,
) -> Evaluation:
    """Fits and scores the regressors on the embeddings of every evaluated epoch.

    `files`: epoch -> file, as `evaluated_epochs` lists them. `track` wraps the sequence of epochs, for a progress bar.
    Depends on the files and the options alone: the same in, the same bytes out.

    Raises UserError where there is no epoch, no session with a known target in train, no session in the reported split,
    an epoch whose sessions differ from the others', or embeddings that are not finite.
    """
    if not files:
        raise UserError("evaluation: no embeddings; expected embeddings/epoch_*.npz: train in this workdir first")
    epochs = sorted(files)
    last = Embeddings.load(files[epochs[-1]])
    train, reported = _known(last.of_split("train")), last.of_split(options.reported_split)
    if len(reported) == 0:
        raise UserError(
            f"evaluation: no session in the reported split {options.reported_split!r}; expected one of "
            f"{', '.join(sorted(set(last.split.tolist())))}: correct the config"
        )
    scored = _known(reported)
    sessions = ScoredSessions(
        scored.target, scored.subject, options.threshold, options.resamples, options.level, options.seed
    )

    fitted, predicted = {}, {}
    for epoch in track(epochs):
        embeddings = _same_sessions(Embeddings.load(files[epoch]), last, files[epoch])
        fitted = _fit(_known(embeddings.of_split("train")), options)
        features = _known(embeddings.of_split(options.reported_split)).features
        predicted[epoch] = {name: regressor.predict(features) for name, regressor in fitted.items()}
    curve = [
        {"epoch": epoch, "mae": {name: _mae(scored, values) for name, values in of_regressor.items()}}
        for epoch, of_regressor in predicted.items()
    ]

    baselines = _baselines(train, sessions)
    epochs_of = {
        "last": dict.fromkeys(options.regressors, epochs[-1]),
        "official": {name: _best_epoch(curve, name) for name in options.regressors},
    }
    protocols = {
        protocol: {
            "description": description,
            "optimistic": protocol == "official",
            "models": {
                name: {"epoch": epoch, **_scores(name, predicted[epoch][name], sessions, baselines)}
                for name, epoch in epochs_of[protocol].items()
            },
        }
        for protocol, description in PROTOCOLS.items()
    }
    residuals = {name: scored.target - predicted[epochs[-1]][name] for name in options.regressors}
    intervals = {
        name: residual_interval(values, options.prediction_level, options.low, options.high, scored.subject)
        for name, values in residuals.items()
    }
    results = {
        **_header(options),
        "verdict": protocols["last"]["models"][options.primary]["verdict"],
        "counts": {"train": ScoredSessions(train.target, train.subject, options.threshold).counts}
        | {options.reported_split: sessions.counts},
        "notes": _notes(last, train, reported, sessions),
        "baselines": baselines,
        "protocols": protocols,
        "curve": curve,
        "prediction_intervals": {
            name: {**dataclasses.asdict(interval), "explanation": interval.explanation}
            for name, interval in intervals.items()
        },
    }
    return Evaluation(results, _rows(reported, fitted, baselines), fitted, intervals)


def _known(embeddings: Embeddings) -> Embeddings:
    return embeddings.rows(np.isfinite(embeddings.target))


def _same_sessions(embeddings: Embeddings, last: Embeddings, file: str | pathlib.Path) -> Embeddings:
    for name in ("session", "subject", "split", "target"):
        if not np.array_equal(getattr(embeddings, name), getattr(last, name), equal_nan=name == "target"):
            raise UserError(
                f"{file}: its sessions are not those of the last epoch ({name} differs); expected one data set in all "
                "epochs: train in an empty workdir"
            )
    return embeddings


def _fit(train: Embeddings, options: Options) -> dict[str, regressors.Regressor]:
    return {
        name: regressors.fit(name, train.features, train.target, options.seed, train.subject)
        for name in options.regressors
    }


def _mae(scored: Embeddings, predicted: np.ndarray) -> float | None:
    return float(np.abs(scored.target - predicted).mean()) if len(scored) else None


def _best_epoch(curve: list[dict[str, Any]], regressor: str) -> int:
    """The first epoch of lowest MAE; the last epoch where no reported session has a known target."""
    known = [entry for entry in curve if entry["mae"][regressor] is not None]
    return min(known, key=lambda entry: entry["mae"][regressor])["epoch"] if known else curve[-1]["epoch"]


def _baselines(train: Embeddings, sessions: ScoredSessions) -> dict[str, dict[str, Any]]:
    values = {"train_mean": float(np.mean(train.target)), "train_median": float(np.median(train.target))}
    return {
        name: {"value": value, "metrics": sessions.metrics(np.full(len(sessions), value))}
        for name, value in values.items()
    }


def _scores(
    name: str, predicted: np.ndarray, sessions: ScoredSessions, baselines: dict[str, dict[str, Any]]
) -> dict[str, Any]:
    """Metrics, and the comparison with the baseline that has the lower MAE on the same sessions: the harder one."""
    mae_of = {baseline: scores["metrics"]["mae"] for baseline, scores in baselines.items()}
    better = min(mae_of, key=lambda baseline: mae_of[baseline]["estimate"] or 0.0)
    metrics = sessions.metrics(predicted)
    difference = sessions.difference_of_mae(predicted, np.full(len(sessions), baselines[better]["value"]))
    words = f"predicting the training {better.removeprefix('train_')}"
    return {
        "metrics": metrics,
        "difference_to_baseline": {"metric": "mae", "baseline": better, **difference},
        "verdict": verdict(name, words, metrics["mae"], mae_of[better], difference, sessions.level),
    }


def _header(options: Options) -> dict[str, Any]:
    return {
        "schema_version": SCHEMA_VERSION,
        "notice": NO_DIAGNOSIS,
        "simulated": options.simulated,
        "simulated_notice": SIMULATED if options.simulated else None,
        "target": {
            "name": options.target,
            "low": options.low,
            "high": options.high,
            "threshold": options.threshold,
        },
        "reported_split": options.reported_split,
        "primary": {"protocol": "last", "regressor": options.primary},
        "intervals": {
            "type": "percentile bootstrap over subjects",
            "level": options.level,
            "resamples": options.resamples,
            "seed": options.seed,
            "covers": "chance in who is in the reported split; training variance excluded",
        },
    }


def _notes(last: Embeddings, train: Embeddings, reported: Embeddings, sessions: ScoredSessions) -> list[str]:
    """What a reader of the numbers must know besides them."""
    notes = []
    unknown_train, unknown_reported = len(last.of_split("train")) - len(train), len(reported) - len(sessions)
    if unknown_train:
        notes.append(f"{unknown_train} train sessions have no known target: the regressors were fitted without them.")
    if unknown_reported:
        notes.append(f"{unknown_reported} reported sessions have no known target: predicted, but not scored.")
    shared = len(np.intersect1d(train.subject, reported.subject))
    if shared:
        notes.append(f"{shared} subjects are both in train and in the reported split: the scores flatter the model.")
    if np.ptp(train.target) == 0:
        notes.append("All training targets are equal: there was nothing to learn.")
    if sessions.counts.get("n_positive") == 0:
        notes.append(f"No reported session is at or above the threshold {sessions.threshold:g}.")
    subjects = sessions.counts["n_subjects"]
    if 2 <= subjects < _FEW_SUBJECTS:
        notes.append(f"Only {subjects} subjects were scored: the intervals are narrower than they should be.")
    return notes


def _rows(
    reported: Embeddings, fitted: dict[str, regressors.Regressor], baselines: dict[str, dict[str, Any]]
) -> list[dict[str, Any]]:
    """One row a reported session; the target is None where it is unknown."""
    predicted = {name: regressor.predict(reported.features) for name, regressor in fitted.items()}
    return [
        {
            "session": str(reported.session[row]),
            "subject": str(reported.subject[row]),
            "split": str(reported.split[row]),
            "target": float(reported.target[row]) if np.isfinite(reported.target[row]) else None,
            **{name: float(values[row]) for name, values in predicted.items()},
            **{name: baseline["value"] for name, baseline in baselines.items()},
        }
        for row in range(len(reported))
    ]
