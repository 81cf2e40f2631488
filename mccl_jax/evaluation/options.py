"""What is reported, and how."""

import dataclasses

import numpy as np

from mccl_jax import regressors
from mccl_jax.errors import UserError

# The other ways to cut sessions, as `mccl_jax.data.cuts` names them.
CUTS = ("crops", "all_windows")


@dataclasses.dataclass(frozen=True)
class Options:
    """What is reported, and how.

    target          what the numbers are called, for instance "PHQ-8".
    reported_split  the split whose sessions are scored; regressors are fitted on "train".
    threshold       at or above it a session is called positive; None where the target has no such threshold.
    positive        the label that says who is positive (1) or not (0); empty: whose target is at or above `threshold`.
    group           the label within whose values errors are given too, beside a predictor that knows it; empty: none.
    low, high       ends of the target's scale; None where it has no known end.
    primary         the regressor whose result is the headline; one of `regressors`.
    cuts            other ways to cut the sessions whose scores are given besides (see `mccl_jax.data.cuts`).
    seed            of XGBoost's rows (the paper's is 0) and of the resamples.
    resamples       of the tests; intervals need none.
    level           of the intervals of metrics; `prediction_levels` of those around one prediction.
    """

    target: str = "severity"
    reported_split: str = "test"
    threshold: float | None = None
    positive: str = ""
    group: str = ""
    low: float | None = None
    high: float | None = None
    regressors: tuple[str, ...] = ("xgboost", "ridge")
    primary: str = "xgboost"
    cuts: tuple[str, ...] = CUTS
    seed: int = 0
    resamples: int = 2000
    level: float = 0.95
    prediction_levels: tuple[float, ...] = (0.8, 0.9)
    simulated: bool = False

    def __post_init__(self):
        unknown = [name for name in self.regressors if name not in regressors.REGRESSORS]
        if unknown or not self.regressors:
            known = ", ".join(regressors.REGRESSORS)
            raise UserError(f"evaluation.regressors is {self.regressors}: expected one or more of {known}")
        for name in ("level", "prediction_levels"):
            if wrong := [level for level in np.atleast_1d(getattr(self, name)) if not 0 < level < 1]:
                raise UserError(f"evaluation.{name} is {wrong[0]}: expected a share below 1, such as 0.95")
        if unknown := [name for name in self.cuts if name not in CUTS]:
            raise UserError(f"evaluation.cuts has {unknown[0]!r}: expected some of {', '.join(CUTS)}, or none")
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
