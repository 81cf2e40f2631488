"""Sessions cut in other ways (`mccl_jax.data.cuts`), as a finished training sees them: for scores besides."""

import pathlib
from collections.abc import Mapping

import numpy as np
import tqdm

from mccl_jax.data.cuts import parts, possible
from mccl_jax.data.windows import cut_windows
from mccl_jax.evaluation.embeddings import path_of_cut
from mccl_jax.experiment import Experiment
from mccl_jax.inference import Model
from mccl_jax.modes.material import Material
from mccl_jax.training.runs import TrainingData, embeddings_of


def cuts_of(experiment: Experiment, material: Material) -> dict[str, float]:
    """Name of each other way that is asked for and makes a difference -> seconds of its stretches."""
    found = possible(material.facts.reaches, material.options)
    return {name: found[name] for name in experiment.evaluation.cuts if name in found}


def embed_cuts(
    cuts: Mapping[str, float], material: Material, data: TrainingData, model: Model, workdir: pathlib.Path
) -> None:
    """Leaves beside the embeddings of a training those of every session by each of the `cuts`, where they are not yet.

    A session's is the mean over its stretches that have a usable frame.
    """
    missing = {name: seconds for name, seconds in cuts.items() if not path_of_cut(workdir, name).exists()}
    if not missing:
        return
    place = {name: i for i, name in enumerate(data.windows.session.tolist())}
    z = {name: [None] * len(place) for name in missing}
    sessions = (session for session in material.sessions() if session.session in place)
    for session in tqdm.tqdm(sessions, desc="cutting anew", total=len(place), unit="session", disable=None):
        for name, seconds in missing.items():
            windows, _ = cut_windows(parts(session, name, seconds, material.options), material.options)
            z[name][place[session.session]] = model.embed_windows(windows).mean(axis=0)
    for name, of_sessions in z.items():
        embeddings_of(data, np.stack(of_sessions)).save(path_of_cut(workdir, name))
