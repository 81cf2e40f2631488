"""The words of a verdict follow the interval, not the estimate."""

import numpy as np
import pytest

from mccl_jax.evaluation.comparison import paired_test
from mccl_jax.evaluation.scoring import ScoredSessions, p_value, verdict


def score(estimate, lower=None, upper=None, reason=None):
    return {
        "estimate": estimate,
        "lower": lower,
        "upper": upper,
        "n_sessions": 44,
        "n_subjects": 40,
        "undefined_resamples": 0,
        "reason": reason,
        "p": 0.0301,
    }


TWO_OF_TWO = {"n_positive": 2, "n_positive_subjects": 2, "n_negative_subjects": 2}


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
    assert ("p = 0.030" in said) == (difference["lower"] is not None)


@pytest.mark.parametrize(
    ("difference", "p", "words"),
    [
        (score(-1.0, -2.0, -0.01), 0.2, "ridge does not beat the mean once p is corrected for all comparisons: MAE 3"),
        (score(-1.0, -2.0, -0.01), 0.04, "ridge beats the mean: "),
        (score(1.0, 0.1, 2.0), 0.2, "ridge does not beat the mean once p is corrected for all comparisons: "),
        (score(1.0, 0.1, 2.0), 0.04, "ridge is worse than the mean: "),
        (score(-1.0, -2.0, 0.5), 0.04, "ridge does not beat the mean: "),
    ],
)
def test_in_a_family_the_corrected_p_must_say_so_too(difference, p, words):
    assert verdict("ridge", "the mean", score(3.0), score(4.0), {**difference, "p_adjusted": p}, 0.95).startswith(words)


def test_so_few_can_neither_win_nor_lose():
    few = {**score(-1.0, -2.0, -0.5), "n_subjects": 9}
    assert verdict("ridge", "the mean", score(3.0), score(4.0), few, 0.95).startswith(
        "ridge cannot be told apart from the mean by so few: MAE 3.00 against 4.00"
    )


def test_at_the_end_of_its_range_a_class_metric_has_no_interval():
    true = np.r_[np.zeros(20), np.full(20, 20.0)]
    scores = ScoredSessions(true, np.arange(40), threshold=10.0).metrics(true)
    for name in ("f1", "sensitivity", "specificity", "auroc"):
        assert (scores[name]["estimate"], scores[name]["lower"]) == (1.0, None)
        assert scores[name]["reason"].startswith("the same whoever is left out")
    assert scores["mae"]["upper"] == 0  # no error is no error


