"""Plants errors in model, training and preparation, one by one, and shows that an expected value betrays each.

    python -m tests.golden.mutations

An error is a change of the source, made in memory: the modules are executed again from the changed text, and the piece
that the error reaches is held against the golden values, or, for the optimiser, against the independent ones of
plain.py (their names begin with "plain/"). Exit status 1 if one goes unnoticed.
"""

import contextlib
import dataclasses
import importlib.util
import inspect
import sys
import time
from collections.abc import Iterator
from types import ModuleType

from tests.golden import official

# What an error may be planted in, in the order in which they import one another.
MODULES = {
    "ops": "mccl_jax.models.ops",
    "norm": "mccl_jax.models.norm",
    "interaction": "mccl_jax.models.interaction",
    "resnet": "mccl_jax.models.resnet",
    "mccl": "mccl_jax.models.mccl",
    "network": "mccl_jax.models.network",
    "losses": "mccl_jax.losses",
    "schedule": "mccl_jax.training.schedule",
    "step": "mccl_jax.training.step",
    "windows": "mccl_jax.data.official",
    "official": "mccl_jax.interop.official",
    "ours": "tests.golden.ours",
}


@dataclasses.dataclass(frozen=True)
class Mutation:
    """In `module` the text `before`, which stands there once, becomes `after`; it must show in `piece`."""

    error: str
    module: str
    before: str
    after: str
    piece: str


