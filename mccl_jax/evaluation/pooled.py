"""The reported sessions of all folds in one table: one row a session and fold, in the order of the folds."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mccl_jax.evaluation.held_out import HeldOut
from mccl_jax.evaluation.options import Options
from mccl_jax.evaluation.scoring import ScoredSessions


@dataclasses.dataclass(frozen=True)
class Pooled:
    """R rows. Without folds it is the reported split; where folds overlap, a session stands in several rows.

    target      (R,) NaN where unknown; `known` (R,) bool selects the rows that can be scored.
    positive    (R,) bool, or None: by the threshold.
    group       (R,) str, or None.
    labels      name -> (R,): what else the corpus says of them.
    baselines   name -> (R,): each fold's own, of those that all folds have.
    """

    session: np.ndarray
    subject: np.ndarray
    fold: np.ndarray
    target: np.ndarray
    known: np.ndarray
    positive: np.ndarray | None
    group: np.ndarray | None
    labels: Mapping[str, np.ndarray]
    baselines: Mapping[str, np.ndarray]
    options: Options

    @classmethod
    def of(cls, held_out: Sequence[HeldOut], options: Options) -> "Pooled":
        """All folds' reported sessions."""

        def label(name):
            return joined([one.reported.labels[name] for one in held_out])

        target = joined([one.reported.target for one in held_out])
        return cls(
            session=joined([one.reported.session for one in held_out]),
            subject=joined([one.reported.subject for one in held_out]),
            fold=joined([np.full(len(one.reported), one.name) for one in held_out]),
            target=target,
            known=np.isfinite(target),
            positive=label(options.positive) > 0 if options.positive else None,
            group=label(options.group) if options.group else None,
            labels={name: label(name) for name in held_out[0].reported.labels},
            baselines={
                name: joined([one.baselines[name] for one in held_out])
                for name in held_out[0].baselines
                if all(name in one.baselines for one in held_out)
            },
            options=options,
        )

    @property
    def tested_twice(self) -> np.ndarray:
        """Names of the sessions that several folds test."""
        names, times = np.unique(self.session, return_counts=True)
        return names[times > 1]

    def scored(self, which: np.ndarray | None = None) -> ScoredSessions:
        """The rows with a known target, of those that `which` (R,) selects where it is given."""
        rows = self.known if which is None else self.known & which
        options = self.options
        return ScoredSessions(
            self.target[rows],
            self.subject[rows],
            options.threshold,
            options.resamples,
            options.level,
            options.seed,
            positive=None if self.positive is None else self.positive[rows],
            fold=self.fold[rows],
            session=self.session[rows],
        )

    def parts(
        self, values: np.ndarray, predictors: Mapping[str, np.ndarray], rival: str | None = None
    ) -> list[dict[str, Any]]:
        """The errors of `predictors`, name -> (R,), within each value of `values` (R,): fold by fold, or by group.

        With the paired difference of MAE to the baseline `rival`, where it is given.
        """
        found, against = [], self.baselines[rival] if rival else None
        for value in dict.fromkeys(values.tolist()):
            which = values == value
            sessions = self.scored(which)
            rows = self.known & which
            found.append(
                {
                    "name": str(value),
                    "counts": sessions.counts,
                    "predictors": {
                        name: sessions.errors(predicted[rows])
                        | (
                            {f"mae_minus_{rival}": sessions.difference_of_mae(predicted[rows], against[rows])}
                            if rival and name != rival
                            else {}
                        )
                        for name, predicted in predictors.items()
                    },
                }
            )
        return found

    def rows(self, predictors: Mapping[str, np.ndarray]) -> list[dict[str, Any]]:
        """The rows of predictions.csv; the target is None where it is unknown."""
        columns = {
            "session": self.session,
            "subject": self.subject,
            "split": np.full(len(self.session), self.options.reported_split),
            **({"fold": self.fold} if len(set(self.fold.tolist())) > 1 else {}),
            **({} if self.group is None else {self.options.group: self.group}),
            "target": [float(value) if known else None for value, known in zip(self.target, self.known, strict=True)],
            **predictors,
            **self.baselines,
        }
        lists = [values if isinstance(values, list) else values.tolist() for values in columns.values()]
        return [dict(zip(columns, row, strict=True)) for row in zip(*lists, strict=True)]


def joined(parts: Sequence[np.ndarray]) -> np.ndarray:
    """(R,) of the folds' (N,), in their order."""
    return np.concatenate([np.asarray(part) for part in parts])
