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
    config.simulation.seed = 0

    config.windows.seconds = 120.0

    config.model.width = 16
    config.model.blocks = (1, 1, 1)
    config.model.hidden = 32
    config.model.projection = 64

    config.train.epochs = 30
    config.train.batch_size = 16
    config.train.learning_rate = 2e-3
    config.train.warmup_epochs = 2.0

    config.evaluation.target = "simulated PHQ-8"
    config.evaluation.threshold = 10.0
    config.evaluation.low, config.evaluation.high = 0.0, 24.0
    return config
