"""What is planted in embeddings is read from them, noise is not, and nobody who is tested is learned from."""

import numpy as np
import pytest

from mccl_jax.insight import probing
from mccl_jax.insight.scores import Rows


def made(n=60, width=8, folds=3, seed=0, each=1, planted=None, reported="test"):
    """Sessions of people with `each`; folds by person (0: one split, a third reported); `planted` (n,) in all views."""
    rng = np.random.default_rng(seed)
    person = np.arange(n) // each
    subject = np.array([f"s{one:03d}" for one in person])
    features, split = {}, {}
    for fold in range(folds or 1):
        z = rng.normal(size=(n, width))
        if planted is not None:
            z[:, 0] += 3 * planted
        name = f"fold_{fold + 1}" if folds else ""
        features[name], split[name] = z, np.where(person % (folds or 3) == fold, reported, "train")
    return probing.Probed(np.arange(n).astype(str), subject, features, split, reported)


def rows(resamples=200):
    nobody = np.zeros(0, str)
    return Rows(nobody, nobody, nobody, resamples)


@pytest.mark.parametrize("folds", [0, 3])
def test_a_planted_length_is_found(folds):
    length = np.random.default_rng(9).normal(size=60)
    found = probing.decoded(made(folds=folds, planted=length), 300 + 60 * length, rows(), exchanges=99)
    assert found["measure"] == "R2"
    assert 0.6 < found["estimate"] < 1
    assert found["lower"] < found["estimate"] < found["upper"] < 1
    assert found["p"] == 0.01
    assert found["ccc"]["estimate"] > 0.8
    assert found["n_sessions"] == (60 if folds else 20)


def test_a_planted_gender_is_found_as_auroc():
    female = (np.random.default_rng(3).random(60) < 0.5).astype(float)
    found = probing.decoded(made(planted=female), female, rows(), exchanges=99)
    assert found["measure"] == "AUROC"
    assert found["estimate"] > 0.9
    assert found["p"] == 0.01
    assert "ccc" not in found


@pytest.mark.parametrize("folds", [0, 3])
@pytest.mark.parametrize("two", [False, True])
def test_noise_is_not_found(folds, two):
    """A small p is as rare as it says, though folds alone push such scores below 0.

    Larger ones are rarer still: where ridge finds nothing it predicts the mean, and all such exchanges are equal.
    """
    p, rng = [], np.random.default_rng(4)
    for seed in range(200):
        values = rng.permutation(30) % 2.0 if two else rng.normal(size=30)
        probed = made(n=30, width=4, folds=folds, seed=seed)
        found = probing.decoded(probed, values, rows(2), exchanges=39)["p"]
        p += [] if found is None else [found]
    p = np.array(p)
    assert len(p) > 180
    assert (p <= 0.1).mean() == pytest.approx(0.1, abs=0.06)
    assert (p <= 0.2).mean() == pytest.approx(0.18, abs=0.07)
    assert (p <= 0.5).mean() < 0.6


def test_nobody_who_is_tested_is_learned_from():
    """Features that only name the session: whoever had learned from the tested ones would know all."""
    n = 30
    probed = made(n=n, width=n)
    for name in probed.features:
        probed.features[name] = np.eye(n)
    found = probing.decoded(probed, np.random.default_rng(0).normal(size=n), rows(), exchanges=19)
    assert found["estimate"] < 0.1


def test_people_are_exchanged_whole_and_within_their_fold():
    probed = made(n=24, each=2)
    for to in probing.exchanges_of(probed, 30, seed=0):
        assert sorted(to) == [*range(24)]
        assert (probed.subject[to[0::2]] == probed.subject[to[1::2]]).all()
        for split in probed.split.values():
            assert (split == split[to]).all()


def test_unknown_values_take_no_part():
    values = np.random.default_rng(1).normal(size=60)
    values[:10] = np.nan
    found = probing.decoded(made(planted=np.nan_to_num(values)), values, rows(), exchanges=19)
    assert found["n_sessions"] == 50


@pytest.mark.parametrize(
    ("values", "why"),
    [
        (np.full(60, np.nan), "known of fewer than 5"),
        (np.full(60, 7.0), "the same of all"),
        ((np.arange(60) == 0).astype(float), "fewer than two of one kind"),
    ],
)
def test_nothing_is_said_where_there_is_nothing_to_say(values, why):
    found = probing.decoded(made(), values, rows())
    assert (found["estimate"], found["p"]) == (None, None)
    assert why in found["reason"]


def test_a_person_is_found_again_where_embeddings_know_them():
    person = np.repeat(np.random.default_rng(5).normal(size=(20, 8)), 3, axis=0)
    probed = made(each=3)
    known = probing.Probed(
        probed.session, probed.subject, {k: 0.2 * z + person for k, z in probed.features.items()}, probed.split, "test"
    )
    found = probing.identity(known, rows(), exchanges=99)
    assert found["estimate"] > 0.9
    assert found["p"] == 0.01
    assert found["null"]["mean"] < 0.3
    assert probing.identity(probed, rows(), exchanges=99)["p"] > 0.01
    alone = probing.identity(made(), rows())
    assert (alone["estimate"], alone["reason"]) == (None, "nobody has two sessions")


def test_by_chance_a_person_is_found_among_those_of_their_fold():
    found = probing.identity(made(n=200, folds=5, each=10), rows(), exchanges=99)  # 4 people a fold
    assert found["null"]["mean"] == pytest.approx(9 / 39, abs=0.03)
    assert found["p"] > 0.01
