"""What a training is worth: scores as a pure function of the embeddings of its evaluated epochs.

`last`: the last epoch, fixed before training; the primary result. `official`: the epoch of lowest MAE on the very
sessions that are reported, as the paper's code does it, and therefore optimistic. `inner`, where there are trainings
for it: epoch and regressor are chosen on parts of train that neither encoder nor regressor saw. All stand beside
the baselines of `mccl_jax.evaluation.baselines`. Where there are folds, each session is predicted by a training
that did not see it, and the scores are over all of them.
"""

import dataclasses
import pathlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from mccl_jax.data.splits import INNER
from mccl_jax.errors import UserError
from mccl_jax.evaluation.baselines import CONSTANTS, INFORMED, WORDS
from mccl_jax.evaluation.comparison import holm
from mccl_jax.evaluation.conformal import ResidualInterval, residual_interval
from mccl_jax.evaluation.described import Described
from mccl_jax.evaluation.embeddings import Embeddings
from mccl_jax.evaluation.header import counts_of, header_of, notes_of
from mccl_jax.evaluation.held_out import Fitted, HeldOut, fit, hold_out
from mccl_jax.evaluation.inner import CHOICE, Choice, choose
from mccl_jax.evaluation.options import Options
from mccl_jax.evaluation.pooled import Pooled, joined
from mccl_jax.evaluation.scoring import ScoredSessions, verdict
from mccl_jax.evaluation.subgroups import coverage, subgroups

# The protocols, and what each is worth.
PROTOCOLS = {
    "last": "the last epoch, fixed before training: the primary result",
    "official": "OPTIMISTIC: for each regressor the epoch of lowest MAE on the very sessions that are reported (the "
    "first of equal ones), as the paper's code chooses it; no estimate for new people",
    "inner": "epoch and regressor of lowest MAE on train sessions, each predicted by an encoder and a regressor that "
    "did not see its subject",
    "crops": "the last epoch on an equally long stretch of every session, so that none is told by its length",
    "all_windows": "the last epoch on all windows of a session, their embeddings meaned, and not on the first alone",
}
# The baselines that stand fold by fold and within groups, too.
SHOWN = (*CONSTANTS, INFORMED)

Files = Mapping[int, str | pathlib.Path]  # epoch -> embeddings
Track = Callable[[Iterable[int]], Iterable[int]]


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """`results` is what results.json holds, `predictions` one row a reported session and fold (protocol `last`).

    `regressors`, by name, are those of the final model, and `residual_intervals` the intervals around their
    predictions, one a level.
    """

    results: dict[str, Any]
    predictions: list[dict[str, Any]]
    regressors: Fitted
    residual_intervals: dict[str, list[ResidualInterval]]


@dataclasses.dataclass(frozen=True)
class Beside:
    """What else there is in a workdir; what is not there is left out of the results.

    described   its sessions, for baselines that need no training.
    inner       name of a training -> name -> files of those by which its epoch and regressor are chosen.
    direct      name of a training -> last embeddings of the same network trained on severity.
    cuts        name of a training -> name of another way to cut the sessions -> last embeddings of them.
    """

    described: Described | None = None
    inner: Mapping[str, Mapping[str, Files]] = dataclasses.field(default_factory=dict)
    direct: Mapping[str, str | pathlib.Path] = dataclasses.field(default_factory=dict)
    cuts: Mapping[str, Mapping[str, str | pathlib.Path]] = dataclasses.field(default_factory=dict)

    def hold_out(self, name: str, files: Files, options: Options, track: Track) -> HeldOut:
        """`hold_out` of one training, with what is beside it."""
        return hold_out(name, files, options, track, self.described, self.direct.get(name), self.cuts.get(name))


def evaluate(files: Files, options: Options, track: Track = iter, beside: Beside = Beside()) -> Evaluation:
    """Fits and scores the regressors on the embeddings of every evaluated epoch of one training.

    `files`: epoch -> file, as `evaluated_epochs` lists them. `track` wraps the sequence of epochs, for a progress bar.
    The training is called "" in `beside`. Depends on the files and the options alone: the same in, the same bytes out.
    Raises UserError as `hold_out` does.
    """
    held_out = beside.hold_out("", files, options, track)
    return _evaluation([held_out], held_out.fitted, options, beside, _choices([""], options, track, beside))


