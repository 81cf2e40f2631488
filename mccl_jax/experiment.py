"""An experiment: every option of a run, checked once, and kept with its checkpoints."""

import dataclasses
import json
import types
import typing
from collections.abc import Mapping
from typing import Any, ClassVar

from data_builders.readers.openface import check_options
from data_builders.simulator.options import Options as SimulationOptions
from mccl_jax import buckets
from mccl_jax.cues import DAIC_WOZ_CUES, E_DAIC_CUES, OPENFACE_CUES
from mccl_jax.data.windows import WindowOptions
from mccl_jax.errors import UserError
from mccl_jax.evaluation.options import Options as EvaluationOptions
from mccl_jax.files import refuse_remote
from mccl_jax.losses import CONTRASTIVE, OBJECTIVES, SEVERITY
from mccl_jax.models.mccl import BRANCHES, NORMS, ModelOptions
from mccl_jax.training.begin import InitOptions
from mccl_jax.training.mesh import FEEDINGS, PARALLELISMS
from mccl_jax.training.selection import LOSS

_INTERVIEWS = {
    "folds": ("",),
    "missing": ("refuse",),
    "form": ("3hz", "native"),
    "labels": ("",),
    "target": ("",),
    "dev_fraction": (1 / 3,),
}
# Corpus -> what keys of the data may be, where not everything may.
CORPORA = {
    "openface": {"folds": ("",), "form": ("native",), "corrections": (("all",),)},
    "cmdc": {
        "folds": ("disjoint", "official"),
        "kfold": (0,),
        "missing": ("refuse",),
        "form": ("native",),
        "dev_fraction": (1 / 3,),
    },
    "daic_woz": _INTERVIEWS,
    "e_daic": _INTERVIEWS,
}
# What people call them.
NAMES = {"openface": "OpenFace recordings", "cmdc": "CMDC", "daic_woz": "DAIC-WOZ", "e_daic": "E-DAIC"}
CUES = {"openface": OPENFACE_CUES, "cmdc": OPENFACE_CUES, "daic_woz": DAIC_WOZ_CUES, "e_daic": E_DAIC_CUES}

# Keys that no result depends on, but for the last places of the floats.
_NO_MATTER = ("data.workers", "transfer.workers", "train.parallelism", "train.feeding", "train.profile")

# The mistakes of the official code that can be made, by the names that README gives them: key -> value that makes it.
MISTAKES = {
    "D1": {"windows.official.raw_translation_zero_rotation": True},
    "D2": {"windows.official.landmarks_uncut_in_train": True},
    "D3": {"windows.official.train_hop_50": True},
    "D4": {"windows.official.fill_with_one_value": True},
    "D5": {"model.norm_eps": 0.1, "train.adam_eps": 0.1},
    "D6": {"train.projection_head_learns": False},
    "D7": {"train.shuffle": False},
    "D10": {"model.statistics_per_cue": False},
}


