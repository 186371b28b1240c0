"""The typing screen: an editor of the SDK, the thread that it sends to, the page of keys, the dictionary."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field

from quietkeys import Personalizer, QuietkeysError
from quietkeys.typing import Editor
from quietkeys_keyboard.presenters.keys import Page


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
    editor: Editor = field(init=False)
    page: Page = Page.LETTERS
    messages: list[Message] = field(default_factory=list)
    private: bool = False
    _said: str = ""  # about what was last asked for
    _private: ExitStack = field(default_factory=ExitStack)

    def __post_init__(self) -> None:
        self.editor = Editor(self.keyboard, self.changed, self.clock)

    @property
    def notice(self) -> str:
        """What there is to say: that learning failed, or what became of a wish."""
        problem = self.editor.problem
        return str(problem) if problem is not None else self._said

    def send(self) -> None:
        """End the word and send the message."""
        self.editor.finish()
        text = self.editor.text.strip()
        if text:
            self.messages.append(Message(text, mine=True))
        self.editor.clear()

    def turn(self, page: Page) -> None:
        """Show another page of keys."""
        self.page = page
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
            self._said = str(error)
        self.editor.suggest()
        self.changed()
