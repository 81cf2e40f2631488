"""The named ablations: what is taken from a model, or changed in it, one thing at a time.

    cues      each cue alone, and each left out
    modules   without CCAI, without TSAI, without both (what "without" means: `ModelOptions.interaction`)
    loss      the encoder before its training, and the same network trained on severity instead
    sizes     segments, heads, temperature, normalisation, projection head, and ImageNet's weights where they are used
    paper     all of them

Every variant differs from the parent, which is the config as it stands, in the keys of its setting alone.
"""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from mccl_jax.data.options import BY_QUESTION
from mccl_jax.errors import UserError
from mccl_jax.experiment import Experiment
from mccl_jax.losses import CONTRASTIVE, SEVERITY
from mccl_jax.training.begin import RANDOM

PARENT = "parent"


@dataclasses.dataclass(frozen=True)
class Variant:
    """One row of an ablation.

    what      it is, in words.
    setting   config key -> value, where it differs from the parent.
    reads     the column of the parent's predictions that it is, where there is nothing to be trained; else empty.
    """

    name: str
    what: str
    setting: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    reads: str = ""

    @property
    def folder(self) -> str:
        """Its name as that of a folder."""
        return self.name.replace(" ", "_")


def variants(grid: str, experiment: Experiment) -> list[Variant]:
    """Those of a named grid that differ from the experiment. Raises UserError where none does."""
    found = [one for name in (GRIDS if grid == PAPER else (grid,)) for one in GRIDS[name](experiment)]
    if not found:
        raise UserError(f"--grid={grid}: nothing in it differs from this config; expected another grid or config")
    return found


def _cues(experiment: Experiment) -> Iterator[Variant]:
    cues = experiment.cues
    if len(cues) == 1:
        return
    for cue in cues:
        yield Variant(f"{cue} alone", f"reads {cue} and no other cue", {"model.cues": (cue,)})
    if len(cues) == 2:  # without one is the other alone
        return
    for cue in cues:
        rest = tuple(one for one in cues if one != cue)
        yield Variant(f"without {cue}", f"reads all cues but {cue}", {"model.cues": rest})


def _modules(experiment: Experiment) -> Iterator[Variant]:
    there, called = experiment.model.interaction, {"inter": "CCAI", "intra": "TSAI"}
    for branch in there:
        what = {"inter": "cues are not related to one another", "intra": "segments are not related to one another"}
        rest = tuple(one for one in there if one != branch)
        yield Variant(f"without {called[branch]}", what[branch], {"model.interaction": rest})
    if len(there) == 2:
        yield Variant("without CCAI and TSAI", "neither cues nor segments are related", {"model.interaction": ()})


def _loss(experiment: Experiment) -> Iterator[Variant]:
    yield Variant(
        "untrained", "the same regressor on the parent's encoder before its training", reads="untrained_encoder"
    )
    if experiment.train.objective == CONTRASTIVE:
        what = "the same network trained on severity instead of the contrast; the regressor on its embeddings"
        yield Variant("trained on severity", what, {"train.objective": SEVERITY})


def _sizes(experiment: Experiment) -> Iterator[Variant]:
    windows, model, train = experiment.windows, experiment.model, experiment.train
    for segments in (1, 3, 6):
        if segments not in (windows.num_segments, windows.segments) and segments <= windows.frames:
            called = _counted(segments, "segment")
            what = f"the intra-cue branch sees {called} instead of {_said(windows.segments)}"
            yield Variant(called, what, {"windows.segments": segments})
    for heads in (1, 2, 4):
        if heads != model.heads and model.embedding % heads == 0:
            called = _counted(heads, "head")
            yield Variant(called, f"{called} of attention instead of {model.heads}", {"model.heads": heads})
    contrastive = train.objective == CONTRASTIVE
    for temperature in (0.03, 0.09, 0.3):
        if contrastive and temperature != train.temperature:
            what = f"temperature {temperature:g} of the contrastive loss instead of {train.temperature:g}"
            yield Variant(f"temperature {temperature:g}", what, {"train.temperature": temperature})
    if model.norm != "none" and model.interaction:
        what = "the attention gates without having been normalised"
        yield Variant("without normalisation", what, {"model.norm": "none"})
        if model.norm_eps != 0.1:
            what = "eps 0.1 inside the normalisation, as in the official code (D5)"
            yield Variant("eps 0.1", what, {"model.norm_eps": 0.1})
    if windows.representation != "min_max" and not windows.official_windows:
        what = "cues in camera coordinates, min-max scaled a session, as the official code scales them"
        yield Variant("min-max scaled", what, {"windows.representation": "min_max"})
    if contrastive and model.projection:
        what = "the embeddings themselves are contrasted"
        yield Variant("without projection head", what, {"model.projection": 0})
    if experiment.init.weights != RANDOM:
        yield Variant("begun at random", "trunks without ImageNet's weights", {"init.weights": RANDOM})


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number > 1)}"


def _said(segments: int | str) -> str:
    return "one a question" if segments == BY_QUESTION else str(segments)


PAPER = "paper"
GRIDS = {"cues": _cues, "modules": _modules, "loss": _loss, "sizes": _sizes}
NAMES = (*GRIDS, PAPER)
