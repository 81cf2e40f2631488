"""One step of training: AdamW against a loop, what moves and what does not, and one program for all folds."""

import functools
import re
import types
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AbstractMesh, AxisType

from mccl_jax.data.batches import Batch
from mccl_jax.losses import contrastive_loss
from mccl_jax.training import mesh as meshes
from mccl_jax.training.schedule import Schedule
from mccl_jax.training.step import Hyper, adam, embed, init_state, train_step

SCHEDULE = Schedule(epochs=5, warmup_epochs=1, floor=1e-3)


class Views(NamedTuple):
    inter: object
    intra: object


class Linear:
    """A network in name only: each view is a linear map of the cue's mean; its statistic counts the passes."""

    def init(self, seed):
        rng = np.random.default_rng(seed)
        return {name: jnp.asarray(rng.normal(size=(3, 4))) for name in ("first", "second")}, {"passes": jnp.zeros(())}

    def bind(self, params, statistics):
        def model(cues, mask, segment, how):
            x = cues["aus"].mean(axis=(1, 3))
            if how.train:
                model.passes = statistics["passes"] + 1
            views = (types.SimpleNamespace(z=x @ params[name]) for name in ("first", "second"))
            return Views(*views)

        model.passes, model.head = statistics["passes"], jnp.tanh
        return model

    def statistics(self, model):
        return {"passes": model.passes}


def data(N=7, seed=0):
    rng = np.random.default_rng(seed)
    cues = {"aus": jnp.asarray(rng.normal(size=(N, 6, 3, 1)))}
    return Batch(cues, jnp.ones((N, 6)), jnp.zeros((N, 6), jnp.int32), jnp.arange(N), jnp.ones(N))


def hyper(seed=0, learning_rate=0.1, weight_decay=0.2, temperature=0.09, steps_per_epoch=2):
    return Hyper(*map(jnp.asarray, (seed, learning_rate, weight_decay, temperature, steps_per_epoch)))


@jax.jit
def gradient(params, batch):
    def loss(params):
        x = batch.cues["aus"].mean(axis=(1, 3))
        a, b = (jnp.tanh(x @ params[name]) for name in ("first", "second"))
        return contrastive_loss(a, b, batch.subject, batch.present, jnp.asarray(0.09))

    return jax.value_and_grad(loss)(params)


@pytest.mark.parametrize("eps", [1e-8, 0.1], ids=["optax's eps", "official eps"])
def test_adamw_is_the_loop_of_its_definition(eps):
    with jax.enable_x64():
        network, optimizer, batch = Linear(), adam(eps), data()
        state = init_state(*network.init(0), optimizer)
        expected = {name: np.array(p) for name, p in state["params"].items()}
        first = {name: np.zeros_like(p) for name, p in expected.items()}
        second = {name: np.zeros_like(p) for name, p in expected.items()}
        step = jax.jit(functools.partial(train_step, network, optimizer, SCHEDULE))
        for k in range(5):
            loss, g = gradient({name: jnp.asarray(p) for name, p in expected.items()}, batch)
            rate = float(SCHEDULE(jnp.asarray(k), jnp.asarray(0.1), 2))
            state, metrics = step(state, batch, hyper())
            for name in expected:
                first[name] = 0.9 * first[name] + 0.1 * np.asarray(g[name])
                second[name] = 0.999 * second[name] + 0.001 * np.asarray(g[name]) ** 2
                m, v = first[name] / (1 - 0.9 ** (k + 1)), second[name] / (1 - 0.999 ** (k + 1))
                # The decay is decoupled from the gradient, and eps stands outside the root.
                expected[name] = expected[name] * (1 - rate * 0.2) - rate * m / (np.sqrt(v) + eps)
                np.testing.assert_allclose(state["params"][name], expected[name], rtol=1e-10)
            norm = np.sqrt(sum((np.asarray(x) ** 2).sum() for x in g.values()))
            for name, value in (("loss", loss), ("gradient_norm", norm), ("learning_rate", rate)):
                total, count = metrics[name]
                assert total == pytest.approx(float(value), rel=1e-10)
                assert count == 1


@pytest.fixture(scope="module")
def step():
    return jax.jit(functools.partial(train_step, Linear(), adam(1e-8), SCHEDULE))


def test_the_first_step_moves_moments_and_statistics_only(step):
    state = init_state(*Linear().init(0), adam(1e-8))
    after, _ = step(state, data(), hyper())
    for name, value in state["params"].items():
        np.testing.assert_array_equal(after["params"][name], value)
    assert all(np.any(moment) for moment in after["opt_state"]["mu"].values())
    assert after["batch_stats"]["passes"] == after["step"] == after["opt_state"]["count"] == 1
    assert jax.tree.structure(after) == jax.tree.structure(state)


def test_a_batch_without_sessions_only_decays(step):
    state = init_state(*Linear().init(0), adam(1e-8)) | {"step": jnp.array(1)}
    after, metrics = step(state, data()._replace(present=jnp.zeros(7)), hyper())
    rate = float(SCHEDULE(jnp.array(1), jnp.array(0.1), 2))
    assert metrics["loss"][0] == 0
    for name, value in state["params"].items():
        np.testing.assert_allclose(after["params"][name], value * (1 - 0.2 * rate), rtol=1e-6)


class Predicting(Linear):
    """Says a severity: the sum of both views."""

    def bind(self, params, statistics):
        model = super().bind(params, statistics)
        model.severity, model.head = lambda inter, intra: (inter + intra).sum(axis=1), None
        return model


