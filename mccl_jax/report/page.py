"""The report of a training: one HTML page that needs nothing else, its figures, and what each file holds.

A pure function of the workdir's files: no time and no machine, so that equal workdirs give equal bytes. The page has no
script and loads nothing, it opens from a file, on a phone, and on paper.
"""

import base64
import importlib.resources
import pathlib
from collections.abc import Sequence

from mccl_jax.files import replacing
from mccl_jax.report import dots, figures, insight, parts, sections
from mccl_jax.report.canvas import Drawing, holds
from mccl_jax.report.contents import ABLATION, INSIGHT, Contents
from mccl_jax.report.literature import beside_the_literature
from mccl_jax.report.markup import Markup, joined, tag
from mccl_jax.report.variants import ablation

PAGE, FIGURES, ABOUT = "index.html", "figures", "README.txt"


def write_report(contents: Contents, folder: pathlib.Path) -> pathlib.Path:
    """Writes index.html, figures/ and README.txt into `folder`. Raises UserError where they cannot be written."""
    sections_of, drawings = _sections(contents)
    results = contents.results
    title = f"Prediction of {results['target']['name']} from facial behaviour: {contents.experiment.name}"
    return write(folder, title, results, sections_of, drawings, contents.shareable)


def write(
    folder: pathlib.Path,
    title: str,
    notices: dict,
    sections_of: dict[str, Markup],
    drawings: Sequence[Drawing],
    shareable: bool,
) -> pathlib.Path:
    """Writes a page of these sections, name -> content. `notices` has those of results.json."""
    page = _page(title, notices, sections_of, shareable)
    held = {PAGE: not shareable}
    for drawing in drawings:
        drawing.write(folder / FIGURES)
        held |= {f"{FIGURES}/{drawing.name}.{ending}": drawing.participants for ending in ("png", "csv")}
    for left in (folder / FIGURES).glob("*"):  # of a report before, which had other figures
        if f"{FIGURES}/{left.name}" not in held and left.suffix in (".png", ".csv"):
            left.unlink()
    about = [title, *filter(None, [notices["simulated_notice"]]), notices["notice"], ""]
    about += [f"{name}: {holds(participants)}" for name, participants in held.items()]
    for name, text in ((ABOUT, "\n".join(about) + "\n"), (PAGE, page)):
        with replacing(folder / name) as temporary:
            temporary.write_text(text, encoding="utf-8")
    return folder / PAGE


def _sections(contents: Contents) -> tuple[dict[str, Markup], list[Drawing]]:
    """The sections by their headings, in order, and all figures in them."""
    drawings: list[Drawing] = []

    def shown(*of_section: Drawing) -> Markup:
        drawings.extend(of_section)
        return tag("div", *map(shown_figure, of_section), class_="figures")

    predicted = _left_out("single sessions")
    if contents.predictions:
        predicted = shown(*(figures.predicted_against_true(contents, name) for name in contents.regressors))
    by_part = []
    for name, (by, of_one) in parts.subgroups(contents.results).items():
        told = any(not part.get("suppressed") for part in of_one)
        few = tag("p", f"Left out: each {by} has too few people, or would tell of one that has.")
        figure = shown(dots.errors_by_part(contents, name, by, of_one)) if told else few
        headline = contents.results["primary"]["regressor"]
        by_part += [tag("h3", f"By {by}"), figure, parts.parts_table(by, of_one, headline) if told else None]
    if contents.shareable:
        embeddings = _left_out("single sessions")
    elif contents.embeddings is None:
        embeddings = tag("p", "The embeddings of the reported epoch are not in this workdir.")
    else:
        embeddings = shown(figures.embedding_map(contents))
    looks = tag(
        "p",
        f"Not computed for this training, whose workdir has no {INSIGHT}: python run.py --mode=ablate "
        "--checkpoint=WORKDIR makes it, and this page shows it when it is written again (--mode=report).",
    )
    if contents.insight:
        more = tag("p", "insight.txt in the workdir has all numbers, and what the embeddings hold besides severity.")
        looks = joined([shown(*insight.drawings(contents.insight, contents.results["simulated"])), more])
    compared = tag(
        "p",
        f"This training belongs to no ablation ({ABLATION} is neither in its workdir nor two folders above): "
        "python run.py --mode=ablate --grid=cues trains one.",
    )
    found = {
        "In short": sections.in_short(contents),
        "What was run, on which data": sections.what_was_run(contents),
        "Preparation of the data": sections.preparation(contents),
        "Learning curves": shown(figures.curves(contents)),
        "Results beside the baselines": joined([shown(dots.errors(contents)), sections.scores(contents)]),
        "Predicted against true": predicted,
        "Errors in subgroups": joined(by_part) if by_part else tag("p", "No label tells the reported sessions apart."),
        "Map of the embeddings": embeddings,
        "What the model attends to and relies on": looks,
        "Ablations": ablation(contents.ablation) if contents.ablation else compared,
        "Beside the literature": beside_the_literature(contents),
        "Limits of use": sections.limits(contents),
        "Configuration and versions": sections.configuration(contents),
    }
    return found, drawings


def _left_out(what: str) -> Markup:
    return tag("p", f"Left out of this shareable report: it shows {what}.")


def shown_figure(drawing: Drawing) -> Markup:
    """A figure that stands in the page itself."""
    width, height = drawing.size
    source = f"data:image/png;base64,{base64.b64encode(drawing.png).decode('ascii')}"
    image = tag("img", src=source, alt=drawing.alt, width=width, height=height)
    files = f" Data: {FIGURES}/{drawing.name}.csv; {holds(drawing.participants)}."
    return tag("figure", image, tag("figcaption", drawing.caption, files), id=f"figure-{drawing.name}")


def _page(title: str, notices: dict, sections_of: dict[str, Markup], shareable: bool) -> str:
    style = importlib.resources.files("mccl_jax.report").joinpath("page.css").read_text(encoding="utf-8")
    names = {heading: "".join(c if c.isalnum() else "-" for c in heading.lower()) for heading in sections_of}
    privacy = holds(not shareable)
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="description", content=f"{title}; {privacy}"),
        tag(
            "meta",
            http_equiv="Content-Security-Policy",
            content="default-src 'none'; img-src data:; style-src 'unsafe-inline'",
        ),
        tag("link", rel="icon", href="data:,"),
        tag("title", title),
        tag("style", Markup(style)),
    )
    said = (
        "nothing of single participants, nor of fewer than ten people, is in it"
        if shareable
        else ("do not give it away; --mode=report --shareable makes one without them")
    )
    top = tag(
        "header",
        tag("h1", title),
        tag("p", notices["simulated_notice"], class_="notice") if notices["simulated_notice"] else None,
        tag("p", notices["notice"], class_="notice"),
        tag("p", f"This page: {privacy}; {said}.", class_="soft"),
        tag(
            "nav",
            tag("ul", *(tag("li", tag("a", heading, href=f"#{name}")) for heading, name in names.items())),
            aria_label="Sections",
        ),
    )
    main = tag(
        "main",
        *(
            tag("section", tag("h2", heading, id=names[heading]), content, aria_labelledby=names[heading])
            for heading, content in sections_of.items()
        ),
    )
    return f"<!DOCTYPE html>\n{tag('html', head, tag('body', top, main), lang='en')}\n"
