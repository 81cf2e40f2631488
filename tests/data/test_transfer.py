"""Two corpora: the cues that both have, who is who in them, and whose sessions are used."""

import dataclasses

import numpy as np
import pytest

from data_builders.thinning import thin
from mccl_jax.cues import (
    AUS,
    DAIC_WOZ_AUS,
    DAIC_WOZ_CUES,
    E_DAIC_CUES,
    GAZE,
    LANDMARKS,
    OPENFACE_CUES,
    POSE,
    Cue,
    shared_cues,
)
from mccl_jax.data.transfer import cut_to, digest_of, left_out, person, trained_and_reported
from mccl_jax.data.windows import WindowOptions, cut_windows
from mccl_jax.errors import UserError
from tests.data.made import session

BOTH = {"gaze": GAZE, "pose": POSE, "aus": Cue("aus", DAIC_WOZ_AUS, AUS.channels, AUS.units)}
XY = Cue("xy", ("a", "b", "c"), ("x", "y"), "mm")


def test_what_daic_woz_and_e_daic_share():
    assert shared_cues(DAIC_WOZ_CUES, E_DAIC_CUES) == BOTH
    assert shared_cues(E_DAIC_CUES, DAIC_WOZ_CUES) == BOTH
    assert list(shared_cues(dict(reversed(DAIC_WOZ_CUES.items())), E_DAIC_CUES)) == ["aus", "pose", "gaze"]
    assert shared_cues(OPENFACE_CUES, DAIC_WOZ_CUES) == {"landmarks": LANDMARKS, **BOTH}
    assert shared_cues(OPENFACE_CUES, OPENFACE_CUES) == OPENFACE_CUES


def test_points_are_found_by_name_in_the_order_of_the_first():
    other = dataclasses.replace(XY, points=("c", "d", "a"))
    assert shared_cues({"xy": XY}, {"xy": other}) == {"xy": dataclasses.replace(XY, points=("a", "c"))}
    assert shared_cues({"xy": other}, {"xy": XY}) == {"xy": dataclasses.replace(XY, points=("c", "a"))}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"units": "cm"}, r"xy has .* in cm, expected .* in mm: leave xy out of the cues"),
        ({"channels": ("y", "x")}, r"xy has \('y', 'x'\) in mm, expected \('x', 'y'\) in mm"),
        ({"points": ("d",)}, r"xy has 3 points \(a, b, c\) and 1 points \(d\), none of them in both"),
    ],
)
def test_what_is_called_alike_and_is_not_is_refused(change, words):
    with pytest.raises(UserError, match=words) as caught:
        shared_cues({"xy": XY}, {"xy": dataclasses.replace(XY, **change)})
    assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match="no cue is in both of xy and gaze, pose, aus"):
        shared_cues({"xy": XY}, BOTH)


def one_of(specification, frames=30, **fields):
    """A session whose cells tell their frame, point and channel, in that order of digits."""
    cues = {
        name: 100 * np.arange(frames)[:, None, None] + 10 * np.arange(cue.shape[0])[:, None] + np.arange(cue.shape[1])
        for name, cue in specification.items()
    }
    return session(np.arange(frames) / 10, specification, cues, **fields)


