"""Long lists of columns in a few words, from which they can be told again."""

import pytest

from data_builders.survey.runs import runs


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ([], ""),
        (["frame"], "frame"),
        (["frame", "X_0", "X_1", "X_2", "Y_0", "Y_1"], "frame, X_0..2, Y_0..1"),
        (["X3", "X4", "X6"], "X[3 4 6]"),
        (["AU01_r", "AU02_r", "AU01_c", "AU28_c"], "AU[01 02]_r, AU[01 28]_c"),
        (["gaze_0_x", "gaze_0_y", "gaze_0_z", "gaze_1_x"], "gaze_0_[x y z], gaze_1_x"),
        (["(float)", "(float)", "(text)"], "(float) x 2, (text)"),
        (["x_0", "y_0"], "x_0, y_0"),
        (["Participant_ID", "Gender"], "Participant_ID, Gender"),
    ],
)
def test_runs(names, said):
    assert runs(names) == said
