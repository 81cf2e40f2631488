"""Every flag, key, file and link that the documents name is there."""

import dataclasses
import pathlib
import re

import pytest

from configs import daic_woz_to_e_daic, simulated
from mccl_jax.experiment import Experiment

ROOT = pathlib.Path(__file__).resolve().parents[1]
DOCUMENTS = [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md")), *sorted(ROOT.glob("benchmarks/*.md"))]
SECTIONS = ("data", "windows", "model", "init", "train", "evaluation", "simulation", "transfer")


def keys() -> set[str]:
    """Every key that a config may have, "train" and "train.epochs"."""
    found = set()
    for module in (simulated, daic_woz_to_e_daic):
        values = dataclasses.asdict(Experiment.from_dict(module.get_config().to_dict()))
        stack = [("", values)]
        while stack:
            prefix, at = stack.pop()
            for key, value in (at or {}).items():
                found.add(prefix + key)
                if isinstance(value, dict):
                    stack.append((f"{prefix}{key}.", value))
    return found


def flags(file: pathlib.Path) -> set[str]:
    """The flags that a program defines."""
    return set(re.findall(r"DEFINE_\w+\(\s*\"(\w+)\"", file.read_text()))


@pytest.fixture(params=DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def document(request) -> pathlib.Path:
    return request.param


def test_keys_are_keys_of_a_config(document):
    text = document.read_text()
    known = keys()
    named = set(re.findall(r"--config\.([\w.]*\w)", text))
    named |= set(re.findall(rf"`((?:{'|'.join(SECTIONS)})\.\w[\w.]*)[`=]", text))
    wrong = {name for name in named if name not in known and not name.endswith((".py", ".md"))}
    assert not wrong


def test_flags_of_the_program_are_there(document):
    known = flags(ROOT / "run.py") | {"config"}
    for line in re.sub(r"\\\n", " ", document.read_text()).splitlines():
        for command in re.findall(r"run\.py (.*?)(?:\s#|`|$|&&)", line):
            named = {
                name for name in re.findall(r"--(\w+)", command) if f"--{name}." not in command or name != "config"
            }
            assert named <= known, command


def test_flags_of_benchmarks_are_there(document):
    for program, arguments in re.findall(r"python (benchmarks/\w+\.py)([^`\n]*)", document.read_text()):
        assert (ROOT / program).is_file(), program
        assert set(re.findall(r"--(\w+)", arguments)) <= flags(ROOT / program), arguments


def test_links_and_configs_are_files(document):
    text = document.read_text()
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link]
    for link in filter(None, links):
        assert (document.parent / link).exists(), link
    for config in re.findall(r"--config=(configs/\w+\.py)", text):
        assert (ROOT / config).is_file(), config


def test_what_is_installed_is_the_version_of_the_constraints():
    (version,) = re.findall(r"^jax==(.*)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    text = (ROOT / "docs/running.md").read_text()
    named = re.findall(r"\"jax\[\w+\]==([^\"]+)\"", text)
    assert named
    assert set(named) == {version}
