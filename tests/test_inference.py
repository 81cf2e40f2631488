"""A prediction reads a recording as those were read that the model was trained on."""

import dataclasses

import pytest

from configs import daic_woz
from mccl_jax.cues import DAIC_WOZ_CUES
from mccl_jax.experiment import Experiment
from mccl_jax.inference import Model
from tests.data_builders.daic_woz_files import members, write_archive

MARKED = [(0.1, 0.3, "Ellie", "<sync>"), (0.6, 1.1, "Participant", "hello")]


@pytest.mark.parametrize(("corrections", "begin"), [(("all",), 0.6), ((), 0.1), (("-sync-markers",), 0.1)])
def test_the_corrections_of_the_training_are_those_of_a_prediction(tmp_path, monkeypatch, corrections, begin):
    experiment = Experiment.from_dict(daic_woz.get_config().to_dict())
    model = object.__new__(Model)
    model.config = dataclasses.replace(experiment, data=dataclasses.replace(experiment.data, corrections=corrections))
    model.specification = DAIC_WOZ_CUES
    monkeypatch.setattr(Model, "predict", lambda self, session, regressor: {"begin": session.speech_span[0]})
    archive = write_archive(tmp_path / "300_P.zip", members("300", rows=MARKED))
    assert model.predict_file(archive) == {"begin": begin, "recording": str(archive)}
