"""--mode=train: prepares what is missing, trains (once for each fold, where there are folds), evaluates."""

import json
import pathlib
import time

from mccl_jax.buckets import claim
from mccl_jax.experiment import Experiment
from mccl_jax.files import replacing
from mccl_jax.modes.material import material_of
from mccl_jax.modes.plans import Plan, refuse_another, refuse_unwritable
from mccl_jax.training import hosts
from mccl_jax.training.loop import fit

TIMINGS = "timings.json"


def run(experiment: Experiment, workdir: pathlib.Path, say=print) -> None:
    """Leaves in `workdir` what the README lists under "What you get"; run again, it goes on where it stopped."""
    if hosts.is_main():
        refuse_unwritable(workdir)
        refuse_another(experiment, workdir)
        claim(workdir)
    clock = Clock()
    material = material_of(experiment, say)
    say(material.said)
    plan = Plan(experiment, material, workdir)
    say("\n".join([plan.summary, *plan.notes]))
    clock.lap("prepare")

    with plan.claimed():
        for name, split in plan.trainings.items():
            if name:
                say(f"{name.replace('_', ' ')}: {(split == 'train').sum()} of {len(split)} sessions are trained on")
            fit(plan.run(name), say)
        clock.lap("train")
        plan.evaluate(say)
        clock.lap("evaluate")
        if hosts.is_main():
            clock.write(workdir)


class Clock:
    """Seconds spent on each part."""

    def __init__(self):
        self._begin, self._seconds = time.perf_counter(), {}

    def lap(self, part: str) -> None:
        """All since the lap before went into `part`."""
        now = time.perf_counter()
        self._seconds[part], self._begin = now - self._begin, now

    def write(self, workdir: pathlib.Path) -> None:
        """Into timings.json, a list with one entry for each call of the program that came to its end."""
        path = workdir / TIMINGS
        before = json.loads(path.read_text()) if path.exists() else []
        with replacing(path) as temporary:
            parts = {part: round(seconds, 3) for part, seconds in self._seconds.items()}
            temporary.write_text(json.dumps([*before, parts], indent=1) + "\n")
