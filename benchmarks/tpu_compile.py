"""The training step, compiled for TPU v5e chips on a machine that has none: what it needs, and what that lets expect.

python benchmarks/tpu_compile.py                        the tables and the estimate, from benchmarks/tpu_compile.jsonl
python benchmarks/tpu_compile.py --compile --facts=NEW.jsonl --only=weak/8x32/float32 --effort=-1       minutes to hours
python benchmarks/tpu_compile.py --compile --facts=NEW.jsonl --only=weak/8x4/float32 --effort=-1 --small     a minute

Compiling needs libtpu beside the program's own requirements, pip install "jax[tpu]==0.10.2", in an environment of its
own: no chip, no network. It is the step of the training loop at DAIC-WOZ's full size (four cues, 1260 frames, two
ResNet-18 of width 64), one step a call, for the arrays that `fit_together` would put on the chips. `weak/8x32` is one
run on 8 chips with 32 sessions a chip in each batch, and as many resident sessions as a batch has; `stream/256x32` the
same on 256 chips, with each batch brought from the hosts (train.feeding=stream); `sweep/256x32` is 256 runs, one a
chip, with the paper's batch of 32. At least the 142 sessions of DAIC-WOZ's train and dev are resident.
Facts are of the compiled program; times are estimated, by the assumptions in docs/scaling.md: nothing here was measured
on a chip.
"""

import dataclasses
import json
import math
import os
import pathlib
import re
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("TPU_SKIP_MDS_QUERY", "1")  # nobody to ask what machine this is
os.environ.setdefault("ALLOW_MULTIPLE_LIBTPU_LOAD", "1")  # there is no chip that two processes could fight for
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax
import jax.numpy as jnp
from absl import app, flags
from jax.experimental import topologies
from jax.sharding import NamedSharding

from configs import daic_woz
from mccl_jax.cues import DAIC_WOZ_CUES
from mccl_jax.data.batches import Batch
from mccl_jax.experiment import Experiment
from mccl_jax.training import mesh as meshes
from mccl_jax.training import step as steps
from mccl_jax.training.loop import programs

FACTS = flags.DEFINE_string("facts", str(ROOT / "benchmarks/tpu_compile.jsonl"), "Read; what it lacks is added.")
COMPILE = flags.DEFINE_bool("compile", False, "Compile what the facts lack.")
SMALL = flags.DEFINE_bool("small", False, "A narrow model, to see that all this works.")
ONLY = flags.DEFINE_list("only", None, "Cases such as sweep/256x32/float32; by default all.")
EFFORT = flags.DEFINE_float("effort", 0.0, "XLA's effort to make it fast; -1 compiles in a third of the time.")
HLO = flags.DEFINE_string("hlo", None, "A folder for the text of what is compiled.")

RESIDENT = 142
TOPOLOGIES = {8: "v5e:2x4", 64: "v5e:8x8", 256: "v5e:16x16"}
CASES = (
    "weak/1x32/float32",
    "weak/8x32/float32",
    "weak/8x32/bfloat16",
    "weak/64x32/float32",
    "weak/256x32/float32",
    "weak/256x8/float32",
    "stream/256x32/float32",
    "sweep/256x32/float32",
)
COLLECTIVES = ("all-reduce", "all-gather", "reduce-scatter", "collective-permute", "all-to-all")
BYTES = {"pred": 1, "s8": 1, "u8": 1, "bf16": 2, "f16": 2, "s32": 4, "u32": 4, "f32": 4, "s64": 8, "u64": 8, "f64": 8}


def devices(chips: int) -> tuple:
    """Chips that are not there."""
    if chips == 1:
        return tuple(_topology("v5e:1x1", chips_per_host_bounds=(1, 1, 1)))
    return tuple(_topology(TOPOLOGIES[chips]))


def _topology(name: str, **options) -> list:
    return topologies.get_topology_desc(platform="tpu", topology_name=name, **options).devices


def parts(case: str) -> tuple[str, int, int, str]:
    """(how, chips, sessions a chip, dtype)."""
    how, sizes, dtype = case.split("/")
    return how, *map(int, sizes.split("x")), dtype


