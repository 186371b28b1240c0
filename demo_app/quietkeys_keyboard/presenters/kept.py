"""What the application keeps of its user's typing, sealed in the profile: the last words, and words right."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass

from quietkeys import Personalizer, QuietkeysError
from quietkeys_keyboard.presenters.changes import Words
from quietkeys_keyboard.presenters.own import OwnTyping


@dataclass(slots=True)
class Kept:
    """keyboard: whose profile it lies in. words, own: what is kept."""

    keyboard: Personalizer
    words: Words
    own: OwnTyping

    def recall(self) -> None:
        """Read what was kept; what cannot be read is as if it were not there."""
        with suppress(QuietkeysError, ValueError, TypeError, KeyError):
            tree = json.loads(self.keyboard.vocabulary.examples() or "{}")
            self.words.recall(tree["words"])
            self.own.score = type(self.own.score).of_tree(tree["own"])

    def keep(self) -> None:
        """Keep it as it is now; where that fails, what was kept before stays."""
        tree = {"words": self.words.to_rows(), "own": self.own.score.to_tree()}
        with suppress(QuietkeysError):
            self.keyboard.vocabulary.keep_examples(json.dumps(tree, separators=(",", ":")))

    def without(self, word: str) -> None:
        """Keep it without a word that its user has forgotten."""
        self.words.drop(word)
        self.keep()

    def forget(self) -> None:
        """Have nothing, as after a wipe, which has removed it already."""
        self.words.forget()
        self.own.forget()
