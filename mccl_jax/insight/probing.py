"""What can be read linearly from embeddings: severity, gender, length and the like, against labels dealt out anew.

For each training a ridge regression is fitted on the embeddings of its train sessions and tested on its reported
sessions, whom neither the encoder nor the probe has seen; predictions of all trainings are scored together. The null is
the same again with the labels of people exchanged, so that what folds alone do to a score is in it, too.
"""

import dataclasses
from typing import Any

import numpy as np

from mccl_jax.evaluation.scoring import or_none
from mccl_jax.insight.geometry import unit
from mccl_jax.insight.reliance import null_range
from mccl_jax.insight.scores import POSITIVE, SHARE, Rows
from mccl_jax.metrics import METRICS, ratio
from mccl_jax.regressors import ridge_predictions

R2, AUROC = "R2", "AUROC"
# Fewer people than this to learn from, or to be tested, say nothing.
_FEWEST = 5
# Values that differ by no more than this share of their size are the same: a frame rate of 30 and of 29.99.
_SAME = 1e-3


@dataclasses.dataclass(frozen=True)
class Probed:
    """N sessions, the same in each training.

    session, subject   (N,).
    features   training -> (N, D), what its encoder makes of them.
    split      training -> (N,): "train" is fitted on, `reported` is tested.
    """

    session: np.ndarray
    subject: np.ndarray
    features: dict[str, np.ndarray]
    split: dict[str, np.ndarray]
    reported: str

    def of(self, known: np.ndarray) -> "Probed":
        """Some of the sessions: a mask (N,) bool."""
        return Probed(
            self.session[known],
            self.subject[known],
            {name: z[known] for name, z in self.features.items()},
            {name: split[known] for name, split in self.split.items()},
            self.reported,
        )


def decoded(probed: Probed, values: np.ndarray, rows: Rows, exchanges: int = 200) -> dict[str, Any]:
    """How well (N,) `values` are read from the features; NaN where unknown. `rows` has the options of intervals.

    Of two values, 0 and 1: AUROC within each training; else R2 against predicting the train mean, and CCC. `null` is
    the mean and 95 % range with labels exchanged, `p` the share of exchanges that do as well. Nothing is said, and why,
    where there are too few people, or nothing differs.
    """
    known = np.isfinite(values)
    probed, values = probed.of(known), np.asarray(values, np.float64)[known]
    two = bool(np.isin(values, (0, 1)).all())
    measure = AUROC if two else R2
    if why := _refused(probed, values, two):
        return {"measure": measure, "estimate": None, "lower": None, "upper": None, "p": None, "reason": why}
    exchanged = np.concatenate([np.arange(len(values))[None], exchanges_of(probed, exchanges, rows.seed)])
    labels = values[exchanged].T  # (N, 1 + P), the first as they are
    tested = {name: np.flatnonzero(split == probed.reported) for name, split in probed.split.items()}
    predicted, mean = [], []
    for name, split in probed.split.items():
        train, z = np.flatnonzero(split == "train"), probed.features[name]
        predicted.append(ridge_predictions(z[train], labels[train], probed.subject[train], z[tested[name]]))
        mean.append(np.broadcast_to(labels[train].mean(axis=0), predicted[-1].shape))
    at, predicted, mean = np.concatenate([*tested.values()]), np.concatenate(predicted), np.concatenate(mean)
    of_training = np.repeat([*tested], [len(one) for one in tested.values()])
    rows = dataclasses.replace(rows, subject=probed.subject[at], session=probed.session[at], training=of_training)
    true = labels[at]

    def value(i: int, weights: np.ndarray) -> np.ndarray:
        if two:
            return METRICS["auroc"](true[:, i], predicted[:, i], weights, None, true[:, i] > 0, of_training)
        off, spread = (true[:, i] - predicted[:, i]) ** 2, (true[:, i] - mean[:, i]) ** 2
        return 1 - ratio(weights @ off, weights @ spread)

    null = np.array([value(i, rows.once) for i in range(1, len(exchanged))])
    if two:
        found = {"measure": measure, **rows.score(lambda weights: value(0, weights), SHARE)}
    else:  # what is not explained has one end, 0: the interval leans away from it
        found = {"measure": measure, **_less_than_one(rows.score(lambda weights: 1 - value(0, weights), POSITIVE))}
    seen = np.nan if found["estimate"] is None else found["estimate"]
    null = null[np.isfinite(null)]
    found |= {
        "p": or_none((1 + (null >= seen - 1e-9).sum()) / (1 + len(null)) if np.isfinite(seen) else np.nan),
        "null": {**null_range(null), "exchanges": len(null)},
    }
    if not two:
        ccc = METRICS["ccc"]
        found["ccc"] = rows.score(lambda weights: ccc(true[:, 0], predicted[:, 0], weights, fold=of_training), ccc.ends)
    return found


