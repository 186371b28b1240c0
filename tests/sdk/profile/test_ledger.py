"""The user's ledger: what is stored of a line, and what is read of it."""

from __future__ import annotations

import pytest

from quietkeys import LedgerKind, LedgerLine, Outcome, Untrusted
from quietkeys_protocol.errors import ErrorCode


@pytest.mark.parametrize("kind", LedgerKind)
def test_a_line_comes_back_as_it_was_written(kind: LedgerKind) -> None:
    """With its kind in readable text before the sentence."""
    line = LedgerLine(1e9, kind, "A sentence.\nAnd another.")
    stored = line.to_bytes()
    assert stored[8:].startswith(kind.value.encode() + b"\nA sentence")
    assert LedgerLine.of_bytes(stored) == line


def test_a_kind_of_a_later_version_keeps_its_sentence() -> None:
    """It is shown as some other kind; the line is not damage."""
    stored = LedgerLine(1.0, LedgerKind.EXPORTED, "A sentence.").to_bytes().replace(b"exported", b"imported")
    assert LedgerLine.of_bytes(stored) == LedgerLine(1.0, LedgerKind.OTHER, "A sentence.")


@pytest.mark.parametrize("stored", [b"", bytes(7), bytes(8) + b"exported\n\xff"])
def test_what_is_no_line_is_damage(stored: bytes) -> None:
    """A time cut short, text in no encoding."""
    with pytest.raises(Untrusted) as caught:
        LedgerLine.of_bytes(stored)
    assert caught.value.code is ErrorCode.PROFILE_DAMAGED


def test_every_end_of_an_update_has_a_kind() -> None:
    """Those that a fetched update can come to."""
    other = {Outcome.LOST, Outcome.PENDING, Outcome.DEFERRED, Outcome.CANCELLED}
    ends = {LedgerKind(f"update_{outcome.value}") for outcome in set(Outcome) - other}
    assert ends == {kind for kind in LedgerKind if kind.value.startswith("update_")} - {
        LedgerKind.UPDATE_FETCHED
    }
