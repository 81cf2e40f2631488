"""The contrastive loss against a plain loop over its formula, and the laws that it must keep."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mccl_jax.losses import contrastive_loss, severity_loss

ALONE = np.arange(6)
PAIRED = np.array([0, 0, 1, 2, 1, 0])


def plain_loss(a, b, subject, mask, temperature):
    """The formula of the docstring, term by term, in float64."""
    a, b = (x / np.linalg.norm(x, axis=-1, keepdims=True) for x in (a, b))
    there = [i for i in range(len(a)) if mask[i]]

    def one_way(i, anchor, same, other):
        def s(y):
            return anchor[i] @ y / temperature

        negatives = [j for j in there if subject[j] != subject[i]]
        terms = [s(other[i]), *(s(same[j]) for j in negatives), *(s(other[j]) for j in negatives)]
        return np.logaddexp.reduce(terms) - s(other[i])

    return np.mean([(one_way(i, a, a, b) + one_way(i, b, b, a)) / 2 for i in there])


def views(seed=0, sessions=6, size=5, alike=0.0):
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(2, sessions, size))
    return a, alike * a + (1 - alike) * b


def loss_of(a, b, subject, mask=None, temperature=0.09, dtype="float64"):
    with jax.enable_x64(dtype == "float64"):
        mask = np.ones(len(a)) if mask is None else np.asarray(mask)
        return float(
            contrastive_loss(
                jnp.asarray(a, dtype),
                jnp.asarray(b, dtype),
                jnp.asarray(subject),
                jnp.asarray(mask, dtype),
                jnp.asarray(temperature, dtype),
            )
        )


@pytest.mark.parametrize("temperature", [0.01, 0.09, 0.5, 2.0])
@pytest.mark.parametrize("subject", [ALONE, PAIRED], ids=["all different", "some alike"])
@pytest.mark.parametrize("mask", [[1] * 6, [1, 0, 1, 1, 1, 0]], ids=["all there", "some missing"])
def test_equals_the_plain_formula(temperature, subject, mask):
    a, b = views(alike=0.3)
    assert loss_of(a, b, subject, mask, temperature) == pytest.approx(
        plain_loss(a, b, subject, mask, temperature), rel=1e-12
    )


@pytest.mark.parametrize("alike", [-1.0, 0.0, 0.999], ids=["opposed", "random", "alike"])
@pytest.mark.parametrize("temperature", [0.01, 0.02, 0.05])
def test_low_temperatures_neither_overflow_nor_lose_the_value(temperature, alike):
    a, b = (x.astype(np.float32).astype(np.float64) for x in views(3, sessions=16, size=4, alike=alike))
    expected = plain_loss(a, b, np.arange(16), np.ones(16), temperature)
    # A cosine carries an error of 1e-7, which the temperature divides.
    assert loss_of(a, b, np.arange(16), None, temperature, "float32") == pytest.approx(
        expected, rel=1e-5, abs=2e-6 / temperature
    )


def test_sessions_of_the_same_subject_are_never_negatives():
    a, b = views()
    # Two sessions of one person and nobody else: nothing to tell them from.
    assert loss_of(a[:2], b[:2], [7, 7]) == 0
    assert loss_of(a[:2], b[:2], [7, 8]) > 0
    # Beside others: less to be told from, so less loss.
    assert loss_of(a, b, [0, 0, 1, 2, 3, 4]) < loss_of(a, b, ALONE)


def test_masked_sessions_change_nothing():
    a, b = views()
    mask = np.array([1, 1, 0, 1, 0, 1])
    expected = loss_of(a[mask > 0], b[mask > 0], ALONE[mask > 0])
    for garbage in (0.0, 1e3, -5.0):
        a[mask == 0], b[mask == 0] = garbage, -garbage
        assert loss_of(a, b, ALONE, mask) == pytest.approx(expected, rel=1e-12)
    assert loss_of(a, b, ALONE, np.zeros(6)) == 0


def gradients(a, b, subject, mask, temperature):
    def loss(a, b, temperature):
        return contrastive_loss(a, b, jnp.asarray(subject), jnp.asarray(mask, a.dtype), temperature)

    return jax.device_get(jax.grad(loss, argnums=(0, 1, 2))(*map(jnp.asarray, (a, b, temperature))))


def test_gradient_equals_finite_differences():
    a, b = views()
    mask = np.array([1.0, 1, 1, 0, 1, 1])
    with jax.enable_x64():
        found = gradients(a, b, PAIRED, mask, 0.09)
    step = 1e-6
    for which, values in enumerate((a, b)):
        for index in np.ndindex(values.shape):
            moved = [[x.copy() for x in (a, b)] for _ in range(2)]
            moved[0][which][index] += step
            moved[1][which][index] -= step
            up, down = (plain_loss(*both, PAIRED, mask, 0.09) for both in moved)
            assert found[which][index] == pytest.approx((up - down) / (2 * step), abs=1e-7)
    up, down = (plain_loss(a, b, PAIRED, mask, 0.09 + s) for s in (step, -step))
    assert found[2] == pytest.approx((up - down) / (2 * step), rel=1e-5)


def test_gradients_stay_finite():
    a, b = (x.astype(np.float32) for x in views())
    a[2], b[2] = 0, 0
    for mask in (np.array([1, 1, 0, 1, 1, 1]), np.zeros(6), np.ones(6)):
        for temperature in (np.float32(0.01), np.float32(0.09)):
            found = gradients(a, b, PAIRED, mask, temperature)
            assert all(np.isfinite(g).all() for g in found)
            assert not found[0][mask == 0].any()
            assert not found[1][mask == 0].any()


def test_batch_of_one_gives_zero_and_moves_nothing():
    a, b = (x.astype(np.float32) for x in views(sessions=1))
    assert loss_of(a, b, [0], dtype="float32") == 0
    assert not any(np.any(g) for g in gradients(a, b, [0], np.ones(1), np.float32(0.09)))


def test_symmetric_in_the_two_views_and_in_the_order_of_the_sessions():
    a, b = views()
    expected = loss_of(a, b, PAIRED)
    assert loss_of(b, a, PAIRED) == pytest.approx(expected, rel=1e-12)
    order = np.array([3, 0, 5, 1, 4, 2])
    assert loss_of(a[order], b[order], PAIRED[order]) == pytest.approx(expected, rel=1e-12)


def test_only_directions_count():
    a, b = views()
    lengths = np.linspace(0.1, 30, 6)[:, None]
    assert loss_of(lengths * a, b / lengths, PAIRED) == pytest.approx(loss_of(a, b, PAIRED), rel=1e-12)


def valued(a, b, subject, mask, temperature, held, precision):
    """(loss, gradients by both views and the temperature) with so many scores held at once."""

    def loss(a, b, temperature):
        there = jnp.asarray(mask, a.dtype)
        return contrastive_loss(a, b, jnp.asarray(subject), there, temperature, held=held)

    with jax.enable_x64(precision == "float64"):
        arguments = (jnp.asarray(x, precision) for x in (a, b, temperature))
        return jax.device_get(jax.jit(jax.value_and_grad(loss, argnums=(0, 1, 2)))(*arguments))


@pytest.mark.parametrize(("precision", "tolerance"), [("float64", 1e-12), ("float32", 1e-5)])
@pytest.mark.parametrize("temperature", [0.01, 0.09])
@pytest.mark.parametrize("together", [1, 7, 50], ids="{} anchors at once".format)
def test_some_anchors_at_a_time_give_the_same(together, temperature, precision, tolerance):
    sessions = 50
    a, b = views(1, sessions=sessions, size=6, alike=0.2)
    subject, mask = np.arange(sessions) // 2, np.arange(sessions) % 7 > 0
    whole = valued(a, b, subject, mask, temperature, sessions**2, precision)
    found = valued(a, b, subject, mask, temperature, together * sessions, precision)
    for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(whole), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=tolerance * np.abs(other).max())


def test_memory_grows_with_the_batch_and_not_with_its_square():
    def temporaries(sessions):
        shape = jax.ShapeDtypeStruct((sessions, 128), jnp.float32)
        loss = jax.value_and_grad(
            lambda a, b: contrastive_loss(a, b, jnp.arange(sessions), jnp.ones(sessions), jnp.float32(0.09)), (0, 1)
        )
        return jax.jit(loss).lower(shape, shape).compile().memory_analysis().temp_size_in_bytes

    assert temporaries(65_536) < 2**30
    assert temporaries(65_536) < 2.5 * temporaries(32_768)


def test_errors_of_severity_are_those_of_sessions_that_are_there_and_known():
    predicted, target = np.array([1.0, 2, 3, 4, 5]), np.array([0.0, np.nan, 5, 4.5, 100])
    mask = np.array([1.0, 1, 1, 1, 0])
    with jax.enable_x64():
        loss, gradient = jax.device_get(jax.value_and_grad(severity_loss)(*map(jnp.asarray, (predicted, target, mask))))
        assert loss == pytest.approx((1 + 4 + 0.25) / 3, rel=1e-12)
        np.testing.assert_allclose(gradient, np.array([2, 0, -4, -1, 0]) / 3, rtol=1e-12)
        none = jax.device_get(
            jax.value_and_grad(severity_loss)(*map(jnp.asarray, (predicted, np.full(5, np.nan), mask)))
        )
    assert none[0] == 0
    assert not np.any(none[1])
