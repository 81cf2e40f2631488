"""Where the curves of a training go: one JSON line a step, and TensorBoard."""

import json
import pathlib
import time

from tensorboardX.event_file_writer import EventsWriter
from tensorboardX.proto.event_pb2 import Event, SessionLog
from tensorboardX.summary import scalar

from mccl_jax.files import replacing, writing

METRICS = "metrics.jsonl"


class Writer:
    """Appends to metrics.jsonl and to TensorBoard events; after a resume at `step`, later entries are dropped first.

    Writes at once, in this thread: on a full disk it raises UserError where it happens.
    """

    def __init__(self, workdir: pathlib.Path, step: int):
        self._path = workdir / METRICS
        kept = [json.dumps(line) + "\n" for line in read_metrics(workdir) if line["step"] < step]
        with replacing(self._path) as temporary:  # a kill now must not cost the lines before
            temporary.write_text("".join(kept), encoding="utf-8")
        with writing(workdir):
            (workdir / "tensorboard").mkdir(exist_ok=True)
            self._file = self._path.open("a", encoding="utf-8")
            self._events = EventsWriter(str(workdir / "tensorboard" / "events"))
            # Tells TensorBoard to forget what an interrupted run wrote from this step on.
            self._event(step, session_log=SessionLog(status=SessionLog.START))

    def __call__(self, step: int, values: dict[str, float]) -> None:
        """Writes what was measured at `step`."""
        with writing(self._path):
            self._file.write(json.dumps({"step": step, **values}) + "\n")
            for name, value in values.items():
                self._event(step, summary=scalar(name, value))

    def flush(self) -> None:
        """Puts all that was written on the disk."""
        with writing(self._path):
            self._file.flush()
            self._events.flush()

    def close(self) -> None:
        with writing(self._path):
            self._file.close()
            self._events.close()

    def _event(self, step: int, **content) -> None:
        self._events.write_event(Event(wall_time=time.time(), step=step, **content))


def read_metrics(workdir: pathlib.Path) -> list[dict[str, float]]:
    """The lines of metrics.jsonl; one that a kill cut short is left out."""
    path = workdir / METRICS
    lines = []
    for text in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        try:
            lines.append(json.loads(text))
        except ValueError:
            break
    return lines
