"""Several processes, usually one a host, that train one model together.

Each is started with the same command. By --distributed=auto they find each other where a launcher says that there are
several (launchers.py); by `on` it is an error where they do not; by `off` each is alone. They call the same training
steps over the devices of all. Process 0 is the main one: it prepares the data, writes in the workdir, evaluates and
speaks; the others wait for it, read what it has prepared, and take part in the steps and in Orbax' saving. So the
workdir and `data_dir` must lie on a disk that all of them see at the same path (NFS, Filestore, Lustre), or in a bucket
(gs://), of which each has a copy on its own; the raw corpus is read by the main process alone.

What ends one of them ends all, with one line and this status:

    2     a mistake of the user, said by whichever met it
    130   Ctrl-C in one of them
    143   SIGTERM to one of them: at the next step all save, and end; outside of the steps it is not heeded
    75    one is lost: killed, crashed, or not heard of for LOST_AFTER seconds
    1     a fault of ours, with its traceback

The same command again, in all of them, goes on from the newest checkpoint. Of a main process that is killed the others
hear at once, by JAX, which says so in lines of its own before ours; of another one by its missing heartbeats, after
LOST_AFTER seconds, and at most ten more until all have ended.
"""

import contextlib
import ctypes
import itertools
import json
import os
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping

import jax
from jax._src import distributed  # what JAX has no public names for; requirements.txt holds its version

from mccl_jax.errors import UserError, reason_of
from mccl_jax.training.launchers import EXPLICIT, is_tpu_machine, launched

# Seconds without a heartbeat after which a process counts as lost, and within which all must have joined.
LOST_AFTER, JOINED_WITHIN = 30, 300
LOST = 75  # sysexits.h: a failure that goes away when it is tried again
# Seconds that a process gives the others to end by what they hear of it, before it ends and they hear that it is lost.
_GRACE = 3.0
_ENDED = "mccl_jax/ended"
_AGAIN = "start all of them again with the same command, and they go on from the newest checkpoint"

_turns = itertools.count()  # all processes meet in the same places in the same order
_together, _leaving, _deserted = threading.Event(), threading.Event(), threading.Event()
_kept = []  # what C holds a pointer to
_told = []  # (status, line) of the end that this process has told the others


def several() -> bool:
    """Whether this process trains together with others."""
    return _together.is_set()


def is_main() -> bool:
    """Whether this process is the one that writes and speaks; touches no device."""
    return distributed.global_state.process_id == 0


def quiet(*_, **__) -> None:
    """What others than the main process say."""


@contextlib.contextmanager
def joined(choice: str, environment: Mapping[str, str] = os.environ) -> Iterator[Callable[[str], None]]:
    """Within it this process belongs to those that train together; gives what it speaks with: print, or nothing.

    To be entered before JAX has looked for devices. `choice` is "auto", "on" or "off". Raises UserError where the
    others cannot be joined, or not all come within JOINED_WITHIN seconds.
    """
    _join(choice, environment)
    say = print if is_main() else quiet
    _report(say)
    try:
        yield say
    except SystemExit:  # SIGTERM, in all of them
        _leave()
        raise
    _leave()


def wait(name: str) -> None:
    """Until all processes have come to the place of this name, however long that takes."""
    if several():
        client, key = distributed.global_state.client, _key(name)
        client.key_value_increment(key, 1)
        _until(lambda: int(client.key_value_try_get(key)) == distributed.global_state.num_processes or None)


def share(name: str, text: str) -> str:
    """The main process's text, in all processes."""
    if not several():
        return text
    client, key = distributed.global_state.client, _key(name)
    if is_main():
        client.key_value_set(key, text)
        return text
    return _until(lambda: _found(client, key))


def agree(name: str, text: str, otherwise: str) -> None:
    """Raises UserError, which says `otherwise`, in a process whose text is not that of the main process."""
    if share(name, text) != text:
        where = f"process {distributed.global_state.process_id} of {distributed.global_state.num_processes}"
        raise UserError(f"{where} {otherwise}")


def tell(line: str, status: int, at_once: bool = False) -> None:
    """Before this process ends: the others end with the same line and status. Alone it does nothing.

    It waits a little first, unless `at_once`: what all have met the main process is to say, and where another process
    is lost, that is what has happened.
    """
    if not several():
        return
    if not at_once:
        time.sleep(_GRACE * (1 if is_main() else 2))
    state, said = distributed.global_state, threading.Event()
    _told.append((status, "" if at_once else line))  # at once: it has been printed

    def telling():
        with contextlib.suppress(RuntimeError):  # they know already, of another one
            state.client.key_value_set(_ENDED, json.dumps([state.process_id, line, status]))
        said.set()

    threading.Thread(target=telling, daemon=True).start()
    said.wait(_GRACE)
    if is_main():
        time.sleep(_GRACE / 2)


def fail(error: Exception) -> None:
    """A fault of ours ends all processes; where it comes of the loss of another one, that is said. Alone: nothing."""
    if not several():
        return
    if isinstance(error, jax.errors.JaxRuntimeError):
        time.sleep(LOST_AFTER + 5 * _GRACE)  # what has interrupted a computation is known after this time
    traceback.print_exception(error)
    tell(f"a fault of the program ({type(error).__name__}: {reason_of(error)})", 1)
    _end(1)


