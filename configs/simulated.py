"""A simulated corpus with a known signal, and a model small enough for a laptop: the default of run.py.

What is simulated, and why its numbers say nothing about people: data_builders/simulator/README.md.
"""

import ml_collections

from configs import common


def get_config():
    config = common.get_config()
    config.name = "simulated"

    config.simulation = ml_collections.ConfigDict()
    config.simulation.subjects = 120
    config.simulation.seconds = (60.0, 150.0)  # shortest and longest session
    config.simulation.fps = 10.0
    config.simulation.signal = 1.0  # 0: severity leaves no trace
    config.simulation.effects = ml_collections.ConfigDict()  # strength of each at signal 1; 0: off
    config.simulation.effects.smile_rate = -0.5
    config.simulation.effects.smile_amplitude = -0.45
    config.simulation.effects.head_motion = -0.5
    config.simulation.effects.gaze_down = 0.55
    config.simulation.effects.speech_trend = -0.45
    config.simulation.effects.tension_sway = 0.8
    config.simulation.effects.speech_wander = 0.8
    config.simulation.confounds = ml_collections.ConfigDict()  # of severity with what is not behaviour
    config.simulation.confounds.duration = 0.0
    config.simulation.confounds.gender = 0.0
    config.simulation.confounds.distance = 0.0
    config.simulation.seed = 0

    config.windows.seconds = 120.0

    config.model.width = 16
    config.model.blocks = (1, 1, 1)
    config.model.projection = 64

    config.train.epochs = 6
    config.train.batch_size = 16
    config.train.warmup_epochs = 1.0
    config.train.evaluate_every = 1
    config.train.checkpoint_every = 1

    config.evaluation.target = "simulated PHQ-8"
    config.evaluation.primary = "ridge"  # with some 80 sessions to learn from, a line finds more than trees do
    config.evaluation.threshold = 10.0
    config.evaluation.low, config.evaluation.high = 0.0, 24.0
    return config


def in_the_layout_of(config: ml_collections.ConfigDict, subjects: int) -> None:
    """Turns a corpus's config into one of a made-up corpus of its layout, with a model small enough for a laptop."""
    small = get_config()
    config.name = f"{config.name}_simulated"
    config.simulation = small.simulation
    config.simulation.subjects = subjects
    config.simulation.fps = 5.0
    config.windows.seconds = small.windows.seconds
    for key in ("width", "blocks", "projection"):
        config.model[key] = small.model[key]
    config.train = small.train
    config.evaluation.target = f"simulated {config.evaluation.target}"
    config.evaluation.primary = small.evaluation.primary
