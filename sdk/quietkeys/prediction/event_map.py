"""Public event types of the three blocks: which event every edit, word and pair of candidates is.

    channel   one event for every group of edits that one habit of the hands would change together, then
              the touch events
    lexicon   one event for every bucket of the vocabulary: the most frequent words alone, then tiers
    ranker    one event for every prototype of a public code book of feature differences

All of it is public and the same for everybody; it is shipped in the bundle beside the plan.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from quietkeys.keyboard import edits
from quietkeys.keyboard.touch_events import TOUCH_EVENTS
from quietkeys.prediction.evidence import EVIDENCE
from quietkeys_protocol.errors import ErrorCode, Untrusted

FEATURES: Final = ("language", "channel", "personal", *EVIDENCE)
DIFFERENCE_LIMIT: Final = 3.0  # feature differences are clipped there, in units of feature_scale
_WHOLE: Final = ("bucket_starts", "event_of_edit")  # of integers
_FIELDS: Final = (
    "base_weights",
    "bucket_starts",
    "code_book",
    "event_of_edit",
    "feature_scale",
    "ranker_map",
)

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class EventMap:
    """Maps what happens to events. F = len(FEATURES).

    event_of_edit: [EDIT_COUNT] channel event or -1; the touch events come after the last of these.
    bucket_starts: [B] first lexicon id of each bucket, rising. code_book: [M, F] prototypes of feature
    differences / feature_scale. feature_scale: [F]. base_weights: [F] the ranker at a zero adapter.
    ranker_map: [F, d] from adapter weights to feature weights.
    """

    event_of_edit: Indices
    bucket_starts: Indices
    code_book: Floats
    feature_scale: Floats
    base_weights: Floats
    ranker_map: Floats

    def __post_init__(self) -> None:
        """Raises Untrusted if the parts do not fit together."""
        width = len(FEATURES)
        fits = (
            self.event_of_edit.shape == (edits.EDIT_COUNT,)
            and bool(np.all(np.diff(self.bucket_starts) > 0))
            and self.code_book.ndim == 2
            and self.code_book.shape[1] == width
            and self.feature_scale.shape == (width,)
            and bool(np.all(self.feature_scale > 0))
            and self.base_weights.shape == (width,)
            and self.ranker_map.ndim == 2
            and len(self.ranker_map) == width
        )
        if not fits:
            raise Untrusted(ErrorCode.BUNDLE_UNTRUSTED, "its event map does not fit this version")

    @property
    def first_touch_event(self) -> int:
        """Return the channel event that is the first of TOUCH_EVENTS: as many events of edits are before."""
        return int(self.event_of_edit.max()) + 1

    @property
    def sizes(self) -> dict[str, int]:
        """Return the number of events of each block."""
        return {
            "channel": self.first_touch_event + len(TOUCH_EVENTS),
            "lexicon": len(self.bucket_starts),
            "ranker": len(self.code_book),
        }

    def bucket(self, ids: Indices) -> Indices:
        """Return the lexicon event of each word id, -1 for ids before the first bucket."""
        return np.searchsorted(self.bucket_starts, ids, side="right") - 1

    def bucket_of_word(self, vocabulary: int) -> Indices:
        """Return the lexicon event of every id below `vocabulary`."""
        return self.bucket(np.arange(vocabulary))

    def nearest_code(self, differences: Floats) -> tuple[Indices, Floats]:
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


def parse_event_map(content: bytes) -> EventMap:
    """Return the event map in canonical JSON; Untrusted for anything else."""
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
    )
