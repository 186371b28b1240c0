"""Public choices of a bundle are read strictly."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st
from numpy.typing import NDArray

from quietkeys import Untrusted
from quietkeys.prediction.model import Model
from quietkeys.prediction.public_choices import parse_public_choices

SEEDS = st.integers(0, 10_000)


@pytest.mark.parametrize("keep", ["head", "tail"])
def test_public_choices_are_read_strictly(models: dict[str, Model], keep: str) -> None:
    """What was cut, or belongs to another event map, is refused."""
    model = models["qwerty"]
    half = len(model.public) // 2
    with pytest.raises(Untrusted):
        parse_public_choices(model.public[:half] if keep == "head" else model.public[half:], model.events)
    other = replace(model.events, bucket_starts=model.events.bucket_starts[:3])
    with pytest.raises(Untrusted):
        parse_public_choices(model.public, other)


Arrays = dict[str, NDArray[Any]]


def changed(content: bytes, change: Callable[[Arrays], None]) -> bytes:
    """A file of public choices with one thing changed."""
    with np.load(io.BytesIO(content)) as stored:
        arrays = {name: stored[name].copy() for name in stored.files}
    change(arrays)
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


def put(name: str, place: int, value: int) -> Callable[[Arrays], None]:
    """A change of one number."""

    def change(arrays: Arrays) -> None:
        arrays[name].flat[place] = value

    return change


CHANGES: dict[str, Callable[[Arrays], None]] = {
    "an array more": lambda a: a.update(more=np.zeros(1)),
    "an array less": lambda a: a.__delitem__("kept"),
    "another type": lambda a: a.update(features=a["features"].astype(np.float32)),
    "an event that there is not": put("events_channel", 0, 9999),
    "a kept candidate that there is not": put("kept", 0, 255),
    "sizes that do not add up": put("sizes", 0, 200),
    "parts out of order": lambda a: a.update(part=a["part"][::-1].copy()),
    "a part that there is not": put("part", -1, 7),
    "no words": lambda a: a.update(words=np.array(0, np.int32)),
}


@pytest.mark.parametrize("what", CHANGES)
def test_public_choices_that_do_not_fit_are_refused(models: dict[str, Model], what: str) -> None:
    """Each of these is a bundle's fault, and said so."""
    model = models["qwerty"]
    parse_public_choices(changed(model.public, lambda _: None), model.events)
    with pytest.raises(Untrusted):
        parse_public_choices(changed(model.public, CHANGES[what]), model.events)
