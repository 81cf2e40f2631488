"""Predictions made elsewhere meet the same sessions, baselines and tests; what is wrong with a file is named by row."""

import json

import numpy as np
import pytest

from mccl_jax.errors import UserError
from mccl_jax.evaluation.embeddings import Embeddings, evaluated_epochs, path_of_epoch
from mccl_jax.evaluation.foreign import OWN, score
from mccl_jax.evaluation.options import Options
from mccl_jax.evaluation.protocols import Beside, cross_validate, evaluate
from mccl_jax.report.tables import WIDTH, results_table

OPTIONS = Options(target="PHQ-8", threshold=10.0, low=0.0, high=24.0, resamples=200, primary="ridge", simulated=True)


def csv_of(path, rows, columns=("session", "predicted")):
    lines = [",".join(columns), *(",".join(str(row[name]) for name in columns) for row in rows)]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def run(workdir_of, corpus, tmp_path):
    """(evaluation, scoring): what a training's own results are, and a function that scores rows put into a CSV."""
    files = workdir_of(*corpus, signal=0.1)

    def scored(rows, **options):
        return score(csv_of(tmp_path / "theirs.csv", rows, **options), {"": files}, OPTIONS, Beside())

    return evaluate(files, OPTIONS), scored


def rows_of(evaluation, predicted):
    return [{"session": row["session"], "predicted": predicted(row)} for row in evaluation.predictions]


def test_the_own_predictions_get_the_own_scores(run):
    evaluation, scored = run
    results = scored(rows_of(evaluation, lambda row: row["ridge"]))
    theirs, own = results["protocols"]["foreign"]["models"]["theirs.csv"], evaluation.results["protocols"]["last"]
    for key in ("metrics", "difference_to_baseline"):
        assert theirs[key] == own["models"]["ridge"][key]
    assert results["protocols"]["last"]["models"]["ridge"]["metrics"]["mae"] == theirs["metrics"]["mae"]
    for key in ("baselines", "counts", "intervals", "tests", "target", "schema_version", "simulated_notice"):
        assert results[key] == evaluation.results[key]
    against = {one["baseline"]: one["difference"] for one in results["comparisons"]}
    assert list(against) == [*results["baselines"], OWN]
    assert (against[OWN]["estimate"], against[OWN]["p"], against[OWN]["p_adjusted"]) == (0, 1, 1)
    json.dumps(results, allow_nan=False)


def test_better_ones_beat_the_own_model_and_the_table_says_what_is_not_known(run):
    evaluation, scored = run
    results = scored(rows_of(evaluation, lambda row: row["target"] + 0.5)[::-1])  # in any order
    assert results["protocols"]["foreign"]["models"]["theirs.csv"]["metrics"]["mae"]["estimate"] == pytest.approx(0.5)
    assert results["verdict"].startswith("theirs.csv beats predicting the training m")
    text = results_table(results)
    flat = " ".join(text.split())
    for words in (
        "SIMULATED",
        "Protocol foreign (epoch not known): predictions made elsewhere; how its epoch was chosen is not known here",
        "PRIMARY RESULT: theirs.csv beats",
        "theirs.csv beats this workdir's own ridge: MAE 0.50 against",
        "Smallest difference detectable at this n",
    ):
        assert words in flat
    assert text.isascii()
    assert max(map(len, text.splitlines())) <= WIDTH


def test_a_session_without_a_known_target_needs_no_row(workdir_of, corpus, tmp_path):
    target, split = corpus
    target[99] = np.nan
    files = workdir_of(target, split, signal=0.1)
    rows = rows_of(evaluate(files, OPTIONS), lambda row: 5.0)
    for some in (rows, rows[:-1]):
        results = score(csv_of(tmp_path / "theirs.csv", some), {"": files}, OPTIONS, Beside())
        assert results["counts"]["test"]["n_sessions"] == 39
    with pytest.raises(UserError, match="no row for 1 of 40 reported sessions: s060_060;"):
        score(csv_of(tmp_path / "theirs.csv", rows[1:]), {"": files}, OPTIONS, Beside())


