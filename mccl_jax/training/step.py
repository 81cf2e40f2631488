"""One step of training and one of embedding: pure functions of a device's share, with named collectives."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int

from mccl_jax.data.batches import Batch
from mccl_jax.losses import CONTRASTIVE, SEVERITY, contrastive_loss, severity_loss
from mccl_jax.models.network import Arrays, Network
from mccl_jax.models.norm import EVALUATION, Pass
from mccl_jax.training.schedule import Schedule

State = dict[str, Arrays | Array]
HEAD = "head/"  # what the names of the projection head's parameters begin with


class Hyper(NamedTuple):
    """What may differ between runs that share one compiled program."""

    seed: Int[Array, ""]
    learning_rate: Float[Array, ""]
    weight_decay: Float[Array, ""]
    temperature: Float[Array, ""]
    steps_per_epoch: Int[Array, ""]


def adam(eps: float) -> optax.GradientTransformation:
    """Adam's direction, betas 0.9 and 0.999, eps outside the bias-corrected root."""
    return optax.scale_by_adam(b1=0.9, b2=0.999, eps=eps)


def init_state(params: Arrays, batch_stats: Arrays, optimizer: optax.GradientTransformation) -> State:
    """A plain dict of arrays: params, batch_stats, opt_state (moments of the gradient, count), step."""
    # All of Adam's begins at 0. Made by the optimizer itself, each shape would be a program to compile, 0.9 s in all.
    opt_state = jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), jax.eval_shape(optimizer.init, params))
    return {
        "params": params,
        "batch_stats": batch_stats,
        "opt_state": opt_state._asdict(),
        "step": np.zeros((), np.int32),
    }


def train_step(
    network: Network,
    optimizer: optax.GradientTransformation,
    schedule: Schedule,
    state: State,
    batch: Batch,
    hyper: Hyper,
    axis: str | None = None,
    head_learns: bool = True,
    objective: str = CONTRASTIVE,
) -> tuple[State, dict[str, tuple[Array, Array]]]:
    """Loss, its gradient, AdamW with decay as p (1 - rate wd). Metrics leave as (sum, count) pairs.

    `objective`: the contrastive loss of the projected views, or the squared error of what the network's severity head
    says of `batch.target`.

    `head_learns` False: the projection head keeps the values that it began with, as in the official code, where it is
    in no optimizer.
    """

    # Under shard_map JAX keeps count of what differs between devices, and adds up the gradient itself; under pmap not.
    counted = axis is not None and axis in jax.typeof(jax.lax.axis_index(axis)).manual_axis_type.varying

    def loss_of(params):
        if counted:
            # It adds up here, once and in the precision of the parameters, not at each of their uses.
            params = jax.tree.map(lambda p: jax.lax.pcast(p, axis, to="varying"), params)
        model = network.bind(params, state["batch_stats"])
        views = model(batch.cues, batch.mask, batch.segment, Pass(train=True, axis=axis))
        z = views.inter.z, views.intra.z
        if objective == SEVERITY:
            loss = severity_loss(model.severity(*z), batch.target, batch.present, axis)
        else:
            loss = contrastive_loss(*map(model.head, z), batch.subject, batch.present, hyper.temperature, axis)
        return loss, network.statistics(model)

    (loss, batch_stats), gradient = jax.value_and_grad(loss_of, has_aux=True)(state["params"])
    if axis is not None and not counted:
        gradient = jax.lax.pmean(gradient, axis)
    direction, opt_state = optimizer.update(gradient, optax.ScaleByAdamState(**state["opt_state"]))
    rate = schedule(state["step"], hyper.learning_rate, hyper.steps_per_epoch)
    params = {
        name: p - rate * (direction[name] + hyper.weight_decay * p) if head_learns or not name.startswith(HEAD) else p
        for name, p in state["params"].items()
    }
    metrics = {"loss": loss, "gradient_norm": optax.tree.norm(gradient), "learning_rate": rate}
    state = {"params": params, "batch_stats": batch_stats, "opt_state": opt_state._asdict(), "step": state["step"] + 1}
    return state, {name: (value, jnp.ones_like(value)) for name, value in metrics.items()}


def embed(network: Network, params: Arrays, batch_stats: Arrays, batch: Batch) -> Float[Array, "B 2 D"]:
    """z_inter and z_intra of each session, in evaluation mode."""
    views = network.bind(params, batch_stats)(batch.cues, batch.mask, batch.segment, EVALUATION)
    return jnp.stack([views.inter.z, views.intra.z], axis=1)
