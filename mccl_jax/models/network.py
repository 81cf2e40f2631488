"""MCCL as pure functions of plain dicts of arrays, whose keys are paths such as "inter/trunk/blocks/0/conv1/kernel"."""

from collections.abc import Mapping

from flax import nnx
from jaxtyping import Array

from mccl_jax.models.init import Draw
from mccl_jax.models.mccl import MCCL, ModelOptions

Arrays = dict[str, Array]


class Network:
    """The structure of a model without its arrays.

    `cues` is name -> (V, C), in the order in which the model reads them; `predicts_severity` as `MCCL` has it. Params
    and statistics stay outside, as flat dicts, so that steps are pure functions and a checkpoint needs none of these
    classes to be read.
    """

    def __init__(self, cues: Mapping[str, tuple[int, int]], options: ModelOptions, predicts_severity: bool = False):
        self.cues, self.options, self.predicts_severity = dict(cues), options, predicts_severity
        abstract = nnx.eval_shape(lambda: self._model(Draw(None)))
        self._structure, params, statistics = nnx.split(abstract, nnx.Param, nnx.BatchStat)
        self._empty = params, statistics

    def init(self, seed: int) -> tuple[Arrays, Arrays]:
        """Fresh (params, batch statistics), the same on every backend."""
        _, params, statistics = nnx.split(self._model(Draw(seed)), nnx.Param, nnx.BatchStat)
        return _flat(params), _flat(statistics)

    def _model(self, draw: Draw) -> MCCL:
        return MCCL(self.cues, self.options, draw, self.predicts_severity)

    def bind(self, params: Arrays, statistics: Arrays) -> MCCL:
        """The model that holds these arrays. Cheap; inside jit it costs nothing at run time."""
        return nnx.merge(self._structure, *map(_filled, self._empty, (params, statistics)))

    @staticmethod
    def statistics(model: MCCL) -> Arrays:
        """The running statistics that a model holds after a pass in training mode."""
        return _flat(nnx.state(model, nnx.BatchStat))


def _flat(state: nnx.State) -> Arrays:
    return {"/".join(map(str, path)): leaf[...] for path, leaf in nnx.to_flat_state(state)}


def _filled(empty: nnx.State, arrays: Arrays) -> nnx.State:
    """`empty` with its leaves replaced by the arrays of the same paths."""
    return nnx.from_flat_state(
        [(path, leaf.replace(arrays["/".join(map(str, path))])) for path, leaf in nnx.to_flat_state(empty)]
    )
