"""The sums of a user's touches as rows of the profile: stored, and read again."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from quietkeys.keyboard.touch_model import TouchModel, oldest_epoch
from quietkeys.profile.store import Store
from quietkeys_protocol.errors import ErrorCode, error_of

_STORED: Final = "touch/"  # of the name of an array, before layout and epoch
_DIGITS: Final = 12  # of an epoch in a name
_LARGEST: Final = 2.0**53  # of a stored sum: beyond, floats are no whole numbers


def load_touches(store: Store, model: TouchModel, tick: int) -> None:
    """Fill a model with what is stored for its layout. Raises Untrusted (PROFILE_DAMAGED)."""
    stored = store.arrays(f"{_STORED}{model.layout.name}/")
    try:
        if any((sums > _LARGEST).any() for sums in stored.values()):
            raise ValueError("stored touches are too many")
        model.load({int(epoch): sums for epoch, sums in stored.items()}, tick)
    except ValueError as error:
        raise error_of(ErrorCode.PROFILE_DAMAGED, "touches") from error


def write_touches(store: Store, model: TouchModel, epochs: Iterable[int], tick: int) -> None:
    """Store these epochs of a model, and drop those of every layout that are too old."""
    for epoch in epochs:
        name, sums = f"{_STORED}{model.layout.name}/{epoch:0{_DIGITS}d}", model.stored(epoch)
        if sums.any():
            store.write_array(name, sums)
        else:
            store.drop_array(name)
    store.drop_arrays_before(_STORED, f"{max(oldest_epoch(tick), 0):0{_DIGITS}d}")
