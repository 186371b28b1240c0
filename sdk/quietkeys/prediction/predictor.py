"""Judges one piece of typing: its candidates, their scores, and what a kept candidate counts for.

The *slate* is the candidates for one typed word, with everything the model needs to score them. This is the
typing path: onnxruntime, numpy and rapidfuzz, and nothing that knows about encryption.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import process
from rapidfuzz.distance import OSA

from quietkeys.arrays import Float32, Float64, Int64
from quietkeys.bundle.lexicon import PHRASE, UNKNOWN, Found, reach
from quietkeys.bundle.networks import Adapter, LanguageState, Scorer
from quietkeys.keyboard import edits
from quietkeys.keyboard.layout import Layout
from quietkeys.keyboard.touch_events import touch_events
from quietkeys.keyboard.touch_model import TouchModel, TouchTrace
from quietkeys.prediction.events import (
    FEATURES,
    Choice,
    EventMap,
    evidence,
    literal_rareness,
    log_sum_exp,
    softmax,
)
from quietkeys.prediction.judged import Judged
from quietkeys.prediction.levels import FEW_LETTERS
from quietkeys.prediction.model import Model
from quietkeys.prediction.own_words import inflected_like, is_slip, own_stem, shared_out, slipped_from
from quietkeys.profile.memory import FORM, Key, Memory, Trace
from quietkeys.profile.mixture import Place
from quietkeys.text.tokens import MAX_WORD, Context, is_correctable, last_two
from quietkeys_protocol.plan import Plan

KEPT_CANDIDATES: Final = 12  # of a slate that a choice keeps, the most probable ones
SLATE_SIZE: Final = 24  # candidates that are scored
_LANGUAGE: Final = FEATURES.index("language")
_PERSONAL: Final = FEATURES.index("personal")
_RARE: Final = -16.0  # nats, rough log-probability of a spelling the lexicon lacks


@dataclass(frozen=True, slots=True, repr=False)
class Slate:
    """K candidates for one typed word; the literal is always among them.

    ids: [K] lexicon ids (UNKNOWN where the lexicon lacks the word, PHRASE for several). operations: [K,
    MAX_EDITS] edit ids. language: [K] log P(word | context), nats, the spelling of unknown words left out.
    touches: [T, 2] of `known_touches`. touch: [K] what they and the layout add to the log-probabilities that
    the bundle's channel gives the operations, nats. touch_events: [K, W] indices into TOUCH_EVENTS, -1 for
    none. personal, base_share: [K] of `Place`, what local memory adds to the base model's probability and
    what it multiplies it with. evidence: [K, len(EVIDENCE)].
    """

    typed: str
    words: tuple[str, ...]
    ids: Int64
    operations: Int64
    language: Float32
    touches: Float64
    touch: Float32
    touch_events: Int64
    personal: Float32
    base_share: Float32
    evidence: Float32
    literal: int

    def position(self, word: str) -> int:
        """Return where `word` stands, or -1."""
        return self.words.index(word) if word in self.words else -1

    def inputs(self) -> dict[str, NDArray[Any]]:
        """Return what the ranker's graph is given of it, the adapter's weights aside."""
        return {
            "candidate": self.ids,
            "language": self.language,
            "touch": self.touch,
            "touch_events": self.touch_events,
            "spelling": edits.spelling_symbols(self.words, self.ids == UNKNOWN),
            "edits": self.operations,
            "personal": self.personal,
            "base_share": self.base_share,
            "evidence": self.evidence,
        }


class Predictor:
    """The bundle's model with one user's local memory and touches."""

    def __init__(self, model: Model, memory: Memory | None = None) -> None:
        """memory: the user's, an empty one if None."""
        self.memory = Memory() if memory is None else memory
        self.memory.use(model.search.lexicon.index, model.search.lexicon.side, model.base)
        self.model = model
        self._place: tuple[Context, int, Place] | None = None
        self.touch = TouchModel(self.layout)
        self._slips: dict[str, tuple[str, ...]] = {}  # of words that the lexicon lacks, what may be meant

    @property
    def layout(self) -> Layout:
        """What is typed on."""
        return self.model.search.channel.layout

    @property
    def plan(self) -> Plan:
        """The plan that the bundle's adapter follows."""
        return self.model.plan

    @property
    def events(self) -> EventMap:
        """The public event types of the plan."""
        return self.model.events

    @property
    def scorer(self) -> Scorer:
        """The graph that scores slates."""
        return self.model.scorer

    def judge(
        self, context: Context, piece: str, adapter: Adapter, touches: Float64 | None = None
    ) -> Judged | None:
        """Return the judgement of a lower-case piece, or None where it is left alone.

        touches: [T, 2] of `known_touches`, None if there are none.
        """
        if not is_correctable(piece) or len(piece) > MAX_WORD:
            return None
        slate = self.slate(context, piece, touches)
        scores = self.scorer.score(slate.inputs(), adapter)
        mass, settled = log_sum_exp(scores.score), self._is_settled(context, piece)
        return Judged(
            slate=slate,
            probability=softmax(scores.score),
            features=scores.features,
            settled=settled,
            log_mass=mass,
            literal_event=scores.literal_event,
            lexicon=self.model.search.lexicon,
        )

    def slate(self, context: Context, typed: str, touches: Float64 | None = None) -> Slate:
        """Return the slate of a normalized word after a context. touches: as in `judge`."""
        state = self.model.language.after(context)
        points = _no_touches(typed) if touches is None else touches
        touched = not np.isnan(points).all()
        emission = self.touch.emission(self.model.search.channel.aimed, typed, points) if touched else None
        found = self.model.search.near(typed, emission)
        own = self._own_candidates(typed)
        if own:
            unknown = np.full(len(own), UNKNOWN, np.int64)
            found = found.joined(self.model.search.aligned(typed, own, unknown, emission))
        words = found.words
        language = self.log_language(state, words, found.ids, not context)
        language = self.spelled_as_usual(state, words, language, not context, typed)
        place = self.place(context)
        chosen = self._select(found, language, place, typed)
        rareness = literal_rareness(
            self.model.search.lexicon, context, typed, float(language[words.index(typed)])
        )
        return self._slate(typed, points, found.taken(chosen), language[chosen], place, rareness)

    def log_probability(self, context: Context, word: str) -> float:
        """Return log P(word | context), nats, of a lower-case piece.

        Local memory is mixed in, the adapter has no part. A word outside the lexicon counts with its
        spelling. Raises ValueError for what is no piece.
        """
        if not is_correctable(word) or len(word) > MAX_WORD:
            raise ValueError("not a lower-case run of at most MAX_WORD letters and inner apostrophes")
        scores = self.scorer.score(self._alone(context, word).inputs(), self.scorer.no_adapter())
        return float(scores.features[0, _LANGUAGE] + scores.features[0, _PERSONAL])

    def place(self, context: Context) -> Place:
        """Return what local memory says of the word after a context."""
        if self._place is None or self._place[:2] != (context, self.memory.changes):
            state = self.model.language.after(context)

            def chances(ids: Int64) -> Float64:
                known = self.model.search.lexicon.log_chance(state.log_probability, ids, not context)
                return np.exp(known)

            found = self.memory.place(*self.memory.before(context), state.direction(), chances)
            self._place = context, self.memory.changes, found
        return self._place[2]

    def learn(
        self, context: Context, word: str, before: tuple[str, str] | None = None, form: Key | None = None
    ) -> Trace:
        """Learn a lower-case piece that was typed after a context; return its trace.

        before: the two words before it as they are counted, those of the context if None. form: as in
        `Memory.learn`.
        """
        memory, state = self.memory, self.model.language.after(context)
        log_base = self.log_word(state, word, not context)
        if word not in self.model.search.lexicon.index:
            log_base += self.log_spelling(word)
        evidence = self.place(context).evidence(word, log_base)
        two = memory.before(context) if before is None else before
        return memory.learn(*two, word, form, evidence, state.direction())

    def log_language(self, state: LanguageState, words: Sequence[str], ids: Int64, is_start: bool) -> Float64:
        """Return log P(word | context) [K], nats; of an unknown word, without its spelling."""
        lexicon, chances = self.model.search.lexicon, state.log_probability
        result = lexicon.log_chance(chances, ids, is_start)
        for position in np.flatnonzero(ids == UNKNOWN):
            result[position] = lexicon.log_unknown(chances, words[position])
        pairs = np.flatnonzero(ids == PHRASE)
        if len(pairs):
            split = [words[position].split() for position in pairs]
            after = self.model.language.next_states(state, [first for first, *_ in split])
            for position, (first, *others), later in zip(pairs, split, after, strict=True):
                result[position] = self._log_words(state, first) + self._log_words(later, *others)
        return result

    def log_word(self, state: LanguageState, word: str, is_start: bool) -> float:
        """Return `log_language` of one word, nats."""
        identity = np.array([self.model.search.lexicon.index.get(word, UNKNOWN)], np.int64)
        return float(self.log_language(state, [word], identity, is_start)[0])

    def spelled_as_usual(
        self, state: LanguageState, words: Sequence[str], language: Float64, is_start: bool, typed: str = ""
    ) -> Float64:
        """Return log P [K] of `log_language`, that of British and American spellings as this user spells."""
        if not self.memory.sided:
            return language

        def log_chance(word: str) -> float:
            return self.log_word(state, word, is_start)

        return shared_out(self.memory, self.model.search.lexicon, words, language, log_chance, typed)

    def log_spelling(self, word: str) -> float:
        """Return log P(spelling), nats, of a piece under the bundle's character model of unknown words."""
        slate = replace(
            self._alone((), word),
            ids=np.array([UNKNOWN], np.int64),
            language=np.zeros(1, np.float32),
            personal=np.zeros(1, np.float32),
            base_share=np.ones(1, np.float32),
        )
        return float(self.scorer.score(slate.inputs(), self.scorer.no_adapter()).features[0, _LANGUAGE])

    def shown(self, context: Context, word: str) -> str:
        """Return how a lower-case word, or phrase, is written after a context by this user."""
        first, _, rest = word.partition(" ")
        if rest:
            return f"{self.shown(context, first)} {self.shown((*context, first), rest)}"
        written = self.memory.form(word)
        if written is not None:
            return written
        stem = self.stem(word)
        if stem is not None:
            return inflected_like(stem, self.shown(context, stem), word)
        return self.model.search.lexicon.shown(word, last_two(context)[1])

    def form_key(self, context: Context, word: str, written: str) -> Key | None:
        """Return the key in local memory of how a word was written, None for ""."""
        if not written:
            return None
        usual = written == self.model.search.lexicon.shown(word, last_two(context)[1])
        return (FORM, word) if usual else (FORM, word, written)

    def offers(self, word: str) -> bool:
        """Return whether a word of local memory may be shown where it was not typed: a slip may not.

        What the user added is none, nor is a name: what the user writes with a capital.
        """
        memory = self.memory
        if word not in memory.own_words or word in memory.added or (memory.form(word) or word) != word:
            return True
        return not self._is_slip(word)

    def _is_slip(self, word: str) -> bool:
        if word not in self._slips:
            chances = self.model.language.after(()).log_probability
            log_own = self.model.search.lexicon.log_unknown(chances, word) + self.log_spelling(word)
            self._slips[word] = slipped_from(self.model, word, log_own)
        return is_slip(self.memory, word, self._slips[word])

    def choice(self, judged: Judged, kept: str) -> Choice | None:
        """Return the kept word as numbers, or None if it was not among the candidates."""
        position = judged.slate.position(kept)
        if position < 0:
            return None
        base = judged.features @ self.events.base_weights
        base[[position, judged.slate.literal]] = np.inf  # both always stay
        rows = np.argsort(-base, kind="stable")[:KEPT_CANDIDATES]
        operations, touched = judged.slate.operations[rows], judged.slate.touch_events[rows]
        edit_events = np.where(operations > 0, self.events.event_of_edit[operations], -1)
        events_of_touches = np.where(touched >= 0, self.events.first_touch_event + touched, -1)
        return Choice(
            features=judged.features[rows],
            edit_events=np.concatenate([edit_events, events_of_touches], axis=1),
            buckets=self.events.bucket(judged.slate.ids[rows]),
            kept=int(np.flatnonzero(rows == position)[0]),
            literal=int(np.flatnonzero(rows == judged.slate.literal)[0]),
            literal_event=judged.literal_event,
        )

    def learn_touches(self, judged: Judged | None, kept: str) -> TouchTrace | None:
        """Learn where the keys of the kept candidate were touched, if it was one and touches are known."""
        position = -1 if judged is None else judged.slate.position(kept)
        if judged is None or position < 0 or np.isnan(judged.slate.touches).all():
            return None
        return self.touch.learn(judged.slate.operations[position], judged.slate.touches, self.memory.tick)

    def _alone(self, context: Context, word: str) -> Slate:
        # The slate of a word that is typed as it is meant, and is the only candidate.
        typed = self.model.search.lexicon.index.get(word, UNKNOWN)
        found = self.model.search.aligned(word, [word], np.array([typed], np.int64))
        language = self.log_language(self.model.language.after(context), found.words, found.ids, not context)
        rareness = literal_rareness(self.model.search.lexicon, context, word, float(language[0]))
        return self._slate(word, _no_touches(word), found, language, self.place(context), rareness)

    def _slate(
        self, typed: str, points: Float64, found: Found, language: Float64, place: Place, rareness: float
    ) -> Slate:
        # Of all candidates found. points: [T, 2]; language: [K]; rareness: of the literal.
        channel = self.model.search.channel
        touched = not np.isnan(points).all()
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
            personal=place.personal(found.words).astype(np.float32),
            base_share=place.base_share(found.words).astype(np.float32),
            evidence=evidence(
                self.memory,
                found.words,
                typed,
                known,
                edits.errors(found.operations),
                rareness,
            ),
            literal=found.words.index(typed),
        )

    def _log_words(self, state: LanguageState, word: str, *later: str) -> float:
        # log P that words of the lexicon come one after the other.
        lexicon, language = self.model.search.lexicon, self.model.language
        found = float(lexicon.log_probability(state.log_probability, np.array([lexicon.index[word]]))[0])
        return found + self._log_words(language.next_states(state, [word])[0], *later) if later else found

    def _select(self, found: Found, language: Float64, place: Place, typed: str) -> Int64:
        # First selection; the literal always stays.
        rough = np.where(found.ids == UNKNOWN, language + _RARE, language)
        mixed = place.base_share(found.words) * np.exp(rough) + place.personal(found.words)
        score = np.log(mixed) + found.channel
        score[found.words.index(typed)] = np.inf
        return np.argsort(-score, kind="stable")[:SLATE_SIZE]

    def _own_candidates(self, typed: str) -> list[str]:
        # Personal words near what was typed, and the literal itself if the lexicon lacks it.
        own = list(self.memory.own_words)
        found: list[str] = []
        if own and len(typed) > 2:
            cutoff = reach(typed)
            distances = process.cdist([typed], own, scorer=OSA.distance, score_cutoff=cutoff, dtype=np.uint8)
            near = [own[position] for position in np.flatnonzero(distances[0] <= cutoff)]
            found = [word for word in near if word != typed and self.offers(word)]
        return found if typed in self.model.search.lexicon.index else [*found, typed]

    def _is_settled(self, context: Context, piece: str) -> bool:
        lexicon = self.model.search.lexicon
        if piece in lexicon.index:
            alone = len(piece) == 1 and not context  # "u": nothing says that it is part of another word
            return alone or lexicon.is_offensive(piece)
        kept = len(piece) > FEW_LETTERS and self.memory.kept_before(piece) > 0 and not self._is_slip(piece)
        return kept or piece in self.memory.own_words or self.stem(piece) is not None

    def stem(self, word: str) -> str | None:
        """Return the known word that one which the lexicon lacks is inflected of, None if it is of none."""
        lexicon = self.model.search.lexicon
        if word in lexicon.index:
            return None
        if word.endswith("'s") and word[:-2] in lexicon.index:
            return word[:-2]
        return own_stem(self.memory, word) if self.memory.own_words else None


def _no_touches(typed: str) -> Float64:
    # The touch points of what was typed [T, 2] where none is known: NaN.
    return np.full((len(typed), 2), np.nan)
