"""The slate: the candidates for one typed word, with everything the model needs to score them."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import process
from rapidfuzz.distance import OSA

from quietkeys.bundle.language_model import Context, LanguageModel, LanguageState
from quietkeys.bundle.lexicon import Lexicon, encode_words, reach
from quietkeys.keyboard import edits
from quietkeys.keyboard.alignment import MAX_EDITS, align
from quietkeys.keyboard.layout_channel import LayoutChannel
from quietkeys.keyboard.touch_events import touch_events
from quietkeys.keyboard.touch_model import TouchModel, no_touches
from quietkeys.prediction.evidence import evidence_table
from quietkeys.prediction.phrases import phrases
from quietkeys.profile.memory import Memory

UNKNOWN: Final = 1  # id of words that the lexicon lacks
PHRASE: Final = 0  # id of two words in one
SLATE_SIZE: Final = 24  # candidates that are scored
_SCAN_SIZE: Final = 64  # lexicon candidates that are aligned
_CACHE_SIZE: Final = 2048  # typed words whose lexicon candidates are remembered
_RARE: Final = -16.0  # nats, rough log-probability of a spelling the lexicon lacks
_DRAWN_OUT: Final = re.compile(r"(.)\1{2,}")  # "sooo"
START_SHARE: Final = 0.4  # of plain word frequency where there is no context: it may be no sentence at all
SHARE: Final = 0.03  # of plain word frequency elsewhere

_FREE = np.zeros(edits.EDIT_COUNT, dtype=bool)  # edits that are no errors
_FREE[[edits.NONE, *(edits.substitution(letter, letter) for letter in range(edits.CLASSES))]] = True

Indices = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, repr=False)
class Slate:
    """K candidates for one typed word; the literal is always among them.

    ids: [K] lexicon ids (UNKNOWN where the lexicon lacks the word, PHRASE for two words). operations: [K,
    MAX_EDITS] edit ids. language: [K] log P(word | context), nats, the spelling of unknown words left out.
    touches: [T, 2] of `touch.known_touches`. touch: [K] what they and the layout add to the log-probabilities
    that the bundle's channel gives the operations, nats. touch_events: [K, W] indices into TOUCH_EVENTS, -1
    for none. personal: [K] share x P(word | context) of the user's own counts. base_share: what is left for
    the base model. evidence: [K, len(EVIDENCE)].
    """

    typed: str
    words: tuple[str, ...]
    ids: Indices
    operations: Indices
    language: NDArray[np.float32]
    touches: Floats
    touch: NDArray[np.float32]
    touch_events: Indices
    personal: NDArray[np.float32]
    base_share: float
    evidence: NDArray[np.float32]
    literal: int

    def position(self, word: str) -> int:
        """Return where `word` stands, or -1."""
        return self.words.index(word) if word in self.words else -1


@dataclass(frozen=True, slots=True, repr=False)
class _Found:
    words: tuple[str, ...]
    ids: Indices  # [K]
    channel: Floats  # [K] log P(typed | word), nats
    operations: Indices  # [K, MAX_EDITS]

    def taken(self, chosen: Indices) -> _Found:
        """Return some of them."""
        words = tuple(self.words[position] for position in chosen)
        return _Found(words, self.ids[chosen], self.channel[chosen], self.operations[chosen])

    def joined(self, other: _Found) -> _Found:
        """Return the candidates of both."""
        return _Found(
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
    _cache: OrderedDict[str, _Found] = field(default_factory=OrderedDict)

    def near(self, typed: str, emission: Floats | None = None) -> _Found:
        """Return the lexicon's candidates for a typed word, and phrases; offensive words only if typed.

        emission: [T, 28] of `TouchModel.emission`, None without touches. It ranks, and finds no others.
        """
        found = self._without_touches(typed)
        return found if emission is None else self.aligned(typed, found.words, found.ids, emission)

    def _without_touches(self, typed: str) -> _Found:
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

    def _ids(self, typed: str) -> Indices:
        ids = self.lexicon.near(typed, _SCAN_SIZE)
        if typed in self.lexicon.index:
            ids = np.union1d(ids, [self.lexicon.index[typed]])
        if _DRAWN_OUT.search(typed):
            shorter = [_DRAWN_OUT.sub(r"\1", typed), _DRAWN_OUT.sub(r"\1\1", typed)]
            known = [self.lexicon.index[word] for word in shorter if word in self.lexicon.index]
            ids = np.union1d(ids, np.array(known, np.int64))
        offensive = self.lexicon.tables.offensive[ids]
        kept: Indices = ids[~offensive | (ids == self.lexicon.index.get(typed, -1))].astype(np.int64)
        return kept

    def aligned(
        self, typed: str, words: Sequence[str], ids: Indices, emission: Floats | None = None
    ) -> _Found:
        """Return candidates with their best alignments."""
        if not len(ids):
            return _Found((), ids, np.zeros(0), np.zeros((0, MAX_EDITS), dtype=np.int64))
        classes, lengths = encode_words(words)
        aligned = align(self.channel.table, typed, classes, lengths, self.channel.layout, emission)
        possible = np.flatnonzero(np.isfinite(aligned.log_probability))
        return _Found(
            tuple(words[position] for position in possible),
            ids[possible],
            aligned.log_probability[possible],
            aligned.operations(possible),
        )


@dataclass(slots=True, repr=False)
class SlateMaker:
    """Makes slates from the lexicon, the language model, local memory and the user's touches so far."""

    search: LexiconSearch
    language: LanguageModel
    memory: Memory
    touch: TouchModel

    def make(self, context: Context, typed: str, touches: Floats | None = None) -> Slate:
        """Return the slate of a normalized word after a context. touches: [T, 2] of `known_touches`."""
        state = self.language.after(context)
        points = no_touches(typed) if touches is None else touches
        touched = not np.isnan(points).all()
        emission = self.touch.emission(self.search.channel.aimed, typed, points) if touched else None
        found = self.search.near(typed, emission)
        own = self._own_candidates(typed)
        if own:
            unknown = np.full(len(own), UNKNOWN, np.int64)
            found = found.joined(self.search.aligned(typed, own, unknown, emission))
        words = found.words
        language = self.log_language(state, words, found.ids, not context)
        personal = self._personal(context, words)
        chosen = self._select(found, language, personal, typed)
        return self._slate(typed, points, found.taken(chosen), language[chosen], personal[chosen])

    def alone(self, context: Context, word: str) -> Slate:
        """Return the slate of a word that is typed as it is meant, and is the only candidate."""
        typed = self.search.lexicon.index.get(word, UNKNOWN)
        found = self.search.aligned(word, [word], np.array([typed], np.int64))
        language = self.log_language(self.language.after(context), found.words, found.ids, not context)
        return self._slate(word, no_touches(word), found, language, self._personal(context, found.words))

    def _personal(self, context: Context, words: Sequence[str]) -> Floats:
        before = self.memory.before(context)
        chance = [self.memory.probability(*before, word) for word in words]
        return self.memory.share() * np.array(chance, dtype=np.float64)

    def _slate(self, typed: str, points: Floats, found: _Found, language: Floats, personal: Floats) -> Slate:
        # Of all candidates found. points: [T, 2]; language, personal: [K].
        channel = self.search.channel
        touched = not np.isnan(points).all()
        errors = (~_FREE[found.operations]).sum(1)
        known = [bool(identity != UNKNOWN) for identity in found.ids]
        return Slate(
            typed=typed,
            words=found.words,
            ids=found.ids,
            operations=found.operations,
            language=language.astype(np.float32),
            touches=points,
            touch=(found.channel - channel.shipped[found.operations].sum(1)).astype(np.float32),
            touch_events=touch_events(channel.layout, points, found.operations)
            if touched
            else np.zeros((len(found.ids), 0), np.int64),
            personal=personal.astype(np.float32),
            base_share=1.0 - self.memory.share(),
            evidence=evidence_table(self.memory, found.words, typed, known, errors.tolist()),
            literal=found.words.index(typed),
        )

    def log_language(
        self, state: LanguageState, words: Sequence[str], ids: Indices, is_start: bool
    ) -> Floats:
        """Return log P(word | context) [K], nats; of an unknown word, without its spelling."""
        lexicon, chances = self.search.lexicon, state.log_probability
        share = START_SHARE if is_start else SHARE
        modelled = lexicon.log_probability(chances, ids)
        frequency = lexicon.tables.log_frequency[ids].astype(np.float64)
        result: Floats = np.logaddexp(np.log1p(-share) + modelled, np.log(share) + frequency)
        for position in np.flatnonzero(ids == UNKNOWN):
            result[position] = lexicon.log_unknown(chances, words[position])
        pairs = np.flatnonzero(ids == PHRASE)
        if len(pairs):
            split = [words[position].split() for position in pairs]
            after = self.language.next_states(state, [first for first, _ in split])
            for position, (first, second), later in zip(pairs, split, after, strict=True):
                chosen = [lexicon.index[first], lexicon.index[second]]
                result[position] = (
                    lexicon.log_probability(chances, np.array(chosen[:1]))[0]
                    + lexicon.log_probability(later.log_probability, np.array(chosen[1:]))[0]
                )
        return result

    def _select(self, found: _Found, language: Floats, personal: Floats, typed: str) -> Indices:
        # First selection; the literal always stays.
        rough = np.where(found.ids == UNKNOWN, language + _RARE, language)
        score = np.log(np.exp(rough) + personal) + found.channel
        score[found.words.index(typed)] = np.inf
        return np.argsort(-score, kind="stable")[:SLATE_SIZE]

    def _own_candidates(self, typed: str) -> list[str]:
        # Personal words near what was typed, and the literal itself if the lexicon lacks it.
        own = list(self.memory.own_words)
        found: list[str] = []
        if own and len(typed) > 2:
            cutoff = reach(typed)
            distances = process.cdist([typed], own, scorer=OSA.distance, score_cutoff=cutoff, dtype=np.uint8)[
                0
            ]
            near = [own[position] for position in np.flatnonzero(distances <= cutoff)]
            found = [word for word in near if word != typed]
        known = typed in self.search.lexicon.index
        return found if known else [*found, typed]
