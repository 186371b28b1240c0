"""Figures as people read them, in the ledger."""

from __future__ import annotations


def size_words(size: int) -> str:
    """Return a number of bytes in units of 1000."""
    for unit, scale in (("GB", 1_000_000_000), ("MB", 1_000_000), ("KB", 1_000)):
        if size >= scale:
            return f"{size / scale:.1f} {unit}"
    return f"{size} bytes"


def fingerprint_words(key_id: str) -> str:
    """Return the first 16 hex digits of a key id in groups of four, "" for no key."""
    return " ".join(key_id[start : start + 4] for start in range(0, 16, 4)).strip()
