"""The files of a simulated DAIC-WOZ, taken apart without the project's own readers."""

import zipfile

from data_builders.readers.archives import Content
from data_builders.simulator.daic_woz import TRUNCATED, WITHOUT_ARCHIVE
from data_builders.simulator.options import Options

# With as many sessions all defects are there.
OPTIONS = Options(subjects=26, seconds=(14.0, 20.0), fps=4.0)


def quiet(_):
    pass


def contents(folder, number):
    """Path inside the archive or the folder -> bytes."""
    place = folder / f"{number}_P"
    if place.is_dir():
        return {path.name: path.read_bytes() for path in place.iterdir()}
    with zipfile.ZipFile(folder / f"{number}_P.zip") as archive:
        assert archive.testzip() is None
        return {info.filename: archive.read(info) for info in archive.infolist() if not info.is_dir()}


def text_of(folder, number, ending):
    found = contents(folder, number)
    (name,) = [name for name in found if name.endswith(f"{number}_{ending}") and "/._" not in name]
    return Content(name, name, found[name])


def sound(simulation):
    """(i, number) of sessions whose files can be read."""
    named = [(i, simulation.name(i)) for i in range(len(simulation))]
    return [(i, number) for i, number in named if number not in (TRUNCATED, WITHOUT_ARCHIVE)]


def headers():
    """Written down a second time, from the manual and the real files."""
    context = "frame, timestamp, confidence, success, "
    aus = ["01", "02", "04", "05", "06", "09", "10", "12", "14", "15", "17", "20", "25", "26"]
    return {
        "features3D": context + ", ".join(f"{axis}{point}" for axis in "XYZ" for point in range(68)),
        "features": context + ", ".join(f"{axis}{point}" for axis in "xy" for point in range(68)),
        "gaze": context + "x_0, y_0, z_0, x_1, y_1, z_1, x_h0, y_h0, z_h0, x_h1, y_h1, z_h1",
        "pose": context + "Tx, Ty, Tz, Rx, Ry, Rz",
        "AUs": context
        + ", ".join([f"AU{au}_r" for au in aus] + [f"AU{au}_c" for au in ("04", "12", "15", "23", "28", "45")]),
    }
