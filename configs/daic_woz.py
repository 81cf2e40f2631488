"""DAIC-WOZ: PHQ-8 severity, trained on train and reported on dev (data_builders/daic_woz/README.md).

python run.py --config=configs/daic_woz.py --config.data.manual_dir=FOLDER
python run.py --config=configs/daic_woz.py --config.data.manual_dir=FOLDER --config.evaluation.reported_split=test
python run.py --config=configs/daic_woz.py:official --config.data.manual_dir=FOLDER --config.init.weights=FILE
python run.py --config=configs/daic_woz.py:simulated              a simulated corpus of the same layout, a small model

`official` reproduces the run of the official code, mistakes and all: its windows, model, optimizer and order of
sessions, and, as the protocol of that name, the choice of the epoch on the reported sessions. It needs ImageNet weights
for the trunks, or --config.init.weights=random, which then stands beside every score. README, "The official code", says
what would count as a reproduction.
"""

import ml_collections

from configs import common, simulated


def get_config(variant: str = ""):
    if variant not in ("", "official", "simulated"):
        raise ValueError(f"variant {variant!r}: expected none, official, or simulated")
    config = common.get_config()
    config.name = "daic_woz"
    config.data.corpus = "daic_woz"
    config.data.labels = config.data.target = ""  # the corpus's own tables
    config.data.form = "3hz"

    config.evaluation.target = "PHQ-8"
    config.evaluation.threshold = 10.0
    config.evaluation.low, config.evaluation.high = 0.0, 24.0
    if variant == "official":
        _as_released(config)
    if variant == "simulated":
        simulated.in_the_layout_of(config, subjects=60)
    return config


def _as_released(config: ml_collections.ConfigDict) -> None:
    """All that the official code does otherwise, D1 to D7 and D10; D8 is the protocol `official` of every run."""
    config.name = "daic_woz_official"
    config.seed = 42
    config.init.weights = ""  # a file of a ResNet-18, or "random"
    config.data.form = "native"
    config.data.corrections = ()
    config.windows.official_windows = True
    config.windows.official.raw_translation_zero_rotation = True  # D1
    config.windows.official.landmarks_uncut_in_train = True  # D2; whether the logged run had it is uncertain
    config.windows.official.train_hop_50 = True  # D3
    config.windows.official.fill_with_one_value = True  # D4
    config.model.masked = False
    config.model.norm_eps = config.train.adam_eps = 0.1  # D5
    config.train.projection_head_learns = False  # D6
    config.train.shuffle = False  # D7
    config.model.statistics_per_cue = False  # D10
    config.train.evaluate_every = 1
    config.evaluation.regressors = ("xgboost",)
