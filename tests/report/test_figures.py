"""The figures: drawn without a display, equal byte for byte, and with the marks that must not be missed."""

import csv

import matplotlib
import matplotlib.axes
import matplotlib.figure
import numpy as np
import pytest
from PIL import Image

from mccl_jax.report import dots, figures


@pytest.fixture
def drawn(monkeypatch):
    """All figures made, so that a test can ask what is in them."""
    made = []
    make = matplotlib.figure.Figure.__init__

    def recorded(self, *args, **kwargs):
        made.append(self)
        make(self, *args, **kwargs)

    monkeypatch.setattr(matplotlib.figure.Figure, "__init__", recorded)
    return made


def draw_all(contents):
    return [
        figures.curves(contents),
        dots.errors(contents),
        *(figures.predicted_against_true(contents, name) for name in contents.regressors),
        figures.embedding_map(contents),
    ]


def labels(axes):
    return axes.get_legend_handles_labels()[1]


def test_equal_results_give_equal_bytes_whatever_the_users_style(contents_of):
    contents = contents_of()
    one = draw_all(contents)
    with matplotlib.rc_context({"font.size": 22, "axes.facecolor": "black", "savefig.dpi": 40}):
        other = draw_all(contents)
    assert [drawing.png for drawing in one] == [drawing.png for drawing in other]
    assert len({drawing.name for drawing in one}) == len(one)


def test_the_curves_are_the_loss_and_the_errors_beside_the_baselines(contents_of, drawn):
    contents = contents_of()
    figures.curves(contents)
    above, below = drawn[0].axes
    np.testing.assert_allclose(above.lines[0].get_xydata(), [(step / 4 + 0.25, 3 * 0.8**step) for step in range(12)])
    for line, name in zip(below.lines, ("xgboost", "ridge"), strict=False):
        expected = [(entry["epoch"], entry["mae"][name]) for entry in contents.results["curve"]]
        np.testing.assert_array_equal(line.get_xydata(), expected)
    for line, name in zip(below.lines[2:], ("train_mean", "train_median"), strict=True):
        assert set(line.get_ydata()) == {contents.results["baselines"][name]["metrics"]["mae"]["estimate"]}
    assert labels(below) == ["xgboost", "ridge", "predicting the train mean", "predicting the train median"]
    assert "SIMULATED" in drawn[0].get_suptitle()
    assert "20 sessions of 10 subjects" in drawn[0].get_suptitle()


@pytest.mark.parametrize("primary", ["ridge", "xgboost"])
def test_predicted_against_true_shows_every_session_and_its_lines(contents_of, drawn, primary):
    contents = contents_of(primary=primary)
    for name in contents.regressors:
        drawing = figures.predicted_against_true(contents, name)
        (axes,) = drawn[-1].axes
        expected = [(row["target"], row[name]) for row in contents.predictions]
        np.testing.assert_allclose(axes.collections[0].get_offsets(), expected)
        low, high = axes.get_xlim()
        assert axes.get_ylim() == (low, high)
        assert low < min(map(min, expected))
        assert high > max(map(max, expected))
        assert labels(axes) == ["predicted = true", "train mean", "threshold 10", "a session"]
        assert "SIMULATED" in drawn[-1].get_suptitle()
        assert ("(primary)" in drawn[-1].get_suptitle()) == (name == primary)
        assert drawing.participants
    assert contents.regressors[0] == primary


def test_every_error_stands_in_the_figure_of_errors(contents_of, drawn):
    contents = contents_of()
    drawing = dots.errors(contents)
    (axes,) = drawn[0].axes
    shown = [line.get_xdata()[0] for line in axes.lines if line.get_marker() not in ("", "None")]
    last, official = (contents.results["protocols"][name]["models"] for name in ("last", "official"))
    rows = [*last.values(), *official.values(), *contents.results["baselines"].values()]
    assert sorted(shown) == sorted(row["metrics"]["mae"]["estimate"] for row in rows)
    assert drawing.data["estimate"] == pytest.approx([row["metrics"]["mae"]["estimate"] for row in rows])
    assert not drawing.participants


