"""E-DAIC: PHQ-8 severity, trained on train and reported on test (data_builders/e_daic/README.md).

python run.py --config=configs/e_daic.py --config.data.manual_dir=FOLDER
python run.py --config=configs/e_daic.py --config.data.manual_dir=FOLDER --config.evaluation.reported_split=dev
python run.py --config=configs/e_daic.py:simulated              a simulated corpus of the same layout, a small model

In place of landmarks, which the corpus has not, it reads the features of a ResNet. Who led the interview, a person
(wizard) or a program (autonomous), differs in train and dev and is the same in all of test; errors are therefore given
beside the train mean of sessions led alike, too.
"""

from configs import common, simulated


def get_config(variant: str = ""):
    if variant not in ("", "simulated"):
        raise ValueError(f"variant {variant!r}: expected none, or simulated")
    config = common.get_config()
    config.name = "e_daic"
    config.data.corpus = "e_daic"
    config.data.cues = ("deep", "gaze", "pose", "aus")
    config.data.labels = config.data.target = ""  # the corpus's own tables
    config.data.form = "3hz"

    config.evaluation.target = "PHQ-8"
    config.evaluation.reported_split = "test"
    config.evaluation.threshold = 10.0
    config.evaluation.low, config.evaluation.high = 0.0, 24.0
    config.evaluation.group = "interviewer"
    if variant == "simulated":
        simulated.in_the_layout_of(config, subjects=160)
        # A frame of features has 8 KB: frames as the windows have them, and more people in place of long sessions.
        config.simulation.fps = 3.0
        config.simulation.seconds = (40.0, 80.0)
        config.windows.seconds = 80.0
        config.model.deep_width = 16
    return config
