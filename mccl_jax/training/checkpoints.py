"""Checkpoints: plain dicts of arrays, and beside them as JSON all that is needed to use them again.

A checkpoint holds `state` (or, when training is over, only what a model needs of it) and `scaler`, and as its metadata
the experiment, the cues, the fingerprint of the data and, at the end, the regressors. The names of the arrays are
paths, so that any program that reads Orbax can use them without our classes.
"""

import contextlib
import pathlib
import sys
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np
from orbax.checkpoint import v1 as ocp

from mccl_jax.errors import UserError

policies = ocp.training.preservation_policies


class Checkpoints:
    """The checkpoints of one training, each in a folder named by its step; saved in the background.

    Use as a context: leaving it waits for the last save and raises what went wrong with it.
    """

    def __init__(self, folder: pathlib.Path, keep: int):
        self.folder = folder.absolute()
        with _saving(self.folder):
            self._checkpointer = ocp.training.Checkpointer(
                self.folder, preservation_policy=policies.LatestN(keep), cleanup_tmp_directories=True
            )

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        if error is None:
            with _saving(self.folder):
                self._checkpointer.close()
        else:  # what ended the training is what must be said
            with contextlib.suppress(Exception):
                self._checkpointer.close()

    @property
    def latest(self) -> pathlib.Path | None:
        """Folder of the newest complete checkpoint."""
        self._checkpointer.wait()
        found = self._checkpointer.latest
        return None if found is None else self.folder / str(found.step)

    def save(self, step: int, arrays: dict[str, Any], metadata: dict[str, Any]) -> None:
        """Starts to save; waits for the save before it. Raises UserError where that one, or this, cannot be written."""
        with _saving(self.folder):
            self._checkpointer.wait()
            self._checkpointer.save_checkpointables_async(
                step, arrays, custom_metadata=metadata, force=True, overwrite=True
            )


def newest(folder: pathlib.Path) -> tuple[dict[str, Any], dict[str, Any], pathlib.Path] | None:
    """The newest checkpoint in `folder` that can be read, as `load` gives it, and its folder; None where there is none.

    Only reads. A damaged one is named on stderr and the one before it used; raises UserError where all are damaged.
    """
    steps = sorted((int(path.name) for path in folder.glob("*") if path.name.isdecimal()), reverse=True)
    for step in steps:
        try:
            return *load(folder / str(step)), folder / str(step)
        except UserError as error:
            print(f"{error}; trying the checkpoint before it", file=sys.stderr, flush=True)
    if steps:
        raise UserError(f"{folder}: none of its checkpoints can be read: remove the folder to train anew")
    return None


def save(folder: pathlib.Path, arrays: dict[str, Any], metadata: dict[str, Any]) -> None:
    """Saves a single checkpoint as `folder`, in place of one that is there. Raises UserError where it cannot."""
    with _saving(folder.absolute()):
        ocp.save_checkpointables(folder.absolute(), arrays, custom_metadata=metadata, overwrite=True)


@contextlib.contextmanager
def _saving(folder: pathlib.Path) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # a full disk comes out of Orbax as one of many kinds
        # Its text names every file on the way; the cause stands last.
        reason = " ".join(str(error).split()).rpartition(": ")[2][:200] or type(error).__name__
        raise UserError(
            f"{folder}: a checkpoint could not be saved ({reason}); those before it are whole: free some space, or "
            "make the folder writable, and run the same command again"
        ) from error


def load(folder: pathlib.Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """(arrays, metadata) of one checkpoint, as numpy arrays, whatever devices it was saved from.

    Raises UserError where the folder is no checkpoint or is damaged.
    """
    folder = folder.absolute()
    try:
        metadata = ocp.checkpointables_metadata(folder)
        abstract = jax.tree.map(lambda leaf: np.empty(leaf.shape, leaf.dtype), metadata.metadata)
        if not abstract:
            raise ValueError("it holds no arrays")
        return ocp.load_checkpointables(folder, abstract), metadata.custom_metadata
    except Exception as error:  # Orbax raises many kinds; whichever it is, this checkpoint cannot be used
        cause = (str(error.__cause__ or error).splitlines() or [type(error).__name__])[0][:200]
        raise UserError(
            f"{folder}: cannot be read as a checkpoint ({cause}); expected a workdir of a finished training, or its "
            "folder model or checkpoints/STEP"
        ) from error
