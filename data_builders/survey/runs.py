"""Long lists of columns in a few words."""

import re
from collections.abc import Sequence

# What neighbours among columns differ in: a number, alone or before _r and _c, or an axis.
_STEM = re.compile(r"(.*?)([0-9]+|(?<=[TR_])[xyz])((?:_[rc])?)")


def runs(names: Sequence[str]) -> str:
    """ "X_0..67, gaze_0_[x y z], AU[01 02 04]_r": neighbours that differ in one place are put together."""
    parts, i = [], 0
    while i < len(names):
        stem, j = _STEM.fullmatch(names[i]), i + 1
        while j < len(names):
            other = _STEM.fullmatch(names[j])
            if names[j] != names[i] and not (stem and other and stem[1] == other[1] and stem[3] == other[3]):
                break
            j += 1
        parts.append(_together(names[i:j]) if j - i > 1 else names[i])
        i = j
    return ", ".join(parts)


def _together(names: Sequence[str]) -> str:
    if len(set(names)) == 1:
        return f"{names[0]} x {len(names)}"
    places = [_STEM.fullmatch(name) for name in names]
    parts = [place[2] for place in places]
    if not parts[0].isdecimal() or parts != [str(int(parts[0]) + k) for k in range(len(parts))]:
        return f"{places[0][1]}[{' '.join(parts)}]{places[0][3]}"
    return f"{places[0][1]}{parts[0]}..{parts[-1]}{places[0][3]}"
