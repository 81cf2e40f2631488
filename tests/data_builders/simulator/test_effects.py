"""Every planted effect must still be there in what the model reads: scaled windows at 3 Hz."""

import dataclasses

import numpy as np
import pytest

from data_builders.simulator.latents import COUPLED, LATENTS, LINEAR
from data_builders.simulator.options import Effects, Options
from data_builders.simulator.simulation import Simulation
from mccl_jax.cues import OPENFACE_AUS
from mccl_jax.data.scaling import Scaler
from mccl_jax.data.windows import WindowOptions, cut_windows

UPPER_LIP, LOWER_LIP = 62, 66  # inner points on the midline


def correlate(a, b):
    return np.corrcoef(a, b)[0, 1]


def scaled_windows(options, sampling="nearest"):
    how = WindowOptions(seconds=90, sampling=sampling)
    simulation = Simulation(options)
    windows, left_out = cut_windows(simulation.sessions(), how)
    assert not left_out
    scaler = Scaler.fit(windows, np.arange(len(windows)), how)
    return simulation, scaler(windows)


def statistics(windows):
    """(N,) one simple statistic of the windows for each latent, by name."""
    rows = [
        _statistics({name: cue[i][windows.mask[i]] for name, cue in windows.cues.items()}) for i in range(len(windows))
    ]
    return {name: np.array([row[name] for row in rows]) for name in LATENTS}


def _statistics(cues):
    aus = dict(zip(OPENFACE_AUS, cues["aus"][:, :, 0].T, strict=True))
    smile = aus["AU12"] - np.quantile(aus["AU12"], 0.15)
    smiling = smile > 0.12
    opening = np.abs(cues["landmarks"][:, LOWER_LIP, 1] - cues["landmarks"][:, UPPER_LIP, 1])
    time = np.linspace(-1, 1, len(opening))
    translation, rotation = cues["pose"].std(axis=0).mean(axis=1)
    return {
        "smile_rate": np.log(smiling.mean() + 0.02),
        "smile_amplitude": np.quantile(smile[smiling], 0.8) if smiling.any() else 0.0,
        "head_motion": np.log(rotation),
        "gaze_down": cues["gaze"][:, :, 1].mean(),
        "speech_trend": time @ opening / opening.sum(),
        "tension": np.log(aus["AU04"].mean() + aus["AU17"].mean()),
        "sway": np.log(translation),
        "speech": np.log(cues["landmarks"][:, LOWER_LIP, 1].std()),
        "wander": np.log(cues["gaze"][:, :, :2].std(axis=0).mean()),
    }


@pytest.mark.parametrize("sampling", ["nearest", "mean"])
def test_every_latent_shows_in_the_windows(sampling):
    simulation, windows = scaled_windows(Options(subjects=60, seconds=(60, 90), signal=0), sampling)
    found = statistics(windows)
    # By chance |r| is below 0.33 in 99 of 100 corpora of 60.
    told = {name: correlate(found[name], simulation.latent(name)) for name in LATENTS}
    assert min(told.values()) > 0.7, told


@pytest.mark.parametrize("effect", LINEAR)
def test_a_linear_effect_alone_shows_in_its_own_statistic_alone(effect):
    strength = np.sign(getattr(Effects(), effect)) * 0.8
    options = Options(subjects=60, seconds=(60, 90), effects=dataclasses.replace(Effects.only(), **{effect: strength}))
    simulation, windows = scaled_windows(options)
    told = {name: correlate(values, simulation.severity) for name, values in statistics(windows).items()}
    assert np.sign(strength) * told.pop(effect) > 0.5
    # A smile that lasts over the bound of `smiling` for longer is also a higher one, and the reverse.
    told = {name: r for name, r in told.items() if not {name, effect} <= {"smile_rate", "smile_amplitude"}}
    assert max(map(abs, told.values())) < 0.33, told


@pytest.mark.parametrize("effect", COUPLED)
def test_a_coupling_shows_in_no_cue_alone_but_in_the_pair(effect):
    options = Options(subjects=120, seconds=(60, 75), effects=dataclasses.replace(Effects.only(), **{effect: 0.95}))
    simulation, windows = scaled_windows(options)
    found = statistics(windows)
    # By chance |r| is below 0.235 in 99 of 100 corpora of 120.
    assert max(abs(correlate(values, simulation.severity)) for values in found.values()) < 0.235
    first, second = ((found[name] - found[name].mean()) / found[name].std() for name in COUPLED[effect])
    assert correlate(first * second, simulation.severity) < -0.3


def test_without_signal_no_statistic_tells_of_severity():
    simulation, windows = scaled_windows(Options(subjects=120, seconds=(60, 75), signal=0))
    assert max(abs(correlate(values, simulation.severity)) for values in statistics(windows).values()) < 0.235
