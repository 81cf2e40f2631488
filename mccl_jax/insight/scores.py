"""Numbers with their n and their interval over subjects, in the form of those of results.json."""

import dataclasses
import functools
import math
from collections.abc import Callable

import numpy as np

from mccl_jax.evaluation.intervals import ENDLESS, score_interval
from mccl_jax.evaluation.scoring import Score, or_none
from mccl_jax.metrics import ratio

# Of values that cannot be below 0, of shares, and of squared distances of vectors of length 1.
POSITIVE, SHARE, SQUARED = (0.0, math.inf), (0.0, 1.0), (0.0, 4.0)
_NO_WIDTH = "the same without any one of the people, which does not make it certain"


@dataclasses.dataclass(frozen=True)
class Rows:
    """N rows that numbers are made of, each a session as one training sees it.

    subject, session, training   (N,): whose, which, and by what training. A session that stands in several rows counts
    once in all. `resamples` and `seed` are of tests by exchanging.
    """

    subject: np.ndarray
    session: np.ndarray
    training: np.ndarray
    resamples: int = 2000
    level: float = 0.95
    seed: int = 0

    def __len__(self) -> int:
        return len(self.subject)

    def where(self, which: np.ndarray) -> "Rows":
        """Some of the rows: a mask (N,) bool."""
        some = {name: getattr(self, name)[which] for name in ("subject", "session", "training")}
        return dataclasses.replace(self, **some)

    @functools.cached_property
    def once(self) -> np.ndarray:
        """(N,) how much each row counts, so that every session counts once."""
        _, index, times = np.unique(self.session, return_inverse=True, return_counts=True)
        return 1 / times[index]

    @functools.cached_property
    def counts(self) -> dict[str, int]:
        return {"n_sessions": len(np.unique(self.session)), "n_subjects": len(np.unique(self.subject))}

    def score(self, function: Callable[[np.ndarray], np.ndarray], ends: tuple[float, float] = ENDLESS) -> Score:
        """`function` maps weights (..., N) to values (...), NaN where there is none, within `ends`."""
        if len(self) == 0:
            estimate, lower, upper, undefined, reason = math.nan, math.nan, math.nan, 0, "no session"
        else:
            estimate, interval = score_interval(function, self.subject, self.once, self.level, ends)
            lower, upper, undefined, reason = interval.lower, interval.upper, interval.undefined, interval.reason
            if ends == SHARE and lower == upper:
                lower, upper, reason = math.nan, math.nan, _NO_WIDTH
        return {
            "estimate": or_none(estimate),
            "lower": or_none(lower),
            "upper": or_none(upper),
            **self.counts,
            "undefined_resamples": undefined,
            "reason": reason or None,
        }

    def mean(self, values: np.ndarray, ends: tuple[float, float] = ENDLESS) -> Score:
        """The mean of (N,) values, each session counting once."""
        return self.score(lambda weights: ratio(weights @ values, weights.sum(axis=-1)), ends)

    def by_training(
        self, function: Callable[[np.ndarray, np.ndarray], np.ndarray], ends: tuple[float, float] = ENDLESS
    ) -> Score:
        """The mean over trainings of `function` (which rows (N,) bool, their weights (..., n)) -> (...).

        Of things that cannot be compared between trainings, as distances of embeddings. A training without a value is
        left out of the mean.
        """
        each = [self.training == one for one in np.unique(self.training)]

        def mean(weights: np.ndarray) -> np.ndarray:
            values = np.stack([function(which, weights[..., which]) for which in each])
            there = np.isfinite(values)
            return ratio(np.where(there, values, 0).sum(axis=0), there.sum(axis=0))

        return self.score(mean, ends)
