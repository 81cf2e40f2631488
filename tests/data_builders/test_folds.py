"""Folds by subject: alike in size, groups and severities, and decided by the seed alone."""

import numpy as np
import pytest

from data_builders.cmdc.cmdc_dataset_builder import OFFICIAL
from data_builders.folds import folds_by_range, folds_by_subject
from mccl_jax.errors import UserError

# 44 people, 25 and 19 of two groups whose severities overlap, each with one to three sessions.
SUBJECTS = np.array([f"p{i:02d}" for i in range(44)])
GROUP_OF = np.where(np.arange(44) < 25, "HC", "MDD")
SEVERITY_OF = np.where(np.arange(44) < 25, np.arange(44) % 10, 8 + np.arange(44) % 13).astype(float)
PERSON = np.repeat(np.arange(44), 1 + np.arange(44) % 3)
SUBJECT, GROUP, SEVERITY = SUBJECTS[PERSON], GROUP_OF[PERSON], SEVERITY_OF[PERSON]


def dealt(seed=0, folds=5):
    return folds_by_subject(SUBJECT, SEVERITY, folds, seed, GROUP)


def by_person(fold):
    return fold[np.unique(SUBJECT, return_index=True)[1]]


def test_every_subject_is_tested_once_and_with_all_its_sessions():
    fold = dealt()
    assert fold.shape == SUBJECT.shape
    assert set(fold.tolist()) == {0, 1, 2, 3, 4}
    assert all(len(set(of_one.tolist())) == 1 for of_one in (fold[SUBJECTS[PERSON] == one] for one in SUBJECTS))


@pytest.mark.parametrize("folds", [2, 3, 5, 7, 10])
@pytest.mark.parametrize("seed", range(5))
def test_sizes_and_groups_differ_by_one_at_most(folds, seed):
    fold = by_person(dealt(seed, folds))
    for some in (fold, fold[GROUP_OF == "HC"], fold[GROUP_OF == "MDD"]):
        assert np.ptp(np.bincount(some, minlength=folds)) <= 1


def test_severities_are_alike():
    spread = [np.ptp([SEVERITY_OF[by_person(dealt(seed)) == k].mean() for k in range(5)]) for seed in range(20)]
    at_random = []
    for seed in range(20):
        fold = np.random.default_rng(seed).permutation(np.arange(44) % 5)
        at_random.append(np.ptp([SEVERITY_OF[fold == k].mean() for k in range(5)]))
    assert max(spread) < 3
    assert np.mean(spread) < np.mean(at_random) / 2


def test_each_run_of_like_severities_goes_to_different_folds():
    fold = folds_by_subject(SUBJECTS[:20], np.arange(20.0), 5, seed=3)
    assert all(sorted(fold[start : start + 5]) == [0, 1, 2, 3, 4] for start in range(0, 20, 5))


def test_the_seed_decides_and_the_order_of_sessions_does_not():
    np.testing.assert_array_equal(dealt(0), dealt(0))
    assert (dealt(0) != dealt(1)).any()
    shuffled = np.random.default_rng(0).permutation(len(SUBJECT))
    again = folds_by_subject(SUBJECT[shuffled], SEVERITY[shuffled], 5, 0, GROUP[shuffled])
    np.testing.assert_array_equal(again, dealt(0)[shuffled])


def test_the_seed_decides_where_no_two_are_alike_too():
    severity = np.random.default_rng(0).permutation(44).astype(float)
    once, other = (folds_by_subject(SUBJECTS, severity, 5, seed) for seed in (0, 1))
    assert (once != other).sum() > 15


def test_who_is_of_unknown_severity_is_in_no_fold():
    severity = np.where(np.isin(SUBJECT, ["p03", "p30"]), np.nan, SEVERITY)
    fold = folds_by_subject(SUBJECT, severity, 5, 0, GROUP)
    np.testing.assert_array_equal(fold == -1, np.isnan(severity))
    assert np.ptp(np.bincount(by_person(fold)[by_person(fold) >= 0])) <= 1


def test_one_known_session_is_enough_for_a_subject():
    fold = folds_by_subject(np.array(list("aabb")), np.array([np.nan, 3, 5, 6]), 2, 0)
    assert fold[0] == fold[1]
    assert set(fold.tolist()) == {0, 1}


@pytest.mark.parametrize("known", [0, 4])
def test_too_few_subjects_are_one_line(known):
    severity = np.where(np.arange(6) < known, 1.0, np.nan)
    with pytest.raises(UserError, match=f"{known} subjects with a known target .* into 5 folds; expected") as caught:
        folds_by_subject(SUBJECTS[:6], severity, 5, 0)
    assert "\n" not in str(caught.value)
    assert sorted(folds_by_subject(SUBJECTS[:5], np.ones(5), 5, 0)) == [0, 1, 2, 3, 4]


def test_ranges_may_overlap_and_have_gaps():
    ranges = {1: (21, 26), 2: (1, 6), 5: (19, 24)}
    assert folds_by_range(6, ranges) == (2,)
    assert folds_by_range(7, ranges) == ()
    assert folds_by_range(20, ranges) == (5,)
    assert folds_by_range(21, ranges) == folds_by_range(24, ranges) == (1, 5)
    assert folds_by_range(25, ranges) == (1,)


def test_the_published_folds_test_everybody_and_some_twice():
    for group, last, twice in (("MDD", 26, range(21, 25)), ("HC", 52, range(41, 49))):
        times = {number: len(folds_by_range(number, OFFICIAL[group])) for number in range(1, last + 1)}
        assert times == {number: 2 if number in twice else 1 for number in times}
        assert folds_by_range(last + 1, OFFICIAL[group]) == ()
