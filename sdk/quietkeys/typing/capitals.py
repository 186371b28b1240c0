"""Capitals: what shift does to a letter, and recasing a word."""

from __future__ import annotations

from enum import StrEnum


class Shift(StrEnum):
    """What letters come out as."""

    OFF = "off"
    ON = "on"  # for one letter
    LOCK = "lock"

    def applied(self, text: str) -> str:
        """Return a letter or a word as this shift makes it."""
        if self is Shift.LOCK:
            return text.upper()
        return text[:1].upper() + text[1:] if self is Shift.ON else text


def recased(text: str, original: str) -> str:
    """Return a text in its next case: small, with a capital at its start, all capitals, as it was first.

    original: as it was before it was first recased.
    """
    small = original.lower()
    forms = list(dict.fromkeys([original, small, small[:1].upper() + small[1:], original.upper()]))
    return forms[(forms.index(text) + 1) % len(forms)] if text in forms else small
