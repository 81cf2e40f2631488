"""Writes a simulated corpus as a folder of OpenFace text with its labels: what the builder `openface` reads."""

import csv
import dataclasses
import hashlib
import json
import pathlib
import tempfile
from collections.abc import Callable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.csv
from tqdm import tqdm

from data_builders.simulator.options import Options
from data_builders.simulator.oracle import oracle_scores
from data_builders.simulator.simulation import Simulation
from data_builders.simulator.tracker import DECIMALS, PRESENCE, Track
from mccl_jax.cues import OPENFACE_AUS
from mccl_jax.errors import UserError

DESCRIPTION = "simulation.json"
_STATEMENT = "Simulated: made up by a random model. Nobody was recorded, and nothing here has a clinical meaning."


def write_corpus(folder: str | pathlib.Path, options: Options, say: Callable[[str], None] = print) -> pathlib.Path:
    """Writes one CSV a session, labels.csv and simulation.json into `folder`, and returns it.

    A folder that holds the corpus of these options is used as it is; one of other options is written anew, and `say`
    is told either. The folder appears when it is complete: an interrupted call leaves none, or the one before.
    Raises UserError where `folder` holds something that the simulator did not write.
    """
    folder = pathlib.Path(folder).absolute()
    description = _describe(options)
    if _was_simulated(folder):
        if json.loads((folder / DESCRIPTION).read_text()) == description and _is_whole(folder):
            say(f"{folder}: simulated corpus of these options found, used as it is")
            return folder
        say(f"{folder}: simulated corpus of other options or incomplete, written anew")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as scratch:
        fresh = pathlib.Path(scratch, "new")
        fresh.mkdir()
        _write(fresh, Simulation(options), description)
        if folder.exists():
            folder.rename(pathlib.Path(scratch, "old"))
        fresh.rename(folder)
    oracle = description["oracle"]
    say(
        f"{folder}: {options.subjects} simulated sessions written; one who knew their latents would score "
        f"R2 {oracle['r2']:.2f}, MAE {oracle['mae']:.2f} (predicting the median {oracle['mae_of_median']:.2f})"
    )
    return folder


def write_openface_csv(path: pathlib.Path, track: Track) -> None:
    """Writes the columns of OpenFace 2.x under its switches -3Dfp -pose -gaze -aus, with its names and decimals."""
    table = pa.table(dict(_columns(track)))
    # The header apart: pyarrow would quote the names.
    with path.open("wb") as file:
        file.write((",".join(table.column_names) + "\n").encode())
        pa.csv.write_csv(table, file, pa.csv.WriteOptions(include_header=False, quoting_style="none"))


def _columns(track: Track) -> Iterator[tuple[str, pa.Array]]:
    frames = len(track.time)
    yield "frame", pa.array(np.arange(1, frames + 1))
    yield "face_id", pa.array(np.zeros(frames, np.int64))
    yield "timestamp", _decimals(track.time, DECIMALS["time"])
    yield "confidence", _decimals(track.confidence, DECIMALS["confidence"])
    yield "success", pa.array(track.success.astype(np.int64))
    for eye in range(2):
        for axis, name in enumerate("xyz"):
            yield f"gaze_{eye}_{name}", _decimals(track.gaze[:, eye, axis], DECIMALS["gaze"])
    for axis, name in enumerate("xy"):
        yield f"gaze_angle_{name}", _decimals(track.gaze_angle[:, axis], DECIMALS["gaze_angle"])
    for axis, name in enumerate("xyz"):
        yield f"pose_T{name}", _decimals(track.translation[:, axis], DECIMALS["translation"])
    for axis, name in enumerate("xyz"):
        yield f"pose_R{name}", _decimals(track.rotation[:, axis], DECIMALS["rotation"])
    for axis, name in enumerate("XYZ"):
        for point in range(track.landmarks.shape[1]):
            yield f"{name}_{point}", _decimals(track.landmarks[:, point, axis], DECIMALS["landmarks"])
    for column, au in enumerate(OPENFACE_AUS):
        yield f"{au}_r", _decimals(track.aus[:, column], DECIMALS["aus"])
    for column, au in enumerate(PRESENCE):
        yield f"{au}_c", _decimals(track.presence[:, column], DECIMALS["aus"])


def _decimals(values: np.ndarray, places: int) -> pa.Array:
    """A decimal column, so that the text has a fixed number of decimals, as OpenFace's has."""
    units = np.rint(values * 10**places).astype(np.int64)
    # Arrow's decimal128 is a 128-bit integer, low word first; the high word carries the sign.
    words = pa.py_buffer(np.stack([units, units >> 63], axis=1))
    return pa.Array.from_buffers(pa.decimal128(18, places), len(units), [None, words])


def _write(folder: pathlib.Path, simulation: Simulation, description: dict) -> None:
    rows = []
    for i in tqdm(range(len(simulation)), desc="simulating", unit="session", disable=None):
        name = simulation.name(i)
        write_openface_csv(folder / f"{name}.csv", simulation.track(i))
        row = {"file": f"{name}.csv", "subject": name, "target": int(simulation.severity[i])}
        row["gender"] = simulation.subject(i).gender
        if simulation.options.splits is not None:
            row["split"] = simulation.split(i)
        rows.append(row)
    with (folder / "labels.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    (folder / DESCRIPTION).write_text(json.dumps(description, indent=2) + "\n")


def _describe(options: Options) -> dict:
    """What simulation.json holds; the digest of the simulator's own text makes a changed model write anew."""
    digest = hashlib.sha256()
    for source in sorted(pathlib.Path(__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    description = {
        "simulated": _STATEMENT,
        "complete": True,
        "options": dataclasses.asdict(options),
        "oracle": {name: round(value, 4) for name, value in dataclasses.asdict(oracle_scores(options)).items()},
        "simulator": digest.hexdigest(),
    }
    return json.loads(json.dumps(description))  # tuples as the lists that a reader finds


def _was_simulated(folder: pathlib.Path) -> bool:
    """Whether the simulator wrote `folder`; False where there is none, or an empty one."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return False
    try:
        json.loads((folder / DESCRIPTION).read_text())["simulated"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{folder}: holds something else; expected an absent or empty folder, or an earlier simulated corpus: "
            "choose another folder"
        ) from error
    return True


def _is_whole(folder: pathlib.Path) -> bool:
    labels = folder / "labels.csv"
    if not labels.is_file():
        return False
    with labels.open(newline="") as file:
        return all((folder / row["file"]).is_file() for row in csv.DictReader(file))
