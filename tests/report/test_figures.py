"""The figures: drawn without a display, equal byte for byte, and with the marks that must not be missed."""

import matplotlib
import matplotlib.axes
import matplotlib.figure
import numpy as np
import pytest

from mccl_jax.report.figures import draw_curves, draw_predicted_against_true

STEPS = np.arange(1, 13) / 4
LOSS = 3.0 * np.exp(-STEPS)


@pytest.fixture
def drawn(monkeypatch):
    """All figures made, so that a test can ask what is in them."""
    figures = []
    make = matplotlib.figure.Figure.__init__

    def recorded(self, *args, **kwargs):
        figures.append(self)
        make(self, *args, **kwargs)

    monkeypatch.setattr(matplotlib.figure.Figure, "__init__", recorded)
    return figures


def draw_both(evaluation, folder, loss=LOSS):
    draw_curves(folder / "curves.png", evaluation.results, STEPS[: len(loss)], loss)
    draw_predicted_against_true(folder / "predicted.png", evaluation.results, evaluation.predictions)


def labels(axes):
    return axes.get_legend_handles_labels()[1]


def test_equal_results_give_equal_bytes_whatever_the_users_style(evaluation_of, tmp_path):
    evaluation = evaluation_of()
    draw_both(evaluation, tmp_path / "a")
    with matplotlib.rc_context({"font.size": 22, "axes.facecolor": "black", "savefig.dpi": 40}):
        draw_both(evaluation, tmp_path / "b")
    for name in ("curves.png", "predicted.png"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
        assert (tmp_path / "a" / name).read_bytes().startswith(b"\x89PNG")
        assert sorted(file.name for file in (tmp_path / "a").iterdir()) == ["curves.png", "predicted.png"]


def test_the_curves_are_the_loss_and_the_errors_beside_the_baselines(evaluation_of, tmp_path, drawn):
    evaluation = evaluation_of()
    draw_curves(tmp_path / "curves.png", evaluation.results, STEPS, LOSS)
    above, below = drawn[0].axes
    np.testing.assert_array_equal(above.lines[0].get_xydata(), np.stack([STEPS, LOSS], axis=1))
    for line, name in zip(below.lines, ("xgboost", "ridge"), strict=False):
        expected = [(entry["epoch"], entry["mae"][name]) for entry in evaluation.results["curve"]]
        np.testing.assert_array_equal(line.get_xydata(), expected)
    for line, name in zip(below.lines[2:], ("train_mean", "train_median"), strict=True):
        assert set(line.get_ydata()) == {evaluation.results["baselines"][name]["metrics"]["mae"]["estimate"]}
    assert labels(below) == ["xgboost", "ridge", "predicting the train mean", "predicting the train median"]
    assert "SIMULATED" in drawn[0].get_suptitle()
    assert "20 sessions of 10 subjects" in drawn[0].get_suptitle()


@pytest.mark.parametrize("names", [("ridge", "xgboost"), ("xgboost", "ridge")])
def test_predicted_against_true_shows_every_session_and_its_lines(evaluation_of, tmp_path, drawn, names):
    evaluation = evaluation_of(primary=names[0])
    draw_predicted_against_true(tmp_path / "predicted.png", evaluation.results, evaluation.predictions)
    assert [axes.get_title().split(",")[0] for axes in drawn[0].axes] == [f"{names[0]} (primary)", names[1]]
    for axes, name in zip(drawn[0].axes, names, strict=True):
        expected = [(row["target"], row[name]) for row in evaluation.predictions]
        np.testing.assert_allclose(axes.collections[0].get_offsets(), expected)
        low, high = axes.get_xlim()
        assert axes.get_ylim() == (low, high)
        assert low < min(map(min, expected))
        assert high > max(map(max, expected))
        assert labels(axes) == ["predicted = true", "predicting the train mean", "threshold 10", "a session"]
    assert "SIMULATED" in drawn[0].get_suptitle()


def test_nothing_is_marked_simulated_that_is_not(evaluation_of, tmp_path, drawn):
    draw_both(evaluation_of(simulated=False, threshold=None), tmp_path)
    assert not any("SIMULATED" in figure.get_suptitle() for figure in drawn)
    assert not any("threshold" in label for figure in drawn for axes in figure.axes for label in labels(axes))


def test_no_label_overlaps_another(evaluation_of, tmp_path, drawn):
    draw_both(evaluation_of(), tmp_path)
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
    [{"known": False}, {"sessions": 6}, {"scale": 0.0}, {"scale": 1000.0}, {"regressors": ("xgboost",)}],
    ids=str,
)
def test_poor_data_are_drawn_all_the_same(evaluation_of, tmp_path, options):
    draw_both(evaluation_of(**options), tmp_path, loss=LOSS[:0])
    assert (tmp_path / "predicted.png").stat().st_size > 5000
