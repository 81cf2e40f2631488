"""--mode=prepare: raw recordings, or a simulated corpus, into a data set of sessions."""

import pathlib

from data_builders.cmdc import cmdc_dataset_builder
from data_builders.daic_woz import daic_woz_dataset_builder
from data_builders.e_daic import e_daic_dataset_builder
from data_builders.openface import openface_dataset_builder
from data_builders.preparation import open_or_prepare, open_prepared
from data_builders.simulator.corpus import DESCRIPTION, write_corpus
from mccl_jax.errors import UserError
from mccl_jax.experiment import DataOptions, Experiment
from mccl_jax.training import hosts

_INTERVIEWS = {
    "daic_woz": (daic_woz_dataset_builder.Builder, daic_woz_dataset_builder.DaicWozConfig),
    "e_daic": (e_daic_dataset_builder.Builder, e_daic_dataset_builder.EDaicConfig),
}


def prepare(experiment: Experiment, say=print):
    """The prepared data set (a TFDS builder) and its report; prepares what is missing or out of date."""
    data = experiment.data
    builder, config = builder_of(data)
    place = place_of(experiment)
    if experiment.simulation:
        raw = write_corpus(place / "raw", experiment.simulation, say, data.corpus)
    else:
        raw = pathlib.Path(data.manual_dir)
    return open_or_prepare(builder, data_dir=place, manual_dir=raw, config=config, workers=data.workers)


def prepare_all(experiment: Experiment, say=print) -> list:
    """What `prepare` gives for the corpus and, of a transfer, for the second one: none before both are named."""
    refuse_unnamed(experiment)
    if hosts.is_main():
        found = [prepare(corpus, say) for corpus in experiment.corpora]
    hosts.wait("prepared")  # the main process does it for all
    if not hosts.is_main():
        found = [_prepared(corpus) for corpus in experiment.corpora]
    of_what = " ".join(report.fingerprint for _, report in found)
    hosts.agree(
        "data", of_what, "has other data in data.data_dir than the main process; expected a disk that all share"
    )
    return found


def _prepared(experiment: Experiment):
    """What `prepare` gave in the main process. Raises UserError where this one does not see it."""
    builder, config = builder_of(experiment.data)
    found = open_prepared(builder, data_dir=place_of(experiment), config=config)
    if found is None:
        raise UserError(
            f"{place_of(experiment).resolve()}: holds no prepared data here, but in the main process it does; expected "
            f"{experiment.data.section}.data_dir on a disk that all processes share"
        )
    return found


def refuse_unnamed(experiment: Experiment) -> None:
    """Raises UserError where it is not said which recordings are meant, of any of the corpora."""
    for data in (corpus.data for corpus in experiment.corpora):
        if not experiment.simulation and not data.manual_dir:
            raise UserError(
                f"{data.section}.manual_dir is empty: give --config.{data.section}.manual_dir=FOLDER; expected "
                f"{builder_of(data)[0].MANUAL_DOWNLOAD_INSTRUCTIONS.strip()}"
            )


def place_of(experiment: Experiment) -> pathlib.Path:
    """Where its prepared data lie."""
    return pathlib.Path(experiment.data.data_dir or pathlib.Path("prepared", experiment.name)).expanduser()


def builder_of(data: DataOptions):
    """(builder, its configuration) of a corpus."""
    if data.corpus == "cmdc":
        return cmdc_dataset_builder.Builder, cmdc_dataset_builder.CMDCConfig(
            folds=data.folds,
            cues=data.cues,
            frame_rate=data.frame_rate,
            seed=data.split_seed,
            target=data.target,
            labels=data.labels,
            corrections=data.corrections,
        )
    if data.corpus in _INTERVIEWS:
        builder, config = _INTERVIEWS[data.corpus]
        return builder, config(form=data.form, cues=data.cues, frame_rate=data.frame_rate, corrections=data.corrections)
    return openface_dataset_builder.Builder, openface_dataset_builder.OpenFaceConfig(
        cues=data.cues, missing=data.missing, frame_rate=data.frame_rate, target=data.target, labels=data.labels
    )


def is_simulated(raw: str | pathlib.Path) -> bool:
    """Whether a folder of recordings was written by the simulator, however it came to be used."""
    return pathlib.Path(raw, DESCRIPTION).is_file()


def run(experiment: Experiment, say=print) -> None:
    """Prepares and prints the report in words; of a transfer both corpora."""
    for builder, report in prepare_all(experiment, say):
        say(f"{report.words()}prepared: {builder.data_dir}")
