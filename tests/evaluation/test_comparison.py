"""Each test against a worked value, and how often it errs where there is nothing to find."""

import itertools
import math

import numpy as np
import pytest

from mccl_jax.evaluation.comparison import Comparison, chance, detectable, holm, nadeau_bengio, paired_test
from mccl_jax.metrics import METRICS


def test_the_corrected_t_is_the_formulas():
    """By hand: mean 3, s^2 = 2.5, (1/5 + 1/4) x 2.5 = 1.125, t = 2.828427 with 4 degrees: p = 0.0474207."""
    found = nadeau_bengio(np.array([1.0, 2, 3, 4, 5]), n_train=80, n_test=20)
    assert found.estimate == 3
    half = 2.7764451 * math.sqrt(1.125)
    assert (found.lower, found.upper) == (pytest.approx(3 - half), pytest.approx(3 + half))
    assert found.p == pytest.approx(0.0474207, abs=1e-6)


def test_sizes_may_differ_by_fold_and_the_level_is_kept():
    differences = np.array([0.3, -0.1, 0.4])
    one = nadeau_bengio(differences, 60.0, 30.0, level=0.8)
    each = nadeau_bengio(differences, np.array([60.0, 30, 120]), np.array([30.0, 15, 60]), level=0.8)
    assert each == one
    wider = nadeau_bengio(differences, 60.0, 30.0, level=0.9)
    assert wider.lower < one.lower < one.upper < wider.upper
    assert nadeau_bengio(-differences, 60.0, 30.0).p == pytest.approx(nadeau_bengio(differences, 60.0, 30.0).p)


def test_p_and_interval_say_the_same():
    rng = np.random.default_rng(0)
    for _ in range(50):
        found = nadeau_bengio(rng.normal(0.5, 1, 10), 36, 9)
        assert (found.p < 0.05) == (found.lower > 0 or found.upper < 0)


def test_folds_that_share_training_data_do_not_pass_for_independent():
    """The differences of 10 folds correlate by n_test / (n_train + n_test) = 0.1: plain t errs too often, this not."""
    rng = np.random.default_rng(0)
    wrong = 0
    for _ in range(2000):
        shared, own = rng.normal(size=1), rng.normal(size=10)
        wrong += nadeau_bengio(math.sqrt(0.1) * shared + math.sqrt(0.9) * own, 90, 10).p < 0.05
    assert 0.03 < wrong / 2000 < 0.07


def test_where_nothing_varies_nothing_is_claimed():
    assert nadeau_bengio(np.zeros(5), 80, 20) == Comparison(0, 0, 0, 1)
    for few in (np.full(5, 0.25), np.array([0.25])):
        found = nadeau_bengio(few, 80, 20)
        assert found.estimate == 0.25
        assert np.isnan([found.lower, found.upper, found.p]).all()
    assert math.isnan(nadeau_bengio(np.zeros(0), 80, 20).estimate)


@pytest.mark.parametrize(
    ("differences", "n_train", "words"), [([1.0, math.nan], 9, "finite"), ([1.0, 2.0], 0, "somebody")]
)
def test_what_cannot_be_is_refused(differences, n_train, words):
    with pytest.raises(ValueError, match=words):
        nadeau_bengio(np.array(differences), n_train, 3)


def test_all_exchanges_of_few_subjects_are_counted():
    """Subjects differ by 1, 2, 3, 4 (b by two sessions): 16 exchanges, of which two lie 10 apart, four at least 8."""
    subject, zeros = np.array(list("abbcd")), np.zeros(5)
    loss = np.array([1.0, 0.5, 1.5, 3, 4])
    assert paired_test(loss, zeros, subject) == 2 / 16
    loss[0] = -1
    brute = [abs(np.dot(signs, [-1, 2, 3, 4])) >= 8 for signs in itertools.product([-1, 1], repeat=4)]
    assert paired_test(loss, zeros, subject) == paired_test(zeros, loss, subject) == np.mean(brute)


def test_random_exchanges_come_near_to_all():
    rng = np.random.default_rng(3)
    loss_a, loss_b = rng.gamma(2, 1, (2, 12))
    of_all = paired_test(loss_a, loss_b, np.arange(12), resamples=2**12)
    assert 0.05 < of_all < 0.95
    assert paired_test(loss_a, loss_b, np.arange(12), resamples=4000) == pytest.approx(of_all, abs=0.03)


def test_it_is_seeded_and_never_0():
    loss = np.full(40, 2.0)
    assert paired_test(loss, loss - 1, np.arange(40), resamples=500) == 1 / 501
    noise = np.random.default_rng(0).normal(size=40)
    runs = [paired_test(loss + noise, loss, np.arange(40), resamples=500, seed=seed) for seed in (0, 0, 1)]
    assert runs[0] == runs[1] != runs[2]


def test_sessions_of_a_subject_are_one_witness():
    rng = np.random.default_rng(0)
    a, b, subject = *rng.normal(size=(2, 9)), np.arange(9)
    once = paired_test(a, b, subject)
    assert paired_test(np.tile(a, 6), np.tile(b, 6), np.tile(subject, 6)) == once
    assert paired_test(np.tile(a, 6), np.tile(b, 6), np.tile(subject, 6), np.full(54, 1 / 6)) == once


