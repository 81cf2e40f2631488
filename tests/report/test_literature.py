"""Published numbers stand beside ours with what must be known of them."""

import pytest

from mccl_jax.experiment import DataOptions, Experiment
from mccl_jax.metrics import METRICS
from mccl_jax.report.literature import beside_the_literature, published


def test_every_published_number_has_its_source_and_is_of_a_known_kind():
    for row in published()["rows"]:
        assert row["scores"]
        assert set(row["scores"]) <= {*METRICS, "macro_f1"}
        assert all(float(value) > 0 for value in row["scores"].values())
        assert row["source"]
        assert row["read"] != ("memory" in row["source"])


def test_numbers_from_memory_are_marked_unverified_and_ours_stand_below(contents_of):
    data = DataOptions(corpus="daic_woz", manual_dir="", labels="", target="", form="3hz")
    contents = contents_of(data=data)
    text = beside_the_literature(contents)
    assert text.count("UNVERIFIED") == 2
    assert text.index("4.08") < text.index("SIMULATED: this training, xgboost, last epoch")
    assert "best of 300 epochs on the reported sessions" in text
    assert "AVEC 2019" not in text
    mae = contents.primary["metrics"]["mae"]["estimate"]
    assert f"{mae:.2f} " in text.split("this training, xgboost, last epoch")[1]
    assert "are unknown here" in text


@pytest.mark.parametrize("simulated", [True, False])
def test_data_that_nobody_published_on_are_not_compared(contents_of, simulated):
    text = beside_the_literature(contents_of(simulated=simulated))
    assert "Nobody has published" in text
    assert "cannot be compared" in text
    assert all(f"Published on {name}" in text for name in ("DAIC-WOZ", "E-DAIC", "CMDC"))
    assert ("SIMULATED" in text) == simulated
    assert isinstance(contents_of().experiment, Experiment)
