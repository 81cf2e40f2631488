"""The official model's weights, inputs and values (see README.md here), and our model on them."""

import functools
import json
import os
import pathlib

import jax
import jax.numpy as jnp
import numpy as np

from mccl_jax.interop.official import from_official, to_official
from mccl_jax.losses import contrastive_loss
from mccl_jax.models.mccl import ModelOptions
from mccl_jax.models.network import Network
from mccl_jax.models.norm import Pass

from . import recipe

HERE = pathlib.Path(__file__).parent
SEED = int(os.environ.get("MCCL_GOLDEN_SEED", "0"))
OFFICIAL_CUES = {"landmarks": (68, 3), "gaze": (4, 3), "pose": (2, 3), "aus": (14, 1)}
# The official form: one set of running statistics for all cues (D10), eps 0.1 in the interaction (D5), no mask.
OFFICIAL = ModelOptions(norm_eps=0.1, masked=False, statistics_per_cue=False)


@functools.cache
def values() -> dict[str, np.ndarray]:
    with np.load(os.environ.get("MCCL_GOLDEN_MODEL", HERE / "model_seed0.npz")) as file:
        return dict(file)


def weights() -> tuple[dict, dict]:
    shapes = json.loads((HERE / "parameters.json").read_text())
    tensors = {name: recipe.weight(name, tuple(shape), SEED) for name, shape in shapes.items()}
    return from_official(tensors, OFFICIAL)


def inputs() -> dict[str, np.ndarray]:
    cues = {name: values()[f"small/in/{name}"] for name in recipe.CUES}
    return cues | {"aus": cues["aus"][..., None]}


@functools.cache
def ours(dtype: str) -> dict[str, np.ndarray]:
    """Everything the golden file holds of the small batch, by its names, as our model computes it in `dtype`."""
    with jax.enable_x64(dtype == "float64"):
        network = Network(OFFICIAL_CUES, OFFICIAL)
        params, statistics = jax.tree.map(lambda x: jnp.asarray(x, dtype), weights())
        cues = jax.tree.map(lambda x: jnp.asarray(x, dtype), inputs())
        B, T = cues["aus"].shape[:2]
        mask, segment = jnp.ones((B, T), dtype), jnp.zeros((B, T), jnp.int32)

        def run(params, how):
            model = network.bind(params, statistics)
            views = model(cues, mask, segment, how)
            projected = model.head(views.inter.z), model.head(views.intra.z)
            loss = contrastive_loss(*projected, jnp.arange(B), jnp.ones(B, dtype), jnp.asarray(0.09, dtype))
            return loss, (views, network.statistics(model))

        evaluated = jax.jit(functools.partial(run, how=Pass()))(params)
        trained, gradients = jax.jit(jax.value_and_grad(functools.partial(run, how=Pass(train=True)), has_aux=True))(
            params
        )
    out = {}
    for mode, (loss, (views, moved)) in (("eval", evaluated), ("train", trained)):
        out[f"small/{mode}/loss"] = loss
        out[f"small/{mode}/inter/z"], out[f"small/{mode}/intra/z"] = views.inter.z, views.intra.z
        for ours_, theirs in (("features", "cue_features"), ("attention", "attention"), ("gated", "gated")):
            out[f"small/{mode}/inter/{theirs}"] = getattr(views.inter, ours_)
        for k, cue in enumerate(recipe.CUES):
            for ours_, theirs in (("features", "segment_features"), ("attention", "attention"), ("gated", "gated")):
                out[f"small/{mode}/intra/{cue}/{theirs}"] = getattr(views.intra, ours_)[k]
    for name, tensor in to_official(jax.device_get(moved), OFFICIAL).items():
        out[f"small/train/running/{name}"] = tensor
    for name, tensor in to_official(jax.device_get(gradients), OFFICIAL).items():
        out[f"small/train/grad_norm/{name}"] = np.linalg.norm(tensor)
        out[f"small/train/grad_head/{name}"] = tensor.reshape(-1)[:4]
    return {name: np.asarray(value) for name, value in out.items()}


def error(found: np.ndarray, expected: np.ndarray) -> float:
    """Largest difference, as a share of the largest expected entry."""
    return float(np.abs(found - expected).max() / max(np.abs(expected).max(), 1e-30))
