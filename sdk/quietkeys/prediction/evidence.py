"""What local memory and the literal say about each candidate, as numbers the ranker weighs.

One row per candidate, one column per name in `EVIDENCE`. Values are bounded, so that no single word
can dominate an update.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from quietkeys.profile.memory import Memory

EVIDENCE: Final = (
    "literal_known",  # the literal, a lexicon word
    "literal_new",  # the literal, neither in the lexicon nor kept before
    "literal_own",  # the literal, kept before: log(1 + count) / 3, at most 2
    "own_word",  # a personal dictionary word that was not typed literally
    "recent",  # exp(-words since it was last typed / 500)
    "extra_edits",  # edits beyond the first, at most 3
    "first_letter",  # the first letter was not hit
    "short",  # a change of a word of at most three letters
)
_RECENT: Final = 500.0  # words


def evidence_row(memory: Memory, word: str, typed: str, in_lexicon: bool, edit_count: int) -> list[float]:
    """Return the evidence of one candidate, in the order of `EVIDENCE`."""
    count, age = memory.count((word,)), memory.age(word)
    literal = word == typed
    if literal and not in_lexicon and count <= 0.0:
        count = float(memory.kept_before(word))
    own = min(math.log1p(count) / 3.0, 2.0)
    return [
        float(literal and in_lexicon),
        float(literal and not in_lexicon and count <= 0.0),
        own if literal and count > 0.0 else 0.0,
        float(not literal and not in_lexicon),
        math.exp(-age / _RECENT),
        float(min(max(edit_count - 1, 0), 3)),
        float(not literal and word[:1] != typed[:1]),
        float(not literal and len(typed) <= 3),
    ]


def evidence_table(
    memory: Memory,
    candidates: Sequence[str],
    typed: str,
    in_lexicon: Sequence[bool],
    edit_counts: Sequence[int],
) -> NDArray[np.float32]:
    """Return [K, len(EVIDENCE)] evidence of all candidates."""
    rows = [
        evidence_row(memory, word, typed, known, count)
        for word, known, count in zip(candidates, in_lexicon, edit_counts, strict=True)
    ]
    return np.array(rows, dtype=np.float32).reshape(len(rows), len(EVIDENCE))
