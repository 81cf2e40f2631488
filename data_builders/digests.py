"""SHA-256 of raw files, computed again only where a file's size or time has changed."""

import hashlib
import json
import pathlib
from collections.abc import Mapping

from mccl_jax.files import replacing

# (path, size, time) -> digest, for all that this process has read.
_known: dict[tuple[str, int, int], str] = {}


def digest(path: pathlib.Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digests(files: Mapping[str, pathlib.Path], cache: pathlib.Path) -> dict[str, str | None]:
    """Name -> digest of each file, None where there is none; so a file is noticed that was mended and kept its size.

    `cache` is where they are kept between processes, once its folder is there.
    """
    try:
        kept = json.loads(cache.read_text())
    except (OSError, ValueError):
        kept = {}
    found, fresh = {}, {}
    for name, path in files.items():
        if not path.is_file():
            found[name] = None
            continue
        stat, place = path.stat(), str(path.resolve())
        key = place, stat.st_size, stat.st_mtime_ns
        if key not in _known:
            before = kept.get(place)
            same = isinstance(before, list) and len(before) == 3 and tuple(before[:2]) == key[1:]
            _known[key] = before[2] if same else digest(path)
        found[name] = _known[key]
        fresh[place] = [*key[1:], _known[key]]
    if cache.parent.is_dir() and any(kept.get(place) != value for place, value in fresh.items()):
        with replacing(cache) as temporary:
            temporary.write_text(json.dumps(fresh))
    return found
