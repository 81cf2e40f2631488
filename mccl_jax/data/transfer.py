"""A transfer: one corpus is trained on, another reported, by the cues that both have.

Who is who must be known across the two. Names of subjects mean the same people within a population; a name of another
population means somebody else.
"""

import dataclasses
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence

from data_builders.records import Session
from mccl_jax.cues import Cue, differences, shared_cues
from mccl_jax.errors import UserError

# Corpora that share people, under the same numbers: all of DAIC-WOZ is in E-DAIC. Any other corpus is a population of
# its own; two folders of one's own recordings are one, so that somebody who is in both must have one name.
POPULATIONS = {"daic_woz": "daic", "e_daic": "daic"}


def person(corpus: str, subject: str) -> str:
    """The name of a subject that means the same person in all corpora."""
    return f"{POPULATIONS.get(corpus, corpus)}/{subject}"


def digest_of(person: str) -> str:
    """What a model keeps of somebody that it was trained on, to know them again."""
    return hashlib.sha256(person.encode()).hexdigest()


def cut_to(session: Session, specification: Mapping[str, Cue]) -> Session:
    """`session` with the cues and points of `specification` alone.

    A frame that is not usable in the whole record is not tracked in what is cut of it: which frames a thinned record
    holds went by all of its cues. Raises UserError where the session lacks a cue or a point.
    """
    found = session.specification
    if dict(found) == dict(specification):
        return session
    for name, cue in specification.items():
        other = found.get(name)
        if not other or dataclasses.replace(other, points=cue.points) != cue or not {*cue.points} <= {*other.points}:
            wrong = "; ".join(differences(specification, found))
            raise UserError(f"{session.session}: its cues are not those of the model: {wrong}")
    places = {name: [found[name].points.index(point) for point in cue.points] for name, cue in specification.items()}
    return dataclasses.replace(
        session,
        cues={name: session.cues[name][:, at] for name, at in places.items()},
        specification=dict(specification),
        success=session.usable,
        statistics={
            name: {what: values and [values[at] for at in places[name]] for what, values in of_cue.items()}
            for name, of_cue in session.statistics.items()
            if name in places
        },
    )


def trained_and_reported(
    trained: Iterable[Session],
    reported: Iterable[Session],
    corpora: Sequence[str],
    split: str,
    specification: Mapping[str, Cue],
) -> Iterator[Session]:
    """The sessions of train of one corpus, then those of `split` of another (of either all, where it has no splits).

    Both are cut to `specification`. A session is called <corpus>/<session>, a subject as `person` says.
    """
    names = [f"{corpus}_{i}" for i, corpus in enumerate(corpora, 1)] if len({*corpora}) == 1 else corpora
    for sessions, corpus, name, wanted in zip((trained, reported), corpora, names, ("train", split), strict=True):
        for session in sessions:
            if session.split in ("", wanted):
                yield dataclasses.replace(
                    cut_to(session, specification),
                    session=f"{name}/{session.session}",
                    subject=person(corpus, session.subject),
                    split=wanted,
                    folds=(),
                )


def left_out(one: Mapping[str, Cue], other: Mapping[str, Cue], names: Sequence[str]) -> list[str]:
    """A line on each of the two corpora, called `names`, that has points which the other has not."""
    notes = []
    for here, there, name in ((one, other, names[0]), (other, one, names[1])):
        alone = {
            cue: [point for point in here[cue].points if point not in there[cue].points]
            for cue in shared_cues(here, there)
        }
        if said := "; ".join(f"{cue} {', '.join(points)}" for cue, points in alone.items() if points):
            notes.append(f"points that {name} alone has are not used: {said}")
    return notes
