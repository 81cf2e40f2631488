"""What is known to be wrong with E-DAIC, and what is done about it: one table.

Its sessions 300 to 492 are those of DAIC-WOZ, whose manual knows more of them. What that says of a recording or a label
is taken over; what it says of transcripts is not, because E-DAIC's are others.
"""

from data_builders.defects import Defect, Exclude, Relabel, Rule, corrections_in

_SAME = "of the same session in DAIC-WOZ: "
_MANUAL = f"{_SAME}its manual"
_BAILEY = f"{_SAME}github.com/adbailey1/daic_woz_process"
_SPLITS = f"{_SAME}split files"
_AVEC = "AVEC 2019, or a user of its data"
_CUT_OUT = "frames in it are not usable"
_TIMESTAMP = "nothing: time is the timestamp, here as anywhere"

DEFECTS = (
    # Corrected, unless switched off.
    Defect("373-interruption", ("373",), "interrupted, 5:52 to 7:00", _CUT_OUT, _MANUAL, Exclude(352.0, 420.0)),
    Defect("444-interruption", ("444",), "interrupted, 4:46 to 6:27", _CUT_OUT, _MANUAL, Exclude(286.0, 387.0)),
    Defect("409-binary", ("409",), "score 10, binary 0", "binary is 1", _BAILEY, Relabel("PHQ8_Binary", 0.0, 1.0)),
    Defect("319-sleep", ("319",), "Sleep empty", "2, by the total", _SPLITS, Relabel("PHQ8_Sleep", None, 2.0)),
    Defect("zero-features", (), "tracked frames whose CNN features are all 0", "not tracked", "probable", Rule()),
    # Told.
    Defect("402-rate", ("402",), "26.2 frames a second", _TIMESTAMP, _AVEC),
    Defect("602-rate", ("602",), "26.0 frames a second", _TIMESTAMP, _AVEC),
    Defect("603-rate", ("603",), "32.5 frames a second", _TIMESTAMP, _AVEC),
    Defect("609-rate", ("609",), "32.8 frames a second", _TIMESTAMP, _AVEC),
    Defect("657-vgg", ("657",), "no CNN_VGG.mat", "nothing; that file is never read", _AVEC),
    Defect("overlap", (), "300 to 492 are DAIC-WOZ, its test split included", "nothing: do not pool the two", _AVEC),
    Defect("binary", (), "PHQ_Binary is not always score >= 10", "both are kept, and it is told", _AVEC),
    Defect("long", (), "a dev session of 3627 s", "nothing", _AVEC),
    Defect("frontal", (), "usable frames: median 88 %, least 1 %", "the others are masked", _AVEC),
    Defect("row-counts", (), "OpenFace and CNN_ResNet differ in rows", "cut to the shorter, and counted", "probable"),
    Defect("not-a-number", (), "cells and features that are no number", "NaN, and the frame is not usable", "probable"),
    Defect("absent-files", (), "archives that lack files", "skipped; without a transcript only told", _AVEC),
    Defect("transcripts", (), "no speakers, times that run back", "first and last word of all rows", _AVEC),
    Defect("impossible-values", (), "values that no face can have", "NaN, and the frame is not usable", "a precaution"),
    Defect("timestamps", (), "timestamps that leap or run back", "time is the frame number", "a precaution"),
)
CORRECTIONS = corrections_in(DEFECTS)
