"""When a word that can be a name is written as one: "in March" and "we march", "Mr Baker" and "the baker".

What a word is by itself and what the word before it says are weighed as log-odds (naive Bayes): how often
it is written with its capital within sentences, and how much oftener a name follows the word before than
another word does. Counted in the texts, by the rules of `casing`; where they are silent, the lists speak.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from quietkeys.arrays import Float64
from quietkeys.bundle.lexicon import SURE_CAPITAL
from quietkeys.text.tokens import is_correctable

from .casing import EDGES, ENOUGH, RARE_SMALL, Forms, written_words
from .scowl import Kind, Listed

CERTAIN: Final = 16.0  # nats; of what is never written small
AMBIGUOUS: Final = (
    1.0  # nats; the most for a word that is as common written small: its context has to say more
)
NAME_SIZE: Final = 50  # size up to which a list's name makes a word that can be one
TYPED_CAPITALS: Final = 3.0  # times as often as small an acronym is written that always has its capitals
SAYS: Final = 6.0  # occurrences within sentences that the lists count for
LISTED_ODDS: Final = 2.2  # nats; what the lists say of a word that they have small, or as a name, alone
SIZES: Final = 15.0  # by how much larger a size is that halves, twice, the odds of a form
SHRINKING: Final = 8.0  # occurrences that the average counts for in what follows a word
NO_OWNERS: Final = frozenset(("i", "let"))
FOLLOWED: Final = 4.0  # nats; the most that a word says of what follows
COMMON_WORDS: Final = 300  # the commonest, function words mostly, say nothing of where nouns stand


@dataclass(frozen=True, slots=True)
class Casing:
    """How the texts write words within sentences.

    forms: as in `casing.collect_forms`. named, small: how often a capital, and a word in small letters that
    is not one of the commonest, comes after each word.
    """

    forms: Forms
    named: Mapping[str, int]
    small: Mapping[str, int]


def collect(lines: Iterable[str], common: Collection[str]) -> Casing:
    """Return how raw lines write words. common: the commonest words, which are no nouns."""
    forms: dict[str, Counter[str]] = {}
    named: Counter[str] = Counter()
    small: Counter[str] = Counter()
    for before, form in written_words(lines):
        word = form.lower()
        forms.setdefault(word, Counter())[form] += 1
        previous = EDGES.sub("", before).lower()
        if word in common or not is_correctable(previous):
            continue
        if form == word:
            small[previous] += 1
        elif form[0] != word[0]:
            named[previous] += 1
    return Casing(forms, named, small)


def capitals(
    words: Sequence[str], written: Casing, lists: Mapping[str, Listed], shown: Mapping[str, str]
) -> tuple[list[str], Float64, Float64]:
    """Return (how the words are written as names, their log-odds of it [N], what they say of the next [N]).

    shown: how each is written by itself (`casing.displays`). A possessive is written like its owner.
    """
    display, odds = [], np.zeros(len(words))
    for place, word in enumerate(words):
        owner, mark, rest = word.partition("'")
        owned = rest == "s" and owner not in NO_OWNERS
        key = owner if owned else word
        by_itself = shown[word].removesuffix("'s") if owned else shown[word]
        form, odds[place] = _as_name(key, by_itself, written.forms.get(key, Counter()), lists.get(key))
        display.append(form + mark + rest if owned else form)
    return display, odds, _said_of_next(words, written, odds)


def _as_name(word: str, shown: str, seen: Counter[str], listed: Listed | None) -> tuple[str, float]:
    """Return (the form with capitals that a word can have, the log-odds of that form within a sentence).

    Of an acronym the word before says nothing: it has its capitals always or never.
    """
    names = {} if listed is None else dict(listed.forms)
    small = names.pop(word, None)
    first = min(names.values(), default=None)
    if shown != word:
        name = shown
    elif small is None or first is None or first > NAME_SIZE:
        return word, 0.0
    else:
        name = max((form for form in names if names[form] == first), key=lambda form: (seen[form], form))
    capital = seen.total() - seen[word]
    if len(word) > 1 and name == name.upper():
        sure = capital >= max(ENOUGH, TYPED_CAPITALS * seen[word])
        if small is not None:
            return word, 0.0
        return name, CERTAIN if sure else -FOLLOWED
    written = capital >= max(ENOUGH, seen[word])
    if small is not None and first is not None and written and small >= first + RARE_SMALL:
        small = None
    common_name = (
        first is not None and first <= NAME_SIZE and listed is not None and listed.kinds != {Kind.NAMES}
    )
    sure = listed is not None and small is None and (written or common_name)
    if name == "I" or name.startswith("I'") or sure:
        return name, CERTAIN
    share = _share(_listed_odds(small, first))
    odds = math.log((capital + SAYS * share) / (seen[word] + SAYS * (1.0 - share)))
    if odds + FOLLOWED <= SURE_CAPITAL:  # nothing that can come before would give it its capital
        return word, 0.0
    as_common = small is not None and first is not None and small <= first
    return name, min(odds, AMBIGUOUS) if as_common else odds


def _listed_odds(small: int | None, name: int | None) -> float:
    """Return what the lists say of a word, by the sizes of the smallest that have it small and as a name."""
    if small is None:
        return LISTED_ODDS if name is None or name <= NAME_SIZE else LISTED_ODDS / 2.0
    if name is None:
        return -LISTED_ODDS
    return float(np.clip((small - name) / SIZES * math.log(4.0), -LISTED_ODDS, LISTED_ODDS))


def _said_of_next(words: Sequence[str], written: Casing, odds: Float64) -> Float64:
    """Return [N] by how much a name is likelier after each word than on average, nats.

    Shrunk to the average, and for a word that is a name itself to that of names.
    """
    named, small = written.named, written.small
    is_name = odds >= CERTAIN / 2
    names = [word for word, one in zip(words, is_name, strict=True) if one]
    average = _log_ratio(sum(named.values()), sum(small.values()))
    of_names = _log_ratio(
        sum(named.get(word, 0) for word in names), sum(small.get(word, 0) for word in names)
    )
    result = np.zeros(len(words))
    for place, word in enumerate(words):
        share = _share(of_names if is_name[place] else average)
        capital = named.get(word, 0) + SHRINKING * share
        ratio = _log_ratio(capital, small.get(word, 0) + SHRINKING * (1.0 - share))
        result[place] = np.clip(ratio - average, -FOLLOWED, FOLLOWED)
    return result


def _share(log_odds: float) -> float:
    return 1.0 / (1.0 + math.exp(-log_odds))


def _log_ratio(one: float, other: float) -> float:
    return math.log(max(one, 1e-3) / max(other, 1e-3))
