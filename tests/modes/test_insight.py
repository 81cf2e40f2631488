"""--mode=ablate --checkpoint: what it refuses. What it does: tests/end_to_end/test_cmdc.py, tests/insight."""

import types

import pytest

from mccl_jax.errors import UserError
from mccl_jax.modes import insight


def test_a_folder_that_is_no_workdir_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"has no config\.json; expected the workdir of a finished training"):
        insight.run(tmp_path)


def test_data_that_are_others_than_those_of_the_training_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(insight, "end_of_training", lambda *_: ({}, {"data": "those of the training"}))
    experiment = types.SimpleNamespace(evaluation=None)
    material = types.SimpleNamespace(fingerprint="others")
    with pytest.raises(UserError, match="fold_1: was trained on other data than there are now"):
        insight._look_at_all(tmp_path, experiment, material, {"fold_1": types.SimpleNamespace(reported=[])}, {})
