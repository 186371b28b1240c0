"""The letters of words as sets of bits: which words can be near a typed one, before any is compared with it.

An edit (a letter put in, left out or replaced, two exchanged) takes at most one letter out of a word's bag of
letters and puts at most one in. So words at most d edits apart differ by at most d letters each way: the bag
distance of Bartolini, Ciaccia and Patella (2002, "String matching with metric trees using an approximate
distance"). Here a bag tells one letter from none and two from one, and takes all characters that are no
letters for one: that can only make two bags more alike, so no near word is passed over.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from quietkeys.arrays import Bool, Int64

Bags = NDArray[np.uint64]

_LETTERS: Final = 26
_KINDS: Final = 32  # bits of a half; the letters, one for all else, the rest unused
_AT_A_TIME: Final = 8192  # words, so that their counts are a few megabytes
_ONE: Final = np.uint64(1)


def bags_of(words: Sequence[str]) -> Bags:
    """Return the bags [V] of lower-case words."""
    parts = [_bags(words[start : start + _AT_A_TIME]) for start in range(0, len(words), _AT_A_TIME)]
    return np.concatenate([np.zeros(0, dtype=np.uint64), *parts])


def within(bags: Bags, typed: str, distance: int) -> Int64:
    """Return the positions in `bags` of the words that may be at most so many edits from a lower-case one."""
    (own,) = bags_of([typed])
    found = np.flatnonzero(_at_most(bags & ~own, distance))
    return found[_at_most(~bags[found] & own, distance)]


def _bags(words: Sequence[str]) -> Bags:
    # The lower half of a bag says of each kind of character that the word has one, the upper that it has two.
    kinds = np.frombuffer("".join(words).encode("utf-32-le", "surrogatepass"), dtype="<u4").astype(
        np.int64
    ) - ord("a")
    kinds[(kinds < 0) | (kinds >= _LETTERS)] = _LETTERS
    owner = np.repeat(np.arange(len(words)), np.fromiter(map(len, words), np.int64, len(words)))
    counts = np.bincount(owner * _KINDS + kinds, minlength=len(words) * _KINDS).reshape(-1, 1, _KINDS)
    has = np.packbits(counts >= np.array([[1], [2]]), axis=2)  # [V, 2, 4]
    return has.reshape(-1, 8).view(np.uint64).ravel()


def _at_most(sets: Bags, count: int) -> Bool:
    # Whether at most so many bits are set; writes over `sets`, whose lowest bit each turn takes away.
    for _ in range(count):
        sets &= sets - _ONE
    few: Bool = sets == 0
    return few
