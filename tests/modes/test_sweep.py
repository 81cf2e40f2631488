"""What --mode=sweep refuses before any work, and what it makes of a setting."""

import types

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
    assert len(found.differences(of())) == 3
    # A sweep trains nobody's baseline, unless it is asked to.
    assert [line.partition(":")[0] for line in of().differences(base)] == ["train.direct_baseline"]
    assert not of(train__direct_baseline=True).differences(base)


def test_what_is_prepared_otherwise_lies_elsewhere():
    base = Experiment.from_dict(simulated.get_config().to_dict())
    assert place_of(of(seed=3, data__split_seed=1, windows__seconds=30.0)) == place_of(base)
    other = place_of(of(seed=3, simulation__seed=4))
    assert other.parent == place_of(base).parent
    assert other == place_of(of(train__epochs=2, simulation__seed=4)) != place_of(base)


def test_what_stops_a_wave_is_looked_for_one_by_one(monkeypatch):
    """Of three settings the second cannot begin: it has failed, the others are trained."""
    trained = []

    def alone(run, say):
        if run.name == "b":
            raise UserError("b cannot begin")
        trained.append(run.name)

    def together(runs, say):
        raise UserError("one of them cannot begin")

    monkeypatch.setattr(sweep, "fit", alone)
    monkeypatch.setattr(sweep, "fit_together", together)
    plans = {name: types.SimpleNamespace(run=lambda training, name: types.SimpleNamespace(name=name)) for name in "abc"}
    failed = sweep._train([(name, "") for name in "abc"], plans, lambda line: None)
    assert failed == {"b": "b cannot begin"}
    assert trained == ["a", "c"]


def test_waves_hold_one_structure_and_no_more_runs_than_devices(monkeypatch):
    monkeypatch.setattr(sweep, "structure", lambda experiment, windows: experiment.structure)
    monkeypatch.setattr(sweep.jax, "device_count", lambda: 2)

    def plan(structure, parallelism="jit"):
        train = types.SimpleNamespace(parallelism=parallelism)
        experiment = types.SimpleNamespace(structure=structure, train=train)
        material = types.SimpleNamespace(windows=None)
        return types.SimpleNamespace(experiment=experiment, material=material, experiment_of=lambda name: experiment)

    plans = {"a": plan(1), "b": plan(2), "c": plan(1), "d": plan(3, "pmap")}
    left = [(name, training) for name in plans for training in ("fold_1", "all")]
    waves = sweep._waves(left, plans)
    assert sorted(one for wave in waves for one in wave) == sorted(left)
    assert [[name for name, _ in wave] for wave in waves] == [["a", "a"], ["c", "c"], ["b", "b"], ["d"], ["d"]]


@pytest.mark.parametrize(
    ("left", "devices", "alone", "of_several"),
    [
        (5, 8, [5], [4, 1]),
        (8, 8, [8], [8]),
        (19, 8, [8, 8, 3], [8, 8, 2, 1]),
        (5, 6, [5], [3, 2]),
        (3, 7, [3], [1, 1, 1]),
        (3, 1, [1, 1, 1], [1, 1, 1]),
        (0, 4, [], []),
    ],
)
def test_of_several_processes_none_has_devices_that_a_wave_leaves_idle(left, devices, alone, of_several):
    assert sweep._sizes(left, devices, even=False) == alone
    assert sweep._sizes(left, devices, even=True) == of_several