def test_rows_count_as_much_as_they_are_said_to():
    subject, zeros = np.arange(4), np.zeros(4)
    loss = np.array([-1.0, 1, 1, 1])
    assert paired_test(loss, zeros, subject, np.array([3.0, 1, 1, 1])) == 1
    assert paired_test(loss, zeros, subject, np.array([1.0, 1, 1, 1])) < 1


@pytest.mark.filterwarnings("error")
def test_equal_losses_and_nobody():
    assert paired_test(np.ones(30), np.ones(30), np.arange(30)) == 1
    assert math.isnan(paired_test(np.zeros(0), np.zeros(0), np.zeros(0)))
    with pytest.raises(ValueError, match="finite"):
        paired_test(np.array([np.nan]), np.zeros(1), np.zeros(1))


def test_it_errs_as_rarely_as_it_says_on_skewed_differences():
    """35 subjects, differences of mean 0 with one long tail: a case beyond what the test is exact for."""
    rng = np.random.default_rng(0)
    wrong = sum(
        paired_test(rng.gamma(2, 1, 35) - 2, np.zeros(35), np.arange(35), resamples=199, seed=i) <= 0.05
        for i in range(1500)
    )
    assert 0.03 < wrong / 1500 < 0.08


def test_holms_steps():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.6]) == [1, 1]
    assert holm([0.02]) == [0.02]
    assert holm([]) == []
    adjusted = holm([0.01, math.nan, 0.04])
    assert adjusted[0] == pytest.approx(0.02)
    assert math.isnan(adjusted[1])
    assert adjusted[2] == pytest.approx(0.04)


def test_a_difference_of_the_detectable_size_is_found_as_often_as_it_says():
    assert detectable(1.0) == pytest.approx(1.959964 + 0.841621, abs=1e-5)
    assert detectable(0.5, 0.9, 0.5) == pytest.approx(0.5 * 1.644854, abs=1e-5)
    seen = np.random.default_rng(0).normal(detectable(0.3), 0.3, 20000)
    assert (seen - 1.959964 * 0.3 > 0).mean() == pytest.approx(0.8, abs=0.01)


def pearson_of(true, fold=None):
    return lambda predicted: METRICS["pearson"](true, predicted, fold=fold)


def by_chance(true, predicted, subject=None, fold=None, resamples=400, **options):
    subject = np.arange(len(true)) if subject is None else subject
    fold = np.zeros(len(true)) if fold is None else fold
    return chance(pearson_of(true, fold), predicted, subject, fold, resamples=resamples, **options)


def test_agreement_is_held_against_predictions_dealt_anew():
    rng = np.random.default_rng(0)
    true = rng.normal(size=60)
    found = by_chance(true, true + rng.normal(size=60), resamples=2000)
    assert found.p == 1 / 2001
    # 1.96 / sqrt(59): the standard error of a correlation that is none
    assert (found.lower, found.upper) == (pytest.approx(-0.255, abs=0.03), pytest.approx(0.255, abs=0.03))
    assert by_chance(true, -true).p == 1
    assert by_chance(true, true**2, seed=1) == by_chance(true, true**2, seed=1) != by_chance(true, true**2, seed=2)


def test_by_chance_it_finds_agreement_as_rarely_as_it_says():
    rng = np.random.default_rng(1)
    fold, subject = np.repeat(np.arange(3), 12), np.arange(36) // 2
    low = 0
    for i in range(400):
        person = rng.normal(size=(2, 18))[:, subject]  # a person's sessions are alike
        true, predicted = person + 0.3 * rng.normal(size=(2, 36)) + 5 * fold * np.array([[1], [-1]])
        low += by_chance(true, predicted, subject, fold, resamples=99, seed=i).p <= 0.05
    assert 0.025 < low / 400 < 0.08


def test_what_a_subject_has_in_a_fold_stays_together_and_in_the_fold():
    fold = np.array([0, 0, 0, 0, 1, 1])
    subject, predicted = np.array(list("aabbcd")), np.array([1.0, 2, 3, 4, 5, 6])
    seen = set()

    def score(dealt):
        seen.add(tuple(dealt.tolist()))
        return 0.0

    assert chance(score, predicted, subject, fold, resamples=200).p == 1
    assert seen == {(*one, *other) for one in ((1, 2, 3, 4), (3, 4, 1, 2)) for other in ((5, 6), (6, 5))}
    seen.clear()  # of unequal numbers: repeated, or cut off
    chance(score, np.array([1.0, 2, 3]), np.array(list("aab")), np.zeros(3), resamples=50)
    assert seen == {(1, 2, 3), (3, 3, 1)}


@pytest.mark.filterwarnings("error")
def test_what_has_no_value_is_not_held_against_chance():
    assert by_chance(np.arange(5.0), np.ones(5)) is None
    assert by_chance(np.zeros(0), np.zeros(0)) is None
