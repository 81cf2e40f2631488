"""mccl_jax: severity of depression from facial behaviour. Research software, not a diagnostic device.

  python run.py                                     a simulated corpus, from raw files to results
  python run.py --config=configs/openface.py --config.data.manual_dir=FOLDER      recordings of your own
  python run.py --config=configs/cmdc.py --config.data.manual_dir=FOLDER          a corpus (cmdc, daic_woz, e_daic)
  python run.py --config=configs/cmdc.py --config.data.manual_dir=FOLDER --mode=check          only look at it
  python run.py --config=configs/cmdc.py --config.data.manual_dir=FOLDER --mode=sweep --sweep="seed=0,1,2"
  python run.py --config=configs/cmdc.py --config.data.manual_dir=FOLDER --mode=ablate --grid=cues
  python run.py --mode=report --workdir=runs/simulated      its page; with --shareable one to be given away
  python run.py --mode=predict --checkpoint=runs/simulated --input=FILE_OR_FOLDER
  python run.py --mode=score --workdir=runs/simulated --predictions=FILE.csv           anyone's model

Any key of configs/common.py can be changed: --config.train.epochs=20
"""

import contextlib
import os
import pathlib
import runpy
import shlex
import signal
import sys
import traceback
from typing import NoReturn

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import ml_collections
from absl import app, flags, logging
from ml_collections import config_flags

from mccl_jax import buckets
from mccl_jax.errors import UserError, reason_of
from mccl_jax.files import refuse_remote

DEFAULT = str(pathlib.Path(__file__).resolve().parent / "configs/simulated.py")
# Those of mccl_jax/ablations.py, which takes a while to import.
GRIDS = ("cues", "modules", "loss", "sizes", "paper")
MODES = ("check", "prepare", "train", "sweep", "ablate", "evaluate", "score", "report", "predict", "export")

CONFIG = config_flags.DEFINE_config_file("config", None, "The experiment; by default configs/simulated.py.")
WORKDIR = flags.DEFINE_string(
    "workdir",
    None,
    "Where results go; by default runs/<name of the config>, of a sweep with -sweep, of an ablation with -ablation. "
    "report: several, with commas.",
)
MODE = flags.DEFINE_enum("mode", "train", MODES, "What to do; train prepares and evaluates, too.")
CHECKPOINT = flags.DEFINE_string("checkpoint", None, "predict, export: a workdir or checkpoint; ablate: a workdir.")
INPUT = flags.DEFINE_string("input", None, "predict: a recording as the model's corpus has it, or a folder of them.")
OUTPUT = flags.DEFINE_string("output", None, "export: the .safetensors file to write. report: the folder.")
PREDICTIONS = flags.DEFINE_string(
    "predictions", None, "score: a CSV with the columns session and predicted, made by any program."
)
GRID = flags.DEFINE_enum("grid", None, GRIDS, "ablate: which variants (mccl_jax/ablations.py).")
SWEEP = flags.DEFINE_string(
    "sweep", None, 'sweep; ablate, seeds: what differs, as in "seed=0,1 * train.temperature=0.05,0.09".'
)
DISTRIBUTED = flags.DEFINE_enum(
    "distributed",
    "auto",
    ("auto", "on", "off"),
    "train, sweep, ablate: together with other processes, where there are any.",
)
SHAREABLE = flags.DEFINE_bool(
    "shareable", False, "report: without rows, IDs and paths, and without fewer than ten people."
)
SHARE = flags.DEFINE_bool("share", False, "check: print the structure alone, without values, IDs and names.")


