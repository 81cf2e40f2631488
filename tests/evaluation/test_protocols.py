"""The two protocols: which epoch each reports, what stands beside it, and that no poor data set makes it crash."""

import json
import pathlib
import subprocess
import sys

import numpy as np
import pytest

from mccl_jax import regressors
from mccl_jax.errors import UserError
from mccl_jax.evaluation.comparison import holm
from mccl_jax.evaluation.embeddings import Embeddings, path_of_epoch
from mccl_jax.evaluation.options import Options
from mccl_jax.evaluation.protocols import evaluate
from mccl_jax.metrics import METRICS

OPTIONS = Options(target="PHQ-8", threshold=10.0, low=0.0, high=24.0, resamples=200)


def numbers(node):
    """All numbers of a results dict."""
    if isinstance(node, dict | list):
        for child in node.values() if isinstance(node, dict) else node:
            yield from numbers(child)
    elif isinstance(node, int | float):
        yield node


def test_last_reports_the_last_epoch_fitted_on_train(workdir_of, corpus):
    files = workdir_of(*corpus, signal=0.1)
    evaluation = evaluate(files, OPTIONS)
    last = Embeddings.load(files[15])
    train, test = last.of_split("train"), last.of_split("test")
    for name in ("xgboost", "ridge"):
        model = regressors.fit(name, train.features, train.target, 0, train.subject)
        predicted = model.predict(test.features)
        entry = evaluation.results["protocols"]["last"]["models"][name]
        assert entry["epoch"] == 15
        for metric, score in entry["metrics"].items():
            assert score["estimate"] == float(METRICS[metric](test.target, predicted, threshold=10))
            if score["reason"] is None:
                assert score["lower"] <= score["estimate"] <= score["upper"]
            else:  # at the end of its range
                assert score["reason"].startswith("the same whoever is left out")
                assert METRICS[metric].of_classes
                assert score["estimate"] in (0, 1)
            assert (score["n_sessions"], score["n_subjects"]) == (40, 40)
        assert [row[name] for row in evaluation.predictions] == predicted.tolist()
        np.testing.assert_array_equal(evaluation.regressors[name].predict(test.features), predicted)


def test_official_reports_the_first_best_epoch_of_each_regressor(workdir_of, corpus):
    workdir_of(*corpus, epochs=(5, 15, 25), signal=0.0)
    # Ordered by file name or by last write, epoch 10 would not be the first of the two equal ones.
    files = workdir_of(*corpus, epochs=(20, 10), signal=1.0)
    results = evaluate(files, OPTIONS).results
    assert [entry["epoch"] for entry in results["curve"]] == [5, 10, 15, 20, 25]
    official = results["protocols"]["official"]
    for name, model in official["models"].items():
        mae = {entry["epoch"]: entry["mae"][name] for entry in results["curve"]}
        assert model["epoch"] == min(mae, key=mae.get)
        assert model["epoch"] in (10, 20)
        assert model["metrics"]["mae"]["estimate"] == mae[model["epoch"]]
    assert official["optimistic"]
    assert "OPTIMISTIC" in official["description"]
    assert not results["protocols"]["last"]["optimistic"]


def test_of_equal_epochs_the_first_is_official(workdir_of, corpus):
    files = workdir_of(*corpus, epochs=(5,))
    Embeddings.load(files[5]).save(path_of_epoch(files[5].parents[1], 6))
    results = evaluate({**files, 6: path_of_epoch(files[5].parents[1], 6)}, OPTIONS).results
    assert {model["epoch"] for model in results["protocols"]["official"]["models"].values()} == {5}
    assert {model["epoch"] for model in results["protocols"]["last"]["models"].values()} == {6}


def test_baselines_know_train_only_and_the_better_one_is_the_rival(workdir_of, corpus):
    target, split = corpus
    results = evaluate(workdir_of(target, split, signal=0.1), OPTIONS).results
    test = target[60:]
    values = {"train_mean": target[:60].mean(), "train_median": np.median(target[:60])}
    errors = {name: np.abs(test - value).mean() for name, value in values.items()}
    for name, baseline in results["baselines"].items():
        assert baseline["value"] == pytest.approx(values[name])
        assert baseline["metrics"]["mae"]["estimate"] == pytest.approx(errors[name])
        assert baseline["metrics"]["pearson"]["estimate"] is None
        assert baseline["metrics"]["pearson"]["reason"] == "the true or the predicted values are all equal"
    better = min(errors, key=errors.get)
    for model in results["protocols"]["last"]["models"].values():
        difference = model["difference_to_baseline"]
        assert difference["baseline"] == better
        assert difference["estimate"] == pytest.approx(model["metrics"]["mae"]["estimate"] - errors[better])
        assert f"the training {better.removeprefix('train_')}" in model["verdict"]


