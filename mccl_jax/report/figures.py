"""Two figures of one training as PNG: how it went, and predicted against true severity.

Drawn with matplotlib's Agg canvas alone, in its default style whatever the user's settings, and without a date: equal
results give equal bytes. Colours are those of Okabe and Ito, told apart by the colour-blind; line styles and markers
tell them apart without colour.
"""

import contextlib
import itertools
import os
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from mccl_jax.evaluation.intervals import counted
from mccl_jax.files import replacing

_MARKS = (
    {"color": "#0072B2", "linestyle": "-", "marker": "o"},
    {"color": "#D55E00", "linestyle": "--", "marker": "s"},
    {"color": "#009E73", "linestyle": ":", "marker": "^"},
)
_BASELINES = {"train_mean": ("#000000", (0, (5, 2))), "train_median": ("#777777", (0, (1, 1.5)))}
_GREY = "#999999"
_DPI = 130
# Below this share of their size values differ by rounding only.
_FLAT = 1e-6
# Width of an entry of the legend.
_LEGEND_INCHES = 1.8
# Beyond so many evaluated epochs markers would hide the line.
_MOST_MARKERS = 40


@contextlib.contextmanager
def _default_style() -> Iterator[None]:
    import matplotlib.style  # slow to import, and needed only where something is drawn

    with matplotlib.style.context("default"):
        yield


@_default_style()
def draw_curves(
    path: str | os.PathLike, results: dict[str, Any], epochs: Sequence[float], loss: Sequence[float]
) -> None:
    """Draws the training loss and, below, the MAE on the reported split at every evaluated epoch.

    `epochs` and `loss` are (M,): the loss of a step, or the mean of an epoch, and the epochs done by then (0.5: half of
    the first). Raises UserError where `path` cannot be written.
    """
    figure = _figure(7.2, 6.0)
    above, below = figure.subplots(2, 1, sharex=True)
    above.plot(epochs, loss, color=_MARKS[0]["color"], linewidth=1.2, marker="." if len(loss) == 1 else "")
    above.set_ylabel("contrastive loss (train)")
    if len(loss) == 0:
        above.text(0.5, 0.5, "no training loss on record", transform=above.transAxes, ha="center", color=_GREY)
        above.set_yticks([])

    curve, size = results["curve"], 5 if len(results["curve"]) <= _MOST_MARKERS else 0
    for name, mark in zip(curve[0]["mae"], _MARKS, strict=False):
        mae = [np.nan if entry["mae"][name] is None else entry["mae"][name] for entry in curve]
        below.plot([entry["epoch"] for entry in curve], mae, **mark, markersize=size, label=name)
    for name, (color, style) in _BASELINES.items():
        value = results["baselines"][name]["metrics"]["mae"]["estimate"]
        if value is not None:
            label = f"predicting the {name.replace('_', ' ')}"
            below.axhline(value, color=color, linestyle=style, linewidth=1.3, label=label)
    below.set_xlim(0, 1.02 * max([curve[-1]["epoch"], *epochs]))
    below.xaxis.get_major_locator().set_params(integer=True)
    below.set_xlabel("epoch")
    below.set_ylabel(f"MAE of {results['target']['name']} ({results['reported_split']})")
    for axes in (above, below):
        axes.grid(color="#E5E5E5")
        axes.spines[["top", "right"]].set_visible(False)
    _finish(figure, results, "Training", below, path)