def main(arguments: list[str]) -> int:
    if arguments[1:]:
        raise UserError(f"{arguments[1]}: not understood; options begin with --, as in --mode=train")
    logging.set_verbosity(logging.FATAL)  # what goes wrong comes as an exception: it is said once
    from mccl_jax.training.compilation import keep_compiled_programs

    keep_compiled_programs()
    _check_flags()
    if MODE.value == "export":
        from mccl_jax.modes import export

        export.run(CHECKPOINT.value, pathlib.Path(OUTPUT.value))
        return 0
    if MODE.value == "predict":
        from mccl_jax.modes import predict

        return 2 if predict.run(CHECKPOINT.value, pathlib.Path(INPUT.value)) else 0
    if MODE.value == "ablate" and CHECKPOINT.value:
        from mccl_jax.modes import insight

        with buckets.working_in(CHECKPOINT.value) as workdir:
            insight.run(workdir)
        return 0

    from mccl_jax.experiment import Experiment

    experiment = Experiment.from_dict(CONFIG.value.to_dict())
    own = experiment.name + {"sweep": "-sweep", "ablate": "-ablation"}.get(MODE.value, "")
    place = WORKDIR.value or str(pathlib.Path("runs", own))
    if MODE.value == "check":
        from mccl_jax.modes import check

        check.run(experiment, _without_check(), SHARE.value)
    elif MODE.value == "prepare":
        from mccl_jax.modes import prepare

        prepare.run(experiment)
    elif MODE.value == "report":
        from mccl_jax.modes import report

        output = OUTPUT.value and pathlib.Path(OUTPUT.value).expanduser()
        with contextlib.ExitStack() as stack:
            workdirs = [stack.enter_context(buckets.working_in(one)) for one in _places(place)]
            report.run(workdirs, output, SHAREABLE.value)
    elif MODE.value == "evaluate":
        from mccl_jax.modes import evaluate

        with buckets.working_in(place) as workdir:
            evaluate.run(workdir, _given_evaluation_options())
    elif MODE.value == "score":
        from mccl_jax.modes import score

        if given := [argument for argument in sys.argv[1:] if argument.startswith("--config.")]:
            raise UserError(f"{given[0].partition('=')[0]}: --mode=score takes all options from the workdir")
        with buckets.working_in(place) as workdir:
            score.run(workdir, pathlib.Path(PREDICTIONS.value).expanduser())
    else:
        from mccl_jax.training import hosts

        with hosts.joined(DISTRIBUTED.value) as say:  # before anything looks for devices
            from mccl_jax.modes import ablate, sweep, train

            with buckets.working_in(place, hosts.is_main(), hosts.wait) as workdir:
                if MODE.value == "ablate":
                    values = CONFIG.value.to_dict()
                    return 2 if ablate.run(values, GRID.value, SWEEP.value, workdir, say) else 0
                if MODE.value == "sweep":
                    return 2 if sweep.run(CONFIG.value.to_dict(), SWEEP.value, workdir, say) else 0
                train.run(experiment, workdir, say)
    return 0


def _check_flags() -> None:
    """Raises UserError where a mode lacks a flag that it needs, or gets one of another mode."""
    of_modes = {
        "predict": ("checkpoint", "input"),
        "export": ("checkpoint", "output"),
        "sweep": ("sweep",),
        "ablate": ("checkpoint",) if CHECKPOINT.value else ("grid",),
        "score": ("predictions",),
    }
    wanted = of_modes.get(MODE.value, ())
    allowed = {"report": ("output",), "ablate": () if CHECKPOINT.value else ("sweep",)}.get(MODE.value, ())
    for flag in (INPUT, OUTPUT, PREDICTIONS):
        refuse_remote(f"--{flag.name}", flag.value or "")
    for flag in (WORKDIR, CHECKPOINT):
        for place in _places(flag.value or "") if MODE.value == "report" else [flag.value or ""]:
            buckets.check(f"--{flag.name}", place)
    for flag in (CHECKPOINT, INPUT, OUTPUT, SWEEP, GRID, PREDICTIONS):
        if flag.name in wanted and not flag.value:
            raise UserError(f"--mode={MODE.value} needs --{' and --'.join(wanted)}; --{flag.name} is missing")
        if flag.value and flag.name not in (*wanted, *allowed):
            raise UserError(f"--{flag.name} does not go with --mode={MODE.value}")
    if SHARE.value and MODE.value != "check":
        raise UserError(f"--share does not go with --mode={MODE.value}, only with --mode=check")
    if SHAREABLE.value and MODE.value != "report":
        raise UserError(f"--shareable does not go with --mode={MODE.value}, only with --mode=report")
    if DISTRIBUTED.value == "on" and MODE.value not in ("train", "sweep", "ablate"):
        raise UserError(f"--distributed=on does not go with --mode={MODE.value}, only with train, sweep and ablate")


def parse(arguments: list[str]) -> list[str]:
    """Flags out of the command line; what is wrong with them in one line."""
    if "--config" in arguments[:-1]:  # "--config FILE" is "--config=FILE"
        at = arguments.index("--config")
        arguments = [*arguments[:at], f"--config={arguments[at + 1]}", *arguments[at + 2 :]]
    if not any(argument.startswith("--config=") for argument in arguments):
        arguments = [arguments[0], f"--config={DEFAULT}", *arguments[1:]]
    _check_keys(arguments)
    try:
        return flags.FLAGS(arguments)
    except flags.Error as error:
        raise UserError(" ".join(str(error).split())) from error


