"""Sessions prepared and cut into windows, and who of them is trained on in which training."""

import dataclasses
import functools
import hashlib
import pathlib
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from data_builders.preparation import SessionBuilder
from data_builders.records import Session
from data_builders.report import Report, is_simulated
from mccl_jax.cues import shared_cues
from mccl_jax.data.description import of_cues
from mccl_jax.data.scaling import Scaler
from mccl_jax.data.sessions import Facts, read_sessions, windows_and_facts
from mccl_jax.data.splits import divisions, excluded, with_inner
from mccl_jax.data.stored import FORM
from mccl_jax.data.transfer import left_out, trained_and_reported
from mccl_jax.data.windows import WindowOptions, Windows
from mccl_jax.evaluation.described import Described
from mccl_jax.experiment import Experiment
from mccl_jax.modes.prepare import place_of, prepare_all
from mccl_jax.training import hosts
from mccl_jax.training.runs import TrainingData


@dataclasses.dataclass(frozen=True)
class Material:
    """N sessions, prepared: the same for all experiments that differ in how they train alone.

    reports      of the preparation of each corpus.
    windows      not scaled, which each training does by its own train sessions.
    divided      name of a training -> (N,) the split of each session, as `divisions` gives them.
    notes        on the sessions, for the report and the results.
    sessions     gives them once more, one at a time.
    """

    reports: Sequence[Report]
    windows: Windows
    facts: Facts
    divided: Mapping[str, np.ndarray]
    notes: Sequence[str]
    options: WindowOptions
    sessions: Callable[[], Iterator[Session]] = lambda: iter(())
    _data: Mapping[tuple[str, ...], TrainingData] = dataclasses.field(default_factory=weakref.WeakValueDictionary)

    @functools.cached_property  # looks through a folder
    def simulated(self) -> bool:
        return any(report.simulated or is_simulated(report.source) for report in self.reports)

    @property
    def said(self) -> str:
        """The reports in words."""
        return "\n".join(report.words().rstrip() for report in self.reports)

    @property
    def fingerprint(self) -> str:
        return _fingerprint(self.reports)

    def described(self, cues: Sequence[str]) -> Described:
        """The sessions as predictors without a model know them, by the cues of these names; by all where none is."""
        statistics = of_cues(self.facts.statistics, self.windows.specification, cues)
        return Described(self.windows.session, self.facts.nuisance, statistics)

    def data(self, name: str, trainings: Sequence[str] = ()) -> TrainingData:
        """The data of one of the `trainings` of a workdir: the scales are those of its train sessions.

        The same object while it is in use.
        """
        key = name, *trainings
        if (data := self._data.get(key)) is None:
            data = scaled(self.windows, self.facts, self.divided[name], self.options, trainings)
            self._data[key] = data
        return data


def material_of(experiment: Experiment, say) -> Material:
    """Prepares what is missing and cuts windows. Raises UserError where there is nothing to train on or to report."""
    prepared = prepare_all(experiment, say)
    builders = [builder for builder, _ in prepared]
    sessions, points = _sessions(experiment, builders)
    reports = [report for _, report in prepared]
    if not hosts.is_main():
        hosts.wait("windows")  # where they are kept on disk, the main process writes them
    place = _place_of_windows(experiment, prepared)
    windows, facts, notes = windows_and_facts(sessions, experiment.windows, place)
    if hosts.is_main():
        hosts.wait("windows")
    data, reported = experiment.data, experiment.evaluation.reported_split
    drawn = data.dev_fraction, data.split_seed, data.exclude_overlap, data.kfold
    divided = divisions(windows, facts, reported, *drawn)
    notes += points + excluded(windows, divided, reported)
    if data.inner_folds:
        divided = with_inner(divided, windows, data.inner_folds, data.split_seed)
    return Material(
        reports, windows, facts, divided, notes, experiment.windows, lambda: _sessions(experiment, builders)[0]
    )


def _fingerprint(reports: Sequence[Report]) -> str:
    """Of all that is trained on and reported."""
    if len(reports) == 1:
        return reports[0].fingerprint
    return hashlib.sha256("".join(report.fingerprint for report in reports).encode()).hexdigest()


def _place_of_windows(experiment: Experiment, prepared: Sequence[tuple[SessionBuilder, Report]]) -> pathlib.Path | None:
    """Where windows lie that are streamed, named by all that they depend on; None for those that stay in memory.

    That is the raw files, how they were read, which the name of a data set says, and how they are cut.
    """
    if experiment.train.feeding == "resident":
        return None
    names = [builder.info.full_name for builder, _ in prepared]
    fingerprint = _fingerprint([report for _, report in prepared])
    depends = repr((FORM, names, fingerprint, experiment.windows, experiment.evaluation.reported_split))
    return place_of(experiment) / "windows" / hashlib.sha256(depends.encode()).hexdigest()[:16]


def _sessions(experiment: Experiment, builders: Sequence[SessionBuilder]) -> tuple[Iterator[Session], list[str]]:
    """The sessions of the corpus, or those of a transfer and a line on what of them is not used."""
    if experiment.transfer is None:
        return read_sessions(builders[0]), []
    one, other = (builder.specification for builder in builders)
    sessions = trained_and_reported(
        *map(read_sessions, builders),
        (experiment.data.corpus, experiment.transfer.corpus),
        experiment.evaluation.reported_split,
        shared_cues(one, other),
    )
    return sessions, left_out(one, other, [*experiment.transfer_names.values()])


def scaled(
    windows: Windows, facts: Facts, split: np.ndarray, options: WindowOptions, trainings: Sequence[str] = ("",)
) -> TrainingData:
    """The data of one of the `trainings` of a workdir: the scales are those of its train sessions."""
    scaler = Scaler.fit(windows, split == "train", options)
    return TrainingData(scaler(windows), split, scaler, facts.labels, facts.digests, trainings)
