"""Where the curves of a training go: one JSON line a step, and TensorBoard."""

import json
import pathlib

from tensorboardX import SummaryWriter

METRICS = "metrics.jsonl"


class Writer:
    """Appends to metrics.jsonl and to TensorBoard events; after a resume at `step`, later entries are dropped first."""

    def __init__(self, workdir: pathlib.Path, step: int):
        self._path = workdir / METRICS
        kept = [line for line in read_metrics(workdir) if line["step"] < step]
        self._file = self._path.open("w", encoding="utf-8")
        for line in kept:
            self._line(line)
        self._events = SummaryWriter(str(workdir / "tensorboard"), purge_step=step)

    def __call__(self, step: int, values: dict[str, float]) -> None:
        """Writes what was measured at `step`."""
        self._line({"step": step, **values})
        for name, value in values.items():
            self._events.add_scalar(name, value, step)

    def flush(self) -> None:
        """Puts all that was written on the disk."""
        self._file.flush()
        self._events.flush()

    def close(self) -> None:
        self._file.close()
        self._events.close()

    def _line(self, values: dict[str, float]) -> None:
        self._file.write(json.dumps(values) + "\n")


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