def cross_validate(
    folds: Mapping[str, Files],
    final: str | pathlib.Path,
    options: Options,
    track: Track = iter,
    beside: Beside = Beside(),
) -> Evaluation:
    """Scores the out-of-fold predictions of several trainings together, and each fold by itself.

    `folds`: name -> the files of that fold's training. `final`: the embeddings of a training on all sessions, on which
    the regressors of the final model are fitted; no score is of that one. Raises UserError as `hold_out` does, and
    where the folds were not evaluated at the same epochs.
    """
    held_out = [beside.hold_out(name, files, options, track) for name, files in folds.items()]
    for one in held_out[1:]:
        if one.predicted.keys() != held_out[0].predicted.keys():
            epoch = min(one.predicted.keys() ^ held_out[0].predicted.keys())
            who, other = (one, held_out[0]) if epoch in held_out[0].predicted else (held_out[0], one)
            raise UserError(
                f"evaluation: {who.name} has no embeddings of epoch {epoch}, {other.name} has; expected the same "
                "epochs in all folds: put the file back, or remove those of that epoch"
            )
    choices = _choices([*folds], options, track, beside)
    return _evaluation(held_out, fit(Embeddings.load(final), options), options, beside, choices)


def _evaluation(
    held_out: Sequence[HeldOut],
    fitted: Fitted,
    options: Options,
    beside: Beside,
    choices: Sequence[Choice],
) -> Evaluation:
    pooled = Pooled.of(held_out, options)
    sessions = pooled.scored()
    last = max(held_out[0].predicted)
    names = [*held_out[0].predicted[last]]
    epochs = {
        "last": {name: [last] * len(held_out) for name in names},
        "official": {name: [one.best_epoch(name) for one in held_out] for name in names},
    }
    if choices:
        epochs["inner"] = {name: [one.epoch[name] for one in choices] for name in options.regressors}
    predicted = {
        protocol: {name: _predicted(held_out, name, chosen) for name, chosen in of_regressor.items()}
        for protocol, of_regressor in epochs.items()
    }
    if choices:
        epochs["inner"][CHOICE] = [one.epoch[one.regressor] for one in choices]
        predicted["inner"][CHOICE] = joined(
            [of.predicted[one.epoch[one.regressor]][one.regressor] for of, one in zip(held_out, choices, strict=True)]
        )
    for cut in [cut for cut in held_out[0].cuts if all(cut in one.cuts for one in held_out)]:
        epochs[cut] = {name: [last] * len(held_out) for name in options.regressors}
        predicted[cut] = {name: joined([one.cuts[cut][name] for one in held_out]) for name in options.regressors}
    baselines = baselines_of(pooled, sessions)
    protocols = {
        protocol: {
            "description": description,
            "optimistic": protocol == "official",
            "models": {
                name: {
                    "epoch": _by_fold(held_out, epochs[protocol][name]),
                    **scores_of(name, values, pooled, sessions, baselines),
                }
                for name, values in predicted[protocol].items()
            },
        }
        for protocol, description in PROTOCOLS.items()
        if protocol in predicted
    }
    own = protocols["last"]["models"][options.primary]["metrics"]
    for name, by_chance in sessions.chance(predicted["last"][options.primary][pooled.known]).items():
        own[name]["null"] = by_chance
    several = len(held_out) > 1
    intervals = {
        name: [
            residual_interval(
                sessions.true - values[pooled.known],
                level,
                options.low,
                options.high,
                sessions.subject,
                sessions.session,
                out_of_fold=several,
            )
            for level in options.prediction_levels
        ]
        for name, values in predicted["last"].items()
    }
    shown = {name: values for name, values in pooled.baselines.items() if name in SHOWN}
    predictors = {**predicted["last"], **shown}
    results = {
        **header_of(options),
        "choices": [
            {"fold": of.name or None, **dataclasses.asdict(one)} for of, one in zip(held_out, choices, strict=False)
        ],
        "verdict": protocols["last"]["models"][options.primary]["verdict"],
        "counts": counts_of(held_out, sessions, options),
        "notes": notes_of(held_out, pooled, sessions, options),
        "baselines": baselines,
        "protocols": protocols,
        "comparisons": comparisons_of(options.primary, predicted["last"][options.primary], pooled, sessions, baselines),
        "groups": pooled.parts(pooled.group, predictors, INFORMED) if options.group else [],
        "subgroups": subgroups(pooled, beside.described, predicted["last"][options.primary]),
        "folds": pooled.parts(pooled.fold, predictors) if several else [],
        "curve": _curve(held_out, pooled, sessions),
        "prediction_intervals": {
            name: [
                {
                    **dataclasses.asdict(interval),
                    "explanation": interval.explanation,
                    "coverage": measured["share"],
                }
                for interval, measured in zip(
                    of_levels, coverage(pooled, predicted["last"][name], options), strict=True
                )
            ]
            for name, of_levels in intervals.items()
        },
    }
    columns = predicted["last"] | ({CHOICE: predicted["inner"][CHOICE]} if choices else {})
    return Evaluation(results, pooled.rows(columns), fitted, intervals)


