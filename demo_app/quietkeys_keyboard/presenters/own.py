"""Words right in what its user types: as typed, as the base corrects, with memory, with updates as well.

What is sent counts as what was meant. What Space leaves is what the editor was answered last; without updates
it is the same while there are none, and is asked right before a word is learnt otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from quietkeys import Personalizer, Suggestions, UndoReceipt
from quietkeys.typing import KeptWord
from quietkeys_keyboard.presenters.base import left_by, left_by_memory
from quietkeys_keyboard.presenters.curve import Score, Word

Post = Callable[[Callable[[], None]], None]
Touches = Sequence[tuple[float, float] | None]


class Watched:
    """A keyboard as an editor has it.

    before: told each word before it is learnt, and what Space leaves; None where that was not asked last.
    """

    def __init__(self, keyboard: Personalizer, before: Callable[[KeptWord, str | None], None]) -> None:
        self._keyboard, self._before = keyboard, before
        self._asked: tuple[str, str, tuple[tuple[float, float] | None, ...]] = ("", "", ())
        self._left = ""  # by Space of what was asked about

    def suggest(self, context: str, typed: str, touches: Touches | None = None, **where: Any) -> Suggestions:
        """Return what the keyboard suggests, and remember what Space leaves. where: see `record`."""
        shown = self._keyboard.suggest(context, typed, touches, **where)
        self._asked, self._left = (context, typed, tuple(touches or ())), shown.correction or typed
        return shown

    def record(
        self, context: str, typed: str, kept: str, touches: Touches | None = None, **where: Any
    ) -> UndoReceipt:
        """Say that a word is to be learnt, and learn it. where: as in `Personalizer.record`."""
        asked = context, typed, tuple(touches or ())
        self._before(KeptWord(context, typed, kept, asked[2]), self._left if asked == self._asked else None)
        return self._keyboard.record(context, typed, kept, touches, **where)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._keyboard, name)


@dataclass(slots=True)
class _Ended:
    """A word of the message under way: what Space leaves of it with updates and without; how it stands."""

    left: str
    memory: str
    word: KeptWord | None = None


@dataclass(slots=True)
class OwnTyping:
    """keyboard: of its user. base: what the model leaves of a word that knows nobody.

    later: does what takes some time aside, post: what comes of it on the thread of the screens.
    """

    keyboard: Personalizer
    base: Callable[[KeptWord], str]
    later: Post = lambda action: action()
    post: Post = lambda action: action()
    score: Score = field(default_factory=Score)
    _open: dict[str, _Ended] = field(default_factory=dict, repr=False)  # by the text before
    _waiting: list[tuple[_Ended, KeptWord]] = field(default_factory=list, repr=False)  # for the base
    _at_it: bool = False

    def before(self, word: KeptWord, left: str | None = None) -> None:
        """Look at a word that is about to be learnt; again where it was taken back, it changes nothing.

        left: what Space leaves of it, None where that is to be asked.
        """
        if word.before not in self._open and any(map(str.isalpha, word.typed)):
            left = left_by(self.keyboard, word) if left is None else left
            updated = self.keyboard.status().adapter_version > 0
            self._open[word.before] = _Ended(left, left_by_memory(self.keyboard, word) if updated else left)

    def told(self, word: KeptWord) -> None:
        """Note how a word stands now."""
        if word.before in self._open:
            self._open[word.before].word = word

    def sent(self, text: str) -> None:
        """Count the words of a message that stand in it as it is sent."""
        for before, ended in self._open.items():
            if ended.word is not None and text.startswith(before + ended.word.kept):
                self._waiting.append((ended, ended.word))
        self._open.clear()
        if self._waiting and not self._at_it:
            self._at_it = True
            self.later(self._count)

    def _count(self) -> None:
        # The base answers slowly when it is asked first.
        while self._waiting:
            ended, word = self._waiting.pop(0)
            self.post(partial(self._counted, ended, word, self.base(word)))
        self._at_it = False

    def _counted(self, ended: _Ended, word: KeptWord, base: str) -> None:
        left = word.typed, base, ended.memory, ended.left
        self.score.add(Word(*(one.lower() == word.kept.lower() for one in left)))

    def forget(self) -> None:
        """Have counted nothing."""
        self.score = Score()
        self._open.clear()
        self._waiting.clear()
