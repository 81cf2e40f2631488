"""What DAIC-WOZ and E-DAIC share: a folder of archives, sessions of three numbers, split files."""

import collections
import functools
import pathlib
import re
from collections.abc import Iterable, Mapping, Sequence

from data_builders.interviews import Corpus, InterviewConfig
from data_builders.readers.archives import base_name
from data_builders.readers.labels import SPLITS
from data_builders.readers.phq8 import find_tables
from data_builders.readers.session_files import ARCHIVE, FOLDER, find_sessions
from data_builders.survey import findings
from data_builders.survey.disguise import Disguise
from data_builders.survey.inventory import Inventory, Seen
from data_builders.survey.layout import Columns, Layout
from data_builders.survey.openface_columns import HEADINGS
from data_builders.survey.survey import Count, Oddity, few, oddities_of

# What the tables of both call their columns, beside Participant_ID and Gender.
LABELS = r"PHQ(8_|_|_8)(Binary|Score|Total|NoInterest|Depressed|Sleep|Tired|Appetite|Failure|Concentrating|Moving)"


def layout_of(
    config: InterviewConfig,
    beside: Mapping[str, str],
    tables: Mapping[str, str],
    columns: Mapping[str, Columns],
    words: str,
    optional: tuple[str, ...] = (),
) -> Layout:
    """The layout of one of the two; in `beside` N stands for the number of the session."""
    corpus = config.corpus

    @functools.lru_cache(maxsize=64)
    def of_session(number: str) -> dict[str, re.Pattern]:
        return {kind: re.compile(name.replace("N", number, 1), re.IGNORECASE) for kind, name in beside.items()}

    return Layout(
        name=corpus.name,
        owner=_owner,
        archive=ARCHIVE,
        read=functools.lru_cache(maxsize=64)(lambda number: corpus.members(number, config.cues)),
        beside=of_session,
        tables={kind: re.compile(name, re.IGNORECASE) for kind, name in tables.items()},
        columns=columns,
        optional=optional,
        words=f"_P AVEC DAIC WOZ Depression data dev features full raw split test train {words}",
        headings=HEADINGS,
    )


def _owner(parts: Sequence[str]) -> str:
    """The number of the innermost archive or folder of a session."""
    if match := ARCHIVE.fullmatch(parts[-1]):
        return match[1]
    return next((match[1] for part in reversed(parts[:-1]) if (match := FOLDER.fullmatch(part))), "")


def look_at(
    inventory: Inventory, layout: Layout, disguise: Disguise, config: InterviewConfig
) -> tuple[list[Count], list[str], list[Oddity], dict[str, tuple[str, int]]]:
    """Counts, layout in words, oddities, and weights as `estimate` wants them: of what can be opened."""
    corpus, root = config.corpus, inventory.root
    sessions, notes = find_sessions(root)
    splits = corpus.read_splits(root, config.corrections)
    places = {number: path.relative_to(root).as_posix() for number, path in sessions.items()}
    files = {number: [] for number in sessions}
    for seen in inventory.files:
        place = places.get(seen.owner)
        if seen.read and seen.owner and place and (seen.place == place or seen.place.startswith(f"{place}/")):
            files[seen.owner].append(seen)
    paths = {path.relative_to(root).as_posix() for path in find_tables(root, corpus.tables).values()}
    tables = [seen for seen in inventory.files if seen.place in paths]
    archives = {archive.place: archive for archive in inventory.archives}
    looked_into = [n for n, place in places.items() if place not in archives or archives[place].listed]
    all_of_them = [seen for of_session in files.values() for seen in of_session]

    oddities = findings.broken_archives(inventory)
    oddities += _lacking(looked_into, files, layout)
    oddities += findings.odd_sizes(all_of_them, inventory.archives)
    oddities += findings.odd_headers([*all_of_them, *tables], layout)
    oddities += findings.repeated(inventory, all_of_them)
    effects = {number: one.effects for number, one in splits.participants.items()}
    oddities += findings.corrections(corpus.defects, effects) + oddities_of((*notes, *splits.notes))
    oddities += findings.strangers(inventory)
    lines = [_containers(places, archives, disguise), _members(looked_into, places, files, disguise)]
    slow = [archive for archive in archives.values() if archive.slow and not archive.why]
    if left := sum(not archive.listed for archive in slow):
        lines.append(
            f"archives that can only be listed by unpacking them: {left} of {len(slow)} were looked at from outside "
            "alone (name, size, both ends)"
        )
    lines += [_tables(tables), _headers(all_of_them, layout)]
    weights = {}
    for number, path in sessions.items():
        archive = archives.get(places[number])
        if archive is None or not (archive.slow or archive.why):
            weights[path.name] = "listed", max(1, sum(seen.size for seen in files[number]))
        elif not archive.why:
            weights[path.name] = "gone through", archive.size
    return _counts(sessions, splits.participants, corpus), [line for line in lines if line], oddities, weights


