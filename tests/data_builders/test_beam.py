"""The Beam pipeline writes what the builder writes by itself; runs where Beam is installed (requirements-beam.txt)."""

import dataclasses

import numpy as np
import pytest
import tensorflow_datasets as tfds

from data_builders.daic_woz import daic_woz_dataset_builder as daic_woz
from data_builders.preparation import open_or_prepare
from data_builders.records import decode
from mccl_jax.errors import UserError
from tests.data_builders.daic_woz_files import label_row, members, write_archive, write_splits

pytest.importorskip("apache_beam", reason="apache-beam has an environment of its own: requirements-beam.txt")


def sessions(data_dir):
    builder = tfds.builder("daic_woz/3hz", data_dir=data_dir)
    return [dataclasses.asdict(decode(one)) for split in builder.info.splits for one in builder.as_data_source(split)]


def test_a_pipeline_writes_the_same_data_set(tmp_path, capsys):
    from data_builders import beam

    raw = tmp_path / "raw"
    for number in ("300", "301"):
        write_archive(raw / f"{number}_P.zip", members(number))
    (raw / "302_P.zip").write_bytes((raw / "300_P.zip").read_bytes()[:1000])
    write_splits(raw, train=[label_row(300, 3), label_row(302, 5)], dev=[label_row(301, 12)])
    beam.main(["daic_woz/3hz", f"--manual_dir={raw}", f"--data_dir={tmp_path / 'by_beam'}", "--runner=DirectRunner"])
    assert "302_P.zip: cannot be read" in capsys.readouterr().out
    _, report = open_or_prepare(daic_woz.Builder, data_dir=tmp_path / "by_us", manual_dir=raw)
    theirs, ours = sessions(tmp_path / "by_beam"), sessions(tmp_path / "by_us")
    assert [one["session"] for one in theirs] == ["300", "301"]
    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_equal(mine, other)
    _, again = open_or_prepare(daic_woz.Builder, data_dir=tmp_path / "by_beam", manual_dir=raw)
    assert again == report
    assert not list((tmp_path / "by_beam").rglob("*.outcomes.json"))


def test_mistakes_are_one_line(tmp_path):
    from data_builders import beam

    folders = [f"--manual_dir={tmp_path}", f"--data_dir={tmp_path}"]
    with pytest.raises(UserError, match="mosei: no such corpus; expected one of cmdc, daic_woz, e_daic"):
        beam.main(["mosei", *folders])
    with pytest.raises(UserError, match=r"cmdc/3hz: no such config; expected one of disjoint, official"):
        beam.main(["cmdc/3hz", *folders])