def changed(rows, at, **values):
    return [*rows[:at], rows[at] | values, *rows[at + 1 :]]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda rows: changed(rows, 3, session="nobody"), "row 5, session nobody: is not reported in this workdir"),
        (lambda rows: changed(rows, 3, session="s000_000"), "row 5, session s000_000: is not reported"),  # of train
        (lambda rows: [*rows, rows[2]], "row 42, session s062_062: is there a second time"),
        (lambda rows: changed(rows, 0, predicted="nan"), "row 2, session s060_060: predicted is 'nan'; expected a fin"),
        (lambda rows: changed(rows, 1, predicted=""), "row 3, session s061_061: predicted is ''; expected a finite"),
        (lambda rows: changed(rows, 1, predicted="inf"), "row 3, session s061_061: predicted is 'inf'"),
        (lambda rows: rows[:25], "no row for 15 of 40 reported sessions: s085_085, .* [.]{3}; expected all"),
        (lambda rows: changed(rows, 4, session=""), r"row 6, session \(empty\): is not reported"),
    ],
)
def test_a_wrong_row_is_named(run, make, words):
    evaluation, scored = run
    with pytest.raises(UserError, match=words) as caught:
        scored(make(rows_of(evaluation, lambda row: 3.5)))
    assert "theirs.csv: " in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read .No such file or directory.; expected a CSV of predictions: correct --predictions"),
        (b"", "cannot be read as CSV"),
        (b"session;predicted\na;1\n", "no column 'session' among session;predicted; expected session, predicted"),
        (b"session,score\na,1\n", "no column 'predicted' among session, score"),
        (b"session,predicted,predicted\na,1,2\n", "2 columns 'predicted'"),
        (b"session,predicted\na,1,2\n", "cannot be read as CSV"),
        (b"session,predicted\n\xff\xfe,1\n", "cannot be read as CSV"),
    ],
)
def test_a_file_of_another_form_is_refused_in_one_line(workdir_of, corpus, tmp_path, content, words):
    path = tmp_path / "theirs.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=words) as caught:
        score(path, {"": workdir_of(*corpus, epochs=(1,))}, OPTIONS, Beside())
    assert "\n" not in str(caught.value)


@pytest.fixture
def overlapping(tmp_path):
    """24 sessions in 2 folds, of which two are tested in both: (folds, final)."""
    rng, files = np.random.default_rng(0), {}
    target = np.round(rng.gamma(1.3, 5, 24))
    for fold in (1, 2, 0):
        name = f"fold_{fold}" if fold else "all"
        tested = (np.arange(24) % 2 == fold - 1) | ((np.arange(24) < 2) & (fold > 0))
        z = rng.normal(size=(2, 24, 4))
        names = [f"p{k:02d}" for k in range(24)]
        one = Embeddings(names, names, np.where(tested, "test", "train"), target, *z)
        one.save(path_of_epoch(tmp_path / name, 1))
        files[name] = evaluated_epochs(tmp_path / name)
    return files, files.pop("all")[1]


def test_folds_are_the_workdirs(overlapping, tmp_path):
    files, final = overlapping
    evaluation = cross_validate(files, final, OPTIONS)
    assert len(evaluation.predictions) == 26
    rows = [
        {"session": row["session"], "fold": row["fold"], "predicted": row["ridge"]} for row in evaluation.predictions
    ]
    path = csv_of(tmp_path / "theirs.csv", rows, ("fold", "session", "predicted"))
    results = score(path, files, OPTIONS, Beside())
    own = evaluation.results["protocols"]["last"]["models"]["ridge"]["metrics"]
    assert results["protocols"]["foreign"]["models"]["theirs.csv"]["metrics"] == own
    assert [part["name"] for part in results["folds"]] == ["fold_1", "fold_2"]
    once = {row["session"]: {"session": row["session"], "predicted": 4.0} for row in rows}
    results = score(csv_of(path, once.values()), files, OPTIONS, Beside())  # the same in either fold
    assert results["counts"]["test"]["n_sessions"] == 24
    wrong = changed(rows, 5, fold="fold_9")
    with pytest.raises(UserError, match=r"row 7, session p.., fold fold_9: is not reported"):
        score(csv_of(path, wrong, ("session", "fold", "predicted")), files, OPTIONS, Beside())
    with pytest.raises(UserError, match="no row for 1 of 26 reported sessions: p23 in fold_2;"):
        score(csv_of(path, rows[:-1], ("session", "fold", "predicted")), files, OPTIONS, Beside())
