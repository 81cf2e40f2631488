"""Several processes train one experiment as one process does, whatever happens to one of them on the way."""

import json
import pathlib
import shutil
import signal

import jax
import numpy as np
import pytest

from mccl_jax.evaluation.embeddings import Embeddings, evaluated_epochs
from mccl_jax.training import checkpoints, hosts
from mccl_jax.training.writers import read_metrics
from tests.multi_device.pair import Pair, finished, start

WORKDIR = pathlib.Path("runs/simulated")
STEPS = 6 * 2
# The sweep's first wave has the other two seeds, two devices each; between the waves they are scored.
SWEPT = ("--config.train.feeding=stream", "--mode=sweep", "--sweep=seed=1,2,0")
OTHERWISE = {"pmapped": ("--config.train.parallelism=pmap",), "swept": SWEPT}


def newest(folder: pathlib.Path) -> int:
    names = [path.name for path in (folder / WORKDIR / "checkpoints").glob("[0-9]*") if path.name.isdecimal()]
    return max(map(int, names), default=0)


@pytest.fixture(scope="module")
def told(tmp_path_factory) -> dict:
    """What happened, by name, to two processes that were stopped twice, and to one that went on where they were."""
    folder, told = tmp_path_factory.mktemp("hosts"), {}
    together = folder / "together"
    pair = Pair(together)
    pair.stop(1, signal.SIGTERM, lambda: newest(together))
    told["terminated"] = pair.ended()
    told["saved"] = newest(together)
    for name in ("one", "four"):
        shutil.copytree(together, folder / name)
    shutil.copytree(together / "prepared", folder / "alone" / "prepared")

    pair = Pair(together)
    pair.stop(1, signal.SIGKILL, lambda: newest(together) > told["saved"])
    # Meanwhile the other one finds out.
    going = {name: start(folder / name, devices=n) for name, n in (("alone", 1), ("one", 1), ("four", 4))}
    told["killed"] = pair.ended()
    told["together"] = Pair(together).ended()
    for name, way in OTHERWISE.items():
        shutil.copytree(together / "prepared", folder / name / "prepared")
        told[name] = Pair(folder / name, way, way).ended()
    shutil.move(folder / "swept/runs/simulated-sweep/seed=0", folder / "swept" / WORKDIR)
    return told | {name: finished(process) for name, process in going.items()} | {"folder": folder}


def last_line(errors: str) -> str:
    return errors.splitlines()[-1]


def test_a_signal_to_one_saves_and_ends_both(told):
    statuses, printed, _, _ = told["terminated"]
    assert statuses == [143, 143]
    assert "stopped by SIGTERM, all is saved" in printed[0]
    assert "devices: 4 x cpu, 2 of them here" in printed[0]


def test_only_the_main_process_speaks(told):
    statuses, printed, errors, _ = told["together"]
    assert statuses == [0, 0]
    assert "PRIMARY RESULT" in printed[0]
    (line,) = [line for line in printed[1].splitlines() if not line.startswith("[Gloo]")]
    assert line == "devices: 2 x cpu, process 1 of 2; process 0 says the rest"
    assert errors[1] == ""


def test_a_lost_process_ends_the_other_in_time_with_one_line(told):
    statuses, _, errors, seconds = told["killed"]
    assert statuses == [hosts.LOST, -signal.SIGKILL]
    assert seconds < hosts.LOST_AFTER + 10
    said = [line for line in errors[0].splitlines() if line.startswith("error: ")]
    assert said == [last_line(errors[0])]
    assert said[0].startswith("error: process 1 of 2 was lost")
    assert "the same command" in said[0]
    assert "Traceback" not in errors[0]


@pytest.mark.parametrize("name", ["together", "one", "four", *OTHERWISE])
def test_all_end_as_one_process_with_one_device(told, name):
    """Stopped and begun again, by two processes, by one with one device, by one with four; and by two in other ways."""
    folder, expected = told["folder"] / name / WORKDIR, told["folder"] / "alone" / WORKDIR
    losses = [[line["loss"] for line in read_metrics(workdir)] for workdir in (folder, expected)]
    assert len(losses[0]) == STEPS
    np.testing.assert_allclose(*losses, atol=1e-4)
    assert list(evaluated_epochs(folder)) == [0, 3, 6]
    for epoch, path in evaluated_epochs(folder).items():
        found, wanted = Embeddings.load(path), Embeddings.load(evaluated_epochs(expected)[epoch])
        assert found.session.tolist() == wanted.session.tolist()
        np.testing.assert_allclose(found.features, wanted.features, atol=1e-4)
    for place in (f"checkpoints/{STEPS}", "model"):
        found, wanted = (checkpoints.load(workdir / place) for workdir in (folder, expected))
        assert found[1]["trained_on"] == wanted[1]["trained_on"]
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-4), found[0], wanted[0])
    found, wanted = (json.loads((workdir / "results.json").read_text()) for workdir in (folder, expected))
    mae = [one["protocols"]["last"]["models"]["ridge"]["metrics"]["mae"]["estimate"] for one in (found, wanted)]
    np.testing.assert_allclose(*mae, atol=1e-3)
    if name in ("one", "four"):
        assert f"goes on after step {told['saved']} of {STEPS}" in told[name]


