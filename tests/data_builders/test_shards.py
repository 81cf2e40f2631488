"""Shards are the same whichever process writes them, and no process is left behind."""

import dataclasses
import functools
import os
import pathlib
import signal
import subprocess
import sys
import time

import jax
import numpy as np
import pytest

from benchmarks import prepare_kills
from data_builders.daic_woz.daic_woz_dataset_builder import Builder, DaicWozConfig
from data_builders.preparation import open_or_prepare
from data_builders.records import decode
from data_builders.shards import Shard, Source, write_shards
from mccl_jax.errors import UserError
from tests.data.made import plain
from tests.data_builders.daic_woz_files import label_row, members, tables, write_archive, write_splits

ROOT = pathlib.Path(__file__).resolve().parents[2]
WAITING = """
import functools, pathlib, sys
from data_builders.shards import Shard, Source, write_shards
from tests.data_builders.test_shards import wait

if __name__ == "__main__":
    sources = [Source(name, "train", functools.partial(wait, pathlib.Path(sys.argv[1], name))) for name in "ab"]
    write_shards([Shard(sys.argv[1] + f"/{source.name}.shard", (source,), {}) for source in sources], 2, print)
"""


def read(name):
    if name == "bad":
        raise UserError("raw/bad: is empty; expected rows")
    if name == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    return plain(np.arange(5.0), np.arange(5.0), session=name, provenance={"notes": [], "sha256": name})


def wait(path):
    path.write_text(str(os.getpid()))
    time.sleep(600)


def shards(folder, *names):
    folder.mkdir(exist_ok=True)
    specification = read("a").specification
    return [
        Shard(str(folder / name), (Source(name, "train", functools.partial(read, name)),), specification)
        for name in names
    ]


def test_several_processes_write_what_one_writes(tmp_path):
    names, counted = ("b", "bad", "a", "c"), []
    found = {}
    for workers in (1, 2):
        outcomes = write_shards(shards(tmp_path / str(workers), *names), workers, counted.append)
        found[workers] = [[(o.source.name, o.summary, o.why) for o in of_shard] for of_shard in outcomes]
    assert found[1] == found[2]
    why = {name: why for ((name, _, why),) in found[2]}
    assert list(why.items()) == [("b", ""), ("bad", "is empty; expected rows"), ("a", ""), ("c", "")]
    assert counted == [1] * 8


def test_a_process_that_is_killed_ends_the_preparation_in_one_line(tmp_path):
    with pytest.raises(UserError, match=r"has ended before its work was done; .* --config\.data\.workers=1"):
        write_shards(shards(tmp_path, "a", "killed", "b"), 2, lambda _: None)


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_no_process_outlives_the_program(tmp_path, end):
    script = tmp_path / "waiting.py"
    script.write_text(WAITING)
    program = subprocess.Popen(
        [sys.executable, script, str(tmp_path)], env=os.environ | {"PYTHONPATH": str(ROOT)}, stderr=subprocess.PIPE
    )
    while not all((tmp_path / name).is_file() and (tmp_path / name).read_text() for name in "ab"):
        assert program.poll() is None, program.stderr.read()
        time.sleep(0.05)
    workers = [int((tmp_path / name).read_text()) for name in "ab"]
    program.send_signal(end)
    if end == signal.SIGINT:  # run.py ends at once; a program that waits for its processes waits for ever
        time.sleep(0.5)
        program.kill()
    program.wait(10)
    deadline = time.monotonic() + 10
    while any(map(alive, workers)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(alive, workers))


def alive(process):
    try:
        return pathlib.Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_corpus_prepared_by_several_processes(tmp_path):
    raw = tmp_path / "raw"
    for seed, number in enumerate(("300", "301", "302", "303")):
        write_archive(raw / f"{number}_P.zip", members(number, tables(seed=seed)))
    write_archive(raw / "304_P.zip", {name.replace("300", "304"): text for name, text in members("300").items()})
    write_splits(raw, train=[label_row(n, 3) for n in (300, 301, 304)], dev=[label_row(n, 12) for n in (302, 303)])
    found = {}
    for workers in (1, 2):
        place = tmp_path / f"by_{workers}"
        builder, report = open_or_prepare(
            Builder, data_dir=place, manual_dir=raw, config=DaicWozConfig(), workers=workers
        )
        records = [decode(one) for split in builder.info.splits for one in builder.as_data_source(split)]
        found[workers] = [dataclasses.asdict(one) for one in records], report
    jax.tree.map(np.testing.assert_array_equal, found[1][0], found[2][0])
    sessions, report = found[2]
    assert found[1][1] == report
    assert [one["session"] for one in sessions] == ["300", "301", "302", "303"]
    assert dict(report.skipped) == {
        "304_P.zip": "the same recording as 300, byte for byte: one of the two is misplaced"
    }
    assert report.splits == {"train": {"sessions": 2, "subjects": 2}, "dev": {"sessions": 2, "subjects": 2}}


def test_a_preparation_that_is_killed_is_the_same_after_another_start(tmp_path):
    """The small form of benchmarks/prepare_kills.py."""
    early, late = prepare_kills.moments(tmp_path, (0.2, 0.7), seconds=15.0)
    assert early.hit
    assert early.differs == late.differs == ()
