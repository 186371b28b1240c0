"""The words of a bundle: how they are spelled, how common they are, and which lie near what was typed.

Search is a linear scan with rapidfuzz's SIMD edit distance (optimal string alignment): no index to build, so
opening is instant. Completions are a range of the sorted words.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import process
from rapidfuzz.distance import OSA

from quietkeys.arrays import Bool, Float32, Float64, Int32, Int64
from quietkeys.bundle.bags import Bags, bags_of, within
from quietkeys.bundle.networks import CLASSES, FIRST_CLASS, word_class
from quietkeys.bundle.phrases import RAREST, bare_forms, phrases
from quietkeys.keyboard.edits import MAX_EDITS, align, encode_words
from quietkeys.keyboard.layout_channel import LayoutChannel
from quietkeys.text.tokens import DRAWN_OUT, MAX_WORD

RESERVED: Final = 2  # ids that are no words: a sentence's start, the unknown word
MAX_DISTANCE: Final = 4  # edits; see `reach`
MAX_COMPLETED: Final = 512  # completions that are weighed, the most frequent ones
_COST_PER_EDIT: Final = 4.5  # nats, a rough price of one edit for the first selection
SURE_CAPITAL: Final = 2.0  # nats; log-odds from which a capital is written: where in doubt, small
COMMON: Final = -10.0  # nats; log-frequency from which a word is not rare at all
RARE: Final = -14.0  # nats; log-frequency down from which a word is wholly so
START_SHARE: Final = 0.4  # of plain word frequency where there is no context: it may be no sentence at all
SHARE: Final = 0.03  # of plain word frequency elsewhere
UNKNOWN: Final = 1  # id of words that the lexicon lacks
PHRASE: Final = 0  # id of several words in one
_SCAN_SIZE: Final = 64  # words that are aligned
_CACHE_SIZE: Final = 2048  # typed words whose candidates are remembered
# Where British and American spelling part, by rule: what stands before, the British part, the American one,
# what follows. Both spellings have to be words.
_PARTINGS: Final = (
    ("(?<=[a-z]{3})", "our", "or", "(?=(?:s|ed|ing|er|ers|ful|able|ite|ites|hood|less|y)?$)"),
    ("(?<=[a-z]{3})", "is", "iz", "(?=(?:e|es|ed|ing|er|ers|ation|ations)$)"),
    ("(?<=[a-z]{2})", "ys", "yz", "(?=(?:e|es|ed|ing|er|ers)$)"),
    ("(?<=[a-z]{2}[tb])", "re", "er", "(?=s?$)"),
    ("(?<=[a-z]{3})", "ogue", "og", "(?=s?$)"),
    ("(?<=[aeiou][a-z][aeiou])", "ll", "l", "(?=(?:ed|ing|er|ers|or|ors)$)"),
)
_PARTED: Final = re.compile("|".join(f"{a}(?:{b}|{c}){d}" for a, b, c, d in _PARTINGS))
_AMERICAN: Final = {british: american for _, british, american, _ in _PARTINGS}
_OTHER: Final = _AMERICAN | {american: british for british, american in _AMERICAN.items()}


def reach(typed: str) -> int:
    """Return how many edits away candidates are searched: 1 up to two letters, 2 up to five, 3 up to nine."""
    size = len(typed)
    return 1 if size < 3 else 2 if size < 6 else 3 if size < 10 else MAX_DISTANCE


@dataclass(frozen=True, slots=True)
class WordTables:
    """What a bundle says of its words besides their spelling, by id; V words, C of `networks.CLASSES`.

    log_frequency: [V] nats. symbol: [V] of the language model, -1 outside its vocabulary. offensive: [V].
    outside: [C] of the words that the language model predicts as a class, the share that the lexicon lacks.
    capital: [V] log-odds, nats, that a word with a capital of its own is written with it within a sentence:
    high for "Monday", low for "March". name_after: [V] what a word adds to them of the word that comes next.
    """

    log_frequency: Float32
    symbol: Int32
    offensive: Bool
    outside: Float32
    capital: Float32
    name_after: Float32


class WordIndex(Mapping[str, int]):
    """Ids by lower-case word. A search in the sorted words: a dict would take 14 MB more."""

    __slots__ = ("_ids", "_words")

    def __init__(self, words: list[str], ids: Int64) -> None:
        """words: in order. ids: [N] of each."""
        self._words, self._ids = words, ids

    def __getitem__(self, word: str) -> int:
        place = bisect_left(self._words, word)
        if place == len(self._words) or self._words[place] != word:
            raise KeyError
        return int(self._ids[place])

    def __iter__(self) -> Iterator[str]:
        return iter(self._words)

    def __len__(self) -> int:
        return len(self._words)


@dataclass(frozen=True, slots=True, eq=False)
class Lexicon:
    """Words by id, the first RESERVED being none.

    display: as they are written ("Monday", "I'm"). words: in lower case. index: id by lower-case word.
    target, log_share: [V] the language model gives word k the log-probability of symbol target[k] plus
    log_share[k]. by_length: ids by word length, `sorted_words` and their `bags` in that order; starts[n]:
    where length n begins. alphabet: words in alphabetical order, alphabet_ids their ids. bare: the commonest
    word with an apostrophe that is left of its letters alone, "im" -> "i'm", by these.
    """

    display: tuple[str, ...]
    words: tuple[str, ...]
    index: WordIndex
    tables: WordTables
    target: Int64
    log_share: Float32
    log_outside: Float64
    by_length: Int64
    sorted_words: list[str]
    bags: Bags
    starts: Int64
    alphabet: list[str]
    alphabet_ids: Int64
    bare: Mapping[str, str]

    @classmethod
    def build(cls, display: Sequence[str], tables: WordTables) -> Lexicon:
        """Return the lexicon of these words; those longer than MAX_WORD are never candidates."""
        lower = list(map(_lower, display))
        lengths = np.fromiter(map(len, lower), np.int64, len(lower))
        lengths[:RESERVED] = 0
        by_length = np.argsort(lengths, kind="stable")
        sorted_words = _anew([lower[position] for position in by_length])
        for position, word in zip(by_length.tolist(), sorted_words, strict=True):
            lower[position] = word
        words = tuple(lower)
        capitals = [position for position, word in enumerate(words) if display[position] != word]
        shown = list(words)
        for position, word in zip(capitals, _anew([display[k] for k in capitals]), strict=True):
            shown[position] = word
        target, log_share, log_outside = _shares(words, tables)
        order = sorted(range(RESERVED, len(words)), key=words.__getitem__)
        alphabet, alphabet_ids = [words[position] for position in order], np.array(order, dtype=np.int64)
        return cls(
            display=tuple(shown),
            words=words,
            index=WordIndex(alphabet, alphabet_ids),
            tables=tables,
            target=target,
            log_share=log_share,
            log_outside=log_outside,
            by_length=by_length,
            sorted_words=sorted_words,
            bags=bags_of(sorted_words),
            starts=np.searchsorted(lengths[by_length], np.arange(MAX_WORD + 2)),
            alphabet=alphabet,
            alphabet_ids=alphabet_ids,
            bare=bare_forms(words, tables.offensive),
        )

    def near(self, typed: str, limit: int) -> Int64:
        """Return the ids of at most `limit` words within `reach` edits of `typed`, the likeliest."""
        found, distances = self._within(typed, reach(typed))
        if len(found) > limit:
            rough = self.tables.log_frequency[found] - _COST_PER_EDIT * distances
            found = found[np.argpartition(-rough, limit)[:limit]]
        return found

    def is_near(self, typed: str, distance: int) -> bool:
        """Return whether a word is at most so many edits away."""
        return bool(len(self._within(typed, distance)[0]))

    def _within(self, typed: str, cutoff: int) -> tuple[Int64, NDArray[np.uint8]]:
        # The ids of words at most so many edits away, and how many [K].
        shortest = min(max(len(typed) - cutoff, 1), MAX_WORD + 1)
        beyond = min(len(typed) + cutoff + 1, MAX_WORD + 1)
        start, stop = int(self.starts[shortest]), int(self.starts[beyond])
        if start >= stop:
            return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.uint8)
        near = start + within(self.bags[start:stop], typed, cutoff)
        words = [self.sorted_words[position] for position in near.tolist()]
        distances = process.cdist([typed], words, scorer=OSA.distance, score_cutoff=cutoff, dtype=np.uint8)[0]
        hits = np.flatnonzero(distances <= cutoff)
        found: Int64 = self.by_length[near[hits]]
        return found, distances[hits]

    def completions(self, prefix: str) -> Int64:
        """Return the ids of words that go on from `prefix`, at most MAX_COMPLETED, no offensive ones."""
        start = bisect_left(self.alphabet, prefix)
        stop = bisect_left(self.alphabet, prefix + "{", start)  # "{" follows "z"
        found: Int64 = self.alphabet_ids[start:stop]
        found = found[~self.tables.offensive[found]]
        if len(found) > MAX_COMPLETED:
            found = found[np.argpartition(-self.tables.log_frequency[found], MAX_COMPLETED)[:MAX_COMPLETED]]
        return found

    def shown(self, word: str, previous: str = "") -> str:
        """Return how a lower-case word, or phrase, is written: "monday" -> "Monday".

        previous: the lower-case piece before it, "" at the start or where it is not known. A word that can be
        a name is written small ("the baker") unless it is surely one there ("mr Baker").
        """
        if " " in word:
            words = word.split()
            return " ".join(map(self.shown, words, [previous, *words]))
        found = self.index.get(word)
        if found is None or self.display[found] == word:
            return word
        before = self.index.get(previous)
        said = 0.0 if before is None else float(self.tables.name_after[before])
        return self.display[found] if float(self.tables.capital[found]) + said > SURE_CAPITAL else word

    def is_name(self, word: str) -> bool:
        """Return whether a lower-case word is written with a capital more often than not."""
        found = self.index.get(word)
        return found is not None and self.display[found] != word and bool(self.tables.capital[found] > 0)

    def can_be_name(self, word: str) -> bool:
        """Return whether a lower-case word is ever written with a capital of its own."""
        found = self.index.get(word)
        return found is not None and self.display[found] != word

    def rareness(self, word: str) -> float:
        """Return how rare a lower-case word of the lexicon is: 0 if it is common or not known, at most 1."""
        found = self.index.get(word)
        if found is None:
            return 0.0
        share = (COMMON - float(self.tables.log_frequency[found])) / (COMMON - RARE)
        return min(max(share, 0.0), 1.0)

    def side(self, word: str) -> int:
        """Return 1 for a lower-case word in a British spelling, -1 in an American one, 0 for all others."""
        return self._parted(word)[0]

    def other_spelling(self, word: str) -> str:
        """Return the American spelling of a word in a British one, or the other way round; "" for others."""
        return self._parted(word)[1]

    def _parted(self, word: str) -> tuple[int, str]:
        # The side of a word and its other spelling; both have to be words.
        found = _PARTED.search(word)
        if found is None or word not in self.index:
            return 0, ""
        other = word[: found.start()] + _OTHER[found.group()] + word[found.end() :]
        if other not in self.index:
            return 0, ""
        return (1 if found.group() in _AMERICAN else -1), other

    def is_common(self, word: str) -> bool:
        """Return whether a lower-case word is common, and not offensive."""
        found = self.index.get(word)
        common = found is not None and self.tables.log_frequency[found] >= RAREST
        return bool(common and not self.tables.offensive[found])

    def log_frequency(self, word: str) -> float:
        """Return the log-frequency of a lower-case word, nats; of a phrase, that of its rarest word."""
        ids = [self.index.get(part, UNKNOWN) for part in word.split()]
        return float(self.tables.log_frequency[ids].min())

    def is_offensive(self, word: str) -> bool:
        """Return whether a lower-case word is marked as offensive."""
        found = self.index.get(word)
        return found is not None and bool(self.tables.offensive[found])

    def log_probability(self, chances: NDArray[Any], ids: Int64) -> Float64:
        """Return log P [K] of words by id; chances: [S] log-probabilities of the language model's symbols."""
        found: Float64 = chances[self.target[ids]].astype(np.float64) + self.log_share[ids]
        return found

    def log_chance(self, chances: NDArray[Any], ids: Int64, is_start: bool = False) -> Float64:
        """Return `log_probability` with plain frequency mixed in [K]. is_start: if there is no context."""
        share = START_SHARE if is_start else SHARE
        modelled = np.log1p(-share) + self.log_probability(chances, ids)
        frequency = self.tables.log_frequency[ids].astype(np.float64)
        result: Float64 = np.logaddexp(modelled, np.log(share) + frequency)
        return result

    def log_unknown(self, chances: NDArray[Any], word: str) -> float:
        """Return log P that a word comes which the lexicon lacks and which is of the class of this one."""
        kind = word_class(word)
        return float(chances[FIRST_CLASS + kind] + self.log_outside[kind])


