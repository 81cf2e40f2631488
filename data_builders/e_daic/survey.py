"""What a folder of E-DAIC holds before it is prepared: names and columns of its files."""

import importlib.util
import re
from collections.abc import Iterable

from data_builders.interviews import InterviewConfig
from data_builders.readers.openface import COLUMNS
from data_builders.readers.transcripts import E_DAIC
from data_builders.survey import interviews
from data_builders.survey.disguise import Disguise
from data_builders.survey.findings import shown
from data_builders.survey.interviews import LABELS, layout_of
from data_builders.survey.inventory import Inventory, Seen
from data_builders.survey.layout import Columns, Layout
from data_builders.survey.openface_columns import KNOWN
from data_builders.survey.survey import Count, Oddity
from mccl_jax.cues import DEEP

_OPENFACE, _TRANSCRIPT = "OpenFace", "transcript"  # as `session.members` calls them
# Kind -> name, N stands for the number of the session.
_BESIDE = {
    "AUDIO": r"N_AUDIO\.wav",
    "CNN_ResNet": r"N_CNN_ResNet\.mat",
    "CNN_VGG": r"N_CNN_VGG\.mat",
    "densenet201": r"N_densenet201\.csv",
    "vgg16": r"N_vgg16\.csv",
    "OpenSMILE": r"N_OpenSMILE2\.3\.0_\w+\.csv",
    "BoAW": r"N_BoAW_[\w.]+\.csv",
    "BoVW": r"N_BoVW_[\w.]+\.csv",
}
_TABLES = {"split": r"(train|dev|test)_split\.csv", "items": r"Detailed_PHQ8_Labels\.csv"}
_PEOPLE = re.compile(rf"[Pp]articipant_ID|Gender|PCL-C \(PTSD\)|PTSD Severity|{LABELS}", re.IGNORECASE)
_WORDS = (
    "AUDIO AUs BoAW BoVW CNN_ResNet CNN_VGG Detailed Labels MFCC Pose_gaze_AUs PHQ8 ResNet Transcript VGG densenet201 "
    "eGeMAPS gaze openFace openSMILE pose vgg16 2.1.0 2.3.0 EDAIC"
)


def layout(config: InterviewConfig) -> Layout:
    """Of E-DAIC, whose cues are read as `config` says."""
    of_tracker = [column for cue in config.cues if cue != DEEP.name for column in COLUMNS[cue]]
    columns = {
        _OPENFACE: Columns(("frame", "confidence", *of_tracker), KNOWN),
        _TRANSCRIPT: Columns(E_DAIC.columns, re.compile("|".join((*E_DAIC.columns, "confidence"))), any_case=True),
        **{table: Columns((), _PEOPLE) for table in _TABLES},
    }
    return layout_of(config, _BESIDE, _TABLES, columns, _WORDS, optional=(_TRANSCRIPT,))


def look_at(
    inventory: Inventory, layout: Layout, disguise: Disguise, config: InterviewConfig
) -> tuple[list[Count], list[str], list[Oddity], dict[str, tuple[str, int]]]:
    """As of any interviews; and whether the features can be read."""
    counts, lines, oddities, weights = interviews.look_at(inventory, layout, disguise, config)
    return counts, lines, [*_odd_features(inventory.of_kind(DEEP.name)), *oddities], weights


def _odd_features(files: Iterable[Seen]) -> list[Oddity]:
    """MATLAB files of a version that cannot be read here, or that are none."""
    found = {}
    for seen in files:
        # A file of version 4 begins with numbers.
        if seen.header and seen.header.what not in ("MATLAB up to version 7", "not text"):
            found.setdefault(seen.header.what, []).append(shown(seen))
    oddities = []
    for what, names in found.items():
        if what != "MATLAB version 7.3":
            oddities.append(Oddity(f"features that are {what}, no MATLAB file", tuple(names), costs=True))
        elif importlib.util.find_spec("h5py") is None:
            needs = "features that are of MATLAB version 7.3, which needs h5py (pip install h5py)"
            oddities.append(Oddity(needs, tuple(names), costs=True))
    return oddities
