"""Out-of-fold scores against a computation by hand: who is predicted by which training, and what each number counts."""

import dataclasses
import json

import numpy as np
import pytest

from mccl_jax import regressors
from mccl_jax.errors import UserError
from mccl_jax.evaluation import results as results_files
from mccl_jax.evaluation.embeddings import Embeddings, evaluated_epochs, path_of_epoch
from mccl_jax.evaluation.options import Options
from mccl_jax.evaluation.protocols import cross_validate, evaluate
from mccl_jax.metrics import METRICS
from mccl_jax.report.tables import WIDTH, results_table

OPTIONS = Options(target="PHQ-9", threshold=10.0, low=0.0, high=27.0, resamples=200, positive="MDD", group="group")
EPOCHS = (5, 10, 15)
N = 50
# Sessions 48 and 49 are tested in folds 1 and 3.
OVERLAPPING = tuple((k % 3 + 1,) if k < 48 else (1, 3) for k in range(N))
DISJOINT = tuple((k % 3 + 1,) for k in range(N))
GROUP = np.where(np.arange(N) % 5 < 2, "MDD", "HC")
TARGET = np.where(GROUP == "MDD", 8 + np.arange(N) * 7 % 17, np.arange(N) * 3 % 10).astype(float)
SUBJECT = np.array([f"s{k:02d}" for k in range(N)])
SESSION = np.array([f"s{k:02d}_1" for k in range(N)])


def write(place, folds=DISJOINT, target=TARGET, group=GROUP, subject=SUBJECT, epochs=EPOCHS, signal=0.15):
    """Embeddings of a training for each fold and of a final one, as training leaves them: (folds' files, final)."""
    labels = {"group": group, "MDD": (group == "MDD").astype(float)}
    files = {}
    names = [f"fold_{fold}" for fold in sorted({fold for one in folds for fold in one})]
    for seed, name in enumerate([*names, "all"]):
        tested = np.array([name in [f"fold_{fold}" for fold in one] for one in folds])
        for epoch in epochs:
            noise = np.random.default_rng([seed, epoch]).normal(size=(2, N, 4))
            z = noise + signal * np.nan_to_num(target)[:, None]
            split = np.where(tested, "test", "train")
            Embeddings(SESSION, subject, split, target, *z, labels).save(path_of_epoch(place / name, epoch))
        files[name] = evaluated_epochs(place / name)
    return {name: files[name] for name in names}, files["all"][max(epochs)]


def by_hand(files, epochs_of, regressor):
    """Rows (fold, index of the session, prediction) in the order of the folds."""
    rows = []
    for name, of_fold in files.items():
        one = Embeddings.load(of_fold[epochs_of[name]])
        train = one.rows((one.split == "train") & np.isfinite(one.target))
        model = regressors.fit(regressor, train.features, train.target, OPTIONS.seed, train.subject)
        tested = np.flatnonzero(one.split == "test")
        rows += [(name, k, value) for k, value in zip(tested, model.predict(one.features[tested]), strict=True)]
    return rows


@pytest.fixture(scope="module")
def disjoint(tmp_path_factory):
    files, final = write(tmp_path_factory.mktemp("disjoint"))
    return files, final, cross_validate(files, final, OPTIONS)


@pytest.fixture(scope="module")
def overlapping(tmp_path_factory):
    files, final = write(tmp_path_factory.mktemp("overlapping"), OVERLAPPING)
    return files, final, cross_validate(files, final, OPTIONS)


