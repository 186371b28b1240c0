"""What a kept word counts: features of the candidates, events of their differences, contested mass.

Public event types, which of them every edit, word and pair of candidates is:

    channel   one event for every group of edits that one habit of the hands would change together, then
              the touch events
    lexicon   one event for every bucket of the vocabulary: the most frequent words alone, then tiers
    ranker    one event for every prototype of a public code book of feature differences
    literal   one event for what was typed, as it stands: known, own, or what kind of unknown word it is

All of it is public and the same for everybody; it is shipped in the bundle beside the plan. What kept words
count for is in `quietkeys.prediction.counting`.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from quietkeys.arrays import Float32, Float64, Int64
from quietkeys.bundle.lexicon import Lexicon
from quietkeys.keyboard.edits import EDIT_COUNT
from quietkeys.keyboard.touch_events import TOUCH_EVENTS
from quietkeys.profile.memory import Memory
from quietkeys.text.tokens import Context
from quietkeys_protocol.errors import ErrorCode, Untrusted

_HEAD: Final = struct.Struct("<BBBBBb")  # of a stored choice: K, F, P, kept, literal, literal event
_RECENT: Final = 500.0  # words
EVIDENCE: Final = (
    "literal_known",  # the literal, a lexicon word
    "literal_new",  # the literal, neither in the lexicon nor kept before: the graph puts `literal_odds` there
    "literal_own",  # the literal, not in the lexicon but kept before: log(1 + count) / 3, at most 2
    "own_word",  # a personal dictionary word that was not typed literally
    "recent",  # exp(-words since it was last typed / 500)
    "extra_edits",  # edits beyond the first, at most 3
    "first_letter",  # the first letter was not hit
    "short",  # a change of a word of at most three letters
    "literal_rare",  # the literal, a lexicon word of which the texts say little: `Lexicon.rareness`
)
FEATURES: Final = ("language", "channel", "personal", *EVIDENCE)
LITERAL_KNOWN, LITERAL_OWN, FIRST_UNKNOWN = range(3)  # literal events; those of unknown words come last
DIFFERENCE_LIMIT: Final = 3.0  # feature differences are clipped there, in units of feature_scale
_WHOLE: Final = ("bucket_starts", "event_of_edit")  # of integers
_FIELDS: Final = (
    "base_weights",
    "bucket_starts",
    "code_book",
    "event_of_edit",
    "feature_scale",
    "literal_odds",
    "ranker_map",
)
UNFIT: Final = 2.5  # nats by which a context makes a word unlikelier until its rarity excuses nothing
NEGLIGIBLE_MASS: Final = 2e-3  # competitors less probable than this are not counted
UNLIKELY: Final = 1e-4  # candidates that a counted choice leaves out: no adapter makes much of them


@dataclass(frozen=True, slots=True)
class EventMap:
    """Maps what happens to events. F = len(FEATURES).

    event_of_edit: [EDIT_COUNT] channel event or -1; the touch events come after the last of these.
    bucket_starts: [B] first lexicon id of each bucket, rising. code_book: [M, F] prototypes of feature
    differences / feature_scale. feature_scale: [F]. base_weights: [F] the ranker at a zero adapter.
    ranker_map: [F, d] from adapter weights to feature weights. literal_odds: [L] by how much the base model
    holds that an unknown word of each literal event is meant, nats; 0 of the events before FIRST_UNKNOWN.
    """

    event_of_edit: Int64
    bucket_starts: Int64
    code_book: Float64
    feature_scale: Float64
    base_weights: Float64
    ranker_map: Float64
    literal_odds: Float64

    def __post_init__(self) -> None:
        """Raise Untrusted if the parts do not fit together."""
        width = len(FEATURES)
        fits = (
            self.event_of_edit.shape == (EDIT_COUNT,)
            and bool(np.all(np.diff(self.bucket_starts) > 0))
            and self.code_book.ndim == 2
            and self.code_book.shape[1] == width
            and self.feature_scale.shape == (width,)
            and bool(np.all(self.feature_scale > 0))
            and self.base_weights.shape == (width,)
            and self.ranker_map.ndim == 2
            and len(self.ranker_map) == width
            and FIRST_UNKNOWN < len(self.literal_odds) < 1 << 7
            and not self.literal_odds[:FIRST_UNKNOWN].any()
        )
        if not fits:
            raise Untrusted(ErrorCode.BUNDLE_UNTRUSTED, "its event map does not fit this version")

    @property
    def first_touch_event(self) -> int:
        """The channel event that is the first of TOUCH_EVENTS: as many events of edits are before."""
        return int(self.event_of_edit.max()) + 1

    @property
    def sizes(self) -> dict[str, int]:
        """The number of events of each block."""
        return {
            "channel": self.first_touch_event + len(TOUCH_EVENTS),
            "lexicon": len(self.bucket_starts),
            "ranker": len(self.code_book),
            "literal": len(self.literal_odds),
        }

    @property
    def occurring(self) -> tuple[str, ...]:
        """The blocks whose events occur in single candidates, in order: all but the ranker."""
        return tuple(block for block in self.sizes if block != "ranker")

    def bucket(self, ids: Int64) -> Int64:
        """Return the lexicon event of each word id, -1 for ids before the first bucket."""
        return np.searchsorted(self.bucket_starts, ids, side="right") - 1

    def bucket_of_word(self, vocabulary: int) -> Int64:
        """Return the lexicon event of every id below `vocabulary`."""
        return self.bucket(np.arange(vocabulary))

    def nearest_code(self, differences: Float64) -> tuple[Int64, Float64]:
        """Return (prototype, +1 or -1) for each row of feature differences [N, F].

        A difference and its negative share a prototype; the sign says which of the two it was.
        """
        scaled = np.clip(differences / self.feature_scale, -DIFFERENCE_LIMIT, DIFFERENCE_LIMIT)
        products = scaled @ self.code_book.T  # [N, M]
        nearest = ((self.code_book**2).sum(1) - 2.0 * np.abs(products)).argmin(1)
        sign = np.where(products[np.arange(len(scaled)), nearest] >= 0.0, 1.0, -1.0)
        return nearest, sign

    def to_bytes(self) -> bytes:
        """Return the canonical JSON form."""
        parts = {name: np.asarray(getattr(self, name)).tolist() for name in _FIELDS}
        return json.dumps(parts, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")


@dataclass(frozen=True, slots=True, repr=False)
class Choice:
    """One kept word among its candidates, as numbers only: what is counted and what the gate keeps.

    features: [K, F]. edit_events: [K, P] channel events of the edits and then of the touches, -1 for none.
    buckets: [K] lexicon events, -1 for none. kept: index of the candidate that the user kept. literal: index
    of what was typed. literal_event: what that is.
    """

    features: Float64
    edit_events: Int64
    buckets: Int64
    kept: int
    literal: int
    literal_event: int

    @property
    def occurring(self) -> dict[str, Int64]:
        """The events [K, P] in each candidate, -1 for none, of every block but the ranker's, by block."""
        literals = np.full((len(self.buckets), 1), -1)
        literals[self.literal] = self.literal_event
        return {"channel": self.edit_events, "lexicon": self.buckets[:, None], "literal": literals}