def _choices(trainings: Sequence[str], options: Options, track: Track, beside: Beside) -> list[Choice]:
    """What was chosen for each training; nothing where there is nothing to choose by. UserError as `hold_out` does."""
    of_train = dataclasses.replace(options, reported_split=INNER)
    return [
        choose(
            [hold_out(name, files, of_train, track) for name, files in beside.inner[training].items()],
            options.regressors,
        )
        for training in trainings
        if beside.inner.get(training)
    ]


def _predicted(held_out: Sequence[HeldOut], regressor: str, epochs: Sequence[int]) -> np.ndarray:
    """(R,) the predictions of each fold at its epoch."""
    return joined([one.predicted[epoch][regressor] for one, epoch in zip(held_out, epochs, strict=True)])


def baselines_of(pooled: Pooled, sessions: ScoredSessions) -> dict[str, dict[str, Any]]:
    """Every baseline with its metrics, by name."""
    return {
        name: {
            "description": WORDS[name],
            "value": _common(values),
            "metrics": sessions.metrics(values[pooled.known]),
        }
        for name, values in pooled.baselines.items()
    }


def _common(values: np.ndarray) -> float | None:
    """The value that stands in every row, None where folds (or groups) differ."""
    return float(values[0]) if (values == values[0]).all() else None


def _by_fold(held_out: Sequence[HeldOut], epochs: Sequence[int]) -> int | dict[str, int]:
    """The epoch that is reported, or fold -> epoch where folds differ."""
    of_fold = {one.name: epoch for one, epoch in zip(held_out, epochs, strict=True)}
    return epochs[0] if len(set(epochs)) == 1 else of_fold


def _curve(held_out: Sequence[HeldOut], pooled: Pooled, sessions: ScoredSessions) -> list[dict[str, Any]]:
    """MAE at every evaluated epoch, on the reported sessions of all folds, each once."""

    def mae(name, epoch):
        return sessions.mae(_predicted(held_out, name, [epoch] * len(held_out))[pooled.known])

    return [
        {"epoch": epoch, "mae": {name: mae(name, epoch) for name in predicted}}
        for epoch, predicted in held_out[0].predicted.items()
    ]


def scores_of(
    name: str, predicted: np.ndarray, pooled: Pooled, sessions: ScoredSessions, baselines: Mapping[str, dict[str, Any]]
) -> dict[str, Any]:
    """Metrics, and the comparison with the uninformed baseline that has the lower MAE on the same sessions."""
    mae_of = {rival: scores["metrics"]["mae"] for rival, scores in baselines.items() if rival in CONSTANTS}
    better = min(mae_of, key=lambda baseline: mae_of[baseline]["estimate"] or 0.0)
    metrics = sessions.metrics(predicted[pooled.known])
    difference = sessions.difference_of_mae(predicted[pooled.known], pooled.baselines[better][pooled.known])
    return {
        "metrics": metrics,
        "difference_to_baseline": {"metric": "mae", "baseline": better, **difference},
        "verdict": verdict(name, WORDS[better], metrics["mae"], mae_of[better], difference, sessions.level),
    }


def comparisons_of(
    name: str, predicted: np.ndarray, pooled: Pooled, sessions: ScoredSessions, baselines: Mapping[str, dict[str, Any]]
) -> list[dict[str, Any]]:
    """The headline predictor against each baseline: the paired difference of MAE, and in words whether it beats it.

    The words are of one family: they hold after the correction for all of these comparisons.
    """
    predicted = predicted[pooled.known]
    own = sessions.metrics(predicted)["mae"]
    differences = {
        baseline: {"metric": "mae", **sessions.difference_of_mae(predicted, pooled.baselines[baseline][pooled.known])}
        for baseline in baselines
    }
    tested = [one for one in differences.values() if one["p"] is not None]
    for difference, p in zip(tested, holm([one["p"] for one in tested]), strict=True):
        difference["p_adjusted"] = p
    return [
        {
            "model": name,
            "baseline": baseline,
            "difference": differences[baseline],
            "verdict": verdict(
                name,
                scores["description"],
                own,
                scores["metrics"]["mae"],
                differences[baseline],
                sessions.level,
            ),
        }
        for baseline, scores in baselines.items()
    ]