@pytest.mark.parametrize("regressor", ["xgboost", "ridge"])
def test_the_last_epoch_of_each_fold_predicts_who_is_tested_in_it(disjoint, regressor):
    files, _, evaluation = disjoint
    rows = by_hand(files, dict.fromkeys(files, 15), regressor)
    assert [row[regressor] for row in evaluation.predictions] == [value for _, _, value in rows]
    assert [row["session"] for row in evaluation.predictions] == [SESSION[k] for _, k, _ in rows]
    assert [row["fold"] for row in evaluation.predictions] == [name for name, _, _ in rows]
    assert [row["group"] for row in evaluation.predictions] == [GROUP[k] for _, k, _ in rows]
    assert sorted(row["session"] for row in evaluation.predictions) == SESSION.tolist()

    fold, index, predicted = (np.array(column) for column in zip(*rows, strict=True))
    scores = evaluation.results["protocols"]["last"]["models"][regressor]
    assert scores["epoch"] == 15
    for name, score in scores["metrics"].items():
        expected = METRICS[name](TARGET[index], predicted, threshold=10.0, positive=GROUP[index] == "MDD", fold=fold)
        assert score["estimate"] == pytest.approx(float(expected), rel=1e-12)
        assert score["lower"] <= score["estimate"] <= score["upper"]
        assert (score["n_sessions"], score["n_subjects"]) == (N, N)
    assert list(scores["metrics"]) == list(METRICS)


def test_official_reports_each_folds_own_best_epoch(disjoint):
    files, _, evaluation = disjoint
    differ = False
    for regressor, model in evaluation.results["protocols"]["official"]["models"].items():
        best = {}
        for name, of_fold in files.items():
            mae = {}
            for epoch in EPOCHS:
                rows = by_hand({name: of_fold}, {name: epoch}, regressor)
                mae[epoch] = np.mean([abs(TARGET[k] - value) for _, k, value in rows])
            best[name] = min(mae, key=mae.get)
        alike = len(set(best.values())) == 1
        differ |= not alike
        assert model["epoch"] == (best["fold_1"] if alike else best)
        rows = by_hand(files, best, regressor)
        expected = np.mean([abs(TARGET[k] - value) for _, k, value in rows])
        assert model["metrics"]["mae"]["estimate"] == pytest.approx(expected)
        last = evaluation.results["protocols"]["last"]["models"][regressor]["metrics"]["mae"]["estimate"]
        assert expected <= last
    assert differ  # or this test shows nothing


def test_baselines_know_the_others_of_each_fold_alone(disjoint):
    _, _, evaluation = disjoint
    baselines = evaluation.results["baselines"]
    errors = {"train_mean": [], "train_median": [], "group_mean": []}
    for row in evaluation.predictions:
        k = int(row["session"][1:3])
        others = np.array([one != DISJOINT[k] for one in DISJOINT])
        expected = {
            "train_mean": TARGET[others].mean(),
            "train_median": np.median(TARGET[others]),
            "group_mean": TARGET[others & (GROUP[k] == GROUP)].mean(),
        }
        for name, value in expected.items():
            assert row[name] == pytest.approx(value, rel=1e-12)
            errors[name].append(abs(TARGET[k] - value))
    assert list(baselines) == list(errors)
    for name, of_one in errors.items():
        assert baselines[name]["metrics"]["mae"]["estimate"] == pytest.approx(np.mean(of_one))
        assert baselines[name]["value"] is None  # each fold has its own
    for name in ("train_mean", "train_median"):
        metrics = baselines[name]["metrics"]
        assert metrics["pearson"]["estimate"] is None
        assert metrics["pearson"]["reason"] == "the true or the predicted values are all equal, in each fold"
        assert (metrics["ccc"]["estimate"], metrics["auroc"]["estimate"]) == (0, 0.5)
    assert baselines["group_mean"]["metrics"]["auroc"]["estimate"] == 1


def test_the_informed_baseline_is_no_rival(disjoint):
    results = disjoint[2].results
    mae = {name: one["metrics"]["mae"]["estimate"] for name, one in results["baselines"].items()}
    assert min(mae, key=mae.get) == "group_mean"
    for protocol in results["protocols"].values():
        for model in protocol["models"].values():
            better = min(("train_mean", "train_median"), key=mae.get)
            assert model["difference_to_baseline"]["baseline"] == better
            expected = model["metrics"]["mae"]["estimate"] - mae[better]
            assert model["difference_to_baseline"]["estimate"] == pytest.approx(expected)
            assert "group" not in model["verdict"]


