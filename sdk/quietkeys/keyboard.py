"""The QWERTY key grid: key centres, neighbours and hands.

Units: x in key widths, y in key heights, origin at the centre of Q, y growing downwards.
Rows are staggered by 0, 1/2 and 3/2 key widths, as on phone keyboards.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"
_ROWS: Final = (("qwertyuiop", 0.0), ("asdfghjkl", 0.5), ("zxcvbnm", 1.5))
_KEYS: Final = frozenset(LETTERS)
LEFT_HAND: Final = frozenset("qwertasdfgzxcvb")


def _key_centres() -> NDArray[np.float64]:
    centres = np.zeros((len(LETTERS), 2))
    for row, (keys, stagger) in enumerate(_ROWS):
        for column, key in enumerate(keys):
            centres[LETTERS.index(key)] = (column + stagger, row)
    return centres


KEY_CENTRES: Final = _key_centres()  # [26, 2] (x, y)


def nearest_key(points: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the letter index whose key cell holds each point.

    points: [..., 2] (x, y). Cells are the Voronoi cells of the key centres, so a touch outside
    the letters counts for the closest letter.
    """
    distances = ((points[..., None, :] - KEY_CENTRES) ** 2).sum(-1)  # [..., 26]
    nearest: NDArray[np.int64] = distances.argmin(-1)
    return nearest


def are_adjacent(first: str, second: str) -> bool:
    """Return whether two letters have keys that touch (centres at most 1.2 key widths apart)."""
    if first == second or not {first, second} <= _KEYS:
        return False
    delta = KEY_CENTRES[LETTERS.index(first)] - KEY_CENTRES[LETTERS.index(second)]
    return bool(np.hypot(*delta) <= 1.2)


def same_hand(first: str, second: str) -> bool:
    """Return whether two characters are typed by the same hand on a split keyboard."""
    return (first in LEFT_HAND) == (second in LEFT_HAND)
