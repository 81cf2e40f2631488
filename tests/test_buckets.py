"""A folder in a bucket and its copy: equal after each push and pull, and never taken for whole while it is not."""

import contextlib
import importlib.util
import pathlib
import shutil

import pytest

from configs import common
from mccl_jax import buckets
from mccl_jax.errors import UserError
from mccl_jax.experiment import Experiment
from mccl_jax.mirrors import Mirror
from mccl_jax.modes import prepare
from tests.fake_bucket import Bucket

RUN = "gs://bucket/run"


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def write(folder: pathlib.Path, **files: str) -> None:
    """Files by their names, with _ for /."""
    for name, text in files.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def texts(bucket: Bucket) -> dict[str, str]:
    return {name.removeprefix("run/"): data.decode() for name, data in bucket.objects.items()}


def files(folder: pathlib.Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_what_changes_goes_and_comes_and_nothing_else(bucket, tmp_path):
    mirror = Mirror(RUN)
    mirror.pull()
    write(mirror.folder, a="1", b__c="2", empty="")
    write(mirror.folder, **{".lock": "", "checkpoints__8.orbax-checkpoint-tmp-1__x": "", "incomplete.1__y": ""})
    mirror.push()
    assert texts(bucket) == {"a": "1", "b/c": "2", "empty": ""}
    write(mirror.folder, b__c="22", d="3")
    (mirror.folder / "a").unlink()
    bucket.objects["run/not_ours"] = b"x"
    bucket.log.clear()
    mirror.push()
    assert sorted(bucket.log) == ["DELETE run/a", "PUT run/b/c", "PUT run/d"]
    assert texts(bucket) == {"b/c": "22", "empty": "", "d": "3", "not_ours": "x"}
    bucket.log.clear()
    mirror.push()
    assert not bucket.log
    other = Mirror(RUN, tmp_path / "other")
    write(other.folder, b__c="of before", gone__x="of before", empty__x="of before", d="3")
    there = texts(bucket)
    strange = {"run/../up", f"run/{tmp_path}/absolute", "run/a//b", "run/folder/"}
    bucket.objects |= {name: b"" for name in strange}
    other.pull()
    assert files(other.folder) == there
    assert {path.name for path in tmp_path.iterdir()} == {"cache", "other"}
    assert not (other.folder / "gone").exists()
    assert "run/d" not in bucket.names("GET"), "what is equal stays"


def test_a_large_file_goes_in_parts_and_what_was_damaged_on_the_way_is_refused(bucket, tmp_path):
    mirror = Mirror(RUN)
    write(mirror.folder, large="x" * 60_000_000)
    mirror.push()
    assert bucket.objects["run/large"] == (mirror.folder / "large").read_bytes()
    described = bucket.described
    bucket.described = lambda name: described(name) | {"crc32c": "AAAAAA=="}
    with pytest.raises(UserError, match=r"run: could not be read .*large .*was damaged"):
        Mirror(RUN, tmp_path / "other").pull()
    assert not files(tmp_path / "other")


@pytest.mark.parametrize("when", ["PUT", "DELETE"])
def test_cut_off_anywhere_a_checkpoint_is_whole_or_lacks_its_sums(bucket, when, tmp_path):
    """Every request of the push that replaces one checkpoint by another, and a model by another, is once the last."""
    old = {"checkpoints__4__A": "4", "checkpoints__4__SHA256SUMS": "4", "model__A": "4", "model__SHA256SUMS": "4"}
    new = {"checkpoints__8__A": "8", "checkpoints__8__SHA256SUMS": "8", "model__A": "8", "model__SHA256SUMS": "8"}
    states = set()
    for last in range(12):
        bucket.objects.clear()
        bucket.refuse = lambda what: None
        mirror = Mirror(RUN, tmp_path / str(last))
        write(mirror.folder, **old)
        mirror.push()
        shutil.rmtree(mirror.folder)
        write(mirror.folder, **new)
        left = [last]

        def refuse(what, left=left):
            left[0] -= what.startswith(when)
            return 403 if left[0] < 0 else None

        bucket.refuse = refuse
        with contextlib.suppress(UserError):
            mirror.push()
        there = texts(bucket)
        for folder in ("checkpoints/4", "checkpoints/8", "model"):
            if sums := there.get(f"{folder}/SHA256SUMS"):
                assert there[f"{folder}/A"] == sums
        whole = {name for name in there if name.endswith("SHA256SUMS")}
        assert whole & {"checkpoints/4/SHA256SUMS", "checkpoints/8/SHA256SUMS"}, "at no time is there none"
        states.add(frozenset(there.items()))
    assert len(states) >= 3
    assert there == {name.replace("__", "/"): text for name, text in new.items()}


def test_a_checkpoint_stays_whole_while_a_card_is_laid_beside_it(bucket):
    """Or a kill while a finished training is scored would cost all of its checkpoints."""
    mirror = Mirror(RUN)
    write(mirror.folder, checkpoints__8__A="8", checkpoints__8__SHA256SUMS="8")
    mirror.push()
    write(mirror.folder, checkpoints__8__README="a card")
    bucket.refuse = lambda what: 403 if what.startswith("PUT") else None
    with pytest.raises(UserError):
        mirror.push()
    assert texts(bucket) == {"checkpoints/8/A": "8", "checkpoints/8/SHA256SUMS": "8"}
    bucket.refuse = lambda what: None
    mirror.push()
    assert texts(bucket) == files(mirror.folder)


def test_prepared_data_that_are_still_to_go_there_stay(bucket):
    mirror = Mirror(RUN)
    write(mirror.folder, shard="whole", **{"preparation.json": "{}"})
    bucket.objects["run/shard"] = b"half"
    mirror.pull(unless_without="preparation.json")
    assert files(mirror.folder) == {"shard": "whole", "preparation.json": "{}"}
    assert not mirror.has("preparation.json")
    mirror.push()
    assert texts(bucket) == files(mirror.folder)
    bucket.objects |= {"run/shard": b"other", "run/preparation.json": b"{1}"}
    mirror.pull(unless_without="preparation.json")
    assert texts(bucket) == files(mirror.folder)


def test_who_begins_later_has_the_folder(bucket, monkeypatch, tmp_path):
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(buckets.working_in(RUN))
        buckets.claim(first)
        write(first, a="1")
        buckets.publish(first / "below", lambda: None)
        with pytest.raises(UserError, match="another process on this machine"), buckets.working_in(RUN):
            pass
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "another machine"))
        second = stack.enter_context(buckets.working_in(RUN))
        assert first != second
        assert files(second) == {"a": "1"}
        buckets.claim(second)
        write(first, a="2")
        with pytest.raises(UserError, match="another process has begun to write in it"):
            buckets.publish(first, lambda: None)
        (first / "a").unlink()
        with pytest.raises(UserError, match="another process has begun to write in it"):
            stack.close()
    assert bucket.objects["run/a"] == b"1"


