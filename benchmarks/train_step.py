"""How fast is a step of training on a CPU, against PyTorch?

python -m pip install -r requirements-bench.txt     # for the comparison alone
python benchmarks/train_step.py             about 12 minutes on 2 cores
python benchmarks/train_step.py --batch=32
python benchmarks/train_step.py --cues      each cue's trunks alone, forwards, and forwards and backwards; eager only

The full-size model of configs/daic_woz.py, float32, batches of noise: forward pass, loss, gradient and AdamW; ours,
ours with the plain form of each operation of mccl_jax/models/ops.py, and the same model in PyTorch, eager and compiled,
in both layouts. First loss, gradient and running statistics are held against one another, then they take turns.
"""

import full_size
import jax
import numpy as np
import torch
import torch_model
from absl import app, flags, logging

from mccl_jax.models.norm import Pass

BATCH = flags.DEFINE_integer("batch", 8, "Sessions at once.")
REPETITIONS = flags.DEFINE_integer("repetitions", 7, "Calls that are timed, of which the median counts.")
EACH_CUE = flags.DEFINE_bool("cues", False, "Trunks of each cue in the place of the whole model.")
# float32 through twenty layers and back; the share of the whole gradient, or of the largest entry.
MOST = {"loss": 1e-4, "gradient": 1e-2, "running statistics": 1e-4}


def ours(batch):
    """(what a step tells, a step)."""
    program, arguments = full_size.our_step(batch)
    program = program.lower(*arguments).compile()
    state, metrics = program(*arguments)
    gradient = {name: np.asarray(x) / 0.1 for name, x in state["opt_state"]["mu"].items()}  # of Adam's first step
    arrays = full_size.by_their_names(gradient), full_size.by_their_names(state["batch_stats"])
    return (float(metrics["loss"][0]), *arrays), lambda: jax.block_until_ready(program(*arguments))


def _form(batch, compiled: bool, channels_last: bool) -> torch_model.Form:
    _, params, batch_stats = full_size.network()
    tensors = full_size.by_their_names({**params, **batch_stats})
    return torch_model.form(tensors, batch.cues, compiled, channels_last)


def theirs(batch, compiled: bool, channels_last: bool):
    """The same of a form of PyTorch's model."""
    model, call, cues = _form(batch, compiled, channels_last)
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), 0.0, eps=full_size.EPS, weight_decay=full_size.DECAY, fused=True)

    def step():
        optimizer.zero_grad(set_to_none=True)
        loss = torch_model.contrastive(*map(model.loss, call(cues)), full_size.TEMPERATURE)
        loss.backward()
        optimizer.step()
        return loss

    loss = float(step().detach())
    gradient = {name: p.grad.numpy().copy() for name, p in model.named_parameters()}
    running = {name: x.numpy().copy() for name, x in model.named_buffers() if "running" in name}
    for group in optimizer.param_groups:
        group["lr"] = full_size.RATE
    return (loss, gradient, running), step


def differences(found, expected) -> dict[str, float]:
    """Of what two steps tell."""
    (loss, gradient, running), (their_loss, theirs, their_running) = found, expected
    square = sum(float(np.sum((gradient[name].astype(float) - theirs[name]) ** 2)) for name in theirs)
    return {
        "loss": abs(loss - their_loss) / their_loss,
        "gradient": (square / sum(float(np.sum(x.astype(float) ** 2)) for x in theirs.values())) ** 0.5,
        "running statistics": max(full_size.difference(running[name], x) for name, x in their_running.items()),
    }


def whole() -> None:
    """A step of the whole model."""
    batch = full_size.noise(BATCH.value)
    every = {"mccl_jax": ours(batch)}
    with full_size.plain_forms():
        every["mccl_jax, plain forms"] = ours(batch)
    for name, form in torch_model.FORMS.items():
        every[name] = theirs(batch, *form)
    expected = every["PyTorch, eager"][0]
    off = [differences(told, expected) for told, _ in every.values()]
    most = {what: max(of_one[what] for of_one in off) for what in MOST}
    print(", ".join(f"{what}: differs by at most {share:.0e}" for what, share in most.items()))
    if any(most[what] > limit for what, limit in MOST.items()):
        raise SystemExit("the models are not the same")
    print(f"a step of training, {BATCH.value} sessions:")
    calls = {name: call for name, (_, call) in every.items()}
    full_size.table(full_size.in_turns(calls, REPETITIONS.value), BATCH.value)


def _direction() -> np.ndarray:
    """(F,) along which features are summed, so that every one of them matters."""
    size = torch_model.features(full_size.OPTIONS)
    return np.random.default_rng(1).normal(size=size).astype(np.float32)


def trunk_ours(batch, cue: str, backward: bool):
    """Both trunks over one cue: sum of the features times a random direction, and its gradient."""
    net, params, batch_stats = full_size.network()
    S, direction = full_size.OPTIONS.segments, _direction()

    def value(params, x, mask):
        model, how = net.bind(params, batch_stats), Pass(train=backward)
        B, T = mask.shape
        whole = model.inter.trunk(x, mask, how)
        cut = model.intra.trunk(x.reshape(B * S, T // S, *x.shape[2:]), mask.reshape(B * S, -1), how)
        return (whole @ direction).sum() + (cut @ direction).sum()

    arguments = jax.device_put((params, batch.cues[cue], batch.mask))
    program = jax.jit(jax.value_and_grad(value) if backward else value).lower(*arguments).compile()
    return lambda: jax.block_until_ready(program(*arguments))


def trunk_theirs(batch, cue: str, backward: bool, channels_last: bool):
    """The same in PyTorch, eager."""
    model, _, cues = _form(batch, False, channels_last)
    model.train(backward)
    x, S = cues[list(batch.cues).index(cue)], full_size.OPTIONS.segments
    direction = torch.from_numpy(_direction())

    def value(x):
        cut = torch.stack(x.chunk(S, dim=2), 1).flatten(0, 1)
        return (model.inter.resnet(x) @ direction).sum() + (model.intra.resnet(cut) @ direction).sum()

    def run():
        with torch.set_grad_enabled(backward):
            found = value(x)
        if backward:
            model.zero_grad(set_to_none=True)
            found.backward()
            return found.detach(), model.inter.resnet.bn1.weight.grad
        return found

    return run


def each_cue() -> None:
    """Forwards, and forwards and backwards, through both trunks, cue by cue."""
    batch = full_size.noise(BATCH.value)
    for cue, backward in ((cue, backward) for cue in full_size.CUES for backward in (False, True)):
        calls = {"mccl_jax": trunk_ours(batch, cue, backward)}
        with full_size.plain_forms():
            calls["mccl_jax, plain forms"] = trunk_ours(batch, cue, backward)
        for name, (compiled, channels_last) in torch_model.FORMS.items():
            if not compiled:
                calls[name] = trunk_theirs(batch, cue, backward, channels_last)
        values = [np.asarray(call()[0] if backward else call()) for call in calls.values()]
        spread = float(np.ptp(values) / np.abs(values).max())
        print(f"{cue}, {'forwards and backwards' if backward else 'forwards'}; values differ by {spread:.0e}:")
        if spread > 1e-3:
            raise SystemExit(f"the trunks are not the same: {values}")
        full_size.table(full_size.in_turns(calls, REPETITIONS.value), BATCH.value)


def main(_) -> None:
    logging.set_verbosity(logging.ERROR)  # JAX tells of devices that are not there
    print(f"{full_size.machine()}; torch {torch.__version__}, {torch.get_num_threads()} threads", flush=True)
    each_cue() if EACH_CUE.value else whole()


if __name__ == "__main__":
    app.run(main)
