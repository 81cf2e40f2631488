"""Held-out residuals cover what they promise."""

import json

import numpy as np
import pytest

from mccl_jax.evaluation.conformal import ResidualInterval, left_out_coverage, residual_interval


@pytest.mark.parametrize(
    ("n", "level", "rank"), [(9, 0.9, 9), (19, 0.9, 18), (20, 0.9, 19), (19, 0.95, 19), (30, 0.8, 25)]
)
def test_the_half_width_is_the_finite_sample_quantile(n, level, rank):
    residuals = np.random.default_rng(n).permutation(np.arange(1, n + 1)) * np.resize([1, -1], n)
    assert rank == int(np.ceil(level * (n + 1) - 1e-9))
    assert residual_interval(residuals, level).halfwidth == rank


@pytest.mark.parametrize(("n", "level"), [(8, 0.9), (0, 0.9), (18, 0.95)])
def test_too_few_give_the_whole_scale_and_say_so(n, level):
    interval = residual_interval(np.ones(n), level, 0, 24)
    assert interval.around(3.0) == (0, 24)
    assert "too few" in interval.explanation
    assert f"needs {n + 1 if n else 9} subjects" in interval.explanation
    assert residual_interval(np.ones(n), level).around(3.0) == (None, None)


def test_intervals_are_clipped_to_the_scale():
    interval = residual_interval(np.full(20, 4.0), 0.9, 0, 24)
    assert interval.around(10.0) == (6, 14)
    assert interval.around(1.0) == (0, 5)
    assert interval.around(23.5) == (19.5, 24)
    assert interval.around(40.0) == (24, 24)
    assert residual_interval(np.full(20, 4.0), 0.9).around(1.0) == (-3, 5)
    assert "20 sessions of 20 subjects" in interval.explanation


def test_subjects_weigh_alike_however_many_sessions_they_have():
    """One person's many large errors do not pass for many people's."""
    residuals = np.array([*np.arange(1.0, 20.0), *[50.0] * 40])
    subject = np.array([*range(19), *[99] * 40])
    assert residual_interval(residuals, 0.9, subject=subject).halfwidth == 19
    assert residual_interval(residuals, 0.9).halfwidth == 50


def test_coverage_on_new_people():
    rng = np.random.default_rng(0)
    covered = []
    for _ in range(400):
        errors = rng.gamma(1.3, 5, 20 + 50)
        interval = residual_interval(errors[:20], 0.9)
        lower, upper = interval.around(0.0)
        covered.append(((errors[20:] >= lower) & (errors[20:] <= upper)).mean())
    assert np.mean(covered) > 0.9 - 0.01  # the law: at least 90 %
    assert np.mean(covered) < 0.9 + 1 / 21 + 0.01  # and at most 1 / (n + 1) more


def test_a_residual_interval_survives_json():
    interval = residual_interval(np.linspace(-3, 3, 30), 0.8, 0, None)
    assert ResidualInterval(**json.loads(json.dumps(interval.__dict__))) == interval


def test_residuals_must_be_finite():
    with pytest.raises(ValueError, match="finite"):
        residual_interval(np.array([1.0, np.nan]))


def test_rows_of_one_session_are_counted_as_one_and_weigh_as_one():
    """Two folds that predict the same session: its two errors share what the session weighs."""
    residuals = np.array([*np.arange(1.0, 20.0), 30.0, 40.0])
    session = np.array([*range(19), 19, 19])
    interval = residual_interval(residuals, 0.9, subject=session, session=session, out_of_fold=True)
    assert (interval.sessions, interval.subjects) == (20, 20)
    assert interval.halfwidth == 19  # ceil(0.9 x 21) = 19
    assert residual_interval(residuals, 0.95, subject=session, session=session).halfwidth == 40
    assert residual_interval(residuals, 0.9, subject=session).sessions == 21


def test_errors_of_other_models_make_an_approximate_interval():
    residuals = np.arange(1.0, 31.0)
    held_out, of_folds = (residual_interval(residuals, 0.9, 0, 27, out_of_fold=one) for one in (False, True))
    assert held_out.around(5.0) == of_folds.around(5.0)
    assert held_out.explanation.startswith("90% split-conformal: ")
    assert of_folds.explanation.startswith("approximate 90%: ")
    assert "made by a model of the other folds, while this model has seen all of them" in of_folds.explanation
    assert "not valid outside the population of this corpus" in of_folds.explanation
    assert ResidualInterval(**json.loads(json.dumps(of_folds.__dict__))) == of_folds


def test_coverage_is_measured_without_using_a_session_for_its_own():
    residuals = np.arange(1.0, 20.0)  # 18 others, of which level 0.9 needs the 18th
    covered = left_out_coverage(residuals, 0.9, np.arange(19))
    assert covered.tolist() == [True] * 18 + [False]
    assert left_out_coverage(residuals[:9], 0.9, np.arange(9)).all()  # too few others: the whole scale


def test_sessions_of_a_subject_are_left_out_together():
    residuals = np.array([*np.ones(20), 9.0, 9.0])
    subject = np.array([*range(20), 20, 20])
    assert left_out_coverage(residuals, 0.8, subject).tolist() == [True] * 20 + [False] * 2


def test_measured_coverage_is_near_the_level():
    rng = np.random.default_rng(0)
    for level in (0.8, 0.9):
        found = [left_out_coverage(rng.gamma(1.3, 5, 40), level, np.arange(40)).mean() for _ in range(20)]
        assert abs(np.mean(found) - level) < 0.03
