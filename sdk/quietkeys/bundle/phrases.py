"""Words typed as one: which phrases a run of letters may be, and which negation it carries.

Contractions are typed without their apostrophe ("imnot"). Which these are follows from the lexicon: its words
with an apostrophe, less the apostrophe. A correction must not turn a negation into its opposite: what carries
one is corrected to something that carries one, or not at all.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache, partial
from itertools import product
from typing import TYPE_CHECKING, Final

from quietkeys.arrays import Bool

if TYPE_CHECKING:
    from quietkeys.bundle.lexicon import Lexicon

_WEIGHED: Final = 6  # phrases, for one typed word
_SHORTEST: Final = 3  # letters
_SINGLE: Final = frozenset("ai")  # letters that are words
RAREST: Final = -12.5  # nats; log-frequency of the rarer of two words, below which a split is hardly meant
_OFTEN: Final = -10.0  # nats; the same of the rarest of three, and of what comes after a negation
_NEAR_SPACE: Final = frozenset("xcvbnm")  # keys above the space bar
_NOT: Final = frozenset(("not", "cannot"))
_END: Final = re.compile("nt")  # of a negation without its apostrophe
_HAVE: Final = "ve"  # which may follow: "wouldntve"


def bare_forms(words: Sequence[str], offensive: Bool) -> dict[str, str]:
    """Return the commonest word with an apostrophe by the letters that it leaves without: "im" -> "i'm".

    words: by falling frequency. offensive: [V] which are left out.
    """
    found: dict[str, str] = {}
    for identity, word in enumerate(words):
        if "'" in word and not offensive[identity]:
            found.setdefault(word.replace("'", ""), word)
    return found


def phrases(lexicon: Lexicon, typed: str) -> list[str]:
    """Return the likeliest words that were typed as one, split by spaces: at most six times two or three.

    "ofthe", "imnot", "idontknow", or "thankbyou", where a key above the space bar was hit.
    """
    found: dict[str, float] = {}
    readings = cache(partial(_readings, lexicon))  # of a part, which more than one split may have
    for cut in range(1, len(typed)) if len(typed) >= _SHORTEST else ():
        first, rest = readings(typed[:cut]), typed[cut:]
        if not first:
            continue
        splits = [[first, readings(rest)]]
        if rest[0] in _NEAR_SPACE:
            splits.append([first, readings(rest[1:])])
        for size in range(1, len(rest)):
            three = [first, readings(rest[:size]), readings(rest[size:])]
            if all(three) and min(max(part.values()) for part in three) >= _OFTEN:
                splits.append(three)
        for parts in splits:
            for words in product(*map(dict.items, parts)):
                found[" ".join(word for word, _ in words)] = sum(chance for _, chance in words)
    return sorted(found, key=found.__getitem__, reverse=True)[:_WEIGHED]


def loses_negation(lexicon: Lexicon, typed: str, word: str) -> bool:
    """Return whether a word, or phrase, lacks the negation that a typed word carries.

    That it carries one is certain ("dont", "wouldnt've", "imnot", "idontknow"), or this word is what would be
    left of it: "does" of "dosnt", "no there" of "nothere".
    """
    if word == typed or _negates(word) or not ("nt" in typed or "n't" in typed or "not" in typed):
        return False
    if typed not in lexicon.index:
        whole = f"{word}n't" in lexicon.index or f"{word}'t" in lexicon.index
        if whole and typed.endswith(("nt", "n't", "not")):
            return True
        if " " in word and typed.startswith("not") and _readings(lexicon, typed[3:]):
            return True
    return _carries_negation(lexicon, typed)


def _carries_negation(lexicon: Lexicon, typed: str) -> bool:
    letters = typed.replace("'", "")
    if _negates(typed) or _is_bare_negation(lexicon, letters):
        return True
    if typed in lexicon.index:
        return False
    for ended in _END.finditer(letters):
        end, after = ended.end(), letters[ended.end() :]
        starts = [start for start in range(end) if _is_bare_negation(lexicon, letters[start:end])]
        # Behind it comes a common word: "dontgo"; not "ed", which is a name, but an ending in "wonted".
        follows = (
            not after or after == _HAVE or max(_readings(lexicon, after).values(), default=-1e10) >= _OFTEN
        )
        if follows and any(not start or _readings(lexicon, letters[:start]) for start in starts):
            return True
    return letters.endswith("not") and bool(_readings(lexicon, letters[:-3]))


def _is_bare_negation(lexicon: Lexicon, letters: str) -> bool:
    # "dont", and "wont", which is a rare word besides; not "ant", though there is an "an't".
    meant = lexicon.bare.get(letters, "")
    return _negates(meant) and lexicon.log_frequency(meant) > lexicon.log_frequency(letters)


def _negates(text: str) -> bool:
    return any("n't" in word or word in _NOT for word in text.split())


def _readings(lexicon: Lexicon, letters: str) -> dict[str, float]:
    # The words that a part of a phrase may be, with their log-frequency: itself, and one with an apostrophe.
    found: dict[str, float] = {}
    for word in (letters, lexicon.bare.get(letters, "")):
        identity = lexicon.index.get(word)
        if identity is None or lexicon.tables.offensive[identity] or (len(word) == 1 and word not in _SINGLE):
            continue
        frequency = float(lexicon.tables.log_frequency[identity])
        if frequency >= RAREST:
            found[word] = frequency
    return found
