"""docs/results.md read as a schema: which keys it documents, and which of them a results.json has."""

import pathlib
import re
from typing import Any

DOCUMENT = pathlib.Path(__file__).resolve().parents[1] / "docs/results.md"


def version() -> int:
    """The version that the document is of."""
    return int(re.search(r"Schema version of results.json: \*\*(\d+)\*\*", DOCUMENT.read_text())[1])


def documented() -> dict[str, re.Pattern]:
    """Every documented key of results.json, and the paths that it stands for; scores with the keys of a score."""
    keys = _table("results.json")
    found = {}
    for key, what in keys.items():
        found[key] = _pattern(key)
        if re.search(r"\bscore\b", what):
            found |= {f"{key}.{part}": _pattern(f"{key}.{part}") for part in _table("A score")}
    return found


def paths(results: dict[str, Any]) -> set[str]:
    """The path of every value, "curve[].epoch", those of mappings and lists included."""
    found = set()

    def walk(value, path):
        if path:
            found.add(path)
        if isinstance(value, dict):
            for key, one in value.items():
                walk(one, f"{path}.{key}" if path else key)
        elif isinstance(value, list):
            for one in value:
                if isinstance(one, dict):
                    walk(one, f"{path}[]")

    walk(results, "")
    return found


def undocumented(results: dict[str, Any]) -> set[str]:
    """Paths that no documented key stands for, nor begins with."""
    patterns = documented()
    inner = [
        _pattern(key.rsplit(".", n)[0].removesuffix("[]")) for key in patterns for n in range(1, key.count(".") + 1)
    ]
    known = [*patterns.values(), *inner]
    whole = {path.removesuffix("[]") for path in paths(results)}
    return {path for path in whole if not any(pattern.fullmatch(path) for pattern in known)}


def unseen(*several: dict[str, Any]) -> set[str]:
    """Documented keys that are in none of the results."""
    there = set().union(*map(paths, several))
    return {key for key, pattern in documented().items() if not any(map(pattern.fullmatch, there))}


def _table(heading: str) -> dict[str, str]:
    part = DOCUMENT.read_text().split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return dict(re.findall(r"^\| `([^`]+)` \| (.+) \|$", part, re.MULTILINE))


def _pattern(key: str) -> re.Pattern:
    return re.compile(re.sub(r"\b[A-Z]+\b", r"[^.\[\]]+", re.escape(key)))