# (module, piece) -> error: (before, after). The pieces are functions of ours.py.
_ERRORS = {
    ("interaction", "behind_the_trunks"): {
        "LSTM: gates in the order i, g, f, o": ("i, f, g, o = ", "i, g, f, o = "),
        "LSTM: gates in the order o, f, g, i": ("i, f, g, o = ", "o, f, g, i = "),
        "LSTM: backward states in front": ("([forward, backward]", "([backward, forward]"),
        "LSTM: backward states left in reverse": ("states[::-1, 1]", "states[:, 1]"),
        "LSTM: backward direction reads forwards": ("[x, x[:, ::-1]]", "[x, x]"),
        "LSTM: one bias missing": (" + self.state_bias[...])", ")"),
        "attention: k, q, v": ("q, k, v = ", "k, q, v = "),
        "attention: heads interleaved in the channels": (
            "3, self.heads, D // self.heads), 2, 0)",
            "3, D // self.heads, self.heads).swapaxes(3, 4), 2, 0)",
        ),
        "attention: heads in reverse": ('"bhnm,bmhd->bnhd", attention', '"bhnm,bmhd->bnhd", attention[:, ::-1]'),
        "attention: scaled by all of D": ("* (D // self.heads) ** -0.5", "* D**-0.5"),
        "interaction: gate without the LSTM's output": ("Interaction(h * nnx.", "Interaction(nnx."),
        "1-D convolution: padding in front missing": ("[(1, 1)]", "[(0, 2)]"),
        "1-D convolution: padded with the edge": ("+ [(1, 1)])", '+ [(1, 1)], mode="edge")'),
        "1-D convolution: kernel reversed": ("for k in range(3)", "for k in (2, 1, 0)"),
    },
    ("norm", "behind_the_trunks"): {
        "token normalisation: biased variance": ("keepdims=True) / jnp.maximum(n - 1, 1)", "keepdims=True) / n"),
        "token normalisation: the two mixtures exchanged": ("        a, b = ", "        b, a = "),
    },
    ("mccl", "behind_the_trunks"): {
        "cues in the order of the alphabet": ("for name in self.cue_names}", "for name in sorted(self.cue_names)}"),
    },
    ("ours", "behind_the_trunks"): {
        "token normalisation: eps 1e-5": ("norm_eps=0.1", "norm_eps=1e-5"),
        "loss: temperature 0.1": ("TEMPERATURE = 0.09", "TEMPERATURE = 0.1"),
    },
    ("losses", "losses"): {
        "loss: temperature on the negatives only": (
            "jnp.dot(a_i, b_i, precision=EXACT) / temperature",
            "jnp.dot(a_i, b_i, precision=EXACT)",
        ),
        "loss: the second direction missing": ("one_way(b_i, all_b, all_a)", "one_way(a_i, all_a, all_b)"),
        "loss: not normalised to length 1": ("(_unit(x) for", "(x / 30 for"),
    },
    ("mccl", "losses"): {
        "projection head: relu for elu": ("nnx.elu(", "nnx.relu("),
    },
    ("resnet", "trunks"): {
        "linear layer behind one-channel cues missing": ("if one_channel:", "if False:"),
        "linear layer of one-channel cues behind all cues": ("if one_channel:", "if True:"),
    },
    ("ops", "trunks"): {
        "max-pool: padding in front missing": ("[(1, 1)]", "[(0, 2)]"),
        "convolution of an image one point wide: by the first column": ("kernel[:, k // 2]", "kernel[:, 0]"),
        "convolution of an image one point wide: padding in front missing": ("(k // 2, k // 2), (0", "(0, k - 1), (0"),
        "convolution by a kernel of 1: every second frame from the second on": ("x[:, ::stride", "x[:, 1::stride"),
        "batch normalisation: normalises by the unbiased variance": (
            "inverse = jax.lax.rsqrt(var + eps)",
            "inverse = jax.lax.rsqrt(var * n / (n - 1) + eps)",
        ),
    },
    ("norm", "trunks"): {
        "batch normalisation: eps 1e-3": ("eps: float = 1e-5, mom", "eps: float = 1e-3, mom"),
        "batch normalisation: momentum 0.01": ("momentum: float = 0.1)", "momentum: float = 0.01)"),
        "batch normalisation: running variance biased": (
            "unbiased = var * (n / jnp.maximum(n - 1, 1))",
            "unbiased = var",
        ),
        "batch normalisation: statistics of the cues kept apart": ("self._move(row", "self._move(how.row"),
    },
    ("mccl", "intra_trunk"): {
        "both branches share one trunk": (
            "        self.head = ",
            "        self.intra.trunk = self.inter.trunk\n        self.head = ",
        ),
    },
    ("schedule", "schedule"): {
        "schedule: one step ahead, t = n + step": ("steps_per_epoch + step - 1", "steps_per_epoch + step"),
        "schedule: the first step as the others, at t = n - 1": (
            "jnp.where(step == 0, 0.0, rate)",
            "jnp.where(step == 0, peak * (steps_per_epoch - 1) / warmup, rate)",
        ),
        "schedule: epochs counted from 0": ("steps_per_epoch + step - 1", "step - 1"),
        "schedule: cosine counted from the warm-up's end": (
            "jnp.pi * t / total",
            "jnp.pi * (t - warmup) / (total - warmup)",
        ),
        "schedule: down to 0, not to the floor": ("cosine = self.floor + (peak - self.floor)", "cosine = peak"),
    },
    ("step", "training"): {
        "Adam: eps inside the root": ("b2=0.999, eps=eps)", "b2=0.999, eps=0.0, eps_root=eps)"),
        "Adam: eps squared inside the root": ("b2=0.999, eps=eps)", "b2=0.999, eps=0.0, eps_root=eps**2)"),
        "Adam: second beta 0.99": ("b2=0.999", "b2=0.99"),
        "decay: coupled to the gradient (L2)": (
            "    direction, opt_state = ",
            "    decayed = {name: g + hyper.weight_decay * state['params'][name] for name, g in gradient.items()}\n"
            "    gradient, hyper = decayed, hyper._replace(weight_decay=0.0)\n"
            "    direction, opt_state = ",
        ),
        "decay: not multiplied by the rate": ("rate * (direction[name] + ", "(rate * direction[name] + "),
        "decay: missing": (" + hyper.weight_decay * p)", ")"),
        "D6: the head learns although it should not": ("if head_learns or not", "if True or not"),
        "D6: the head never learns": ("if head_learns or not", "if not"),
        "loss: rows that are no session count": (
            "batch.present, hyper.temp",
            "jnp.ones_like(batch.present), hyper.temp",
        ),
    },
    ("windows", "windows"): {
        "D1 without effect": ("if options.raw_translation_zero_rotation and", "if False and"),
        "D1: translation scaled as well": ("np.stack([cues[", "np.stack([scaled["),
        "D1: axes of the translation exchanged": ('cues["pose"][:, 0], np.z', 'cues["pose"][:, 0, [1, 0, 2]], np.z'),
        "D1: rotation kept": ('np.zeros_like(cues["pose"][:, 1])', 'cues["pose"][:, 1]'),
        "D2 without effect": ("if train and options.landmarks_uncut_in_train:", "if False:"),
        "D2: in dev too": ("if train and options.landmarks_uncut_in_train:", "if options.landmarks_uncut_in_train:"),
        "D3 without effect": ("TRAIN_HOP if train and options.train_hop_50 else", "TRAIN_HOP if False else"),
        "D3: in dev too": ("TRAIN_HOP if train and options", "TRAIN_HOP if options"),
        "D3: hop 55 s": ("50 * FRAME_RATE", "55 * FRAME_RATE"),
        "D4 without effect: failed frames left out": ("    if options.fill_with_one_value:\n", "    if False:\n"),
        "windows: every tenth frame from the fifth on": ("np.arange(0, WINDOW, STEP)", "np.arange(4, WINDOW, STEP)"),
        "windows: begin of the interview rounded up": ("int(start * FRAME_RATE))", "int(start * FRAME_RATE) + 1)"),
        "windows: go on behind the end of the interview": ("begin + rows < end", "begin + rows < len(values)"),
    },
}
MUTATIONS = tuple(
    Mutation(error, module, before, after, piece)
    for (module, piece), errors in _ERRORS.items()
    for error, (before, after) in errors.items()
)
PIECES = ("behind_the_trunks", "losses", "trunks", "intra_trunk", "schedule", "training", "windows")


