"""The figures of one training: how it went, its errors beside the baselines', predicted against true, a map."""

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np

from mccl_jax.report.canvas import (
    BASELINES,
    GREY,
    MARKS,
    Drawing,
    canvas,
    default_style,
    finished,
    headed,
    people,
    tidy,
)
from mccl_jax.report.cells import LOSSES
from mccl_jax.report.contents import Contents
from mccl_jax.report.shareable import LEAST
from mccl_jax.report.tables import number

# Below this share of their size values differ by rounding only.
_FLAT = 1e-6
# Beyond so many evaluated epochs markers would hide the line.
_MOST_MARKERS = 40


@default_style()
def curves(contents: Contents) -> Drawing:
    """The training loss and, below, the MAE on the reported split at every evaluated epoch."""
    results, (epochs, loss) = contents.results, contents.loss
    figure = canvas(5.6)
    above, below = figure.subplots(2, 1, sharex=True)
    above.plot(epochs, loss, color=MARKS[0]["color"], linewidth=1.2, marker="." if len(loss) == 1 else "")
    objective = contents.experiment.train.objective
    above.set_ylabel(f"{LOSSES[objective]} (train)")
    if len(loss) == 0:
        above.text(0.5, 0.5, "no training loss on record", transform=above.transAxes, ha="center", color=GREY)
        above.set_yticks([])

    curve, size = results["curve"], 5 if len(results["curve"]) <= _MOST_MARKERS else 0
    evaluated = [entry["epoch"] for entry in curve]
    mae = {name: [_nan(entry["mae"][name]) for entry in curve] for name in contents.regressors}
    for (name, values), mark in zip(mae.items(), itertools.cycle(MARKS), strict=False):
        below.plot(evaluated, values, **mark, markersize=size, label=name)
    for name, (color, style) in BASELINES.items():
        value = results["baselines"][name]["metrics"]["mae"]["estimate"]
        if value is not None:
            label = f"predicting the {name.replace('_', ' ')}"
            below.axhline(value, color=color, linestyle=style, linewidth=1.3, label=label)
    below.set_xlim(0, 1.02 * max([evaluated[-1], *epochs]))
    below.xaxis.get_major_locator().set_params(integer=True)
    below.set_xlabel("epoch")
    below.set_ylabel(f"MAE of {results['target']['name']} ({results['reported_split']})")
    for axes in (above, below):
        tidy(axes, grid="both")
    _title(figure, results, "Learning curves")

    said = [f"The training loss goes from {number(loss[0])} to {number(loss[-1])}."] if len(loss) else []
    for name, values in mae.items():
        if np.isfinite(values).all():
            said.append(
                f"The MAE of {name} on {results['reported_split']} is {number(values[0])} after epoch {evaluated[0]} "
                f"and {number(values[-1])} after epoch {evaluated[-1]}."
            )
    data = {
        "epoch": [*epochs, *evaluated],
        "training_loss": [*loss, *[""] * len(evaluated)],
        **{f"mae_{name}": [*[""] * len(epochs), *values] for name, values in mae.items()},
    }
    minimised = {
        "contrastive": "which knows nothing of severity",
        "severity": f"the {LOSSES['severity']} on the sessions of train",
    }
    caption = (
        f"Above, what the training minimises, {minimised[objective]}; below, the mean absolute error on the sessions "
        "that are reported. The last epoch is the one that counts; a lower one before it was not chosen."
    )
    alt = f"Two line charts over {evaluated[-1]} epochs. {' '.join(said)}"
    return finished(figure, "curves", caption, alt, data, participants=people(contents.counts) < LEAST, legend_of=below)


