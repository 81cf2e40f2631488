"""The page: whole in itself, with all its sections, and text that stays text."""

import dataclasses
import html.parser
import json

import pytest

from mccl_jax.data.splits import FOLD
from mccl_jax.experiment import DataOptions, on_severity
from mccl_jax.report.page import write_report
from mccl_jax.report.sections import in_short
from tests.report.conftest import made_up_ablation, made_up_insight

HEADINGS = [
    "In short",
    "What was run, on which data",
    "Preparation of the data",
    "Learning curves",
    "Results beside the baselines",
    "Predicted against true",
    "Errors in subgroups",
    "Map of the embeddings",
    "What the model attends to and relies on",
    "Ablations",
    "Beside the literature",
    "Limits of use",
    "Configuration and versions",
]
LOADS = ("src", "srcset", "action", "background", "poster", "data", "code", "cite")


class Page(html.parser.HTMLParser):
    """What a page has, and its text."""

    def __init__(self, text: str):
        super().__init__()
        self.elements, self.words, self.headings, self._heading = [], [], {}, ""
        self.feed(text)
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        self._heading = tag if tag in ("h1", "h2", "h3") else ""

    def handle_data(self, data):
        self.words.append(data)
        if self._heading:
            self.headings.setdefault(self._heading, []).append(data)
            self._heading = ""

    def all(self, name: str) -> list[dict]:
        return [attributes for tag, attributes in self.elements if tag == name]


@pytest.fixture
def page_of(contents_of, tmp_path):
    """A function that writes the report of a made-up training and reads its page."""

    def make(**options) -> Page:
        return Page(write_report(contents_of(**options), tmp_path / "report").read_text())

    return make


def test_all_sections_are_there_and_the_verdict_comes_first(page_of, contents_of):
    page = page_of()
    assert page.headings["h2"] == HEADINGS
    assert len(page.headings["h1"]) == 1
    linked = [attributes["href"] for attributes in page.all("a")]
    assert linked == [f"#{attributes['id']}" for attributes in page.all("h2")]
    results = contents_of().results
    verdict = page.text.index(results["verdict"])
    assert verdict < page.text.index("train median")
    assert page.text.index("SIMULATED") < verdict
    assert "not a diagnostic device" in page.text
    for words in ("20 sessions of 10 subjects", "95%", "OPTIMISTIC", "holds participant data: yes", "seed 0"):
        assert words in page.text, words
    for note in results["notes"]:
        assert note in page.text
    assert "skipped: session3" in page.text


def test_what_was_run_is_as_it_was_done(contents_of, tmp_path):
    contents = contents_of()

    def said(contents):
        return Page(write_report(contents, tmp_path / "report").read_text()).text

    n = contents.counts["n_positive"]
    own = (
        "by the contrastive loss, 300 epochs",
        "which knows nothing of severity",
        "of the last epoch, said before training",
        f"at 10 or more; {n} of the reported sessions",
    )
    page = said(contents)
    for words in own:
        assert words in page, words
    contents.results["changed_after_training"] = ["primary"]
    contents.results["target"]["positive"] = "MDD"
    page = said(dataclasses.replace(contents, experiment=on_severity(contents.experiment)))
    for words in own:
        assert words not in page, words
    for words in (
        "by the squared error of severity, 300 epochs",
        "the squared error of severity on the sessions of train; below",
        "of the last epoch, CHOSEN AFTER training",
        f"who has MDD 1; {n} of the reported sessions; called so at a prediction of 10 or more",
    ):
        assert words in page, words
    contents.results["target"]["threshold"] = None
    assert f"who has MDD 1; {n} of the reported sessions " in said(contents)


def test_nothing_is_loaded_and_nothing_runs(page_of):
    page = page_of()
    assert not page.all("script")
    for _, attributes in page.elements:
        for name, value in attributes.items():
            assert not name.startswith("on")
            if name in LOADS:
                assert value.startswith("data:")
            if name == "href":
                assert value.startswith(("#", "data:,"))
    (style,) = page.all("style")
    assert not style


def test_every_figure_has_an_alternative_a_file_and_its_data(page_of, tmp_path):
    page = page_of(folds=3)
    images = page.all("img")
    assert len(images) == len(page.all("figure")) == len(page.all("figcaption")) == 7
    assert all(len(image["alt"]) > 60 for image in images)
    assert len({image["alt"] for image in images}) == len(images)
    names = {attributes["id"].removeprefix("figure-") for attributes in page.all("figure")}
    files = {path.name for path in (tmp_path / "report/figures").iterdir()}
    assert files == {f"{name}.{ending}" for name in names for ending in ("png", "csv")}


def test_the_folder_says_of_every_file_whether_it_holds_participants(page_of, tmp_path):
    page_of()
    folder = tmp_path / "report"
    lines = (folder / "README.txt").read_text().splitlines()
    held = dict(line.split(": holds participant data: ") for line in lines if ": holds " in line)
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} - {"README.txt"}
    assert held.keys() == files
    assert held["figures/curves.csv"] == held["figures/errors.png"] == "no"
    assert held["index.html"] == held["figures/predicted_against_true.csv"] == "yes"
    assert held["figures/embedding_map.png"] == "yes"


