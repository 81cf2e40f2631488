"""Folders below a folder, walked the same way by all that look for files in them."""

import os
import pathlib
from collections.abc import Iterator


def folders_below(root: pathlib.Path) -> Iterator[tuple[pathlib.Path, list[str]]]:
    """Every folder from `root` on and the names of its files, in a fixed order; linked folders too, but each once.

    Links come last: a folder is known by its own name, not by that of a link to it.
    """
    seen, waiting = set(), [root]
    for start in waiting:  # grows on the way
        for folder, subfolders, names in os.walk(start):
            real = os.path.realpath(folder)
            if real in seen:
                subfolders.clear()
                continue
            seen.add(real)
            subfolders.sort()
            paths = [pathlib.Path(folder, name) for name in subfolders]
            waiting += [path for path in paths if path.is_symlink()]
            yield pathlib.Path(folder), sorted(names)