def test_a_predictor_does_not_differ_from_itself():
    rng = np.random.default_rng(0)
    sessions = ScoredSessions(rng.gamma(1, 5, 30), np.arange(30) // 2)
    predicted = rng.normal(size=30)
    difference = sessions.difference_of_mae(predicted, predicted)
    assert (difference["estimate"], difference["lower"], difference["upper"]) == (0, 0, 0)
    assert (difference["p"], difference["detectable"]) == (1, None)
    assert sessions.metrics(predicted) == sessions.metrics(predicted)
    assert sessions.counts == {"n_sessions": 30, "n_subjects": 15}


def twice(first, second):
    """A session in two rows (two folds tested it) and three in one; predictions of the two rows given."""
    return (
        ScoredSessions(
            true=np.array([10.0, 4, 6, 10, 20]),
            subject=np.array(list("abcad")),
            threshold=10.0,
            resamples=300,
            fold=np.array(["fold_1"] * 3 + ["fold_2"] * 2),
            session=np.array(["a1", "b1", "c1", "a1", "d1"]),
        ),
        np.array([first, 5.0, 8, second, 18]),
    )


def test_a_session_that_two_folds_test_counts_once():
    sessions, predicted = twice(11.0, 16.0)
    assert sessions.counts == {"n_sessions": 4, "n_subjects": 4, **TWO_OF_TWO}
    scores = sessions.metrics(predicted)
    # |11 - 10| and |16 - 10| share the weight of one session.
    assert scores["mae"]["estimate"] == pytest.approx((3.5 + 1 + 2 + 2) / 4)
    assert scores["rmse"]["estimate"] == pytest.approx(np.sqrt(((1 + 36) / 2 + 1 + 4 + 4) / 4))
    assert scores["sensitivity"]["estimate"] == 1
    assert (scores["mae"]["n_sessions"], scores["mae"]["n_subjects"]) == (4, 4)
    assert sessions.mae(predicted) == scores["mae"]["estimate"]
    difference = sessions.difference_of_mae(predicted, np.full(5, 10.0))
    assert difference["estimate"] == pytest.approx(scores["mae"]["estimate"] - (0 + 6 + 4 + 10) / 4)


def test_two_equal_rows_of_a_session_are_one_row():
    sessions, predicted = twice(11.0, 11.0)
    once = ScoredSessions(sessions.true[1:], sessions.subject[1:], resamples=300)
    for name in ("mae", "rmse"):
        for end in ("estimate", "lower", "upper"):
            assert sessions.metrics(predicted)[name][end] == pytest.approx(once.metrics(predicted[1:])[name][end])


def test_the_rows_of_a_subject_are_left_out_together():
    """Of two subjects either is left out with all that is his: no value is of a part of one."""
    sessions = ScoredSessions(
        true=np.zeros(5),
        subject=np.array(list("aaabb")),
        fold=np.array([1, 2, 1, 1, 2]),
        session=np.array(["a1", "a1", "a2", "b1", "b1"]),
    )
    score = sessions.errors(np.array([1.0, 3, 8, 5, 7]))["mae"]
    # a: sessions of error 2 and 8; b: one of 6.
    assert score["estimate"] == pytest.approx((2 + 8 + 6) / 3)
    half = 12.7062047 * 0.5 / (16 / 3)  # t with one degree, times the standard error of 5 and 6, on the log's scale
    assert np.log([score["lower"], score["upper"]]) == pytest.approx(np.log(16 / 3) + np.array([-half, half]))
    assert (score["n_sessions"], score["n_subjects"]) == (3, 2)


def test_agreement_is_scored_within_folds():
    rng = np.random.default_rng(0)
    true, fold, subject = rng.normal(size=40), np.arange(40) % 4, np.arange(40)
    predicted = true + 100 * fold
    within, pooled = (ScoredSessions(true, subject, 0.0, 50, fold=one).metrics(predicted) for one in (fold, None))
    for name in ("pearson", "auroc"):
        assert within[name]["estimate"] == pytest.approx(1)
        assert pooled[name]["estimate"] < 0.9
    assert within["mae"] == pooled["mae"]


def test_who_has_sessions_of_both_classes_counts_in_both():
    sessions = ScoredSessions(np.array([10.0, 12, 3, 4, 11]), np.array(list("aaabb")), threshold=10.0)
    assert sessions.counts == {"n_sessions": 5, "n_subjects": 2, **TWO_OF_TWO, "n_positive": 3}


def test_a_label_in_place_of_the_threshold():
    positive = np.array([True, False, True, False])
    sessions = ScoredSessions(np.zeros(4), np.arange(4), None, 50, positive=positive)
    scores = sessions.metrics(np.array([5.0, 1, 2, 3]))
    assert sessions.counts == {"n_sessions": 4, "n_subjects": 4, **TWO_OF_TWO}
    assert list(scores) == ["mae", "rmse", "ccc", "pearson", "auroc"]
    assert scores["auroc"]["estimate"] == 3 / 4
    called = ScoredSessions(np.zeros(4), np.arange(4), 4.0, 50, positive=positive).metrics(np.array([5.0, 1, 2, 3]))
    assert (called["sensitivity"]["estimate"], called["specificity"]["estimate"]) == (1 / 2, 1)


def test_errors_are_the_metrics_that_mean_something_within_a_group():
    sessions = ScoredSessions(np.arange(4.0), np.arange(4), 2.0, 50)
    assert list(sessions.errors(np.zeros(4))) == ["mae", "rmse"]
    assert sessions.errors(np.zeros(4))["mae"] == sessions.metrics(np.zeros(4))["mae"]


def test_nobody_to_score_is_a_reason():
    sessions = ScoredSessions(
        np.zeros(0),
        np.zeros(0, str),
        10.0,
        50,
        positive=np.zeros(0, bool),
        fold=np.zeros(0, str),
        session=np.zeros(0, str),
    )
    assert sessions.mae(np.zeros(0)) is None
    for score in sessions.metrics(np.zeros(0)).values():
        assert (score["estimate"], score["reason"]) == (None, "no session has a known target")


def test_a_difference_comes_with_its_test_and_with_what_could_have_been_found():
    rng = np.random.default_rng(0)
    true, subject = rng.gamma(1.3, 5, 40), np.arange(40)
    better, baseline = true + rng.normal(0, 1, 40), np.full(40, true.mean())
    sessions = ScoredSessions(true, subject, resamples=500)
    difference = sessions.difference_of_mae(better, baseline)
    losses = np.abs(better - true), np.abs(baseline - true)
    assert difference["p"] == paired_test(*losses, subject, resamples=500) == 1 / 501
    error = (losses[0] - losses[1]).std(ddof=1) / np.sqrt(40)
    assert difference["detectable"] == pytest.approx(2.801585 * error, rel=1e-5)
    nobody = ScoredSessions(np.zeros(0), np.zeros(0, str), resamples=5).difference_of_mae(np.zeros(0), np.zeros(0))
    assert (nobody["p"], nobody["detectable"], nobody["lower"]) == (None, None, None)
    one = ScoredSessions(true[:1], subject[:1]).difference_of_mae(better[:1], baseline[:1])
    assert (one["p"], one["detectable"], one["lower"]) == (1, None, None)


def test_a_bias_may_lie_on_either_side():
    sessions = ScoredSessions(np.arange(6.0), np.arange(6))
    found = sessions.bias(np.arange(6.0) - np.array([1, 2, 1, 2, 1, 2]))
    assert found["estimate"] == -1.5
    assert found["lower"] < -1.5 < found["upper"] < 0


def test_agreement_is_held_against_chance_within_folds():
    rng = np.random.default_rng(0)
    true, fold = rng.gamma(1.3, 5, 40), np.arange(40) % 4
    sessions = ScoredSessions(true, np.arange(40), 10.0, 300, fold=fold)
    found = sessions.chance(true + 100 * fold + rng.normal(0, 2, 40))
    assert list(found) == ["ccc", "pearson", "auroc"]
    assert found["pearson"]["p"] == found["auroc"]["p"] == 1 / 301
    assert found["pearson"]["lower"] < 0 < found["pearson"]["upper"] < 0.5
    assert found["auroc"]["lower"] < 0.5 < found["auroc"]["upper"]
    # Only within folds: across them everything lies in order.
    assert sessions.chance(100.0 * fold + rng.permutation(true))["pearson"]["p"] > 0.01
    assert sessions.chance(100.0 * fold)["pearson"] is None
    assert sessions.chance(100.0 * fold)["auroc"]["p"] == 1


def test_a_p_in_words():
    assert [p_value(p) for p in (1.0, 0.0496, 0.001, 0.00099)] == ["p = 1.000", "p = 0.050", "p = 0.001", "p < 0.001"]


def test_two_that_predict_the_same_tell_nothing_of_what_could_be_found():
    true = np.arange(20.0)
    sessions = ScoredSessions(true, np.arange(20).astype(str))
    assert sessions.difference_of_mae(np.full(20, 9.0), np.full(20, 9.0))["detectable"] is None
    assert sessions.difference_of_mae(true + 1, np.full(20, 9.0))["detectable"] > 0
