"""Figures of scores as dots with their intervals: beside the baselines, by parts of the sessions, side by side."""

from collections.abc import Mapping, Sequence
from typing import Any

from mccl_jax.report.canvas import MARKS, Drawing, canvas, default_style, finished, headed, people, tidy
from mccl_jax.report.cells import known
from mccl_jax.report.contents import Contents
from mccl_jax.report.sections import EPOCHS
from mccl_jax.report.shareable import LEAST
from mccl_jax.report.tables import cell

_NOTHING = {"estimate": None, "lower": None, "upper": None}


@default_style()
def errors(contents: Contents) -> Drawing:
    """MAE with its interval: each regressor in each protocol, and each baseline."""
    results = contents.results
    primary, kinds = results["primary"]["regressor"], {"official": MARKS[2], "inner": MARKS[1]}
    rows, marks = {}, []
    for protocol, of_protocol in results["protocols"].items():
        for name in sorted(of_protocol["models"], key=lambda name: name != primary):
            rows[f"{name.replace('_', ' ')} ({EPOCHS[protocol]})"] = of_protocol["models"][name]["metrics"]["mae"]
            marks.append(kinds.get(protocol, MARKS[0]))
    rows |= {name.replace("_", " "): scores["metrics"]["mae"] for name, scores in results["baselines"].items()}
    marks += [{"color": "black", "marker": "D"}] * len(results["baselines"])
    return _dots(
        "errors",
        headed(results, "Mean absolute error (MAE)"),
        f"MAE of {results['target']['name']}, lower is better",
        {"all": rows},
        marks,
        "Dots: the regressors at the last epoch, which counts, on other stretches of the sessions, too, where these "
        "are named; triangles: at the epoch that was best on these very "
        "sessions, which flatters; squares, where there are any: as chosen within train; black: what has to be beaten. "
        f"Lines: {results['intervals']['level']:.0%} intervals.",
        people(contents.counts),
    )


@default_style()
def errors_by_part(contents: Contents, name: str, by: str, parts: Sequence[Mapping[str, Any]]) -> Drawing:
    """MAE of the primary regressor and of the train mean within each part of the reported sessions."""
    results, headline = contents.results, contents.results["primary"]["regressor"]
    # Of subgroups the headline is called the model.
    shown = {headline: ("model", headline), "train mean": ("train_mean",)}
    series = {which: {} for which in shown}
    for part in parts:
        row = f"{part['name'].replace('_', ' ')}, n = {known(part['counts']['n_subjects'])}"
        for which, keys in shown.items():
            scored = (
                [] if part.get("suppressed") else [part["predictors"][key] for key in keys if key in part["predictors"]]
            )
            series[which][row] = scored[0]["mae"] if scored else _NOTHING
    return _dots(
        name,
        headed(results, f"Errors by {by}"),
        f"MAE of {results['target']['name']}, lower is better",
        series,
        [MARKS[0], {"color": "black", "marker": "s"}],
        f"The headline regressor beside predicting the train mean, within each {by}; n counts people. Small parts "
        "have wide intervals: that they overlap or not is no test.",
        min([people(part["counts"]) for part in parts if not part.get("suppressed")], default=LEAST),
    )


@default_style()
def errors_side_by_side(titles: Sequence[str], several: Sequence[Contents]) -> Drawing:
    """MAE of the headline of several trainings, each beside predicting its train mean."""
    rows = {
        "headline": {title: one.primary["metrics"]["mae"] for title, one in zip(titles, several, strict=True)},
        "train mean": {
            title: one.results["baselines"]["train_mean"]["metrics"]["mae"]
            for title, one in zip(titles, several, strict=True)
        },
    }
    simulated = " (SIMULATED data)" if any(one.results["simulated"] for one in several) else ""
    return _dots(
        "side_by_side",
        f"Errors side by side{simulated}",
        "MAE, lower is better",
        rows,
        [MARKS[0], {"color": "black", "marker": "s"}],
        "The headline of each training beside predicting the train mean of its own data.",
        min(people(one.counts) for one in several),
    )


def _dots(
    name: str,
    title: str,
    axis: str,
    series: Mapping[str, Mapping[str, Mapping[str, Any]]],
    marks: Sequence[Mapping[str, Any]],
    caption: str,
    fewest: int,
) -> Drawing:
    """Scores with their intervals, a row each; `series`: name -> row -> score, all with the same rows.

    `marks` are those of the series, or, where there is only one, those of its rows. `fewest`: people of a score.
    """
    names = list(dict.fromkeys(row for rows in series.values() for row in rows))
    figure = canvas(1.5 + 0.34 * len(names) * (1 if len(series) == 1 else 1.25))
    axes = figure.subplots()
    for index, (which, rows) in enumerate(series.items()):
        shift = 0.0 if len(series) == 1 else 0.18 * (2 * index - 1)
        for place, (row, score) in enumerate(rows.items()):
            if score["estimate"] is None:
                continue
            mark, at = marks[place if len(series) == 1 else index], names.index(row) + shift
            if score["lower"] is not None:
                axes.plot([score["lower"], score["upper"]], [at, at], color=mark["color"], linewidth=1.6)
            label = which if len(series) > 1 else None
            axes.plot(score["estimate"], at, marker=mark["marker"], color=mark["color"], linestyle="", label=label)
    axes.set_yticks(range(len(names)), [_broken(row) for row in names])
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_xlim(left=min(0.0, axes.get_xlim()[0]))
    axes.set_xlabel(axis)
    tidy(axes, grid="x")
    figure.suptitle(title, fontsize=11)
    if len(series) > 1:  # each series once
        handles = dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
        figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=2, fontsize=9, frameon=False)
    flat = [(which, row, score) for which, rows in series.items() for row, score in rows.items()]
    said = [f"{row}{f', {which}' if len(series) > 1 else ''}: {cell(score)}" for which, row, score in flat]
    data = {
        "row": [row for _, row, _ in flat],
        **({"series": [which for which, _, _ in flat]} if len(series) > 1 else {}),
        **{key: ["" if score[key] is None else score[key] for *_, score in flat] for key in _SHOWN},
    }
    alt = f"Dot plot of {axis}. {'; '.join(said)}."
    return finished(figure, name, caption, alt, data, participants=fewest < LEAST)


_SHOWN = ("estimate", "lower", "upper")


def _broken(row: str) -> str:
    """The name of a row, in two lines where it would take the room of the picture."""
    at = max(row.find(" ("), row.find(", ") + 1)
    return row if len(row) < 18 or at <= 0 else f"{row[:at]}\n{row[at + 1 :]}"
