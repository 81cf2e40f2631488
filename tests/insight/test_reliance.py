"""Effects of hiding and swapping, and that their p are right where there is no effect."""

import numpy as np
import pytest

from mccl_jax.insight import reliance
from mccl_jax.insight.scores import Rows

N = 40


def rows(n=N, each=1, resamples=300) -> Rows:
    subject = np.array([f"s{i // each}" for i in range(n)])
    return Rows(subject, np.arange(n).astype(str), np.full(n, "fold_1"), resamples)


def test_hiding_what_the_model_uses_hurts():
    rng = np.random.default_rng(0)
    true = rng.uniform(0, 24, N)
    predicted = true + rng.normal(size=N)
    found = reliance.effect(rows(), true, predicted, np.full(N, true.mean()))
    expected = np.abs(true - true.mean()).mean() - np.abs(predicted - true).mean()
    assert found["estimate"] == pytest.approx(expected)
    assert 0 < found["lower"] < found["estimate"] < found["upper"]
    assert found["p"] < 0.01
    assert found["change"]["estimate"] == pytest.approx(np.abs(predicted - true.mean()).mean())
    assert (found["n_sessions"], found["n_subjects"]) == (N, N)


def test_a_change_that_is_no_worse_is_told_as_a_change():
    true = np.zeros(N)
    found = reliance.effect(rows(), true, np.ones(N), -np.ones(N))
    assert (found["estimate"], found["change"]["estimate"], found["p"]) == (0, 2, 1)


def test_a_session_that_several_folds_test_counts_once():
    twice = Rows(np.array([*"aab"]), np.array([*"aab"]), np.array(["fold_1", "fold_2", "fold_1"]))
    found = reliance.effect(twice, np.zeros(3), np.zeros(3), np.array([1.0, 3.0, 8.0]))
    assert found["estimate"] == pytest.approx((2 + 8) / 2)
    assert found["n_sessions"] == 2


def swapped(seed: int, use: float):
    """true, predicted, swapped (P, N), own: the prediction is the cue, in so far as it is used, and the cue says `use`
    of the severity."""
    rng = np.random.default_rng(seed)
    true = rng.normal(size=N)
    cue = use * true + rng.normal(size=N)
    order = np.array([rng.permutation(N) for _ in range(99)])
    rest = 0.3 * rng.normal(size=N)
    return true, rest + cue, rest + cue[order], order == np.arange(N)


def test_swapping_a_cue_that_tells_something_hurts():
    true, predicted, exchanged, own = swapped(0, use=2.0)
    found = reliance.swap(rows(), true, predicted, exchanged, own)
    assert found["p"] == 0.01  # the least that 99 exchanges can give
    assert found["estimate"] > 0.5
    assert found["lower"] > 0
    assert found["null"]["seen"] < found["null"]["lower"]


def test_the_null_of_a_swap_is_right_where_the_cue_tells_nothing():
    """The model leans on the cue heavily, and in vain: p must be as likely in any tenth."""
    p = np.array([reliance.swap(rows(resamples=2), *swapped(seed, use=0.0))["p"] for seed in range(300)])
    assert (p <= 0.1).mean() == pytest.approx(0.1, abs=0.05)
    assert np.histogram(p, bins=5, range=(0, 1))[0].max() < 90  # 60 expected, 90 is four deviations off


def test_the_null_of_hiding_is_right_where_errors_grow_and_shrink_alike():
    rng = np.random.default_rng(5)
    p = [reliance.effect(rows(resamples=200), np.zeros(N), *np.abs(rng.normal(size=(2, N))))["p"] for _ in range(300)]
    assert (np.array(p) <= 0.1).mean() == pytest.approx(0.1, abs=0.05)


def test_what_comes_from_the_same_person_is_no_exchange():
    true, predicted = np.zeros(4), np.zeros(4)
    exchanged, own = np.array([[0.0, 2, 2, 0], [4, 4, 4, 4]]), np.array([[True, False, False, True], [False] * 4])
    found = reliance.swap(rows(4), true, predicted, exchanged, own)
    assert found["estimate"] == pytest.approx((4 + 3 + 3 + 4) / 4)


def test_a_region_beside_random_points():
    true, predicted = np.zeros(N), np.zeros(N)
    found = reliance.effect(rows(), true, predicted, np.full(N, 2.0))
    others = np.stack([np.full(N, float(k)) for k in range(4)])
    beside = reliance.beside_random(found, rows(), true, predicted, others)["random"]
    assert (beside["mean"], beside["share"], beside["draws"]) == (1.5, 0.5, 4)


def test_p_of_a_family():
    family = {name: {"p": p} for name, p in (("a", 0.01), ("b", 0.04), ("c", None))}
    found = reliance.adjusted(family)
    assert [one["p_holm"] for one in found.values()] == [0.02, 0.04, None]


def test_nobody_has_no_effect():
    empty = rows(0)
    nothing = np.zeros(0)
    found = reliance.effect(empty, nothing, nothing, nothing)
    assert (found["estimate"], found["p"], found["reason"]) == (None, None, "no session")
    assert reliance.swap(empty, nothing, nothing, np.zeros((3, 0)), np.zeros((3, 0), bool))["p"] is None