def test_the_headline_is_held_against_chance_and_its_comparisons_are_a_family(workdir_of, corpus):
    results = evaluate(workdir_of(*corpus, signal=0.5), OPTIONS).results
    for protocol, regressor in (("last", "xgboost"), ("last", "ridge"), ("official", "xgboost")):
        metrics = results["protocols"][protocol]["models"][regressor]["metrics"]
        headline = (protocol, regressor) == ("last", "xgboost")
        assert {name for name in metrics if "null" in metrics[name]} == (
            {"ccc", "pearson", "auroc"} if headline else set()
        )
    null = results["protocols"]["last"]["models"]["xgboost"]["metrics"]["pearson"]["null"]
    assert null["p"] == 1 / 201
    assert null["lower"] < 0 < null["upper"]
    found = [one["difference"] for one in results["comparisons"]]
    assert len(found) >= 2
    assert [one["p_adjusted"] for one in found] == holm([one["p"] for one in found])
    assert results["tests"]["resamples"] == 200
    assert results["tests"].keys() == {"difference", "chance", "family", "power", "resamples", "seed"}


@pytest.mark.parametrize(("signal", "words"), [(1.0, "xgboost beats"), (0.0, "xgboost does not beat")])
def test_the_verdict_says_whether_the_interval_lies_below_zero(workdir_of, corpus, signal, words):
    results = evaluate(workdir_of(*corpus, signal=signal), OPTIONS).results
    assert results["verdict"].startswith(f"{words} predicting the training m")
    assert results["verdict"] == results["protocols"]["last"]["models"]["xgboost"]["verdict"]
    upper = results["protocols"]["last"]["models"]["xgboost"]["difference_to_baseline"]["upper"]
    assert (upper < 0) == (signal == 1.0)


def test_a_model_that_is_worse_is_called_worse(workdir_of, corpus):
    """The embeddings hold the target in train and its reverse in test."""
    target, split = corpus
    files = workdir_of(np.r_[target[:60], 24 - target[60:]], split, signal=1.0)
    for file in files.values():
        one = Embeddings.load(file)
        Embeddings(one.session, one.subject, one.split, target, one.z_inter, one.z_intra).save(file)
    assert "xgboost is worse than predicting" in evaluate(files, OPTIONS).results["verdict"]


def test_sessions_of_a_subject_are_resampled_together(workdir_of, corpus):
    target, split = corpus
    subject = [f"s{row // 4}" for row in range(100)]
    evaluation = evaluate(workdir_of(target, split, subject), OPTIONS)
    score = evaluation.results["protocols"]["last"]["models"]["ridge"]["metrics"]["mae"]
    assert (score["n_sessions"], score["n_subjects"]) == (40, 10)
    interval = evaluation.residual_intervals["ridge"][1]
    assert (interval.sessions, interval.subjects) == (40, 10)
    assert interval.halfwidth == max(abs(row["target"] - row["ridge"]) for row in evaluation.predictions)


def test_the_same_in_gives_the_same_out(workdir_of, corpus):
    files = workdir_of(*corpus)
    texts = {json.dumps(evaluate(dict(order), OPTIONS).results) for order in (files.items(), reversed(files.items()))}
    assert len(texts) == 1


def test_predictions_are_of_the_reported_split_alone(workdir_of, corpus):
    target, _ = corpus
    split = ["train"] * 60 + ["dev"] * 20 + ["test"] * 20
    target = np.where(np.arange(100) == 99, np.nan, target)
    evaluation = evaluate(workdir_of(target, split), OPTIONS)
    assert [row["session"] for row in evaluation.predictions] == [f"s{row:03d}_{row:03d}" for row in range(80, 100)]
    assert {row["split"] for row in evaluation.predictions} == {"test"}
    assert evaluation.predictions[-1]["target"] is None
    assert np.isfinite(evaluation.predictions[-1]["xgboost"])
    assert evaluation.results["counts"]["test"]["n_sessions"] == 19
    assert any("1 reported" in note for note in evaluation.results["notes"])


def test_prediction_intervals_come_from_the_last_epochs_held_out_errors(workdir_of, corpus):
    evaluation = evaluate(workdir_of(*corpus), OPTIONS)
    errors = sorted(abs(row["target"] - row["ridge"]) for row in evaluation.predictions)
    interval = evaluation.residual_intervals["ridge"][1]
    assert interval.halfwidth == errors[37 - 1]  # ceil(0.9 x 41) = 37
    assert evaluation.results["prediction_intervals"]["ridge"][1]["halfwidth"] == interval.halfwidth
    assert (interval.low, interval.high) == (0, 24)


