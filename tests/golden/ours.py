"""Our model on the official weights and inputs: golden values by their names, whole or piece by piece.

The whole is one compiled program a precision. The pieces run operation by operation, so that a small change to the code
needs no new compilation (see mutations.py).
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from mccl_jax.interop.official import by_layer, from_official
from mccl_jax.losses import contrastive_loss
from mccl_jax.models.mccl import MCCL, ModelOptions, Views
from mccl_jax.models.network import Network
from mccl_jax.models.norm import Pass
from tests.golden import official, recipe

OFFICIAL_CUES = {"landmarks": (68, 3), "gaze": (4, 3), "pose": (2, 3), "aus": (14, 1)}
# The official form: one set of running statistics for all cues (D10), eps 0.1 in the interaction (D5), no mask.
OFFICIAL = ModelOptions(norm_eps=0.1, masked=False, statistics_per_cue=False)
TEMPERATURE = 0.09


def arrays(dtype: str):
    """(params, batch statistics, cues, mask, segment) of the small batch."""
    params, statistics = from_official(official.tensors(), OFFICIAL)
    params, statistics, cues = jax.tree.map(lambda x: np.asarray(x, dtype), (params, statistics, official.inputs()))
    B, T = cues["aus"].shape[:2]
    return params, statistics, cues, np.ones((B, T), dtype), np.zeros((B, T), np.int32)


@functools.cache
def whole(dtype: str) -> dict[str, np.ndarray]:
    """Everything that the golden file holds of the small batch: evaluation, training, statistics, gradients."""
    with jax.enable_x64(dtype == "float64"):
        network = Network(OFFICIAL_CUES, OFFICIAL)

        @jax.jit
        def run(params, statistics, cues, mask, segment):
            def passed(params, train):
                model = network.bind(params, statistics)
                views = model(cues, mask, segment, Pass(train=train))
                return loss(model, views, TEMPERATURE), (views, network.statistics(model))

            return passed(params, False), jax.value_and_grad(passed, has_aux=True)(params, True)

        (eval_loss, (eval_views, _)), ((train_loss, (train_views, moved)), gradients) = jax.device_get(
            run(*arrays(dtype))
        )
    out = {"small/eval/loss": eval_loss, "small/train/loss": train_loss}
    out |= of_views("eval", eval_views) | of_views("train", train_views)
    out |= {f"small/train/running/{name}": tensor for name, tensor in by_layer(moved, OFFICIAL).items()}
    for name, tensor in by_layer(gradients, OFFICIAL).items():
        out[f"small/train/grad_norm/{name}"] = np.linalg.norm(tensor)
        out[f"small/train/grad_head/{name}"] = tensor.reshape(-1)[:4]
    return out


def of_views(mode: str, views: Views) -> dict[str, np.ndarray]:
    """Embeddings and what led to them."""
    out = {f"small/{mode}/inter/z": views.inter.z, f"small/{mode}/intra/z": views.intra.z}
    for ours, inter, intra in (
        ("features", "cue_features", "segment_features"),
        ("attention", "attention", "attention"),
        ("gated", "gated", "gated"),
    ):
        out[f"small/{mode}/inter/{inter}"] = getattr(views.inter, ours)
        for k, cue in enumerate(recipe.CUES):
            out[f"small/{mode}/intra/{cue}/{intra}"] = getattr(views.intra, ours)[k]
    return out


def loss(model: MCCL, views: Views, temperature: float) -> jax.Array:
    return projected_loss(model, views.inter.z, views.intra.z, temperature)


def projected_loss(model: MCCL, z_inter, z_intra, temperature: float) -> jax.Array:
    B, dtype = z_inter.shape[0], z_inter.dtype
    present, temperature = jnp.ones(B, dtype), jnp.asarray(temperature, dtype)
    return contrastive_loss(model.head(z_inter), model.head(z_intra), jnp.arange(B), present, temperature)


def losses(dtype: str) -> dict[str, np.ndarray]:
    """The loss alone, of given embeddings, at three batch sizes and temperatures."""
    with jax.enable_x64(dtype == "float64"):
        model = Network(OFFICIAL_CUES, OFFICIAL).bind(*arrays(dtype)[:2])
        found = {
            f"loss/{B}/value{suffix}": projected_loss(
                model, *(jnp.asarray(official.values()[f"loss/{B}/{f}"], dtype) for f in ("f1", "f2")), temperature
            )
            for B in (2, 8, 33)
            for suffix, temperature in (("", TEMPERATURE), ("_tau0.05", 0.05), ("_tau0.5", 0.5))
        }
        return jax.device_get(found)


class Recorded(nnx.Module):
    """Stands in for a trunk: gives the golden features of a cue, which it knows by its number of points."""

    def __init__(self, features: dict[int, np.ndarray]):
        self.features = nnx.data(features)

    def __call__(self, x, mask, how):
        return self.features[x.shape[2]]


def behind_the_trunks(dtype: str) -> dict[str, np.ndarray]:
    """Both branches in evaluation mode, from the golden features on, and the loss."""
    with jax.enable_x64(dtype == "float64"):
        params, statistics, *batch = arrays(dtype)
        model = Network(OFFICIAL_CUES, OFFICIAL).bind(params, statistics)
        points = {cue: V for cue, (V, _) in OFFICIAL_CUES.items()}
        of_cues = np.moveaxis(official.values()["small/eval/inter/cue_features"], 1, 0).astype(dtype)
        model.inter.trunk = Recorded(dict(zip(points.values(), of_cues, strict=True)))
        segments = {V: official.values()[f"small/eval/intra/{cue}/segment_features"] for cue, V in points.items()}
        model.intra.trunk = Recorded({V: x.reshape(-1, x.shape[-1]).astype(dtype) for V, x in segments.items()})
        views = model(*batch, Pass())
        return jax.device_get(of_views("eval", views) | {"small/eval/loss": loss(model, views, TEMPERATURE)})


def trunks(dtype: str) -> dict[str, np.ndarray]:
    """The inter-cue trunk over all cues in training mode, with what they leave in its running statistics."""
    with jax.enable_x64(dtype == "float64"):
        params, statistics, cues, mask, _ = arrays(dtype)
        network = Network(OFFICIAL_CUES, OFFICIAL)
        model = network.bind(params, statistics)
        features = [model.inter.trunk(cues[cue], mask, Pass(True, row=row)) for row, cue in enumerate(OFFICIAL_CUES)]
        moved = {name: x for name, x in network.statistics(model).items() if name.startswith("inter/")}
        running = {f"small/train/running/{name}": x for name, x in by_layer(moved, OFFICIAL).items()}
        return jax.device_get({"small/train/inter/cue_features": jnp.stack(features, axis=1)} | running)


def intra_trunk(dtype: str) -> dict[str, np.ndarray]:
    """The segments of the narrowest cue through the intra-cue trunk in evaluation mode."""
    with jax.enable_x64(dtype == "float64"):
        params, statistics, cues, mask, _ = arrays(dtype)
        model = Network(OFFICIAL_CUES, OFFICIAL).bind(params, statistics)
        name = "small/eval/intra/pose/segment_features"
        B, S, F = official.values()[name].shape
        images = cues["pose"].reshape(B * S, -1, *OFFICIAL_CUES["pose"])
        features = model.intra.trunk(images, mask.reshape(B * S, -1), Pass())
        return {name: np.asarray(features).reshape(B, S, F)}
