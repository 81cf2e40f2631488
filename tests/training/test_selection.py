"""Which checkpoint is the best: of the lowest score, whatever a training has been through; and who has a say in it."""

import json
import math
import types

import numpy as np
import pytest

from mccl_jax.data.splits import check_unreported
from mccl_jax.errors import UserError
from mccl_jax.evaluation.embeddings import Embeddings
from mccl_jax.evaluation.options import Options
from mccl_jax.training.selection import LOSS, Selection

OPTIONS = Options(regressors=("xgboost", "ridge"), primary="ridge")


def embeddings(split, severity, seed=0, noise=0.1):
    """Sessions whose embeddings show their severity, but for some noise."""
    split, severity = np.array(split), np.array(severity, float)
    rng = np.random.default_rng(seed)
    z = np.nan_to_num(severity)[:, None] + noise * rng.normal(size=(len(split), 3))
    names = np.array([f"s{i}" for i in range(len(split))])
    return Embeddings(names, names, split, severity, z, -z)


SOME = embeddings(["train"] * 6 + ["dev"] * 4 + ["test"] * 4, [0, 4, 8, 12, 16, 20, 3, 9, 15, math.nan, 1, 2, 3, 4])


def epoch(selection, losses, number, scored=True, embeddings=SOME):
    """An epoch of these losses, after which a checkpoint is saved: what is kept with it, as it comes back."""
    for slot, loss in enumerate(losses):
        selection.step(slot, loss)
    if scored:
        selection.score(embeddings)
    return json.loads(json.dumps(selection.saved(10 * number, number)))


def test_the_lowest_mean_loss_is_the_best_and_the_first_of_equal_ones():
    selection = Selection(LOSS, OPTIONS)
    assert selection.best is None
    assert epoch(selection, [4.0, 2.0], 1)["score"] == 3.0
    assert epoch(selection, [1.0, 2.0], 2)["best"] == {"step": 20, "epoch": 2, "score": 1.5}
    assert epoch(selection, [2.0, 1.0], 3)["best"]["epoch"] == 2
    assert epoch(selection, [0.0, 0.1], 4, scored=False)["score"] is None  # not evaluated, or saved for SIGTERM
    assert selection.best["epoch"] == 2
    assert "loss" in selection.words


def test_a_score_that_is_no_number_is_never_the_best():
    selection = Selection(LOSS, OPTIONS)
    kept = epoch(selection, [math.nan], 1)
    assert (kept["score"], kept["best"]) == (None, None)
    epoch(selection, [5.0], 2)
    assert epoch(selection, [math.inf], 3)["best"]["epoch"] == 2


def test_a_training_that_was_stopped_chooses_as_one_left_in_peace():
    losses = np.random.default_rng(0).exponential(size=(5, 7)).tolist()
    peace = Selection(LOSS, OPTIONS)
    expected = [epoch(peace, of_epoch, number) for number, of_epoch in enumerate(losses, 1)]
    for stopped in range(1, 34):
        selection, found = Selection(LOSS, OPTIONS), []
        for number, of_epoch in enumerate(losses, 1):
            for slot, loss in enumerate(of_epoch):
                selection.step(slot, loss)
                if 7 * (number - 1) + slot == stopped and slot < 6:
                    selection = Selection(LOSS, OPTIONS, json.loads(json.dumps(selection.saved(stopped, number))))
            selection.score(SOME)
            found.append(json.loads(json.dumps(selection.saved(10 * number, number))))
            selection = Selection(LOSS, OPTIONS, found[-1])
        assert found == expected


def test_by_a_split_the_headline_regressor_counts_and_nothing_that_is_reported():
    selection = Selection("dev", OPTIONS)
    good = epoch(selection, [9.0], 1)["score"]
    assert good < 1
    assert selection.words == "MAE of ridge on dev"
    worse = embeddings(SOME.split, SOME.target, noise=30.0)
    assert epoch(selection, [1.0], 2, embeddings=worse)["score"] > 2 * good
    assert selection.best["epoch"] == 1
    unlike = np.where(SOME.split == "test", 1000.0, SOME.target)  # other severities, and so other embeddings, in test
    other = Selection("dev", OPTIONS)
    assert epoch(other, [9.0], 1, embeddings=embeddings(SOME.split, unlike))["score"] == good


def checked(name, split, subject=None, digests=()):
    n = len(split)
    windows = types.SimpleNamespace(
        severity=np.arange(n, dtype=float), subject=np.array(subject or [f"p{i}" for i in range(n)])
    )
    windows = type("W", (), {**vars(windows), "__len__": lambda self: n})()
    check_unreported(windows, types.SimpleNamespace(digests=digests), {"": np.array(split)}, name, "test")


def test_a_split_of_others_serves():
    checked("dev", ["train", "dev", "test"])


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("dev", (["train", "test"],), r"there is no labelled session in such a split, there are test, train: expected"),
        ("dev", (["train", "dev", "test"], ["a", "b", "b"]), r"in it and in train or test, too: b; expected nobody"),
        ("dev", (["train", "dev", "test"], ["a", "a", "b"]), r"in it and in train or test, too: a;"),
        ("dev", (["train", "dev", "test"], ["a", "b", "c"], ["1", "2", "2"]), r"too: b;"),
        ("excluded", (["train", "excluded", "test"], ["a", "b", "b"]), r"too: b;"),
    ],
)
def test_a_split_that_is_absent_or_has_somebody_of_train_or_reported_is_refused(name, arguments, words):
    with pytest.raises(UserError, match=words) as raised:
        checked(name, *arguments)
    assert "\n" not in str(raised.value)
