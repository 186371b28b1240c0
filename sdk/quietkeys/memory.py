"""Local memory: decayed counts of the user's words, pairs and triples, and the personal dictionary.

It never leaves the device in any form. No message text is kept: only counts, keyed by one to three
words. A count halves every `HALF_LIFE` words that the user types.
"""

from __future__ import annotations

import math
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

HALF_LIFE: Final = 50_000  # words typed until a count weighs half
_DECAY: Final = math.log(2.0) / HALF_LIFE  # per word
DISCOUNT_PAIR: Final = 3.0  # words; weight of the shorter history (Witten-Bell style)
DISCOUNT_TRIPLE: Final = 1.5
SHARE_CEILING: Final = 0.5  # most that the personal model weighs against the base model
SHARE_HALF: Final = 600.0  # words at which it weighs half of that
NEGLIGIBLE: Final = 0.02  # counts below this are forgotten

Key = tuple[str, ...]  # (word,), (previous, word) or (before, previous, word)


@dataclass(frozen=True, slots=True)
class Trace:
    """What one learnt word added: keys, for taking it back."""

    keys: tuple[Key, ...]
    tick: int


@dataclass(slots=True)
class Memory:
    """Counts by key, each with the tick (words typed so far) of its last change.

    lexicon: the words that are not the user's own. own_words: those learnt that it lacks, in order.
    """

    lexicon: Container[str] = frozenset()
    counts: dict[Key, tuple[float, int]] = field(default_factory=dict)
    histories: dict[Key, tuple[float, int]] = field(default_factory=dict)
    own_words: dict[str, None] = field(default_factory=dict)
    tick: int = 0

    def count(self, key: Key) -> float:
        """Return the decayed count of a word, pair or triple."""
        return self._decayed(self.counts.get(key))

    def age(self, word: str) -> float:
        """Return how many words ago this word was last learnt, infinity if never."""
        entry = self.counts.get((word,))
        return math.inf if entry is None else float(self.tick - entry[1])

    def learn(self, before: str, previous: str, word: str) -> Trace:
        """Count one word after up to two others ("" where a sentence starts); return the trace."""
        self.tick += 1
        keys: tuple[Key, ...] = ((word,), (previous, word), (before, previous, word))
        for key in keys:
            self._add(key, 1.0)
        return Trace(keys, self.tick)

    def unlearn(self, trace: Trace) -> None:
        """Take one learnt word back, at its present, decayed weight."""
        weight = math.exp(-_DECAY * (self.tick - trace.tick))
        for key in trace.keys:
            self._add(key, -weight)

    def restore(self, entries: Mapping[Key, tuple[float, int] | None]) -> None:
        """Put back entries as they were before a change."""
        for key, entry in entries.items():
            now = self._decayed(self.counts.get(key))
            self._add(key, self._decayed(entry) - now)

    def forget(self, word: str) -> tuple[Key, ...]:
        """Remove every count that mentions the word; return the removed keys."""
        removed = tuple(key for key in self.counts if word in key)
        for key in removed:
            self._add(key, -self.count(key))
        return removed

    def share(self) -> float:
        """Return the weight (0..SHARE_CEILING) of the personal model in the mixture."""
        total = self._decayed(self.histories.get(()))
        return SHARE_CEILING * total / (total + SHARE_HALF)

    def probability(self, before: str, previous: str, word: str) -> float:
        """Return P(word | before previous) under the user's own counts, 0 for words never typed."""
        single = self._decayed(self.counts.get((word,)))
        if single <= 0.0:
            return 0.0
        total = self._decayed(self.histories.get(()))
        chance = single / total
        pair_total = self._decayed(self.histories.get((previous,)))
        pair = self._decayed(self.counts.get((previous, word)))
        chance = (pair + DISCOUNT_PAIR * chance) / (pair_total + DISCOUNT_PAIR)
        triple_total = self._decayed(self.histories.get((before, previous)))
        triple = self._decayed(self.counts.get((before, previous, word)))
        return (triple + DISCOUNT_TRIPLE * chance) / (triple_total + DISCOUNT_TRIPLE)

    def words(self) -> Mapping[str, float]:
        """Return every word with its decayed count."""
        return {key[0]: self.count(key) for key in self.counts if len(key) == 1}

    def entries(self) -> Iterable[tuple[Key, float, int]]:
        """Yield (key, count, tick) of everything held, for storing."""
        return ((key, value, tick) for key, (value, tick) in self.counts.items())

    def load(self, entries: Iterable[tuple[Key, float, int]], tick: int) -> None:
        """Replace everything held by stored entries."""
        self.counts.clear()
        self.histories.clear()
        self.own_words.clear()
        self.tick = tick
        for key, value, at in entries:
            self.counts[key] = (value, at)
            total = self._decayed(self.histories.get(key[:-1])) + self._decayed((value, at))
            self.histories[key[:-1]] = (total, tick)
            if len(key) == 1 and key[0] not in self.lexicon:
                self.own_words[key[0]] = None

    def _decayed(self, entry: tuple[float, int] | None) -> float:
        if entry is None:
            return 0.0
        return entry[0] * math.exp(-_DECAY * (self.tick - entry[1]))

    def _add(self, key: Key, amount: float) -> None:
        for table, name in ((self.counts, key), (self.histories, key[:-1])):
            value = self._decayed(table.get(name)) + amount
            if value < NEGLIGIBLE:
                table.pop(name, None)
            else:
                table[name] = (value, self.tick)
        if len(key) == 1 and key[0] not in self.lexicon:
            if key in self.counts:
                self.own_words[key[0]] = None
            else:
                self.own_words.pop(key[0], None)