@dataclass(frozen=True, slots=True, repr=False)
class Found:
    """K candidates for what was typed, aligned with it.

    ids: [K]. channel: [K] log P(typed | word), nats. operations: [K, MAX_EDITS] edit ids.
    """

    words: tuple[str, ...]
    ids: Int64
    channel: Float64
    operations: Int64

    def taken(self, chosen: Int64) -> Found:
        """Return the chosen candidates alone."""
        words = tuple(self.words[position] for position in chosen)
        return Found(words, self.ids[chosen], self.channel[chosen], self.operations[chosen])

    def joined(self, other: Found) -> Found:
        """Return the candidates of both."""
        return Found(
            self.words + other.words,
            np.concatenate([self.ids, other.ids]),
            np.concatenate([self.channel, other.channel]),
            np.concatenate([self.operations, other.operations]),
        )


@dataclass(slots=True, repr=False)
class LexiconSearch:
    """Finds and aligns words near what was typed; what it finds is the same for everybody and is cached."""

    lexicon: Lexicon
    channel: LayoutChannel
    _cache: OrderedDict[str, Found] = field(default_factory=OrderedDict)

    def near(self, typed: str, emission: Float64 | None = None) -> Found:
        """Return the lexicon's candidates for a typed word, and phrases; offensive words only if typed.

        emission: [T, 28] of `TouchModel.emission`, None without touches. It ranks, and finds no others.
        """
        found = self._without_touches(typed)
        return found if emission is None else self.aligned(typed, found.words, found.ids, emission)

    def _without_touches(self, typed: str) -> Found:
        found = self._cache.get(typed)
        if found is not None:
            self._cache.move_to_end(typed)
            return found
        ids = self._ids(typed)
        pairs = phrases(self.lexicon, typed)
        words = [*(self.lexicon.words[position] for position in ids), *pairs]
        found = self.aligned(typed, words, np.concatenate([ids, np.full(len(pairs), PHRASE, np.int64)]))
        self._cache[typed] = found
        if len(self._cache) > _CACHE_SIZE:
            self._cache.popitem(last=False)
        return found

    def _ids(self, typed: str) -> Int64:
        ids = self.lexicon.near(typed, _SCAN_SIZE)
        if typed in self.lexicon.index:
            ids = np.union1d(ids, [self.lexicon.index[typed]])
        if DRAWN_OUT.search(typed):
            shorter = [DRAWN_OUT.sub(r"\1", typed), DRAWN_OUT.sub(r"\1\1", typed)]
            known = [self.lexicon.index[word] for word in shorter if word in self.lexicon.index]
            ids = np.union1d(ids, np.array(known, np.int64))
        offensive = self.lexicon.tables.offensive[ids]
        kept: Int64 = ids[~offensive | (ids == self.lexicon.index.get(typed, -1))].astype(np.int64)
        return kept

    def aligned(self, typed: str, words: Sequence[str], ids: Int64, emission: Float64 | None = None) -> Found:
        """Return candidates with their best alignments."""
        if not len(ids):
            return Found((), ids, np.zeros(0), np.zeros((0, MAX_EDITS), dtype=np.int64))
        classes, lengths = encode_words(words)
        aligned = align(self.channel.table, typed, classes, lengths, self.channel.layout, emission)
        possible = np.flatnonzero(np.isfinite(aligned.log_probability))
        return Found(
            tuple(words[position] for position in possible),
            ids[possible],
            aligned.log_probability[possible],
            aligned.operations(possible),
        )