def _counts(sessions: Mapping[str, pathlib.Path], participants: Mapping, corpus: Corpus) -> list[Count]:
    counts = []
    for split in SPLITS:
        listed = [number for number, one in participants.items() if one.split == split]
        there = [number for number in listed if number in sessions]
        full = corpus.sessions[split]
        note = "" if len(listed) == full else f"its table lists {len(listed)}" if listed else "in no table"
        missing = tuple(number for number in listed if number not in sessions)
        counts.append(Count(split, len(there), full, missing, note=note))
    strangers = tuple(path.name for number, path in sessions.items() if number not in participants)
    found, full = sum(count.found for count in counts), sum(corpus.sessions.values())
    return [*counts, Count("sessions", found, full, (), strangers, "in no split file and skipped")]


def _lacking(looked_into: Iterable[str], files: Mapping[str, list[Seen]], layout: Layout) -> list[Oddity]:
    lacking, twice = collections.defaultdict(list), collections.defaultdict(list)
    for number in looked_into:
        count = collections.Counter(seen.kind for seen in files[number])
        for kind in layout.read(number):
            if not count[kind]:
                lacking[kind].append(number)
            elif count[kind] > 1:
                twice[kind].append(number)
    return [
        Oddity(f"sessions without {kind}", tuple(numbers), costs=kind not in layout.optional)
        for kind, numbers in lacking.items()
    ] + [Oddity(f"sessions with more than one {kind}", tuple(numbers), costs=True) for kind, numbers in twice.items()]


def _containers(places: Mapping[str, str], archives: Mapping[str, object], disguise: Disguise) -> str:
    """ "archives {id}_P.zip (187), folders {id}_P (2), all in the folder itself"."""
    count, where = collections.Counter(), collections.Counter()
    for number, place in places.items():
        parent, _, name = disguise.pattern(place, number).rpartition("/")
        count[f"{'archives' if place in archives else 'folders'} {name}"] += 1
        where[f"under {parent}/" if parent else "in the folder itself"] += 1
    said = [f"{what} ({n})" for what, n in count.most_common()]
    if len(where) == 1:
        return f"{', '.join(said)}, {next(iter(where))}"
    return f"{', '.join(said)}: {few([f'{n} {what}' for what, n in where.most_common()])}"


def _members(
    looked_into: Iterable[str], places: Mapping[str, str], files: Mapping[str, list[Seen]], disguise: Disguise
) -> str:
    """ "their files: under {id}_P/ (94), flat (93)"."""
    count = collections.Counter()
    for number in looked_into:
        paths = [seen.inside or seen.place.removeprefix(f"{places[number]}/") for seen in files[number]]
        folders = {path.removesuffix(base_name(path)).replace("\\", "/") for path in paths}
        if folders:
            count[" and ".join(disguise.pattern(folder, number) or "flat" for folder in sorted(folders))] += 1
    return "their files: " + few([f"{what} ({n})" for what, n in count.most_common()]) if count else ""


def _tables(tables: Iterable[Seen]) -> str:
    said = [f"{seen.place} ({findings.number_of_columns(seen.header)})" for seen in tables if seen.header]
    return f"tables: {', '.join(said)}"


def _headers(files: Sequence[Seen], layout: Layout) -> str:
    kinds = {kind: [seen for seen in files if seen.kind == kind] for kind in layout.columns}
    said = [
        f"{kind} {families}"
        for kind, alike in kinds.items()
        if (families := findings.headers_in_words(alike, findings.number_of_columns))
    ]
    return f"headers: {'; '.join(said)}" if said else ""
