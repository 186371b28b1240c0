"""Both sides at once: what this device holds in the clear, and what its trainer has received of it."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Final

from quietkeys import Personalizer, QuietkeysError, Sent
from quietkeys_keyboard.presenters.departures import errand, hex_lines
from quietkeys_keyboard.presenters.typing import TypingPresenter
from quietkeys_keyboard.presenters.words import kept_words, size, times

WORDS: Final = 8
ROWS: Final = 6  # of bytes
TEXT_BITS: Final = 4.5  # entropy of a byte of English text, about
_INTRODUCTION: Final = "/v1/devices"
_RANDOM_BITS: Final = 7.0  # from which on bytes of a few hundred look random


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the last message. why: what keeps it from being learnt, "" for nothing."""

    text: str
    why: str


@dataclass(slots=True)
class SidesPresenter:
    """keyboard, typing: of the screen beside it."""

    keyboard: Personalizer
    typing: TypingPresenter

    def words(self) -> list[tuple[str, str]]:
        """Return the words used most, and how often, in words."""
        found = [one for one in self.keyboard.vocabulary.words() if one.count >= 0.5]
        return [(one.text, times(one.count)) for one in found[:WORDS]]

    def counted(self) -> str:
        """Return how many words were counted so far."""
        status = self.keyboard.status()
        counts = f"{status.words_recorded:,} words counted, {status.words_known:,} different ones"
        return f"{counts}. {kept_words(len(self.typing.words.all()))}"

    def parts(self) -> list[Part]:
        """Return the last message of the user's, or the draft, cut where something in it is left out."""
        mine = [one.text for one in self.typing.messages if one.mine]
        text = self.typing.editor.text or (mine[-1] if mine else "")
        found, at = [], 0
        try:
            left_out = self.keyboard.left_out(text)
        except QuietkeysError:
            left_out = ()
        for one in left_out:
            found += [Part(text[at : one.start], ""), Part(text[one.start : one.end], one.why.value)]
            at = one.end
        found.append(Part(text[at:], ""))
        return [part for part in found if part.text.strip()]

    def received(self) -> list[Sent]:
        """Return what left with something in it, newest first."""
        return [one for one in reversed(self.keyboard.sent()) if one.size]


def shown(one: Sent) -> tuple[str, str]:
    """Return what a request was and how much, and its first bytes as they arrived."""
    return f"{errand(one)}. {size(one.size)}", "\n".join(hex_lines(one.head, ROWS))


def attempts(one: Sent) -> list[str]:
    """Return what comes of trying to read a request without the key, each attempt as a sentence."""
    head = one.head
    letters = sum(32 <= byte < 127 for byte in head) / max(len(head), 1)
    packed = len(zlib.compress(head, 9))
    found = [
        f"As text: {''.join(chr(byte) if 32 <= byte < 127 else '·' for byte in head[:48])}",
        f"{100 * letters:.0f}\u00a0% of its first {len(head)} bytes are printable; of random ones"
        " 37\u00a0% are.",
        f"Looking for patterns: {len(head)} bytes become {packed} when a program squeezes them.",
        f"Each byte says {one.entropy:.2f} of 8 bits; a byte of English says about {TEXT_BITS}.",
    ]
    if one.entropy >= _RANDOM_BITS:
        end = "What opens it is a key that never left this device. The trainer can only compute on it."
    elif one.path == _INTRODUCTION:
        end = "This can be read by anybody: a public key, and nothing about your words."
    else:
        end = "This does not look encrypted. Do not train with this any more."
    return [*found, end]
