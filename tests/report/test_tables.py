"""The table says everything that must not be missed, and fits."""

import re

import pytest

from mccl_jax.evaluation.scoring import p_value
from mccl_jax.report.tables import WIDTH, results_table


def rows_of(text, protocol, row):
    """The cells (estimate, lower, upper) of one row of the first table of a protocol."""
    part = text.split(f"Protocol {protocol}")[1]
    line = next(line for line in part.splitlines() if line.startswith(row))
    return [tuple(map(float, cell)) for cell in re.findall(r"(-?[\d.]+) \[(-?[\d.]+), (-?[\d.]+)\]", line)]


def test_the_numbers_are_those_of_the_results(evaluation_of):
    results = evaluation_of().results
    text = results_table(results)
    for protocol in ("last", "official"):
        models = results["protocols"][protocol]["models"]
        for name, row in {**models, **results["baselines"]}.items():
            shown = rows_of(text, protocol, name.replace("_", " "))
            expected = [row["metrics"][metric] for metric in ("mae", "rmse", "ccc", "pearson")]
            expected = [score for score in expected if score["estimate"] is not None]
            assert len(shown) == len(expected)
            for cell, score in zip(shown, expected, strict=True):
                assert cell == pytest.approx([score[end] for end in ("estimate", "lower", "upper")], abs=0.0051)


def test_what_must_be_said_is_said(evaluation_of):
    results = evaluation_of().results
    primary = results["protocols"]["last"]["models"]["xgboost"]["difference_to_baseline"]
    family = [
        f"{one['baseline'].replace('_', ' ')} {p_value(one['difference']['p_adjusted'])}"
        for one in results["comparisons"]
    ]
    text = results_table(results)
    flat = " ".join(text.split())
    assert text.startswith("SIMULATED")
    for words in (
        "Prediction of PHQ-8: train 40 sessions of 20 subjects",
        "reported (test) 20 sessions of 10 subjects",
        "Protocol last (epoch 3)",
        "OPTIMISTIC",
        f"PRIMARY RESULT: {results['verdict']}",
        results["protocols"]["last"]["models"]["ridge"]["verdict"],
        "95% interval, t interval by jackknife over subjects",
        "training variance excluded",
        f"Corrected for {len(family)} comparisons (Holm): {', '.join(family)}.",
        "By chance (xgboost's predictions dealt anew among the subjects of each fold) 95% lie at CCC ",
        f"detectable at this n: a true difference of MAE of {primary['detectable']:.2f} from predicting the train m",
        "would be found in 80% of such studies",
        "-: Pearson of train mean, train median: the true or the predicted values are all equal.",
        *results["notes"],
        results["notice"],
    ):
        assert words in flat
    for heading in ("MAE", "RMSE", "CCC", "Pearson", "F1", "Sensitivity", "Specificity", "AUROC"):
        assert heading in text


@pytest.mark.parametrize("scale", [0.01, 1.0, 30.0, 1000.0])
def test_it_is_ascii_and_fits(evaluation_of, scale):
    text = results_table(evaluation_of(scale=scale, threshold=10.0 * scale).results)
    assert max(map(len, text.splitlines())) <= WIDTH
    assert text.isascii()
    assert "\x1b" not in text


def test_a_target_without_a_threshold_has_no_classes(evaluation_of):
    text = results_table(evaluation_of(threshold=None, simulated=False).results)
    assert "AUROC" not in text
    assert "at or above" not in text
    assert "SIMULATED" not in text


@pytest.mark.parametrize("options", [{"known": False}, {"sessions": 6}])
def test_what_has_no_value_is_a_dash_with_its_reason(evaluation_of, options):
    text = " ".join(results_table(evaluation_of(**options).results).split())
    assert "nan" not in text.lower().split()
    assert "None" not in text
    reason = "no session has a known target" if "known" in options else "one subject: nothing to resample"
    assert re.search(rf"-: MAE, RMSE[^:]*: {reason}\.", text)
