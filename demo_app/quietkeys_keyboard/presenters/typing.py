"""The typing screen: an editor of the SDK, the thread that it sends to, the page of keys, the dictionary."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import Final, cast

from quietkeys import PendingWord, Personalizer, QuietkeysError
from quietkeys.typing import Editor, KeptWord, Shift
from quietkeys_keyboard.presenters.changes import Change, Words, learnt
from quietkeys_keyboard.presenters.emoji import found
from quietkeys_keyboard.presenters.keys import Page
from quietkeys_keyboard.presenters.own import OwnTyping, Watched
from quietkeys_keyboard.presenters.words import said, times

_WORD: Final = re.compile(r"[A-Za-z]+(?:['’][A-Za-z]+)*")
GREETING: Final = "Hi! Type something; mistakes are welcome."


@dataclass(frozen=True, slots=True)
class Message:
    """A line of the thread. mine: by the user, else by the demo."""

    text: str
    mine: bool


@dataclass(slots=True)
class TypingPresenter:
    """changed: called after anything has changed. clock: seconds, for two taps in a row."""

    keyboard: Personalizer
    changed: Callable[[], None]
    clock: Callable[[], float]
    words: Words = field(default_factory=Words)  # the last ones, for showing what an update changes
    own: OwnTyping | None = None  # counts words right in what its user types
    keep: Callable[[], None] = lambda: None  # called after each message
    editor: Editor = field(init=False)
    page: Page = Page.LETTERS
    messages: list[Message] = field(default_factory=lambda: [Message(GREETING, mine=False)])
    private: bool = False
    query: str | None = None  # the name of an emoji as far as it is spelled; None while none is looked for
    pending: PendingWord | None = None  # a word of the last message that is not learnt yet
    _written: str = ""  # the pending word as it was typed
    _replaying: bool = False
    _said: str = ""  # about what was last asked for
    _private: ExitStack = field(default_factory=ExitStack)

    def __post_init__(self) -> None:
        watched = cast(Personalizer, Watched(self.keyboard, self._before))
        self.editor = Editor(watched, self.changed, self.clock, told=self.told)
        self.words.kept = lambda word: learnt(self.keyboard, word)

    @property
    def notice(self) -> str:
        """What there is to say: that learning failed, or what became of a wish."""
        if self.query is not None:
            return f"Emoji: {self.query or 'spell what it shows, such as cake'}"
        problem = self.editor.problem
        return said(problem) if problem is not None else self._said

    def send(self) -> None:
        """End the word and send the message."""
        self.editor.finish()
        text = self.editor.text.strip()
        if text:
            self.messages.append(Message(text, mine=True))
            self.pending = self._pending_in(text)
        if self.own is not None:
            self.own.sent(self.editor.text)
        self.editor.clear()
        if text:
            self.keep()

    def add_pending(self) -> None:
        """Learn the word at once that would be learnt later."""
        pending, self.pending = self.pending, None
        if pending is not None:
            try:
                self.keyboard.vocabulary.add(self._written)
                self._said = f"Your keyboard knows {self._written} now."
            except QuietkeysError as error:
                self._said = said(error)
        self.editor.suggest()
        self.changed()

    def pending_words(self) -> str:
        """Return how far the word is that is not learnt yet, "" for none."""
        if self.pending is None:
            return ""
        word, count = self._written, times(self.pending.keeps)
        if self.pending.keeps >= self.pending.keeps_needed:
            return f"{word}, {count}: learned when you type it in another session."
        needed = times(self.pending.keeps_needed)
        return f"{word}, {count} so far: learned after {needed}, over two sessions."

    def told(self, word: KeptWord) -> None:
        """Keep a word that was learnt, to show what an update changes; not what is typed in private."""
        if self._learns():
            self.words.told(word)
            if self.own is not None:
                self.own.told(word)

    def _before(self, word: KeptWord, left: str | None) -> None:
        if self.own is not None and self._learns():
            self.own.before(word, left)

    def _learns(self) -> bool:
        return not (self.private or self._replaying or self.keyboard.paused)

    def _pending_in(self, text: str) -> PendingWord | None:
        waiting: list[tuple[PendingWord, str]] = []
        for match in _WORD.finditer(text):
            with suppress(QuietkeysError):
                pending = self.keyboard.vocabulary.pending(match[0])
                if pending is not None:
                    waiting.append((pending, match[0]))
        if not waiting or self.private:
            return None
        first, self._written = max(waiting, key=lambda one: one[0].keeps)
        return first

    def forget(self) -> None:
        """Begin anew: without the thread, the draft and what there was to say."""
        self.messages, self._said, self.pending = [Message(GREETING, mine=False)], "", None
        self.editor.clear()

    def replay(self, change: Change) -> Generator[None, None, None]:
        """Type a word again as it was typed, a key at a time, and end it; nothing of it is learnt."""
        word, self._replaying = change.word, True
        with self.keyboard.private(), ExitStack() as after:
            after.callback(setattr, self, "_replaying", False)
            self.editor.clear()
            self.editor.paste(word.before)
            touches = word.touches or (None,) * len(word.typed)
            for character, touch in zip(word.typed, touches, strict=True):
                self.editor.shift = Shift.OFF
                self.editor.press(character, touch)
                yield
            self.editor.space()
            yield

    def seek(self) -> None:
        """Have the keys spell the name of an emoji, which the strip then offers."""
        self.page, self.query = Page.LETTERS, ""
        self.changed()

    def press(self, character: str, touch: tuple[float, float] | None = None) -> None:
        """Press a key on the screen with a character."""
        if self.query is None:
            self.editor.press(character, touch)
        else:
            self.query += character
            self.changed()

    def backspace(self) -> None:
        """Press backspace."""
        if self.query is None:
            self.editor.backspace()
        else:
            self.query = self.query[:-1] if self.query else None
            self.changed()

    def choose(self, place: int) -> None:
        """Choose one place of the strip."""
        if self.query is None:
            self.editor.choose(place)
        elif place < len(self.emoji()):
            symbol, self.query = self.emoji()[place], None
            self.editor.press(symbol)

    def emoji(self) -> list[str]:
        """Return the emoji that are offered, none while none is looked for."""
        return [] if self.query is None else found(self.query)

    def turn(self, page: Page) -> None:
        """Show another page of keys."""
        self.page, self.query = page, None
        self.changed()

    def set_private(self, private: bool) -> None:
        """Learn nothing until switched back."""
        if private and not self.private:
            self._private.enter_context(self.keyboard.private())
        elif not private:
            self._private.close()
        self.private = private
        self.changed()

    def never_suggest(self, place: int) -> None:
        """Do not offer a word of the strip any more."""
        self._tell(self.keyboard.vocabulary.never_suggest, place, "It is not offered again.")

    def never_correct(self, place: int) -> None:
        """Leave a word of the strip as it is typed from now on."""
        self._tell(self.keyboard.vocabulary.never_correct, place, "It is left as typed.")

    def add_word(self, place: int) -> None:
        """Put a word of the strip into the personal dictionary."""
        self._tell(self.keyboard.vocabulary.add, place, "It is in your dictionary.")

    def _tell(self, action: Callable[[str], None], place: int, done: str) -> None:
        try:
            action(self.editor.strip[place].text)
            self._said = done
        except QuietkeysError as error:
            self._said = said(error)
        self.editor.suggest()
        self.changed()
