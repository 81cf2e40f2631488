"""What a folder of DAIC-WOZ holds before it is prepared: names and columns of its files."""

import re

from data_builders.interviews import InterviewConfig
from data_builders.readers.clnf import COLUMNS, CONTEXT
from data_builders.readers.transcripts import DAIC_WOZ
from data_builders.survey.interviews import LABELS, layout_of
from data_builders.survey.layout import Columns, Layout

# Kind -> name, N stands for the number of the session.
_BESIDE = {
    "AUDIO": r"N_AUDIO\.wav",
    "COVAREP": r"N_COVAREP\.csv",
    "FORMANT": r"N_FORMANT\.csv",
    "features": r"N_CLNF_features\.txt",
    "hog": r"N_CLNF_hog\.(bin|txt)",
}
_TABLES = {"split": r"(train|dev|test)_split_Depression_AVEC2017\.csv", "full test split": r"full_test_split\.csv"}
_CLNF = re.compile(r"frame|timestamp|confidence|success|[xyzXYZ][0-9]{1,2}|[xyz]_h?[01]|[TR][xyz]|AU[0-9]{2}_[rc]")
_PEOPLE = re.compile(rf"[Pp]articipant_ID|Gender|{LABELS}")


def layout(config: InterviewConfig) -> Layout:
    """Of DAIC-WOZ, whose cues are read as `config` says."""
    columns = {cue: Columns((*CONTEXT, *COLUMNS[cue]), _CLNF) for cue in config.cues}
    columns["transcript"] = Columns(DAIC_WOZ.columns, re.compile("|".join(DAIC_WOZ.columns)), any_case=True)
    columns |= {table: Columns((), _PEOPLE) for table in _TABLES}
    words = (
        "AUDIO AUs CLNF COVAREP FORMANT TRANSCRIPT AVEC2017 DAICWOZDepression Documentation features features3D gaze "
        "hog pose"
    )
    return layout_of(config, _BESIDE, _TABLES, columns, words)
