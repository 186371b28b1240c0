"""Our own keyboard as a speller: a fresh profile that nothing is recorded in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from quietkeys import Personalizer
from quietkeys_bench.autocorrect.spellers.interface import Answer

OURS: Final = "quietkeys"


@dataclass(frozen=True, slots=True)
class OurSpeller:
    """A keyboard that is asked at every key and knows the text before the word alone."""

    keyboard: Personalizer
    name: str = OURS

    def approach(self, before: str, typed: str) -> None:
        """Ask after every key but the last, as a keyboard does."""
        context, glued = split_glued(before)
        token = glued + typed
        for end in range(len(token)):
            self.keyboard.suggest(context, token[:end])

    def correct(self, before: str, typed: str, after: str) -> Answer:
        """Return the text after a space, and the strip."""
        del after  # not typed yet
        context, glued = split_glued(before)
        shown = self.keyboard.suggest(context, glued + typed)
        if shown.merged is not None:  # the word before would go as well
            return Answer(shown.merged, tuple(text.removeprefix(glued) for text in shown.strip))
        text = glued + typed if shown.correction is None else shown.correction
        return Answer(text.removeprefix(glued), tuple(text.removeprefix(glued) for text in shown.strip))


def split_glued(before: str) -> tuple[str, str]:
    """Return the text before the token that a word is in, and what the token begins with, such as a quote."""
    cut = len(before)
    while cut and not before[cut - 1].isspace():
        cut -= 1
    return before[:cut], before[cut:]