@pytest.mark.parametrize(("key", "names"), [("folds", ["fold_1", "fold_2", "fold_3"]), ("groups", ["MDD", "HC"])])
def test_errors_are_given_within_each_fold_and_each_group(disjoint, key, names):
    _, _, evaluation = disjoint
    parts = evaluation.results[key]
    assert [part["name"] for part in parts] == names
    predictors = ["xgboost", "ridge", "train_mean", "train_median", "group_mean"]
    for part in parts:
        rows = [row for row in evaluation.predictions if row[key[:-1]] == part["name"]]
        assert part["counts"]["n_sessions"] == len(rows)
        assert part["counts"]["n_positive"] == sum(row["group"] == "MDD" for row in rows)
        assert list(part["predictors"]) == predictors
        for name, scores in part["predictors"].items():
            errors = np.array([row[name] - row["target"] for row in rows])
            compared = key == "groups" and name != "group_mean"
            assert list(scores) == ["mae", "rmse", *(["mae_minus_group_mean"] if compared else [])]
            if compared:
                informed = np.array([row["group_mean"] - row["target"] for row in rows])
                expected = np.abs(errors).mean() - np.abs(informed).mean()
                assert scores["mae_minus_group_mean"]["estimate"] == pytest.approx(expected)
            assert scores["mae"]["estimate"] == pytest.approx(np.abs(errors).mean())
            assert scores["rmse"]["estimate"] == pytest.approx(np.sqrt((errors**2).mean()))


def test_a_session_tested_twice_counts_once(overlapping):
    files, _, evaluation = overlapping
    results = evaluation.results
    assert len(evaluation.predictions) == N + 2
    assert [row["fold"] for row in evaluation.predictions if row["session"] == "s48_1"] == ["fold_1", "fold_3"]
    assert results["counts"]["test"]["n_sessions"] == N
    for regressor in ("xgboost", "ridge"):
        rows = by_hand(files, dict.fromkeys(files, 15), regressor)
        error = [np.mean([abs(TARGET[k] - value) for _, j, value in rows if j == k]) for k in range(N)]
        score = results["protocols"]["last"]["models"][regressor]["metrics"]["mae"]
        assert score["estimate"] == pytest.approx(np.mean(error))
        assert (score["n_sessions"], score["n_subjects"]) == (N, N)
        assert results["curve"][-1] == {"epoch": 15, "mae": results["curve"][-1]["mae"]}
        assert results["curve"][-1]["mae"][regressor] == score["estimate"]
    of_folds = [part["counts"]["n_sessions"] for part in results["folds"]]
    assert sum(of_folds) == N + 2
    assert any(note.startswith("The folds overlap: 2 sessions are tested in several") for note in results["notes"])
    assert (evaluation.residual_intervals["ridge"][1].sessions, evaluation.residual_intervals["ridge"][1].subjects) == (
        N,
        N,
    )


def test_the_curve_has_every_epoch(disjoint):
    files, _, evaluation = disjoint
    curve = evaluation.results["curve"]
    assert [point["epoch"] for point in curve] == list(EPOCHS)
    for point in curve:
        rows = by_hand(files, dict.fromkeys(files, point["epoch"]), "ridge")
        assert point["mae"]["ridge"] == pytest.approx(np.mean([abs(TARGET[k] - value) for _, k, value in rows]))


@pytest.mark.parametrize("regressor", ["xgboost", "ridge"])
def test_the_final_regressors_know_everybody_and_no_score_is_theirs(disjoint, regressor):
    _, final, evaluation = disjoint
    everybody = Embeddings.load(final)
    expected = regressors.fit(regressor, everybody.features, TARGET, 0, SUBJECT).predict(everybody.features)
    np.testing.assert_array_equal(evaluation.regressors[regressor].predict(everybody.features), expected)
    reported = {row["session"]: row[regressor] for row in evaluation.predictions}
    assert not np.isin(expected, list(reported.values())).any()


def test_the_intervals_of_the_final_model_are_approximate_and_say_so(disjoint):
    evaluation = disjoint[2]
    for name, (_, interval) in evaluation.residual_intervals.items():
        errors = sorted(abs(row["target"] - row[name]) for row in evaluation.predictions)
        assert interval.halfwidth == errors[46 - 1]  # ceil(0.9 x 51) = 46
        assert interval.out_of_fold
        assert interval.explanation.startswith("approximate 90%: ")
        assert "while this model has seen all of them" in interval.explanation
        kept = evaluation.results["prediction_intervals"][name][1]
        assert kept["out_of_fold"]
        assert kept["explanation"] == interval.explanation