def parse_event_map(content: bytes) -> EventMap:
    """Return the event map in canonical JSON; raise Untrusted for anything else."""
    try:
        parts: Any = json.loads(content)
        if not isinstance(parts, dict) or tuple(sorted(parts)) != _FIELDS:
            raise ValueError("fields")
        whole = {name: np.array(parts[name], dtype=np.int64) for name in _WHOLE}
        real = {name: np.array(parts[name], dtype=np.float64) for name in _FIELDS if name not in _WHOLE}
    except (ValueError, TypeError, RecursionError) as error:
        raise Untrusted(ErrorCode.BUNDLE_UNTRUSTED, "its event map is not well formed") from error
    if not all(np.isfinite(array).all() for array in real.values()):
        raise Untrusted(ErrorCode.BUNDLE_UNTRUSTED, "its event map holds a number that is not finite")
    return EventMap(
        event_of_edit=whole["event_of_edit"],
        bucket_starts=whole["bucket_starts"],
        code_book=real["code_book"],
        feature_scale=real["feature_scale"],
        base_weights=real["base_weights"],
        ranker_map=real["ranker_map"],
        literal_odds=real["literal_odds"],
    )


def evidence(
    memory: Memory,
    candidates: Sequence[str],
    typed: str,
    in_lexicon: Sequence[bool],
    edit_counts: Sequence[int],
    rareness: float,
) -> Float32:
    """Return the evidence [K, len(EVIDENCE)] of K candidates: what local memory and the literal say of each.

    rareness: of the literal, 0 to 1.

    Values are bounded, so that no single word can dominate an update.
    """
    rows = [
        [*_evidence_row(memory, word, typed, known, count), rareness if word == typed else 0.0]
        for word, known, count in zip(candidates, in_lexicon, edit_counts, strict=True)
    ]
    return np.array(rows, dtype=np.float32).reshape(len(rows), len(EVIDENCE))


def literal_rareness(lexicon: Lexicon, context: Context, typed: str, log_chance: float) -> float:
    """Return how rare a literal is, 0 to 1, less if the words before speak against it.

    At a start there are none. log_chance: log P(typed | context), nats. What the lexicon lacks is 0.
    """
    if typed not in lexicon.index:
        return 0.0
    rareness = lexicon.rareness(typed)
    if context and context[-1]:
        rareness *= min(max(1.0 + (log_chance - lexicon.log_frequency(typed)) / UNFIT, 0.0), 1.0)
    return rareness


