"""Who is tested in which fold, where the corpus does not say or says it by ranges of people."""

from collections.abc import Mapping

import numpy as np

from mccl_jax.errors import UserError


def folds_by_subject(
    subject: np.ndarray, severity: np.ndarray, folds: int, seed: int, group: np.ndarray | None = None
) -> np.ndarray:
    """(N,) number of the fold, 0..folds-1, in which each session is tested; all sessions of a subject in one.

    Group by group, subjects are ordered by their mean severity; each run of `folds` of them is dealt out at random, one
    to a fold, an incomplete run to the folds that have the fewest, so that folds are alike in groups, severities and
    size. `group` (N,) is one label a subject; all are of one group where it is None. -1 where the severity is unknown.
    Raises UserError where a fold would be empty.
    """
    people, number, order, generator = by_severity(subject, severity, seed)
    if len(order) < folds:
        raise UserError(
            f"{len(order)} subjects with a known target cannot be dealt into {folds} folds; expected at least {folds}: "
            "add recordings, or labels for those that have none"
        )
    group_of = np.zeros(len(people), np.str_) if group is None else _of_people(number, group)
    fold, size = np.full(len(people), -1), np.zeros(folds, int)
    for one in np.unique(group_of[order]):
        members = order[group_of[order] == one]
        for start in range(0, len(members), folds):
            some, shuffled = members[start : start + folds], generator.permutation(folds)
            chosen = shuffled[np.argsort(size[shuffled], kind="stable")][: len(some)]
            fold[some] = chosen
            size[chosen] += 1
    return fold[number]


def by_severity(
    subject: np.ndarray, severity: np.ndarray, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.random.Generator]:
    """(people, number of each session's person, people of known severity in its order, generator).

    Equal severities stand in random order.
    """
    people, number = np.unique(subject, return_inverse=True)
    known = np.isfinite(severity)
    count = np.bincount(number[known], minlength=len(people))
    mean = np.bincount(number[known], severity[known], len(people)) / np.maximum(count, 1)
    order = np.flatnonzero(count)
    generator = np.random.default_rng(seed)
    generator.shuffle(order)
    return people, number, order[np.argsort(mean[order], kind="stable")], generator


def folds_by_range(number: int, ranges: Mapping[int, tuple[int, int]]) -> tuple[int, ...]:
    """The folds whose (first, last) range holds `number`: none, one, or several where the ranges overlap."""
    return tuple(fold for fold, (first, last) in ranges.items() if first <= number <= last)


def _of_people(number: np.ndarray, group: np.ndarray) -> np.ndarray:
    _, first = np.unique(number, return_index=True)
    return np.asarray(group)[first]
