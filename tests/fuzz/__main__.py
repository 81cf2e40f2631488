"""python -m tests.fuzz --files 5000 --seed 0: damages raw files, reads them, and counts what comes of it.

python -m tests.fuzz --only KIND:NUMBER --seed 0      one case again, with what it says
"""

import argparse
import collections
import os
import sys
import time

from tests.fuzz.pool import run
from tests.fuzz.worker import FAILURE, MOST_MEMORY, MOST_SECONDS, OUTCOMES, Result


def main() -> int:
    from tests.fuzz.kinds import KINDS

    parser = argparse.ArgumentParser("python -m tests.fuzz", description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=5000, help="damaged files and archives in all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="KIND:NUMBER, or KIND for this kind alone")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    given = parser.parse_args()
    kind, _, number = given.only.partition(":")
    if kind and kind not in KINDS:
        parser.error(f"--only: {kind!r} is no kind; expected one of {', '.join(KINDS)}")
    chosen = [(kind, int(number))] if number else cases(given.files, [kind] if kind else list(KINDS))
    start, results = time.monotonic(), []
    for result in run(chosen, given.seed, given.processes):
        results.append(result)
        if result.outcome == FAILURE or number:
            print(told(result, given.seed), flush=True)
        elif len(results) % 500 == 0:
            print(f"{len(results)} of {len(chosen)}", file=sys.stderr, flush=True)
    print(table(results))
    print(f"seed {given.seed}, {time.monotonic() - start:.0f} s with {given.processes} processes")
    return int(any(result.outcome == FAILURE for result in results))


def cases(files: int, kinds: list[str]) -> list[tuple[str, int]]:
    """(kind, number) of so many cases, in the kinds' shares, mixed."""
    from tests.fuzz.kinds import KINDS

    total = sum(KINDS[kind][1] for kind in kinds)
    numbered = [(kind, i) for kind in kinds for i in range(-(-files * KINDS[kind][1] // total))]
    return sorted(numbered, key=lambda case: (case[1] / KINDS[case[0]][1], case[0]))[:files]


def told(result: Result, seed: int) -> str:
    """A case in words, and how it is run again."""
    return (
        f"{result.kind}:{result.number}  {result.outcome}  ({result.said})\n{result.reason}\n"
        f"  again: python -m tests.fuzz --seed {seed} --only {result.kind}:{result.number}\n"
    )


def table(results: list[Result]) -> str:
    """Kind against outcome, the share past the header, the slowest and the largest case."""
    counts = collections.Counter((result.kind, result.outcome) for result in results)
    kinds = list(dict.fromkeys(result.kind for result in results))
    widths = [max(map(len, (*kinds, "all"))), *map(len, OUTCOMES), 5, 15]
    lines = [("kind", *OUTCOMES, "all", "past the header")]
    for kind in (*sorted(kinds), "all"):
        some = [result for result in results if kind in (result.kind, "all")]
        numbers = [sum(counts[one, outcome] for one in (kinds if kind == "all" else [kind])) for outcome in OUTCOMES]
        past = sum(result.past for result in some)
        lines.append((kind, *numbers, len(some), f"{past / len(some):.0%}"))
    text = "\n".join(
        "  ".join(f"{cell!s:>{width}}" for cell, width in zip(line, widths, strict=True)) for line in lines
    )
    slowest, largest = max(results, key=lambda r: r.seconds), max(results, key=lambda r: r.memory)
    return (
        f"{text}\nslowest: {slowest.seconds:.1f} s, {slowest.kind}:{slowest.number} ({slowest.said}); the limit is "
        f"{MOST_SECONDS:g} s\nmost memory: {largest.memory >> 20} MiB beside the process's own, {largest.kind}:"
        f"{largest.number} ({largest.said}); the limit is {MOST_MEMORY >> 20} MiB"
    )


if __name__ == "__main__":
    sys.exit(main())
