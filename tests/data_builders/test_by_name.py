"""Prepared corpora open by name, in a program that knows nothing of this project but the builder."""

import importlib
import json
import os
import pathlib
import subprocess
import sys

import pytest

from data_builders.preparation import open_or_prepare
from data_builders.simulator.corpus import write_corpus
from data_builders.simulator.options import Options
from tests.data_builders import e_daic_files

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCRIPT = """
import json, sys
import tensorflow_datasets as tfds
from data_builders.{corpus} import {corpus}_dataset_builder

builder = tfds.builder(sys.argv[1], data_dir=sys.argv[2])
found = {{split: [one["session"].decode() for one in builder.as_data_source(split)] for split in builder.info.splits}}
cues = {{name: list(cue.shape[1:]) for name, cue in builder.as_data_source(list(found)[0])[0]["cues"].items()}}
others = [name for name in sys.modules if name.partition(".")[0] in ("jax", "flax", "tensorflow")]
print(json.dumps([found, cues, others]))
"""


def e_daic(folder):
    for number in (301, 302, 600):
        e_daic_files.write_session(folder / f"{number}_P.tar.gz", e_daic_files.members(number))
    rows = [e_daic_files.split_row(number, 5) for number in (301, 302, 600)]
    e_daic_files.write_tables(folder, train=rows[:1], dev=rows[1:2], test=rows[2:])


CORPORA = {
    "openface": lambda folder: write_corpus(folder, Options(subjects=3, seconds=(4, 5), fps=3), str, "openface"),
    "cmdc": lambda folder: write_corpus(folder, Options(subjects=12, seconds=(12, 16), fps=3), str, "cmdc"),
    "daic_woz": lambda folder: write_corpus(folder, Options(subjects=5, seconds=(12, 16), fps=3), str, "daic_woz"),
    "e_daic": e_daic,
}


@pytest.mark.parametrize(("corpus", "config"), [*((corpus, "") for corpus in CORPORA), ("daic_woz", "other")])
def test_a_prepared_corpus_opens_by_its_name(tmp_path, corpus, config):
    raw = tmp_path / "raw"
    CORPORA[corpus](raw)
    module = importlib.import_module(f"data_builders.{corpus}.{corpus}_dataset_builder")
    (options,) = [kind for name, kind in vars(module).items() if name.endswith("Config") and name != "InterviewConfig"]
    chosen = options(cues=("aus", "pose")) if config else None
    builder, report = open_or_prepare(module.Builder, data_dir=tmp_path / "data", manual_dir=raw, config=chosen)
    name = f"{corpus}/{builder.builder_config.name}" if config or corpus == "openface" else corpus
    program = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(corpus=corpus), name, tmp_path / "data"],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert program.returncode == 0, program.stderr
    found, cues, others = json.loads(program.stdout)
    assert {split: len(sessions) for split, sessions in found.items()} == {
        split: counts["sessions"] for split, counts in report.splits.items()
    }
    assert set(cues) == set(builder.specification)
    assert not others