def test_a_bucket_will_do_where_there_is_no_disk_that_all_see(bucket, tmp_path):
    """Each has a disk of its own, others than before when they go on."""
    places = ("--workdir=gs://bucket/run", "--config.data.data_dir=gs://bucket/prepared", "--config.train.epochs=6")
    first = Pair(tmp_path, places, places, caches=(tmp_path / "0", tmp_path / "1"))
    first.stop(1, signal.SIGTERM, lambda: "run/checkpoints/2/SHA256SUMS" in bucket.objects)
    assert first.ended()[0] == [143, 143]
    held = {part for name in bucket.objects if name.startswith("run/") for part in name.split("/")}
    assert held >= {"checkpoints", "SHA256SUMS"}
    statuses, printed, errors, _ = Pair(tmp_path, places, places, caches=(tmp_path / "2", tmp_path / "3")).ended()
    assert statuses == [0, 0], errors
    assert "goes on after step" in printed[0]
    assert "PRIMARY RESULT" in printed[0]
    losses = [json.loads(line)["step"] for line in bucket.objects["run/metrics.jsonl"].splitlines()]
    assert losses == list(range(12))
    assert {"run/results.json", "run/model/SHA256SUMS", "run/checkpoints/12/SHA256SUMS"} < bucket.objects.keys()
    new = {"results.json", "model", "12"} - held  # the signal may have come as late as the last step
    assert new >= {"results.json", "model"}
    of_others = [name for name in (tmp_path / "3").rglob("*") if name.name in new]
    assert not of_others, "the main process alone writes"


def test_what_one_cannot_do_ends_both_with_its_line(tmp_path):
    (tmp_path / "file").write_text("")
    statuses, _, errors, _ = Pair(tmp_path, ("--workdir=file/in",), ("--workdir=file/in",)).ended()
    assert statuses == [2, 2]
    assert last_line(errors[0]).startswith("error: file/in: ")
    assert last_line(errors[1]).startswith("error: process 0 of 2: file/in: ")


def test_one_that_would_train_something_else_ends_both(tmp_path):
    statuses, _, errors, _ = Pair(tmp_path, ("--config.seed=0",), ("--config.seed=1",)).ended()
    assert statuses == [2, 2]
    assert last_line(errors[0]).startswith("error: process 1 of 2: process 1 of 2 begins from other values")
    assert last_line(errors[1]).startswith("error: process 1 of 2 begins from other values")
    assert not (tmp_path / WORKDIR / "metrics.jsonl").read_text()


def test_one_that_would_train_other_settings_ends_both(tmp_path):
    statuses, _, errors, _ = Pair(
        tmp_path, ("--mode=sweep", "--sweep=seed=0,1"), ("--mode=sweep", "--sweep=seed=0,2")
    ).ended()
    assert statuses == [2, 2]
    assert last_line(errors[1]).startswith("error: process 1 of 2 is to train other settings than the main process")
    assert not list(tmp_path.glob("runs/**/checkpoints/*"))


@pytest.mark.parametrize(("how", "status"), [(signal.SIGKILL, hosts.LOST), (signal.SIGINT, 130)])
def test_the_end_of_the_main_process_ends_the_other_at_once(tmp_path, how, status):
    """While the other one waits for what it prepares."""
    pair = Pair(tmp_path)
    for process in pair.processes:
        assert process.stdout.readline().startswith("devices: ")
    pair.stop(0, how, lambda: True)
    statuses, _, errors, seconds = pair.ended()
    assert statuses == [-signal.SIGKILL if how == signal.SIGKILL else 130, status]
    assert seconds < 10
    assert "Traceback" not in errors[1]
    expected = {signal.SIGKILL: "process 0, the main one, was lost: ", signal.SIGINT: "process 0 of 2: interrupted: "}
    assert last_line(errors[1]).startswith(f"error: {expected[how]}")
