"""The words that autocorrect knows, how they are written, how common they are, and which are offensive.

The word lists of SCOWL, and what the training texts have besides if it is no misspelling of something far
more frequent. Keys are in lower case, letters and inner apostrophes. Ids: 0 is the sentence start, 1 any word
outside the lexicon, then words by falling frequency.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from quietkeys.arrays import Bool, Float32

from . import casing
from .capitals import Casing, capitals
from .frequencies import PER
from .membership import expected_slips, familiar_words, is_suspect, members
from .occurrences import PROOFREAD, Occurrences, bare_contractions
from .offensive import offensive_words
from .scowl import Listed

START: Final = "<s>"
UNKNOWN: Final = "<unk>"
SPECIAL: Final = (START, UNKNOWN)
RAREST: Final = 1e-9  # probability of the special ones, which nobody types

LIMIT: Final = 150_000  # words
SINGLE: Final = frozenset("aiurnkyx")  # one-letter words: English has two, the rest is common shorthand
PRIOR_WORDS: Final = 200.0  # words that the rate of all sizes counts for in that of one size
UNSEEN_MOST: Final = 0.5  # occurrences in the texts that a word of general English counts for there at most
UNSEEN_LEAST: Final = 0.01  # the least that any word counts for there
UNLISTED_ELSEWHERE: Final = 0.5  # occurrences that a word counts for which general English hardly has
USUAL: Final = 9  # letters of a rare word: which of the equally rare are kept where the limit cuts


@dataclass(frozen=True, slots=True)
class Lexicon:
    """Words by id, the first two special. V words.

    display: as they are written. keys: in lower case, unique. log_frequency: [V] nats, the share of words
    outside left over. offensive: [V]. capital, name_after: [V] nats, of `WordTables`.
    """

    display: tuple[str, ...]
    keys: tuple[str, ...]
    log_frequency: Float32
    offensive: Bool
    capital: Float32
    name_after: Float32


def pseudo_counts(seen: Occurrences, lists: Mapping[str, Listed], words: Iterable[str]) -> dict[str, float]:
    """Return how often each listed word is to be expected if it was never seen.

    Each corpus in turn is held out: how many words of one size has it that no other corpus has, of those that
    it could have? That is Good and Turing's question, asked across origins because texts of one origin repeat
    themselves; for the same reason a word counts once. A corpus stands for its share of all text. Inflections
    are judged by themselves; a larger size never gets more than a smaller one.
    """
    sizes = {name: sum(counts.values()) for name, counts in seen.by_corpus.items()}
    everything = sum(sizes.values())
    groups = {word: (_is_derived(word, lists), lists[word].size) for word in words if word in lists}
    found: Counter[tuple[bool, int]] = Counter()
    possible: dict[tuple[bool, int], float] = {}
    for word, group in groups.items():
        where = [name for name, counts in seen.by_corpus.items() if word in counts]
        if len(where) <= 1:
            found[group] += len(where)
            share = sizes[where[0]] / everything if where else 1.0
            possible[group] = possible.get(group, 0.0) + share
    overall = (found.total() + 1) / (sum(possible.values()) + PRIOR_WORDS)
    rates: dict[tuple[bool, int], float] = {}
    for group in sorted(possible):
        rate = (found[group] + PRIOR_WORDS * overall) / (possible[group] + PRIOR_WORDS)
        commoner = [rates[other] for other in rates if other[0] == group[0]]
        rates[group] = min([rate, *commoner])
    return {word: rates.get(group, overall) for word, group in groups.items()}


def build_lexicon(
    seen: Occurrences,
    lists: Mapping[str, Listed],
    written: Casing,
    phrases: Iterable[str],
    channel: NDArray[Any],
    also: Collection[str] = (),
    limit: int = LIMIT,
) -> Lexicon:
    """Return the lexicon of texts and word lists.

    written: how the texts write words (`capitals.collect`). phrases: offensive ones
    (`offensive.package_words`). channel: [EDIT_COUNT] at the rate of mistakes that stay in a text.
    also: words to take in whatever speaks against them, if a text or a list has them.
    """
    bare = bare_contractions(seen, lists)
    everywhere = {word: seen.everywhere(word) for word in seen.words}
    familiar = familiar_words(everywhere, lists, bare)
    candidates = lists.keys() | seen.words
    suspects = [word for word in candidates if is_suspect(word, lists.get(word), seen)]
    expected = expected_slips(suspects, familiar, channel, seen)
    shown = casing.displays(sorted(candidates), written.forms, lists)
    known = members(seen, lists, bare, expected, shown)
    known |= set(also) & candidates - bare.keys()
    sure = known | {word for word in seen.words if seen.everywhere(word) >= PROOFREAD}
    offensive = offensive_words(sorted(sure), phrases)
    words = sorted(known | offensive)  # offensive ones are known so that they are left alone
    frequency = frequencies(words, seen, lists)
    order = sorted(words, key=lambda word: (-frequency[word], abs(len(word) - USUAL), word))
    cut = set([word for word in order if word not in offensive][max(limit - len(offensive), 0) :])
    kept = [word for word in order if word not in cut]
    display, capital, name_after = capitals(kept, written, lists, shown)
    total = sum(frequency.values())
    inside = 1.0 - outside_share(seen, frequency)
    shares = [RAREST, RAREST, *(inside * frequency[word] / total for word in kept)]
    return Lexicon(
        display=(*SPECIAL, *display),
        keys=(*SPECIAL, *kept),
        log_frequency=np.log(shares).astype(np.float32),
        offensive=np.array([False, False, *(word in offensive for word in kept)]),
        capital=np.concatenate([[0.0, 0.0], capital]).astype(np.float32),
        name_after=np.concatenate([[0.0, 0.0], name_after]).astype(np.float32),
    )


def frequencies(words: Collection[str], seen: Occurrences, lists: Mapping[str, Listed]) -> dict[str, float]:
    """Return the share of each word: the geometric mean of that in the texts and that in general English.

    So what only one of them is full of, as the games of the transcripts, is rarer than there. What the texts
    lack has there what is to be expected of it.
    """
    pseudo = pseudo_counts(seen, lists, words)
    everything = sum(seen.general.values())
    result = {}
    for word in words:
        elsewhere = seen.elsewhere.get(word, 0.0)
        unseen = min(UNSEEN_MOST, elsewhere * everything / PER) if elsewhere else pseudo.get(word, 0.0)
        in_texts = (seen.general.get(word, 0.0) + max(unseen, UNSEEN_LEAST)) / everything
        result[word] = (in_texts * max(elsewhere, UNLISTED_ELSEWHERE) / PER) ** 0.5
    return result


def outside_share(seen: Occurrences, known: Collection[str]) -> float:
    """Return the share of the texts' words that the lexicon lacks."""
    outside = sum(count for word, count in seen.general.items() if word not in known)
    return outside / sum(seen.general.values())


def _is_derived(word: str, lists: Mapping[str, Listed]) -> bool:
    """Return whether a list has what the word is an inflection of."""
    return any(
        word.endswith(ending) and word[: -len(ending)] in lists
        for ending in ("s", "es", "ed", "ing", "ly", "ness")
    )


def outside_words(
    seen: Occurrences, known: Iterable[str], written: Casing, bare: Collection[str]
) -> dict[str, int]:
    """Return the words of letters that texts have and that are not known, with counts; names left out."""
    known, nothing = {*known, *bare}, Counter[str]()
    return {
        word: count
        for word, count in seen.totals.items()
        if word not in known
        and word.isalpha()
        and casing.display(word, written.forms.get(word, nothing), None) == word
    }


def write_lexicon(words: Iterable[str]) -> str:
    """Return the text of a lexicon file: one word a line, line number = id."""
    return "\n".join(words) + "\n"
