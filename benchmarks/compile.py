"""How long until the first step of training, in a fresh process, with and without a compiled program kept from before?

python benchmarks/compile.py                about 5 minutes on 2 cores

The full-size model of configs/daic_woz.py, float32, batch 8, each time in a process of its own with a cache of compiled
programs that is empty (cold) or was filled by the one before (cached); with the fast and with the plain forms of
mccl_jax/models/ops.py. "all" is from the start of the process to the end of the step, imports included.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

import full_size
import jax
from absl import app, flags, logging

from mccl_jax.training.compilation import keep_compiled_programs

REPETITIONS = flags.DEFINE_integer("repetitions", 3, "Processes of each kind, of which the median counts.")
CHILD = flags.DEFINE_string("child", "", "For the processes that are measured: their form.")
STAGES = ("imports", "traced", "compiled", "stepped")
FORMS = ("fast", "plain")


def child(form: str) -> None:
    """Traces, compiles and takes a step; prints when what was done."""
    at = {"imports": time.time()}
    keep_compiled_programs()
    step, arguments = full_size.our_step(full_size.noise(8))
    if form == "plain":
        with full_size.plain_forms():
            lowered = step.lower(*arguments)
    else:
        lowered = step.lower(*arguments)
    at["traced"] = time.time()
    program = lowered.compile()
    at["compiled"] = time.time()
    jax.block_until_ready(program(*arguments))
    at["stepped"] = time.time()
    print(json.dumps(at))


def measured(form: str, cache: str) -> dict[str, float]:
    """Seconds of each stage in a fresh process."""
    begin = time.time()
    environment = os.environ | {"JAX_COMPILATION_CACHE_DIR": cache}
    command = [sys.executable, __file__, f"--child={form}"]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    at = json.loads(done.stdout.splitlines()[-1])
    before = [begin, *(at[stage] for stage in STAGES)]
    return {stage: at[stage] - last for stage, last in zip(STAGES, before, strict=False)} | {"all": before[-1] - begin}


def main(_) -> None:
    logging.set_verbosity(logging.ERROR)
    if CHILD.value:
        return child(CHILD.value)
    print(full_size.machine(), flush=True)
    taken = {(form, kind): [] for form in FORMS for kind in ("cold", "cached")}
    for _ in range(REPETITIONS.value):
        for form in FORMS:
            with tempfile.TemporaryDirectory() as cache:
                for kind in ("cold", "cached"):
                    taken[form, kind].append(measured(form, cache))
    for (form, kind), every in taken.items():
        seconds = {stage: statistics.median(one[stage] for one in every) for stage in (*STAGES, "all")}
        spread = [one["all"] for one in every]
        print(
            f"{form:5} forms, {kind:6}: imports {seconds['imports']:4.1f} s, tracing {seconds['traced']:4.1f} s, "
            f"compiling {seconds['compiled']:5.1f} s, the step {seconds['stepped']:4.1f} s; "
            f"all {seconds['all']:5.1f} s ({min(spread):.1f} to {max(spread):.1f})"
        )


if __name__ == "__main__":
    app.run(main)