def test_what_a_failed_training_says_goes_there_and_what_is_only_read_writes_nothing(bucket):
    def fail(text: str, claim: bool):
        with buckets.working_in(RUN) as folder:
            if claim:
                buckets.claim(folder)
            write(folder, a=text)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail("1", claim=True)
    assert bucket.objects["run/a"] == b"1"
    bucket.log.clear()
    with pytest.raises(ZeroDivisionError):
        fail("2", claim=False)
    with buckets.working_in(RUN, main=False) as folder:
        write(folder, a="2")
        buckets.claim(folder)
        buckets.publish(folder, pytest.fail)
    assert {line.partition(" ")[0] for line in bucket.log} <= {"GET"}


def test_of_a_workdir_a_model_is_fetched_alone(bucket):
    bucket.objects |= {f"run/{name}": b"" for name in ("model/SHA256SUMS", "model/x", "metrics.jsonl", "odd/x")}
    assert files(buckets.fetched(f"{RUN}/", "model")).keys() == {"SHA256SUMS", "x"}
    assert files(buckets.fetched(f"{RUN}/model", "model")).keys() == {"SHA256SUMS", "x"}
    for place in (f"{RUN}/odd", f"{RUN}/absent"):
        with pytest.raises(UserError, match=f"{place}: holds no whole checkpoint"):
            buckets.fetched(place, "model")


def test_a_bucket_that_cannot_be_used_is_said_in_one_line(bucket):
    with pytest.raises(UserError, match=r"gs://absent/run: could not be read .*no bucket absent"):
        Mirror("gs://absent/run").pull()
    bucket.refuse = lambda what: 401
    with pytest.raises(UserError, match=r"gs://bucket/run: could not be read .*refused, 401.*credentials"):
        Mirror(RUN).pull()
    bucket.refuse = lambda what: 403 if what.startswith("PUT") else None
    with buckets.working_in(RUN) as folder, pytest.raises(UserError, match=r"written to .*Forbidden") as caught:
        buckets.claim(folder)
    assert "\n" not in str(caught.value)


def test_paths_on_a_disk_ask_nobody(monkeypatch, tmp_path):
    monkeypatch.setattr("mccl_jax.mirrors._file_system", pytest.fail)
    with buckets.working_in(tmp_path / "run") as folder:
        buckets.claim(folder)
        buckets.publish(folder, pytest.fail)
    assert folder == tmp_path / "run"
    assert buckets.fetched(str(folder), "model") == folder
    buckets.check("--workdir", "runs/here")
    assert not folder.exists()


@pytest.mark.parametrize(
    "place", ["s3://bucket/run", "gs://bucket", "gs://bucket/", "gs:///run", "gs://bucket//run", "gs://bucket/../run"]
)
def test_a_place_that_is_none_is_refused(place):
    with pytest.raises(UserError, match=r"--workdir is .*expected a path on a disk, or gs://BUCKET/FOLDER"):
        buckets.check("--workdir", place)


@pytest.fixture
def without_gcsfs(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "gcsfs" else find(name))


def test_without_gcsfs_the_line_says_what_to_install(without_gcsfs):
    with pytest.raises(UserError, match=r"--workdir is gs://bucket/run: .*pip install -r requirements-gcs.txt"):
        buckets.check("--workdir", RUN)


@pytest.mark.parametrize("section", ["data", "transfer"])
def test_prepared_data_in_a_bucket_need_gcsfs_where_they_are_read_and_a_model_of_them_nowhere(without_gcsfs, section):
    values = common.get_config().to_dict()
    values |= {"transfer": dict(values["data"])}
    for name in ("data", "transfer"):
        values[name]["data_dir"] = f"prepared/{name}"
    values[section]["data_dir"] = RUN
    experiment = Experiment.from_json(Experiment.from_dict(values).to_json())  # as a model is read
    with pytest.raises(UserError, match=rf"{section}.data_dir is gs://bucket/run: .*requirements-gcs.txt"):
        prepare.prepare_all(experiment, pytest.fail)
