"""What is known to be wrong with CMDC, and what is done about it: one table.

The corpus was not at hand. What nobody has reported of it, but befalls such tables and files, is called a precaution.
"""

from data_builders.defects import Defect, Rule, corrections_in

# On github.com: zwtbb/multidatasets_mdd, hyuneu-n/facial-coordination-depression, issues 3 and 4 of
# CMDC-corpus/CMDC-Baseline.
_USERS = "users of the corpus"
_FOLDS = "5FoldSplitInfo.xlsx"
_PRECAUTION = "a precaution"
_OTHERS = "the other answers are used; as segments it is masked"
_UNUSED = "NaN, and the frame is not usable"

DEFECTS = (
    # Corrected, unless switched off.
    Defect(
        "MDD20-twice",
        (),
        "MDD20 stands twice in the table of people, MDD21 is missing",
        "the second row is of the missing one, if it stands where that would; off: it is of nobody",
        _USERS,
        Rule(),
    ),
    Defect("no-total", (), "PHQtotal empty or no number, all items there", "their sum", _PRECAUTION, Rule()),
    Defect("total-off-scale", (), "PHQtotal outside 0..27", "unknown", _PRECAUTION, Rule()),
    Defect("no-MDD", (), "column MDD neither 0 nor 1", "what the ID says", _PRECAUTION, Rule()),
    Defect("answer-names", (), "names such as Q9-.csv", "read as Q9; off: left out", _USERS, Rule()),
    # Told.
    Defect("MDD11-video", ("MDD11",), "said to have video, has none", "skipped", _USERS),
    Defect("MDD14-answers", ("MDD14",), "no answers to Q11, Q12", _OTHERS, _USERS),
    Defect("MDD17-answers", ("MDD17",), "no answers to Q9, Q11", _OTHERS, _USERS),
    Defect("HC24-answers", ("HC24",), "no answer to Q10", _OTHERS, _USERS),
    Defect("HC41-answers", ("HC41",), "no answers to Q9 to Q12", _OTHERS, _USERS),
    Defect("not-a-number", (), "numbers such as -0.4253258.1", _UNUSED, _USERS),
    Defect("impossible-values", (), "values that no face can have", _UNUSED, _PRECAUTION),
    Defect("timestamps", (), "timestamps that leap or run back", "time is the frame number", _PRECAUTION),
    Defect("neutral-faces", (), "levels of AUs differ between answers, each a video of its own", "nothing", "probable"),
    Defect(
        "folds-overlap",
        (),
        "of the official folds: MDD21 to MDD24 and HC41 to HC48 are tested twice",
        "disjoint ones instead; with data.folds=official a session counts once in the scores",
        _FOLDS,
    ),
    Defect("folds-of-video", (), "a second block of folds, of people with video", "not used, and told", _FOLDS),
    Defect("VideoAvailabe", (), "a column so spelt", "read so, or as it should be", _USERS),
    Defect("typing", (), "IDs and columns with spaces, mdd01, numbers as text", "read as they are meant", _PRECAUTION),
    Defect("total-not-sum", (), "PHQtotal is not the sum of the items", "PHQtotal counts, and it is told", _PRECAUTION),
    Defect("MDD-against-ID", (), "column MDD says otherwise than the ID", "it counts, and it is told", _PRECAUTION),
    Defect("answers-unreadable", (), "answers empty, cut off, or without a tracked frame", "left out", _PRECAUTION),
    Defect("strangers", (), "folders without a row, rows with video without a folder", "skipped", _PRECAUTION),
    Defect("two-IDs", (), "an interview under two IDs, byte for byte", "the second one is skipped", _PRECAUTION),
    Defect("two-folders", (), "two folders of a person, two files of an answer", "refused: remove one", _PRECAUTION),
)
CORRECTIONS = corrections_in(DEFECTS)
