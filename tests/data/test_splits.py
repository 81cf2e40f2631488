"""Division into train and dev."""

import numpy as np
import pytest

from mccl_jax.data.splits import split_by_subject
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