def test_severity_is_learnt_in_place_of_the_contrast():
    network, optimizer, batch = Predicting(), adam(1e-8), data()
    target = np.array([1, np.nan, 3, 0, -1, 2, np.nan], np.float32)
    state = init_state(*network.init(0), optimizer) | {"step": jnp.array(1)}
    step = jax.jit(functools.partial(train_step, network, optimizer, SCHEDULE, objective="severity"))
    known = np.isfinite(target)
    predicted = (batch.cues["aus"].mean(axis=(1, 3)) @ sum(state["params"].values())).sum(axis=1)
    after, metrics = step(state, batch._replace(target=target), hyper())
    assert metrics["loss"][0] == pytest.approx(float(((predicted - target)[known] ** 2).mean()), rel=1e-5)
    for _ in range(3):
        after, metrics_after = step(after, batch._replace(target=target), hyper())
    assert metrics_after["loss"][0] < 0.9 * metrics["loss"][0]
    # Who is not known has no say.
    other = dict(batch.cues) | {"aus": jnp.where(known[:, None, None, None], batch.cues["aus"], 7)}
    same, _ = step(state, batch._replace(cues=other, target=target), hyper())
    one, _ = step(state, batch._replace(target=target), hyper())
    for name, value in one["params"].items():
        np.testing.assert_allclose(same["params"][name], value, rtol=1e-6)


def test_embeddings_are_both_views_in_evaluation_mode():
    network, batch = Linear(), data()
    params, statistics = network.init(0)
    z = embed(network, params, statistics, batch)
    assert z.shape == (7, 2, 4)
    x = batch.cues["aus"].mean(axis=(1, 3))
    for view, name in enumerate(("first", "second")):
        np.testing.assert_allclose(z[:, view], x @ params[name], rtol=1e-6)


def test_folds_of_unequal_size_and_other_hyperparameters_share_one_program():
    network, optimizer = Linear(), adam(1e-8)
    mesh = meshes.make_mesh()
    step = functools.partial(train_step, network, optimizer, SCHEDULE)
    advance = meshes.parallel_train_step(step, mesh, batch_size=4)
    losses = []
    for count, options in (
        (7, {}),
        (5, {}),
        (3, {}),
        (7, {"temperature": 0.5}),
        (7, {"seed": 1, "learning_rate": 0.0}),
    ):
        state = init_state(*network.init(0), optimizer) | {"step": jnp.array(1)}
        steps = -(-count // 4)
        arguments = (state, jnp.arange(7), jnp.array(count), hyper(**options, steps_per_epoch=steps), data())
        arguments = meshes.put([arguments], mesh)
        after, metrics = advance(*arguments, *divmod(1, steps))
        assert after["step"].tolist() == [2]
        losses.append(float(metrics["loss"][0][0, 0]))
    assert advance._cache_size() == 1
    assert len(set(losses)) == 5


class Narrow(Linear):
    """Each parameter is used twice, in bfloat16."""

    def bind(self, params, statistics):
        model = super().bind(params, statistics)

        def narrow(cues, mask, segment, how):
            x = cues["aus"].mean(axis=(1, 3)).astype(jnp.bfloat16)
            once = model(cues, mask, segment, how)
            twice = (x @ p.astype(jnp.bfloat16) + (2 * x) @ p.astype(jnp.bfloat16) for p in params.values())
            narrow.passes = model.passes
            return Views(*(types.SimpleNamespace(z=view.z + z) for view, z in zip(once, twice, strict=True)))

        narrow.passes, narrow.head = model.passes, model.head
        return narrow


@pytest.mark.parametrize("network", [Linear(), Narrow()], ids=["", "narrow"])
def test_the_gradient_crosses_the_devices_once(network):
    """All of it, as large as the model, in its own precision, and not once more when it is added up."""
    optimizer = adam(1e-8)
    step = functools.partial(train_step, network, optimizer, SCHEDULE)
    mesh = AbstractMesh((1, 2), ("run", "data"), axis_types=(AxisType.Auto,) * 2)
    advance = meshes.parallel_train_step(step, mesh, batch_size=4)
    state = init_state(*network.init(0), optimizer)
    arguments = jax.tree.map(lambda x: jnp.asarray(x)[None], (state, jnp.arange(7), jnp.array(7), hyper(), data()))
    program = str(jax.make_jaxpr(advance)(*arguments, 0, 0))
    sums = re.findall(r"(.*) = psum_invariant\[", program)
    assert [part for one in sums for part in re.findall(r"\w+\[3,4\]", one)] == ["f32[3,4]"] * len(state["params"])


@pytest.mark.parametrize(("sizes", "there"), [((2, 1), False), ((1, 2), True)])
def test_runs_on_a_device_each_send_nothing(sizes, there):
    network, optimizer, runs = Linear(), adam(1e-8), sizes[0]
    mesh = AbstractMesh(sizes, ("run", "data"), axis_types=(AxisType.Auto,) * 2)
    advance = meshes.parallel_train_step(functools.partial(train_step, network, optimizer, SCHEDULE), mesh, 4)
    embed_all = meshes.parallel_embed(functools.partial(embed, network), mesh, 4)
    of_run = init_state(*network.init(0), optimizer), jnp.arange(7), jnp.array(7), hyper(), data()
    states, *others = jax.tree.map(lambda x: jnp.stack([jnp.asarray(x)] * runs), of_run)
    programs = jax.make_jaxpr(advance)(states, *others, 0, 0), jax.make_jaxpr(embed_all)(states, others[-1])
    for program in map(str, programs):
        assert bool(re.search("psum|all_gather|axis_index|ppermute|all_to_all", program)) is there
