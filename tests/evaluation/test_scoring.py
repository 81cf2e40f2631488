"""The words of a verdict follow the interval, not the estimate."""

import numpy as np
import pytest

from mccl_jax.evaluation.scoring import ScoredSessions, verdict


def score(estimate, lower=None, upper=None, reason=None):
    return {
        "estimate": estimate,
        "lower": lower,
        "upper": upper,
        "n_sessions": 44,
        "n_subjects": 40,
        "undefined_resamples": 0,
        "reason": reason,
    }


@pytest.mark.parametrize(
    ("difference", "words"),
    [
        (score(-1.0, -2.0, -0.01), "ridge beats the mean: MAE 3.00 against 4.00, difference -1.00 (95% interval -2.00"),
        (score(-1.0, -2.0, 0.5), "ridge does not beat the mean: "),
        (score(0.0, 0.0, 0.0), "ridge does not beat the mean: "),
        (score(1.0, -0.1, 2.0), "ridge does not beat the mean: "),
        (score(1.0, 0.1, 2.0), "ridge is worse than the mean: "),
        (
            score(-1.0, reason="one subject"),
            "ridge cannot be told apart from the mean: MAE 3.00 against 4.00, no interval",
        ),
        (score(None, reason="no session"), "ridge cannot be compared with the mean: no session"),
    ],
)
def test_a_verdict_follows_the_interval(difference, words):
    said = verdict("ridge", "the mean", score(3.0), score(4.0), difference, 0.95)
    assert said.startswith(words)
    assert "44 sessions of 40 subjects" in said


def test_all_predictors_meet_the_same_resamples():
    """The difference of a predictor to itself is 0 in every resample."""
    rng = np.random.default_rng(0)
    sessions = ScoredSessions(rng.gamma(1, 5, 30), np.arange(30) // 2)
    predicted = rng.normal(size=30)
    difference = sessions.difference_of_mae(predicted, predicted)
    assert (difference["estimate"], difference["lower"], difference["upper"]) == (0, 0, 0)
    assert sessions.metrics(predicted) == sessions.metrics(predicted)
    assert sessions.counts == {"n_sessions": 30, "n_subjects": 15}