def test_equal_workdirs_give_equal_bytes_and_old_figures_go(contents_of, tmp_path):
    contents = contents_of()
    pages = [write_report(contents, tmp_path / name).read_bytes() for name in "ab"]
    assert pages[0] == pages[1]
    (tmp_path / "a/figures/reliance_aus.png").touch()
    write_report(contents, tmp_path / "a")
    one, other = (sorted(path.name for path in (tmp_path / name / "figures").iterdir()) for name in "ab")
    assert one == other


def test_text_of_files_stays_text(page_of):
    hostile = "<script>alert(1)</script>"
    page = page_of(target=hostile, notes=(hostile,), data=DataOptions(manual_dir=f"/x/{hostile}"))
    assert not page.all("script")
    assert hostile in page.text


def test_what_is_not_there_is_said_and_what_comes_is_shown(workdir_of, page_of, tmp_path):
    page = page_of()
    assert "whose workdir has no insight.json" in page.text
    assert "belongs to no ablation" in page.text
    (tmp_path / "insight.json").write_text(json.dumps(made_up_insight()))
    page = page_of()
    assert "has no insight.json" not in page.text
    (tmp_path / "ablation.json").write_text(json.dumps(made_up_ablation()))
    page = page_of()
    for words in ("0.25 [0.15, 0.35] < 0.001 0.012 0.75", "without gaze: three cues.", "without pose: the loss is nan"):
        assert words in page.text, words
    assert "over seeds" not in page.text
    figures = [attributes["id"] for attributes in page.all("figure")]
    assert {"figure-reliance_regions", "figure-reliance_aus", "figure-attention_cues"} < set(figures)


def test_folds_and_groups_are_shown_part_by_part(page_of):
    page = page_of(folds=3, group="arm", groups=("patients", "controls"))
    assert "By arm" in page.headings["h3"]
    assert "By fold" in page.headings["h3"]
    assert "patients, train mean" in page.text
    assert "MAE minus group mean's" in page.text
    assert f"{FOLD.replace('_', ' ')}1, xgboost" in page.text
    assert "in 3 folds, each on 40 sessions of 20 subjects" in page.text


@pytest.mark.parametrize(
    "options",
    [{"known": False}, {"sessions": 6}, {"scale": 1000.0}, {"threshold": None, "simulated": False, "low": None}],
    ids=str,
)
def test_poor_data_are_reported_all_the_same(page_of, options):
    page = page_of(**options)
    assert page.headings["h2"] == HEADINGS
    assert "nan" not in page.text.lower().split()
    assert ("SIMULATED" in page.text) == options.get("simulated", True)


def test_what_the_headline_does_not_beat_is_said_first(contents_of, tmp_path):
    contents = contents_of()
    difference = {**contents.results["comparisons"][0]["difference"], "lower": -0.5, "upper": 0.25, "p": 0.0421}
    unbeaten = {**contents.results["comparisons"][0], "difference": difference, "verdict": "not shown to be better."}
    contents.results["comparisons"][0] = unbeaten
    page = Page(write_report(contents, tmp_path / "report").read_text())
    assert contents.results["verdict"] in page.text[: page.text.index("not shown to be better.")]
    assert page.text.index("not shown to be better.") < page.text.index("Measured on 20 sessions")
    assert "[-0.50, 0.25] p = 0.042" in page.text


def test_what_is_not_beaten_once_corrected_is_not_beaten(contents_of):
    contents = contents_of()
    difference = {**contents.results["comparisons"][0]["difference"], "lower": -1.5, "upper": -0.25}
    for p, said in ((0.04, False), (0.2, True)):
        one = {"baseline": "train_mean", "difference": {**difference, "p_adjusted": p}, "verdict": "These are words."}
        contents.results["comparisons"] = [one]
        assert ("These are words." in in_short(contents)) == said


def test_subgroups_stand_with_bias_and_coverage_and_the_suppressed_ones_with_a_reason(contents_of, tmp_path):
    contents = contents_of(folds=3)
    parts = contents.results["subgroups"]
    assert {part["by"] for part in parts} == {"severity"}
    assert {bool(part["suppressed"]) for part in parts} == {False, True}
    page = Page(write_report(contents, tmp_path / "report").read_text())
    assert "By severity" in page.headings["h3"]
    for part in parts:
        assert part["name"] in page.text
        if not part["suppressed"]:
            assert f"{part['name']}, xgboost" in page.text
            assert f"{part['bias']['estimate']:.2f} [" in page.text
    assert "fewer than 5 people" in page.text
    assert "in the 80% interval" in page.text


def test_a_choice_within_train_stands_beside_the_others(page_of):
    page = page_of(inner=2)
    assert page.headings["h3"][:3] == ["Protocol last", "Protocol official", "Protocol inner"]
    assert "inner choice, epoch" in page.text
    assert any("xgboost (chosen within train): " in image["alt"] for image in page.all("img"))


def test_what_chance_gives_and_what_could_be_found_is_shown(contents_of, tmp_path):
    contents = contents_of()
    contents.primary["metrics"]["ccc"]["null"] = {"lower": -0.31, "upper": 0.29, "p": 0.0001}
    contents.primary["difference_to_baseline"]["detectable"] = 1.37
    page = Page(write_report(contents, tmp_path / "report").read_text())
    assert "by chance -0.31 to 0.29 p < 0.001" in page.text
    assert "found among so few is 1.37" in page.text