@contextlib.contextmanager
def planted(mutation: Mutation | None) -> Iterator[ModuleType]:
    """tests.golden.ours over modules that hold the error (or, for None, over ones executed again unchanged)."""
    healthy = {name: importlib.import_module(name) for name in MODULES.values()}
    try:
        for short, name in MODULES.items():
            text = inspect.getsource(healthy[name])
            if mutation and mutation.module == short:
                text = _changed(text, mutation)
            module = importlib.util.module_from_spec(healthy[name].__spec__)
            sys.modules[name] = module
            exec(compile(text, healthy[name].__file__, "exec"), module.__dict__)
        yield sys.modules[MODULES["ours"]]
    finally:
        sys.modules.update(healthy)


def _changed(text: str, mutation: Mutation) -> str:
    if text.count(mutation.before) != 1:
        raise ValueError(
            f"{mutation.error}: {mutation.before!r} occurs {text.count(mutation.before)} times in "
            f"{MODULES[mutation.module]}, expected once: write the mutation anew for the code as it is"
        )
    return text.replace(mutation.before, mutation.after)


def betrayed(mutation: Mutation | None, piece: str) -> dict[str, float]:
    """Expected value -> error / tolerance, worst first, of those that `piece` misses."""
    with planted(mutation) as ours:
        return official.wrong(getattr(ours, piece)("float64"), "float64")


def main() -> int:
    start, failures = time.monotonic(), 0
    print(f"{'planted error':62}{'values off':>11}  worst: error / tolerance")
    for piece in PIECES:
        off = betrayed(None, piece)
        failures += bool(off)
        print(f"{'none, ' + piece.replace('_', ' '):62}{len(off):>11}  {_worst(off)}", flush=True)
    for mutation in MUTATIONS:
        off = betrayed(mutation, mutation.piece)
        failures += not off
        print(f"{mutation.error:62}{len(off):>11}  {_worst(off) or 'NOT NOTICED'}", flush=True)
    print(f"{len(MUTATIONS)} errors, {failures} failures, {time.monotonic() - start:.0f} s")
    return min(failures, 1)


def _worst(off: dict[str, float]) -> str:
    return next((f"{share:.1e}  {name}" for name, share in off.items()), "")


if __name__ == "__main__":
    sys.exit(main())
