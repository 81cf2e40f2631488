"""CMDC: PHQ-9 severity from interviews, out of fold, and a final model on everybody (data_builders/cmdc/README.md).

python run.py --config=configs/cmdc.py --config.data.manual_dir=FOLDER              five disjoint folds
python run.py --config=configs/cmdc.py --config.data.manual_dir=FOLDER --config.data.folds=official
python run.py --config=configs/cmdc.py:simulated              a simulated corpus of the same layout, a small model
python run.py --config=configs/cmdc.py:simulated --mode=ablate --grid=cues          the same, cue by cue
"""

from configs import common, simulated


def get_config(variant: str = ""):
    if variant not in ("", "simulated"):
        raise ValueError(f"variant {variant!r}: expected none, or simulated")
    config = common.get_config()
    config.name = "cmdc"
    config.data.corpus = "cmdc"
    config.data.labels = "SubjectInfo.xlsx"
    config.data.target = "PHQtotal"
    config.data.folds = "disjoint"

    config.evaluation.target = "PHQ-9"
    config.evaluation.reported_split = "test"
    config.evaluation.low, config.evaluation.high = 0.0, 27.0
    config.evaluation.positive = "MDD"  # depressed or not is what the corpus says, not a score
    config.evaluation.threshold = 10.0  # from which on a predicted score calls somebody depressed
    config.evaluation.group = "group"  # HC or MDD
    if variant == "simulated":
        simulated.in_the_layout_of(config, subjects=78)
    return config
