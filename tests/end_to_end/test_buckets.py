"""A workdir and prepared data in a bucket: killed in a save, gone on with on another machine, and used there."""

import csv
import io
import json
import pathlib
import threading

import pytest

from tests.end_to_end.program import TINY, run, start
from tests.fake_bucket import Bucket

SMALL = (
    *TINY,
    "--config.data.data_dir=gs://bucket/prepared",
    "--config.data.cues=('pose','aus')",
    "--config.train.epochs=2",
    "--config.train.evaluate_every=1",
    "--config.evaluation.regressors=('ridge',)",
)
SAVED = "killed/checkpoints/10/SHA256SUMS"


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """Gives a machine that has nothing yet: an empty folder to be in, and an empty cache."""

    def new(name: str) -> pathlib.Path:
        (tmp_path / name).mkdir()
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / name / "cache"))
        return tmp_path / name

    return new


def results(bucket: Bucket, workdir: str) -> dict[str, bytes]:
    """What a training leaves that has neither time nor place in it."""
    names = ("results.json", "predictions.csv", "metrics.jsonl", "config.json", "embeddings/epoch_00001.npz")
    return {name: bucket.objects[f"{workdir}/{name}"] for name in (*names, "embeddings/epoch_00002.npz")}


def test_killed_gone_on_with_elsewhere_and_used(bucket, machine):
    run(machine("first"), *SMALL, "--workdir=gs://bucket/undisturbed")
    assert "prepared/openface" in min(name for name in bucket.objects)
    assert not any("/raw/" in name or "/." in name for name in bucket.objects if not name.endswith("/.owner"))

    # Killed at the request that would make its second checkpoint whole.
    process, met = [], threading.Event()

    def refuse(what: str) -> int | None:
        if what == f"PUT {SAVED}" and not met.is_set():
            process[0].kill()
            met.set()
        return 503 if met.is_set() else None

    bucket.refuse = refuse
    process.append(start(machine("second"), *SMALL, "--workdir=gs://bucket/killed"))
    assert met.wait(300), "never came to the point where it was to be killed"
    process[0].communicate()
    bucket.refuse = lambda what: None
    assert {"killed/checkpoints/5/SHA256SUMS", "killed/checkpoints/10/_CHECKPOINT_METADATA"} < bucket.objects.keys()
    assert SAVED not in bucket.objects

    third = machine("third")
    done = run(third, *SMALL, "--workdir=gs://bucket/killed")
    assert "goes on after step 5 of 10" in done.stdout
    assert "prepared 3 of 30" not in done.stderr, "the data are there"
    assert results(bucket, "killed") == results(bucket, "undisturbed")
    assert SAVED in bucket.objects

    before = bucket.objects["killed/results.json"]
    run(third, "--mode=evaluate", "--workdir=gs://bucket/killed", "--config.evaluation.threshold=12.0")
    assert json.loads(bucket.objects["killed/results.json"])["changed_after_training"] == ["threshold"]
    assert bucket.objects["killed/results.json"] != before

    run(third, "--mode=report", "--workdir=gs://bucket/killed", "--shareable")
    assert b"<html" in bucket.objects["killed/report-shareable/index.html"]
    run(third, "--mode=ablate", "--checkpoint=gs://bucket/killed")
    assert "reliance" in json.loads(bucket.objects["killed/insight.json"])
    with open(third / "theirs.csv", "w") as file:
        rows = csv.DictReader(io.StringIO(bucket.objects["killed/predictions.csv"].decode()))
        file.write("session,predicted\n" + "".join(f"{row['session']},{row['target']}\n" for row in rows))
    run(third, "--mode=score", "--workdir=gs://bucket/killed", "--predictions=theirs.csv")
    found = json.loads(bucket.objects["killed/scores/theirs.json"])
    assert found["protocols"]["foreign"]["models"]["theirs.csv"]["metrics"]["mae"]["estimate"] == 0

    (recording,) = sorted((third / "cache/mccl_jax/gs").glob("prepared-*/raw/*0003.csv"))
    bucket.log.clear()
    done = run(machine("fourth"), "--mode=predict", "--checkpoint=gs://bucket/killed", f"--input={recording}")
    assert json.loads(done.stdout)["regressor"] == "ridge"
    assert all(line.startswith("GET killed/model/") for line in bucket.log)


def test_a_bucket_that_is_not_there_is_said_before_anything_is_prepared(bucket, machine):
    one = machine("one")
    done = run(one, *TINY, "--workdir=gs://absent/run", check=2)
    assert done.stderr.startswith("error: gs://absent/run: could not be read")
    assert done.stderr.count("\n") == 1
    assert not bucket.log
    assert not (one / "prepared").exists()
