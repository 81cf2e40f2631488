"""Alignment, uniformity and retrieval against what they are for views made by hand."""

import numpy as np
import pytest

from mccl_jax.insight.geometry import geometry
from mccl_jax.insight.scores import Rows


def rows(n, trainings=1) -> Rows:
    names = np.arange(n).astype(str)
    return Rows(names, names, np.array([f"fold_{i % trainings + 1}" for i in range(n)]), 200)


def test_equal_views_are_aligned_and_found():
    z = np.random.default_rng(0).normal(size=(30, 8))
    found = geometry(rows(30), z, 3 * z)
    assert found["alignment"]["estimate"] == pytest.approx(0, abs=1e-12)
    assert (found["retrieval"]["estimate"], found["retrieval"]["lower"]) == (1, None)
    assert "does not make it certain" in found["retrieval"]["reason"]
    assert found["retrieval"]["chance"] == pytest.approx(1 / 30)
    assert found["retrieval"]["p"] == pytest.approx(0.001)


def test_by_the_definitions_of_the_source():
    z = np.random.default_rng(1).normal(size=(2, 12, 5))
    a, b = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in z)
    found = geometry(rows(12), *z)
    assert found["alignment"]["estimate"] == pytest.approx(((a - b) ** 2).sum(axis=1).mean())
    pairs = [np.exp(-2 * ((a[i] - a[j]) ** 2).sum()) for i in range(12) for j in range(i)]
    assert found["uniformity"]["inter"]["estimate"] == pytest.approx(np.log(np.mean(pairs)))
    for one in (found["alignment"], found["uniformity"]["inter"]):
        assert one["lower"] < one["estimate"] < one["upper"]


def test_one_point_is_not_uniform_at_all():
    z = np.tile(np.arange(1.0, 5), (6, 1))
    assert geometry(rows(6), z, z)["uniformity"]["inter"]["estimate"] == pytest.approx(0, abs=1e-12)


def test_unrelated_views_are_found_by_chance():
    p = []
    for seed in range(60):
        z = np.random.default_rng(seed).normal(size=(2, 20, 6))
        found = geometry(rows(20), *z, exchanges=99)["retrieval"]
        p.append(found["p"])
    assert np.mean(np.array(p) <= 0.1) <= 0.22
    assert found["null"]["mean"] == pytest.approx(1 / 20, abs=0.02)


def test_trainings_are_not_compared_with_each_other():
    """Each has an encoder of its own: turning all that one of them makes changes nothing."""
    rng = np.random.default_rng(2)
    z = rng.normal(size=(2, 24, 6))
    turned = z.copy()
    rotation = np.linalg.qr(rng.normal(size=(6, 6)))[0]
    turned[:, 1::2] = turned[:, 1::2] @ rotation
    one, other = geometry(rows(24, trainings=2), *z), geometry(rows(24, trainings=2), *turned)
    assert one["retrieval"]["chance"] == pytest.approx(1 / 12)
    assert one["retrieval"] == other["retrieval"]
    for name in ("estimate", "lower", "upper"):
        assert one["alignment"][name] == pytest.approx(other["alignment"][name])
        assert one["uniformity"]["intra"][name] == pytest.approx(other["uniformity"]["intra"][name])
