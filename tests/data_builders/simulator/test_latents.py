import dataclasses

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from data_builders.simulator.latents import (
    COUPLED,
    LATENTS,
    LINEAR,
    PRIOR,
    SCORES,
    STANDARDISED,
    correlations,
    draw_latents,
    draw_severity,
    loadings,
    log_likelihood,
)
from data_builders.simulator.options import Confounds, Effects, Options
from mccl_jax.errors import UserError

EFFECTS = [field.name for field in dataclasses.fields(Effects)]
N = 100_000


@pytest.fixture(scope="module")
def severity():
    return np.random.default_rng(1).choice(SCORES, N, p=PRIOR)


def correlate(a, b):
    return np.corrcoef(a, b)[0, 1]


def test_severity_is_skewed_as_phq_8_scores_are():
    rng = np.random.default_rng(0)
    drawn = np.array([draw_severity(rng) for _ in range(20_000)])
    assert drawn.min() == 0
    assert drawn.max() == 24
    assert abs(drawn.mean() - 6.7) < 0.15
    assert abs(drawn.std() - 5.7) < 0.15
    assert abs((drawn >= 10).mean() - 0.29) < 0.015
    assert np.mean((drawn - drawn.mean()) ** 3) / drawn.std() ** 3 > 0.5


@pytest.mark.parametrize("signal", [0.0, 0.5, 1.0])
def test_the_marginals_of_the_latents_do_not_depend_on_the_signal(severity, signal):
    latents = draw_latents(severity, Options(signal=signal), np.random.default_rng(2))
    assert np.abs(latents.mean(axis=0)).max() < 0.015
    assert np.abs(latents.var(axis=0) - 1).max() < 0.03
    for first, second in COUPLED.values():
        pair = [latents[:, LATENTS.index(name)] for name in (first, second)]
        assert abs(correlate(*pair)) < 0.015


def test_without_signal_no_latent_and_no_product_tells_of_severity(severity):
    latents = draw_latents(severity, Options(signal=0), np.random.default_rng(3))
    products = [latents[:, i] * latents[:, j] for i in range(9) for j in range(i + 1)]
    assert max(abs(correlate(column, severity)) for column in [*latents.T, *products]) < 0.015


@pytest.mark.parametrize("effect", EFFECTS)
def test_one_effect_acts_on_its_own_latents_alone(severity, effect):
    strengths = dataclasses.replace(Effects.only(), **{effect: -0.6})
    latents = draw_latents(severity, Options(effects=strengths), np.random.default_rng(4))
    told = {name: correlate(latents[:, i], severity) for i, name in enumerate(LATENTS)}
    if effect in LINEAR:
        assert abs(told.pop(effect) + 0.6) < 0.01
    for coupling, pair in COUPLED.items():
        first, second = (latents[:, LATENTS.index(name)] for name in pair)
        assert (correlate(first * second, severity) > 0.2) == (coupling == effect)
    assert max(map(abs, told.values())) < 0.015


def test_coupled_latents_are_standard_normal_at_every_severity(severity):
    latents = draw_latents(severity, Options(), np.random.default_rng(5))
    mild, severe = severity <= 2, severity >= 14
    for first, second in COUPLED.values():
        pair = latents[:, [LATENTS.index(first), LATENTS.index(second)]]
        for rows in (mild, severe):
            assert np.abs(pair[rows].mean(axis=0)).max() < 0.05
            assert np.abs(pair[rows].var(axis=0) - 1).max() < 0.06
        assert correlate(*pair[mild].T) > 0.45
        assert correlate(*pair[severe].T) < -0.45


def test_the_likelihood_is_that_of_a_gaussian_with_the_documented_mean_and_covariance():
    options = Options(signal=0.9)
    latents = np.random.default_rng(6).standard_normal((5, 9))
    expected = np.empty((5, len(SCORES)))
    for y in SCORES:
        r, rho = loadings(options), correlations(options)[:, y]
        covariance = np.diag(np.concatenate([1 - r**2, np.ones(4)]))
        covariance[5, 6] = covariance[6, 5] = rho[0]
        covariance[7, 8] = covariance[8, 7] = rho[1]
        mean = np.concatenate([r * STANDARDISED[y], np.zeros(4)])
        expected[:, y] = multivariate_normal(mean, covariance).logpdf(latents)
    difference = log_likelihood(latents, options) - expected
    assert np.ptp(difference, axis=1).max() < 1e-9  # equal but for what does not depend on y


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"subjects": 0}, "subjects"),
        ({"seconds": (90.0, 60.0)}, "seconds"),
        ({"seconds": (0.0, 60.0)}, "seconds"),
        ({"fps": 0.0}, "fps"),
        ({"signal": 2.0}, "signal x effects"),
        ({"confounds": Confounds(duration=1.0)}, "confounds.duration"),
        ({"splits": (0.5, 0.2, 0.2)}, "splits"),
    ],
)
def test_options_that_cannot_be_met_are_refused_in_one_line(options, named):
    with pytest.raises(UserError, match=named) as raised:
        Options(**options)
    assert "\n" not in str(raised.value)
