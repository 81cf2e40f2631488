"""What is known to be wrong with DAIC-WOZ, and what is done about it: one table."""

from data_builders.defects import Defect, Exclude, Relabel, Rule, Shift, corrections_in

_MANUAL = "manual of the corpus"
_BAILEY = "github.com/adbailey1/daic_woz_process"
_SPLITS = "split files"
_SHIFTED = "the span of speech is shifted by as much"
_CUT_OUT = "frames in it are not usable"
_TOLD = "nothing; it is told"

DEFECTS = (
    # Corrected, unless switched off.
    Defect("318-shift", ("318",), "transcript too early", _SHIFTED, _BAILEY, Shift(34.319917)),
    Defect("321-shift", ("321",), "transcript too early", _SHIFTED, _BAILEY, Shift(3.8379167)),
    Defect("341-shift", ("341",), "transcript too early", _SHIFTED, _BAILEY, Shift(6.1892)),
    Defect("362-shift", ("362",), "transcript too early", _SHIFTED, _BAILEY, Shift(16.8582)),
    # Others cut 395 to 428 s.
    Defect("373-interruption", ("373",), "interrupted, 5:52 to 7:00", _CUT_OUT, _MANUAL, Exclude(352.0, 420.0)),
    Defect("444-interruption", ("444",), "interrupted, 4:46 to 6:27", _CUT_OUT, _MANUAL, Exclude(286.0, 387.0)),
    Defect("409-binary", ("409",), "score 10, binary 0", "binary is 1", _BAILEY, Relabel("PHQ8_Binary", 0.0, 1.0)),
    Defect("319-sleep", ("319",), "PHQ8_Sleep empty", "2, by the total", _SPLITS, Relabel("PHQ8_Sleep", None, 2.0)),
    Defect("sync-markers", (), "<sync>, [syncing], scrubbed_entry", "no words of the interview", _BAILEY, Rule()),
    # Told.
    Defect("absent", ("342", "394", "398", "460"), "do not exist", "nothing", _MANUAL),
    Defect("no-interviewer", ("451", "458", "480"), "no lines of the interviewer in the transcript", _TOLD, _MANUAL),
    Defect("402-short", ("402",), "the video ends about 2 min early", _TOLD, _MANUAL),
    Defect("487-transcript", ("487",), "an AppleDouble file in place of the transcript", "skipped", "a user"),
    Defect("not-a-number", (), "-1.#IND and the like", "NaN, and the frame is not usable", "probable"),
    Defect("aus-name", (), "AUs are a .txt, the manual says .csv", "either is read", "archives"),
    Defect("headers", (), "columns called otherwise in test: participant_ID, PHQ_Score", "read alike", _SPLITS),
    Defect("impossible-values", (), "values that no face can have", "NaN, and the frame is not usable", "a precaution"),
    Defect("timestamps", (), "timestamps that leap or run back", "time is the frame number", "a precaution"),
)
CORRECTIONS = corrections_in(DEFECTS)