def test_one_training_has_no_folds_and_its_intervals_are_not_approximate(disjoint):
    files, _, _ = disjoint
    evaluation = evaluate(files["fold_1"], OPTIONS)
    assert evaluation.results["folds"] == []
    assert "fold" not in evaluation.predictions[0]
    assert [part["name"] for part in evaluation.results["groups"]] == ["MDD", "HC"]
    interval = evaluation.residual_intervals["ridge"][1]
    assert not interval.out_of_fold
    assert "approximate" not in interval.explanation
    assert evaluation.results["counts"]["train"] == {"n_sessions": 33, "n_subjects": 33}


def test_counts_and_notes(disjoint, tmp_path):
    results = disjoint[2].results
    assert results["counts"] == {
        "train": {
            "fewest_n_sessions": 33,
            "most_n_sessions": 34,
            "fewest_n_subjects": 33,
            "most_n_subjects": 34,
        },
        "test": {
            "n_sessions": N,
            "n_subjects": N,
            "n_positive": 20,
            "n_positive_subjects": 20,
            "n_negative_subjects": N - 20,
        },
    }
    notes = " ".join(results["notes"])
    for words in (
        "Scores are over the out-of-fold predictions of 3 folds. CCC, Pearson and AUROC compare sessions of the same",
        "group mean: the train mean of each session's group, which the models are not told",
        "Positive is who has MDD 1 in the labels; called so at a prediction of 10 or more.",
    ):
        assert words in notes
    assert "overlap" not in notes
    bare = dataclasses.replace(OPTIONS, positive="", group="")
    results = cross_validate(*disjoint[:2], bare).results
    assert len(results["notes"]) == 2
    assert results["notes"][1] == "Intervals of folds and groups below 20 subjects are narrower than they should be."
    assert [one["baseline"] for one in results["comparisons"]] == ["train_mean", "train_median"]
    assert (results["groups"], list(results["baselines"])) == ([], ["train_mean", "train_median"])
    assert results["counts"]["test"]["n_positive"] == np.sum(TARGET >= 10)


def test_unknown_targets_are_predicted_and_neither_fitted_nor_scored(tmp_path):
    target = np.where(np.isin(np.arange(N), [0, 1, 3]), np.nan, TARGET)
    files, final = write(tmp_path, target=target, epochs=(5,))
    evaluation = cross_validate(files, final, OPTIONS)
    rows = {row["session"]: row for row in evaluation.predictions}
    assert len(rows) == N
    assert rows["s03_1"]["target"] is None
    assert np.isfinite(rows["s03_1"]["ridge"])
    others = np.array([one != (1,) for one in DISJOINT])
    assert rows["s00_1"]["train_mean"] == pytest.approx(np.nanmean(target[others]))
    assert evaluation.results["counts"]["test"]["n_sessions"] == N - 3
    everybody = Embeddings.load(final)
    known = np.isfinite(target)
    expected = regressors.fit("ridge", everybody.features[known], target[known], 0, SUBJECT[known])
    np.testing.assert_array_equal(
        evaluation.regressors["ridge"].predict(everybody.features), expected.predict(everybody.features)
    )
    notes = " ".join(evaluation.results["notes"])
    assert "3 reported sessions have no known target: predicted, but not scored." in notes
    assert "3 train sessions have no known target" in notes  # of fold 3, which tests none of the three


def test_a_group_that_train_does_not_know_gets_the_train_mean(tmp_path):
    group = np.where(np.arange(N) == 4, "other", GROUP)
    evaluation = cross_validate(*write(tmp_path, group=group, epochs=(5,)), OPTIONS)
    row = next(row for row in evaluation.predictions if row["session"] == "s04_1")
    assert row["group_mean"] == row["train_mean"]


