"""Division into train and dev, and who is trained on and reported in each fold."""

import numpy as np
import pytest

from mccl_jax.data.sessions import Facts
from mccl_jax.data.splits import (
    EXCLUDED,
    INNER,
    UNUSED,
    divisions,
    excluded,
    inner_of,
    is_outer,
    split_by_subject,
    with_direct,
    with_inner,
)
from mccl_jax.data.windows import Windows
from mccl_jax.errors import UserError

SUBJECT = np.repeat([f"p{i:02d}" for i in range(30)], 2)
SEVERITY = np.repeat(np.arange(30.0) % 11, 2)


def test_a_subject_stands_on_one_side():
    split = split_by_subject(SUBJECT, SEVERITY, 1 / 3, seed=0)
    assert set(split) == {"train", "dev"}
    assert not set(SUBJECT[split == "train"]) & set(SUBJECT[split == "dev"])
    assert (split == "dev").sum() == 20


def test_severities_are_alike_on_both_sides():
    means = [
        abs(SEVERITY[split == "train"].mean() - SEVERITY[split == "dev"].mean())
        for split in (split_by_subject(SUBJECT, SEVERITY, 1 / 3, seed) for seed in range(20))
    ]
    assert max(means) < 1.0


def test_the_seed_decides_and_the_order_of_sessions_does_not():
    once, other = (split_by_subject(SUBJECT, SEVERITY, 1 / 3, seed) for seed in (0, 1))
    assert (once != other).any()
    shuffled = np.random.default_rng(0).permutation(len(SUBJECT))
    assert (split_by_subject(SUBJECT[shuffled], SEVERITY[shuffled], 1 / 3, 0) == once[shuffled]).all()


def test_subjects_of_unknown_severity_train():
    severity = np.where(np.isin(SUBJECT, ["p00", "p01"]), np.nan, SEVERITY)
    split = split_by_subject(SUBJECT, severity, 0.5, seed=0)
    assert (split[np.isnan(severity)] == "train").all()
    assert (split == "dev").sum() == 28


@pytest.mark.parametrize("people", [0, 1])
def test_too_few_subjects(people):
    with pytest.raises(UserError, match=f"{people} subjects"):
        split_by_subject(np.array(["a"] * people), np.zeros(people), 0.5, seed=0)


def corpus(folds=None, split=None, subject=None, severity=None, digests=()):
    """Windows and facts of sessions of which nothing else matters."""
    n = len(next(given for given in (folds, split, subject) if given is not None))
    subject = np.array([f"p{i}" for i in range(n)] if subject is None else subject)
    severity = np.arange(n, dtype=float) if severity is None else np.asarray(severity, float)
    ones = np.ones(n)
    windows = Windows({}, {}, ones[:, None] > 0, ones[:, None], severity, subject, np.arange(n).astype(str), ones)
    return windows, Facts(np.array(split or [""] * n), tuple(folds or [()] * n), {}, digests)


def divided(reported="test", exclude_overlap=False, **facts):
    found = divisions(*corpus(**facts), reported, 0.5, 0, exclude_overlap)
    return {name: split.tolist() for name, split in found.items()}


def refused(words, exclude_overlap=False, **facts):
    with pytest.raises(UserError, match=words) as caught:
        divided(exclude_overlap=exclude_overlap, **facts)
    assert "\n" not in str(caught.value)


def test_splits_of_the_corpus_are_taken_as_they_are():
    split = ["train", "dev", "test", "train"]
    assert divided(split=split) == {"": split}
    assert divided("dev", split=split) == {"": split}
    assert divided(split=split, folds=[(1,), (2,), (1,), (2,)]) == {"": split}


def test_without_splits_and_folds_subjects_are_divided():
    windows, facts = corpus(subject=[f"p{i // 2}" for i in range(40)])
    found = divisions(windows, facts, "dev", 0.25, 3)
    assert list(found) == [""]
    np.testing.assert_array_equal(found[""], split_by_subject(windows.subject, windows.severity, 0.25, 3))


