"""The vocabulary: which words of the training text are words, and the file that carries them.

Ids: 0 is the sentence start, 1 any word outside the lexicon, then words by falling frequency.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from quietkeys.tokens import is_correctable

START = "<s>"
UNKNOWN = "<unk>"
SPECIAL = (START, UNKNOWN)

LIMIT = 40_000  # words; DESIGN asks for at least 30,000
MINIMUM_COUNT = 2  # occurrences in all text: a word seen once is as often a typing error
MINIMUM_TYPED = 3  # the same if no edited text and no second corpus has it
FAMILIAR = 60  # occurrences from which a word can be what a rare neighbour was meant to be
RARE = 40  # occurrences up to which a word is suspected of being a misspelling
PROOFREAD_MINIMUM = 2  # occurrences in edited text that clear a word of suspicion
RATIO_ONE_CORPUS = 30.0  # times more frequent the intended word is, if one corpus alone has the rare one
RATIO_MANY_CORPORA = 400.0  # the same if several have it
SHORT = 3  # letters: everything is one edit from something, so rare short words need more evidence
SHORT_MINIMUM = 10  # occurrences a short word of a single corpus needs
_INFLECTION = frozenset(("", "s", "d", "r", "y", "n", "e", "'", "es", "ed", "er", "ly", "'s", "in", "ing"))


def _deletions(word: str) -> set[str]:
    return {word[:at] + word[at + 1 :] for at in range(len(word))}


def _is_inflection(rare: str, familiar: str) -> bool:
    """Return whether the two differ in an English ending only."""
    common = 0
    for left, right in zip(rare, familiar, strict=False):
        if left != right:
            break
        common += 1
    return common >= 3 and {rare[common:], familiar[common:]} <= _INFLECTION


def _is_one_edit(first: str, second: str) -> bool:
    """Return whether one insertion, omission, substitution or swap of neighbours joins two words."""
    if abs(len(first) - len(second)) > 1 or first == second:
        return False
    start = 0
    shortest = min(len(first), len(second))
    while start < shortest and first[start] == second[start]:
        start += 1
    if len(first) == len(second):
        swapped = first[start + 1 : start + 2] + first[start : start + 1] + first[start + 2 :]
        return first[start + 1 :] == second[start + 1 :] or swapped == second[start:]
    longer, shorter = (first, second) if len(first) > len(second) else (second, first)
    return longer[start + 1 :] == shorter[start:]


@dataclass(frozen=True, slots=True)
class Occurrences:
    """Where words occur. totals: in all text. corpora: in how many corpora. proofread: in edited text."""

    totals: Mapping[str, int]
    corpora: Mapping[str, int]
    proofread: Mapping[str, int]


def gather(counts: Mapping[str, Mapping[str, int]], edited: Collection[str]) -> Occurrences:
    """Return the occurrences of the correctable words of all corpora; edited: names of proofread ones."""
    totals: Counter[str] = Counter()
    corpora: Counter[str] = Counter()
    proofread: Counter[str] = Counter()
    for name, corpus in counts.items():
        kept = {word: count for word, count in corpus.items() if is_correctable(word) and word[-1] != "'"}
        totals.update(kept)
        corpora.update(kept.keys())
        if name in edited:
            proofread.update(kept)
    return Occurrences(totals, corpora, proofread)


def likely_misspellings(seen: Occurrences) -> set[str]:
    """Return rare words that are one edit from a far more frequent word and not its inflection."""
    totals, corpora = seen.totals, seen.corpora
    neighbours: dict[str, list[str]] = {}
    for word, count in totals.items():
        if count >= FAMILIAR and len(word) > SHORT:
            for form in (word, *_deletions(word)):
                neighbours.setdefault(form, []).append(word)
    suspects: set[str] = set()
    for word, count in totals.items():
        if count > RARE or len(word) <= SHORT or seen.proofread.get(word, 0) >= PROOFREAD_MINIMUM:
            continue
        if corpora[word] > 1 and len(word) < 5:
            continue
        ratio = RATIO_ONE_CORPUS if corpora[word] == 1 else RATIO_MANY_CORPORA
        near = {other for form in (word, *_deletions(word)) for other in neighbours.get(form, ())}
        if any(
            totals[other] >= ratio * count and _is_one_edit(word, other) and not _is_inflection(word, other)
            for other in near
        ):
            suspects.add(word)
    return suspects


def build_lexicon(seen: Occurrences, limit: int = LIMIT) -> list[str]:
    """Return the words of the lexicon by id, the two special ones first.

    Names that chat rooms address people by are expected to be gone (`scrub.collect_nicknames`).
    """
    suspects = likely_misspellings(seen)
    kept = [
        word
        for word, count in seen.totals.items()
        if count >= MINIMUM_COUNT and word not in suspects and not _is_noise(word, seen)
    ]
    kept.sort(key=lambda word: (-seen.totals[word], word))
    return [*SPECIAL, *kept[:limit]]


def _is_noise(word: str, seen: Occurrences) -> bool:
    """Return whether a word is too rare for its shape to be believed."""
    count = seen.totals[word]
    if seen.corpora[word] == 1:
        if len(word) <= SHORT and count < SHORT_MINIMUM:
            return True
        if word not in seen.proofread and count < MINIMUM_TYPED:
            return True
    drawn_out = any(word[at] == word[at + 1] == word[at + 2] for at in range(len(word) - 2))
    return drawn_out and count < SHORT_MINIMUM


def write_lexicon(words: Iterable[str]) -> str:
    """Return the text of a lexicon file: one word a line, line number = id."""
    return "\n".join(words) + "\n"


def encode_words(sentence: Iterable[str], ids: Mapping[str, int]) -> list[int]:
    """Return the ids of words, 1 for those outside the lexicon."""
    unknown = SPECIAL.index(UNKNOWN)
    return [ids.get(word, unknown) for word in sentence]
