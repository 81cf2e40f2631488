"""What the contrastive loss and its gradient cost against the number of pairs.

python benchmarks/contrastive.py            about 9 minutes on 2 cores
python benchmarks/contrastive.py --pairs=1024,8192

Pairs of 128 numbers, temperature 0.09, float32. Temporaries are those of the compiled program; beside them, up to 8192
pairs, those of the form that holds all scores at once, and the largest difference of the gradients.
"""

import functools
import os
import pathlib
import platform
import statistics
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import jax
import jax.numpy as jnp
import numpy as np
from absl import app, flags

from mccl_jax.losses import contrastive_loss

PAIRS = flags.DEFINE_list("pairs", ["1024", "2048", "4096", "8192", "16384", "32768", "65536"], "Sizes of the batch.")
SIZE, REPETITIONS, MOST_WHOLE, MOST_REPEATED = 128, 5, 8192, 8192


def compiled(pairs: int, held: int | None):
    """(program, arguments): value and gradient by both views."""
    a, b = np.random.default_rng(0).normal(size=(2, pairs, SIZE)).astype(np.float32)
    options = {} if held is None else {"held": held}
    loss = functools.partial(contrastive_loss, axis=None, **options)
    subject, there, temperature = jnp.arange(pairs), jnp.ones(pairs), jnp.float32(0.09)
    program = jax.jit(jax.value_and_grad(lambda a, b: loss(a, b, subject, there, temperature), (0, 1)))
    return program.lower(a, b).compile(), (a, b)


def measured(pairs: int, held: int | None) -> tuple[float, float, np.ndarray]:
    """(MiB of temporaries, median seconds, gradient)."""
    program, arguments = compiled(pairs, held)
    seconds = []
    for _ in range(REPETITIONS if pairs <= MOST_REPEATED else 1):
        begin = time.perf_counter()
        _, gradient = jax.block_until_ready(program(*arguments))
        seconds.append(time.perf_counter() - begin)
    return program.memory_analysis().temp_size_in_bytes / 2**20, statistics.median(seconds), np.stack(gradient)


def main(_) -> None:
    device = jax.devices()[0].device_kind
    print(f"{os.cpu_count()} cores, {device}, Python {platform.python_version()}, jax {jax.__version__}")
    print("pairs    temporaries   seconds   all scores at once: temporaries   seconds   difference of the gradients")
    for pairs in map(int, PAIRS.value):
        memory, seconds, gradient = measured(pairs, None)
        line = f"{pairs:6d} {memory:9.1f} MiB {seconds:9.3f}"
        if pairs <= MOST_WHOLE:
            whole_memory, whole_seconds, whole = measured(pairs, pairs**2)
            difference = np.abs(gradient - whole).max() / np.abs(whole).max()
            line += f" {whole_memory:32.1f} MiB {whole_seconds:9.3f} {difference:29.0e}"
        print(line, flush=True)


if __name__ == "__main__":
    app.run(main)
