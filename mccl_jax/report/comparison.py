"""Several trainings on one page: their headlines side by side, and in what their configurations differ."""

import pathlib
from collections.abc import Sequence

from mccl_jax.evaluation.sweeps import CHOOSING
from mccl_jax.experiment import NAMES
from mccl_jax.report import cells, dots, page, sections
from mccl_jax.report.contents import Contents
from mccl_jax.report.literature import beside_the_literature
from mccl_jax.report.markup import Markup, breakable, bullets, joined, paragraphs, table, tag
from mccl_jax.report.shareable import LEFT_OUT


def write_comparison(several: Sequence[Contents], folder: pathlib.Path) -> pathlib.Path:
    """Writes the page, its figures and README.txt into `folder`. Raises UserError where they cannot be written."""
    titles = _titles(several)
    drawing = dots.errors_side_by_side(titles, several)
    simulated = [one.results["simulated_notice"] for one in several if one.results["simulated"]]
    notices = {**several[0].results, "simulated_notice": simulated[0] if simulated else None}
    if 0 < len(simulated) < len(several):
        notices["simulated_notice"] += " Not all trainings of this page are simulated: the tables say which."
    verdicts = [
        joined([tag("strong", title), f": {one.results['verdict']}"]) for title, one in _zipped(titles, several)
    ]
    found = {
        "In short": bullets(verdicts),
        "Side by side": joined(
            [tag("div", page.shown_figure(drawing), class_="figures"), _scores(titles, several), *_cautions(several)]
        ),
        "Every metric": joined(
            part
            for title, one in _zipped(titles, several)
            for part in (tag("h3", title), sections.primary_table(title, one))
        ),
        "In what they differ": _differences(titles, several),
        "Beside the literature": beside_the_literature(several[0]),
        "Limits of use": sections.limits(several[0]),
    }
    if len({(one.corpus, one.results["simulated"]) for one in several}) > 1:
        del found["Beside the literature"]  # whose rows would be of the first alone
    shareable = all(one.shareable for one in several)
    return page.write(folder, f"{len(several)} trainings side by side", notices, found, [drawing], shareable)


def _titles(several: Sequence[Contents]) -> list[str]:
    """The names of the workdirs, told apart by a number where they are alike."""
    names = [one.name for one in several]
    return [f"{name} ({index + 1})" if names.count(name) > 1 else name for index, name in enumerate(names)]


def _scores(titles: Sequence[str], several: Sequence[Contents]) -> Markup:
    baselines = list(dict.fromkeys(name for one in several for name in one.results["baselines"]))
    columns = {
        "training": titles,
        "data": [NAMES[one.corpus] + (", SIMULATED" if one.results["simulated"] else "") for one in several],
        "reported": [f"{one.results['reported_split']}: {cells.people(one.counts)}" for one in several],
        "headline": [one.results["primary"]["regressor"] for one in several],
        "MAE": [cells.score(one.primary["metrics"]["mae"]) for one in several],
        "MAE minus the better constant's": [cells.score(one.primary["difference_to_baseline"]) for one in several],
        **{
            f"MAE of {cells.readable(name)}": [
                cells.score(one.results["baselines"][name]["metrics"]["mae"])
                if name in one.results["baselines"]
                else "-"
                for one in several
            ]
            for name in baselines
        },
    }
    return table("Headlines side by side, with their intervals", columns)


def _cautions(several: Sequence[Contents]) -> list[Markup]:
    said = [CHOOSING]
    if len({repr((one.corpus, one.results["reported_split"], one.counts)) for one in several}) > 1:
        said.append(
            "These trainings do not report the same sessions: their errors are not of the same people, and are not to "
            "be compared."
        )
    else:
        said.append(
            "The intervals of two trainings that report the same sessions share the chance in who was reported: that "
            "they overlap does not say that the two are alike."
        )
    return [paragraphs(said)]


def _differences(titles: Sequence[str], several: Sequence[Contents]) -> Markup:
    keys = list(dict.fromkeys(key for one in several for key in one.config))
    differ = [key for key in keys if len({repr(one.config.get(key)) for one in several}) > 1]
    if not differ:
        return tag("p", "Their configurations are the same.")
    columns: dict[str, list[object]] = {"option": [tag("code", breakable(key)) for key in differ]}
    for title, one in zip(titles, several, strict=True):
        values = [one.config.get(key, "-") for key in differ]
        columns[title] = [tag("code", value if value in (LEFT_OUT, "-") else repr(value)) for value in values]
    return table("Options that differ", columns)


def _zipped(titles: Sequence[str], several: Sequence[Contents]):
    return zip(titles, several, strict=True)
