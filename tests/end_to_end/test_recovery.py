"""A planted signal is found, and none where there is none: the small form of benchmarks/recovery.py."""

import dataclasses

import pytest

from benchmarks import recovery
from data_builders.simulator.options import Effects

# Stronger than the benchmark's, so that few subjects and a few steps of a small model suffice.
STRONG = Effects(smile_rate=-0.8, smile_amplitude=-0.8, head_motion=-0.8, gaze_down=0.8, speech_trend=-0.8)


@pytest.mark.parametrize(("strength", "found"), [(1.0, True), (0.0, False)])
def test_signal(strength, found):
    base = recovery.experiment_of(strength, seed=0)
    experiment = dataclasses.replace(
        base,
        simulation=dataclasses.replace(base.simulation, subjects=60, seconds=(30.0, 40.0), effects=STRONG),
        windows=dataclasses.replace(base.windows, seconds=30.0),
        model=dataclasses.replace(base.model, width=8, blocks=(1, 1), hidden=8),
        train=dataclasses.replace(base.train, epochs=4, evaluate_every=4, checkpoint_every=4),
    )
    difference = recovery.run(experiment)[experiment.evaluation.primary]["difference"]
    assert difference["n_subjects"] == 60
    assert (difference["upper"] < 0) == found, difference