def test_the_map_is_of_the_reported_sessions_and_keeps_their_distances(contents_of, drawn):
    contents = contents_of()
    drawing = figures.embedding_map(contents)
    assert drawing.data["session"] == [row["session"] for row in contents.predictions]
    points = np.stack([drawing.data["first"], drawing.data["second"]], axis=1)
    features = contents.embeddings.features - contents.embeddings.features.mean(axis=0)
    expected = np.sort(np.linalg.eigvalsh(features.T @ features))[::-1][:2]
    np.testing.assert_allclose((points**2).sum(axis=0), expected, rtol=1e-4)
    assert "no evidence" in drawing.caption


def test_parts_of_few_are_not_counted_in_a_figure(contents_of, drawn):
    contents = contents_of(folds=3)
    parts = contents.results["folds"]
    few = {**parts[0], "counts": dict.fromkeys(parts[0]["counts"]), "suppressed": "few"}
    dots.errors_by_part(contents, "errors_by_fold", "fold", [few, *parts[1:]])
    (axes,) = drawn[0].axes
    names = [" ".join(text.get_text().split()) for text in axes.get_yticklabels()]
    assert names == ["fold 1, n = left out", "fold 2, n = 10", "fold 3, n = 10"]


def test_numbers_of_fewer_than_ten_count_as_data_of_participants(contents_of):
    assert dots.errors(contents_of(sessions=24)).participants  # 4 people
    contents = contents_of(folds=4)
    assert not dots.errors(contents).participants
    assert dots.errors_by_part(contents, "errors_by_fold", "fold", contents.results["folds"]).participants


def test_nothing_is_marked_simulated_that_is_not(contents_of, drawn):
    draw_all(contents_of(simulated=False, threshold=None))
    assert not any("SIMULATED" in figure.get_suptitle() for figure in drawn)
    assert not any("threshold" in label for figure in drawn for axes in figure.axes for label in labels(axes))


def test_no_label_overlaps_another(contents_of, drawn):
    draw_all(contents_of())
    for figure in drawn:
        boxes = [axes.get_tightbbox() for axes in figure.axes]
        boxes += [legend.get_window_extent() for legend in figure.legends] + [figure._suptitle.get_window_extent()]
        for index, box in enumerate(boxes):
            assert not any(box.overlaps(other) for other in boxes[:index])
            assert box.x0 >= 0
            assert box.x1 <= figure.bbox.width
            assert box.y0 >= 0
            assert box.y1 <= figure.bbox.height


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "options",
    [{"known": False}, {"sessions": 6}, {"scale": 0.0}, {"scale": 1000.0}, {"regressors": ("xgboost",)}, {"folds": 3}],
    ids=str,
)
def test_poor_data_are_drawn_all_the_same(contents_of, options):
    for drawing in draw_all(contents_of(**options)):
        assert len(drawing.png) > 5000
        assert len(drawing.alt) > 40
        assert "nan" not in drawing.alt


def test_a_figure_is_written_with_its_data_and_says_what_it_holds(contents_of, tmp_path):
    contents = contents_of()
    for drawing in draw_all(contents):
        drawing.write(tmp_path / "figures")
        holds = f"holds participant data: {'yes' if drawing.participants else 'no'}"
        image = Image.open(tmp_path / "figures" / f"{drawing.name}.png")
        assert image.text["Description"].endswith(holds)
        assert image.size == drawing.size
        first, *rest = (tmp_path / "figures" / f"{drawing.name}.csv").read_text().splitlines()
        assert first.startswith("# ")
        assert first.endswith(holds)
        rows = list(csv.DictReader(rest))
        assert list(rows[0]) == list(drawing.data)
        assert len(rows) == len(next(iter(drawing.data.values())))
    assert len(list((tmp_path / "figures").iterdir())) == 10
