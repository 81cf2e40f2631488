"""What a model has to beat: predictors that know train alone, and of a session less than the model, or no training.

Each learns from the train sessions and predicts the reported ones, as the model does.
"""

from collections.abc import Callable

import numpy as np

from mccl_jax import regressors
from mccl_jax.evaluation.described import Described
from mccl_jax.evaluation.embeddings import Embeddings
from mccl_jax.evaluation.options import Options

# Those that look at nobody; the better of them is what every result is compared with first.
CONSTANTS = ("train_mean", "train_median")
# What each is, in the words of a verdict.
WORDS = {
    "train_mean": "predicting the training mean",
    "train_median": "predicting the training median",
    "group_mean": "one who is told each session's group and predicts the train mean of it",
    "gender_mean": "one who is told each session's gender and predicts the train mean of it",
    "nuisance": "ridge regression on what is no behaviour (length, answers, frame rate, distance and gender, share of "
    "failed frames)",
    "session_statistics": "ridge regression on means, deviations and velocities of the same cues",
    "untrained_encoder": "the same regressor on the embeddings of the encoder before its training",
    "direct_network": "the same network, trained on severity directly by the same schedule",
}
# Of those that are told something about each session that the models are not told.
INFORMED = "group_mean"
_GENDER = "gender"


def baselines(
    train: Embeddings,
    reported: Embeddings,
    untrained: Embeddings | None,
    described: Described | None,
    direct: Embeddings | None,
    options: Options,
) -> dict[str, np.ndarray]:
    """Name -> (N,) predictions for the `reported` sessions; those that can be made, in the order of `WORDS`.

    `train`, with known targets, and `reported` are of the same epoch; `untrained` has all sessions as the encoder saw
    them before its training, `direct` as the same network trained on severity says them, and `described` all of them;
    each None where it is not known.
    """
    constants = {"train_mean": float(np.mean(train.target)), "train_median": float(np.median(train.target))}
    found = {name: np.full(len(reported), value) for name, value in constants.items()}
    if options.group:
        found["group_mean"] = _mean_within(train.labels[options.group], train.target, reported.labels[options.group])
    genders = [one.labels.get(_GENDER, np.zeros(0, "U")) for one in (train, reported)]
    if options.group != _GENDER and len({*np.concatenate(genders).tolist()} - {""}) > 1:
        found["gender_mean"] = _mean_within(train.labels[_GENDER], train.target, reported.labels[_GENDER])
    if described is not None:
        of_train, of_reported = described.of(train.session), described.of(reported.session)
        for name, features in (("nuisance", _nuisance), ("session_statistics", lambda d: d.statistics)):
            found[name] = _ridge(features, of_train, of_reported, train, options)
    if untrained is not None:
        known = untrained.rows(np.isin(untrained.session, train.session))
        model = regressors.fit(options.primary, known.features, known.target, options.seed, known.subject)
        found["untrained_encoder"] = model.predict(untrained.of_split(options.reported_split).features)
    if direct is not None:
        found["direct_network"] = direct.of_split(options.reported_split).output
    return found


def _mean_within(group: np.ndarray, target: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """(N,) the mean target of the group of each that is `asked` for; of everybody where its group was not met."""
    means = {value: float(target[group == value].mean()) for value in np.unique(group) if value != ""}
    return np.array([means.get(value, float(target.mean())) for value in asked])


def _nuisance(described: Described) -> np.ndarray:
    return np.stack([*described.nuisance.values()], axis=1)


def _ridge(
    features: Callable[[Described], np.ndarray],
    of_train: Described,
    of_reported: Described,
    train: Embeddings,
    options: Options,
) -> np.ndarray:
    """Predictions of ridge regression; a value that is not known counts as the mean of those of train."""
    known, asked = (np.asarray(features(one), np.float64) for one in (of_train, of_reported))
    here = np.isfinite(known)
    mean = np.where(here, known, 0).sum(0) / np.maximum(here.sum(0), 1)
    known, asked = (np.where(np.isfinite(values), values, mean) for values in (known, asked))
    return regressors.fit("ridge", known, train.target, options.seed, train.subject).predict(asked)
