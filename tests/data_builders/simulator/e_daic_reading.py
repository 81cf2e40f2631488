"""The files of a simulated E-DAIC, taken apart without the project's own readers."""

import io
import tarfile

import numpy as np
import scipy.io

from data_builders.simulator.e_daic import EXTRACTED, LACKING, TRUNCATED, WITHOUT_ARCHIVE
from data_builders.simulator.options import Options

# With as many sessions all defects are there.
OPTIONS = Options(subjects=24, seconds=(14.0, 18.0), fps=2.0)


def quiet(_):
    pass


def contents(folder, number):
    """Path below the folder of the archives -> bytes, of one session."""
    data = folder / "data"
    if number in EXTRACTED:
        place = data / EXTRACTED[number]
        return {f"{number}_P/{path.relative_to(place)}": path.read_bytes() for path in files_in(place)}
    with tarfile.open(data / f"{number}_P.tar.gz", "r:gz") as archive:
        return {member.name: archive.extractfile(member).read() for member in archive if member.isfile()}


def file_of(folder, number, ending):
    """The content of {number}_{ending}, wherever it lies."""
    (found,) = [data for name, data in contents(folder, number).items() if name.endswith(f"/{number}_{ending}")]
    return found


def features_of(folder, number):
    """(N, 2048): what CNN_ResNet.mat holds."""
    return scipy.io.loadmat(io.BytesIO(file_of(folder, number, "CNN_ResNet.mat")))["feature"]


def table_of(folder, number):
    """Column -> (F,) of the tracker's file."""
    header, *lines = file_of(folder, number, "OpenFace2.1.0_Pose_gaze_AUs.csv").decode().splitlines()
    values = np.array([[float(cell) for cell in line.split(",")] for line in lines])
    return dict(zip([name.strip() for name in header.split(",")], values.T, strict=True))


def rows_of(path):
    """Header and rows of a table, cut at commas, without blank lines."""
    header, *lines = path.read_text().splitlines()
    return header, [line.split(",") for line in lines if line]


def files_in(place):
    return sorted(path for path in place.rglob("*") if path.is_file())


def sound(simulation):
    """(i, number) of sessions that can be read with all their cues."""
    unusable = {TRUNCATED, WITHOUT_ARCHIVE, *(number for number, name in LACKING.items() if lacks_a_cue(name))}
    named = [(i, simulation.name(i)) for i in range(len(simulation))]
    return [(i, number) for i, number in named if number not in unusable]


def lacks_a_cue(name):
    return "OpenFace" in name or "ResNet" in name