@_default_style()
def draw_predicted_against_true(
    path: str | os.PathLike, results: dict[str, Any], predictions: list[dict[str, Any]]
) -> None:
    """Draws each regressor's predictions (protocol `last`) against the truth, the primary regressor first.

    `predictions` are the rows of predictions.csv; those without a known target are left out. Raises UserError where
    `path` cannot be written.
    """
    primary, target = results["primary"], results["target"]
    models = results["protocols"]["last"]["models"]
    names = sorted(models, key=lambda name: name != primary["regressor"])
    known = [row for row in predictions if row["target"] is not None]
    true = np.array([row["target"] for row in known])
    values = np.array([[row[name] for name in names] for row in known]).reshape(len(known), len(names))
    mean, of_folds = np.mean([row["train_mean"] for row in predictions]), " (of all folds)" if results["folds"] else ""
    shown = np.concatenate([true, values.ravel(), [mean], [end for end in _ends(target) if end is not None]])
    all_but_equal = np.ptp(shown) <= _FLAT * np.abs(shown).max()
    margin = 1.0 if all_but_equal else 0.04 * np.ptp(shown)
    limits = shown.min() - margin, shown.max() + margin

    figure = _figure(4.6 * len(names), 5.8)
    for column, (axes, name) in enumerate(zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True)):
        axes.plot(limits, limits, color=_GREY, linewidth=1, label="predicted = true")
        color, style = _BASELINES["train_mean"]
        axes.axhline(mean, color=color, linestyle=style, linewidth=1.2, label=f"predicting the train mean{of_folds}")
        if target["threshold"] is not None:
            of_threshold = {"color": "#CC79A7", "linestyle": "-.", "linewidth": 1.1}
            axes.axhline(target["threshold"], **of_threshold, label=f"threshold {target['threshold']:g}")
            if target["positive"] is None:  # else the true score does not say who is positive
                axes.axvline(target["threshold"], **of_threshold)
        group = np.array([row.get(target["group"], "a session") for row in known])
        for value, mark in zip(sorted(set(group.tolist())), itertools.cycle(_MARKS), strict=False):
            of_group = {"color": mark["color"], "marker": mark["marker"], "edgecolors": "white", "linewidths": 0.5}
            rows = group == value
            axes.scatter(true[rows], values[rows, column], s=34, zorder=3, alpha=0.75, label=str(value), **of_group)
        axes.set(xlim=limits, ylim=limits, xlabel=f"true {target['name']}")
        axes.set_box_aspect(1)
        axes.set_title(_subtitle(name, models[name], name == primary["regressor"]), fontsize=10)
        axes.spines[["top", "right"]].set_visible(False)
    figure.axes[0].set_ylabel(f"predicted {target['name']}")
    _finish(figure, results, "Predicted against true", figure.axes[0], path)


def _subtitle(name: str, model: dict[str, Any], primary: bool) -> str:
    mae, pearson = (model["metrics"][metric]["estimate"] for metric in ("mae", "pearson"))
    scores = [f"{label} {value:.3g}" for label, value in (("MAE", mae), ("r", pearson)) if value is not None]
    epoch = f", epoch {model['epoch']}" if isinstance(model["epoch"], int) else ""
    return f"{name}{' (primary)' if primary else ''}{epoch}\n{', '.join(scores) or 'not scored'}"


def _ends(target: dict[str, Any]) -> tuple[float | None, ...]:
    return target["low"], target["high"], target["threshold"]


def _figure(width: float, height: float):
    import matplotlib.figure
    import matplotlib.layout_engine

    layout = matplotlib.layout_engine.ConstrainedLayoutEngine(h_pad=0.08, w_pad=0.08)
    return matplotlib.figure.Figure(figsize=(width, height), dpi=_DPI, layout=layout)


def _finish(figure, results: dict[str, Any], title: str, legend_of, path: str | os.PathLike) -> None:
    """Title with n, the simulated mark, one legend below all axes; then writes the PNG, whole or not at all."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    split = results["reported_split"]
    counts = results["counts"][split]
    simulated = " (SIMULATED data)" if results["simulated"] else ""
    n = f"{split}: {counted(counts['n_sessions'], counts['n_subjects'])}"
    n += f"; encoders {results['encoders']}" if results["encoders"] else ""
    figure.suptitle(f"{title}{simulated}\n{n}", fontsize=11)
    handles, labels = legend_of.get_legend_handles_labels()
    columns = max(2, int(figure.get_figwidth() // _LEGEND_INCHES))
    figure.legend(handles, labels, loc="outside lower center", ncols=columns, fontsize=9, frameon=False)
    with replacing(path) as temporary:
        FigureCanvasAgg(figure).print_png(temporary, metadata={"Software": None})
