"""Recordings of your own: a folder of OpenFace CSVs and a labels.csv (data_builders/openface/README.md).

python run.py --config=configs/openface.py --config.data.manual_dir=FOLDER
"""

from configs import common


def get_config():
    config = common.get_config()
    config.name = "openface"
    return config
