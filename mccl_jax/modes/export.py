"""--mode=export: a trained model as a file of PyTorch tensors under the official code's names."""

import pathlib

from mccl_jax.errors import UserError
from mccl_jax.inference import Model
from mccl_jax.interop.official import CUES, to_official
from mccl_jax.interop.tensors import write_tensors


def run(checkpoint: str | pathlib.Path, output: pathlib.Path, say=print) -> None:
    """Writes `output`, a .safetensors file. Raises UserError where the model has another form than the official one."""
    model = Model.load(checkpoint)
    if tuple(model.network.cues) != CUES:
        raise UserError(
            f"{checkpoint}: reads the cues {', '.join(model.network.cues)}; expected {', '.join(CUES)} in this order, "
            "as the official model: train with these"
        )
    if departures := model.config.departures:
        raise UserError(
            f"{checkpoint}: is of other parts than the official model ({', '.join(departures)}): train without these"
        )
    tensors = to_official(model.params, model.batch_stats, model.network.options)
    write_tensors(output, tensors)
    say(f"{output}: {len(tensors)} tensors; how to load them in PyTorch: mccl_jax/interop/README.md")
