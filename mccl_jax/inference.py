"""A trained model, loaded again: embeddings and predictions for recordings that it has not seen."""

import dataclasses
import functools
import json
import pathlib
from collections.abc import Callable, Iterable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from data_builders.cmdc import session as cmdc
from data_builders.daic_woz import session as daic_woz
from data_builders.defects import in_words
from data_builders.e_daic import session as e_daic
from data_builders.openface import session as openface
from data_builders.records import Session
from mccl_jax import buckets, regressors
from mccl_jax.cues import Cue
from mccl_jax.data.batches import resident
from mccl_jax.data.scaling import Scaler
from mccl_jax.data.transfer import cut_to, digest_of, person
from mccl_jax.data.windows import Windows, cut_windows
from mccl_jax.errors import UserError
from mccl_jax.evaluation.conformal import ResidualInterval
from mccl_jax.evaluation.header import NO_DIAGNOSIS, SIMULATED
from mccl_jax.experiment import DataOptions, Experiment
from mccl_jax.losses import SEVERITY
from mccl_jax.models.network import Network
from mccl_jax.training import checkpoints
from mccl_jax.training.step import embed

TRAINED_ON = (
    "this recording was trained on: what is said of it is no prediction, and neither is the interval; with folds, its "
    "out-of-fold prediction is in predictions.csv"
)
SOMEBODY_KNOWN = "this person was trained on, in another recording: what is said of it is no prediction of somebody new"
# Corpus -> who finds its recordings (`recordings`) and reads one of them (`read_recording`).
READERS = {"openface": openface, "cmdc": cmdc, "daic_woz": daic_woz, "e_daic": e_daic}


