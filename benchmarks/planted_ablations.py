"""Ablations of planted corpora, for planted.py: parent and variants in folds, and what the oracle would find."""

import pathlib
import tempfile
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from planting import LATENT_OF, effects, experiment_of, plant, train

from data_builders.folds import folds_by_subject
from data_builders.simulator.latents import PRIOR, SCORES, draw_latents
from data_builders.simulator.options import Options
from data_builders.simulator.oracle import predictions
from mccl_jax.ablations import PARENT, variants
from mccl_jax.data.splits import FOLD
from mccl_jax.evaluation import protocols, results
from mccl_jax.evaluation.ablation import Trained, against_parent
from mccl_jax.evaluation.comparison import holm, nadeau_bengio
from mccl_jax.evaluation.embeddings import evaluated_epochs
from mccl_jax.experiment import Experiment

# So many people that a regressor learns from them nearly all that the oracle knows.
PEOPLE, FOLDS, TRAIN = 1280, 4, {"epochs": 2, "batch_size": 64}
ALPHA, POWER, CORPORA = 0.05, 0.9, 500


class Family(NamedTuple):
    """One ablation: a corpus and the parent and its variants, trained in folds."""

    cue: str
    signal: float
    seed: int


def families(signal: float, number: int, first: int) -> list[Family]:
    """The cues take turns."""
    cues = [*LATENT_OF]
    return [Family(cues[i % len(cues)], signal, first + i) for i in range(number)]


def block(asked: Sequence[Family]) -> list[tuple[Family, dict]]:
    """The tables of some families; those of one structure are trained one after the other, which compiles it once."""
    with tempfile.TemporaryDirectory() as folder:
        corpora = {one: plant(PEOPLE, _acts(one), one.seed, experiment_of(one.seed).windows) for one in asked}
        left_out = [v for v in variants("cues", experiment_of(0)) if v.name.startswith("without")]
        models = {PARENT: (), **{one.name: one.setting["model.cues"] for one in left_out}}
        tables, trained = [], {one: {} for one in asked}
        for name, cues in models.items():
            for one in asked:
                # The corrected test resamples nothing; what does is not asked for.
                experiment = experiment_of(one.seed, model={"cues": cues}, train=TRAIN, evaluation={"resamples": 1})
                place = pathlib.Path(folder) / f"{one.seed}_{one.signal}_{name}"
                trained[one][name] = {one.seed: _in_folds(experiment, corpora[one].windows, place)}
        for one in asked:
            tables.append((one, against_parent("cues", left_out, trained[one], {}, [one.seed])))
        return tables


def _acts(family: Family):
    return effects(**{LATENT_OF[family.cue]: family.signal})


def _in_folds(experiment: Experiment, windows, place: pathlib.Path) -> Trained:
    fold = folds_by_subject(windows.subject, windows.severity, FOLDS, experiment.seed)
    files = {}
    for one in range(FOLDS):
        workdir = place / f"{FOLD}{one + 1}"
        train(experiment, windows, np.where(fold == one, "dev", "train"), workdir)
        files[workdir.name] = evaluated_epochs(workdir)
    # The regressors of a final model, which nothing here asks for, may be of any training.
    final = files[workdir.name][experiment.train.epochs]
    results.write(protocols.cross_validate(files, final, experiment.evaluation), place)
    return Trained(results.read(place), results.read_predictions(place))


def oracle_signal() -> tuple[float, float]:
    """The weakest signal, in steps of 0.01, at which the oracle finds the planted cue so often as POWER; and how often.

    By the very test and sizes: its posterior mean beside the prior's, in such folds. To one who knows which cue it is
    the other three make no difference, so that their p is 1.
    """
    for signal in np.arange(0.3, 0.99, 0.01).round(2).tolist():
        options, rng, found = Options(effects=effects(head_motion=signal)), np.random.default_rng(0), 0
        for seed in range(CORPORA):
            severity = rng.choice(SCORES, PEOPLE, p=PRIOR)
            oracle = predictions(draw_latents(severity, options, rng), options)[0]
            fold = folds_by_subject(np.arange(PEOPLE), severity.astype(float), FOLDS, seed)
            worse = np.abs(PRIOR @ SCORES - severity) - np.abs(oracle - severity)
            of_folds = np.array([worse[fold == one].mean() for one in range(FOLDS)])
            compared = nadeau_bengio(of_folds, PEOPLE * (1 - 1 / FOLDS), PEOPLE / FOLDS)
            found += compared.estimate > 0 and holm([compared.p, 1, 1, 1])[0] < ALPHA
        if found >= POWER * CORPORA:
            return signal, found / CORPORA
    raise ValueError(f"the oracle's power is below {POWER} at any signal")
