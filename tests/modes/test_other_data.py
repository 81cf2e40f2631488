"""A workdir that was trained on other data, or is another's, is refused as it is; by a sweep as one of its settings."""

import json
import shutil
import types

import pytest

from configs import common
from data_builders.report import Tally
from mccl_jax.errors import UserError
from mccl_jax.evaluation import results
from mccl_jax.experiment import Experiment
from mccl_jax.modes import material, sweep, train
from mccl_jax.modes.plans import Plan
from mccl_jax.training import checkpoints
from tests.modes.test_no_leak import OPENFACE, SMALL, recorded

SAID = "was trained on other data than there are now: choose another --workdir, or remove it"


def quiet(line):
    pass


def config(**changes):
    values = common.get_config().to_dict()
    for section, of_section in {**SMALL, "data": {"cues": tuple(OPENFACE)}}.items():
        values[section].update(of_section)
    values["train"].update(epochs=1)
    return values | changes


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A function that makes those of this fingerprint the present data."""
    people = [recorded(i, split=["train", "test", "train"][i % 3]) for i in range(9)]
    builder = types.SimpleNamespace(specification=dict(people[0].specification))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(material, "read_sessions", lambda builder: iter(people))

        def become(fingerprint):
            report = Tally((), ()).report("raw", fingerprint)
            patched.setattr(material, "prepare_all", lambda experiment, say: [(builder, report)])

        yield become


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory):
    data("before")
    workdir = tmp_path_factory.mktemp("trained") / "workdir"
    train.run(Experiment.from_dict(config()), workdir, quiet)
    return workdir


@pytest.fixture
def workdir(trained, tmp_path):
    return shutil.copytree(trained, tmp_path / "sweep/seed=0", ignore=shutil.ignore_patterns(".lock")).resolve()


def content(folder):
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != ".lock")
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_the_same_command_after_the_data_have_changed_writes_nothing(data, workdir):
    before = content(workdir)
    data("after")
    with pytest.raises(UserError, match=SAID):
        train.run(Experiment.from_dict(config()), workdir, quiet)
    assert content(workdir) == before


def test_a_workdir_that_became_anothers_while_data_were_prepared_stays_so(data, workdir):
    data("before")
    experiment = Experiment.from_dict(config(seed=1))
    plan = Plan(experiment, material.material_of(experiment, quiet), workdir)
    before = content(workdir)
    with pytest.raises(UserError, match=r"belongs to another config \(seed: 1 here, 0 there\)"), plan.claimed():
        pass
    assert content(workdir) == before


def test_a_sweep_holds_no_training_of_other_data_beside_those_of_the_present(data, workdir):
    before = content(workdir)
    data("after")
    said = []
    assert sweep.run(config(), "seed=0,1", workdir.parent, said.append) == 1
    assert f"FAILED: seed=0: {workdir}: {SAID}" in said
    assert content(workdir) == before
    other = workdir.with_name("seed=1")
    assert {kept["data"] for kept in checkpoints.said(other / "checkpoints")} == {"after"}
    assert results.read(other)["baselines"]
    told = json.loads((workdir.parent / "sweep.json").read_text())["settings"]
    assert {row["name"]: row["state"] for row in told} == {"seed=0": "failed", "seed=1": "done"}


@pytest.mark.parametrize("last", ["report/index.html", "model/README.md", "model/SHA256SUMS"])
def test_a_setting_that_was_killed_while_it_was_scored_is_scored_again(data, workdir, last, monkeypatch):
    data("before")
    monkeypatch.setattr(sweep, "fit_together", None)
    assert sweep.run(config(), "seed=0", workdir.parent, quiet) == 0
    (workdir / last).unlink()
    said = []
    assert sweep.run(config(), "seed=0", workdir.parent, said.append) == 0
    assert "sweep: 1 settings, 0 of them done; 0 of 1 trainings left" in "\n".join(said)
    assert (workdir / last).is_file()
    said.clear()
    assert sweep.run(config(), "seed=0", workdir.parent, said.append) == 0
    assert "sweep: 1 settings, 1 of them done" in "\n".join(said)