NAN = float("nan")
POOR = {
    "a single reported session": ([1, 2, 12, 4, 5, 6], ["train"] * 5 + ["test"], None),
    "a single reported subject": ([1, 2, 12, 4, 5, 6], ["train"] * 3 + ["test"] * 3, list("abcddd")),
    "a constant target": ([0.1] * 8, ["train"] * 4 + ["test"] * 4, None),
    "a constant target in train": ([3] * 4 + [1, 2, 13, 4], ["train"] * 4 + ["test"] * 4, None),
    "no positive case": ([1, 2, 3, 4, 5, 6], ["train"] * 3 + ["test"] * 3, None),
    "only positive cases": ([1, 2, 3, 14, 15, 16], ["train"] * 3 + ["test"] * 3, None),
    "a single train session": ([5, 2, 13, 4, 5], ["train"] + ["test"] * 4, None),
    "one train subject": ([5, 2, 13, 4, 5], ["train"] * 3 + ["test"] * 2, list("aaabc")),
    "no known reported target": ([1, 2, 3, NAN, NAN], ["train"] * 3 + ["test"] * 2, None),
    "unknown train targets": ([1, NAN, 3, 12, 5], ["train"] * 3 + ["test"] * 2, None),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("case", POOR)
def test_poor_data_give_nulls_and_reasons(workdir_of, case):
    evaluation = evaluate(workdir_of(*POOR[case], epochs=(1, 2)), OPTIONS)
    results = json.loads(json.dumps(evaluation.results, allow_nan=False))
    assert all(np.isfinite(number) for number in numbers(results))
    assert results["verdict"]
    for protocol in results["protocols"].values():
        for model in protocol["models"].values():
            for score in [*model["metrics"].values(), model["difference_to_baseline"]]:
                assert (score["reason"] is not None) == (score["lower"] is None)
    interval = evaluation.residual_intervals["xgboost"][1]
    assert interval.around(3.0) == (0, 24)  # far too few for any other


def test_poor_data_are_said_to_be_poor(workdir_of):
    def of(case):
        results = evaluate(workdir_of(*POOR[case], epochs=(1,)), OPTIONS).results
        return results, " ".join(results["notes"])

    results, notes = of("a single reported subject")
    assert "cannot be told apart" in results["verdict"]
    assert "3 sessions of 1 subject" in results["verdict"]
    results, notes = of("no known reported target")
    assert "no session has a known target" in results["verdict"]
    assert "2 reported sessions" in notes
    results, notes = of("no positive case")
    assert "No reported session is at or above the threshold 10" in notes
    scores = results["protocols"]["last"]["models"]["ridge"]["metrics"]
    assert scores["sensitivity"]["reason"] == "no session is positive"
    assert scores["specificity"]["estimate"] == 1
    assert "nothing to learn" in of("a constant target in train")[1]
    assert "1 train sessions have no known target" in of("unknown train targets")[1]


def test_mistakes_are_named_in_one_line(workdir_of, corpus):
    target, split = corpus
    files = workdir_of(target, split, epochs=(1,))
    folder = files[1].parents[1]
    workdir_of(target, split[::-1], epochs=(2,))
    other = {**files, 2: path_of_epoch(folder, 2)}
    one = Embeddings.load(files[1])
    Embeddings(one.session, one.subject, one.split, one.target, one.z_inter * np.nan, one.z_intra).save(
        path_of_epoch(folder, 3)
    )
    unknown = {4: workdir_of(target * NAN, split, epochs=(4,))[4]}
    known = {5: workdir_of(target, split, [f"s{row % 60:02d}" for row in range(100)], epochs=(5,))[5]}
    for call, words in (
        (lambda: evaluate({}, OPTIONS), "no embeddings"),
        (
            lambda: evaluate(files, Options(reported_split="dev")),
            "no session in the reported split 'dev'; expected one of",
        ),
        (lambda: evaluate(unknown, OPTIONS), "no session with a known target"),
        (
            lambda: evaluate(known, OPTIONS),
            "subjects stand in train and in test: s00, s01, .*trained on: report another",
        ),
        (lambda: evaluate(other, OPTIONS), "epoch_00001.npz: its sessions are not those of the last epoch"),
        (lambda: evaluate({3: path_of_epoch(folder, 3)}, OPTIONS), "not finite"),
        (lambda: Options(primary="mlp"), "'mlp' is not among xgboost, ridge"),
        (lambda: Options(reported_split="train"), "reported split is 'train'"),
    ):
        with pytest.raises(UserError, match=words) as caught:
            call()
        assert "\n" not in str(caught.value)


def test_progress_sees_every_epoch(workdir_of, corpus):
    seen = []
    evaluate(workdir_of(*corpus), OPTIONS, track=lambda epochs: (seen.append(epoch) or epoch for epoch in epochs))
    assert seen == [5, 10, 15]


def test_scoring_needs_neither_jax_nor_heavy_imports():
    modules = "mccl_jax.evaluation.results, mccl_jax.report.figures, mccl_jax.regressors"
    heavy = {"jax", "flax", "xgboost", "matplotlib", "scipy"}
    code = f"import sys, {modules}; print(sorted({heavy} & set(sys.modules)))"
    root = pathlib.Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, timeout=120)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")
