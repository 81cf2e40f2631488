"""Corpora for planted.py, in which severity is known to lie in the movement of one cue, of two together, or of none.

The plainest sessions that have the cues' shapes: in every cue a person moves to and fro, once in PERIOD frames and
beginning anywhere; some points and channels of a cue, the same in all people, go one way while the others go the other
way. In action units, which cannot go below 0, the mean goes along. How far a person goes in a cue is 1 + SPREAD x l, at
least 0, with one latent l for each cue; and there is noise. So cues are alike but for their shapes, and nothing but the
four l tells people apart. Each l is standard normal, and severity acts on it as data_builders/simulator/README.md says:
on that of one cue linearly, on those of two cues by a coupling, or on none. The simulator's oracle, who knows the
latents, is therefore exact.
"""

import dataclasses
import pathlib
from collections.abc import Mapping

import numpy as np

from configs import simulated
from data_builders.simulator.latents import LATENTS, draw_latents, draw_severity
from data_builders.simulator.options import Effects, Options
from mccl_jax.cues import OPENFACE_CUES
from mccl_jax.data.options import WindowOptions
from mccl_jax.data.scaling import Scaler
from mccl_jax.data.splits import split_by_subject
from mccl_jax.data.windows import Windows, equal_segments
from mccl_jax.experiment import Experiment
from mccl_jax.training.loop import fit
from mccl_jax.training.runs import Run, TrainingData

# Cue -> the latent that says how far a person goes in it.
LATENT_OF = {"landmarks": "smile_rate", "gaze": "gaze_down", "pose": "head_motion", "aus": "smile_amplitude"}
# The same, where the last two are coupled; each alone is the same at every severity.
COUPLED = {**LATENT_OF, "pose": "sway", "aus": "tension"}
SPREAD, PERIOD, NOISE = 0.3, 5.0, 0.1
# A deviation of 1, as a share of an action unit's scale; other cues have no scale of their own.
_AU = 0.1


@dataclasses.dataclass(frozen=True)
class Planted:
    """N sessions, one a person: windows, not scaled; latents (N, 9), in the order of LATENTS, drawn by `options`."""

    windows: Windows
    latents: np.ndarray
    options: Options


def effects(**strengths: float) -> Effects:
    """Those of these names and strengths; all others are off."""
    return dataclasses.replace(Effects.only(), **strengths)


def plant(
    sessions: int, acts: Effects, seed: int, options: WindowOptions, latent_of: Mapping[str, str] = LATENT_OF
) -> Planted:
    """A corpus in which severity acts on latents as `acts` says, and `latent_of` them (cue -> latent) on the cues."""
    drawn, rng = Options(subjects=sessions, effects=acts, seed=seed), np.random.default_rng(seed)
    severity = np.array([draw_severity(rng) for _ in range(sessions)])
    latents = draw_latents(severity, drawn, rng)
    cues = {name: _moving(name, latents[:, LATENTS.index(latent_of[name])], options.frames, rng) for name in latent_of}
    mask = np.ones((sessions, options.frames), bool)
    names = np.array([f"planted_{i:04d}" for i in range(sessions)])
    segment = np.stack([equal_segments(one, options.num_segments) for one in mask])
    windows = Windows(cues, OPENFACE_CUES, mask, segment, severity.astype(np.float64), names, names, np.ones(sessions))
    return Planted(windows, latents, drawn)


def _moving(name: str, latent: np.ndarray, frames: int, rng: np.random.Generator) -> np.ndarray:
    """(N, T, V, C) a cue of people with these latents (N,)."""
    N, shape = len(latent), OPENFACE_CUES[name].shape
    way = np.random.default_rng(len(name)).choice([0, np.pi], shape)
    phase = 2 * np.pi * (rng.random((N, 1, 1, 1)) + np.arange(frames)[:, None, None] / PERIOD) + way
    far = np.maximum(1 + SPREAD * latent, 0)[:, None, None, None]
    swing, noise = np.sqrt(2) * np.cos(phase), NOISE * rng.standard_normal((N, frames, *shape))
    values = _AU * np.maximum(far * (1.5 + swing) + noise, 0) if name == "aus" else far * swing + noise
    return values.astype(np.float32)


def experiment_of(seed: int, **changes) -> Experiment:
    """configs/simulated.py with a model that trains in seconds, and `changes`: section -> key -> value.

    At this learning rate and in so many steps most trainings, not all, leave the loss of embeddings that are all alike.
    """
    values = simulated.get_config().to_dict()
    epochs = changes.get("train", {}).get("epochs", 40)
    of_all = {
        "windows": {"rate": 2.0, "seconds": 15.0},
        "model": {"width": 8, "blocks": (1,), "hidden": 32, "projection": 64},
        "train": {"epochs": epochs, "learning_rate": 0.01, "evaluate_every": epochs, "checkpoint_every": epochs}
        | {"keep": 1, "direct_baseline": False},
        "evaluation": {"regressors": ("ridge",), "cuts": ()},
    }
    for section, settings in of_all.items():
        values[section] = {**values[section], **settings, **changes.get(section, {})}
    return Experiment.from_dict({**values, "seed": seed})


def train(experiment: Experiment, windows: Windows, split: np.ndarray, workdir: pathlib.Path) -> TrainingData:
    """Trains on the sessions whose `split` (N,) is "train" and leaves checkpoint and embeddings in `workdir`."""
    scaler = Scaler.fit(windows, split == "train", experiment.windows)
    data = TrainingData(scaler(windows), split, scaler)
    fit(Run(experiment, data, "planted", workdir), say=lambda line: None)
    return data


def halves(severity: np.ndarray, experiment: Experiment) -> np.ndarray:
    """(N,) who is trained on and who reported, half of them each, alike in severities."""
    return split_by_subject(np.arange(len(severity)), severity, 0.5, experiment.seed)
