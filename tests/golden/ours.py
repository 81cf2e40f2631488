"""Our model on the official weights and inputs: golden values by their names, whole or piece by piece.

The whole is two compiled programs a precision, a step of training and an evaluation. The pieces run operation by
operation or are tiny, so that a small change to the code needs no long compilation (see mutations.py).
"""

import dataclasses
import functools
import types
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from mccl_jax.data.batches import Batch
from mccl_jax.data.official import official_windows
from mccl_jax.interop.official import by_layer, from_official
from mccl_jax.losses import contrastive_loss
from mccl_jax.models.mccl import MCCL, ModelOptions, Views
from mccl_jax.models.network import Arrays, Network
from mccl_jax.models.norm import Pass
from mccl_jax.training.schedule import Schedule
from mccl_jax.training.step import Hyper, adam, embed, train_step
from tests.golden import official, plain, recipe

OFFICIAL_CUES = {"landmarks": (68, 3), "gaze": (4, 3), "pose": (2, 3), "aus": (14, 1)}
# The official form: one set of running statistics for all cues (D10), eps 0.1 in the interaction (D5), no mask.
OFFICIAL = ModelOptions(norm_eps=0.1, masked=False, statistics_per_cue=False)
TEMPERATURE = 0.09


# Four epochs of two batches, one of them warm-up, as in the golden trajectory.
SCHEDULE, PER_EPOCH = Schedule(epochs=4, warmup_epochs=1, floor=5e-6), 2
STEPS = 8
# Whole models are compiled with little optimisation: compiling is what costs, not running.
QUICK = {"xla_backend_optimization_level": 1}


def arrays(dtype: str):
    """(params, batch statistics, cues, mask, segment) of the small batch."""
    params, statistics = from_official(official.tensors(), OFFICIAL)
    params, statistics = jax.tree.map(lambda x: np.asarray(x, dtype), (params, statistics))
    return params, statistics, *batch_of(official.inputs(), dtype)[:3]


def batch_of(cues: dict[str, np.ndarray], dtype: str) -> Batch:
    """A batch of these cues, every frame of every session there, each of another person."""
    B, T = next(iter(cues.values())).shape[:2]
    cues = {name: np.asarray(x, dtype) for name, x in cues.items()}
    return Batch(cues, np.ones((B, T), dtype), np.zeros((B, T), np.int32), np.arange(B), np.ones(B, dtype))


class Watched(Network):
    """A network whose statistics hold the views of the pass as well, so that one compiled step tells all of it."""

    def bind(self, params, statistics):
        return _Watched(super().bind(params, statistics))

    @staticmethod
    def statistics(model):
        return Network.statistics(model.model) | {"views": model.views}


class _Watched:
    def __init__(self, model: MCCL):
        self.model, self.head = model, model.head

    def __call__(self, *batch) -> Views:
        self.views = self.model(*batch)
        return self.views


class Step(NamedTuple):
    """What a step of training tells of its batch: views, metrics, gradient, and running statistics behind it."""

    views: Views
    metrics: dict[str, tuple]
    gradient: Arrays
    statistics: Arrays


class Course(NamedTuple):
    """The golden trajectory: its steps, and the first batch in evaluation mode before and behind them."""

    steps: list[Step]
    evaluated: tuple[Views, Views]
    evaluated_loss: tuple[np.ndarray, np.ndarray]


def _training(options: ModelOptions, dtype: str):
    """(compiled step, its state at the start, hyperparameters) of the golden trajectory; state -> (state, `Step`)."""
    network, optimizer = Watched(OFFICIAL_CUES, options), adam(eps=0.1)

    @functools.partial(jax.jit, compiler_options=QUICK)
    def advance(state, batch, hyper):
        seen = {}

        def update(gradient, moments):
            seen["gradient"] = gradient
            return optimizer.update(gradient, moments)

        watched = optax.GradientTransformation(optimizer.init, update)
        state, metrics = train_step(network, watched, SCHEDULE, state, batch, hyper, head_learns=False)
        views = state["batch_stats"].pop("views")
        return state, Step(views, metrics, seen["gradient"], state["batch_stats"])

    params, statistics, *_ = arrays(dtype)
    moments = jax.tree.map(np.asarray, optimizer.init(params)._asdict())
    state = {"params": params, "batch_stats": statistics, "opt_state": moments, "step": np.int32(0)}
    rates = (np.asarray(x, dtype) for x in (5e-4, 0.05, TEMPERATURE))
    return advance, state, Hyper(np.int32(0), *rates, np.int32(PER_EPOCH))


@functools.cache
def course(dtype: str) -> Course:
    """All that is computed of the whole model on the small batches: one compiled step, one compiled evaluation."""
    with jax.enable_x64(dtype == "float64"):
        network = Network(OFFICIAL_CUES, OFFICIAL)

        @functools.partial(jax.jit, compiler_options=QUICK)
        def evaluate(params, statistics, batch):
            model = network.bind(params, statistics)
            views = model(batch.cues, batch.mask, batch.segment)
            return views, loss(model, views, TEMPERATURE)

        advance, state, hyper = _training(OFFICIAL, dtype)
        batches = [batch_of(official.inputs(i), dtype) for i in range(2)]
        before = evaluate(state["params"], state["batch_stats"], batches[0])
        steps = []
        for k in range(STEPS):
            state, step = advance(state, batches[k % 2], hyper)
            steps.append(jax.device_get(step))
        behind = evaluate(state["params"], state["batch_stats"], batches[0])
        return Course(steps, *zip(*jax.device_get((before, behind)), strict=True))


