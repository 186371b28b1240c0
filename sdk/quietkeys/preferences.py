"""What the user has chosen, kept in the profile: how readily autocorrect acts, and what it leaves alone."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Final

from quietkeys.levels import Level
from quietkeys.store import Store
from quietkeys_protocol.errors import ErrorCode, error_of

_LEVEL: Final = "level"
_NEVER_CORRECT: Final = "never_correct"


@dataclass(frozen=True, slots=True, repr=False)
class Preferences:
    """never_correct: lower-case words that are left as they are typed."""

    level: Level = Level.NORMAL
    never_correct: Collection[str] = frozenset()


class StoredPreferences:
    """The preferences of one profile."""

    def __init__(self, store: Store) -> None:
        """Raises Untrusted (PROFILE_DAMAGED) if the store holds something else."""
        self._store = store
        try:
            level = Level(store.setting(_LEVEL) or Level.NORMAL)
            words = json.loads(store.setting(_NEVER_CORRECT) or "[]")
        except (ValueError, RecursionError) as error:
            raise error_of(ErrorCode.PROFILE_DAMAGED, "a preference") from error
        if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
            raise error_of(ErrorCode.PROFILE_DAMAGED, "a preference")
        self.current = Preferences(level, frozenset(words))

    def set_level(self, level: Level) -> None:
        """Choose a level. Raises TryAgain (DISK_FULL, STORAGE_FAILED); then nothing was changed."""
        self._store.set_setting(_LEVEL, level.value)
        self.current = replace(self.current, level=level)

    def never_correct(self, word: str, never: bool) -> None:
        """Put a lower-case word on the list or take it off; raises as `set_level`."""
        words = frozenset(self.current.never_correct) - {word} | ({word} if never and word else frozenset())
        self._store.set_setting(_NEVER_CORRECT, json.dumps(sorted(words)))
        self.current = replace(self.current, never_correct=words)
