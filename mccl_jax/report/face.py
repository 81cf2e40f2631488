"""A drawn face of 68 points and lists of bars: what each part of what the model sees is worth to it.

The points are those of the iBUG 68-point scheme, 0-based, at schematic places of our own: nobody's face.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mccl_jax.cues import FACIAL_REGIONS
from mccl_jax.report.canvas import GREY, MARKS, Drawing, canvas, default_style, finished, tidy
from mccl_jax.report.tables import number

# Lines through the points, as (first, last, closed).
_LINES = (
    (0, 16, False),
    (17, 21, False),
    (22, 26, False),
    (27, 30, False),
    (31, 35, False),
    (36, 41, True),
    (42, 47, True),
    (48, 59, True),
    (60, 67, True),
)
# What the muscles do, after the Facial Action Coding System (Ekman, Friesen and Hager 2002).
ACTION_UNITS = {
    "AU01": "inner brow raiser",
    "AU02": "outer brow raiser",
    "AU04": "brow lowerer",
    "AU05": "upper lid raiser",
    "AU06": "cheek raiser",
    "AU07": "lid tightener",
    "AU09": "nose wrinkler",
    "AU10": "upper lip raiser",
    "AU12": "lip corner puller",
    "AU14": "dimpler",
    "AU15": "lip corner depressor",
    "AU17": "chin raiser",
    "AU20": "lip stretcher",
    "AU23": "lip tightener",
    "AU25": "lips part",
    "AU26": "jaw drop",
    "AU45": "blink",
}
# (value, lower, upper) of a part; the ends are None where it has no interval.
Reliance = Mapping[str, tuple[float, float | None, float | None]]


def places() -> np.ndarray:
    """(68, 2) x to the right of the picture, y upwards: a face of about two units."""
    half = np.linspace(np.pi, 2 * np.pi, 17)
    contour = np.stack([np.cos(half), 1.25 * np.sin(half) + 0.25], axis=1)
    along = np.linspace(0, 1, 5)
    brow = np.stack([-0.8 + 0.58 * along, 0.62 + 0.12 * np.sin(np.pi * (0.25 + 0.6 * along))], axis=1)
    bridge = np.stack([np.zeros(4), np.linspace(0.42, -0.08, 4)], axis=1)
    wings = np.stack([np.linspace(-0.2, 0.2, 5), -0.2 - 0.05 * np.sin(np.pi * along)], axis=1)
    eye = np.array([(-0.7, 0.4), (-0.58, 0.48), (-0.42, 0.48), (-0.3, 0.38), (-0.42, 0.33), (-0.58, 0.33)])
    upper = [(-0.42, -0.52), (-0.26, -0.43), (-0.09, -0.39), (0.0, -0.41), (0.09, -0.39), (0.26, -0.43), (0.42, -0.52)]
    lower = [(0.26, -0.65), (0.1, -0.7), (0.0, -0.71), (-0.1, -0.7), (-0.26, -0.65)]
    inner = [(-0.34, -0.52), (-0.11, -0.48), (0, -0.48), (0.11, -0.48), (0.34, -0.52), (0.11, -0.56), (0, -0.57)]
    other_brow, other_eye = brow[::-1] * (-1, 1), eye[[3, 2, 1, 0, 5, 4]] * (-1, 1)
    return np.concatenate(
        [contour, brow, other_brow, bridge, wings, eye, other_eye, upper, lower, inner, [(-0.11, -0.56)]]
    )


@default_style()
def face(name: str, title: str, unit: str, caption: str, reliance: Reliance) -> Drawing:
    """A face whose regions are the darker the more the model relies on them, and their values with intervals below.

    `reliance`: region of `FACIAL_REGIONS` -> (value, lower, upper) in `unit`. Raises ValueError for another region.
    """
    if unknown := [region for region in reliance if region not in FACIAL_REGIONS]:
        raise ValueError(f"{unknown[0]}: no region of the face; there are {', '.join(FACIAL_REGIONS)}")
    figure = canvas(6.0)
    drawn, below = figure.subplots(2, 1, height_ratios=(3.2, 0.5 + 0.25 * len(reliance)))
    points, most = places(), max([0.0, *(value for value, *_ in reliance.values())])
    colours = {
        region: _shade(reliance[region][0], most) if region in reliance else "#DDDDDD" for region in FACIAL_REGIONS
    }
    region_of = {point: region for region, members in FACIAL_REGIONS.items() for point in members}
    for first, last, closed in _LINES:
        which = [*range(first, last + 1), *([first] if closed else [])]
        drawn.plot(*points[which].T, color=colours[region_of[first]], linewidth=2.2, zorder=1)
    for region, members in FACIAL_REGIONS.items():
        sure = region in reliance and not _may_be_nothing(reliance[region])
        drawn.scatter(
            *points[[*members]].T,
            s=30,
            facecolors=colours[region] if sure else "white",
            edgecolors=colours[region],
            linewidths=1.4,
            zorder=2,
        )
    drawn.set_aspect("equal")
    drawn.set_axis_off()
    _bars(below, unit, reliance, most)
    figure.suptitle(title, fontsize=11)
    alt = f"Drawing of a face of 68 points, darker where hiding it costs more ({unit}). {_said(reliance)}"
    said = "Filled points: the interval leaves out 0; hollow ones: it does not, or there is none."
    return finished(figure, name, f"{caption} {said}", alt, _data("region", reliance), participants=False)


@default_style()
def bars(name: str, title: str, unit: str, caption: str, reliance: Reliance) -> Drawing:
    """A list of parts (action units by name, cues, segments) with a bar and an interval each, in the given order."""
    figure = canvas(1.3 + 0.3 * len(reliance))
    axes = figure.subplots()
    most = max([0.0, *(value for value, *_ in reliance.values())])
    _bars(axes, unit, {_named(part): values for part, values in reliance.items()}, most)
    figure.suptitle(title, fontsize=11)
    named = {_named(part).replace("\n", " "): values for part, values in reliance.items()}
    alt = f"Bar chart of {unit}. {_said(named)}"
    return finished(figure, name, caption, alt, _data("part", reliance), participants=False)


@default_style()
def attention(
    name: str,
    title: str,
    caption: str,
    tokens: Sequence[str],
    blocks: Mapping[str, Sequence[Sequence[Sequence[float]]]],
) -> Drawing:
    """Who looks at whom: a square of shares for each head (columns) of each block (rows), each row of it adding to 1.

    `blocks`: name -> (heads, N, N) over the N `tokens`; a row of NaN is left empty. Raises ValueError for other shapes.
    """
    arrays = {block: np.asarray(values, float) for block, values in blocks.items()}
    heads = next(iter(arrays.values())).shape[0]
    side, wrong = len(tokens), [block for block, a in arrays.items() if a.shape != (heads, len(tokens), len(tokens))]
    if wrong:
        raise ValueError(f"{wrong[0]}: attention has shape {arrays[wrong[0]].shape}, expected {(heads, side, side)}")
    columns = min(heads, 2)
    panels = [(block, head) for block in arrays for head in range(heads)]
    lines = -(-len(panels) // columns)
    figure = canvas(1.2 + lines * 2.3)
    grid = figure.subplots(lines, columns, squeeze=False)
    for axes in grid.flat[len(panels) :]:
        axes.set_axis_off()
    for axes, (block, head) in zip(grid.flat, panels, strict=False):
        axes.imshow(arrays[block][head], cmap="Blues", vmin=0, vmax=1)
        for row, column in np.ndindex(side, side):
            value = arrays[block][head, row, column]
            axes.text(
                column, row, _share(value), ha="center", va="center", fontsize=8, color="white" if value > 0.6 else "k"
            )
        axes.set_xticks(range(side), tokens, rotation=40, ha="right", fontsize=8)
        axes.set_yticks(range(side), tokens, fontsize=8)
        axes.set_title(f"{block}{', ' if block else ''}head {head + 1}", fontsize=9)
        axes.tick_params(length=0)
    figure.suptitle(title, fontsize=11)
    flat = [
        (block, head + 1, tokens[row], tokens[column], float(arrays[block][head, row, column]))
        for block, head in panels
        for row, column in np.ndindex(side, side)
    ]
    flat = [entry for entry in flat if np.isfinite(entry[-1])]  # a token that nobody has looks nowhere
    strongest = max(flat, key=lambda entry: entry[-1])
    alt = (
        f"{len(panels)} squares of attention between {', '.join(tokens)}. The largest share is {strongest[-1]:.2f}: "
        f"{strongest[2]} looking at {strongest[3]}{f' in {strongest[0]}' if strongest[0] else ''}, head {strongest[1]}."
    )
    keys = ("block", "head", "from", "to", "share")
    data = dict(zip(keys, map(list, zip(*flat, strict=True)), strict=True))
    return finished(figure, name, caption, alt, data, participants=False)


def _bars(axes, unit: str, reliance: Reliance, most: float) -> None:
    for place, values in enumerate(reliance.values()):
        value, lower, upper = values
        sure = not _may_be_nothing(values)
        colour = _shade(value, most)
        axes.barh(place, value, height=0.6, facecolor=colour if sure else "white", edgecolor=colour, linewidth=1.2)
        if lower is not None:
            axes.plot([lower, upper], [place, place], color="black", linewidth=1.1)
    axes.axvline(0, color="black", linewidth=0.8)
    axes.set_yticks(range(len(reliance)), [*reliance], fontsize=9)
    axes.set_ylim(len(reliance) - 0.4, -0.6)
    axes.set_xlabel(unit, fontsize=9)
    axes.xaxis.get_major_locator().set_params(nbins=5)  # more would run into each other where effects are small
    tidy(axes, grid="x")


def _share(value: float) -> str:
    return f"{value:.2f}" if np.isfinite(value) else ""


def _named(part: str) -> str:
    return f"{part} {ACTION_UNITS[part]}" if part in ACTION_UNITS else part


def _may_be_nothing(values: tuple[float, float | None, float | None]) -> bool:
    _, lower, upper = values
    return lower is None or lower <= 0 <= upper


def _shade(value: float, most: float) -> tuple[float, float, float]:
    """Grey where there is nothing or less, to the full colour for the most."""
    import matplotlib.colors

    share = max(0.0, value) / most if most > 0 else 0.0
    grey, full = (np.array(matplotlib.colors.to_rgb(colour)) for colour in (GREY, MARKS[0]["color"]))
    light = grey + 0.35 * (1 - grey)
    return tuple(float(part) for part in light + share * (full - light))


def _said(reliance: Reliance) -> str:
    return (
        "; ".join(
            f"{part}: {number(value)}" + ("" if lower is None else f" [{number(lower)}, {number(upper)}]")
            for part, (value, lower, upper) in reliance.items()
        )
        + "."
    )


def _data(key: str, reliance: Reliance) -> dict[str, list[Any]]:
    columns = zip(*((part, *values) for part, values in reliance.items()), strict=True)
    names = (key, "estimate", "lower", "upper")
    return {name: ["" if v is None else v for v in values] for name, values in zip(names, columns, strict=True)}
