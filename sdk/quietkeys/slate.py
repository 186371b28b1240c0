"""The slate: the candidates for one typed word, with everything the model needs to score them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import process
from rapidfuzz.distance import OSA

from quietkeys import edits
from quietkeys.alignment import MAX_EDITS, align
from quietkeys.candidates import Vocabulary, encode_words, reach
from quietkeys.evidence import evidence_table
from quietkeys.memory import Memory

UNKNOWN: Final = 1  # id of words that the lexicon lacks
SLATE_SIZE: Final = 24  # candidates that are scored
_SCAN_SIZE: Final = 64  # lexicon candidates that are aligned
_CACHE_SIZE: Final = 4096  # typed words whose lexicon candidates are remembered
_OWN_COUNT: Final = 1.5  # times an own word was kept before it is offered for more than one edit
_RARE: Final = -16.0  # nats, rough log-frequency of a word the lexicon lacks

_FREE = np.zeros(edits.EDIT_COUNT, dtype=bool)  # edits that are no errors
_FREE[[edits.NONE, *(edits.substitution(letter, letter) for letter in range(edits.CLASSES))]] = True


@dataclass(frozen=True, slots=True, repr=False)
class Slate:
    """K candidates for one typed word; the literal is always among them.

    ids: [K] lexicon ids (UNKNOWN where the lexicon lacks the word). operations: [K, MAX_EDITS] edit ids.
    personal: [K] share x P(word | context) of the user's own counts. base_share: what is left for the
    base model. evidence: [K, len(EVIDENCE)].
    """

    typed: str
    words: tuple[str, ...]
    ids: NDArray[np.int64]
    operations: NDArray[np.int64]
    personal: NDArray[np.float32]
    base_share: float
    evidence: NDArray[np.float32]
    literal: int

    def position(self, word: str) -> int:
        """Return where `word` stands, or -1."""
        return self.words.index(word) if word in self.words else -1


@dataclass(frozen=True, slots=True, repr=False)
class _Found:
    ids: NDArray[np.int64]  # [K]
    frequency: NDArray[np.float64]  # [K] log-frequency, nats
    channel: NDArray[np.float64]  # [K] log P(typed | word), nats
    operations: NDArray[np.int64]  # [K, MAX_EDITS]

    def joined(self, other: _Found) -> _Found:
        """Return the candidates of both."""
        return _Found(
            np.concatenate([self.ids, other.ids]),
            np.concatenate([self.frequency, other.frequency]),
            np.concatenate([self.channel, other.channel]),
            np.concatenate([self.operations, other.operations]),
        )


@dataclass(slots=True, repr=False)
class LexiconSearch:
    """Finds and aligns lexicon words near what was typed; the same for everybody, so it is cached.

    channel: [EDIT_COUNT] log-probability of every edit, nats.
    """

    vocabulary: Vocabulary
    channel: NDArray[np.float64]
    _cache: OrderedDict[str, _Found] = field(default_factory=OrderedDict)

    def near(self, typed: str) -> _Found:
        """Return the lexicon's candidates for a typed word."""
        found = self._cache.get(typed)
        if found is not None:
            self._cache.move_to_end(typed)
            return found
        ids = self.vocabulary.near(typed, _SCAN_SIZE)
        found = self.aligned(
            typed,
            ids,
            self.vocabulary.classes[ids],
            self.vocabulary.lengths[ids],
            self.vocabulary.log_frequency[ids].astype(np.float64),
        )
        self._cache[typed] = found
        if len(self._cache) > _CACHE_SIZE:
            self._cache.popitem(last=False)
        return found

    def aligned(
        self,
        typed: str,
        ids: NDArray[np.int64],
        classes: NDArray[np.uint8],
        lengths: NDArray[np.int64],
        frequency: NDArray[np.float64],
    ) -> _Found:
        """Return candidates with their best alignments; classes [K, L], lengths [K], frequency [K] nats."""
        if not len(ids):
            empty = np.zeros(0)
            return _Found(ids, empty, empty, np.zeros((0, MAX_EDITS), dtype=np.int64))
        aligned = align(self.channel, typed, classes, lengths)
        operations = aligned.operations(np.arange(len(ids)))
        return _Found(ids, frequency, aligned.log_probability, operations)


@dataclass(slots=True, repr=False)
class SlateMaker:
    """Makes slates from the lexicon and local memory."""

    search: LexiconSearch
    memory: Memory

    def make(self, context: tuple[str, str], typed: str) -> Slate:
        """Return the slate of a normalized word after up to two words (older first, "" at a start)."""
        found = self.search.near(typed)
        words = [self.search.vocabulary.words[position] for position in found.ids]
        own = self._own_candidates(typed)
        if own:
            words += own
            found = found.joined(self._aligned_own(typed, own))
        share = self.memory.share()
        chance = [self.memory.probability(context[0], context[1], word) for word in words]
        personal = share * np.array(chance, dtype=np.float64)
        chosen = self._select(words, found, personal, typed)
        kept = tuple(words[position] for position in chosen)
        operations = found.operations[chosen]
        ids = found.ids[chosen]
        errors = (~_FREE[operations]).sum(1)
        known = [bool(identity != UNKNOWN) for identity in ids]
        return Slate(
            typed=typed,
            words=kept,
            ids=ids,
            operations=operations,
            personal=personal[chosen].astype(np.float32),
            base_share=1.0 - share,
            evidence=evidence_table(self.memory, kept, typed, known, errors.tolist()),
            literal=kept.index(typed),
        )

    def _select(
        self, words: Sequence[str], found: _Found, personal: NDArray[np.float64], typed: str
    ) -> NDArray[np.int64]:
        # First selection without context from the base model; the literal always stays.
        score = np.log(np.exp(found.frequency) + personal) + found.channel
        score[words.index(typed)] = np.inf
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
            near = [(own[position], distances[position]) for position in np.flatnonzero(distances <= cutoff)]
            found = [
                word
                for word, distance in near
                if word != typed and (distance == 1 or self.memory.count((word,)) >= _OWN_COUNT)
            ]
        return found if typed in self.search.vocabulary.index else [*found, typed]

    def _aligned_own(self, typed: str, own: Sequence[str]) -> _Found:
        classes, lengths = encode_words(own)
        ids = np.full(len(own), UNKNOWN, dtype=np.int64)
        return self.search.aligned(typed, ids, classes, lengths, np.full(len(own), _RARE))