def test_no_score_is_given_of_subjects_in_train_and_test(tmp_path):
    subject = np.where(np.arange(N) == 1, "s00", SUBJECT)
    with pytest.raises(UserError, match="subjects stand in train and in test of fold_1: s00; no score is given"):
        cross_validate(*write(tmp_path, subject=subject, epochs=(5,)), OPTIONS)


def test_the_same_in_gives_the_same_out(disjoint):
    files, final, evaluation = disjoint
    again = cross_validate(files, final, OPTIONS)
    assert json.dumps(again.results, allow_nan=False) == json.dumps(evaluation.results, allow_nan=False)
    assert again.predictions == evaluation.predictions


def test_progress_sees_every_epoch_of_every_fold(disjoint):
    seen = []
    cross_validate(*disjoint[:2], OPTIONS, track=lambda epochs: (seen.append(epoch) or epoch for epoch in epochs))
    assert seen == [*EPOCHS] * 3


def test_what_does_not_fit_is_one_line(disjoint, tmp_path):
    files, final, _ = disjoint
    for changes, words in (
        ({"group": "site"}, "evaluation.group is 'site': no such label; there are group, MDD"),
        ({"positive": "site"}, "evaluation.positive is 'site': no such label"),
        ({"positive": "group"}, "evaluation.positive is 'group', which holds 'MDD': expected 0 and 1"),
        ({"reported_split": "dev"}, "no session in the reported split 'dev'"),
    ):
        with pytest.raises(UserError, match=words) as caught:
            cross_validate(files, final, dataclasses.replace(OPTIONS, **changes))
        assert "\n" not in str(caught.value)
    lacking = {**files, "fold_2": {epoch: file for epoch, file in files["fold_2"].items() if epoch != 10}}
    for some, words in (
        (lacking, "fold_2 has no embeddings of epoch 10, fold_1 has"),
        ({**lacking, "fold_1": {}}, "no embed"),
    ):
        with pytest.raises(UserError, match=words) as caught:
            cross_validate(some, final, OPTIONS)
        assert "\n" not in str(caught.value)
    backwards = dict(reversed(lacking.items()))
    with pytest.raises(UserError, match="fold_2 has no embeddings of epoch 10, fold_3 has"):
        cross_validate(backwards, final, OPTIONS)
    with pytest.raises(UserError, match=r"cannot be read .*expected embeddings"):
        cross_validate(files, tmp_path / "gone.npz", OPTIONS)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "case",
    ["a fold without a known target", "one subject a fold", "one subject of a group", "nobody positive", "all alike"],
)
def test_poor_folds_give_nulls_and_reasons(tmp_path, case):
    folds, target, subject, group = DISJOINT, TARGET, SUBJECT, GROUP
    if case == "a fold without a known target":
        target = np.where(np.array(DISJOINT)[:, 0] == 1, np.nan, TARGET)
    elif case == "one subject a fold":
        subject = np.array([f"s{fold}" for (fold,) in DISJOINT])
    elif case == "one subject of a group":
        group = np.where(np.arange(N) == 4, "other", GROUP)
    elif case == "nobody positive":
        group = np.full(N, "HC")
    else:
        target = np.full(N, 0.1)
    evaluation = cross_validate(*write(tmp_path, folds, target, group, subject, epochs=(1,)), OPTIONS)
    results = json.loads(json.dumps(evaluation.results, allow_nan=False))
    parts = [scores for part in [*results["folds"], *results["groups"]] for scores in part["predictors"].values()]
    models = [model["metrics"] for protocol in results["protocols"].values() for model in protocol["models"].values()]
    for scores in [*parts, *models]:
        for score in scores.values():
            assert (score["reason"] is not None) == (score["lower"] is None)
    text = results_table(results)
    flat = " ".join(text.split())
    assert max(map(len, text.splitlines())) <= WIDTH
    if case == "a fold without a known target":
        assert "-: MAE, RMSE of fold 1: no session has a known target." in flat
    elif case == "one subject a fold":
        assert "-: MAE, RMSE of fold 1, fold 2, fold 3: one subject: nothing to resample." in flat
    elif case == "one subject of a group":
        assert "-: MAE, RMSE, MAE - group mean's of other: one subject: nothing to resample." in flat
    elif case == "nobody positive":
        assert "No reported session has MDD 1." in flat
    else:
        assert "All training targets are equal" in flat


