"""What a training begins with: random values, a ResNet-18 of ImageNet in both trunks, or a whole official model."""

import dataclasses

from mccl_jax.errors import UserError
from mccl_jax.files import refuse_remote
from mccl_jax.interop.official import CUES, from_official
from mccl_jax.interop.resnet import GREY, from_resnet18
from mccl_jax.interop.tensors import read_tensors
from mccl_jax.models.network import Arrays, Network

RANDOM = "random"


@dataclasses.dataclass(frozen=True)
class InitOptions:
    """Where the first values come from.

    weights    "random", or a file of a ResNet-18 for the trunks (.safetensors, .npz, or a PyTorch file where torch is
               installed).
    grey       the stem of one-channel cues, which ImageNet lacks: "random" as in the official code, or "sum" over the
               colour channels of the other stem.
    official   files of an official MCCL model's tensors (mccl_jax/interop/README.md), which are all that it begins
               with but the projection head where they lack it; empty: none.
    """

    weights: str = RANDOM
    grey: str = "random"
    official: tuple[str, ...] = ()

    def __post_init__(self):
        if not self.weights:
            raise UserError(
                "init.weights is empty: this config begins with ImageNet weights; give a file of a ResNet-18 "
                "(mccl_jax/interop/README.md), as in --config.init.weights=resnet18.safetensors, or "
                "--config.init.weights=random"
            )
        for key, file in (("weights", self.weights), *(("official", file) for file in self.official)):
            refuse_remote(f"init.{key}", file)
        if self.grey not in GREY:
            raise UserError(f"init.grey is {self.grey!r}: expected {' or '.join(GREY)}")
        if self.official and self.weights != RANDOM:
            raise UserError("init.weights and init.official are both given: expected one of them")

    @property
    def words(self) -> str:
        """How the encoders began, for every place where a score stands."""
        if self.official:
            return f"begun with {', '.join(self.official)}"
        return "begun at random" if self.weights == RANDOM else f"trunks begun with {self.weights}"


def begin(network: Network, seed: int, options: InitOptions) -> tuple[Arrays, Arrays]:
    """(params, batch statistics) of a model that has not been trained here.

    Raises UserError where a file cannot be used, or does not fit the model.
    """
    params, batch_stats = network.init(seed)
    if options.official:
        if tuple(network.cues) != CUES:
            raise UserError(f"init.official: needs the cues {', '.join(CUES)} in this order, not {[*network.cues]}")
        tensors = {}
        for path in options.official:
            tensors |= read_tensors(path)
        return from_official(tensors, network.options, fresh=params, source=", ".join(options.official))
    if options.weights == RANDOM:
        return params, batch_stats
    tensors = read_tensors(options.weights)
    return from_resnet18(
        tensors, params, batch_stats, network.options, grey=options.grey, seed=seed, source=options.weights
    )
