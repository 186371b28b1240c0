"""Local memory: decayed counts of the user's words, pairs and triples, and of how they are written.

It never leaves the device in any form. No message text is kept: only counts, keyed by one to three
words. A count halves every `HALF_LIFE` words that the user types.

How a word is written is counted beside it, where its writer chose the case: as the lexicon writes it, or in
which other form ("fyi", "iPhone", "OpenBSD"). A form that was kept twice and twice as often as all others is
the user's. A word of their own is written as it was added, or as it mostly was.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import nlargest
from typing import Final

from quietkeys.text.tokens import BLANK, last_two

HALF_LIFE: Final = 50_000  # words typed until a count weighs half
_DECAY: Final = math.log(2.0) / HALF_LIFE  # per word
DISCOUNT_PAIR: Final = 3.0  # words; weight of the shorter history (Witten-Bell style)
DISCOUNT_TRIPLE: Final = 1.5
SHARE_CEILING: Final = 0.6  # most that the personal model weighs against the base model
SHARE_HALF: Final = 500.0  # words at which it weighs half of that
NEGLIGIBLE: Final = 0.02  # counts below this are forgotten when the profile is next opened
TRACES_KEPT: Final = 200  # words after which one can no longer be taken back
STORED_TICKS: Final = 64  # what the tick of a stored count is rounded down to, in words
FORM: Final = "^"  # begins the key of a form; no word contains it
ADDED: Final = "+"  # begins the key of a word that the user added
FORM_KEEPS: Final = 1.5  # keeps, decayed, from which a form is the user's: two
FORM_AHEAD: Final = 2.0  # times as many as all other forms together have

# (word,), (previous, word) or (before, previous, word) of words; (FORM, word) as the lexicon writes it,
# (FORM, word, written) otherwise; (ADDED, word, written).
Key = tuple[str, ...]
Entry = tuple[float, int]  # a decayed count and the tick it is decayed to, that of its last change
ADDED_ENTRY: Final[Entry] = (1.0, 0)  # neither decays nor tells when the word was added
_Slot = tuple[bool, Key]  # whether it is a history's total, and its name


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Trace:
    """What one learnt word changed: its keys, its tick, and every entry as it was before. For taking it back.

    In memory only: the traces of successive words, in order, are the text.
    """

    keys: tuple[Key, ...]
    tick: int
    before: dict[_Slot, Entry | None] = field(repr=False)


def _never(_: str) -> int:
    return 0


@dataclass(slots=True, repr=False)
class Memory:
    """Counts by key, each with the tick (words typed so far) of its last change.

    lexicon: the words that are not the user's own. own_words: those learnt that it lacks, in order.
    kept_before: how often a word that is not learnt yet was kept. side: 1 for a word in a British spelling,
    -1 in an American one; sided: those held that have one. forms: counts of how words were written.
    added: how the words that the user added are written.
    """

    lexicon: Container[str] = frozenset()
    kept_before: Callable[[str], int] = _never
    side: Callable[[str], int] = _never
    counts: dict[Key, Entry] = field(default_factory=dict)
    histories: dict[Key, Entry] = field(default_factory=dict)
    own_words: dict[str, None] = field(default_factory=dict)
    forms: dict[Key, Entry] = field(default_factory=dict)
    added: dict[str, str] = field(default_factory=dict)
    sided: dict[str, int] = field(default_factory=dict)
    tick: int = 0
    recent: list[Trace] = field(default_factory=list, repr=False)
    _written: dict[str, dict[str, None]] = field(default_factory=dict, repr=False)
    _followers: dict[Key, dict[str, None]] = field(default_factory=dict, repr=False)

    def count(self, key: Key) -> float:
        """Return the decayed count of a word, pair or triple."""
        return self._decayed(self.counts.get(key))

    def age(self, word: str) -> float:
        """Return how many words ago this word was last learnt, infinity if never."""
        entry = self.counts.get((word,))
        return math.inf if entry is None else float(self.tick - entry[1])

    def before(self, context: Sequence[str]) -> tuple[str, str]:
        """Return the `last_two` of a context as `learn` is to have them: BLANK for words that are not known.

        A word is known if the lexicon has it or it was learnt: no other word may be stored as a neighbour.
        """
        before, previous = last_two(context)
        return self._or_blank(before), self._or_blank(previous)

    def _or_blank(self, word: str) -> str:
        return word if not word or word in self.lexicon or (word,) in self.counts else BLANK

    def learn(self, before: str, previous: str, word: str, form: Key | None = None) -> Trace:
        """Count one word after up to two others ("" where a sentence starts); return the trace.

        form: the key of how it was written, None where that says nothing.
        """
        self.tick += 1
        keys: tuple[Key, ...] = ((word,), (previous, word), (before, previous, word))
        slots = [
            (is_history, key[:-1] if is_history else key) for is_history in (False, True) for key in keys
        ]
        if form is not None:
            keys, slots = (*keys, form), [*slots, (False, form)]
        trace = Trace(keys, self.tick, {slot: self._table(slot).get(slot[1]) for slot in slots})
        for slot, entry in trace.before.items():
            self._put(slot, _plus_one(entry, self.tick))
        self.recent.append(trace)
        del self.recent[:-TRACES_KEPT]
        return trace

    def unlearn(self, trace: Trace) -> None:
        """Take one of the TRACES_KEPT last words back: everything is as if it had never been learnt.

        Words learnt since are learnt again without it. Only the passing of its one tick remains, unless it
        was the last. Raises ValueError for a trace that was taken back or is too old.
        """
        position = self.recent.index(trace)
        del self.recent[position]
        for slot, before in trace.before.items():
            self._replay(slot, before, position)
        if trace.tick == self.tick:
            self.tick -= 1

    def relearn(self, trace: Trace) -> None:
        """Undo `unlearn`, before anything else is learnt."""
        self.tick = max(self.tick, trace.tick)
        position = sum(other.tick < trace.tick for other in self.recent)
        self.recent.insert(position, trace)
        for slot, before in trace.before.items():
            self._replay(slot, before, position)

    def _replay(self, slot: _Slot, entry: Entry | None, position: int) -> None:
        # The entry before the recent trace at `position`, counted up by that trace and all after it.
        for trace in self.recent[position:]:
            if slot in trace.before:
                trace.before[slot] = entry
                entry = _plus_one(entry, trace.tick)
        self._put(slot, entry)

    def forget(self, word: str) -> tuple[Key, ...]:
        """Remove every count that mentions the word; return the removed keys. Earlier traces end here."""
        held = list(self.entries())
        self.load([entry for entry in held if word not in entry[0]], self.tick)
        return tuple(key for key, _, _ in held if word in key)

    def add(self, word: str, written: str | None) -> None:
        """Note how a word that the user added is written; None: it was not added."""
        self.added.pop(word, None)
        if written is not None:
            self.added[word] = written

    def form(self, word: str) -> str | None:
        """Return how this user writes a lower-case word, None to write it as the lexicon does.

        A word that the lexicon lacks is in small letters there; it is written as it mostly was.
        """
        usual = self.added.get(word)
        votes: dict[str | None, float] = {
            written: self.form_count((FORM, word, written)) for written in self._written.get(word, ())
        }
        votes[None] = self.form_count((FORM, word))
        best = max(votes, key=votes.__getitem__)
        others = sum(votes.values()) - votes[best]
        if votes[best] >= FORM_KEEPS and votes[best] >= FORM_AHEAD * others:
            return best
        if usual is None and word not in self.lexicon and votes[best] > others:
            return best
        return usual

    def spelled(self, side: int) -> float:
        """Return the decayed count of all words in a British (1) or an American (-1) spelling."""
        return sum(self.count((word,)) for word, found in self.sided.items() if found == side)

    def form_count(self, key: Key) -> float:
        """Return the decayed count of a form."""
        return self._decayed(self.forms.get(key))

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

    def likely(self, before: str, previous: str, prefix: str, count: int) -> list[str]:
        """Return at most `count` words with a prefix that the user's own counts make likely here."""
        words: dict[str, None] = {}
        for history in ((before, previous), (previous,)):
            words |= dict.fromkeys(w for w in self._followers.get(history, ()) if w.startswith(prefix))
        if len(words) < count:
            known = [word for word in self._followers.get((), ()) if word.startswith(prefix)]
            words |= dict.fromkeys(nlargest(count, known, key=lambda word: self.counts[(word,)][0]))
        return nlargest(count, words, key=lambda word: self.probability(before, previous, word))

    def words(self) -> Mapping[str, float]:
        """Return every word with its decayed count."""
        return {key[0]: self.count(key) for key in self.counts if len(key) == 1}

    def entries(self) -> Iterable[tuple[Key, float, int]]:
        """Yield (key, count, tick) of everything held."""
        for table in (self.counts, self.forms):
            yield from ((key, value, tick) for key, (value, tick) in table.items())
        yield from (((ADDED, word, written), *ADDED_ENTRY) for word, written in self.added.items())

    def stored(self, key: Key) -> Entry | None:
        """Return the entry of a key as it is stored, None if there is none.

        Its tick is coarse and its count is decayed to that tick: in order of exact ticks the keys would be
        the text, word by word.
        """
        entry = self._table((False, key)).get(key)
        if entry is None:
            return None
        coarse = entry[1] - entry[1] % STORED_TICKS
        return entry[0] * math.exp(_DECAY * (entry[1] - coarse)), coarse

    def load(self, entries: Iterable[tuple[Key, float, int]], tick: int) -> None:
        """Replace everything held by stored entries; those that have become negligible are left out."""
        self.counts.clear()
        self.histories.clear()
        self.own_words.clear()
        self.forms.clear()
        self.added.clear()
        self.sided.clear()
        self._written.clear()
        self._followers.clear()
        self.recent.clear()
        self.tick = tick
        totals: dict[Key, float] = {}
        for key, value, at in sorted(entries):  # words that were added come first
            if key[0] == ADDED:
                self.added[key[1]] = key[2]
                continue
            weight = self._decayed((value, at))
            if weight < NEGLIGIBLE and not (len(key) == 1 and key[0] in self.added):
                continue
            if key[0] == FORM:
                self._put((False, key), (value, at))
                continue
            self.counts[key] = (value, at)
            self._followers.setdefault(key[:-1], {})[key[-1]] = None
            totals[key[:-1]] = totals.get(key[:-1], 0.0) + weight
            if len(key) == 1:
                self._note_word(key[0], True)
        self.histories.update((key, (total, tick)) for key, total in totals.items())

    def _decayed(self, entry: Entry | None) -> float:
        if entry is None:
            return 0.0
        return entry[0] * math.exp(-_DECAY * (self.tick - entry[1]))

    def _table(self, slot: _Slot) -> dict[Key, Entry]:
        is_history, key = slot
        if is_history:
            return self.histories
        return self.forms if key[0] == FORM else self.counts

    def _put(self, slot: _Slot, entry: Entry | None) -> None:
        is_history, key = slot
        if entry is None:
            self._table(slot).pop(key, None)
        else:
            self._table(slot)[key] = entry
        if not is_history and key[0] == FORM:
            self._note_form(key, entry is not None)
            return
        if not is_history:
            self._follow(key, entry is not None)
        if not is_history and len(key) == 1:
            self._note_word(key[0], entry is not None)

    def _note_word(self, word: str, is_held: bool) -> None:
        # Which words are the user's own, and which have a side.
        if not is_held:
            self.own_words.pop(word, None)
            self.sided.pop(word, None)
        elif word not in self.lexicon:
            self.own_words[word] = None
        elif side := self.side(word):
            self.sided[word] = side

    def _note_form(self, key: Key, is_held: bool) -> None:
        # In which forms, other than the lexicon's, each word is held.
        for written in key[2:]:
            forms = self._written.setdefault(key[1], {})
            forms.pop(written, None)
            if is_held:
                forms[written] = None
            if not forms:
                del self._written[key[1]]

    def _follow(self, key: Key, follows: bool) -> None:
        # Which words follow each history that is counted.
        if follows:
            self._followers.setdefault(key[:-1], {})[key[-1]] = None
            return
        words = self._followers.get(key[:-1], {})
        words.pop(key[-1], None)
        if not words:
            self._followers.pop(key[:-1], None)


def _plus_one(entry: Entry | None, tick: int) -> Entry:
    # One more at this tick; what was there decays to it.
    value, at = entry or (0.0, tick)
    return value * math.exp(-_DECAY * (tick - at)) + 1.0, tick
