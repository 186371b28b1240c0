"""Play: somebody types a text with unsteady thumbs, through a user's keys, and words are counted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from quietkeys.testing import Typist
from quietkeys_keyboard.presenters.typing import TypingPresenter

SLOWEST: Final = 4.0  # keys per second
FASTEST: Final = 60.0
SEEN: Final = 0.8  # share of mistakes that a person sees and puts right
WINDOW: Final = 100  # words of a point in the chart
MESSAGE_WORDS: Final = 12
MAX_TEXT: Final = 2_000_000  # characters read of a file


@dataclass(slots=True)
class Score:
    """Words so far: how many, how many came out as meant, and how many would have without correction."""

    words: int = 0
    right: int = 0
    untouched: int = 0
    recent: list[bool] = field(default_factory=list)
    curve: list[float] = field(default_factory=list)  # share right of every WINDOW words

    def add(self, right: bool, untouched: bool) -> None:
        """Count a word."""
        self.words += 1
        self.right += right
        self.untouched += untouched
        self.recent.append(right)
        if len(self.recent) == WINDOW:
            self.curve.append(sum(self.recent) / WINDOW)
            self.recent = []


@dataclass(slots=True)
class PlayPresenter:
    """Types on a typing screen. changed: called after every word. speed: keys per second."""

    typing: TypingPresenter
    typist: Typist
    changed: Callable[[], None]
    speed: float = 12.0
    playing: bool = False
    score: Score = field(default_factory=Score)
    title: str = ""
    _keys: Iterator[None] | None = None
    _owed: float = 0.0  # keys that time has allowed and that were not pressed yet

    def play(self, words: Sequence[str], title: str) -> None:
        """Begin to type words."""
        self.title, self.score, self._keys = title, Score(), self._typed(list(words))
        self.playing, self._owed = True, 0.0
        self.typing.editor.clear()
        self.changed()

    def has_more(self) -> bool:
        """Return whether there is something left to type."""
        return self._keys is not None

    def stop(self) -> None:
        """Stop, or go on where it stopped."""
        self.playing = not self.playing and self._keys is not None
        self.changed()

    def set_speed(self, speed: float) -> None:
        """Choose how many keys a second."""
        self.speed = min(max(speed, SLOWEST), FASTEST)

    def tick(self, seconds: float, most: int = 3) -> None:
        """Press what is due after some seconds, at most so many keys, so that the screen stays alive."""
        if not self.playing or self._keys is None:
            return
        self._owed = min(self._owed + seconds * self.speed, float(most))
        while self._owed >= 1.0:
            self._owed -= 1.0
            if next(self._keys, self) is self:
                self.playing, self._keys = False, None
                self.changed()
                return

    def _typed(self, words: list[str]) -> Iterator[None]:
        for place, word in enumerate(words):
            typed, touches = self.typist.type_word_touched(word)
            for character, touch in zip(typed, touches, strict=True):
                self.typing.editor.press(character, touch)
                yield
            if not typed:
                continue
            self.typing.editor.space()
            yield
            kept = self.typing.editor.last_word()
            right = kept.lower() == word.lower()
            self.score.add(right, typed.lower() == word.lower())
            if not right and self.typist.rng.random() < SEEN:
                self.typing.editor.put_right(word)
                yield
            if place % MESSAGE_WORDS == MESSAGE_WORDS - 1:
                self.typing.send()
            self.changed()


def words_of_file(path: Path) -> list[str]:
    """Return the words of a UTF-8 text file. Raises OSError, ValueError for what is no text."""
    with path.open(encoding="utf-8") as stream:
        return stream.read(MAX_TEXT).split()