@dataclasses.dataclass(frozen=True)
class DataOptions:
    """Which recordings, and how they are read.

    corpus         "cmdc", "daic_woz", "e_daic", or "openface" for recordings of one's own: whose layout the raw files
                   have.
    manual_dir     folder of the raw corpus; empty for a simulated one, and where what `data_dir` holds is enough.
    data_dir       where prepared data lie, or gs://BUCKET/FOLDER; empty for prepared/<name>.
    cues           in the order in which the model reads them.
    missing        "refuse" a recording that lacks a cue, or "omit" the cue (recordings of one's own only).
    frame_rate     frames a second of recordings without usable timestamps.
    labels         name of the table of labels in `manual_dir`; empty where the corpus has tables of fixed names.
    target         its column that is to be predicted; empty where it is fixed.
    folds          of CMDC: "disjoint" (ours) or "official" (as published, overlapping). Empty for recordings of one's
                   own, whose labels may have a column fold, and for DAIC-WOZ and E-DAIC, which have splits.
    form           of the records: "native", all frames; of DAIC-WOZ and E-DAIC also "3hz", those that windows at 3 Hz
                   look at.
    corrections    which rows of the corpus's table of defects are corrected: ids, "all", or "-id" for all but that one;
                   none are known of recordings of one's own.
    dev_fraction   share of subjects held out as dev where the corpus has no splits of its own.
    split_seed     of that division, which keeps a subject's sessions together and severities alike, of CMDC's
                   disjoint folds, and of those of the next two.
    kfold          cross-validates over so many folds the sessions of train and of the reported split, in place of the
                   corpus's splits; 0: does not. CMDC has folds of its own.
    inner_folds    so many parts of each training's own train sessions, each left out by one training more, choose its
                   epoch and regressor: the protocol `inner`; with folds, a nested cross-validation. 0: none.
    workers        processes that prepare sessions; 0: as many as there are CPU cores and work for.
    exclude_overlap  where a subject is in train and is reported: leaves the sessions out of train, and says so. Else
                   the training is refused.
    """

    section: ClassVar[str] = "data"

    corpus: str = "openface"
    manual_dir: str = ""
    data_dir: str = ""
    cues: tuple[str, ...] = tuple(OPENFACE_CUES)
    missing: str = "refuse"
    frame_rate: float = 30.0
    labels: str = "labels.csv"
    target: str = "target"
    folds: str = ""
    form: str = "native"
    corrections: tuple[str, ...] = ("all",)
    dev_fraction: float = 1 / 3
    split_seed: int = 0
    kfold: int = 0
    inner_folds: int = 0
    workers: int = 0
    exclude_overlap: bool = False

    def __post_init__(self):
        refuse_remote(f"{self.section}.manual_dir", self.manual_dir)
        buckets.check_form(f"{self.section}.data_dir", self.data_dir)  # a model may be used where no bucket is
        if self.corpus not in CORPORA:
            raise UserError(f"{self.section}.corpus is {self.corpus!r}: expected {' or '.join(CORPORA)}")
        for key, allowed in CORPORA[self.corpus].items():
            if getattr(self, key) not in allowed:
                expected = " or ".join(map(repr, allowed))
                raise UserError(
                    f"{self.section}.{key} is {getattr(self, key)!r}: expected {expected} with {self.section}.corpus "
                    f"{self.corpus}"
                )
        check_options(self.cues, self.missing, self.frame_rate, CUES[self.corpus])
        if not 0 < self.dev_fraction < 1:
            raise UserError(f"{self.section}.dev_fraction is {self.dev_fraction}: expected a share between 0 and 1")
        if self.split_seed < 0:
            raise UserError(f"{self.section}.split_seed is {self.split_seed}: expected 0 or more")
        for key in ("kfold", "inner_folds"):
            if getattr(self, key) < 0 or getattr(self, key) == 1:
                raise UserError(f"{self.section}.{key} is {getattr(self, key)}: expected 0, or 2 and more")
        if self.workers < 0:
            raise UserError(f"{self.section}.workers is {self.workers}: expected 0 or more")


@dataclasses.dataclass(frozen=True)
class TransferOptions(DataOptions):
    """A second corpus, which is reported in place of the first; keys as in `DataOptions`.

    The first one's train is trained on (all of it, where it has no splits), and of this one evaluation.reported_split
    is reported (all of it, where it has none). Both have the same cues, of which the points that both have are used.
    """

    section: ClassVar[str] = "transfer"


@dataclasses.dataclass(frozen=True)
class TrainOptions:
    """AdamW under the official schedule; the defaults are the official code's, with Adam's usual eps.

    objective: "contrastive", the paper's; or "severity", for comparison: in place of the projection head a linear layer
    on both embeddings, and the squared error of severities, standardised by train's mean and deviation. That network is
    trained beside each contrastive one, as a baseline, unless direct_baseline is False (a sweep never does).
    epochs, batch_size; learning_rate is the peak, floor the end; warmup_epochs of linear rise; weight_decay is
    decoupled; temperature of the contrastive loss; evaluate_every and checkpoint_every count epochs; keep is the number
    of newest checkpoints that stay, and beside them the best one stays, by best_by: "loss", the lowest mean training
    loss of an evaluated epoch, or a split that is neither trained on nor reported: the lowest MAE of the headline
    regressor on it. Two mistakes of the official code, off by default: `projection_head_learns` False (D6)
    leaves the head of the contrastive loss as it began; `shuffle` False (D7) has every epoch in the same order.
    parallelism: "jit" spreads the batch over all devices by jit of shard_map; "pmap" does so by pmap. feeding:
    "resident" windows lie on the devices; "stream" brings them batch by batch, from disk, where they do not fit.
    profile: steps whose trace is kept.
    """

    objective: str = CONTRASTIVE
    epochs: int = 300
    batch_size: int = 32
    learning_rate: float = 5e-4
    floor: float = 5e-6
    warmup_epochs: float = 10.0
    weight_decay: float = 0.05
    adam_eps: float = 1e-8
    temperature: float = 0.09
    projection_head_learns: bool = True
    shuffle: bool = True
    parallelism: str = "jit"
    feeding: str = "resident"
    evaluate_every: int = 10
    checkpoint_every: int = 10
    keep: int = 2
    best_by: str = LOSS
    profile: int = 0
    direct_baseline: bool = True

    def __post_init__(self):
        if self.objective not in OBJECTIVES:
            raise UserError(f"train.objective is {self.objective!r}: expected {' or '.join(map(repr, OBJECTIVES))}")
        for name in ("epochs", "batch_size", "evaluate_every", "checkpoint_every", "keep"):
            if getattr(self, name) < 1:
                raise UserError(f"train.{name} is {getattr(self, name)}: expected at least 1")
        if self.profile < 0:
            raise UserError(f"train.profile is {self.profile}: expected 0 or more")
        if self.parallelism not in PARALLELISMS:
            raise UserError(f"train.parallelism is {self.parallelism!r}: expected {' or '.join(PARALLELISMS)}")
        if self.feeding not in FEEDINGS:
            raise UserError(f"train.feeding is {self.feeding!r}: expected {' or '.join(FEEDINGS)}")
        if self.feeding == "stream" and self.parallelism == "pmap":
            raise UserError("train.feeding 'stream' needs train.parallelism 'jit'")
        if self.temperature <= 0 or self.adam_eps <= 0:
            raise UserError("train.temperature and train.adam_eps must be positive")
        if self.best_by == "train":
            raise UserError(
                f"train.best_by is 'train', which is trained on: expected {LOSS!r}, or a split that is neither train "
                "nor reported"
            )


