"""E-DAIC: PHQ-8 severity, trained on train and reported on test (data_builders/e_daic/README.md).

python run.py --config=configs/e_daic.py --config.data.manual_dir=FOLDER
python run.py --config=configs/e_daic.py --config.data.manual_dir=FOLDER --config.evaluation.reported_split=dev

In place of landmarks, which the corpus has not, it reads the features of a ResNet. Who led the interview, a person
(wizard) or a program (autonomous), differs in train and dev and is the same in all of test; errors are therefore given
beside the train mean of sessions led alike, too.
"""

from configs import common


def get_config():
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
    return config
