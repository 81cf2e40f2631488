"""From DAIC-WOZ to E-DAIC: trained on the one's train, reported on the other's test, in which nobody of the first is.

python run.py --config=configs/daic_woz_to_e_daic.py --config.data.manual_dir=FOLDER --config.transfer.manual_dir=OTHER
python run.py --config=configs/daic_woz_to_e_daic.py:simulated      two simulated corpora, a small model

A person led the interviews of DAIC-WOZ, a program those of E-DAIC's test, and the cues are of an older and of a newer
tracker: of both the gaze of the two eyes in the camera's frame, the pose and 14 action units are read.
"""

from configs import common, simulated


def get_config(variant: str = ""):
    if variant not in ("", "simulated"):
        raise ValueError(f"variant {variant!r}: expected none, or simulated")
    config = common.get_config()
    config.name = "daic_woz_to_e_daic"
    config.data.corpus = "daic_woz"
    config.data.cues = ("gaze", "pose", "aus")
    config.data.labels = config.data.target = ""  # the corpora's own tables
    config.data.form = "3hz"
    config.transfer = config.data.copy_and_resolve_references()  # has all keys of config.data
    config.transfer.corpus = "e_daic"

    config.evaluation.target = "PHQ-8"
    config.evaluation.reported_split = "test"
    config.evaluation.threshold = 10.0
    config.evaluation.low, config.evaluation.high = 0.0, 24.0
    if variant == "simulated":
        simulated.in_the_layout_of(config, subjects=120)
        config.simulation.fps = 3.0
    return config
