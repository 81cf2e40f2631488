"""--mode=check: what a folder of raw files holds and lacks, and what preparing it will take; nothing is written."""

import pathlib

from data_builders.cmdc import survey as cmdc
from data_builders.daic_woz import survey as daic_woz
from data_builders.e_daic import survey as e_daic
from data_builders.openface import survey as openface
from data_builders.report import is_simulated
from data_builders.survey import interviews
from data_builders.survey.disguise import Disguise
from data_builders.survey.estimate import estimate
from data_builders.survey.inventory import take_inventory
from data_builders.survey.structure import structure
from data_builders.survey.survey import Survey
from mccl_jax.errors import UserError
from mccl_jax.experiment import Experiment
from mccl_jax.modes.prepare import builder_of, place_of, refuse_unnamed

# Corpus -> its layout, and how it is looked at.
_CORPORA = {
    "cmdc": (cmdc.layout, cmdc.look_at),
    "daic_woz": (daic_woz.layout, interviews.look_at),
    "e_daic": (e_daic.layout, e_daic.look_at),
    "openface": (openface.layout, openface.look_at),
}


def run(experiment: Experiment, command: str, share: bool = False, say=print) -> None:
    """Prints the survey of the raw files, or with `share` their structure alone; of a transfer of both corpora.

    command   what comes next, which prepares and trains.

    Raises UserError where a folder cannot be used at all, as `prepare` would; with `share`, only after its structure
    was printed, and without a word of what is in it.
    """
    if experiment.simulation:
        raise UserError(
            "this config simulates its corpus, there is no folder to look at; expected one for a corpus that is there, "
            "such as configs/cmdc.py, and --config.data.manual_dir=FOLDER"
        )
    refuse_unnamed(experiment)
    usable = [_look(corpus, command, share, say) for corpus in experiment.corpora]
    if not all(usable):
        raise UserError(
            "prepare refuses this folder; expected a corpus as its README says: run without --share to see why"
        )


def _look(experiment: Experiment, command: str, share: bool, say) -> bool:
    """Looks at the folder of one corpus. False where `share` and `prepare` would refuse it; raised otherwise."""
    data = experiment.data
    folder = pathlib.Path(data.manual_dir).expanduser().resolve()
    kind, config = builder_of(data)
    if not folder.is_dir() or not any(folder.iterdir()):
        where = f"{data.section}.manual_dir" if share else folder
        wrong = "is empty" if folder.is_dir() else "there is no such folder"
        raise UserError(f"{where}: {wrong}; expected {kind.MANUAL_DOWNLOAD_INSTRUCTIONS.strip()}")
    layout_of, look_at = _CORPORA[data.corpus]
    layout = layout_of(config)
    disguise = Disguise(layout.words, layout.headings)
    builder = kind(data_dir=place_of(experiment).resolve(), config=config)
    if share:
        return _share(folder, layout, disguise, builder, look_at, config, say)
    plan = builder.plan(folder)
    inventory = take_inventory(folder, layout, disguise)
    counts, lines, oddities, weights = look_at(inventory, layout, disguise, config)
    estimated, refused = estimate(builder, plan.sources, weights, data.form, data.workers)
    say(
        Survey(
            corpus=layout.name,
            folder=folder,
            simulated=is_simulated(folder),
            counts=tuple(counts),
            layout=tuple(lines),
            oddities=(*oddities, *refused),
            estimate=estimated,
        ).words(command)
    )
    return True


def _share(folder, layout, disguise, builder, look_at, config, say) -> bool:
    try:
        inventory = take_inventory(folder, layout, disguise, also_unread=True)
        counts, refused = (), False
        try:
            builder.plan(folder)
            counts = look_at(inventory, layout, disguise, config)[0]
        except UserError:
            refused = True
        say(structure(inventory, layout, disguise, counts, refused, is_simulated(folder)))
    except OSError as error:  # its message would name the file
        raise UserError(
            f"a file or folder in data.manual_dir cannot be read ({error.strerror}); expected files that can be read: "
            "without --share the message says which"
        ) from None
    return not refused
