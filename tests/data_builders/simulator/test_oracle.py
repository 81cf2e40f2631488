import dataclasses

import numpy as np
import pytest

from data_builders.simulator.options import Effects, Options
from data_builders.simulator.oracle import oracle_scores, posterior, predictions
from data_builders.simulator.simulation import Simulation


def test_at_full_signal_the_oracle_explains_seven_tenths_of_the_variance():
    scores = oracle_scores(Options(signal=1))
    assert abs(scores.r2 - 0.7) < 0.015
    assert scores.mae < 0.55 * scores.mae_of_median < 0.55 * scores.mae_of_mean


def test_without_signal_the_oracle_can_only_predict_the_median():
    scores = oracle_scores(Options(signal=0))
    assert abs(scores.r2) < 1e-9
    assert scores.mae == pytest.approx(scores.mae_of_median)


def test_the_oracle_gains_with_the_signal():
    r2 = [oracle_scores(Options(signal=signal)).r2 for signal in (0, 0.25, 0.5, 0.75, 1)]
    assert (np.diff(r2) > 0.02).all()


@pytest.mark.parametrize("effect", [field.name for field in dataclasses.fields(Effects)])
def test_every_effect_is_worth_something_alone(effect):
    scores = oracle_scores(Options(effects=Effects.only(effect)))
    strength = getattr(Effects(), effect)
    if effect in ("tension_sway", "speech_wander"):
        assert 0.1 < scores.r2 < 0.25
    else:
        # What one Gaussian cause explains, up to the discreteness and skew of severity.
        assert abs(scores.r2 - strength**2) < 0.03


def test_the_figures_hold_for_the_corpora_that_are_simulated():
    simulation = Simulation(Options(subjects=3000, seed=5))
    mean, median = predictions(simulation.latents, simulation.options)
    scores = oracle_scores(simulation.options)
    assert abs(1 - np.mean((simulation.severity - mean) ** 2) / simulation.severity.var() - scores.r2) < 0.02
    assert abs(np.abs(simulation.severity - median).mean() - scores.mae) < 0.12


def test_the_posterior_says_how_often_it_is_right():
    simulation = Simulation(Options(subjects=3000, seed=6))
    probabilities = posterior(simulation.latents, simulation.options)
    assert np.allclose(probabilities.sum(axis=1), 1)
    depressed = probabilities[:, 10:].sum(axis=1)
    for low, high in ((0.0, 0.2), (0.2, 0.5), (0.5, 0.8), (0.8, 1.0)):
        rows = (low <= depressed) & (depressed <= high)
        assert abs((simulation.severity[rows] >= 10).mean() - depressed[rows].mean()) < 0.06
