"""What is the user's own: inflections of words that the lexicon lacks, slips among them, and spelling."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from rapidfuzz.distance import OSA

from quietkeys.arrays import Float64
from quietkeys.bundle.lexicon import RESERVED, Lexicon
from quietkeys.prediction.model import Model
from quietkeys.profile.memory import Memory

SHORTEST: Final = 3  # letters of a word that has endings
SLIP_ODDS: Final = 6.5  # nats by which a slip has to be likelier than a word of the user's own
INSISTED: Final = 19.5  # keeps, decayed, from which what looks like a slip is meant: twenty
_CLITICS: Final = ("'s", "'d", "'ll", "'")
_LONGEST: Final = 4  # letters that an ending takes the place of or adds: a doubled one and "ing"
_VOWEL: Final = re.compile("[aeiouy]+")
_CLOSED: Final = re.compile("(?:^|[^aeiou])[aeiouy][^aeiouhwxy]$")  # may double its last letter: "hop"
_HISSING: Final = ("s", "x", "z", "ch", "sh")


def inflections(word: str, is_name: bool = False) -> frozenset[str]:
    """Return what regular English makes of a lower-case word: of a name its plural and what it owns."""
    found = {word + clitic for clitic in _CLITICS}
    if len(word) < SHORTEST:
        return frozenset(found)
    changes_y = word.endswith("y") and word[-2] not in "aeiou"
    if changes_y and not is_name:
        found.add(word[:-1] + "ies")
    else:
        found.add(word + ("es" if word.endswith(_HISSING) else "s"))
    if is_name or not _VOWEL.search(word.removesuffix("e")):
        return frozenset(found)
    stem = word[:-1] + "i" if changes_y else word.removesuffix("e")
    doubled = word + word[-1] if _CLOSED.search(word) else stem
    stems = {doubled} if len(_VOWEL.findall(word)) == 1 else {stem, doubled}
    found |= {one + ending for one in stems for ending in ("ed", "er", "ers")}
    keeps_all = changes_y or word.endswith(("ee", "oe", "ye"))
    return frozenset(found | {one + "ing" for one in ({word} if keeps_all else stems)})


def own_stem(memory: Memory, word: str) -> str | None:
    """Return the word of the user's own that a lower-case word is inflected of, None if it is of none."""
    for size in range(1, min(_LONGEST, len(word) - 1) + 1):
        start = word[:-size]
        for stem in (start, start + "e", start + "y"):
            if stem in memory.own_words:
                is_name = (memory.form(stem) or stem)[:1].isupper()
                if word in inflections(stem, is_name):
                    return stem
    return None


def inflected_like(stem: str, shown: str, word: str) -> str:
    """Return a word that is inflected of a stem, written as the stem is: "openbsd's" -> "OpenBSD's"."""
    kept = len(stem) if word.startswith(stem) else len(stem) - 1  # an "e" or "y" gave way
    return shown[:kept] + word[kept:]


def slipped_from(model: Model, word: str, log_own: float) -> tuple[str, ...]:
    """Return the far commoner words, one edit away, that a word which the lexicon lacks may be a slip of.

    log_own: log P of the word as one that the lexicon lacks, nats. A slip is as likely as the word that is
    meant, times the channel's chance of that slip; it has to be SLIP_ODDS likelier than a word of its own.
    """
    found = model.search.near(word)
    near = [
        place
        for place, (other, identity) in enumerate(zip(found.words, found.ids, strict=True))
        if identity >= RESERVED and OSA.distance(word, other) == 1
    ]
    frequency = model.search.lexicon.tables.log_frequency[found.ids[near]]
    likelier = frequency + found.channel[near] > log_own + SLIP_ODDS
    return tuple(found.words[place] for place, is_likelier in zip(near, likelier, strict=True) if is_likelier)


def is_slip(memory: Memory, word: str, meant: Sequence[str]) -> bool:
    """Return whether a word of the user's own is rather a slip. meant: what it is `slipped_from`.

    Not if it was kept INSISTED times and more often than all that it can be a slip of: nobody misses a word
    oftener than not, again and again, who knows it.
    """
    kept = memory.count((word,))
    return bool(meant) and (kept < INSISTED or kept <= sum(memory.count((other,)) for other in meant))


def shared_out(
    memory: Memory,
    lexicon: Lexicon,
    words: Sequence[str],
    language: Float64,
    log_chance: Callable[[str], float],
    typed: str,
) -> Float64:
    """Return log P [K] of words, nats, with British and American spellings as this user spells.

    What "colour" and "color" have together is shared out by how many words the user has kept of either side,
    and their own share counts as one more. language: [K] log P before. log_chance: of the other spelling.
    typed: stays as it is, so that both are left alone.
    """
    result = language.copy()
    kept = {side: memory.spelled(side) for side in (1, -1)}
    for place, word in enumerate(words):
        other = "" if word == typed else lexicon.other_spelling(word)
        if other:
            both = np.logaddexp(language[place], log_chance(other))
            own = np.exp(language[place] - both)
            result[place] = both + np.log((kept[lexicon.side(word)] + own) / (kept[1] + kept[-1] + 1.0))
    return result