def lowered(how: str, chips: int, sessions: int, dtype: str, small: bool):
    """(the step, lowered for the chips; resident sessions)."""
    experiment = Experiment.from_dict(daic_woz.get_config().to_dict())
    changes = {"width": 8, "blocks": (1, 1)} if small else {}
    model = dataclasses.replace(experiment.model, dtype=dtype, **changes)
    train = dataclasses.replace(experiment.train, feeding="stream" if how == "stream" else "resident")
    cues = tuple((name, cue.shape) for name, cue in DAIC_WOZ_CUES.items())
    runs, batch = (chips, sessions) if how == "sweep" else (1, sessions * chips)
    N, T = max(RESIDENT, batch), experiment.windows.frames
    network, optimizer, mesh, advance, _ = programs(cues, model, train, batch, runs, 1, devices(chips))
    state = jax.eval_shape(lambda: steps.init_state(*network.init(0), optimizer))
    integer, number = jnp.int32, jnp.float32
    data = Batch(
        {name: _array(number, N, T, *shape) for name, shape in cues},
        _array(number, N, T),
        _array(integer, N, T),
        _array(integer, N),
        _array(number, N),
    )
    hyper = steps.Hyper(_array(integer), *[_array(number)] * 3, _array(integer))

    def of_runs(tree, spec=meshes.RUN):
        return jax.tree.map(lambda x: _array(x.dtype, runs, *x.shape, sharding=NamedSharding(mesh, spec)), tree)

    arguments = of_runs((state, _array(integer, N), _array(integer), hyper))
    data = of_runs(data, meshes.SPREAD if how == "stream" else meshes.RUN)
    at = _array(integer, sharding=NamedSharding(mesh, meshes.EVERYWHERE))
    return advance.lower(*arguments, data, at, at), 0 if how == "stream" else N


def _array(dtype, *shape: int, sharding=None) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(shape, dtype, sharding=sharding)


def facts(case: str, small: bool) -> dict:
    """What XLA says of the compiled step, for each chip; `failed` where it cannot be compiled."""
    program, resident = lowered(*parts(case), small)
    begin = time.perf_counter()
    found = {"case": case, "small": small, "effort": EFFORT.value, "resident": resident}
    try:
        compiled = program.compile()
    except jax.errors.JaxRuntimeError as error:  # does not fit
        return found | {"seconds": round(time.perf_counter() - begin), "failed": _why(str(error))}
    memory, cost, text = compiled.memory_analysis(), compiled.cost_analysis(), compiled.as_text()
    if HLO.value:
        pathlib.Path(HLO.value, case.replace("/", "_") + ".txt").write_text(text)
    return found | {
        "seconds": round(time.perf_counter() - begin),
        "argument_bytes": memory.argument_size_in_bytes,
        "temporary_bytes": memory.temp_size_in_bytes,
        "output_bytes": memory.output_size_in_bytes,
        "aliased_bytes": memory.alias_size_in_bytes,
        "program_bytes": memory.generated_code_size_in_bytes,
        "flops": cost["flops"],
        "bytes_accessed": cost["bytes accessed"],
        "cycles": sum(int(n) for n in re.findall(r'"estimated_cycles":"(\d+)"', text)),
        "collectives": collectives(text),
    }


def _why(error: str) -> str:
    """The lines of XLA's error that say how much memory was wanted."""
    lines = [line.strip() for line in error.splitlines()]
    return " ".join(
        [line for line in lines if re.search(r"Ran out of memory|Used .* of|Exceeded", line)][:3] or lines[:1]
    )


def collectives(text: str) -> dict[str, list[int]]:
    """Kind of collective -> how many there are in a program's text, and the bytes that come out of them on a chip.

    A collective that runs while something else is computed stands in several fusions, with the number of its chain.
    """
    found, chains = {}, set()
    pattern = re.compile(rf" = (.*?) ({'|'.join(COLLECTIVES)})(?:-start)?\(")
    for line in text.splitlines():
        if not (match := pattern.search(line)):
            continue
        shapes, kind = match.groups()
        chain = re.search(r'chain_id="(\d+)"', line)
        if chain and (kind, chain[1]) in chains:
            continue
        chains |= {(kind, chain[1])} if chain else set()
        count, size = found.get(kind, (0, 0))
        of_shapes = re.findall(r"(\w+)\[([\d,]*)\]", re.sub(r"\{[^}]*\}", "", shapes))
        size += sum(BYTES[dtype] * math.prod(int(n) for n in shape.split(",") if n) for dtype, shape in of_shapes)
        found[kind] = [count + 1, size]
    return found


@dataclasses.dataclass(frozen=True)
class Chip:
    """What a data sheet says of a chip, and what is assumed beyond it.

    flops       model.dtype -> products and sums a second, dense.
    memory      bytes a second.
    wires       bytes a second out of a chip to its neighbours, all links together, in one direction.
    latency     seconds that a collective takes, however little it carries, by the number of chips: assumed.
    """

    flops: dict[str, float]
    memory: float
    wires: dict[int, float]
    latency: dict[int, float]