def _join(choice: str, environment: Mapping[str, str]) -> None:
    found = None if choice == "off" else launched(environment)
    # A TPU machine that stands alone looks like one of a pod until its metadata server is asked, which JAX does.
    perhaps = found is None and choice == "auto" and is_tpu_machine(environment)
    if found is None and choice != "on" and not perhaps:
        return
    jax.config.update("jax_enable_recoverability", True)  # the others are to hear of a loss, not to be aborted
    try:
        _initialize(**(found or {}))
    except Exception as error:  # JAX', of gRPC, of a metadata server that is not there
        if perhaps:
            print(f"other hosts of this TPU were not found ({reason_of(error)}): trains alone", file=sys.stderr)
            return
        raise UserError(
            f"--distributed={choice}: the other processes could not be joined ({reason_of(error)}); expected a "
            f"launcher that JAX knows, or {', '.join(EXPLICIT)}; --distributed=off trains alone"
        ) from error
    if distributed.global_state.num_processes > 1:
        _together.set()
        _watch()


def _initialize(**found) -> None:
    """Raises what JAX raises, and TimeoutError after JOINED_WITHIN seconds, for JAX aborts after its own time."""
    raised, done = [], threading.Event()

    def initialize():
        times = {"heartbeat_timeout_seconds": LOST_AFTER, "initialization_timeout": 2 * JOINED_WITHIN}
        try:
            jax.distributed.initialize(**found, **times)
        except Exception as error:
            raised.append(error)
        done.set()

    threading.Thread(target=initialize, daemon=True).start()  # while this one waits in Python, it hears Ctrl-C
    if not done.wait(JOINED_WITHIN):
        raise TimeoutError(f"not all were there within {JOINED_WITHIN} s, or their addresses are not the same")
    if raised:
        raise raised[0]


def _report(say: Callable[[str], None]) -> None:
    """Which devices there are, before anything else is done with them."""
    try:
        devices, here = jax.devices(), jax.local_device_count()
    except RuntimeError as error:
        raise UserError(
            f"JAX finds no devices ({reason_of(error)}); expected those of JAX_PLATFORMS, or any where it is not set"
        ) from error
    state, kind = distributed.global_state, devices[0].device_kind
    together = f", {here} of them here, the main one of {state.num_processes} processes" if several() else ""
    say(f"devices: {len(devices)} x {kind}{together}")
    if not is_main():
        print(f"devices: {here} x {kind}, process {state.process_id} of {state.num_processes}; process 0 says the rest")


def _leave() -> None:
    """The main process last, for the others end where it is gone."""
    if not several():
        return
    wait("end")
    _leaving.set()  # from here on it is no loss that others go
    wait("leave")
    if is_main():
        _deserted.wait(5 * _GRACE)
    _together.clear()
    jax.distributed.shutdown()


def _watch() -> None:
    threading.Thread(target=_listen, daemon=True).start()
    threading.Thread(target=_count_the_living, daemon=True).start()
    if not is_main():
        _say_what_an_abort_means()


def _listen() -> None:
    """Ends this process when another one tells that it ends."""
    state = distributed.global_state
    try:
        index, line, status = json.loads(state.client.blocking_key_value_get(_ENDED, 10**9))
    except RuntimeError:  # this process leaves, or the main one is lost
        return
    if index != state.process_id:
        _end(status, f"process {index} of {state.num_processes}: {line}")


def _count_the_living() -> None:
    """Ends this process when another one is lost. All must count at the same time, which is why each second."""
    state = distributed.global_state
    client, everybody, first = state.client, list(range(state.num_processes)), None
    while True:
        try:
            living = client.get_live_nodes(everybody)  # process -> a number that a restarted one does not have
        except RuntimeError:  # as in _listen
            return
        first = first or living
        if _leaving.is_set():
            if len(living) == 1:
                _deserted.set()
                return
        elif gone := [i for i in everybody if i not in living or living[i] != first.get(i)]:
            if is_main():
                time.sleep(_GRACE)  # the others say so themselves
            names = ", ".join(map(str, gone))
            _lost(f"process {names} of {len(everybody)} was lost (no heartbeat for {LOST_AFTER} s): {_AGAIN}")
        time.sleep(1)


def _say_what_an_abort_means() -> None:
    """JAX aborts a process whose main process is gone, and cannot be asked not to; it can be said what happened."""
    host, _, port = distributed.global_state.coordinator_address.rpartition(":")
    libc = ctypes.CDLL(None)

    def aborted(_) -> None:
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=_GRACE).close()
        except OSError:
            _lost(f"process 0, the main one, was lost: {_AGAIN}")
        libc.signal(signal.SIGABRT, None)  # it is there: this is something else
        os.abort()

    _kept.append(ctypes.CFUNCTYPE(None, ctypes.c_int)(aborted))
    libc.signal(signal.SIGABRT, _kept[-1])


def _lost(line: str) -> None:
    """Ends because another process is gone; where it went by what this one told, with that line and status."""
    _end(*(_told[0] if _told else (LOST, line)))


def _end(status: int, line: str = "") -> None:
    """Ends at once, from any thread; what it leaves is what a kill leaves."""
    with contextlib.suppress(Exception):
        sys.stdout.flush()
        sys.stderr.flush()
    if line:
        os.write(2, f"error: {line}\n".encode())
    os._exit(status)


def _key(name: str) -> str:
    return f"mccl_jax/{next(_turns)}/{name}"


def _found(client, key: str) -> str | None:
    try:
        return client.key_value_try_get(key)
    except jax.errors.JaxRuntimeError as error:
        if "NOT_FOUND" in str(error):
            return None
        raise


def _until(found: Callable):
    """What `found` gives, once it gives something. Asks ever more seldom, and hears Ctrl-C."""
    pause = 0.01
    while (it := found()) is None:
        time.sleep(pause)
        pause = min(1.0, pause * 1.5)
    return it