@default_style()
def predicted_against_true(contents: Contents, name: str) -> Drawing:
    """The predictions of one regressor (the primary protocol) against the truth, a point a session.

    Sessions without a known target are left out.
    """
    results, target = contents.results, contents.results["target"]
    model = results["protocols"][results["primary"]["protocol"]]["models"][name]
    known = [row for row in contents.predictions if row["target"] is not None]
    true, values = (np.array([row[key] for row in known], float) for key in ("target", name))
    mean = np.mean([row["train_mean"] for row in contents.predictions])
    ends = [target[end] for end in ("low", "high", "threshold") if target[end] is not None]
    limits = _limits(np.concatenate([true, values, [mean], ends]))

    figure = canvas(5.4)
    axes = figure.subplots()
    axes.plot(limits, limits, color=GREY, linewidth=1, label="predicted = true")
    color, style = BASELINES["train_mean"]
    of_folds = " (of all folds)" if results["folds"] else ""
    axes.axhline(mean, color=color, linestyle=style, linewidth=1.2, label=f"train mean{of_folds}")
    if target["threshold"] is not None:
        of_threshold = {"color": "#CC79A7", "linestyle": "-.", "linewidth": 1.1}
        axes.axhline(target["threshold"], **of_threshold, label=f"threshold {target['threshold']:g}")
        if target["positive"] is None:  # else the true score does not say who is positive
            axes.axvline(target["threshold"], **of_threshold)
    group = np.array([row.get(target["group"], "a session") for row in known])
    for value, mark in zip(sorted(set(group.tolist())), itertools.cycle(MARKS), strict=False):
        of_group = {"color": mark["color"], "marker": mark["marker"], "edgecolors": "white", "linewidths": 0.5}
        rows = group == value
        label = str(value) if target["group"] is None else f"{target['group']} {value}"
        axes.scatter(true[rows], values[rows], s=34, zorder=3, alpha=0.75, label=label, **of_group)
    axes.set(xlim=limits, ylim=limits, xlabel=f"true {target['name']}", ylabel=f"predicted {target['name']}")
    axes.set_box_aspect(1)
    tidy(axes)
    primary = name == results["primary"]["regressor"]
    _title(figure, results, f"Predicted against true, {name}{' (primary)' if primary else ''}")

    scores = [
        f"{label} {number(score['estimate'])}"
        for label, score in (("MAE", model["metrics"]["mae"]), ("correlation", model["metrics"]["pearson"]))
        if score["estimate"] is not None
    ]
    alt = f"Scatter plot of {len(known)} predictions of {name} against the true {target['name']}."
    if known:
        alt += f" True values go from {number(true.min())} to {number(true.max())}, predictions from "
        alt += f"{number(values.min())} to {number(values.max())}. {', '.join(scores)}."
    caption = (
        "Each point is one session; on the diagonal the prediction is right. Points near the dashed line say no more "
        "than the train mean does."
    )
    keys = [key for key in ("session", "subject", "fold", target["group"], "target", name) if key in (known or [{}])[0]]
    data = {key: [row[key] for row in known] for key in keys}
    file = "predicted_against_true" + ("" if primary else f"_{name}")
    return finished(figure, file, caption, alt, data, participants=True, legend_of=axes)


@default_style()
def embedding_map(contents: Contents) -> Drawing:
    """The first two principal components of the embeddings of the reported sessions, coloured by severity."""
    results, embeddings = contents.results, contents.embeddings
    centred = embeddings.features.astype(np.float64)
    centred -= centred.mean(axis=0)
    left, singular, _ = np.linalg.svd(centred, full_matrices=False)
    # The sign of a component is arbitrary: fixed, so that equal embeddings give an equal figure.
    signs = np.array([1.0 if column[np.abs(column).argmax()] >= 0 else -1.0 for column in left.T])
    points = np.zeros((len(embeddings), 2))
    points[:, : len(singular[:2])] = (left * singular * signs)[:, :2]
    share = np.zeros(2)
    share[: len(singular[:2])] = singular[:2] ** 2 / max((singular**2).sum(), np.finfo(float).tiny)

    figure = canvas(4.6)
    axes = figure.subplots()
    known_target = np.isfinite(embeddings.target)
    if (~known_target).any():
        axes.scatter(*points[~known_target].T, s=26, facecolors="none", edgecolors=GREY, label="severity unknown")
        axes.legend(fontsize=9, frameon=False)
    shades = axes.scatter(
        *points[known_target].T, c=embeddings.target[known_target], cmap="cividis", s=34, edgecolors="white"
    )
    shades.set_linewidth(0.5)
    if known_target.any():
        figure.colorbar(shades, ax=axes, label=results["target"]["name"])
    axes.set(xlabel=f"first component ({share[0]:.0%} of the variance)", ylabel=f"second ({share[1]:.0%})")
    tidy(axes)
    _title(figure, results, "Map of the embeddings")
    of_final = " They are those of the final model, which was trained on these sessions." if results["folds"] else ""
    caption = (
        "Each point is one session, coloured by its true severity; sessions that the model finds alike lie near each "
        f"other. A map is no evidence: two of many directions are drawn, and the eye finds order in chance.{of_final}"
    )
    alt = (
        f"Scatter plot of {len(embeddings)} sessions along the first two principal components of their embeddings, "
        f"which hold {share[0]:.0%} and {share[1]:.0%} of the variance, coloured by {results['target']['name']}."
    )
    data = {
        "session": embeddings.session.tolist(),
        "target": [float(value) if np.isfinite(value) else "" for value in embeddings.target],
        "first": points[:, 0].tolist(),
        "second": points[:, 1].tolist(),
    }
    return finished(figure, "embedding_map", caption, alt, data, participants=True)


def _title(figure, results: Mapping[str, Any], title: str) -> None:
    figure.suptitle(headed(results, title), fontsize=11)


def _limits(values: np.ndarray) -> tuple[float, float]:
    all_but_equal = np.ptp(values) <= _FLAT * np.abs(values).max()
    margin = 1.0 if all_but_equal else 0.04 * np.ptp(values)
    return float(values.min() - margin), float(values.max() + margin)


def _nan(value: float | None) -> float:
    return np.nan if value is None else value