# cloud.google.com/tpu/docs/v5e: 197 TFLOP/s of bfloat16 (by which float32 is multiplied, too), 819 GB/s, 400 GB/s of
# both directions; only 16 x 16 is a torus, so elsewhere half of it is counted. A microsecond a hop, there and back.
V5E = Chip(
    {"float32": 197e12, "bfloat16": 197e12},
    819e9,
    {1: 200e9, 8: 100e9, 64: 100e9, 256: 200e9},
    {1: 0, 8: 8e-6, 64: 28e-6, 256: 32e-6},
)
CYCLES = 1.5e9  # a second: 197 TFLOP/s are four units of 128 x 128 products and sums at this rate
# NVIDIA's data sheet of the H100 SXM: TF32 495, bfloat16 989 TFLOP/s without sparsity, 3.35 TB/s, NVLink 450 GB/s in
# each direction. 20 microseconds for a collective.
H100 = Chip({"float32": 495e12, "bfloat16": 989e12}, 3.35e12, {8: 450e9}, {8: 20e-6})
SHARES = (0.1, 0.3)  # of the peak, that such convolutions may reach: assumed


def wires(one: dict, chip: Chip, chips: int) -> float:
    """Seconds that the collectives of a step take where nothing hides them: a ring, and the latency of each."""
    there_and_back = {"all-reduce": 2}
    size = sum(there_and_back.get(kind, 1) * size for kind, (_, size) in one["collectives"].items())
    count = sum(count for count, _ in one["collectives"].values())
    return size * (chips - 1) / chips / chip.wires[chips] + count * chip.latency[chips]


def show(found: list[dict]) -> None:
    """Two tables: what was compiled, and what it lets expect."""
    print(
        "case                 effort resident compiled  arguments temporaries TFLOP  scheduled   collectives of a chip"
    )
    for one in found:
        line = f"{one['case']:21s}{one['effort']:6g} {one['resident']:8d} {one['seconds']:6d} s"
        if "failed" in one:
            print(f"{line}  {one['failed']}")
            continue
        kinds = ", ".join(f"{n} {kind} {size / 2**20:.3g} MiB" for kind, (n, size) in one["collectives"].items())
        print(
            f"{line} {one['argument_bytes'] / 2**20:6.0f} MiB {one['temporary_bytes'] / 2**20:7.0f} MiB "
            f"{one['flops'] / 1e12:6.3f} {1e3 * one['cycles'] / CYCLES:7.1f} ms  {kinds or 'none'}"
        )
    there = {one["case"]: one for one in found if "failed" not in one}
    print("\nESTIMATED, never measured, by the share of the peak that the products reach:")
    for case, one in there.items():
        how, chips, sessions, dtype = parts(case)
        between = wires(one, V5E, chips) if how != "sweep" and chips > 1 else 0.0
        _expect(f"{chips} v5e, {case}", one["flops"] / V5E.flops[dtype], between, sessions * chips)
    if one := there.get("weak/8x32/float32"):
        for dtype, flops in H100.flops.items():
            _expect(f"8 H100, weak/8x32/{dtype}", one["flops"] / flops, wires(one, H100, 8), 256)


def _expect(what: str, products: float, between: float, sessions: int) -> None:
    """One line for each share: milliseconds for products and for the wires, sessions a second, efficiency."""
    for share in SHARES:
        alone = products / share
        each = alone + between
        print(
            f"{what:36s}{share:4.0%}: {1e3 * alone:6.1f} + {1e3 * between:5.2f} ms a step, {sessions / each:8.0f} "
            f"sessions/s, {alone / each:6.1%} of what the chips would do alone"
        )


def main(_) -> None:
    jax.config.update("jax_exec_time_optimization_effort", EFFORT.value)
    path = pathlib.Path(FACTS.value)
    known = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    for case in (ONLY.value or CASES) if COMPILE.value else ():
        if (case, EFFORT.value, SMALL.value) not in [(one["case"], one["effort"], one["small"]) for one in known]:
            known.append(facts(case, SMALL.value))
            with path.open("a") as file:
                file.write(json.dumps(known[-1]) + "\n")
    show([one for one in known if one["case"] in (ONLY.value or CASES) and one["small"] == SMALL.value])


if __name__ == "__main__":
    app.run(main)
