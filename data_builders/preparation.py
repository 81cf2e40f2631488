"""What all builders share: one TFDS record a session, written with bounded memory, and a report beside them.

A builder says which recordings there are and how one is read; the rest is here and in `shards.py`. TFDS' usual writer
keeps up to a GB of records in memory and needs TensorFlow beyond that, so sessions are written shard by shard, in the
order of their names. Everything is written into TFDS' temporary folder, which takes its final name last: a preparation
may be killed at any moment and run again, and no data set exists without its report.
"""

import abc
import contextlib
import dataclasses
import os
import pathlib
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

import absl.logging
import tensorflow_datasets as tfds
import tqdm

from data_builders.defects import Defect, Effect
from data_builders.records import features
from data_builders.report import Report, Tally, is_simulated
from data_builders.shards import Outcome, Shard, Source, write_shard, write_shards
from mccl_jax.cues import Cue
from mccl_jax.errors import UserError
from mccl_jax.files import locked, writing

if TYPE_CHECKING:
    from apache_beam.options.pipeline_options import PipelineOptions

# The TFDS split of a corpus without splits of its own (TFDS reserves the name "all").
UNSPLIT = "sessions"
# One session a shard up to here, so that one is held in memory; beyond it shards grow, as each is an open file later.
MOST_SHARDS = 512


@dataclasses.dataclass(frozen=True)
class Plan:
    """What a preparation will do: sources in the order of the records, what is left out and why, and notes.

    defects   the corpus's table.
    effects   (file, effect) of corrections that no session tells of.
    """

    sources: tuple[Source, ...]
    skipped: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    defects: tuple[Defect, ...] = ()
    effects: tuple[tuple[str, Effect], ...] = ()