@dataclasses.dataclass(frozen=True)
class Experiment:
    """All of it. `simulation` None: the data are real. `transfer` None: one corpus is trained on and reported."""

    name: str = "unnamed"
    seed: int = 0
    simulation: SimulationOptions | None = None
    data: DataOptions = DataOptions()
    transfer: TransferOptions | None = None
    windows: WindowOptions = WindowOptions()
    model: ModelOptions = ModelOptions()
    init: InitOptions = InitOptions()
    train: TrainOptions = TrainOptions()
    evaluation: EvaluationOptions = EvaluationOptions()

    def __post_init__(self):
        if not 0 <= self.seed < 2**31:
            raise UserError(f"seed is {self.seed}: expected 0 or more, below 2**31")
        if self.windows.num_segments != self.model.segments:
            raise UserError(
                f"windows.segments is {self.windows.segments}, model.segments {self.model.segments}: expected the same "
                "number; leave model.segments away"
            )
        read = self.model.cues
        if not {*read} <= {*self.data.cues} or len({*read}) < len(read):
            raise UserError(
                f"model.cues is {read}: expected some of data.cues, {', '.join(self.data.cues)}, each once; or none, "
                "which is all"
            )
        for data in filter(None, (self.data, self.transfer)):
            if self.simulation and data.manual_dir:
                raise UserError(
                    f"{data.section}.manual_dir is {data.manual_dir}, but this config simulates its corpus: "
                    "use configs/openface.py for recordings of your own"
                )
        if self.transfer and {*self.transfer.cues} != {*self.data.cues}:
            raise UserError(
                f"transfer.cues are {', '.join(self.transfer.cues)}, data.cues {', '.join(self.data.cues)}: "
                "expected the same of both corpora"
            )
        if self.transfer and (self.data.kfold or self.transfer.kfold or self.transfer.inner_folds):
            raise UserError("a transfer reports another corpus: kfold must be 0, and transfer.inner_folds, too")
        if self.transfer and self.transfer.exclude_overlap:
            raise UserError("transfer.exclude_overlap: sessions are only left out of train; set data.exclude_overlap")
        if self.train.best_by == self.evaluation.reported_split:
            raise UserError(
                f"train.best_by is {self.train.best_by!r}, the reported split, by which no model is chosen: expected "
                f"{LOSS!r}, or a split that is neither train nor reported"
            )
        if self.init.official and self.departures:
            raise UserError(
                f"init.official is a whole model of other parts than {', '.join(self.departures)} asks for: leave one "
                "of them away; init.weights begins the trunks alone"
            )
        if self.simulation and not self.evaluation.simulated:
            object.__setattr__(self, "evaluation", dataclasses.replace(self.evaluation, simulated=True))

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Experiment":
        """From a config or from JSON. Raises UserError that names the key and what it takes.

        The model has as many segments as the windows: model.segments need not be given.
        """
        windows = _build(WindowOptions, values.get("windows", {}), "config.windows")
        model = {"segments": windows.num_segments, **values.get("model", {})}
        return _build(cls, {**values, "model": model}, "config")

    def to_json(self) -> str:
        """JSON that `from_json` reads back to an equal experiment."""
        return json.dumps(dataclasses.asdict(self), indent=1)

    @classmethod
    def from_json(cls, text: str) -> "Experiment":
        """The experiment that `to_json` wrote. Raises ValueError for other text."""
        return cls.from_dict(json.loads(text))

    @property
    def cues(self) -> tuple[str, ...]:
        """Those that the model reads, in their order."""
        return self.model.cues or self.data.cues

    @property
    def options(self) -> dict[str, Any]:
        """Every option by its key: "train.epochs" -> 300."""
        return dict(_leaves(dataclasses.asdict(self)))

    @property
    def corpora(self) -> tuple["Experiment", ...]:
        """An experiment for each corpus, of which only name and data matter: this one, and that of `transfer`."""
        if self.transfer is None:
            return (self,)
        other = dataclasses.replace(self, name=f"{self.name}/transfer", data=self.transfer, transfer=None)
        return self, other

    @property
    def departures(self) -> list[str]:
        """The keys by which the model has other parts than the paper's."""
        of_paper = {
            "model.interaction": {*self.model.interaction} == {*BRANCHES},
            "model.norm": self.model.norm == NORMS[0],
            "model.projection": self.model.projection > 0,
            "train.objective": self.train.objective == CONTRASTIVE,
        }
        return [key for key, same in of_paper.items() if not same]

    @property
    def official_mistakes(self) -> dict[str, list[str]]:
        """Name of each mistake of the official code that is switched on -> the keys that do so."""
        values = self.options
        on = {name: [key for key, value in keys.items() if values[key] == value] for name, keys in MISTAKES.items()}
        return {name: keys for name, keys in on.items() if keys}

    @property
    def transfer_names(self) -> dict[str, str] | None:
        """Split -> name of the corpus that it is of, in a transfer."""
        trained, reported = NAMES[self.data.corpus], self.transfer and NAMES[self.transfer.corpus]
        return {"train": trained, self.evaluation.reported_split: reported} if reported else None

    def differences(self, other: "Experiment") -> list[str]:
        """Keys that differ, as "train.epochs: 3 here, 4 there".

        Not those of the evaluation, which may be redone, nor those that no result depends on, nor the raw files where
        one of the two goes by what is prepared: checkpoints know what they were trained on.
        """
        here, there = (e.options for e in (self, other))

        def matters(key: str) -> bool:
            if key.endswith(".manual_dir"):
                return bool(here.get(key) and there.get(key))
            return not key.startswith("evaluation.") and key not in _NO_MATTER

        return [
            f"{key}: {here.get(key)!r} here, {there.get(key)!r} there"
            for key in {**here, **there}
            if here.get(key) != there.get(key) and matters(key)
        ]