def test_a_session_is_cut_to_cues_and_points_by_name():
    there = {"gaze": DAIC_WOZ_CUES["gaze"], "xy": XY}
    wanted = {"xy": dataclasses.replace(XY, points=("c", "a")), "gaze": GAZE}
    of_cues = {"mean": [[0, 1], [10, 11], [20, 21]], "std": [[0, 0]] * 3, "velocity": None}
    cut = cut_to(one_of(there, statistics={"xy": of_cues, "other": of_cues}), wanted)
    assert cut.specification == wanted
    assert list(cut.cues) == ["xy", "gaze"]
    assert cut.cues["xy"][2].tolist() == [[220, 221], [200, 201]]
    assert cut.cues["gaze"][1].tolist() == [[100, 101, 102], [110, 111, 112]]
    assert cut.statistics == {"xy": {"mean": [[20, 21], [0, 1]], "std": [[0, 0]] * 2, "velocity": None}}
    same = one_of(there)
    assert cut_to(same, there) is same


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ({"xy": XY, "pose": POSE}, "s: its cues are not those of the model: pose is missing"),
        (
            {"xy": dataclasses.replace(XY, points=("a", "d"))},
            r"xy has 3 points \(a, b, c\), expected 2 points \(a, d\)",
        ),
        ({"xy": dataclasses.replace(XY, units="cm")}, r"in mm, expected \('x', 'y'\) in cm"),
    ],
)
def test_a_session_that_lacks_something_is_refused(wanted, words):
    with pytest.raises(UserError, match=words):
        cut_to(one_of({"xy": XY}), wanted)


def test_a_thinned_record_and_the_whole_one_give_the_same_windows():
    """Frames that are unreadable in a point that is cut away are not used in either."""
    whole = one_of({"gaze": DAIC_WOZ_CUES["gaze"]}, frames=200)
    whole.cues["gaze"][np.random.default_rng(0).random(200) < 0.5, 3] = np.nan
    options = WindowOptions(rate=3.0, seconds=16.0, representation="min_max")
    (here, _), (there, _) = (cut_windows([cut_to(one, {"gaze": GAZE})], options) for one in (whole, thin(whole, 3.0)))
    np.testing.assert_array_equal(here.cues["gaze"], there.cues["gaze"])
    np.testing.assert_array_equal(here.mask, there.mask)
    assert here.usable == there.usable
    assert here.usable < 0.7


def test_who_is_who():
    assert person("daic_woz", "300") == person("e_daic", "300") != person("e_daic", "301")
    assert len({person(corpus, "300") for corpus in ("daic_woz", "cmdc", "openface")}) == 3
    assert (
        digest_of(person("daic_woz", "300")) == digest_of(person("e_daic", "300")) != digest_of(person("cmdc", "300"))
    )


def test_whose_sessions_are_used():
    trained = [
        one_of({"xy": XY}, session=f"{i}", subject=f"{i}", split=s) for i, s in enumerate(["train", "dev", "test"])
    ]
    reported = [
        one_of({"xy": XY}, session=f"{i}", subject=f"{i}", split=s) for i, s in enumerate(["train", "dev", "test"])
    ]

    def used(corpora, split, *given):
        found = trained_and_reported(*given, corpora, split, {"xy": XY})
        return [(one.session, one.subject, one.split) for one in found]

    assert used(("daic_woz", "e_daic"), "test", trained, reported) == [
        ("daic_woz/0", "daic/0", "train"),
        ("e_daic/2", "daic/2", "test"),
    ]
    assert used(("e_daic", "cmdc"), "dev", trained, reported) == [
        ("e_daic/0", "daic/0", "train"),
        ("cmdc/1", "cmdc/1", "dev"),
    ]
    unsplit = [dataclasses.replace(one, split="", folds=(1,)) for one in trained]
    assert used(("openface", "openface"), "test", unsplit[:2], unsplit[2:]) == [
        ("openface_1/0", "openface/0", "train"),
        ("openface_1/1", "openface/1", "train"),
        ("openface_2/2", "openface/2", "test"),
    ]
    assert {one.folds for one in trained_and_reported(unsplit, [], ("cmdc", "openface"), "test", {"xy": XY})} == {()}


def test_what_one_of_them_alone_has_is_said():
    cues = {name: DAIC_WOZ_CUES[name] for name in ("gaze", "pose", "aus")}
    assert left_out(cues, E_DAIC_CUES, ("DAIC-WOZ", "E-DAIC")) == [
        "points that DAIC-WOZ alone has are not used: gaze left eye, head frame, right eye, head frame",
        "points that E-DAIC alone has are not used: aus AU07, AU23, AU45",
    ]
    assert left_out(BOTH, BOTH, ("A", "B")) == []
