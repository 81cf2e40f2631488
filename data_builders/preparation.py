"""What all builders share: one TFDS record a session, written with bounded memory, and a report beside them.

A builder says which recordings there are and how one is read; the rest is here. TFDS' usual writer keeps up to a GB of
records in memory and needs TensorFlow beyond that, so sessions are written shard by shard, in the order of their names.
Everything is written into TFDS' temporary folder, which takes its final name last: a preparation may be killed at any
moment and run again, and no data set exists without its report.
"""

import abc
import contextlib
import dataclasses
import pathlib
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence

import absl.logging
import tensorflow_datasets as tfds
import tqdm

from data_builders.records import Session, encode, features
from data_builders.report import Report, Tally
from mccl_jax.cues import Cue
from mccl_jax.errors import UserError
from mccl_jax.files import locked, writing

# The TFDS split of a corpus without splits of its own (TFDS reserves the name "all").
UNSPLIT = "sessions"
# One session a shard up to here, so that one is held in memory; beyond it shards grow, as each is an open file later.
MOST_SHARDS = 512


@dataclasses.dataclass(frozen=True)
class Source:
    """A recording that can be prepared: its name, its TFDS split, and `read`, which raises UserError to skip it."""

    name: str
    split: str
    read: Callable[[], Session]


@dataclasses.dataclass(frozen=True)
class Plan:
    """What a preparation will do: sources in the order of the records, what is left out and why, and notes."""

    sources: tuple[Source, ...]
    skipped: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()


class SessionBuilder(tfds.core.ShardBasedBuilder, skip_registration=True):
    """A TFDS builder of sessions. A corpus defines `specification`, `plan` and `fingerprint`.

    Stored as array_record and read with `as_data_source`; `records.decode` makes a `Session` of an example.
    """

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
        self._folder = pathlib.Path(dl_manager.manual_dir)
        # Before the first file is read: a file that changes meanwhile makes the data set out of date.
        fingerprint = self.fingerprint(self._folder)
        super()._download_and_prepare(dl_manager, download_config)
        report = self._tally.report(str(self._folder), fingerprint)
        for source in self._plan.sources:
            if source.split not in report.splits:
                raise UserError(
                    f"{self._folder}: no recording of split {source.split} could be prepared; expected one at least; "
                    f"{source.name}: {dict(report.skipped)[source.name]}"
                )
        report.write(pathlib.Path(self.data_dir))
        self.fingerprint(self._folder)  # known by now: leaves the digests beside the data

    def _shard_iterators_per_split(self, dl_manager) -> dict[str, list[Callable]]:
        self._plan = self.plan(self._folder)
        self._tally, self._recordings = Tally(self._plan.skipped, self._plan.notes), _Recordings()
        progress = _Progress(len(self._plan.sources))
        splits = {}
        for source in self._plan.sources:
            splits.setdefault(source.split, []).append(source)
        size = -(-len(self._plan.sources) // MOST_SHARDS)
        return {
            split: [
                lambda shard=sources[i : i + size]: self._examples(shard, progress)
                for i in range(0, len(sources), size)
            ]
            for split, sources in splits.items()
        }

    def _examples(self, sources: Sequence[Source], progress: "_Progress") -> Iterator[tuple[str, dict]]:
        for source in sources:
            try:
                session = self._recordings.checked(source.read())
            except UserError as error:
                _, _, reason = str(error).partition(f"{source.name}: ")  # a reader's message starts with the path
                self._tally.skip(source.name, reason or str(error))
            else:
                self._tally.add(source.split, session)
                yield source.name, encode(session, self.specification)
            progress.step()

    # TFDS prints here what it will download; there is nothing to download.
    def _log_download_bytes(self) -> None:
        pass

    def _log_download_done(self) -> None:
        pass


class _Recordings:
    """Knows the files of all sessions so far: one that lies there under two names would be trained on and reported."""

    def __init__(self):
        self._sessions, self._answers = {}, {}

    def checked(self, session: Session) -> Session:
        """`session`, with a note where one of its answers is the file of another one.

        Raises UserError where all of it is the recording of a session before.
        """
        digest = session.provenance["sha256"]
        before = self._sessions.setdefault(digest, session.session)
        if before != session.session:
            raise UserError(f"the same recording as {before}, byte for byte: one of the two is misplaced")
        said = []
        for answer in session.provenance.get("answers", ()):
            where = f"Q{answer['question']}"
            first = self._answers.setdefault(answer["sha256"], f"{session.session} {where}")
            if first != f"{session.session} {where}":
                said.append(f"{where} as {first}")
        if not said:
            return session
        notes = [*session.provenance["notes"], f"answers that are the same file: {'; '.join(said)}"]
        return dataclasses.replace(session, provenance={**session.provenance, "notes": notes})


def open_or_prepare(
    builder: type[SessionBuilder],
    *,
    data_dir: str | pathlib.Path,
    manual_dir: str | pathlib.Path,
    config: tfds.core.BuilderConfig | None = None,
) -> tuple[SessionBuilder, Report]:
    """The prepared data set of the raw files in `manual_dir`, prepared now where it is missing or out of date.

    Data sets lie under `data_dir`/<corpus>/<config>/<version>. Says on stderr what it does. Two processes that want
    the same data set take turns. Raises UserError where the raw files cannot be used, or where `data_dir` holds what
    was prepared from other raw files in another folder.
    """
    folder = pathlib.Path(manual_dir).expanduser().resolve()
    if not folder.is_dir() or not any(folder.iterdir()):
        wrong = "is empty" if folder.is_dir() else "there is no such folder"
        raise UserError(f"{folder}: {wrong}; expected {builder.MANUAL_DOWNLOAD_INSTRUCTIONS.strip()}")

    def made() -> SessionBuilder:
        return builder(data_dir=pathlib.Path(data_dir).expanduser().resolve(), config=config)

    with _quiet():
        place, fingerprint = pathlib.Path(made().data_dir), made().fingerprint(folder)
        if not _is_ready(place, fingerprint):
            lock = place.parent / f".{place.name}.lock"
            with locked(lock, lambda: _say(f"waiting for another process that prepares {place}")):
                if not _is_ready(place, fingerprint):  # another process may have prepared it in the meantime
                    made().plan(folder)  # raw files that cannot be used must not cost the data set that is there
                    with _made_room(place, folder):
                        prepare(made(), folder)
        return made(), Report.read(place)


def prepare(builder: SessionBuilder, folder: pathlib.Path) -> Report:
    """Prepares the raw files in `folder` with a builder that has no data set yet; returns the report."""
    _say(f"preparing {folder} into {builder.data_dir}")
    with writing(builder.data_dir), tempfile.TemporaryDirectory() as downloads:
        try:
            builder.download_and_prepare(
                download_dir=downloads,  # TFDS wants a folder for what is never downloaded here
                download_config=tfds.download.DownloadConfig(manual_dir=folder, try_download_gcs=False),
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

    def step(self) -> None:
        self._done += 1
        self._bar.update()
        if self._bar.disable and (self._done * 10 // self._total > (self._done - 1) * 10 // self._total):
            _say(f"prepared {self._done} of {self._total} sessions")
        if self._done == self._total:
            self._bar.close()


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
