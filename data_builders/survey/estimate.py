"""How much disk and time a preparation will take: a few recordings are read and encoded, and nothing is written."""

import contextlib
import pathlib
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence

import pyarrow

from data_builders.preparation import SessionBuilder
from data_builders.records import encode
from data_builders.shards import Source, worthwhile
from data_builders.survey.inventory import spread
from data_builders.survey.survey import Estimate, Oddity
from mccl_jax.errors import UserError

MEASURED = 3  # recordings of each way in which they lie
_MOST_FAILURES = 5


def estimate(
    builder: SessionBuilder,
    sources: Sequence[Source],
    weights: Mapping[str, tuple[str, int]],
    form: str,
    workers: int = 0,
) -> tuple[Estimate | None, list[Oddity]]:
    """Estimate, None where nothing could be read, and what could not be read on the way.

    weights   name of a source -> (the way in which it lies, bytes that have to be gone through); disk and time are
              taken to be proportional to the bytes of those that lie alike. Of what cannot be opened there are none.
    workers   processes, as `shards.write_shards` has it.

    Raises UserError where there is no recording that can be prepared.
    """
    ways, can_be_opened = {}, [source for source in sources if source.name in weights]
    for source in can_be_opened:
        ways.setdefault(weights[source.name][0], []).append(source)
    measured, counted, bytes_out, seconds, refused = [], 0, 0.0, 0.0, {}
    processes = max(1, min(workers or worthwhile(sources), len(sources)))
    for alike in ways.values():
        with _one_core() if processes > 1 else contextlib.nullcontext():
            names, out, spent = _measure(builder, alike, weights, refused)
        looked_at = sum(weights[name][1] for name in names)
        scale = sum(weights[source.name][1] for source in alike) / max(looked_at, 1)
        measured, counted = measured + names, counted + (len(alike) if names else 0)
        bytes_out, seconds = bytes_out + scale * out, seconds + scale * spent
    oddities = [Oddity(f"tried, and cannot be prepared: {name}: {why}", costs=True) for name, why in refused.items()]
    if not measured and len(refused) == len(can_be_opened):
        why = next((f"{name}: {why}" for name, why in refused.items()), "none can be opened: copy them again")
        raise UserError(f"none of the {len(sources)} recordings can be prepared; expected one at least; {why}")
    if not measured:
        return None, oddities
    place = pathlib.Path(builder.data_dir)
    there = next(folder for folder in (place, *place.parents) if folder.is_dir())
    found = Estimate(
        measured=tuple(measured),
        recordings=counted,
        bytes=bytes_out,
        seconds=seconds / processes,
        processes=processes,
        form=form,
        place=place,
        free=shutil.disk_usage(there).free,
    )
    return found, oddities


@contextlib.contextmanager
def _one_core() -> Iterator[None]:
    """What a process of several has."""
    before = pyarrow.cpu_count()
    pyarrow.set_cpu_count(1)
    try:
        yield
    finally:
        pyarrow.set_cpu_count(before)


def _measure(
    builder: SessionBuilder,
    sources: Sequence[Source],
    weights: Mapping[str, tuple[str, int]],
    refused: dict[str, str],
) -> tuple[list[str], int, float]:
    """(names, bytes of their records, seconds) of `MEASURED` sources; those that cannot be read go into `refused`."""
    names, out, spent, failures = [], 0, 0.0, 0
    left = list(sources)
    while left and len(names) < MEASURED and failures < _MOST_FAILURES:
        for i in sorted(spread([weights[one.name][1] for one in left], MEASURED - len(names)), reverse=True):
            source = left.pop(i)
            begin = time.perf_counter()
            try:
                record = builder.info.features.serialize_example(encode(source.read(), builder.specification))
            except UserError as error:
                _, _, reason = str(error).partition(f"{source.name}: ")
                refused[source.name] = reason or str(error)
                failures += 1
            else:
                spent += time.perf_counter() - begin
                out += len(record)
                names.append(source.name)
    return names, out, spent
