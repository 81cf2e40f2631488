"""The page as a browser shows it, on a desk, a phone and paper: whole, legible, and without a word to anybody else."""

import dataclasses
import pathlib
import shutil

import pytest
from playwright import sync_api

from mccl_jax.report.comparison import write_comparison
from mccl_jax.report.page import write_report
from mccl_jax.report.shareable import shareable
from tests.report.conftest import made_up_insight

CHROMIUM = shutil.which("chromium")
WIDTHS = (1280, 390)
PAPER = 680  # pixels between the margins of A4

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed (apt-get install chromium)")


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def opened(browser):
    """A function that opens a file; what it asks for and complains about is looked at in the end."""
    contexts, asked, complaints = [], [], []

    def open_file(path: pathlib.Path, width: int) -> sync_api.Page:
        context = browser.new_context(viewport={"width": width, "height": 800})
        contexts.append(context)
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url) if request.url != path.as_uri() else None)
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(path.as_uri())
        return page

    yield open_file
    for context in contexts:
        context.close()
    assert asked == []
    assert complaints == []


def looked_at(page: sync_api.Page, width: int, figures: int) -> None:
    """Headings, figures and tables can be seen, and nothing but a table that scrolls by itself is wider than it is."""
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.get_by_role("heading", level=1).count() == 1
    for heading in page.get_by_role("heading").all():
        assert heading.is_visible()
    images = page.get_by_role("img")
    assert images.count() == figures
    for image in images.all():
        assert len(image.get_attribute("alt")) > 60
        assert image.evaluate("image => image.complete && image.naturalWidth > 0")
        box = image.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        assert box["width"] > 0.8 * min(width, 350)
    for table in page.get_by_role("table").all():
        box = table.locator("..").bounding_box()
        assert box["x"] + box["width"] <= width
    # No text smaller than what can be read.
    for kind in ("p", "li", "td", "th", "figcaption", "pre", "dd", ".interval"):
        sizes = page.locator(kind).evaluate_all("all => all.map(one => parseFloat(getComputedStyle(one).fontSize))")
        assert all(size >= 12 for size in sizes), kind


@pytest.mark.parametrize("width", WIDTHS)
def test_the_page_is_whole_on_a_desk_and_on_a_phone(contents_of, tmp_path, opened, width):
    contents = contents_of(folds=3, group="arm", groups=("patients", "controls"))
    contents = dataclasses.replace(contents, insight=made_up_insight())
    page = opened(write_report(contents, tmp_path / "report"), width)
    looked_at(page, width, figures=16)
    page.get_by_role("link", name="Limits of use").click()
    assert page.get_by_role("heading", name="Limits of use").bounding_box()["y"] < 800


def test_the_page_is_whole_on_paper(contents_of, tmp_path, opened):
    page = opened(write_report(contents_of(), tmp_path / "report"), PAPER)
    page.emulate_media(media="print")
    assert page.evaluate("document.documentElement.scrollWidth") <= PAPER
    for table in page.get_by_role("table").all():
        assert table.bounding_box()["width"] <= PAPER
    assert not page.get_by_role("navigation").is_visible()
    assert page.pdf(format="A4").startswith(b"%PDF")


@pytest.mark.parametrize("width", WIDTHS)
def test_what_is_given_away_and_what_is_compared_is_whole(contents_of, tmp_path, opened, width):
    contents = contents_of()
    looked_at(opened(write_report(shareable(contents), tmp_path / "given"), width), width, figures=2)
    two = [contents, dataclasses.replace(contents, name="another", config={**contents.config, "seed": 1})]
    looked_at(opened(write_comparison(two, tmp_path / "comparison"), width), width, figures=1)