class Model:
    """What a checkpoint holds, ready for use.

    config          the experiment that it was trained by.
    specification   name -> Cue: what a recording must offer.
    params, batch_stats   flat dicts of numpy arrays by path.
    scaler          fitted on the train sessions.
    regressors      name -> Regressor; empty for a checkpoint from the midst of training.
    intervals       name -> ResidualIntervals around the regressor's predictions, one a level.
    primary         name of the headline regressor.
    trained_on      SHA-256 of the recordings that it was trained on and, of a transfer, of its people.
    """

    def __init__(self, arrays: dict[str, Any], metadata: dict[str, Any]):
        self.config = Experiment.from_json(metadata["experiment"])
        cues = [Cue(**{k: tuple(v) if isinstance(v, list) else v for k, v in cue.items()}) for cue in metadata["cues"]]
        self.specification = {cue.name: cue for cue in cues}
        self.params, self.batch_stats = arrays["state"]["params"], arrays["state"]["batch_stats"]
        self.scaler = Scaler(**arrays["scaler"])
        kept = metadata.get("regressors", {})
        self.regressors = {name: regressors.from_json(json.dumps(one["regressor"])) for name, one in kept.items()}
        self.intervals = {
            name: [ResidualInterval(**of_level) for of_level in one["intervals"]] for name, one in kept.items()
        }
        self.primary = self.config.evaluation.primary
        self.trained_on = frozenset(metadata.get("trained_on", ()))
        shapes = {name: self.specification[name].shape for name in self.config.model.cues or self.specification}
        self.network = Network(shapes, self.config.model, self.config.train.objective == SEVERITY)
        self._embed = jax.jit(functools.partial(embed, self.network))

    @classmethod
    def load(cls, path: str | pathlib.Path) -> "Model":
        """From a workdir, its model folder, or one of its checkpoints, on a disk or in a bucket (gs://).

        Raises UserError where there is none.
        """
        path = buckets.fetched(path, "model")
        if (path / "model").is_dir():
            path = path / "model"
        return cls(*checkpoints.load(path))

    def embed(self, sessions: Iterable[Session]) -> np.ndarray:
        """(N, 2, D): z_inter and z_intra of each session. Raises UserError where one cannot be used."""
        windows, _ = self._windows(sessions)
        return self._embeddings(windows)

    def embed_windows(self, windows: Windows) -> np.ndarray:
        """(N, 2, D): z_inter and z_intra of windows as `cut_windows` gives them, not scaled."""
        return self._embeddings(self.scaler(windows))

    def predict(self, session: Session, regressor: str | None = None) -> dict[str, Any]:
        """Severity of one session with intervals from held-out residuals, and what to know about them."""
        name = regressor or self.primary
        self.check_regressor(name)
        windows, notes = self._windows([session])
        z = self._embeddings(windows)
        severity = float(self.regressors[name].predict(z.reshape(1, -1))[0])
        corrected = [f"{one['id']}: {in_words(one)}" for one in session.provenance.get("corrections", ())]
        said = {
            "recording": session.session,
            "severity": severity,
            "intervals": [
                {"level": one.level, "ends": [*one.around(severity)], "is": one.explanation}
                for one in self.intervals[name]
            ],
            "regressor": name,
            "target": self.config.evaluation.target,
            "usable_frames": float(windows.usable[0]),
            "seconds_used": float(windows.mask[0].sum() / self.config.windows.rate),
            "notes": [*session.provenance.get("notes", ()), *corrected, *notes],
            "note": NO_DIAGNOSIS,
        }
        if session.provenance.get("sha256") in self.trained_on:
            said["trained_on"] = TRAINED_ON
        elif digest_of(session.subject) in self.trained_on:
            said["trained_on"] = SOMEBODY_KNOWN
        return said | ({"simulated": SIMULATED} if self.config.evaluation.simulated else {})

    def check_regressor(self, name: str) -> None:
        """Raises UserError where the checkpoint lacks a regressor, as one from the midst of training lacks all."""
        if name not in self.regressors:
            raise UserError(
                f"regressor {name!r} is not in this checkpoint ({', '.join(self.regressors) or 'it holds none'}): "
                "load the workdir of a finished training"
            )

    def predict_file(self, path: str | pathlib.Path, regressor: str | None = None) -> dict[str, Any]:
        """`predict` for a recording as the model's corpus has it: an OpenFace CSV, for CMDC the folder of an interview,
        for DAIC-WOZ and E-DAIC the archive or folder of a session. After a transfer, a recording of either corpus.

        Raises UserError where it cannot be read, or where its cues are not those of the model.
        """

        def read(data):
            read_recording, cues = READERS[data.corpus].read_recording, tuple(self.specification)
            session = read_recording(pathlib.Path(path), cues, data.frame_rate, data.corrections)
            return dataclasses.replace(session, subject=person(data.corpus, session.subject))

        return self.predict(self._as_either(read), regressor) | {"recording": str(path)}

    def recordings(self, source: str | pathlib.Path) -> list[pathlib.Path]:
        """The recordings that `source` is or holds, each for `predict_file`. Raises UserError where there are none."""
        return self._as_either(lambda data: READERS[data.corpus].recordings(pathlib.Path(source)))

    def _as_either(self, read: Callable[[DataOptions], Any]) -> Any:
        """What `read` gives for the corpus that was trained on or else, after a transfer, for the reported one."""
        wrong = []
        for data in filter(None, (self.config.data, self.config.transfer)):
            try:
                return read(data)
            except UserError as error:
                wrong.append(str(error))
        raise UserError("; as one of the other corpus: ".join(dict.fromkeys(wrong)))

    def _windows(self, sessions: Iterable[Session]):
        """Scaled windows of all sessions, and notes on them. Raises UserError where one cannot be used."""
        asked = []

        def checked():
            for session in sessions:
                asked.append(session.session)
                yield cut_to(session, self.specification)

        windows, notes = cut_windows(checked(), self.config.windows)
        if len(windows) < len(asked):
            raise UserError("; ".join(notes))
        return self.scaler(windows), notes

    def _embeddings(self, windows) -> np.ndarray:
        params, batch_stats = jax.tree.map(jnp.asarray, (self.params, self.batch_stats))
        data = resident(windows.of(self.config.model.cues))
        rows = [jax.tree.map(lambda x, i=i: x[i : i + 1], data) for i in range(len(windows))]
        return np.concatenate([np.asarray(self._embed(params, batch_stats, row)) for row in rows])
