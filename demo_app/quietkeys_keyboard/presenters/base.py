"""The keyboard that knows nobody: what the model does without memory and updates, to compare with."""

from __future__ import annotations

import tempfile
import threading
from pathlib import Path
from typing import Any

from quietkeys import KeyFile, Personalizer
from quietkeys.testing import open_profile, suggest_without_update
from quietkeys.typing import KeptWord


class BaseKeyboard:
    """A profile of nobody in a folder that goes with it. It learns nothing, and opens when first asked."""

    def __init__(self, **opening: Any) -> None:
        """As for `open_profile`: the bundle and the layout of the keyboard that it is compared with."""
        self._opening = opening
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._keyboard: Personalizer | None = None
        self._closed = False
        self._lock = threading.Lock()

    def leaves(self, word: KeptWord) -> str:
        """Return what Space leaves of a word that is typed so; `kept` does not matter. From any thread."""
        with self._lock:
            if self._closed:
                return word.typed
            if self._keyboard is None:
                self._folder = tempfile.TemporaryDirectory(prefix="quietkeys-base-")
                self._keyboard = open_profile(
                    Path(self._folder.name) / "profile", protection=KeyFile(), **self._opening
                )
            return left_by(self._keyboard, word)

    def close(self) -> None:
        """Remove it; what is asked afterwards is left as it was typed."""
        with self._lock:
            self._closed = True
            if self._keyboard is not None and self._folder is not None:
                self._keyboard.close()
                self._folder.cleanup()
            self._keyboard = None


def left_by(keyboard: Personalizer, word: KeptWord) -> str:
    """Return what Space leaves of a word that is typed so on a keyboard as it is now."""
    shown = keyboard.suggest(word.before, word.typed, word.touches or None)
    return shown.correction or word.typed


def left_by_memory(keyboard: Personalizer, word: KeptWord) -> str:
    """Return the same as if no update were in use."""
    shown = suggest_without_update(keyboard, word.before, word.typed, word.touches or None)
    return shown.correction or word.typed
