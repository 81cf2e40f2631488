"""A training of eight steps in plain numpy, the official loop written out: not golden values, but independent ones.

The golden file has the official code's own trajectory, of a model that takes a minute to compile. This one is of a
problem so small that a changed step can be held against it in a second, and it has what the golden one lacks: steps
within the warm-up, batches of unequal size, a head that learns. Nothing here comes from JAX or from mccl_jax: gradients
are complex steps, loss, AdamW and schedule are written from the official formulae.

The problem: a session is a vector x; its views are linear maps of it, z = x W; the head is tanh(z K).
"""

import functools

import numpy as np

SESSIONS, BATCH = 6, 4  # an epoch is a batch of 4 and one of 2, always the same
EPOCHS, WARMUP_EPOCHS, PER_EPOCH = 4, 2, 2
PEAK, FLOOR, DECAY, EPS, TEMPERATURE = 0.1, 1e-3, 0.2, 0.1, 0.09

Params = dict[str, np.ndarray]


def sessions() -> np.ndarray:
    """x of each session, (6, 3)."""
    return np.random.default_rng(1).normal(size=(SESSIONS, 3))


def start() -> Params:
    """What the parameters begin with."""
    rng = np.random.default_rng(0)
    return {"inter": rng.normal(size=(3, 4)), "intra": rng.normal(size=(3, 4)), "head/kernel": rng.normal(size=(4, 4))}


def loss(params: Params, x: np.ndarray) -> complex:
    """The contrastive loss of exactly these sessions, anchor by anchor. Analytic, so that complex steps work."""

    def unit(v):
        return v / np.sqrt((v * v).sum(axis=1, keepdims=True))

    a, b = (unit(np.tanh(x @ params[view] @ params["head/kernel"])) for view in ("inter", "intra"))
    total = 0.0
    for one, other in ((a, b), (b, a)):
        for i in range(len(x)):
            positive = np.exp(one[i] @ other[i] / TEMPERATURE)
            within = sum(np.exp(one[i] @ one[j] / TEMPERATURE) for j in range(len(x)) if j != i)
            across = sum(np.exp(one[i] @ other[j] / TEMPERATURE) for j in range(len(x)))
            total -= np.log(positive / (within + across))
    return total / (2 * len(x))


def gradient(params: Params, x: np.ndarray) -> Params:
    """By complex steps: Im loss(p + i h) / h, exact to rounding since nothing is subtracted."""
    out = {name: np.zeros_like(p) for name, p in params.items()}
    for name, p in params.items():
        for at in np.ndindex(p.shape):
            moved = p.astype(complex)
            moved[at] += 1e-100j
            out[name][at] = loss(params | {name: moved}, x).imag / 1e-100
    return out


def rate_behind(epoch: int, i: int) -> float:
    """The rate that the official code sets behind batch i of an epoch; epochs are counted from 1."""
    t, total, warmup = epoch * PER_EPOCH + i, EPOCHS * PER_EPOCH, WARMUP_EPOCHS * PER_EPOCH
    if t < warmup:
        return PEAK * t / warmup
    return FLOOR + (PEAK - FLOOR) / 2 * (1 + np.cos(np.pi * t / total)) if t < total else FLOOR


def train(head_learns: bool) -> tuple[list[float], list[float], Params]:
    """(losses, rates, parameters at the end) of the official loop: AdamW as PyTorch's, without the head or with it."""
    params, x = start(), sessions()
    learning = [name for name in params if head_learns or not name.startswith("head/")]
    first, second = ({name: np.zeros_like(params[name]) for name in learning} for _ in range(2))
    losses, rates, rate, k = [], [], 0.0, 0
    for epoch in range(1, EPOCHS + 1):
        for i in range(PER_EPOCH):
            batch = x[i * BATCH : (i + 1) * BATCH]
            losses.append(float(np.real(loss(params, batch))))
            rates.append(rate)
            g, k = gradient(params, batch), k + 1
            for name in learning:
                params[name] = params[name] * (1 - rate * DECAY)
                first[name] = 0.9 * first[name] + 0.1 * g[name]
                second[name] = 0.999 * second[name] + 0.001 * g[name] ** 2
                root = np.sqrt(second[name]) / np.sqrt(1 - 0.999**k)
                params[name] = params[name] - rate / (1 - 0.9**k) * first[name] / (root + EPS)
            rate = rate_behind(epoch, i)
    return losses, rates, params


def named(head_learns: bool, losses, rates, params: Params) -> dict[str, np.ndarray]:
    """The values of one training by their names."""
    where = f"plain/head {'learns' if head_learns else 'stays'}"
    named = {f"{where}/loss": np.array(losses), f"{where}/lr": np.array(rates)}
    return named | {f"{where}/final/{name}": np.asarray(p) for name, p in params.items()}


@functools.cache
def values() -> dict[str, np.ndarray]:
    """All of it by name, in the manner of the golden values."""
    return named(True, *train(True)) | named(False, *train(False))