def _places(text: str) -> list[str]:
    """The workdirs of a list with commas, some of which may be in their names, as in those of a sweep's settings."""
    parts, places = text.split(","), []
    while parts:
        ends = [n for n in range(len(parts), 1, -1) if pathlib.Path(",".join(parts[:n])).expanduser().is_dir()]
        n = ends[0] if ends else 1
        places.append(",".join(parts[:n]))
        parts = parts[n:]
    return places


def _without_check() -> str:
    """The command line that prepares and trains what this one only looks at."""
    kept = [argument for argument in sys.argv[1:] if argument.partition("=")[0].strip("-") not in ("mode", "share")]
    return shlex.join(["python", sys.argv[0], *(argument for argument in kept if argument != "check")])


def _given_evaluation_options() -> dict[str, object]:
    """What the command line says of the evaluation; all else is as the training was started."""
    keys = [a.partition("=")[0].split(".")[1:] for a in sys.argv[1:] if a.startswith("--config.")]
    if wrong := [key for key in keys if key[0] != "evaluation"]:
        raise UserError(f"--config.{'.'.join(wrong[0])}: --mode=evaluate changes keys of config.evaluation alone")
    return {key: CONFIG.value.evaluation[key] for _, key in keys}


def _check_keys(arguments: list[str]) -> None:
    """Raises UserError for a config that is not there, and for the first --config.x.y that it does not have."""
    given = [argument.partition("=") for argument in arguments if argument.startswith("--config")]
    file, _, variant = next(value for name, _, value in reversed(given) if name == "--config").partition(":")
    if not pathlib.Path(file).is_file():
        raise UserError(f"--config={file}: there is no such file; expected one such as configs/openface.py")
    try:
        get_config = runpy.run_path(file)["get_config"]
        config = get_config(variant) if variant else get_config()
    except (Exception, SystemExit) as error:  # whatever is wrong in the user's file
        at = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
        where = f" in line {at[-1]}" if at else ""
        what = f"{type(error).__name__}: {reason_of(error)}"
        raise UserError(
            f"--config={file}: is no config ({what}{where}); expected a Python file with get_config()"
        ) from error
    for name, _, _ in given:
        at, known = config, "config"
        for key in name.split(".")[1:]:
            keys = list(at) if isinstance(at, ml_collections.ConfigDict) else []
            if key not in keys:
                raise UserError(f"{name}: {known} has no key {key!r}; it has {', '.join(keys) or 'none'}")
            at, known = at[key], f"{known}.{key}"


def _interrupted(*_) -> None:
    """Ctrl-C: ends at once, wherever the program is; what it leaves is what a kill leaves, and is gone on from.

    An exception instead would be swallowed, or become another one, where it meets a library that is being imported.
    """
    with contextlib.suppress(RuntimeError):  # in the midst of a print
        sys.stdout.flush()
    line = "interrupted: run the same command again, and it goes on from the last checkpoint"
    os.write(2, f"\n{line}\n".encode())
    _tell(line, 130, at_once=True)
    os._exit(130)


def _tell(line: str, status: int, at_once: bool = False) -> None:
    """Of several processes that train together, the others end with it, too."""
    if hosts := sys.modules.get("mccl_jax.training.hosts"):
        hosts.tell(line, status, at_once)


def _refuse(why: str) -> NoReturn:
    """Says why and ends."""
    _tell(why, 2)
    print(f"error: {why}", file=sys.stderr)
    _end(2)


def _end(status: int) -> NoReturn:
    """Ends at once, without Python's own clearing up: all that is to stay is written by then.

    A save that was under way may have left threads that nobody waits for; and Arrow's threads let go of what they have
    read a little later than they return it, which aborts a program that is then being cleared up.
    """
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except BrokenPipeError:  # whoever was to read it has gone
        pass
    except OSError as error:
        os.write(2, f"error: what was to be printed could not be ({error.strerror})\n".encode())
        status = 2
    os._exit(status)


if __name__ == "__main__":
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupted)
    try:
        app.run(main, flags_parser=parse)
    except UserError as error:
        _refuse(str(error))
    except OSError as error:  # no room, no permission, no such place
        where, what = error.filename or "file system", error.strerror or error
        _refuse(f"{where}: {what}; expected files that can be read and free space to write to")
    except SystemExit as ended:  # what app.run ends in, and a training that SIGTERM has stopped
        _end(ended.code if isinstance(ended.code, int) else ended.code is not None)
    except Exception as error:
        if hosts := sys.modules.get("mccl_jax.training.hosts"):
            hosts.fail(error)
        raise
