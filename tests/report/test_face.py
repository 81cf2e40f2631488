"""The drawn face and the lists of bars, on made-up values."""

import itertools

import matplotlib.colors
import numpy as np
import pytest

from mccl_jax.cues import FACIAL_REGIONS, OPENFACE_AUS
from mccl_jax.report import face, insight
from tests.report.conftest import made_up_insight

VALUES = {"lips": (0.8, 0.6, 1.0), "brows": (0.4, 0.2, 0.6), "nose": (0.05, -0.1, 0.2), "eyes": (0.1, None, None)}


def test_the_face_has_the_68_points_in_their_regions_and_is_alike_on_both_sides():
    points = face.places()
    assert points.shape == (68, 2)
    assert sorted(point for members in FACIAL_REGIONS.values() for point in members) == list(range(68))
    mirrored = [*range(16, -1, -1), *range(26, 16, -1), 27, 28, 29, 30, 35, 34, 33, 32, 31]
    mirrored += [45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40, 54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55]
    mirrored += [64, 63, 62, 61, 60, 67, 66, 65]
    np.testing.assert_allclose(points[mirrored] * (-1, 1), points, atol=0.06)  # the lower brow and lid lean a little
    heights = {region: points[[*members], 1].mean() for region, members in FACIAL_REGIONS.items()}
    assert heights["brows"] > heights["eyes"] > heights["nose"] > heights["lips"]
    assert points[8, 1] == points[:, 1].min()  # the chin


def test_a_region_is_the_darker_the_more_it_matters_and_hollow_where_it_may_not(monkeypatch):
    kept = []
    monkeypatch.setattr(face, "finished", lambda figure, *rest, **more: kept.append(figure) or rest)
    face.face("reliance", "Reliance", "MAE", "", VALUES)
    drawn, below = kept[0].axes
    edge = {region: one.get_edgecolors()[0] for region, one in zip(FACIAL_REGIONS, drawn.collections, strict=True)}
    inside = {region: one.get_facecolors()[0] for region, one in zip(FACIAL_REGIONS, drawn.collections, strict=True)}
    lightness = {region: colour[:3].sum() for region, colour in edge.items()}
    assert lightness["lips"] < lightness["brows"] < lightness["nose"]
    white = matplotlib.colors.to_rgba("white")
    assert [region for region in FACIAL_REGIONS if tuple(inside[region]) != white] == ["brows", "lips"]
    assert [bar.get_width() for bar in below.patches] == [value for value, *_ in VALUES.values()]


def test_what_is_drawn_is_said_and_kept():
    drawing = face.face("reliance", "Reliance", "MAE when hidden - MAE", "A caption.", VALUES)
    assert "lips: 0.80 [0.60, 1.00]" in drawing.alt
    assert "eyes: 0.10;" in drawing.alt or drawing.alt.endswith("eyes: 0.10.")
    assert drawing.data["region"] == list(VALUES)
    assert drawing.data["lower"] == [0.6, 0.2, -0.1, ""]
    assert drawing.caption.startswith("A caption.")
    assert not drawing.participants


def test_another_region_is_refused():
    with pytest.raises(ValueError, match="chin: no region"):
        face.face("reliance", "Reliance", "MAE", "", {"chin": (1.0, 0.0, 2.0)})


def test_every_action_unit_has_its_name():
    assert set(face.ACTION_UNITS) == set(OPENFACE_AUS)
    drawing = face.bars("aus", "Reliance", "MAE", "", dict.fromkeys(OPENFACE_AUS, (0.1, 0.0, 0.2)))
    assert "AU12 lip corner puller: 0.10 [0.00, 0.20]" in drawing.alt


def test_attention_must_have_a_share_for_each_pair():
    with pytest.raises(ValueError, match="gaze: attention has shape"):
        face.attention("a", "A", "", ["x", "y"], {"pose": np.eye(2)[None], "gaze": np.eye(3)[None]})
    drawing = face.attention("a", "A", "", ["x", "y"], {"": [[[0.9, 0.1], [0.3, 0.7]]]})
    assert "The largest share is 0.90: x looking at x, head 1." in drawing.alt
    assert drawing.data["share"] == [0.9, 0.1, 0.3, 0.7]


def test_insight_is_drawn_as_far_as_it_goes():
    whole = made_up_insight()
    names = [drawing.name for drawing in insight.drawings(whole, simulated=True)]
    assert names == [
        *(f"reliance_{kind}" for kind in ("regions", "aus", "cues", "swaps", "segments", "segments_missing")),
        "attention_cues",
        "attention_segments",
    ]
    del whole["attention"], whole["reliance"]["cues"]
    whole["reliance"]["aus"] = {"AU01": {"estimate": None, "lower": None, "upper": None}}
    some = insight.drawings(whole, simulated=False)
    names = [drawing.name for drawing in some]
    assert names == [f"reliance_{kind}" for kind in ("regions", "swaps", "segments", "segments_missing")]
    assert not any("SIMULATED" in drawing.title for drawing in some)


def test_a_token_that_nobody_has_looks_nowhere():
    cues = next(one for one in insight.drawings(made_up_insight(), True) if one.name == "attention_cues")
    assert len(cues.data["share"]) == 2 * 16 - 4
    assert "nan" not in cues.alt


def test_small_effects_have_labels_that_can_be_read(monkeypatch):
    kept = []
    monkeypatch.setattr(face, "finished", lambda figure, *rest, **more: kept.append(figure) or rest)
    face.bars("aus", "Reliance", "MAE", "", dict.fromkeys(OPENFACE_AUS, (0.001, -0.0168, 0.0131)))
    kept[0].draw_without_rendering()
    boxes = [text.get_window_extent() for text in kept[0].axes[0].get_xticklabels()]
    shown = [box for box in boxes if box.width > 0]
    assert all(left.x1 < right.x0 for left, right in itertools.pairwise(shown))
