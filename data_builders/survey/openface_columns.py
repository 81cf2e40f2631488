"""What OpenFace calls its columns, in any version; and words that names of columns are made of."""

import re

from data_builders.survey.headers import Header

KNOWN = re.compile(
    r"frame|face|face_id|timestamp|confidence|success|gaze_[01]_[xyz]|gaze_angle_[xy]|eye_lmk_[xyXYZ]_[0-9]{1,2}"
    r"|pose_[TR][xyz]|[xyXYZ]_[0-9]{1,2}|p_(scale|[rt][xyz]|[0-9]{1,2})|AU[0-9]{2}_[rc]"
)
HEADINGS = (
    "AU CLNF HAMD HAMD-17 HC ID MDD PCL PHQ PHQ-8 PHQ-9 PHQ8 PHQ9 PTSD X Y Z age angle au available binary class "
    "confidence end eye face feature features file fold frame gaze gender group id item label lmk participant pose "
    "score severity sex speaker split start stop subject success sum target text time timestamp total value video"
)


def family(header: Header) -> str:
    """How many columns there are, and which of the three families of headers it is."""
    cells = set(header.cells)
    if not {"frame", "confidence"} <= cells:
        return f"{len(header.cells)} columns, not of OpenFace"
    if not cells & {"timestamp", "success"}:
        return f"{len(header.cells)} columns without timestamp and success"
    return f"{len(header.cells)} columns as of OpenFace {'2.x' if 'face_id' in cells else '0.x or 1.x'}"
