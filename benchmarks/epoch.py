"""How long does an epoch of the official protocol take on a CPU, against PyTorch fed as the official code feeds itself?

python -m pip install -r requirements-bench.txt     # for the comparison alone
python benchmarks/epoch.py                  about 12 minutes on 2 cores

At DAIC-WOZ's size, full-size model, float32: three batches of 32 and one of 11 train, 107 sessions of train and 35 of
dev are embedded, XGBoost is fitted on those of train and scored on those of dev. Ours is what the training loop and the
evaluation do, on windows that lie in memory. PyTorch's model, in both layouts, reads 28 .npy files of float64 whenever
it needs a session, twice an epoch for those of train: seven windows of each of the four cues. The official files hold
all frames, of which every tenth is used; here they hold those only. First the embeddings of a batch are held against
each other.
"""

import dataclasses
import pathlib
import tempfile

import full_size
import noise
import numpy as np
import torch
import torch_model
from absl import app, flags

from mccl_jax import regressors
from mccl_jax.data.official import FRAMES, WINDOWS

REPETITIONS = flags.DEFINE_integer("repetitions", 3, "Epochs that are timed, of which the median counts.")
TRAIN, DEV = 107, 35
EXPERIMENT = dataclasses.replace(full_size.EXPERIMENT, model=full_size.OPTIONS)
BATCH = EXPERIMENT.train.batch_size
MOST = 1e-4


def score(z: np.ndarray, severity: np.ndarray) -> tuple[float, float]:
    """MAE and RMSE on dev of XGBoost fitted on train, z (N, 2, D)."""
    features = z.reshape(len(z), -1)
    fitted = regressors.fit("xgboost", features[:TRAIN], severity[:TRAIN])
    said = fitted.predict(features[TRAIN:])
    off = said - severity[TRAIN:]
    return float(np.abs(off).mean()), float(np.sqrt((off**2).mean()))


def ours(data):
    """(embeddings of the first batch by the first weights, an epoch)."""
    programs = noise.programs_of(EXPERIMENT, data, an_epoch_a_call=False)
    per_epoch = -(-TRAIN // BATCH)
    z = np.asarray(programs.embed(programs.states, programs.sessions))[0, :BATCH]
    states = programs.states
    at = 0

    def epoch():
        nonlocal states, at
        for slot in range(per_epoch):
            states, _ = programs.advance(states, *programs.arguments[:-2], np.int32(at), np.int32(slot))
        at += 1
        return score(np.asarray(programs.embed(states, programs.sessions))[0], data.windows.severity)

    return z, epoch


def write(folder: pathlib.Path, windows) -> None:
    """28 files a session."""
    for i, (name, x) in ((i, cue) for i in range(len(windows)) for cue in windows.cues.items()):
        for k, window in enumerate(x[i].reshape(WINDOWS, FRAMES, *x.shape[2:])):
            np.save(folder / f"{i}_{name}_{k}.npy", window.astype(np.float64))


def theirs(folder: pathlib.Path, severity: np.ndarray, channels_last: bool):
    """(embeddings of the first batch by the first weights, an epoch)."""
    _, params, batch_stats = full_size.network()
    layout = torch.channels_last if channels_last else torch.contiguous_format

    def batch(indices):
        cues = []
        for name in full_size.CUES:
            files = [[folder / f"{i}_{name}_{k}.npy" for k in range(WINDOWS)] for i in indices]
            x = np.stack([np.concatenate([np.load(file) for file in of_session]) for of_session in files])
            cues.append(torch.from_numpy(x).float().permute(0, 3, 1, 2).contiguous(memory_format=layout))
        return cues

    tensors = full_size.by_their_names({**params, **batch_stats})
    model, call, _ = torch_model.form(tensors, {}, False, channels_last)
    optimizer = torch.optim.AdamW(model.parameters(), full_size.RATE, eps=full_size.EPS, weight_decay=full_size.DECAY)

    def in_batches(first, last):
        return [range(i, min(i + BATCH, last)) for i in range(first, last, BATCH)]

    def embedded(indices) -> np.ndarray:
        model.eval()
        with torch.inference_mode():
            return torch.stack(call(batch(indices)), 1).numpy()

    def epoch():
        model.train()
        for indices in in_batches(0, TRAIN):
            optimizer.zero_grad(set_to_none=True)
            loss = torch_model.contrastive(*map(model.loss, call(batch(indices))), full_size.TEMPERATURE)
            loss.backward()
            optimizer.step()
        every = [*in_batches(0, TRAIN), *in_batches(TRAIN, TRAIN + DEV)]
        return score(np.concatenate([embedded(indices) for indices in every]), severity)

    return embedded(range(BATCH)), epoch


def main(_) -> None:
    print(f"{full_size.machine()}; torch {torch.__version__}, {torch.get_num_threads()} threads", flush=True)
    data = noise.data_of(EXPERIMENT, TRAIN, DEV)
    with tempfile.TemporaryDirectory() as place:
        folder = pathlib.Path(place)
        write(folder, data.windows)
        z, epoch = ours(data)
        epochs = {"mccl_jax": epoch}
        for channels_last in (False, True):
            theirs_z, name = None, f"PyTorch, eager{', channels last' if channels_last else ''}"
            theirs_z, epochs[name] = theirs(folder, data.windows.severity, channels_last)
            off = full_size.difference(z, theirs_z)
            print(f"{name}: embeddings differ by {off:.0e} of the largest entry", flush=True)
            if off > MOST:
                raise SystemExit("the models are not the same")
        print(f"an epoch, {TRAIN} sessions to train on, {TRAIN + DEV} to embed:")
        full_size.table(full_size.in_turns(epochs, REPETITIONS.value), TRAIN)


if __name__ == "__main__":
    app.run(main)
