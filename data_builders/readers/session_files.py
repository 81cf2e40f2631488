"""Where the sessions of DAIC-WOZ and E-DAIC lie: in 300_P.zip or 300_P.tar.gz, or in a folder, unpacked."""

import pathlib
import re

from data_builders.readers.folders import folders_below
from mccl_jax.errors import UserError

ARCHIVE = re.compile(r"([0-9]{3})_P\.(zip|tar|tgz|tar\.gz)", re.IGNORECASE)
FOLDER = re.compile(r"([0-9]{3})_P(\.tar)?", re.IGNORECASE)


def session_number(source: pathlib.Path) -> str | None:
    """ "300" of 300_P.zip, 300_P.tar.gz and the folders 300_P and 300_P.tar; None where `source` is named otherwise.

    Some programs unpack 300_P.tar.gz into a folder 300_P.tar.
    """
    match = (FOLDER if source.is_dir() else ARCHIVE).fullmatch(source.name)
    return match[1] if match else None


def find_sessions(root: pathlib.Path) -> tuple[dict[str, pathlib.Path], tuple[str, ...]]:
    """Number -> archive or folder of each session below `root`, by number; and notes, each "what: details".

    Where a session has both, be the archive beside the folder or in it, the archive is read. Raises UserError where it
    has two of either.
    """
    found, notes, paths = {}, [], []
    for folder, names in folders_below(root):
        archives = (folder / name for name in names if ARCHIVE.fullmatch(name))
        paths += [folder, *filter(pathlib.Path.is_file, archives)]  # a link may lead nowhere
    for path in sorted(paths[1:]):  # the first is the root
        number = session_number(path)
        if number is None or "__MACOSX" in path.parts:
            continue
        before = found.setdefault(number, path)
        # Some tools unpack 300_P.zip into 300_P/300_P.
        if before is path or (path.is_dir() and path.is_relative_to(before)):
            continue
        if before.is_dir() == path.is_dir():
            raise UserError(f"{path}: is of the same session as {before}; expected one a session: remove one of them")
        found[number] = path if before.is_dir() else before
        notes.append(f"sessions with both an archive and a folder, the archive is read: {number}")
    return dict(sorted(found.items())), tuple(dict.fromkeys(notes))


def recordings(source: pathlib.Path) -> list[pathlib.Path]:
    """The archives or folders of sessions that `source` is or holds. Raises UserError where there are none.

    Of the folder of a session it is the archive in it, where there is one.
    """
    number, found = session_number(source), find_sessions(source)[0] if source.is_dir() else {}
    if number:
        inside = found.get(number, source)
        return [source if inside.is_dir() else inside]
    if not found:
        raise UserError(
            f"{source}: expected an archive 300_P.zip or 300_P.tar.gz, a folder 300_P, or a folder that holds some"
        )
    return list(found.values())


def number_of(source: pathlib.Path) -> str:
    """The number of a session by its archive or folder. Raises UserError where `source` is neither."""
    number = session_number(source)
    if number is None:
        raise UserError(f"{source}: expected the archive or folder of a session, as in 300_P.zip or 300_P: rename it")
    return number
