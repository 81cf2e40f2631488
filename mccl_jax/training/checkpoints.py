"""Checkpoints: plain dicts of arrays, and beside them as JSON all that is needed to use them again.

A checkpoint holds `state` (or, when training is over, only what a model needs of it) and `scaler`, and as its metadata
the experiment, the cues, the fingerprint of the data, which checkpoint of its training is the best so far and, at the
end, the regressors. The names of the arrays are paths, so that any program that reads Orbax can use them without our
classes. The format itself does not notice a wrong byte in an array: SHA256SUMS has the digests of the files, as
`sha256sum -c` reads them, and the metadata hold their own.

Of several processes that train together the main one writes, for it has all that there is, on a disk that the others
need not see. In `Checkpoints` the others only meet it, as Orbax asks; each reads for itself.
"""

import contextlib
import errno
import hashlib
import json
import os
import pathlib
import re
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as v0
from orbax.checkpoint import v1 as ocp

from mccl_jax.errors import UserError, reason_of
from mccl_jax.training import hosts

_STEP = re.compile(r"0|[1-9][0-9]*")
_MORE, _BESIDE = 1.1, 1 << 18  # times the size of the arrays, and bytes of files that stand beside them
_PARTIAL = ".orbax-checkpoint-tmp"  # in the name of what a save that came to no end has left
_SUMS, _SUM = "SHA256SUMS", "sha256"
_METADATA = "_CHECKPOINT_METADATA"  # Orbax writes the time into it last of all


