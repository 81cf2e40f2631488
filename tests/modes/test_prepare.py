"""Raw files are needed once: what was prepared from them will do, and stays simulated where it was."""

import csv
import dataclasses
import shutil

import pytest

from configs import openface
from data_builders.simulator.corpus import write_corpus
from data_builders.simulator.options import Options
from mccl_jax.errors import UserError
from mccl_jax.experiment import Experiment
from mccl_jax.modes.material import Material
from mccl_jax.modes.prepare import prepare_all


def test_what_is_prepared_will_do_without_raw_files(tmp_path):
    raw = write_corpus(tmp_path / "raw", Options(subjects=3, seconds=(2.0, 3.0)), lambda line: None)
    base = Experiment.from_dict(openface.get_config().to_dict())

    def prepared(**data):
        return prepare_all(dataclasses.replace(base, data=dataclasses.replace(base.data, workers=1, **data)))

    ((_, before),) = prepared(manual_dir=str(raw), data_dir=str(tmp_path / "prepared"))
    shutil.rmtree(raw)
    ((builder, report),) = prepared(data_dir=str(tmp_path / "prepared"))
    assert report == before
    assert len(builder.as_data_source("sessions")) == 3
    assert Material([report], None, None, {}, (), None).simulated
    with pytest.raises(
        UserError, match=r"elsewhere holds no prepared data of this config, and data\.manual_dir is empty"
    ):
        prepared(data_dir=str(tmp_path / "elsewhere"))
    assert not (tmp_path / "elsewhere").exists()
    with pytest.raises(UserError, match=r"data\.manual_dir is empty: give"):
        prepared()


def test_what_is_made_up_is_so_one_folder_further_up(tmp_path):
    raw = write_corpus(tmp_path / "all/raw", Options(subjects=3, seconds=(2.0, 3.0)), lambda line: None)
    with (raw / "labels.csv").open() as labels, (tmp_path / "all/labels.csv").open("w", newline="") as written:
        rows = [row | {"file": f"raw/{row['file']}"} for row in csv.DictReader(labels)]
        writer = csv.DictWriter(written, [*rows[0]])
        writer.writeheader()
        writer.writerows(rows)
    base = Experiment.from_dict(openface.get_config().to_dict())
    data = dataclasses.replace(
        base.data, workers=1, manual_dir=str(tmp_path / "all"), data_dir=str(tmp_path / "prepared")
    )
    ((_, report),) = prepare_all(dataclasses.replace(base, data=data))
    assert report.sessions == 3
    assert report.simulated
    before = dataclasses.replace(report, simulated=False)  # as it was told once
    assert Material([before], None, None, {}, (), None).simulated
