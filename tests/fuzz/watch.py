"""What a reader does besides returning something: what it writes and starts, and how far it gets in a file.

Past the header: the reader took the container and the header for what they should be, and came to the rows of the file
that is damaged. For text that is the moment when its rows are cut into columns, with the header read and all columns
found in it (for tables that are read in one go: when all rows are cut, or one of them is complained of by its number);
for SubjectInfo.xlsx, when its header is found; for 5FoldSplitInfo.xlsx, when its sheets are read; for a MATLAB file,
when the variable's name, kind and size were found right; for an archive whose own headers are damaged, when a wanted
member came out of it as a whole. What merely fails at the first line, or at a signature, is not counted.
"""

import contextlib
import functools
import os
import pathlib
import sys
from collections.abc import Iterator

import scipy.io

from data_builders.cmdc import cmdc_dataset_builder
from data_builders.readers import archives, clnf, labels, matlab, openface, phq8, subject_info, transcripts

# Module, function, and whether it is enough that the function was called: then its first argument is what is read.
_ROWS = (
    *((openface, "read_columns", True), (clnf, "read_columns", True), (transcripts, "_rows", False)),
    *((labels, "read_table", False), (phq8, "read_table", False), (subject_info, "_table", False)),
    *((cmdc_dataset_builder, "read_sheets", False), (scipy.io, "loadmat", True), (matlab, "_read_hdf5", False)),
)
_reached: list[str] = []
_harm: list[str] = []
_state = {"on": False, "allowed": ()}

_CHANGES = (
    "os.mkdir",
    "os.rename",
    "os.remove",
    "os.rmdir",
    "os.symlink",
    "os.link",
    "os.truncate",
    "os.chmod",
    "os.chown",
)
_NEVER = ("pickle.find_class", "subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.forkpty")
_NET = ("socket.connect", "socket.bind", "socket.getaddrinfo", "socket.sendto")


def install() -> None:
    """Once a process: begins to look, which cannot be undone."""
    for module, name, at_once in _ROWS:
        setattr(module, name, _marking(getattr(module, name), at_once))
    archives.read_all = _marking_members(archives.read_all)
    sys.dont_write_bytecode = True
    sys.addaudithook(_hook)
    sys.unraisablehook = lambda problem: _harm.append(f"on stderr: {problem.exc_value!r} in {problem.object}")


@contextlib.contextmanager
def watching(allowed: tuple[pathlib.Path, ...] = ()) -> Iterator[tuple[list[str], list[str]]]:
    """Within it (what was reached, what was done that must not be) are noted; below `allowed` may be written."""
    _reached.clear()
    _harm.clear()
    _state.update(on=True, allowed=tuple(map(str, allowed)))
    try:
        yield _reached, _harm
    finally:
        _state["on"] = False


def _marking(function, at_once):
    @functools.wraps(function)
    def marked(*arguments, **options):
        said = "rows " + (str(arguments[0]) if isinstance(arguments[0], str | os.PathLike | archives.Content) else "")
        if at_once:
            _reached.append(said)
        found = function(*arguments, **options)
        _reached.append(said)
        return found

    return marked


def _marking_members(function):
    @functools.wraps(function)
    def marked(stream, where, *arguments, **options):
        found = function(stream, where, *arguments, **options)
        _reached.append(f"member {where}")
        return found

    return marked


def _hook(event: str, arguments: tuple) -> None:
    if not _state["on"]:
        return
    if event == "open":
        path, _, flags = arguments
        writes = isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND)
        if writes and not str(path).startswith((*_state["allowed"], os.devnull)):
            _harm.append(f"wrote {path}")
    elif event in _CHANGES:
        # A name by itself is of a folder that is being removed, file by file.
        named = [str(a) for a in arguments if isinstance(a, str | os.PathLike)]
        if not _state["allowed"] or any(os.path.isabs(a) and not a.startswith(_state["allowed"]) for a in named):
            _harm.append(f"{event} {arguments}")
    elif event in _NEVER or event in _NET:
        _harm.append(f"{event} {arguments[:2]}")
