"""Where the curves of a training go: one JSON line a step, and TensorBoard."""

import json
import pathlib

from tensorboardX import SummaryWriter

from mccl_jax.files import replacing

METRICS = "metrics.jsonl"


class Writer:
    """Appends to metrics.jsonl and to TensorBoard events; after a resume at `step`, later entries are dropped first."""

    def __init__(self, workdir: pathlib.Path, step: int):
        self._path = workdir / METRICS
        kept = [json.dumps(line) + "\n" for line in read_metrics(workdir) if line["step"] < step]
        with replacing(self._path) as temporary:  # a kill now must not cost the lines before
            temporary.write_text("".join(kept), encoding="utf-8")
        self._file = self._path.open("a", encoding="utf-8")
        self._events = SummaryWriter(str(workdir / "tensorboard"), purge_step=step)

    def __call__(self, step: int, values: dict[str, float]) -> None:
        """Writes what was measured at `step`."""
        self._file.write(json.dumps({"step": step, **values}) + "\n")
        for name, value in values.items():
            self._events.add_scalar(name, value, step)

    def flush(self) -> None:
        """Puts all that was written on the disk."""
        self._file.flush()
        self._events.flush()

    def close(self) -> None:
        self._file.close()
        self._events.close()


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
