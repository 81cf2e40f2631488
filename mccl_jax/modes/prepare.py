"""--mode=prepare: raw recordings, or a simulated corpus, into a data set of sessions."""

import contextlib
import pathlib
import sys
from collections.abc import Iterator

from data_builders.cmdc import cmdc_dataset_builder
from data_builders.daic_woz import daic_woz_dataset_builder
from data_builders.e_daic import e_daic_dataset_builder
from data_builders.openface import openface_dataset_builder
from data_builders.preparation import folder_of, open_or_prepare, open_prepared
from data_builders.report import JSON_NAME
from mccl_jax.buckets import check, is_remote, on_disk
from mccl_jax.errors import UserError
from mccl_jax.experiment import DataOptions, Experiment
from mccl_jax.mirrors import Mirror
from mccl_jax.training import hosts

_INTERVIEWS = {
    "daic_woz": (daic_woz_dataset_builder.Builder, daic_woz_dataset_builder.DaicWozConfig),
    "e_daic": (e_daic_dataset_builder.Builder, e_daic_dataset_builder.EDaicConfig),
}


def prepare(experiment: Experiment, say=print):
    """The prepared data set (a TFDS builder) and its report; prepares what is missing or out of date.

    Where no raw corpus is named, what is there already is taken as it is.
    """
    data = experiment.data
    builder, config = builder_of(data)
    place = place_of(experiment)
    with _brought(experiment) as mirror:
        if not experiment.simulation and not data.manual_dir:
            return _prepared(experiment)
        if mirror and not mirror.has(JSON_NAME):
            mirror.claim()  # whether it can be written to must be known before hours are spent
        if experiment.simulation:
            from data_builders.simulator.corpus import write_corpus  # slow to import

            raw = write_corpus(place / "raw", experiment.simulation, say, data.corpus)
        else:
            raw = pathlib.Path(data.manual_dir)
        found = open_or_prepare(builder, data_dir=place, manual_dir=raw, config=config, workers=data.workers)
        if mirror:
            mirror.push()
        return found


@contextlib.contextmanager
def _brought(experiment: Experiment) -> Iterator[Mirror | None]:
    """Of prepared data in a bucket, within it: they are on this machine, and the copy is this process's alone.

    A copy that is whole stays where the bucket has none that is, for then it is still to go there.
    """
    url = experiment.data.data_dir
    if not is_remote(url):
        yield None
        return
    place, (builder, config) = place_of(experiment).resolve(), builder_of(experiment.data)
    folder = folder_of(builder, data_dir=place, config=config)
    mirror = Mirror(f"{url.rstrip('/')}/{folder.relative_to(place).as_posix()}", folder)

    def busy():
        print(f"waiting for another process that has {folder}", file=sys.stderr, flush=True)

    with mirror.alone(busy):
        mirror.pull(unless_without=JSON_NAME)
        yield mirror


def prepare_all(experiment: Experiment, say=print) -> list:
    """What `prepare` gives for the corpus and, of a transfer, for the second one: none before both are named."""
    refuse_unnamed(experiment, prepared_will_do=True)
    for data in (corpus.data for corpus in experiment.corpora):
        check(f"{data.section}.data_dir", data.data_dir)
    if hosts.is_main():
        found = [prepare(corpus, say) for corpus in experiment.corpora]
    hosts.wait("prepared")  # the main process does it for all
    if not hosts.is_main():
        found = []
        for corpus in experiment.corpora:
            with _brought(corpus):
                found.append(_prepared(corpus))
    of_what = " ".join(report.fingerprint for _, report in found)
    hosts.agree("data", of_what, "has other data in data.data_dir than the main process; expected what all see")
    return found


def _prepared(experiment: Experiment):
    """What is prepared already. Raises UserError where that is nothing."""
    builder, config = builder_of(experiment.data)
    found = open_prepared(builder, data_dir=place_of(experiment), config=config)
    if found is None:
        data, place = experiment.data, place_of(experiment).resolve()
        if hosts.is_main():
            raise UserError(f"{data.data_dir} holds no prepared data of this config, and {_unnamed(data)}")
        raise UserError(
            f"{place}: holds no prepared data here, but in the main process it does; expected "
            f"{data.section}.data_dir on a disk that all processes share, or in a bucket"
        )
    return found


def refuse_unnamed(experiment: Experiment, prepared_will_do: bool = False) -> None:
    """Raises UserError where it is not said which recordings are meant, of any of the corpora.

    Where what is `prepared_will_do`, the folder of that is enough.
    """
    for data in (corpus.data for corpus in experiment.corpora):
        if not experiment.simulation and not data.manual_dir and not (prepared_will_do and data.data_dir):
            raise UserError(_unnamed(data))


def _unnamed(data: DataOptions) -> str:
    return (
        f"{data.section}.manual_dir is empty: give --config.{data.section}.manual_dir=FOLDER; expected "
        f"{builder_of(data)[0].MANUAL_DOWNLOAD_INSTRUCTIONS.strip()}"
    )


def place_of(experiment: Experiment) -> pathlib.Path:
    """Where its prepared data lie; of those in a bucket, the copy on this machine."""
    return on_disk(experiment.data.data_dir or pathlib.Path("prepared", experiment.name))


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


def run(experiment: Experiment, say=print) -> None:
    """Prepares and prints the report in words; of a transfer both corpora."""
    for builder, report in prepare_all(experiment, say):
        say(f"{report.words()}prepared: {builder.data_dir}")