def on_severity(experiment: Experiment) -> Experiment:
    """The baseline of a contrastive experiment: the same network, trained on severity directly."""
    train = dataclasses.replace(experiment.train, objective=SEVERITY, best_by=LOSS, direct_baseline=False)
    init = dataclasses.replace(experiment.init, official=())  # a whole contrastive model is no beginning of it
    return dataclasses.replace(experiment, train=train, init=init)


def _leaves(values: Mapping[str, Any], prefix: str = ""):
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def _build(cls: type, values: Mapping[str, Any], where: str):
    """A dataclass from nested mappings: unknown keys and wrong types are named, lists become tuples."""
    hints = typing.get_type_hints(cls)
    kinds = {field.name: hints[field.name] for field in dataclasses.fields(cls)}
    unknown = [key for key in values if key not in kinds]
    if unknown:
        raise UserError(f"{where}.{unknown[0]}: no such key; there are {', '.join(kinds)}")
    return cls(**{key: _value(kinds[key], value, f"{where}.{key}") for key, value in values.items()})


def _value(kind, value, where: str):
    if isinstance(kind, types.UnionType):
        kinds = [part for part in typing.get_args(kind) if part is not type(None)]
        if (value is None and len(kinds) < len(typing.get_args(kind))) or type(value) in kinds:
            return value
        kind = kinds[0]
    if dataclasses.is_dataclass(kind):
        return _build(kind, value, where)
    if typing.get_origin(kind) is tuple:
        if isinstance(value, str) or not hasattr(value, "__iter__"):
            raise UserError(f"{where} is {value!r}: expected several values, as in (1, 2)")
        parts = typing.get_args(kind)
        parts = [parts[0]] * len(value) if parts[-1] is Ellipsis else parts
        if len(parts) != len(value):
            raise UserError(f"{where} is {tuple(value)!r}: expected {len(parts)} values")
        return tuple(_value(part, item, where) for part, item in zip(parts, value, strict=True))
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise UserError(f"{where} is {value!r}: expected {kind.__name__}")
    return value
