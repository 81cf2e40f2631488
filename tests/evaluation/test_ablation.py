"""Variants against their parent: paired, in the same folds, corrected, and nothing said that was not compared."""

import dataclasses

import numpy as np
import pytest

from mccl_jax.ablations import Variant
from mccl_jax.evaluation import protocols, results
from mccl_jax.evaluation.ablation import Trained, against_parent
from mccl_jax.evaluation.comparison import holm, nadeau_bengio, paired_test
from mccl_jax.evaluation.embeddings import Embeddings
from mccl_jax.evaluation.options import Options
from mccl_jax.evaluation.scoring import ScoredSessions

OPTIONS = Options(regressors=("ridge",), primary="ridge", resamples=300, simulated=True)
VARIANTS = [Variant("worse", "", {"a": 1}), Variant("same", "", {"b": 1})]
N = 90


def embeddings(split, signal, seed):
    rng = np.random.default_rng(0)
    target = np.clip(np.round(rng.gamma(1.3, 5, N)), 0, 24)
    z = np.random.default_rng(seed).normal(size=(2, N, 4)) + signal * target[None, :, None]
    subject = [f"s{row // 2}" for row in range(N)]
    return Embeddings([f"r{row:02d}" for row in range(N)], subject, split, target, *z)


@pytest.fixture
def trained(tmp_path):
    """A function that scores made-up trainings, without folds or in so many, and reads back what is left of them."""

    def make(signal, seed=0, folds=0, **changes):
        place = tmp_path / f"{signal}-{seed}-{folds}-{changes}"
        of = np.arange(N) // 2 % max(folds, 3)
        files = {}
        for fold in range(folds or 1):
            files[f"fold_{fold}"] = {1: place / f"{fold}.npz"}
            embeddings(np.where(of == fold, "test", "train"), signal, seed).save(files[f"fold_{fold}"][1])
        options = dataclasses.replace(OPTIONS, **changes)
        if folds:
            evaluation = protocols.cross_validate(files, files["fold_0"][1], options)
        else:
            evaluation = protocols.evaluate(files["fold_0"], options)
        results.write(evaluation, place)
        return Trained(results.read(place), results.read_predictions(place))

    return make


def rows_of(table):
    return {row["name"]: row for row in table["rows"]}


def losses(one):
    return np.abs(one.predictions.by["ridge"] - one.predictions.target)


def test_without_folds_it_is_paired_over_subjects(trained):
    parent, worse = trained(0.5), trained(0.1)
    done = {"parent": {0: parent}, "worse": {0: worse}, "same": {0: parent}}
    table = against_parent("made up", VARIANTS, done, {}, [0])
    rows = rows_of(table)
    assert list(rows) == ["parent", "worse", "same", "train mean", "train median"]
    row, subject = rows["worse"], parent.predictions.subject
    mae = row["difference"]["mae"]
    assert mae["estimate"] == pytest.approx(losses(worse).mean() - losses(parent).mean())
    assert 0 < mae["lower"] < mae["estimate"] < mae["upper"]
    expected = ScoredSessions(
        parent.predictions.target, subject, resamples=300, session=parent.predictions.session
    ).difference_of_mae(worse.predictions.by["ridge"], parent.predictions.by["ridge"])
    assert {**expected, "p_adjusted": mae["p_adjusted"]} == mae
    assert row["difference"]["mae"]["p"] == paired_test(losses(worse), losses(parent), subject, None, 300, 0)
    assert row["difference"]["ccc"]["upper"] < 0
    assert rows["same"]["difference"]["mae"]["p"] == 1
    assert [rows[name]["difference"]["mae"]["p_adjusted"] for name in ("worse", "same")] == holm(
        [row["difference"]["mae"]["p"], 1.0]
    )
    assert table["family"]["size"] == 2
    assert "p_adjusted" not in rows["train mean"]["difference"]["mae"]
    assert rows["train mean"]["metrics"]["mae"]["estimate"] > rows["parent"]["metrics"]["mae"]["estimate"]
    assert "training variance excluded" in table["intervals"]["covers"]
    assert table["simulated_notice"]
    assert "these 30 sessions of 15 subjects" in table["about"]


