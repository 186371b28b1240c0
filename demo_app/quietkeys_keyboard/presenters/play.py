"""Play: somebody types a text with unsteady thumbs, through a user's keys, and words are counted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from quietkeys.testing import Typist
from quietkeys.typing import KeptWord
from quietkeys_keyboard.presenters.base import left_by
from quietkeys_keyboard.presenters.curve import Score, Word
from quietkeys_keyboard.presenters.typing import TypingPresenter

SLOWEST: Final = 4.0  # keys per second
FASTEST: Final = 60.0
SEEN: Final = 0.8  # share of mistakes that a person sees and puts right
MOST_WORDS: Final = 40  # of a message; longer lines of a file are cut
MAX_TEXT: Final = 2_000_000  # characters read of a file


@dataclass(slots=True)
class PlayPresenter:
    """Types on a typing screen. changed: called after every word. speed: keys per second."""

    typing: TypingPresenter
    typist: Typist
    changed: Callable[[], None]
    base: Callable[[KeptWord], str]  # what the model leaves of a word that knows nobody
    memory: Callable[[KeptWord], str]  # what this keyboard leaves without an update
    speed: float = 12.0
    playing: bool = False
    score: Score = field(default_factory=Score)
    title: str = ""
    _keys: Iterator[None] | None = None
    _owed: float = 0.0  # keys that time has allowed and that were not pressed yet

    def play(self, messages: Sequence[str], title: str) -> None:
        """Begin to type messages, each sent when it is whole."""
        self.title, self.score, self._keys = title, Score(), self._typed(list(messages))
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

    def reset(self) -> None:
        """Have typed nothing."""
        self.playing, self._keys, self.score, self.title = False, None, Score(), ""
        self.typing.forget()
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

    def _typed(self, messages: list[str]) -> Iterator[None]:
        for message in messages:
            for word in message.split():
                yield from self._word(word)
                self.changed()
            self.typing.send()
            yield

    def _word(self, word: str) -> Iterator[None]:
        typed, touches = self.typist.type_word_touched(word)
        before = self.typing.editor.text
        for character, touch in zip(typed, touches, strict=True):
            self.typing.editor.press(character, touch)
            yield
        if not typed:
            return
        told = KeptWord(before, typed, word, tuple(touches))
        memory, left = self.memory(told), left_by(self.typing.keyboard, told)  # before it learns this word
        self.typing.editor.space()
        yield
        kept = self.typing.editor.last_word()
        right = kept.lower() == word.lower()
        self.score.add(Word(*(one.lower() == word.lower() for one in (typed, self.base(told), memory, left))))
        if not right and self.typist.rng.random() < SEEN:
            self.typing.editor.put_right(word)
            yield


def messages_of_file(path: Path) -> list[str]:
    """Return the lines of a UTF-8 text file as messages, long ones in parts. Raises OSError, ValueError."""
    with path.open(encoding="utf-8") as stream:
        lines = [line.split() for line in stream.read(MAX_TEXT).splitlines()]
    parts = (line[at : at + MOST_WORDS] for line in lines for at in range(0, len(line), MOST_WORDS))
    return [" ".join(part) for part in parts]
