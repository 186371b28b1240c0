"""Which words the lexicon takes: what the lists have and what is written often, less what is a mistake.

A word outside the lists, or an obscure one of theirs, has to be seen more often than it is to be expected as
a slip of far more frequent words.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import OSA

from . import misspellings
from .misspellings import Familiar
from .occurrences import PROOFREAD, Occurrences, is_contraction
from .scowl import LONGEST, Kind, Listed

SINGLE: Final = frozenset("aiurnkyx")  # one-letter words: English has two, the rest is common shorthand
FAMILIAR: Final = 100.0  # occurrences from which a listed word can be what a rare neighbour was meant to be
FAMILIAR_UNLISTED: Final = 1000.0  # the same for a word that no list has
# By letters: how much more often than the channel says a misspelling is made, because long words are
# misspelled in the same way again, and two mistakes in one word are believed.
HABITS: Final = {2: 25.0, 3: 25.0, 4: 25.0, 5: 40.0, 6: 400.0, 7: 2000.0}
HABIT_LONG: Final = 5000.0
RARER: Final = 15.0  # times as frequent a word is at least that one of LONGER letters is a misspelling of
LONGER: Final = 6  # letters
TOGETHER: Final = 40.0  # the same for words that are written together
LONG: Final = 4  # letters
LIKELY_SLIP: Final = 2e-4  # chance of a plain mistake
CONFUSED: Final = 5.0  # times as frequent a word is that an unlisted one of LONG letters is taken for
CONFUSED_LISTED: Final = 40.0  # the same of an obscure listed one
OFTEN_PROOFREAD: Final = 10  # occurrences in edited text that make a word of any shape
HABIT_NAME: Final = 3.0  # the same for what edited text has as a name, or often
SPACE_LEFT_OUT: Final = 0.006  # of all spaces; judgement
SHORT: Final = 3  # letters: everything is one edit from something, so short words need more evidence
SHORT_COMMON: Final = 35  # size up to which listed short words are taken in
SHORT_LISTED: Final = 5  # occurrences a less common one needs
HABIT_LISTED: Final = 8.0  # how much oftener it is seen than it is to be expected as a slip
SHORT_UNLISTED: Final = 25  # the same where no list has it
HIDES: Final = 3.0  # expected slips per sighting from which an obscure listed word hides more than it serves
UNSEEN: Final = 0.3  # sightings that a listed word is granted
WELL_KNOWN: Final = 40  # size up to which a listed word is never obscure
OBSCURE: Final = 70  # size beyond which a word must have been seen
ELSEWHERE_MINIMUM: Final = 4.0  # occurrences of an unlisted word in general English
TWO_LETTERS: Final = 100.0  # the same of two letters: general English has nearly every pair of them
TYPED_MINIMUM: Final = 4  # the same in one corpus
SPREAD_MINIMUM: Final = 3  # the same in several corpora, or in edited text
RESPELLED: Final = 200.0  # times as frequent a word is whose vowels alone an unlisted one of VERY_LONG misses
VERY_LONG: Final = 8  # letters
RARE_PLURAL: Final = 800.0  # times as frequent a singular is whose plural is hardly meant
DRAWN_OUT: Final = 30  # occurrences in the texts of a word with a letter three times in a row
_VOWELS: Final = re.compile("[aeiouy]+")
_DOUBLED: Final = re.compile(r"(.)\1+")
_ENDINGS: Final = frozenset(("s", "es", "ed", "er", "ers", "ing", "'s"))


@dataclass(frozen=True, slots=True)
class Slips:
    """What a word is if it is no word, in everything that was seen and in the texts alone.

    expected, typed: how often it is to be expected. source, typed_source: how often the likeliest is meant.
    """

    expected: float = 0.0
    source: float = 0.0
    typed: float = 0.0
    typed_source: float = 0.0


def familiar_words(
    counts: Mapping[str, float],
    lists: Mapping[str, Listed],
    bare: Mapping[str, str],
    enough: float = FAMILIAR,
    enough_unlisted: float = FAMILIAR_UNLISTED,
) -> Familiar:
    """Return the words that can have been meant by what is typed, with their counts.

    enough, enough_unlisted: occurrences that a listed and an unlisted word needs.
    """
    familiar = {}
    for word, count in counts.items():
        listed = lists.get(word)
        known = listed is not None and listed.size <= OBSCURE and count >= enough
        if (known or count >= enough_unlisted) and word not in bare and len(word) > 1:
            familiar[word] = float(count)
    return Familiar.of(familiar)


def expected_slips(
    words: Iterable[str], familiar: Familiar, channel: NDArray[Any], seen: Occurrences
) -> dict[str, Slips]:
    """Return how often words are to be expected as slips of familiar ones they are not inflections of.

    channel: [EDIT_COUNT] log-probabilities at the rate of mistakes that stay in a text.
    """
    in_texts = np.array([seen.totals.get(word, 0) for word in familiar.words], np.float64)
    expected = {}
    for explanation in misspellings.explain(words, familiar, channel):
        typed, counts = explanation.typed, familiar.counts[explanation.intended]
        related = [_is_related(typed, familiar.words[index]) for index in explanation.intended]
        least = RARER * seen.everywhere(typed) if len(typed) >= LONGER else 0.0
        meant = ~np.array(related) & (counts >= least)
        likely = meant & (explanation.chance >= LIKELY_SLIP)
        meant_in_texts = in_texts[explanation.intended]
        expected[typed] = Slips(
            seen.left * float((counts * explanation.chance)[meant].sum()),
            seen.left * float(counts[likely].max(initial=0)),
            float((meant_in_texts * explanation.chance)[meant].sum()),
            float(meant_in_texts[likely].max(initial=0)),
        )
    return expected


def _is_related(word: str, other: str) -> bool:
    shorter, longer = sorted((word, other), key=len)
    if len(shorter) <= SHORT:
        return False
    return longer.startswith(shorter) and longer[len(shorter) :] in _ENDINGS


def members(
    seen: Occurrences,
    lists: Mapping[str, Listed],
    bare: Mapping[str, str],
    expected: Mapping[str, Slips],
    shown: Mapping[str, str],
) -> set[str]:
    """Return the words of the lexicon. shown: how words are written."""
    refused = {part for word in bare.values() for part in word.split("'")} - lists.keys()
    refused |= respelled(seen, lists, shown)
    words = {
        word
        for word in lists.keys() | seen.words
        if word not in bare
        and not word.endswith("'s")
        and _is_wanted(word, seen, lists, expected, shown, refused)
    }
    contracted = {word for word, listed in lists.items() if is_contraction(word, listed)}
    owned = {word for word, count in seen.totals.items() if word.endswith("'s") and count >= PROOFREAD}
    return words | {word for word in owned if word[:-2] in words} | (contracted & seen.totals.keys())


def _is_wanted(
    word: str,
    seen: Occurrences,
    lists: Mapping[str, Listed],
    expected: Mapping[str, Slips],
    shown: Mapping[str, str],
    refused: Collection[str],
) -> bool:
    if len(word) == 1:
        return word in SINGLE
    count, slips, listed = seen.everywhere(word), expected.get(word, Slips()), lists.get(word)
    if listed is None:
        hardly = word in refused or _is_hardly_meant(word, count, seen, lists)
        return not hardly and _is_believed(word, seen, slips, shown)
    size = listed.size
    if size > WELL_KNOWN and _is_hardly_meant(word, count, seen, lists):
        return False
    if listed.kinds <= {Kind.ABBREVIATIONS, Kind.HACKER} and size > SHORT_COMMON and count < PROOFREAD:
        return False
    if seen.proofread.get(word, 0) > PROOFREAD and seen.corpora[word] > 1:
        return True
    if len(word) <= SHORT:
        return size <= SHORT_COMMON or (count >= SHORT_LISTED and HABIT_LISTED * slips.expected < count)
    if size <= WELL_KNOWN:
        return True
    if slips.source > CONFUSED_LISTED * (count + UNSEEN):
        return False
    if count == 0:
        return False
    if size > OBSCURE:
        return count >= SPREAD_MINIMUM and slips.expected < count
    return slips.expected < HIDES * (count + UNSEEN)


def _is_hardly_meant(word: str, count: float, seen: Occurrences, lists: Mapping[str, Listed]) -> bool:
    """Return whether a plural is so much rarer than its singular that it is rather a mistake: "musics"."""
    base = word[:-1]
    return word.endswith("s") and base in lists and seen.everywhere(base) > RARE_PLURAL * (count + UNSEEN)


def _is_believed(word: str, seen: Occurrences, slips: Slips, shown: Mapping[str, str]) -> bool:
    """Return whether a word that no list has is one all the same, and not a misspelling."""
    count, typed, edited = seen.everywhere(word), seen.totals.get(word, 0), seen.proofread.get(word, 0)
    minimum = SPREAD_MINIMUM if edited >= PROOFREAD or seen.corpora.get(word, 0) > 1 else TYPED_MINIMUM
    enough = typed >= (SHORT_UNLISTED if len(word) <= SHORT else minimum)
    if not enough and seen.elsewhere.get(word, 0.0) < (TWO_LETTERS if len(word) == 2 else ELSEWHERE_MINIMUM):
        return False
    if "'" in word and not enough:
        return False
    drawn_out = any(word[at] == word[at + 1] == word[at + 2] for at in range(len(word) - 2))
    if drawn_out and typed < DRAWN_OUT:
        return False
    named = shown[word] != word and edited >= PROOFREAD
    habit = HABIT_NAME if named or edited >= OFTEN_PROOFREAD else HABITS.get(len(word), HABIT_LONG)
    together = TOGETHER * SPACE_LEFT_OUT * seen.joined.get(word, 0)

    def believed(count: float, expected: float, source: float, joined: float) -> bool:
        confused = not named and len(word) >= LONG and source > CONFUSED * count
        return not confused and expected * habit <= count and joined <= count

    everywhere = believed(count, slips.expected, slips.source, together * seen.beyond)
    return everywhere or (enough and believed(typed, slips.typed, slips.typed_source, together))


def respelled(seen: Occurrences, lists: Mapping[str, Listed], shown: Mapping[str, str]) -> set[str]:
    """Return long words that no list has and that miss the vowels of a listed word, or what it doubles.

    "maintainance", "definetly": two mistakes at most in a word RESPELLED times as frequent, of the same
    consonants and the same first and last letter. The channel, which knows how often an edit is made in any
    word, never expects that many. Not what edited text has as a name.
    """
    known: dict[str, list[str]] = {}
    for word, listed in lists.items():
        if listed.size <= OBSCURE and seen.everywhere(word) >= RESPELLED:
            known.setdefault(_consonants(word), []).append(word)
    return {
        word
        for word in seen.words - lists.keys()
        if len(word) >= VERY_LONG
        and not (shown[word] != word and seen.proofread.get(word, 0) >= PROOFREAD)
        and any(
            seen.everywhere(meant) >= RESPELLED * seen.everywhere(word)
            and OSA.distance(word, meant) <= 2
            and not _is_related(word, meant)
            for meant in known.get(_consonants(word), ())
        )
    }


def _consonants(word: str) -> str:
    # And the first and the last letter, whatever they are; doubled ones once.
    return word[0] + _DOUBLED.sub(r"\1", _VOWELS.sub("", word[1:-1])) + word[-1]


def is_suspect(word: str, listed: Listed | None, seen: Occurrences) -> bool:
    """Return whether it matters how often a word is to be expected as a slip."""
    if word.endswith("'s") or len(word) > LONGEST:
        return False
    if listed is None:
        typed = seen.totals.get(word, 0) >= SPREAD_MINIMUM
        return typed or seen.elsewhere.get(word, 0.0) >= ELSEWHERE_MINIMUM
    return (listed.size > WELL_KNOWN or len(word) <= SHORT) and seen.everywhere(word) > 0