def test_each_fold_reports_who_is_tested_in_it_and_all_train_the_final_model():
    assert divided(folds=[(2,), (1,), (10,), (2,), ()]) == {
        "fold_1": ["train", "test", "train", "train", "train"],
        "fold_2": ["test", "train", "train", "test", "train"],
        "fold_10": ["train", "train", "test", "train", "train"],
        "all": ["train"] * 5,
    }
    assert list(divided(folds=[(2,), (1,), (10,)])) == ["fold_1", "fold_2", "fold_10", "all"]
    assert set(divided("dev", folds=[(0,), (1,)])["fold_0"]) == {"dev", "train"}


def test_folds_may_overlap():
    found = divided(folds=[(1, 5), (1,), (5,)])
    assert found["fold_1"] == ["test", "test", "train"]
    assert found["fold_5"] == ["test", "train", "test"]


def test_folds_that_test_nobody_of_known_severity_are_left_out():
    found = divided(folds=[(1,), (2,), (3,), (3,)], severity=[1, 2, np.nan, np.nan])
    assert list(found) == ["fold_1", "fold_2", "all"]
    assert found["fold_1"] == ["test", "train", "train", "train"]
    found = divided(folds=[(1,), (2,), (3,), (3,)], severity=[1, 2, np.nan, 4])
    assert found["fold_3"] == ["train", "train", "test", "test"]


def test_one_fold_is_refused():
    refused("only 1 of the folds test a session with a known target; expected two at least", folds=[(1,), (1,), ()])
    refused("only 1 of the folds", folds=[(1,), (2,), ()], severity=[1, np.nan, 3])
    refused("only 0 of the folds", folds=[(1,), (2,)], severity=[np.nan, np.nan])


def test_a_subject_on_both_sides_is_refused_by_name():
    refused(
        "subjects stand in train and in test of fold 1: Anna", folds=[(1,), (2,), (2,)], subject=["Anna", "Anna", "B"]
    )
    refused("subjects stand in train and in test: B", split=["train", "train", "test"], subject=["A", "B", "B"])
    divided(split=["train", "dev", "test"], subject=["A", "B", "B"])  # dev is neither
    many = [f"p{i:02d}" for i in range(12)]
    refused(
        f"in test: {', '.join(many[:10])} and 2 more; expected nobody, .* data.exclude_overlap=True",
        split=["train"] * 13 + ["test"] * 13,
        subject=[*many, "A", "B", *reversed(many)],
    )


def test_a_recording_under_two_names_is_refused():
    two = {"split": ["train", "train", "test", "test"], "digests": ("a", "b", "b", "c")}
    refused("subjects stand in train and in test: p1;", **two)
    assert divided(exclude_overlap=True, **two) == {"": ["train", EXCLUDED, "test", "test"]}
    divided(split=["train", "test"], digests=("", ""))  # of unknown files nothing is known


def test_shared_subjects_are_left_out_of_train_when_asked_for_and_told():
    """Never out of what is reported."""
    shared = {"split": ["train", "train", "dev", "test", "train"], "subject": ["A", "B", "A", "B", "B"]}
    assert divided(exclude_overlap=True, **shared) == {"": ["train", EXCLUDED, "dev", "test", EXCLUDED]}
    windows, facts = corpus(**shared)
    assert excluded(windows, divisions(windows, facts, "test", 0.5, 0, True), "test") == [
        "left out of train, whose subjects are in test, too (data.exclude_overlap): 2, subjects 1: 1, 4"
    ]
    assert excluded(windows, {"": facts.split}, "test") == []
    apart = {"split": ["train", "test"], "subject": ["A", "B"]}
    assert divided(exclude_overlap=True, **apart) == divided(**apart)


def test_in_each_fold_those_who_are_tested_in_it_are_left_out():
    shared = {"folds": [(1,), (2,), (2,), ()], "subject": ["A", "A", "B", "C"]}
    found = divided(exclude_overlap=True, **shared)
    assert found == {
        "fold_1": ["test", EXCLUDED, "train", "train"],
        "fold_2": [EXCLUDED, "test", "test", "train"],
        "all": ["train"] * 4,
    }
    windows, _ = corpus(**shared)
    assert excluded(windows, {name: np.array(split) for name, split in found.items()}, "test") == [
        "left out of train, whose subjects are in test of fold 1, too (data.exclude_overlap): 1, subjects 1: 1",
        "left out of train, whose subjects are in test of fold 2, too (data.exclude_overlap): 1, subjects 1: 0",
    ]


