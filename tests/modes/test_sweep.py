"""What --mode=sweep refuses before any work, and what it makes of a setting."""

import pytest

from configs import simulated
from mccl_jax.errors import UserError
from mccl_jax.experiment import Experiment
from mccl_jax.modes import sweep
from mccl_jax.modes.prepare import place_of


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("train.temprature=0.1", "temprature: no such key"),
        ("train.epochs=few", "epochs is 'few': expected int"),
        ("train.epochs=1.5", "epochs=1.5: config.train.epochs is 1.5: expected int"),
        ("train.epochs=0", "epochs=0: train.epochs is 0: expected at least 1"),
        ("train=3", "train is a section"),
        ("trian.epochs=3", "no section of 'trian.epochs'; it has data, evaluation"),
        ("seed.more=3", "seed.more is no key"),
        ("name=other", "name is no setting"),
        ("seed=0,0", "seed=0 stands there twice"),
        ("seed=0 &", "expected the key of a config"),
    ],
)
def test_a_sweep_that_is_none_of_this_config(tmp_path, text, words):
    with pytest.raises(UserError, match=words) as caught:
        sweep.run(simulated.get_config().to_dict(), text, tmp_path / "sweep")
    assert "\n" not in str(caught.value)
    assert not any(tmp_path.iterdir())


def of(**setting):
    config = simulated.get_config().to_dict()
    setting = {key.replace("__", "."): value for key, value in setting.items()}
    return sweep._experiment(config, Experiment.from_dict(config), "one", setting)


def test_a_setting_changes_its_keys_alone():
    base = Experiment.from_dict(simulated.get_config().to_dict())
    found = of(seed=3, train__temperature=0.5, model__blocks=(1, 1))
    assert (found.seed, found.train.temperature, found.model.blocks) == (3, 0.5, (1, 1))
    assert len(found.differences(base)) == 3


def test_what_is_prepared_otherwise_lies_elsewhere():
    base = Experiment.from_dict(simulated.get_config().to_dict())
    assert place_of(of(seed=3, data__split_seed=1, windows__seconds=30.0)) == place_of(base)
    other = place_of(of(seed=3, simulation__seed=4))
    assert other.parent == place_of(base).parent
    assert other == place_of(of(train__epochs=2, simulation__seed=4)) != place_of(base)