def _anew(words: Sequence[str]) -> list[str]:
    # Words made anew one after another lie in memory in this order, and are read in it twice as fast.
    return "\n".join(words).split("\n") if words else []


def _lower(word: str) -> str:
    # The same object where nothing changes: most words are in small letters already.
    lower = word.lower()
    return word if lower == word else lower


def _shares(words: Sequence[str], tables: WordTables) -> tuple[Int64, Float32, Float64]:
    # Words outside the network's vocabulary share their class in proportion to their frequency.
    kinds = np.fromiter(map(word_class, words), np.int64, len(words))
    tail = tables.symbol < 0
    tail[:RESERVED] = False
    target = np.where(tail, FIRST_CLASS + kinds, np.maximum(tables.symbol, 0)).astype(np.int64)
    mass = np.bincount(kinds[tail], np.exp(tables.log_frequency[tail].astype(np.float64)), len(CLASSES))
    inside = np.log1p(-tables.outside.astype(np.float64)) - np.log(np.maximum(mass, 1e-30))  # [C]
    log_share = np.where(tail, tables.log_frequency + inside[kinds], 0.0).astype(np.float32)
    log_share[:RESERVED] = -np.inf
    return target, log_share, np.log(np.maximum(tables.outside.astype(np.float64), 1e-9))