def test_nobody_left_to_train_on_is_refused():
    refused("no labelled session in train; there are excluded, test", True, split=["train", "test"], subject=["A", "A"])


def test_nothing_to_train_on_or_to_report_is_refused():
    refused("no labelled session in test; there are dev, train", split=["train", "dev"])
    refused("no labelled session in train; there are test, train", split=["train", "test"], severity=[np.nan, 1])
    refused("no labelled session in train of fold 1", folds=[(1, 2), (2,)], severity=[1, np.nan])


def test_kfold_tests_train_and_the_reported_split_once_each_and_by_subject():
    windows, facts = corpus(
        split=["train", "dev", "test", "dev"] * 10, subject=[f"p{i // 4 * 2 + i % 4 // 2}" for i in range(40)]
    )
    split = np.array(facts.split)
    found = divisions(windows, facts, "test", 1 / 3, 0, exclude_overlap=True, kfold=3)
    assert list(found) == ["fold_1", "fold_2", "fold_3", "all"]
    tested = np.sum([found[f"fold_{k}"] == "test" for k in (1, 2, 3)], axis=0)
    assert (tested == np.isin(split, ("train", "test"))).all()
    for of_fold in found.values():
        assert (of_fold[split == "dev"] == UNUSED).all()
        taught = set(windows.subject[of_fold == "train"])
        assert not taught & set(windows.subject[of_fold == "test"])


def test_kfold_of_recordings_without_splits_is_of_all_and_the_seed_decides():
    windows, facts = corpus(subject=SUBJECT, severity=SEVERITY)
    once, other = (divisions(windows, facts, "dev", 1 / 3, seed, kfold=5) for seed in (0, 1))
    assert (once["fold_1"] != other["fold_1"]).any()
    assert sum((once[f"fold_{k}"] == "dev").sum() for k in range(1, 6)) == 60
    assert (once["all"] == "train").all()


def test_kfold_does_not_replace_folds_of_the_labels():
    windows, facts = corpus(folds=[(1,), (2,)] * 5)
    with pytest.raises(UserError, match=r"data.kfold is 2, but the labels have folds of their own"):
        divisions(windows, facts, "test", 1 / 3, 0, kfold=2)


@pytest.mark.parametrize("outer", [{"": "train"}, {"fold_1": "train", "fold_2": "train", "all": "train"}])
def test_inner_folds_part_train_by_subject_and_touch_nothing_else(outer):
    windows, _ = corpus(subject=SUBJECT, severity=SEVERITY)
    split = np.where(np.arange(60) < 40, "train", "dev")
    divided = {name: split if name != "all" else np.full(60, "train") for name in outer}
    found = with_inner(divided, windows, 3, seed=0)
    assert [name for name in found if is_outer(name)] == list(outer)
    assert list(found)[-1] == list(outer)[-1]  # the final model's, by which all others are found
    for name in outer:
        inner = inner_of(name, list(found))
        assert len(inner) == (0 if name == "all" else 3)
        left_out = np.zeros(60, int)
        for one in inner:
            assert (found[one][split == "dev"] == "dev").all()
            assert not set(SUBJECT[found[one] == "train"]) & set(SUBJECT[found[one] == INNER])
            left_out += found[one] == INNER
        if inner:
            assert (left_out == (split == "train")).all()


def test_a_baseline_on_severity_stands_before_each_that_is_reported():
    windows, _ = corpus(subject=SUBJECT, severity=SEVERITY)
    split = np.where(np.arange(60) < 40, "train", "dev")
    divided = with_inner({"fold_1": split, "fold_2": split, "all": np.full(60, "train")}, windows, 2, seed=0)
    found = with_direct(divided)
    assert [name for name in found if name not in divided] == ["fold_1/direct", "fold_2/direct"]
    assert found["fold_1/direct"] is split
    assert [name for name in found if is_outer(name)] == ["fold_1", "fold_2", "all"]
    assert list(found)[-1] == "all"
    assert list(with_direct({"": split})) == ["direct", ""]


def test_inner_folds_need_as_many_subjects():
    windows, _ = corpus(split=["train"] * 2 + ["dev"] * 5)
    with pytest.raises(UserError, match=r"2 subjects with a known target cannot be dealt into 3 folds"):
        with_inner({"": np.array(["train"] * 2 + ["dev"] * 5)}, windows, 3, seed=0)
