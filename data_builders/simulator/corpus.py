"""Writes a simulated corpus as a folder in one of several layouts, each what a builder reads."""

import csv
import dataclasses
import hashlib
import json
import math
import pathlib
import shutil
import tempfile
from collections.abc import Callable

from tqdm import tqdm

from data_builders.report import DESCRIPTION
from data_builders.simulator.cmdc import write_cmdc
from data_builders.simulator.cmdc_simulation import CmdcSimulation
from data_builders.simulator.daic_woz import write_daic_woz
from data_builders.simulator.daic_woz_simulation import DaicWozSimulation
from data_builders.simulator.e_daic import write_e_daic
from data_builders.simulator.e_daic_simulation import EDaicSimulation
from data_builders.simulator.openface_text import write_openface_csv
from data_builders.simulator.options import Options
from data_builders.simulator.oracle import oracle_scores
from data_builders.simulator.simulation import Simulation
from mccl_jax.errors import UserError
from mccl_jax.files import locked, writing

_STATEMENT = "Simulated: made up by a random model. Nobody was recorded, and nothing here has a clinical meaning."


def write_corpus(
    folder: str | pathlib.Path, options: Options, say: Callable[[str], None] = print, layout: str = "openface"
) -> pathlib.Path:
    """Writes the corpus and simulation.json into `folder`, and returns it.

    layout      a key of LAYOUTS: "openface" is one CSV a session and labels.csv, "cmdc", "daic_woz" and "e_daic" are
                these corpora as handed out.

    A folder that holds the corpus of these options is used as it is; one of other options is written anew, and `say`
    is told either. The folder appears when it is complete: an interrupted call leaves none, or the one before.
    Raises UserError where `folder` holds something that the simulator did not write, or where the layout does not know
    these options.
    """
    if layout not in LAYOUTS:
        raise UserError(f"layout: {layout!r}; expected one of {', '.join(LAYOUTS)}")
    simulation = LAYOUTS[layout].simulation(options)
    folder = pathlib.Path(folder).absolute()
    description = _describe(options, layout)
    lock = folder.parent / f".{folder.name}.lock"
    with writing(folder), locked(lock, lambda: say(f"waiting for another process that writes {folder}")):
        if _was_simulated(folder):
            if _holds(folder, description):
                say(f"{folder}: simulated corpus of these options found, used as it is")
                return folder
            say(f"{folder}: simulated corpus of other options or incomplete, written anew")
        for leftover in folder.parent.glob(f".{folder.name}-*"):  # of a call that was killed
            shutil.rmtree(leftover)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as scratch:
            fresh = pathlib.Path(scratch, "new")
            fresh.mkdir()
            LAYOUTS[layout].write(fresh, simulation)
            text = json.dumps(description | {"files": _count(fresh) + 1}, indent=2)
            (fresh / DESCRIPTION).write_text(text + "\n")
            if folder.exists():
                folder.rename(pathlib.Path(scratch, "old"))
            fresh.rename(folder)
    said = f"{folder}: {options.subjects} simulated sessions written"
    if "oracle" in description:
        oracle = description["oracle"]
        said += (
            f"; one who knew their latents would score R2 {oracle['r2']:.2f}, MAE {oracle['mae']:.2f} "
            f"(predicting the median {oracle['mae_of_median']:.2f})"
        )
    say(said)
    return folder


def _write_openface(folder: pathlib.Path, simulation: Simulation) -> None:
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


@dataclasses.dataclass(frozen=True)
class Layout:
    """How a corpus lies on disk.

    simulation      options -> what is to be written; raises UserError where the layout does not know an option.
    write           writes it into an empty folder.
    oracle          whether its scores are those for which the oracle's figures hold.
    """

    simulation: Callable[[Options], Simulation]
    write: Callable[[pathlib.Path, Simulation], None]
    oracle: bool


LAYOUTS = {
    "openface": Layout(Simulation, _write_openface, oracle=True),
    "cmdc": Layout(CmdcSimulation, write_cmdc, oracle=False),  # its scores are drawn by group
    "daic_woz": Layout(DaicWozSimulation, write_daic_woz, oracle=False),  # some of its scores are fixed
    "e_daic": Layout(EDaicSimulation, write_e_daic, oracle=False),  # these too
}


def _describe(options: Options, layout: str) -> dict:
    """What simulation.json holds; the digest of the simulator's own text makes a changed model write anew."""
    digest = hashlib.sha256()
    for source in sorted(pathlib.Path(__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    description = {
        "simulated": _STATEMENT,
        "complete": True,
        "layout": layout,
        "options": dataclasses.asdict(options),
        "simulator": digest.hexdigest(),
    }
    if LAYOUTS[layout].oracle:
        scores = dataclasses.asdict(oracle_scores(options))
        description["oracle"] = {name: round(value, 4) for name, value in scores.items()}
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


def _holds(folder: pathlib.Path, description: dict) -> bool:
    """Whether `folder` is the corpus of this description and has not lost a file; one more does no harm."""
    found = json.loads((folder / DESCRIPTION).read_text())
    written = found.pop("files", math.inf)
    return found == description and _count(folder) >= written


def _count(folder: pathlib.Path) -> int:
    return sum(path.is_file() for path in folder.rglob("*"))
