"""What all figures share: their size, their look, and what goes with them.

Drawn with matplotlib's Agg canvas alone, in its default style whatever the user's settings, and without a date: equal
results give equal bytes. Narrow, so that their words can be read on a phone. Colours are those of Okabe and Ito, told
apart by the colour-blind; line styles and markers tell them apart without colour.
"""

import contextlib
import csv
import dataclasses
import io
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mccl_jax.evaluation.intervals import counted
from mccl_jax.files import replacing
from mccl_jax.report.shareable import LEAST

MARKS = (
    {"color": "#0072B2", "linestyle": "-", "marker": "o"},
    {"color": "#D55E00", "linestyle": "--", "marker": "s"},
    {"color": "#009E73", "linestyle": ":", "marker": "^"},
)
BASELINES = {"train_mean": ("#000000", (0, (5, 2))), "train_median": ("#777777", (0, (1, 1.5)))}
GREY = "#999999"
WIDTH = 4.8  # inches
_DPI = 160
# Width of an entry of the legend.
_LEGEND_INCHES = 2.2


@dataclasses.dataclass(frozen=True)
class Drawing:
    """A figure, ready to be written and shown.

    name          of its files, without an ending.
    title         in a few words; `caption` says what to see, `alt` says in words what is drawn.
    png           its bytes; `size` is (width, height) in pixels.
    data          what is drawn, column -> values.
    participants  whether it holds data of single participants.
    """

    name: str
    title: str
    caption: str
    alt: str
    png: bytes
    size: tuple[int, int]
    data: Mapping[str, Sequence[Any]]
    participants: bool

    def write(self, folder: pathlib.Path) -> None:
        """Writes NAME.png and NAME.csv. Raises UserError where they cannot be written."""
        with replacing(folder / f"{self.name}.png") as temporary:
            temporary.write_bytes(self.png)
        text = io.StringIO()
        text.write(f"# {self.title}; {holds(self.participants)}\n")
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(self.data)
        writer.writerows(zip(*self.data.values(), strict=True))
        with replacing(folder / f"{self.name}.csv") as temporary:
            temporary.write_text(text.getvalue(), encoding="utf-8")


def holds(participants: bool) -> str:
    """What every artefact says of itself."""
    return f"holds participant data: {'yes' if participants else 'no'}"


@contextlib.contextmanager
def default_style() -> Iterator[None]:
    """Within it, figures look the same whatever the user's settings."""
    import matplotlib.style  # slow to import, and needed only where something is drawn

    with matplotlib.style.context("default"):
        yield


def canvas(height: float, width: float = WIDTH):
    """An empty figure of so many inches."""
    import matplotlib.figure
    import matplotlib.layout_engine

    layout = matplotlib.layout_engine.ConstrainedLayoutEngine(h_pad=0.08, w_pad=0.08)
    return matplotlib.figure.Figure(figsize=(width, height), dpi=_DPI, layout=layout)


def tidy(axes, grid: str | None = None) -> None:
    """Takes away what carries nothing; `grid`: the axis to read values from."""
    axes.spines[["top", "right"]].set_visible(False)
    if grid:
        axes.grid(color="#E5E5E5", axis=grid)
        axes.set_axisbelow(True)


def finished(
    figure, name: str, caption: str, alt: str, data: Mapping[str, Sequence[Any]], participants: bool, legend_of=None
) -> Drawing:
    """The drawing of a figure, whose title stands above all its axes, and the legend of `legend_of` below them."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    if legend_of is not None:
        handles, labels = legend_of.get_legend_handles_labels()
        columns = max(1, int(figure.get_figwidth() // _LEGEND_INCHES))
        figure.legend(handles, labels, loc="outside lower center", ncols=columns, fontsize=9, frameon=False)
    title = figure.get_suptitle()
    file = io.BytesIO()
    said = {"Software": None, "Description": f"{' '.join(title.split())}; {holds(participants)}"}
    FigureCanvasAgg(figure).print_png(file, metadata=said)
    size = tuple(round(float(side)) for side in figure.bbox.size)
    return Drawing(name, title.splitlines()[0], caption, alt, file.getvalue(), size, dict(data), participants)


def headed(results: Mapping[str, Any], title: str) -> str:
    """A title with the simulated mark and n."""
    split = results["reported_split"]
    counts = results["counts"][split]
    few = None in (counts["n_sessions"], counts["n_subjects"])
    n = f"{split}: " + ("under 10 subjects" if few else counted(counts["n_sessions"], counts["n_subjects"]))
    began = "" if results["encoders"] in (None, "begun at random") else f"\nencoders {results['encoders']}"
    return f"{title}{' (SIMULATED data)' if results['simulated'] else ''}\n{n}{began}"


def people(counts: Mapping[str, int | None]) -> int:
    """How many a number is of; of those that are not told, nothing is told either."""
    return LEAST if counts["n_subjects"] is None else counts["n_subjects"]