class SessionBuilder(tfds.core.dataset_builder.FileReaderBuilder, skip_registration=True):
    """A TFDS builder of sessions. A corpus defines `specification`, `plan` and `fingerprint`.

    Stored as array_record and read with `as_data_source`; `records.decode` makes a `Session` of an example. `workers`
    is the number of processes that prepare it, see `shards.write_shards`; a Beam runner or Beam options in TFDS'
    `DownloadConfig` make it a pipeline of theirs, see `beam.py`.
    """

    workers: int = 1

    def __init__(self, *, config: tfds.core.BuilderConfig | str | None = None, **kwargs):
        config = config or self.BUILDER_CONFIGS[0]
        # TFDS takes one of a builder's own configurations by name only.
        name = getattr(config, "name", config)
        config = name if name in self.builder_configs else config
        super().__init__(file_format="array_record", config=config, **kwargs)

    @property
    @abc.abstractmethod
    def specification(self) -> Mapping[str, Cue]:
        """The cues that a session of this data set may have."""

    @abc.abstractmethod
    def plan(self, folder: pathlib.Path) -> Plan:
        """What there is to prepare in the folder of raw files; raises UserError where nothing is."""

    @abc.abstractmethod
    def fingerprint(self, folder: pathlib.Path) -> str:
        """Changes when the raw files do; quick to compute the second time."""

    @property
    def digests_file(self) -> pathlib.Path:
        """Where the digests of raw files are kept, beside the data set."""
        return pathlib.Path(self.data_dir) / ".digests"

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(features=features(self.specification), disable_shuffling=True)

    def _download_and_prepare(self, dl_manager, download_config=None) -> None:
        folder = pathlib.Path(dl_manager.manual_dir)
        # Before the first file is read: a file that changes meanwhile makes the data set out of date.
        fingerprint = self.fingerprint(folder)
        plan = self.plan(folder)
        shards = self._shards(plan.sources)
        outcomes = self._written([shard for of_split in shards.values() for shard in of_split], download_config)
        tally = Tally(plan.skipped, plan.notes, plan.defects, plan.effects)
        for outcome in (outcome for of_shard in outcomes.values() for outcome in of_shard):
            if outcome.summary:
                tally.add(outcome.source.split, outcome.summary)
            else:
                tally.skip(outcome.source.name, outcome.why)
        report = tally.report(str(folder), fingerprint, simulated=is_simulated(folder))
        for source in plan.sources:
            if source.split not in report.splits:
                raise UserError(
                    f"{folder}: no recording of split {source.split} could be prepared; expected one at least; "
                    f"{source.name}: {dict(report.skipped)[source.name]}"
                )
        self.info.set_splits(
            tfds.core.SplitDict(
                tfds.core.SplitInfo(
                    name=split,
                    shard_lengths=[sum(o.summary is not None for o in outcomes[shard.path]) for shard in of_split],
                    num_bytes=sum(os.path.getsize(shard.path) for shard in of_split),
                    filename_template=self._get_filename_template(split_name=split),
                )
                for split, of_split in shards.items()
            )
        )
        report.write(pathlib.Path(self.data_dir))
        self.fingerprint(folder)  # known by now: leaves the digests beside the data

    def _shards(self, sources: Iterable[Source]) -> dict[str, list[Shard]]:
        """The shards of each split."""
        of_split = {}
        for source in sources:
            of_split.setdefault(source.split, []).append(source)
        size = -(-sum(map(len, of_split.values())) // MOST_SHARDS)
        shards = {}
        for split, all_of_it in of_split.items():
            parts = [tuple(all_of_it[i : i + size]) for i in range(0, len(all_of_it), size)]
            template = self._get_filename_template(split_name=split)
            shards[split] = [
                Shard(str(template.sharded_filepath(shard_index=i, num_shards=len(parts))), part, self.specification)
                for i, part in enumerate(parts)
            ]
        return shards

    def _written(self, shards: list[Shard], download_config) -> dict[str, list[Outcome]]:
        """Path -> what became of its sources, for each shard; each recording is written once."""
        if download_config and (download_config.beam_runner or download_config.beam_options):
            from data_builders.beam import write_with_beam

            written = write_with_beam(shards, download_config.beam_runner, download_config.beam_options)
        else:
            progress = _Progress(sum(len(shard.sources) for shard in shards))
            written = write_shards(shards, self.workers, progress.step)
        twice, notes = _repeated(outcome for outcomes in written for outcome in outcomes)
        found = {}
        for shard, outcomes in zip(shards, written, strict=True):
            if any(outcome.source.name in twice for outcome in outcomes):
                once = tuple(source for source in shard.sources if source.name not in twice)
                write_shard(dataclasses.replace(shard, sources=once))
            found[shard.path] = [_told(outcome, twice, notes) for outcome in outcomes]
        return found

    # TFDS prints here what it will download; there is nothing to download.
    def _log_download_bytes(self) -> None:
        pass

    def _log_download_done(self) -> None:
        pass


def _repeated(outcomes: Iterable[Outcome]) -> tuple[dict[str, str], dict[str, str]]:
    """Source -> why it must not be used, being the recording of one before; and source -> a note on single answers.

    A recording that lies there under two names would be trained on and reported.
    """
    sessions, answers, twice, notes = {}, {}, {}, {}
    for source, summary in ((outcome.source.name, outcome.summary) for outcome in outcomes if outcome.summary):
        before = sessions.setdefault(summary.digest, summary.session)
        if before != summary.session:
            twice[source] = f"the same recording as {before}, byte for byte: one of the two is misplaced"
            continue
        said = []
        for question, digest in summary.answers.items():
            first = answers.setdefault(digest, f"{summary.session} Q{question}")
            if first != f"{summary.session} Q{question}":
                said.append(f"Q{question} as {first}")
        if said:
            notes[source] = f"answers that are the same file: {'; '.join(said)}"
    return twice, notes


def _told(outcome: Outcome, twice: Mapping[str, str], notes: Mapping[str, str]) -> Outcome:
    """An outcome with what `_repeated` says of its source."""
    name = outcome.source.name
    if name in twice:
        return Outcome(outcome.source, None, twice[name])
    if name in notes:
        told = dataclasses.replace(outcome.summary, notes=(*outcome.summary.notes, notes[name]))
        return dataclasses.replace(outcome, summary=told)
    return outcome


def open_or_prepare(
    builder: type[SessionBuilder],
    *,
    data_dir: str | pathlib.Path,
    manual_dir: str | pathlib.Path,
    config: tfds.core.BuilderConfig | str | None = None,
    workers: int = 1,
    beam_options: "PipelineOptions | None" = None,
) -> tuple[SessionBuilder, Report]:
    """The prepared data set of the raw files in `manual_dir`, prepared now where it is missing or out of date.

    Data sets lie under `data_dir`/<corpus>/<config>/<version>. Says on stderr what it does. Two processes that want
    the same data set take turns. `workers` are as in `shards.write_shards`; with `beam_options` Beam does it.
    Raises UserError where the raw files cannot be used, or where `data_dir` holds what was prepared from other raw
    files in another folder.
    """
    folder = pathlib.Path(manual_dir).expanduser().resolve()
    if not folder.is_dir() or not any(folder.iterdir()):
        wrong = "is empty" if folder.is_dir() else "there is no such folder"
        raise UserError(f"{folder}: {wrong}; expected {builder.MANUAL_DOWNLOAD_INSTRUCTIONS.strip()}")

    def made() -> SessionBuilder:
        one = _made(builder, data_dir, config)
        one.workers = workers
        return one

    with _quiet():
        place, fingerprint = pathlib.Path(made().data_dir), made().fingerprint(folder)
        if not _is_ready(place, fingerprint):
            lock = place.parent / f".{place.name}.lock"
            with locked(lock, lambda: _say(f"waiting for another process that prepares {place}")):
                if not _is_ready(place, fingerprint):  # another process may have prepared it in the meantime
                    made().plan(folder)  # raw files that cannot be used must not cost the data set that is there
                    with _made_room(place, folder):
                        prepare(made(), folder, beam_options)
        return made(), Report.read(place)


def open_prepared(
    builder: type[SessionBuilder],
    *,
    data_dir: str | pathlib.Path,
    config: tfds.core.BuilderConfig | str | None = None,
) -> tuple[SessionBuilder, Report] | None:
    """The data set that another process has prepared, without a look at the raw files; None where there is none."""
    with _quiet():
        found = _made(builder, data_dir, config)
        report = Report.read(pathlib.Path(found.data_dir))
    return (found, report) if report else None


def folder_of(
    builder: type[SessionBuilder], *, data_dir: str | pathlib.Path, config: tfds.core.BuilderConfig | str | None = None
) -> pathlib.Path:
    """Where below `data_dir` the data set lies, or will."""
    with _quiet():
        return pathlib.Path(_made(builder, data_dir, config).data_dir)


def _made(
    builder: type[SessionBuilder], data_dir: str | pathlib.Path, config: tfds.core.BuilderConfig | str | None
) -> SessionBuilder:
    return builder(data_dir=pathlib.Path(data_dir).expanduser().resolve(), config=config)


def prepare(builder: SessionBuilder, folder: pathlib.Path, beam_options: "PipelineOptions | None" = None) -> Report:
    """Prepares the raw files in `folder` with a builder that has no data set yet; returns the report."""
    _say(f"preparing {folder} into {builder.data_dir}")
    with writing(builder.data_dir), tempfile.TemporaryDirectory() as downloads:
        try:
            builder.download_and_prepare(
                download_dir=downloads,  # TFDS wants a folder for what is never downloaded here
                download_config=tfds.download.DownloadConfig(
                    manual_dir=folder, try_download_gcs=False, beam_options=beam_options
                ),
            )
        except RuntimeError as error:  # how array_record says that it cannot write
            if "write" not in str(error):
                raise
            raise OSError(str(error).partition(";")[0]) from error
    return Report.read(pathlib.Path(builder.data_dir))


def _is_ready(place: pathlib.Path, fingerprint: str) -> bool:
    report = Report.read(place)
    return report is not None and report.fingerprint == fingerprint


@contextlib.contextmanager
def _made_room(place: pathlib.Path, folder: pathlib.Path) -> Iterator[None]:
    """Removes what an interrupted preparation left and, once it is replaced, a data set that is out of date.

    The one that is out of date comes back where the preparation fails.
    """
    before = Report.read(place)
    if before and before.source != str(folder):
        raise UserError(
            f"{place}: holds what was prepared from {before.source}; expected it to be of {folder}: "
            "name another data_dir, or remove it"
        )
    for leftover in place.parent.glob(f"incomplete.*_{place.name}"):  # TFDS' name for its temporary folder
        _say(f"removing what an interrupted preparation left: {leftover}")
        shutil.rmtree(leftover)
    outdated = None
    if place.exists():
        _say(f"{folder}, or how it is read, has changed since {place} was prepared: preparing it anew")
        outdated = place.rename(place.with_name(f"incomplete.outdated_{place.name}"))
    try:
        yield
    except BaseException:
        if outdated and not place.exists():
            outdated.rename(place)
        raise
    if outdated:
        shutil.rmtree(outdated)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keeps TFDS' warnings, on custom configurations and the like, off stderr."""
    before = absl.logging.get_verbosity()
    absl.logging.set_verbosity(absl.logging.ERROR)
    try:
        yield
    finally:
        absl.logging.set_verbosity(before)


class _Progress:
    """A bar on a terminal, else a line about every tenth of the work; on stderr."""

    def __init__(self, total: int):
        self._bar = tqdm.tqdm(total=total, desc="preparing", unit=" sessions", disable=not sys.stderr.isatty())
        self._total, self._done = total, 0

    def step(self, sources: int) -> None:
        before, self._done = self._done, self._done + sources
        self._bar.update(sources)
        if self._bar.disable and (self._done * 10 // self._total > before * 10 // self._total):
            _say(f"prepared {self._done} of {self._total} sessions")
        if self._done == self._total:
            self._bar.close()


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
