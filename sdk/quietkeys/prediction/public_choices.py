"""The public evidence of a bundle: words typed by made-up people, and mistakes, as choices.

A device adds what they count for, under the adapter in use, to what its own user's words count for
(`quietkeys.updates.evidence`): a user's own words alone would teach that strange words are meant, because
nobody notices most of their own misspellings. And it judges an update by some of the mistakes. All of it
comes from public text, through the same candidates, features and events as a user's words, and is the same
for everybody.

The file is an uncommented .npz of N words with R candidates in all, quantized:

    features  int16 [R, F]  in steps of 1 / 64     events_BLOCK  int16 [R, P]  of each block but the ranker
    sizes     uint8 [N]     candidates of a word   kept          uint8 [N]     which of them was kept
    part      uint8 [N]     rising: a `Part`       words         int32 []      typed for Part.TEXT in all
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from quietkeys.arrays import Float64, Int64
from quietkeys.prediction.counting import Choices
from quietkeys.prediction.events import Choice, EventMap
from quietkeys_protocol.errors import ErrorCode, Untrusted

FEATURE_STEP: Final = 1.0 / 64.0  # of a stored feature
_TABLE: Final = "events_"  # of the name of an array, before the block
_ROWS: Final = 1 << 20  # candidates at most
_LARGEST: Final = np.iinfo(np.int16).max


class Part(IntEnum):
    """What a public choice is for."""

    TEXT = 0  # evidence: words of made-up people, slips and misspellings at the rates of real ones
    MISTAKES = 1  # evidence: one misspelled word each
    JUDGING = 2  # no evidence: more misspelled words, which updates are judged by


@dataclass(frozen=True, slots=True, repr=False)
class PublicChoices:
    """The contested words of made-up people who typed `words` words, and mistakes of two parts."""

    text: Choices
    words: int
    mistakes: Choices
    judging: Choices


def parse_public_choices(content: bytes, events: EventMap) -> PublicChoices:
    """Return the choices in a bundle's file; raise Untrusted (BUNDLE_UNTRUSTED) if they do not fit it."""
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        return _parsed(arrays, events)
    except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise Untrusted(ErrorCode.BUNDLE_UNTRUSTED, "its public choices are not well formed") from error


def to_bytes(events: EventMap, parts: Mapping[Part, Sequence[Choice]], words: int) -> bytes:
    """Return the file of choices. words: that were typed for those of Part.TEXT."""
    together = [choice for part in Part for choice in parts[part]]
    rows = Choices.of(events, together)
    stream = io.BytesIO()
    np.savez_compressed(
        stream,
        features=np.clip(np.rint(rows.features / FEATURE_STEP), -_LARGEST, _LARGEST).astype(np.int16),
        sizes=np.diff(rows.ends, prepend=0).astype(np.uint8),
        kept=(rows.kept - rows.begins).astype(np.uint8),
        part=np.repeat([part.value for part in Part], [len(parts[part]) for part in Part]).astype(np.uint8),
        words=np.array(words, np.int32),
        **{f"{_TABLE}{block}": table.astype(np.int16) for block, table in rows.tables.items()},
    )
    return stream.getvalue()


def _parsed(arrays: Mapping[str, NDArray[Any]], events: EventMap) -> PublicChoices:
    names = {"features", "sizes", "kept", "part", "words"}
    _require(arrays.keys() == names | {f"{_TABLE}{block}" for block in events.occurring})
    features, sizes = _of(arrays["features"], np.int16, 2), _of(arrays["sizes"], np.uint8, 1)
    kept, part = _of(arrays["kept"], np.uint8, 1), _of(arrays["part"], np.uint8, 1)
    words = int(_of(arrays["words"], np.int32, 0))
    _require(len(sizes) == len(kept) == len(part) and features.shape[1] == len(events.base_weights))
    _require(int(sizes.sum()) == len(features) <= _ROWS and bool((kept < sizes).all()))
    _require(bool((np.diff(part) >= 0).all()) and bool(np.isin(part, list(Part)).all()))
    _require((words > 0) or not bool((part == Part.TEXT).any()))
    tables: dict[str, Int64] = {}
    for block in events.occurring:
        table = _of(arrays[f"{_TABLE}{block}"], np.int16, 2)
        _require(len(table) == len(features))
        _require(bool((table >= -1).all()) and bool((table < events.sizes[block]).all()))
        tables[block] = table
    ends = np.cumsum(sizes)
    real: Float64 = features.astype(np.float64) * FEATURE_STEP
    rows = Choices(real, tables, ends, ends - sizes + kept)
    cuts = [int(np.searchsorted(part, one.value, side="right")) for one in Part]
    text, mistakes, judging = (
        rows.taken(first, last) for first, last in zip([0, *cuts[:-1]], cuts, strict=True)
    )
    return PublicChoices(text, words, mistakes, judging)


def _of(array: NDArray[Any], kind: type[np.integer[Any]], dimensions: int) -> Int64:
    _require(array.dtype == kind and array.ndim == dimensions)
    return array.astype(np.int64)


def _require(holds: bool) -> None:
    if not holds:
        raise ValueError("public choices")
