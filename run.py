"""mccl_jax: severity of depression from facial behaviour. Research software, not a diagnostic device.

  python run.py                                     a simulated corpus, from raw files to results
  python run.py --config=configs/openface.py --config.data.manual_dir=FOLDER      recordings of your own
  python run.py --mode=predict --checkpoint=runs/simulated --input=FILE_OR_FOLDER

Any key of configs/common.py can be changed: --config.train.epochs=20
"""

import os
import pathlib
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from absl import app, flags, logging
from ml_collections import config_flags

from mccl_jax.errors import UserError

HERE = pathlib.Path(__file__).resolve().parent
MODES = ("prepare", "train", "evaluate", "predict")

CONFIG = config_flags.DEFINE_config_file("config", str(HERE / "configs/simulated.py"), "The experiment.")
WORKDIR = flags.DEFINE_string("workdir", None, "Where results go; by default runs/<name of the config>.")
MODE = flags.DEFINE_enum("mode", "train", MODES, "What to do; train prepares and evaluates, too.")
CHECKPOINT = flags.DEFINE_string("checkpoint", None, "predict: a workdir or checkpoint.")
INPUT = flags.DEFINE_string("input", None, "predict: an OpenFace CSV, or a folder of them.")


def main(arguments: list[str]) -> int:
    if arguments[1:]:
        raise UserError(f"{arguments[1]}: not understood; options begin with --, as in --mode=train")
    logging.set_verbosity(logging.ERROR)
    if MODE.value == "predict":
        from mccl_jax.modes import predict

        if not CHECKPOINT.value or not INPUT.value:
            raise UserError("--mode=predict needs --checkpoint=DIR and --input=FILE_OR_FOLDER")
        return 2 if predict.run(pathlib.Path(CHECKPOINT.value), pathlib.Path(INPUT.value)) else 0

    from mccl_jax.experiment import Experiment

    from mccl_jax.training.compilation import keep_compiled_programs

    keep_compiled_programs()
    experiment = Experiment.from_dict(CONFIG.value.to_dict())
    workdir = pathlib.Path(WORKDIR.value or pathlib.Path("runs", experiment.name)).expanduser()
    if MODE.value == "prepare":
        from mccl_jax.modes import prepare

        prepare.run(experiment)
    elif MODE.value == "evaluate":
        from mccl_jax.modes import evaluate

        # Options given now count; otherwise those that the training was started with.
        given = any(argument.startswith("--config") for argument in sys.argv[1:])
        evaluate.run(workdir, experiment.evaluation if given else None)
    else:
        from mccl_jax.modes import train

        train.run(experiment, workdir)
    return 0


if __name__ == "__main__":
    try:
        app.run(main)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
