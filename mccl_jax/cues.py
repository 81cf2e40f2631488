"""The vocabulary of facial cues that every room of the house shares.

A cue is an array (frames, points, channels) that a face tracker wrote. `Cue` names its points, its channels and its
units, so that a data set, a model and a recording can be compared by what they mean, not by their shapes alone.
Sources: OpenFace wiki, "Output Format"; DAIC-WOZ manual (CLNF features); AVEC 2019 (E-DAIC's features).
"""

import dataclasses
from collections.abc import Mapping

from mccl_jax.errors import UserError


@dataclasses.dataclass(frozen=True)
class Cue:
    """What one cue holds: `points` along axis 1, `channels` along axis 2, `units` as the tool writes them."""

    name: str
    points: tuple[str, ...]
    channels: tuple[str, ...]
    units: str

    @property
    def shape(self) -> tuple[int, int]:
        """(V, C): points and channels."""
        return len(self.points), len(self.channels)


# Action units with an intensity (0..5) in OpenFace 2.x.
OPENFACE_AUS = tuple(f"AU{n:02d}" for n in (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 25, 26, 45))
# The 14 of DAIC-WOZ's older tracker: the common set that makes a model portable across corpora.
DAIC_WOZ_AUS = tuple(au for au in OPENFACE_AUS if au not in ("AU07", "AU23", "AU45"))

_XYZ = ("x", "y", "z")

LANDMARKS = Cue("landmarks", tuple(str(i) for i in range(68)), _XYZ, "mm, camera frame")
GAZE = Cue("gaze", ("left eye", "right eye"), _XYZ, "unit vectors, camera frame")
POSE = Cue("pose", ("translation", "rotation"), _XYZ, "mm and rad, camera frame")
AUS = Cue("aus", OPENFACE_AUS, ("intensity",), "0..5")

# The cues of OpenFace 2.x, in the order in which the model reads them.
OPENFACE_CUES = {cue.name: cue for cue in (LANDMARKS, GAZE, POSE, AUS)}

# The cues of DAIC-WOZ's tracker (CLNF, OpenFace's predecessor). Its gaze stands there twice: as the camera sees it, and
# as seen from the head; a point that is in the head's frame says so.
HEAD_FRAME = ", head frame"
DAIC_WOZ_GAZE = Cue("gaze", (*GAZE.points, *(eye + HEAD_FRAME for eye in GAZE.points)), _XYZ, GAZE.units)
DAIC_WOZ_CUES = {
    cue.name: cue for cue in (LANDMARKS, DAIC_WOZ_GAZE, POSE, Cue("aus", DAIC_WOZ_AUS, ("intensity",), "0..5"))
}

# The cues of E-DAIC, which has no landmarks. In their place stands what a network made of the face: the activations of
# a ResNet-50 behind its last pooling, each of them a point. That two of them are neighbours means nothing.
DEEP = Cue("deep", tuple(f"resnet50_{i}" for i in range(2048)), ("activation",), "CNN activations")
E_DAIC_CUES = {cue.name: cue for cue in (DEEP, GAZE, POSE, AUS)}

# Landmarks (0-based, the 68-point scheme) that the face's muscles hardly move: nose bridge and eye corners.
BONY_POINTS = (27, 28, 29, 30, 36, 39, 42, 45)
# Corners of the right and the left eye; an eye's place is the mean of its two corners.
EYE_CORNERS = ((36, 39), (42, 45))
# Regions of the face and their landmarks, by the layout of iBUG's 68 points (Sagonas et al. 2013).
FACIAL_REGIONS = {
    "contour": range(0, 17),
    "brows": range(17, 27),
    "nose": range(27, 36),
    "eyes": range(36, 48),
    "lips": range(48, 68),
}


def shared_cues(one: Mapping[str, Cue], other: Mapping[str, Cue]) -> dict[str, Cue]:
    """The cues that both have, each with the points that both have: names and order are those of `one`.

    Points are compared by name. Raises UserError where a cue of both has other channels or units, or no point in
    common, and where there is no cue in common.
    """
    found = {}
    for name, cue in one.items():
        if name not in other:
            continue
        if (cue.channels, cue.units) != (other[name].channels, other[name].units):
            raise UserError(f"{differences({name: cue}, other)[0]}: leave {name} out of the cues")
        points = tuple(point for point in cue.points if point in other[name].points)
        if not points:
            raise UserError(
                f"{name} has {_few(cue.points)} and {_few(other[name].points)}, none of them in both: "
                f"leave {name} out of the cues"
            )
        found[name] = dataclasses.replace(cue, points=points)
    if not found:
        raise UserError(f"no cue is in both of {', '.join(one)} and {', '.join(other)}; expected one at least")
    return found


def differences(expected: Mapping[str, Cue], found: Mapping[str, Cue]) -> list[str]:
    """Says, cue by cue, how `found` differs from `expected`; empty where they mean the same."""
    said = []
    for name, cue in expected.items():
        other = found.get(name)
        if other is None:
            said.append(f"{name} is missing")
        elif other.channels != cue.channels or other.units != cue.units:
            said.append(f"{name} has {other.channels} in {other.units}, expected {cue.channels} in {cue.units}")
        elif other.points != cue.points:
            said.append(f"{name} has {_few(other.points)}, expected {_few(cue.points)}")
    said += [f"{name} is not expected" for name in found if name not in expected]
    return said


def _few(points: tuple[str, ...]) -> str:
    listed = ", ".join(points if len(points) <= 20 else (*points[:3], "..."))
    return f"{len(points)} points ({listed})"
