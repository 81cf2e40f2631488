"""Files that are whole or absent: what is written here survives being killed at any moment."""

import contextlib
import os
import pathlib
from collections.abc import Iterator

from mccl_jax.errors import UserError


@contextlib.contextmanager
def replacing(path: str | os.PathLike) -> Iterator[pathlib.Path]:
    """A temporary path beside `path` to write to; it becomes `path` in one step at the end, or vanishes on an error.

    Raises UserError where the folder cannot be written to or is full.
    """
    path = pathlib.Path(path)
    temporary = path.with_name(f".{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        raise UserError(
            f"{path}: could not be written ({error.strerror or error}); expected a writable folder with free space: "
            "free some space or choose another folder"
        ) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()