def _less_than_one(score: dict[str, Any]) -> dict[str, Any]:
    """A score of 1 - x as that of x."""
    turned = {"estimate": "estimate", "lower": "upper", "upper": "lower"}
    return {**score, **{key: None if score[of] is None else 1 - score[of] for key, of in turned.items()}}


def exchanges_of(probed: Probed, exchanges: int, seed: int) -> np.ndarray:
    """(P, N): whose labels each session gets. People are exchanged whole, among those that have as many sessions.

    And among those who are trained on and tested in the same trainings, so that every fold keeps its labels.
    """
    people = {one: np.flatnonzero(probed.subject == one) for one in np.unique(probed.subject)}
    alike: dict[tuple, list[np.ndarray]] = {}
    for sessions in people.values():
        where = tuple(tuple(split[sessions].tolist()) for split in probed.split.values())
        alike.setdefault(where, []).append(sessions)
    rng, found = np.random.default_rng(seed), np.tile(np.arange(len(probed.subject)), (exchanges, 1))
    for row in found:
        for group in alike.values():
            for to, source in enumerate(rng.permutation(len(group))):
                row[group[to]] = group[source]
    return found


def identity(probed: Probed, rows: Rows, exchanges: int = 200) -> dict[str, Any]:
    """How often the nearest other session is of the same person, among the reported sessions of each training.

    Of the sessions of people who have several there; nearest by cosine. `p` and `null` with the sessions dealt out to
    people anew, among those that are reported by the same trainings: there each person keeps as many as they have.
    Nothing is said where nobody has two sessions.
    """
    at, nearest, of_training = [], [], []
    for name, split in probed.split.items():
        tested, z = np.flatnonzero(split == probed.reported), unit(probed.features[name])
        likeness = z[tested] @ z[tested].T
        np.fill_diagonal(likeness, -np.inf)
        at.append(tested)
        nearest.append(tested[likeness.argmax(axis=1)] if len(tested) else tested)
        of_training.append(np.full(len(tested), name))
    at, nearest, of_training = map(np.concatenate, (at, nearest, of_training))

    def found_again(subject: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(which rows have another session of their person in the training, which of all rows are found)."""
        key = np.array([f"{training}/{one}" for training, one in zip(of_training, subject[at], strict=True)])
        _, index, sizes = np.unique(key, return_inverse=True, return_counts=True)
        return sizes[index] > 1, (subject[nearest] == subject[at]).astype(np.float64)

    several, found = found_again(probed.subject)
    rows = dataclasses.replace(rows, subject=probed.subject[at], session=probed.session[at], training=of_training)
    rows = rows.where(several)
    if not several.any():
        return {**rows.mean(found[several], SHARE), "p": None, "reason": "nobody has two sessions"}
    rng, null, seen_again = np.random.default_rng(rows.seed), [], found[several]
    reported_by = np.stack([split == probed.reported for split in probed.split.values()])
    alike = [np.flatnonzero((reported_by == those[:, None]).all(axis=0)) for those in np.unique(reported_by, axis=1).T]
    for _ in range(exchanges):
        dealt = probed.subject.copy()
        for tested in alike:
            dealt[tested] = dealt[rng.permutation(tested)]
        several, found_there = found_again(dealt)
        null.append(found_there[several].mean() if several.any() else 0.0)
    p = float((1 + (np.array(null) >= seen_again.mean() - 1e-9).sum()) / (1 + exchanges))
    return {
        **rows.mean(seen_again, SHARE),
        "p": p,
        "null": {**null_range(null), "exchanges": exchanges},
    }


def _refused(probed: Probed, values: np.ndarray, two: bool) -> str | None:
    """Why nothing is to be said of these values; None where something is."""
    tested = np.zeros(len(values), bool)
    for split in probed.split.values():
        train, others = (np.unique(probed.subject[split == name]) for name in ("train", probed.reported))
        if len(train) < _FEWEST or not len(others):
            return f"known of fewer than {_FEWEST} people of train, or of nobody reported"
        tested |= split == probed.reported
    if len(np.unique(probed.subject[tested])) < _FEWEST:
        return f"known of fewer than {_FEWEST} reported people"
    if two and min((values[tested] == value).sum() for value in (0, 1)) < 2:
        return "fewer than two of one kind are reported"
    if np.ptp(values) <= _SAME * np.abs(values).max():
        return "the same of all sessions"
    return None
