"""How fast are sessions embedded on a CPU, against PyTorch?

python -m pip install -r requirements-bench.txt     # for the comparison alone
python benchmarks/embed.py                  about 5 minutes on 2 cores, most of them PyTorch's compiler
python benchmarks/embed.py --batch=32

The full-size model of configs/daic_woz.py, float32, batches of noise: ours, ours with the plain form of each operation
of mccl_jax/models/ops.py, and the same model in PyTorch, eager and compiled, in both layouts. First the embeddings of
all are held against one another, then they take turns.
"""

import full_size
import jax
import numpy as np
import torch
import torch_model
from absl import app, flags, logging

BATCH = flags.DEFINE_integer("batch", 8, "Sessions at once.")
REPETITIONS = flags.DEFINE_integer("repetitions", 7, "Calls that are timed, of which the median counts.")
MOST = 1e-4  # float32, some twenty layers


def ours(batch):
    program, arguments = full_size.our_embedding(batch)
    program = program.lower(*arguments).compile()
    return lambda: np.asarray(jax.block_until_ready(program(*arguments)))


def theirs(batch, compiled: bool, channels_last: bool):
    _, params, batch_stats = full_size.network()
    tensors = full_size.by_their_names({**params, **batch_stats})
    model, call, cues = torch_model.form(tensors, batch.cues, compiled, channels_last)
    model.eval()

    def embed():
        with torch.inference_mode():
            return torch.stack(call(cues), 1).numpy()

    return embed


def main(_) -> None:
    logging.set_verbosity(logging.ERROR)  # JAX tells of devices that are not there
    print(f"{full_size.machine()}; torch {torch.__version__}, {torch.get_num_threads()} threads", flush=True)
    batch = full_size.noise(BATCH.value)
    calls = {"mccl_jax": ours(batch)}
    with full_size.plain_forms():
        calls["mccl_jax, plain forms"] = ours(batch)
    for name, form in torch_model.FORMS.items():
        calls[name] = theirs(batch, *form)
    expected = calls["PyTorch, eager"]()
    off = {name: full_size.difference(call(), expected) for name, call in calls.items()}
    print(f"embeddings differ by at most {max(off.values()):.0e} of the largest entry")
    if max(off.values()) > MOST:
        raise SystemExit(f"the models are not the same: {off}")
    print(f"embedding {BATCH.value} sessions:")
    full_size.table(full_size.in_turns(calls, REPETITIONS.value), BATCH.value)


if __name__ == "__main__":
    app.run(main)
