"""What a folder of CMDC holds before it is prepared: names, columns, people and answers."""

import collections
import pathlib
import re
from collections.abc import Mapping, Sequence

from data_builders.cmdc.cmdc_dataset_builder import ANSWERS, SPLIT_INFO, SUBJECTS, CMDCConfig, table_in
from data_builders.cmdc.defects import DEFECTS
from data_builders.cmdc.session import ANSWER, QUESTIONS, Interview, find_interviews
from data_builders.readers.openface import COLUMNS
from data_builders.readers.subject_info import Subject, read_subject_info, subject_id, subject_name
from data_builders.survey import findings
from data_builders.survey.disguise import Disguise
from data_builders.survey.inventory import Inventory, Seen
from data_builders.survey.layout import Columns, Layout
from data_builders.survey.openface_columns import HEADINGS, KNOWN, family
from data_builders.survey.survey import Count, Oddity, few, oddities_of

# Not in the corpus, as those say who have it: of `defects.DEFECTS`, in numbers.
WITHOUT_VIDEO = "MDD11"  # though the table says otherwise
ABSENT_ANSWERS = {"MDD14": (11, 12), "MDD17": (9, 11), "HC24": (10,), "HC41": (9, 10, 11, 12)}

_NOTES = 8  # on the table of people, that are listed
_QUESTION = r"Q[0-9]{1,2}[ _-]*"
_BESIDE = {
    "TimeSformer": rf"{_QUESTION}\.npy",
    "VGGish": rf"{_QUESTION}\.pkl",
    "audio": rf"{_QUESTION}\.wav",
    "words": rf"{_QUESTION}\.txt",
    "text features": rf"vector_{_QUESTION}\.csv",
    "audio features": rf"{_QUESTION}\.wav\.csv",
}
_PEOPLE = re.compile(r"ID|MDD|VideoAvailab(l?)e|(PHQ|HAMD)(-?[0-9]{1,2}|total)|Age|Gender|Sex|Education")


def layout(config: CMDCConfig) -> Layout:
    """Of CMDC, whose cues are read as `config` says."""
    beside = {kind: re.compile(name, re.IGNORECASE) for kind, name in _BESIDE.items()}
    return Layout(
        name="CMDC",
        owner=_owner,
        read=lambda owner: {"answer": ANSWER},
        beside=lambda owner: beside,
        tables={
            "people": re.compile(re.escape(config.labels)),
            "folds": re.compile(re.escape(SPLIT_INFO)),
        },
        columns={
            "answer": Columns(("frame", "confidence", *(name for cue in config.cues for name in COLUMNS[cue])), KNOWN),
            "people": Columns((), _PEOPLE),
            "folds": Columns((), re.compile("(Train|Test) (MDD|HC)")),
        },
        words="5FoldSplitInfo CMDC FoldSplitInfo HC MDD Q SubjectInfo part vector audio data raw text video",
        headings=HEADINGS,
    )


def _owner(parts: Sequence[str]) -> str:
    who = subject_id(parts[-2]) if len(parts) > 1 else None
    return subject_name(*who) if who else ""


def look_at(
    inventory: Inventory, layout: Layout, disguise: Disguise, config: CMDCConfig
) -> tuple[list[Count], list[str], list[Oddity], dict[str, tuple[str, int]]]:
    """Counts, layout in words, oddities, and of each person how the answers lie and their bytes."""
    root = inventory.root
    interviews = find_interviews(root)
    info = read_subject_info(table_in(root, config.labels), config.target, config.corrections)
    used = {path.relative_to(root).as_posix() for one in interviews.values() for path in one.answers.values()}
    files = [seen for seen in inventory.of_kind("answer") if seen.place in used]
    oddities = findings.odd_sizes(files) + findings.odd_headers(files, layout) + findings.repeated(inventory, files)
    absent = [
        f"{name}/{path.name}" for name, one in interviews.items() for path in one.answers.values() if not path.is_file()
    ]
    if absent:
        oddities.append(Oddity("answers that are no file (a link to nowhere)", tuple(absent), costs=True))
    of_people = [note.partition(": ") for one in interviews.values() for note in one.notes]
    names = [name for name, one in interviews.items() for _ in one.notes]
    oddities += oddities_of(f"{what}: {name} {said}" for name, (what, _, said) in zip(names, of_people, strict=True))
    effects = {name: person.effects for name, person in info.subjects.items()} | {config.labels: info.effects}
    oddities += findings.corrections(DEFECTS, effects)
    oddities += [Oddity(note) for note in info.notes[:_NOTES]]
    if more := len(info.notes) - _NOTES:
        oddities += [Oddity(f"and {more} more of the kind in {config.labels}")] if more > 0 else []
    oddities += findings.strangers(inventory)
    tables = [path for name in (config.labels, SPLIT_INFO) if (path := table_in(root, name)).is_file()]
    lines = [
        _folders(interviews, root, disguise),
        f"answers: {_names(files)}",
        f"tables: {', '.join(path.relative_to(root).as_posix() for path in tables)}",
        f"headers: answer {findings.headers_in_words(files, family)}",
    ]
    sizes = {
        name: sum(path.stat().st_size for path in one.answers.values() if path.is_file())
        for name, one in interviews.items()
    }
    return _counts(interviews, info.subjects), lines, oddities, {name: ("", max(1, n)) for name, n in sizes.items()}


def _counts(interviews: Mapping[str, Interview], people: Mapping[str, Subject]) -> list[Count]:
    there = {name: interview for name, interview in interviews.items() if name in people}
    promised = tuple(
        name for name, one in people.items() if one.video and name not in interviews and name != WITHOUT_VIDEO
    )
    groups = collections.Counter(people[name].group for name in there)
    strangers = tuple(name for name in interviews if name not in people)
    absent = [
        f"{name} Q{n}"
        for name, one in there.items()
        for n in range(1, QUESTIONS + 1)
        if n not in one.answers and n not in ABSENT_ANSWERS.get(name, ())
    ]
    note = ", ".join(f"{n} {group}" for group, n in groups.items())
    n_answers = sum(len(one.answers) for one in there.values())
    more = tuple(
        f"{name} Q{n}" for name, one in there.items() for n in one.answers if n in ABSENT_ANSWERS.get(name, ())
    )
    return [
        Count("people", len(there), SUBJECTS, promised, strangers, "without a row in the table and skipped", note),
        Count("answers", n_answers, ANSWERS, tuple(absent), more, "which others do not have"),
    ]


def _folders(interviews: Mapping[str, Interview], root: pathlib.Path, disguise: Disguise) -> str:
    where = collections.Counter(one.folder.parent.relative_to(root).as_posix() for one in interviews.values())
    said = [f"{n} {'in the folder itself' if place == '.' else f'under {place}/'}" for place, n in where.items()]
    names = collections.Counter(disguise.pattern(one.folder.name) for one in interviews.values())
    return f"folders {', '.join(names)}: {few(said)}"


def _names(files: Sequence[Seen]) -> str:
    count = collections.Counter(seen.pattern.rpartition("/")[2] for seen in files)
    return few([f"{name} ({n})" for name, n in count.most_common()])
