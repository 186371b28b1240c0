"""Words that the lexicon lacks, on their way into the personal dictionary.

Such a word enters local memory only after it was kept KEEPS times over SESSIONS sessions: a password or a
slip that gets past all else is seldom kept so often. Until then it is a mark in the store, without its
letters. The mark stays with a word that entered: `undo` may still take a keep away, and the word with it.
"""

from __future__ import annotations

import struct
from collections.abc import Container, Sequence
from typing import Final

from quietkeys.profile.store import Store
from quietkeys_protocol.errors import ErrorCode, TryAgain, error_of

KEEPS: Final = 3
SESSIONS: Final = 2
_MOST: Final = 8  # keeps that a mark counts
_SESSION: Final = struct.Struct(">Q")  # the number of the session of one keep
_PENDING: Final = "pending"
_FORGOTTEN: Final = "forgotten"

Sessions = tuple[int, ...]  # of each keep, in order


class Pending:
    """The keeps of words that the lexicon lacks, and which words are never to be learnt."""

    def __init__(self, store: Store, lexicon: Container[str], own_words: Container[str]) -> None:
        self._store = store
        self._lexicon = lexicon
        self._own_words = own_words

    def keep(self, word: str, session: int) -> tuple[bool, bool]:
        """Count one keep; return (whether the word is to be learnt, whether the mark counts this keep).

        Raises Untrusted (PROFILE_DAMAGED).
        """
        if word in self._lexicon:
            return True, False
        known, kept = word in self._own_words, self._kept(word)
        if known and (not kept or len(kept) == _MOST):
            return True, False  # it was put there, or has been here for long
        kept = (*kept, session)[-_MOST:]
        self._write(word, kept)
        return known or enough(kept), True

    def keeps(self, word: str) -> int:
        """Return how many keeps the mark of a word counts; 0 if the store cannot be read.

        So a word is left alone as it is typed from its first keep on, before it is learnt.
        """
        try:
            return len(self._store.mark(_PENDING, word) or b"") // _SESSION.size
        except TryAgain:
            return 0

    def take_back(self, word: str, session: int) -> bool:
        """Uncount a keep that the mark counts; return whether the word may stay in local memory."""
        kept = list(self._kept(word))
        if session not in kept:
            return True  # it was put there since, or forgotten
        kept.remove(session)
        self._write(word, tuple(kept))
        return enough(kept)

    def is_forgotten(self, word: str) -> bool:
        """Return whether a word is never to be learnt."""
        return self._store.mark(_FORGOTTEN, word) is not None

    def forget(self, word: str) -> None:
        """Let a word never be learnt."""
        self._store.set_mark(_PENDING, word, None)
        self._store.set_mark(_FORGOTTEN, word, b"\x01")

    def clear(self, word: str) -> None:
        """Know nothing about a word, and let it be learnt."""
        self._store.set_mark(_PENDING, word, None)
        self._store.set_mark(_FORGOTTEN, word, None)

    def _kept(self, word: str) -> Sessions:
        content = self._store.mark(_PENDING, word) or b""
        if len(content) % _SESSION.size or len(content) > _MOST * _SESSION.size:
            raise error_of(ErrorCode.PROFILE_DAMAGED, "a mark")
        return tuple(session for (session,) in _SESSION.iter_unpack(content))

    def _write(self, word: str, kept: Sessions) -> None:
        content = b"".join(map(_SESSION.pack, kept))
        self._store.set_mark(_PENDING, word, content or None)


def enough(kept: Sequence[int]) -> bool:
    """Return whether a word that was kept in these sessions enters local memory."""
    return len(kept) >= KEEPS and len(set(kept)) >= SESSIONS
