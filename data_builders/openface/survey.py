"""What a folder of one's own recordings holds before it is prepared: the labels' rows, the files, their columns."""

import collections
import re
from collections.abc import Iterable, Mapping, Sequence

from data_builders.openface.openface_dataset_builder import OpenFaceConfig
from data_builders.readers.labels import SPLITS, Label, read_labels
from data_builders.readers.openface import COLUMNS
from data_builders.survey import findings
from data_builders.survey.disguise import Disguise
from data_builders.survey.inventory import Inventory, Seen
from data_builders.survey.layout import Columns, Layout
from data_builders.survey.openface_columns import HEADINGS, KNOWN, family
from data_builders.survey.survey import Count, Oddity, few, oddities_of

_LABELS = re.compile("file|subject|target|split|fold|gender")


def layout(config: OpenFaceConfig) -> Layout:
    """Of recordings whose cues are read as `config` says."""
    needed = [] if config.missing == "omit" else [name for cue in config.cues for name in COLUMNS[cue]]
    return Layout(
        name="recordings of one's own",
        owner=lambda parts: "",
        read=lambda owner: {},
        # The labels first: they are a CSV too.
        tables={
            "labels": re.compile(re.escape(config.labels.rpartition("/")[2])),
            "recording": re.compile(r".*\.csv(\.gz)?"),
        },
        columns={
            "recording": Columns(("frame", "confidence", *needed), KNOWN),
            "labels": Columns((), _LABELS),
        },
        words="data openface raw recordings simulated video",
        headings=HEADINGS,
    )


def look_at(
    inventory: Inventory, layout: Layout, disguise: Disguise, config: OpenFaceConfig
) -> tuple[list[Count], list[str], list[Oddity], dict[str, tuple[str, int]]]:
    """Counts, layout in words, oddities, and of each recording how it lies and its bytes."""
    table = read_labels(inventory.root / config.labels, config.target)
    files = {seen.place: seen for seen in inventory.of_kind("recording")}
    named = [files[row.file] for row in table.rows if row.file in files]
    oddities = findings.odd_sizes(named) + findings.odd_headers(named, layout) + findings.repeated(inventory, named)
    oddities += oddities_of(table.notes)
    oddities += findings.strangers(inventory)
    lines = [
        f"recordings: {_names(files.values())}",
        f"labels: {config.labels}, {len(table.rows)} rows of {len({row.subject for row in table.rows})} subjects",
        f"headers: {findings.headers_in_words(named, family)}",
    ]
    weights = {place: (".gz" if place.endswith(".gz") else "", max(1, seen.size)) for place, seen in files.items()}
    return _counts(table.rows, files), lines, oddities, weights


def _counts(rows: Sequence[Label], files: Mapping[str, Seen]) -> list[Count]:
    counts = []
    for split in (split for split in SPLITS if any(row.split == split for row in rows)):
        of_split = [row.file for row in rows if row.split == split]
        counts.append(Count(split, sum(name in files for name in of_split), len(of_split)))
    missing = tuple(row.file for row in rows if row.file not in files)
    strangers = tuple(sorted(set(files) - {row.file for row in rows}))
    because = "without a row in the labels and skipped"
    return [*counts, Count("recordings", len(rows) - len(missing), len(rows), missing, strangers, because)]


def _names(files: Iterable[Seen]) -> str:
    """ "*.csv (20), in the folder itself"."""
    endings = collections.Counter("*.csv.gz" if seen.place.endswith(".gz") else "*.csv" for seen in files)
    depth = collections.Counter(seen.place.count("/") for seen in files)
    where = ["in the folder itself" if n == 0 else f"{n} folder{'s' if n > 1 else ''} below" for n in sorted(depth)]
    return f"{', '.join(f'{what} ({n})' for what, n in endings.most_common())}, {few(where)}"
