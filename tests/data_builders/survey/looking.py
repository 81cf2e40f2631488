"""A folder looked at as `--mode=check` does it, before anything is measured."""

import dataclasses
import pathlib

from data_builders.survey.disguise import Disguise
from data_builders.survey.inventory import take_inventory
from data_builders.survey.survey import Count, Oddity


@dataclasses.dataclass
class Looked:
    """What was found: counts by name, the layout's lines, oddities, weights."""

    counts: dict[str, Count]
    lines: list[str]
    oddities: list[Oddity]
    weights: dict[str, tuple[str, int]]

    def odd(self, costs: bool | None = None) -> list[str]:
        """In words; those that cost a session, those that do not, or all."""
        return [oddity.words() for oddity in self.oddities if costs in (None, oddity.costs)]


def look(folder: pathlib.Path, layout_of, look_at, config) -> Looked:
    layout = layout_of(config)
    disguise = Disguise(layout.words, layout.headings)
    counts, lines, oddities, weights = look_at(take_inventory(folder, layout, disguise), layout, disguise, config)
    return Looked({count.what: count for count in counts}, lines, oddities, weights)
