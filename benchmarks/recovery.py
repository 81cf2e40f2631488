"""Does the program find a planted signal, and does it find none where there is none?

python benchmarks/recovery.py            5 seeds at signal 1 and 20 at signal 0, about 25 minutes on 2 cores
python benchmarks/recovery.py --seeds=1 --null_seeds=0

Each seed is a corpus of 120 simulated subjects with a skewed score. Model and training are those of
configs/simulated.py. Three disjoint folds by subject: each third is predicted, after the last epoch, by an encoder,
scales and regressor that were fitted on the other two. Printed: MAE(model) minus MAE(the better of train mean and train
median, out of fold as well) with its 95 % interval over the 120 subjects.
"""

import dataclasses
import pathlib
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import numpy as np
from absl import app, flags, logging

from configs import simulated
from data_builders.folds import folds_by_subject
from data_builders.simulator.oracle import oracle_scores
from data_builders.simulator.simulation import Simulation
from mccl_jax.data.sessions import windows_and_facts
from mccl_jax.evaluation import protocols
from mccl_jax.evaluation.embeddings import evaluated_epochs
from mccl_jax.evaluation.scoring import ScoredSessions
from mccl_jax.experiment import Experiment
from mccl_jax.modes.material import scaled
from mccl_jax.training.compilation import keep_compiled_programs
from mccl_jax.training.loop import fit
from mccl_jax.training.runs import Run

SEEDS = flags.DEFINE_integer("seeds", 5, "Corpora with the signal.")
FOLDS = 3
NAMES = ("xgboost", "ridge", "train_mean", "train_median")
NULL_SEEDS = flags.DEFINE_integer("null_seeds", 20, "Corpora without it.")


def experiment_of(signal: float, seed: int) -> Experiment:
    """The default experiment, with its corpus, its division and its model drawn by `seed`."""
    base = Experiment.from_dict(simulated.get_config().to_dict())
    return dataclasses.replace(
        base,
        seed=seed,
        simulation=dataclasses.replace(base.simulation, subjects=120, signal=signal, seed=1000 + seed),
        data=dataclasses.replace(base.data, split_seed=seed),
        train=dataclasses.replace(base.train, evaluate_every=base.train.epochs, checkpoint_every=base.train.epochs),
    )


def run(experiment: Experiment) -> dict[str, dict]:
    """One corpus from its simulated recordings to MAE and difference, by regressor, out of fold."""
    sessions = list(Simulation(experiment.simulation).sessions())
    severity = np.array([session.target for session in sessions])
    subject = np.array([session.subject for session in sessions])
    fold = folds_by_subject(subject, severity, FOLDS, experiment.data.split_seed)
    windows, facts, _ = windows_and_facts(sessions, experiment.windows)
    fold = dict(zip((session.session for session in sessions), fold, strict=True))
    rows = []
    for held_out in range(FOLDS):
        split = np.where([fold[name] == held_out for name in windows.session], "dev", "train")
        with tempfile.TemporaryDirectory() as workdir:
            data = scaled(windows, facts, split, experiment.windows)
            fit(Run(experiment, data, "simulated", pathlib.Path(workdir)), say=lambda line: None)
            rows += protocols.evaluate(evaluated_epochs(workdir), experiment.evaluation).predictions
    true, who = np.array([row["target"] for row in rows]), np.array([row["subject"] for row in rows])
    scored = ScoredSessions(true, who, resamples=experiment.evaluation.resamples)
    predicted = {name: np.array([row[name] for row in rows]) for name in rows[0] if name in NAMES}
    baseline = min((predicted[name] for name in ("train_mean", "train_median")), key=lambda p: np.abs(p - true).mean())
    return {
        name: {
            "mae": float(np.abs(predicted[name] - true).mean()),
            "difference": scored.difference_of_mae(predicted[name], baseline),
        }
        for name in experiment.evaluation.regressors
    }


def main(_):
    logging.set_verbosity(logging.ERROR)
    keep_compiled_programs()
    for signal, seeds in ((1.0, SEEDS.value), (0.0, NULL_SEEDS.value)):
        if not seeds:
            continue
        oracle = oracle_scores(experiment_of(signal, 0).simulation)
        print(
            f"\nSIMULATED, signal {signal:g}: an oracle that knows the latents has R2 {oracle.r2:.2f}, "
            f"MAE {oracle.mae:.2f}; predicting the median {oracle.mae_of_median:.2f}"
        )
        wins = {}
        for seed in range(seeds):
            begin = time.perf_counter()
            experiment = experiment_of(signal, seed)
            for name, model in run(experiment).items():
                difference = model["difference"]
                below = difference["upper"] < 0
                wins[name] = wins.get(name, 0) + below
                headline = " (primary)" if name == experiment.evaluation.primary else ""
                print(
                    f"seed {seed:2d} {name:8s} MAE {model['mae']:.2f}, minus the better baseline "
                    f"{difference['estimate']:+.2f} [{difference['lower']:+.2f}, {difference['upper']:+.2f}]"
                    f"{' below 0' if below else ''}{headline}",
                    flush=True,
                )
            print(f"        {time.perf_counter() - begin:.0f} s", flush=True)
        print(", ".join(f"{name}: {count} of {seeds} below 0" for name, count in wins.items()))


if __name__ == "__main__":
    app.run(main)
