"""Local memory: decayed counts of the user's words, pairs and triples, and of how they are written.

It never leaves the device in any form. No message text is kept: only counts, keyed by one to three
words. A count halves every `HALF_LIFE` words that the user types. What was typed last, with the network's
states, is in memory only: in order it is the text. `quietkeys.profile.mixture` says what it all says of the
next word.

How a word is written is counted beside it, where its writer chose the case: as the lexicon writes it, or in
which other form ("fyi", "iPhone", "OpenBSD"). A form that was kept twice and twice as often as all others is
the user's. A word of their own is written as it was added, or as it mostly was.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from quietkeys.arrays import Float32, Float64, Int64
from quietkeys.profile.mixture import (
    HEARD,
    PAIR,
    TRIPLE,
    BaseModel,
    Columns,
    Directions,
    Evidence,
    Mixture,
    Place,
    Said,
)
from quietkeys.text.tokens import BLANK, last_two

HALF_LIFE: Final = 50_000  # words typed until a count weighs half
_DECAY: Final = math.log(2.0) / HALF_LIFE  # per word
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


@dataclass(slots=True, eq=False, repr=False)
class Trace:
    """What one learnt word changed: its keys, its tick, and every entry as it was before. For taking it back.

    evidence, direction: of `learn`; slot: of the direction, -1 for none. muted: how many words that were
    taken back it was foretold with; while there are any, it says nothing.

    In memory only: the traces of successive words, in order, are the text.
    """

    keys: tuple[Key, ...]
    tick: int
    before: dict[_Slot, Entry | None]
    evidence: Evidence | None
    direction: Float32 | None
    slot: int = -1
    muted: int = 0

    def says(self) -> Evidence | None:
        """Return how the word was foretold, None if nothing is known of it."""
        return None if self.muted else self.evidence


def _never(_: str) -> int:
    return 0


@dataclass(slots=True, repr=False)
class Memory:
    """Counts by key, each with the tick (words typed so far) of its last change.

    lexicon: the words that are not the user's own. own_words: those learnt that it lacks, in order.
    kept_before: how often a word that is not learnt yet was kept. side: 1 for a word in a British spelling,
    -1 in an American one; sided: those held that have one. forms: counts of how words were written.
    added: how the words that the user added are written. base: what there is to know of the base model.
    changes: grows with every change.
    """

    lexicon: Container[str] = frozenset()
    kept_before: Callable[[str], int] = _never
    side: Callable[[str], int] = _never
    base: BaseModel = field(default_factory=BaseModel)
    mixture: Mixture = field(default_factory=lambda: Mixture(BaseModel().prior))
    counts: dict[Key, Entry] = field(default_factory=dict)
    histories: dict[Key, Entry] = field(default_factory=dict)
    own_words: dict[str, None] = field(default_factory=dict)
    forms: dict[Key, Entry] = field(default_factory=dict)
    added: dict[str, str] = field(default_factory=dict)
    sided: dict[str, int] = field(default_factory=dict)
    tick: int = 0
    changes: int = 0
    recent: list[Trace] = field(default_factory=list)
    _heard: list[Trace] = field(default_factory=list)
    _directions: Directions = field(default_factory=Directions)
    _settled: Mixture = field(default_factory=lambda: Mixture(BaseModel().prior))
    _columns: Columns = field(default_factory=Columns)
    _written: dict[str, dict[str, None]] = field(default_factory=dict, repr=False)
    _followers: dict[Key, dict[str, None]] = field(default_factory=dict, repr=False)

    def count(self, key: Key) -> float:
        """Return the decayed count of a word, pair or triple."""
        return self._decayed(self.counts.get(key))

    def age(self, word: str) -> float:
        """Return how many words ago this word was last learnt, infinity if never."""
        entry = self.counts.get((word,))
        return math.inf if entry is None else float(self.tick - entry[1])

    def use(self, lexicon: Mapping[str, int], side: Callable[[str], int], base: BaseModel) -> None:
        """Use a bundle's words, and what it says of mixing; before anything is learnt or loaded."""
        self.lexicon, self.side, self.base = lexicon, side, base
        self.mixture, self._settled = Mixture(base.prior), Mixture(base.prior)

    def before(self, context: Sequence[str]) -> tuple[str, str]:
        """Return the `last_two` of a context as `learn` is to have them: BLANK for words that are not known.

        A word is known if the lexicon has it or it was learnt: no other word may be stored as a neighbour.
        """
        before, previous = last_two(context)
        return self._or_blank(before), self._or_blank(previous)

    def _or_blank(self, word: str) -> str:
        return word if not word or word in self.lexicon or (word,) in self.counts else BLANK

    def learn(
        self,
        before: str,
        previous: str,
        word: str,
        form: Key | None = None,
        evidence: Evidence | None = None,
        direction: Float32 | None = None,
    ) -> Trace:
        """Count one word after up to two others ("" where a sentence starts); return the trace.

        form: the key of how it was written, None where that says nothing. evidence: how it was foretold.
        direction: [H] of the network's state before it. Both None for a word that was not typed.
        """
        self.tick += 1
        self.changes += 1
        keys: tuple[Key, ...] = ((word,), (previous, word), (before, previous, word))
        slots = [
            (is_history, key[:-1] if is_history else key) for is_history in (False, True) for key in keys
        ]
        if form is not None:
            keys, slots = (*keys, form), [*slots, (False, form)]
        entries = {slot: self._table(slot).get(slot[1]) for slot in slots}
        trace = Trace(keys, self.tick, entries, evidence, direction)
        for slot, entry in trace.before.items():
            self._put(slot, _plus_one(entry, self.tick))
        self.recent.append(trace)
        self.mixture.learn(evidence)
        self._hear(trace, len(self._heard))
        while len(self._heard) > HEARD + TRACES_KEPT:
            self._unhear(self._heard[0])
        for old in self.recent[:-TRACES_KEPT]:
            old.before.clear()
            self._settled.learn(old.says())
        del self.recent[:-TRACES_KEPT]
        return trace

    def unlearn(self, trace: Trace) -> None:
        """Take one of the TRACES_KEPT last words back: everything is as if it had never been learnt.

        Words learnt since are learnt again without it, but say no more of weights: they were foretold with
        it. Only the passing of its one tick remains, unless it was the last. Raises ValueError for a trace
        that was taken back or is too old.
        """
        position = self.recent.index(trace)
        del self.recent[position]
        self._unhear(trace)
        self._mute(position, 1)
        for slot, before in trace.before.items():
            self._replay(slot, before, position)
        if trace.tick == self.tick:
            self.tick -= 1

    def relearn(self, trace: Trace) -> None:
        """Undo `unlearn`, before anything else is learnt."""
        self.tick = max(self.tick, trace.tick)
        position = sum(other.tick < trace.tick for other in self.recent)
        self.recent.insert(position, trace)
        self._hear(trace, sum(other.tick < trace.tick for other in self._heard))
        self._mute(position + 1, -1)
        for slot, before in trace.before.items():
            self._replay(slot, before, position)

    def _hear(self, trace: Trace, position: int) -> None:
        if trace.direction is not None:
            trace.slot = self._directions.put(trace.direction)
            self._heard.insert(position, trace)

    def _unhear(self, trace: Trace) -> None:
        if trace.slot >= 0:
            self._directions.drop(trace.slot)
            self._heard.remove(trace)

    def _mute(self, position: int, step: int) -> None:
        # Whether the recent traces from `position` on say anything: not with one before them taken back.
        self.changes += 1
        for trace in self.recent[position:]:
            trace.muted += step
        self.mixture = self._settled.copy()
        for trace in self.recent:
            self.mixture.learn(trace.says())

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
        self.load([entry for entry in held if word not in entry[0]], self.tick, self.mixture.sums())
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

    def place(
        self, before: str, previous: str, direction: Float32, chances: Callable[[Int64], Float64]
    ) -> Place:
        """Return what memory says of the word after two others ("" where a sentence starts).

        direction: [H] of the network's state there. chances: P_base of lexicon words by id.
        """
        columns, counts = self._columns, self._columns.decayed(self.tick, _DECAY)
        said = Said(counts)
        for part, history in ((PAIR, (previous,)), (TRIPLE, (before, previous))):
            followers = self._followers.get(history, {})
            found = [self.count((*history, word)) for word in followers]
            said.follow(part, [columns.at[word] for word in followers], np.array(found))
        heard = [trace for trace in self._heard[-HEARD:] if not trace.muted]
        likeness = self._directions.likeness(direction, [trace.slot for trace in heard])
        said.hear([columns.at[trace.keys[0][0]] for trace in heard], likeness)
        ratios = columns.ratios(counts, self.base.expected, chances)
        return Place.of(columns.at, ratios, said, self.mixture)

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

    def load(self, entries: Iterable[tuple[Key, float, int]], tick: int, sums: Float64 | None = None) -> None:
        """Replace everything held by stored entries; those that have become negligible are left out.

        sums: `Mixture.sums` as stored, None if nothing is.
        """
        self.changes += 1
        self.mixture = self.mixture.with_sums(sums)
        self._settled = self.mixture.copy()
        self._directions, self._columns = Directions(), Columns()
        for held in (self.counts, self.histories, self.own_words, self.forms, self.added, self.sided):
            held.clear()
        for kept in (self._written, self._followers, self.recent, self._heard):
            kept.clear()
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
                self._note_word(key[0], (value, at))
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
            self._note_word(key[0], entry)

    def _note_word(self, word: str, entry: Entry | None) -> None:
        # Which words there are, which are the user's own, and which have a side.
        self._columns.put(word, entry, self.base.identity)
        if entry is None:
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
