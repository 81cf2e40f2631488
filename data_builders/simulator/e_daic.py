"""Writes a simulated corpus in the layout in which E-DAIC is handed out, with the defects of the real one.

The corpus: Ringeval et al., AVEC 2019. Layout and defects as those who read it describe them:
AudioVisualEmotionChallenge/AVEC2019, cosmaadrian/multimodal-depression-from-video.
"""

import csv
import gzip
import importlib.util
import io
import pathlib
import tarfile

import numpy as np
import scipy.io
from tqdm import tqdm

from data_builders.simulator.dummies import APPLE_DOUBLE_FILE, SILENCE
from data_builders.simulator.e_daic_simulation import EDaicSimulation
from data_builders.simulator.e_daic_tables import write_tables
from data_builders.simulator.interview_simulation import Line
from data_builders.simulator.openface_text import pose_gaze_aus_text

TRACKER = "OpenFace2.1.0_Pose_gaze_AUs.csv"
RESNET, VGG = "CNN_ResNet.mat", "CNN_VGG.mat"
# Session -> the file that its archive lacks. Of 657 it is known; that others lack some is, too, but not which.
LACKING = {"657": VGG, "300": TRACKER, "301": RESNET, "302": "Transcript.csv"}
# What befell the files of these sessions is made up; that a folder may be called 306_P.tar is known.
TRUNCATED = "303"  # the archive ends in the middle
FROM_A_MAC = "304"  # an archive with what macOS adds
EXTRACTED = {"305": "305_P", "306": "306_P.tar/306_P"}  # session -> the folder in place of its archive
WITHOUT_ARCHIVE = "307"  # in a split file alone
VERSION_7_3 = "311"  # has features in MATLAB's newer format, where h5py is there to write it
UNLISTED = "719"  # in no split file: the first session once more, under a number that the corpus does not have

# Files that nothing here is to read: next to nothing, separated as the real ones.
_UNREAD = {
    "BoAW_openSMILE_2.3.0_eGeMAPS.csv": b"'unknown';0.0;0;0\n",
    "BoAW_openSMILE_2.3.0_MFCC.csv": b"'unknown';0.0;0;0\n",
    "BoVW_openFace_2.1.0_Pose_Gaze_AUs.csv": b"'unknown';0.0;0;0\n",
    "densenet201.csv": b"name,timeStamp,neuron_1\n'unknown',0.0,0\n",
    "OpenSMILE2.3.0_egemaps.csv": b"name;frameTime;Loudness_sma3\n'unknown';0.0;0\n",
    "OpenSMILE2.3.0_mfcc.csv": b"name;frameTime;pcm_fftMag_mfcc[0]\n'unknown';0.0;0\n",
    "vgg16.csv": b"name,timeStamp,neuron_1\n'unknown',0.0,0\n",
}
_MATLAB_TEXT = b"MATLAB 5.0 MAT-file, simulated".ljust(116)  # in place of a text with the time of day


def write_e_daic(folder: pathlib.Path, simulation: EDaicSimulation) -> None:
    """Writes an archive or a folder a session into `folder`/data, and the four tables into `folder`/labels."""
    data, labels = folder / "data", folder / "labels"
    data.mkdir()
    labels.mkdir()
    for i in tqdm(range(len(simulation)), desc="simulating", unit="session", disable=None):
        number = simulation.name(i)
        if number != WITHOUT_ARCHIVE:
            _write_session(data, number, _files(simulation, i, number))
    _write_session(data, UNLISTED, _files(simulation, 0, UNLISTED))
    write_tables(labels, simulation)


def _files(simulation: EDaicSimulation, i: int, number: str) -> dict[str, bytes]:
    """Name below the session's folder -> content of all files of session i, under `number`."""
    features = simulation.features(i)
    newer = number == VERSION_7_3 and importlib.util.find_spec("h5py")
    computed = {
        **_UNREAD,
        RESNET: _hdf5(features) if newer else _mat(features),
        VGG: _mat(np.zeros((1, 4096), np.float32)),
        # Some builds of OpenFace write a space behind each comma; of which these are is not known.
        TRACKER: pose_gaze_aus_text(simulation.track(i), ", " if int(number) % 2 else ","),
    }
    files = {"AUDIO.wav": SILENCE, "Transcript.csv": _transcript(simulation.transcript(i))}
    files = {name: (f"{number}_{name}", content) for name, content in files.items()}
    files |= {name: (f"features/{number}_{name}", computed[name]) for name in sorted(computed)}
    files.pop(LACKING.get(number), None)
    return dict(files.values())


def _transcript(lines: list[Line]) -> bytes:
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["Start_Time", "End_Time", "Text", "Confidence"])
    writer.writerows([line.start, line.stop, f"well, {line.value}", 0.9] for line in lines)
    return file.getvalue().encode()


def _mat(values: np.ndarray) -> bytes:
    file = io.BytesIO()
    scipy.io.savemat(file, {"feature": values})
    return _MATLAB_TEXT + file.getvalue()[len(_MATLAB_TEXT) :]


def _hdf5(values: np.ndarray) -> bytes:
    import h5py

    file = io.BytesIO()
    with h5py.File(file, "w", userblock_size=512) as made:
        made["feature"] = values.T  # HDF5 names MATLAB's axes from the last to the first
    header = _MATLAB_TEXT.replace(b"5.0", b"7.3") + bytes(8) + b"\x00\x02IM"
    return header.ljust(512, b"\0") + file.getvalue()[512:]


def _write_session(folder: pathlib.Path, number: str, files: dict[str, bytes]) -> None:
    if number in EXTRACTED:
        for name, content in files.items():
            path = folder / EXTRACTED[number] / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return
    files = {f"{number}_P/{name}": content for name, content in files.items()}
    if number == FROM_A_MAC:
        files = {name: content for pair in files.items() for name, content in (_beside(pair[0]), pair)}
    archive = _packed(files)
    (folder / f"{number}_P.tar.gz").write_bytes(archive[: len(archive) // 2] if number == TRUNCATED else archive)


def _beside(name: str) -> tuple[str, bytes]:
    folder, _, base = name.rpartition("/")
    return f"{folder}/._{base}", APPLE_DOUBLE_FILE


def _packed(files: dict[str, bytes]) -> bytes:
    """A .tar.gz without the time of day, a folder before what it holds."""
    file = io.BytesIO()
    with (
        gzip.GzipFile(filename="", fileobj=file, mode="wb", compresslevel=1, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w") as archive,
    ):
        for place in dict.fromkeys(name.rpartition("/")[0] for name in files):
            member = tarfile.TarInfo(place)
            member.type, member.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(member)
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return file.getvalue()
