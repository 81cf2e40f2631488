"""Before they train together, processes that would do otherwise than the main one are found out."""

import types

import numpy as np
import pytest

from configs import cmdc
from mccl_jax.data.scaling import Scaler
from mccl_jax.experiment import Experiment
from mccl_jax.training import hosts, loop


@pytest.fixture
def digest(monkeypatch):
    """What a process says of itself, which all must say alike, where these keys of its config are so."""
    said = []
    monkeypatch.setattr(hosts, "several", lambda: True)
    monkeypatch.setattr(hosts, "agree", lambda name, text, otherwise: said.append(text))

    def of(state: float = 1.0, **keys) -> str:
        values = cmdc.get_config().to_dict()
        for key, value in keys.items():
            section, _, name = key.partition("__")
            values[section][name] = value
        experiment = Experiment.from_dict(values)
        data = types.SimpleNamespace(scaler=Scaler({}, {}))
        run = types.SimpleNamespace(fingerprint="made", experiment=experiment, data=data, workdir="run")
        lane = types.SimpleNamespace(run=run, state={"x": np.array(state)}, members=np.arange(3), hyper=np.ones(2))
        loop._same_on_all_hosts([lane])
        return said[-1]

    return of


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("train__floor", 0.5),
        ("train__epochs", 7),
        ("train__warmup_epochs", 3.0),
        ("train__adam_eps", 0.1),
        ("train__shuffle", False),
        ("train__evaluate_every", 3),
        ("train__checkpoint_every", 3),
        ("train__feeding", "stream"),
        ("model__norm_eps", 0.1),
        ("model__masked", False),
        ("state", 1.5),
    ],
)
def test_what_all_must_have_alike(digest, key, value):
    assert digest(**{key: value}) != digest() == digest()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("data__manual_dir", "elsewhere"),
        ("data__data_dir", "elsewhere"),
        ("data__workers", 3),
        ("train__profile", 3),
        ("init__weights", "elsewhere.safetensors"),
    ],
)
def test_what_may_differ(digest, key, value):
    assert digest(**{key: value}) == digest()