def test_over_seeds_errors_are_meaned(trained):
    parents, others = ({seed: trained(signal, seed) for seed in (0, 1, 2)} for signal in (0.5, 0.2))
    del others[2]  # not done yet
    table = against_parent("made up", VARIANTS[:1], {"parent": parents, "worse": others}, {}, [0, 1, 2])
    rows = rows_of(table)
    apart = [losses(others[seed]).mean() - losses(parents[seed]).mean() for seed in (0, 1)]
    assert rows["worse"]["seeds"] == [0, 1]
    assert rows["worse"]["difference"]["mae"]["estimate"] == pytest.approx(np.mean(apart))
    assert rows["worse"]["over_seeds"] == pytest.approx(np.std(apart, ddof=1))
    mine, theirs = (np.mean([losses(of[seed]) for seed in (0, 1)], axis=0) for of in (others, parents))
    assert rows["worse"]["difference"]["mae"]["p"] == paired_test(
        mine, theirs, parents[0].predictions.subject, None, 300, 0
    )
    assert rows["parent"]["seeds"] == [0, 1, 2]
    assert "excluded" not in table["intervals"]["covers"]


def test_with_folds_it_is_the_corrected_resampled_t(trained):
    parents, others = ({seed: trained(signal, seed, folds=5) for seed in (0, 1)} for signal in (0.4, 0.2))
    table = against_parent("made up", VARIANTS[:1], {"parent": parents, "worse": others}, {}, [0, 1])
    row = rows_of(table)["worse"]
    found = []
    for fold in range(5):
        at = parents[0].predictions.fold == f"fold_{fold}"
        found.append(np.mean([(losses(others[seed]) - losses(parents[seed]))[at].mean() for seed in (0, 1)]))
    expected = nadeau_bengio(np.array(found), 36, 9, 0.95)
    mae = row["difference"]["mae"]
    assert (mae["estimate"], mae["lower"], mae["upper"], row["difference"]["mae"]["p"]) == pytest.approx(
        dataclasses.astuple(expected)
    )
    half = (mae["upper"] - mae["lower"]) / 2
    assert mae["detectable"] == pytest.approx(half * (1.959964 + 0.841621) / 1.959964, rel=1e-5)
    assert row["difference"]["ccc"]["estimate"] < 0
    assert "the mean over 5 folds, of each the mean over the seeds" in table["intervals"]["of_differences"]


def test_seeds_that_change_nothing_make_no_difference_surer(trained):
    parents, others = ({seed: trained(signal, 0, folds=5) for seed in range(3)} for signal in (0.4, 0.2))
    one, three = (
        rows_of(against_parent("made up", VARIANTS[:1], {"parent": parents, "worse": others}, {}, seeds))["worse"]
        for parents, others, seeds in (
            ({0: parents[0]}, {0: others[0]}, [0]),
            (parents, others, [0, 1, 2]),
        )
    )
    assert one["difference"]["mae"] == pytest.approx(three["difference"]["mae"])


def test_what_is_not_done_or_not_comparable_is_said(trained):
    parent = trained(0.5)
    other_split = trained(0.5, folds=3)
    done = {"parent": {0: parent}, "worse": {0: other_split}}
    rows = rows_of(against_parent("made up", VARIANTS, done, {"same": {0: "the loss is nan"}}, [0]))
    assert rows["worse"]["state"] == "failed"
    assert rows["worse"]["why"] == "was scored on other sessions than the parent (seed 0)"
    assert (rows["same"]["state"], rows["same"]["why"]) == ("failed", "the loss is nan")
    before = against_parent("made up", VARIANTS, {"worse": {0: parent}}, {}, [0])
    assert [row["state"] for row in before["rows"]] == ["waiting"] * 3


def test_a_variant_may_be_a_column_of_the_parents_predictions(trained):
    parent = trained(0.5)
    untrained = Variant("untrained", "", reads="untrained_encoder")
    rows = rows_of(against_parent("loss", [untrained], {"parent": {0: parent}}, {}, [0]))
    assert rows["untrained"]["state"] == "failed"
    assert "remove the parent to train anew" in rows["untrained"]["why"]
    by = parent.predictions.by | {"untrained_encoder": np.full(len(parent.predictions.target), 5.0), "network": 0}
    by["network"] = parent.predictions.target + 1.0
    more = Trained(parent.results, dataclasses.replace(parent.predictions, by=by))
    rows = rows_of(against_parent("loss", [untrained], {"parent": {0: more}}, {}, [0]))
    expected = np.abs(parent.predictions.target - 5).mean()
    assert rows["untrained"]["metrics"]["mae"]["estimate"] == pytest.approx(expected)
    assert rows["untrained"]["difference"]["mae"]["p_adjusted"] >= rows["untrained"]["difference"]["mae"]["p"]
    assert rows["parent, output"]["metrics"]["mae"]["estimate"] == pytest.approx(1)