def log_sum_exp(scores: Float64) -> float:
    """Return the logarithm of the sum of exp of scores [K] in nats."""
    top = float(scores.max())
    return top + math.log(float(np.exp(scores - top).sum()))


def softmax(scores: Float64) -> Float64:
    """Return probabilities [K] of scores [K] in nats."""
    weights = np.exp(scores - scores.max())
    probabilities: Float64 = weights / weights.sum()
    return probabilities


def is_contested(events: EventMap, choice: Choice) -> bool:
    """Return whether the base model and local memory left the kept candidate in any doubt."""
    probability = softmax(choice.features @ events.base_weights)
    return bool(1.0 - probability[choice.kept] > NEGLIGIBLE_MASS)


def compact(events: EventMap, choice: Choice) -> Choice:
    """Return a choice without what it cannot count for: hopeless candidates, and columns of no event."""
    probability = softmax(choice.features @ events.base_weights)
    probability[[choice.kept, choice.literal]] = 1.0
    rows = np.flatnonzero(probability > UNLIKELY)
    held = np.sort(choice.edit_events[rows], axis=1)[:, ::-1]  # their order says nothing
    return replace(
        choice,
        features=choice.features[rows],
        edit_events=held[:, : max(int((held >= 0).sum(1).max()), 1)],
        buckets=choice.buckets[rows],
        kept=int(np.searchsorted(rows, choice.kept)),
        literal=int(np.searchsorted(rows, choice.literal)),
    )


def pack_choice(choice: Choice) -> bytes:
    """Return the bytes of a choice; features as float16, events as int16."""
    count, width = choice.features.shape
    columns = choice.edit_events.shape[1]
    return b"".join(
        [
            _HEAD.pack(count, width, columns, choice.kept, choice.literal, choice.literal_event),
            choice.features.astype("<f2").tobytes(),
            choice.edit_events.astype("<i2").tobytes(),
            choice.buckets.astype("<i2").tobytes(),
        ]
    )


def unpack_choice(content: bytes) -> Choice:
    """Return the choice in these bytes; raise Untrusted (PROFILE_DAMAGED) if they are not of one."""
    try:
        count, width, columns, kept, literal, literal_event = _HEAD.unpack_from(content)
        sizes = [2 * count * width, 2 * count * columns, 2 * count]
        if len(content) != _HEAD.size + sum(sizes) or not (kept < count and literal < count):
            raise ValueError("size")
    except (struct.error, ValueError) as error:
        raise Untrusted(ErrorCode.PROFILE_DAMAGED, "a held-out event") from error
    at = _HEAD.size
    features = np.frombuffer(content, "<f2", count * width, at).reshape(count, width)
    at += sizes[0]
    events = np.frombuffer(content, "<i2", count * columns, at).reshape(count, columns)
    at += sizes[1]
    buckets = np.frombuffer(content, "<i2", count, at)
    return Choice(
        features.astype(np.float64),
        events.astype(np.int64),
        buckets.astype(np.int64),
        kept,
        literal,
        literal_event,
    )


def restored(content: bytes, events: EventMap) -> Choice | None:
    """Return the stored choice in these bytes; None where it is damaged, or of another event map."""
    try:
        choice = unpack_choice(content)
    except Untrusted:
        return None
    return choice if fits(choice, events) else None


def fits(choice: Choice, events: EventMap) -> bool:
    """Return whether a stored choice's features and events are ones of this event map: damage is not."""
    sizes = events.sizes
    return (
        choice.features.shape[1] == len(events.base_weights)
        and bool(np.isfinite(choice.features).all())
        and all(_between(found, sizes[block]) for block, found in choice.occurring.items())
    )


def _evidence_row(memory: Memory, word: str, typed: str, in_lexicon: bool, edit_count: int) -> list[float]:
    # The evidence of one candidate but for the last, in the order of `EVIDENCE`.
    count, age = memory.count((word,)), memory.age(word)
    literal = word == typed
    if literal and not in_lexicon and count <= 0.0:
        count = float(memory.kept_before(word))
    own = min(math.log1p(count) / 3.0, 2.0)
    return [
        float(literal and in_lexicon),
        float(literal and not in_lexicon and count <= 0.0),
        own if literal and not in_lexicon else 0.0,
        float(not literal and not in_lexicon),
        math.exp(-age / _RECENT),
        float(min(max(edit_count - 1, 0), 3)),
        float(not literal and word[:1] != typed[:1]),
        float(not literal and len(typed) <= 3),
    ]


def _between(indices: Int64, size: int) -> bool:
    return bool((indices >= -1).all() and (indices < size).all())  # -1: no event
