"""insight.json in words: every number with its interval, and why there is none."""

import copy

import pytest

from mccl_jax.report.insight_table import insight_table

SCORE = {"estimate": 1.25, "lower": 0.5, "upper": 2.0, "n_sessions": 9, "n_subjects": 9, "reason": None}
NONE = {**SCORE, "estimate": None, "lower": None, "upper": None, "p": None, "p_holm": None, "reason": "nobody is there"}
EFFECT = {**SCORE, "p": 0.0004, "p_holm": 0.0321, "change": {**SCORE, "estimate": 3.5}}
NULL = {"mean": 4.0, "lower": 3.0, "upper": 5.0, "exchanges": 99}
SPACE = {"alignment": SCORE, "uniformity": {"inter": SCORE, "intra": SCORE}}
SPACE["retrieval"] = {**SCORE, "chance": 0.11, "p": 0.5, "null": NULL}
INSIGHT = {
    "notice": "No diagnosis.",
    "simulated": True,
    "simulated_notice": "SIMULATED data",
    "shows": "what it relies on, not what a cue is worth",
    "target": "PHQ-9",
    "reported_split": "test",
    "regressor": "ridge",
    "epoch": 6,
    "trainings": ["fold_1", "fold_2"],
    "counts": {"n_sessions": 9, "n_subjects": 9},
    "level": 0.95,
    "intervals": {"type": "t interval", "covers": "who is reported"},
    "reliance": {
        "replacement": {"hidden": "replaced by its train mean"},
        "p": "sign flips",
        "p_holm": "adjusted",
        "mae": SCORE,
        "cues": {"gaze": EFFECT},
        "regions": {"lips": {**EFFECT, "random": {**NULL, "draws": 10, "share": 0.1}}},
        "swaps": {"gaze": {**EFFECT, "null": NULL}},
    },
    "attention": {
        "words": "attention weights, not importance",
        "inter": {"tokens": ["gaze", "pose"], "heads": [[[0.25, 0.75], [None, None]]]},
    },
    "views": {"embeddings": {"train": SPACE, "reported": SPACE}},
    "decodable": {
        "how": "ridge",
        "labels": {
            "seconds": {
                view: {**SCORE, "measure": "R2", "p": 0.02, "p_holm": 0.06, "null": NULL} for view in ("both",)
            },
            "female": {view: {**NONE, "measure": "AUROC"} for view in ("both",)},
        },
        "identity": {view: {**NONE, "reason": "nobody has two sessions"} for view in ("inter", "both")},
    },
}


def said(insight) -> str:
    return " ".join(insight_table(insight).split())


def test_numbers_with_their_intervals():
    words = said(INSIGHT)
    for expected in (
        "SIMULATED data",
        "9 sessions of 9 subjects of test, each by a training that did not see it",
        "not what a cue is worth",
        "MAE as it is: 1.25 [0.50, 2.00]",
        "gaze 1.25 [0.50, 2.00] < 0.001 0.032 3.50 4.00 (3.00 to 5.00)",
        "lips 1.25 [0.50, 2.00] < 0.001 0.032 3.50 4.00 (3.00 to 5.00)",
        "Attention between cues (attention weights, not importance)",
        "head 1, gaze at 0.25 0.75",
        "head 1, pose at - -",
        "embeddings, train 1.25 [0.50, 2.00] 1.25 1.25 1.25 [0.50, 2.00] 0.11 0.500",
        "seconds both R2 1.25 [0.50, 2.00] 4.00 (3.00 to 5.00) 0.020 0.060",
        "female is not shown: nobody is there.",
        "the same person nearest: nobody has two sessions.",
        "No diagnosis.",
    ):
        assert expected in words, expected


@pytest.mark.parametrize("trainings", [[], ["fold_1", "fold_2"]])
def test_only_what_is_there(trainings):
    insight = copy.deepcopy(INSIGHT) | {"simulated": False, "trainings": trainings}
    del insight["reliance"]["regions"]
    words = said(insight)
    assert "SIMULATED" not in words
    assert "Regions" not in words
    assert ("none of them trained on" in words) == (not trainings)