class Checkpoints:
    """The checkpoints of one training, each in a folder named by its step; saved in the background.

    The `keep` newest stay, and the best. Use as a context: leaving it waits for the last save and raises what went
    wrong with it.
    """

    def __init__(self, folder: pathlib.Path, keep: int):
        self.folder = folder.absolute()
        self._kept, self._step = _NewestAndBest(keep), -1
        context = ocp.Context()
        # Where a folder cannot be made, the save would wait for it for minutes.
        context.async_options.create_directories_asynchronously = False
        # A function, for Orbax would make a copy of a method, and of all that it belongs to.
        context.async_options.post_finalization_callback = lambda: self._add_up()
        with _saving(self.folder):
            self._checkpointer = ocp.training.Checkpointer(
                self.folder,
                context=context,
                preservation_policy=self._kept,
                cleanup_tmp_directories=True,
                lightweight_initialize=True,  # it looks into none of them, one of which may be damaged
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

    def wait(self) -> None:
        """Until the last save has come to its end. Raises UserError where it could not be written."""
        with _saving(self.folder):
            self._checkpointer.wait()

    def save(self, step: int, arrays: dict[str, Any], metadata: dict[str, Any], best: int | None = None) -> None:
        """Starts to save numpy arrays; waits for the save before it.

        Raises UserError where that one, or this, cannot be written.

        Once it is saved, older ones go, but not that of step `best`.
        """
        with _saving(self.folder):
            self._checkpointer.wait()
            if jax.process_index() == 0:  # which alone writes; others may have another disk
                _check_room(self.folder, arrays)
            self._kept.best, self._step = best, step
            self._checkpointer.save_checkpointables_async(
                step, arrays, custom_metadata=_sealed({**metadata, "step": step}), force=True, overwrite=True
            )

    def _add_up(self) -> None:
        """All files of the save are written, and it has not got its final name yet; in the main process."""
        (unnamed,) = self.folder.glob(f"{self._step}{_PARTIAL}*")
        _write_sums(unnamed)


def _check_room(folder: pathlib.Path, arrays: dict[str, Any]) -> None:
    """Raises OSError where the disk has no room for the arrays and what stands beside them.

    Orbax would find out in the midst of many writes, and print a traceback for each of those that were under way.
    """
    size = sum(np.asarray(leaf).nbytes for leaf in jax.tree.leaves(arrays))
    if shutil.disk_usage(folder).free < _MORE * size + _BESIDE:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def count_alike() -> None:
    """Of several processes all count Orbax' operations alike from here on, as they must before they save together.

    Until then each may have loaded and saved for itself, at most a thousand times more than the main one.
    """
    if hosts.several():
        # Orbax has no public way to it; requirements.txt holds its version.
        from orbax.checkpoint._src.futures.synchronization import OperationIdGenerator

        begin = int(hosts.share("operations", str(int(OperationIdGenerator.get_current_operation_id()) + 1000)))
        while int(OperationIdGenerator.next_operation_id()) < begin:
            pass


class _NewestAndBest:
    """Says which checkpoints stay. One of a later step than that just saved was damaged, and goes."""

    def __init__(self, keep: int):
        self._keep, self.best = keep, None

    def should_preserve(self, checkpoints: Sequence, *, context: object) -> list[bool]:
        """`checkpoints` in the order in which they were saved, the one just saved last."""
        steps = [one.step for one in checkpoints]
        newest = sorted(step for step in steps if step <= steps[-1])[-self._keep :]
        return [step in newest or step == self.best for step in steps]


def newest(folder: pathlib.Path) -> tuple[dict[str, Any], dict[str, Any], pathlib.Path] | None:
    """The newest checkpoint in `folder` that can be read, as `load` gives it, and its folder; None where there is none.

    Only reads. A damaged one is named on stderr and the one before it used; raises UserError where all are damaged.
    """
    steps = _steps(folder)
    for step in steps:
        try:
            arrays, metadata = load(folder / str(step))
            if metadata["step"] != step:
                raise UserError(f"{folder / str(step)}: is that of step {metadata['step']} under another name")
            return arrays, metadata, folder / str(step)
        except UserError as error:
            print(f"{error}; trying the checkpoint before it", file=sys.stderr, flush=True)
    if steps:
        raise UserError(f"{folder}: none of its checkpoints can be read: remove the folder to train anew")
    return None


def folders(folder: pathlib.Path) -> list[pathlib.Path]:
    """Those of the checkpoints in `folder`, whole or damaged."""
    return sorted(path for path in folder.iterdir() if _STEP.fullmatch(path.name) and path.is_dir())


def _steps(folder: pathlib.Path) -> list[int]:
    """The steps that there are checkpoints of, the last one first; names on stderr what else there is."""
    try:
        names = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise UserError(
            f"{folder}: cannot be read ({error.strerror}); expected the folder of a training's checkpoints: mend it, "
            "or choose another --workdir"
        ) from error
    for name in names:
        if not _STEP.fullmatch(name) and _PARTIAL not in name:
            print(f"{folder / name}: is no step's name, and not used as a checkpoint", file=sys.stderr, flush=True)
    return sorted((int(name) for name in names if _STEP.fullmatch(name)), reverse=True)


def save(folder: pathlib.Path, arrays: dict[str, Any], metadata: dict[str, Any]) -> None:
    """Saves a single checkpoint as `folder`, in place of one that is there and stays until the new one is whole.

    Of several processes one calls it, alone. Raises UserError where it cannot.
    """
    folder = folder.absolute()
    partial, before = (folder.with_name(f".{folder.name}.{which}") for which in ("partial", "before"))

    def tidy():
        """Removes what a save that came to no end, now or earlier, has left."""
        if before.exists() and not folder.exists():
            os.replace(before, folder)
        for left in (before, *folder.parent.glob(f"{partial.name}*")):
            shutil.rmtree(left, ignore_errors=True)

    with _saving(folder):
        tidy()
        try:
            _save_alone(partial, arrays, _sealed(metadata))
            _write_sums(partial)
            with contextlib.suppress(FileNotFoundError):
                os.replace(folder, before)
            os.replace(partial, folder)
        finally:
            tidy()


def _save_alone(folder: pathlib.Path, arrays: dict[str, Any], metadata: dict[str, Any]) -> None:
    """By Orbax' older interface, which waits for no other process; in the newer one all must meet for every save."""
    me = jax.process_index()
    alone = v0.options.MultiprocessingOptions(primary_host=me, active_processes={me})
    handler = v0.CompositeCheckpointHandler(composite_options=v0.CompositeOptions(multiprocessing_options=alone))
    with v0.Checkpointer(handler, multiprocessing_options=alone) as checkpointer:
        parts = {name: v0.args.PyTreeSave(part) for name, part in arrays.items()}
        checkpointer.save(folder, v0.args.Composite(**parts), custom_metadata=metadata)


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

    Raises UserError where the folder is no checkpoint or is damaged, be it by a single byte.
    """
    folder = folder.absolute()
    alone, me = ocp.Context(), jax.process_index()
    alone.multiprocessing.primary_host, alone.multiprocessing.active_processes = me, {me}
    try:
        # Before Orbax opens them: of several arrays that cannot be read it raises one, and prints tracebacks of others.
        _check_sums(folder)
        metadata = _metadata(folder)
        with alone:
            kinds = ocp.checkpointables_metadata(folder).metadata
            abstract = jax.tree.map(lambda x: np.empty(x.shape, x.dtype), kinds)
            return ocp.load_checkpointables(folder, abstract), metadata
    except Exception as error:  # Orbax raises many kinds; whichever it is, this checkpoint cannot be used
        raise UserError(
            f"{folder}: cannot be read as a checkpoint ({reason_of(error.__cause__ or error)}); expected a workdir of "
            "a finished training, or its folder model or checkpoints/STEP"
        ) from error


def said(folder: pathlib.Path) -> list[dict[str, Any]]:
    """The metadata of those checkpoints in `folder` that have them whole; no look at arrays, which takes longer."""
    found = []
    with contextlib.suppress(OSError):  # no folder, or one that cannot be read
        for path in folders(folder):
            with contextlib.suppress(OSError, ValueError):
                found.append(_metadata(path))
    return found


def _metadata(folder: pathlib.Path) -> dict[str, Any]:
    """That of one checkpoint. Raises OSError or ValueError where it is absent or damaged."""
    whole = json.loads((folder / _METADATA).read_text(encoding="utf-8"))
    metadata = whole.get("custom_metadata") if isinstance(whole, dict) else None
    if not isinstance(metadata, dict) or metadata.pop(_SUM, None) != _digest(metadata):
        raise ValueError("its metadata are not as they were saved")
    return metadata


def _sealed(metadata: Mapping[str, Any]) -> dict[str, Any]:
    return {**metadata, _SUM: _digest(metadata)}


def _digest(metadata: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(metadata, sort_keys=True).encode()).hexdigest()


def _write_sums(folder: pathlib.Path) -> None:
    """The digest of every file in `folder` but the metadata's, as `sha256sum` writes them."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != _METADATA)
    lines = [f"{_digest_of_file(path)}  {path.relative_to(folder).as_posix()}\n" for path in files]
    (folder / _SUMS).write_text("".join(lines), encoding="utf-8")


def _check_sums(folder: pathlib.Path) -> None:
    """Raises ValueError where a file is not as it was saved, or is absent."""
    name = _SUMS
    try:
        lines = (folder / name).read_text(encoding="utf-8").split("\n")  # not at what else ends a line
        if lines.pop() or not lines:
            raise ValueError(f"{name} is not as it was written")
        for digest, _, name in (line.partition("  ") for line in lines):
            if _digest_of_file(folder / name) != digest:
                raise ValueError(f"{name} is not as it was saved")
    except OSError as error:
        raise ValueError(f"{name}: {error.strerror}") from None


def _digest_of_file(path: pathlib.Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