def in_bfloat16() -> tuple[dict, Step]:
    """(state behind it, what it tells): the first step where bfloat16 is multiplied."""
    advance, state, hyper = _training(dataclasses.replace(OFFICIAL, dtype="bfloat16"), "float32")
    return jax.device_get(advance(state, batch_of(official.inputs(), "float32"), hyper))


def whole(dtype: str) -> dict[str, np.ndarray]:
    """Everything that the golden file holds of the small batch: evaluation, training, statistics, gradients."""
    (step, *_), (evaluated, _), (evaluated_loss, _) = course(dtype)
    out = {"small/eval/loss": evaluated_loss, "small/train/loss": step.metrics["loss"][0]}
    out |= of_views("eval", evaluated) | of_views("train", step.views)
    out |= {f"small/train/running/{name}": tensor for name, tensor in by_layer(step.statistics, OFFICIAL).items()}
    for name, tensor in by_layer(step.gradient, OFFICIAL).items():
        out[f"small/train/grad_norm/{name}"] = np.linalg.norm(tensor)
        out[f"small/train/grad_head/{name}"] = tensor.reshape(-1)[:4]
    return out


def trajectory(dtype: str) -> dict[str, np.ndarray]:
    """Losses and rates of the eight steps, and the embeddings of the first batch behind them."""
    steps, (_, behind), _ = course(dtype)
    return {
        "trajectory/loss": np.array([step.metrics["loss"][0] for step in steps]),
        "trajectory/lr": np.array([step.metrics["learning_rate"][0] for step in steps]),
        "trajectory/final/inter/z": behind.inter.z,
        "trajectory/final/intra/z": behind.intra.z,
    }


def full(dtype: str, seed: int) -> dict[str, np.ndarray]:
    """Both embeddings of two sessions of full length, in evaluation mode; `seed` is the inputs' own."""
    with jax.enable_x64(dtype == "float64"):
        params, statistics, *_ = arrays(dtype)
        batch = batch_of(official.drawn(2, 1260, seed), dtype)
        embedded = jax.jit(functools.partial(embed, Network(OFFICIAL_CUES, OFFICIAL)), compiler_options=QUICK)
        z = jax.device_get(embedded(params, statistics, batch))
        return {f"full/eval/{view}/z": z[:, i] for i, view in enumerate(("inter", "intra"))}


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


def schedule(dtype: str) -> dict[str, np.ndarray]:
    """The rates of the official defaults, and those of the golden trajectory."""
    with jax.enable_x64(dtype == "float64"):
        peak = jnp.asarray(5e-4, dtype)
        official_defaults = Schedule(epochs=300, warmup_epochs=10, floor=5e-6)
        found = {
            "schedule/lr_300_epochs_of_4": jax.vmap(official_defaults, (0, None, None))(jnp.arange(1200), peak, 4),
            "trajectory/lr": jax.vmap(SCHEDULE, (0, None, None))(jnp.arange(STEPS), peak, PER_EPOCH),
        }
        return jax.device_get(found)


class Substitute:
    """plain.py's problem in the manner of a `Network`: its views are linear maps of the cue's only frame."""

    def bind(self, params, statistics):
        def model(cues, mask, segment, how):
            return Views(*(types.SimpleNamespace(z=cues["x"][:, 0, :, 0] @ params[view]) for view in Views._fields))

        model.head = lambda z: jnp.tanh(z @ params["head/kernel"])
        return model

    def statistics(self, model):
        return {}


def training(dtype: str) -> dict[str, np.ndarray]:
    """plain.py's training by our step, with a head that learns and with one that does not.

    The second batch of an epoch has two sessions; what else stands in it is not there and must not matter.
    """
    out = {}
    x = plain.sessions()
    rows = np.concatenate([x, 9 + x[: -len(x) % plain.BATCH]]).reshape(-1, plain.BATCH, x.shape[1])
    present = (np.arange(rows.shape[0] * plain.BATCH) < len(x)).reshape(-1, plain.BATCH)
    with jax.enable_x64(dtype == "float64"):
        optimizer = adam(plain.EPS)
        schedule = Schedule(plain.EPOCHS, plain.WARMUP_EPOCHS, plain.FLOOR)
        rates = (np.asarray(h, dtype) for h in (plain.PEAK, plain.DECAY, plain.TEMPERATURE))
        hyper = Hyper(np.int32(0), *rates, np.int32(plain.PER_EPOCH))
        for head_learns in (True, False):
            step = functools.partial(train_step, Substitute(), optimizer, schedule, head_learns=head_learns)
            advance = jax.jit(step, compiler_options=QUICK)
            params = jax.tree.map(lambda p: np.asarray(p, dtype), plain.start())
            moments = jax.tree.map(np.asarray, optimizer.init(params)._asdict())
            state = {"params": params, "batch_stats": {}, "opt_state": moments, "step": np.int32(0)}
            metrics = []
            for k in range(plain.EPOCHS * plain.PER_EPOCH):
                batch = batch_of({"x": rows[k % len(rows)][:, None, :, None]}, dtype)
                batch = batch._replace(present=present[k % len(rows)].astype(dtype))
                state, told = advance(state, batch, hyper)
                metrics.append(told)
            losses, rates = ([m[name][0] for m in metrics] for name in ("loss", "learning_rate"))
            out |= plain.named(head_learns, losses, rates, state["params"])
    return out


def windows(dtype: str) -> dict[str, np.ndarray]:
    """What our preparation, with all mistakes of the official one, makes of the golden recordings; always float32."""
    out = {}
    for number, one in official.recordings().items():
        found = official_windows(one, official.AS_RELEASED)
        out[f"windows/{number}/num_windows"] = np.array(len(found.mask))
        for name, values in found.cues.items():
            out[f"windows/{number}/{name}"] = values[..., 0] if name == "aus" else values
    return out
