"""Held-out events: choices kept as numbers only, to judge updates by. They are never counted or sent."""

from __future__ import annotations

import struct
from typing import Final

import numpy as np

from quietkeys.learning.contested_mass import Choice
from quietkeys.prediction.event_map import EventMap, Indices
from quietkeys_protocol.errors import ErrorCode, Untrusted

_HEAD: Final = struct.Struct("<BBBBB")  # K, F, P, kept, literal


def pack_choice(choice: Choice) -> bytes:
    """Return the bytes of a choice; features as float32, events as int16."""
    count, width = choice.features.shape
    columns = choice.edit_events.shape[1]
    return b"".join(
        [
            _HEAD.pack(count, width, columns, choice.kept, choice.literal),
            choice.features.astype("<f4").tobytes(),
            choice.edit_events.astype("<i2").tobytes(),
            choice.buckets.astype("<i2").tobytes(),
        ]
    )


def unpack_choice(content: bytes) -> Choice:
    """Return the choice in these bytes; Untrusted (PROFILE_DAMAGED) if they are not of one."""
    try:
        count, width, columns, kept, literal = _HEAD.unpack_from(content)
        sizes = [4 * count * width, 2 * count * columns, 2 * count]
        if len(content) != _HEAD.size + sum(sizes) or not (kept < count and literal < count):
            raise ValueError("size")
    except (struct.error, ValueError) as error:
        raise Untrusted(ErrorCode.PROFILE_DAMAGED, "a held-out event") from error
    at = _HEAD.size
    features = np.frombuffer(content, "<f4", count * width, at).reshape(count, width)
    at += sizes[0]
    events = np.frombuffer(content, "<i2", count * columns, at).reshape(count, columns)
    at += sizes[1]
    buckets = np.frombuffer(content, "<i2", count, at)
    return Choice(
        features.astype(np.float64), events.astype(np.int64), buckets.astype(np.int64), kept, literal
    )


def fits(choice: Choice, events: EventMap) -> bool:
    """Return whether a stored choice's features and events are ones of this event map: damage is not."""
    sizes = events.sizes
    return (
        choice.features.shape[1] == len(events.base_weights)
        and bool(np.isfinite(choice.features).all())
        and _between(choice.edit_events, sizes["channel"])
        and _between(choice.buckets, sizes["lexicon"])
    )


def _between(indices: Indices, size: int) -> bool:
    return bool((indices >= -1).all() and (indices < size).all())  # -1: no event