def table_block(text, heading):
    block = text.split(f"{heading}\n\n")[1].split("\n\n")[0].splitlines()
    return [line.split() for line in block]


@pytest.mark.parametrize("which", ["disjoint", "overlapping"])
def test_the_table_shows_folds_and_groups_and_fits(request, which):
    evaluation = request.getfixturevalue(which)[2]
    results = evaluation.results
    text = results_table(results)
    flat = " ".join(text.split())
    assert text.isascii()
    assert max(map(len, text.splitlines())) <= WIDTH
    train = results["counts"]["train"]
    assert (
        f"Prediction of PHQ-9: train, in 3 folds, {train['fewest_n_sessions']} to {train['most_n_sessions']} sessions, "
        f"{train['fewest_n_subjects']} to {train['most_n_subjects']} subjects; "
        "reported (test) 50 sessions of 50 subjects, 20 with MDD 1"
    ) in flat
    assert "Protocol last (epoch 15)" in flat
    official = results["protocols"]["official"]["models"]
    for model in official.values():
        if isinstance(model["epoch"], dict):
            assert f"epochs {', '.join(map(str, model['epoch'].values()))} of the folds" in flat
    for heading, key in (("Fold by fold, protocol last", "folds"), ("Within each group, protocol last", "groups")):
        rows = table_block(text, heading)
        last = "RMSE" if key == "folds" else "MAE - group mean's"
        assert rows[0] == ["sessions", "predictor", "MAE", *last.split()]
        body = rows[2:]
        assert len(body) == 5 * len(results[key])
        for k, part in enumerate(results[key]):
            assert body[5 * k][: len(part["name"].split("_")) + 1] == [
                *part["name"].split("_"),
                str(part["counts"]["n_sessions"]),
            ]
            for row, (name, scores) in zip(body[5 * k : 5 * k + 5], part["predictors"].items(), strict=True):
                said = " ".join(row)
                assert name.replace("_", " ") in said
                assert f" {scores['mae']['estimate']:.2f} [" in said
                second = scores["rmse"] if key == "folds" else scores.get("mae_minus_group_mean")
                assert second is None or f"{second['estimate']:.2f} [" in said
    for note in results["notes"]:
        assert note in flat
    assert "group mean" in text


def test_a_label_without_a_threshold_has_an_order_and_no_classes(disjoint):
    results = cross_validate(*disjoint[:2], dataclasses.replace(OPTIONS, threshold=None)).results
    assert list(results["protocols"]["last"]["models"]["ridge"]["metrics"]) == [
        "mae",
        "rmse",
        "ccc",
        "pearson",
        "auroc",
    ]
    text = results_table(results)
    assert "AUROC" in text
    assert "F1" not in text
    assert "20 with MDD 1" in " ".join(text.split())
    assert "called so" not in text


@pytest.mark.parametrize("scale", [1.0, 1000.0])
def test_long_names_of_groups_fit(tmp_path, scale):
    group = np.where(GROUP == "MDD", "in the care of the hospital of a town with a long name", "at home")
    options = dataclasses.replace(OPTIONS, positive="", threshold=10 * scale, high=None)
    evaluation = cross_validate(*write(tmp_path, target=scale * TARGET, group=group, epochs=(1,)), options)
    text = results_table(evaluation.results)
    assert max(map(len, text.splitlines())) <= WIDTH
    assert "in the care of the hospit..." in text


def test_results_of_folds_are_written_and_read_back(overlapping, tmp_path):
    evaluation = overlapping[2]
    evaluation.results["sessions"] = []
    results_files.write(evaluation, tmp_path)
    assert results_files.read(tmp_path) == evaluation.results
    lines = (tmp_path / "predictions.csv").read_text().splitlines()
    assert lines[0] == "session,subject,split,fold,group,target,xgboost,ridge,train_mean,train_median,group_mean"
    assert len(lines) == N + 3
