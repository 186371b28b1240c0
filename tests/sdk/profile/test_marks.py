"""Marks: something is known about a text, and the text is not kept."""

from __future__ import annotations

from quietkeys.profile.store import Store
from tests.sdk.unsealing import rows_of

WORD = "quokkaberry"


def test_a_mark_is_found_by_its_text_and_kind() -> None:
    """What was marked is found again; another text, another kind and a removed mark are not."""
    store = Store.in_memory()
    store.set_mark("pending", WORD, b"once")
    assert store.mark("pending", WORD) == b"once"
    assert store.mark("pending", WORD + "s") is None
    assert store.mark("forgotten", WORD) is None
    store.set_mark("pending", WORD, b"twice")
    assert store.marks("pending") == [b"twice"]
    store.set_mark("pending", WORD, None)
    assert store.mark("pending", WORD) is None


def test_a_mark_does_not_hold_its_text() -> None:
    """No row names the text or a hash of it that somebody else could make."""
    store, other = Store.in_memory(), Store.in_memory()
    for one in (store, other):
        one.set_mark("pending", WORD, b"once")
    names = {row[0] for one in (store, other) for row in one.database.rows("SELECT name FROM marks")}
    assert len(names) == 2
    assert not any(WORD.encode() in name for name in names)
    assert WORD.encode() not in rows_of(store.database)
