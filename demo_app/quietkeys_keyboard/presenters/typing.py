"""The typing screen: what stands in the field, what is in the strip, and what every key does.

Text is corrected as a word ends. One backspace right after gives back what was typed, un-learns it, and lets
it stand. What is chosen in the strip ends the word, and a full stop right after moves to the word. What was
pasted was not typed: it is neither corrected nor learnt.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from quietkeys import Personalizer, QuietkeysError, UndoReceipt
from quietkeys_keyboard.presenters.keys import Page

Touch = tuple[float, float]

STRIP: Final = 3
PASTED: Final[Touch] = (float("inf"), float("inf"))  # in the place of the touch of a character
_SENTENCE_ENDS: Final = ".!?"
_TIGHT: Final = ".,!?;:)"  # what follows a word without a space
_SPACED: Final = ",;!?"  # what no word goes on behind
_DOUBLE_S: Final = 0.5  # between two taps that belong together


class Shift(StrEnum):
    """What letters come out as."""

    OFF = "off"
    ON = "on"  # for one letter
    LOCK = "lock"


@dataclass(frozen=True, slots=True)
class Message:
    """A line of the thread. mine: by the user, else by the demo."""

    text: str
    mine: bool


@dataclass(frozen=True, slots=True)
class Choice:
    """One place of the strip. literal: what was typed. best: what the word becomes when it ends."""

    text: str
    literal: bool = False
    best: bool = False


@dataclass(frozen=True, slots=True)
class Ended:
    """A word that has just ended: where it stands, what was typed, what is kept, and for undoing it."""

    start: int
    typed: str
    touches: tuple[Touch | None, ...]
    kept: str
    receipt: UndoReceipt | None
    spaced: bool  # a space was put behind it

    @property
    def end(self) -> int:
        """Behind the word and its space."""
        return self.start + len(self.kept) + self.spaced


@dataclass(slots=True)
class TypingPresenter:
    """changed: called after anything has changed. clock: seconds, for two taps in a row."""

    keyboard: Personalizer
    changed: Callable[[], None]
    clock: Callable[[], float]
    text: str = ""
    cursor: int = 0
    anchor: int | None = None  # the other end of what is selected
    shift: Shift = Shift.ON
    page: Page = Page.LETTERS
    strip: tuple[Choice, ...] = ()
    underlined: tuple[int, int] | None = None
    notice: str = ""
    messages: list[Message] = field(default_factory=list)
    _touches: list[Touch | None] = field(default_factory=list)  # of every character of the text
    _ended: Ended | None = None
    _literal_at: int = -1  # where a word stands that was given back and is to be left alone
    _tapped: float = -1.0  # when shift was tapped last
    _private: ExitStack = field(default_factory=ExitStack)
    private: bool = False

    def __post_init__(self) -> None:
        self.suggest()

    # Keys

    def press(self, character: str, touch: Touch | None = None, *, by_finger: bool = True) -> None:
        """Press a key with a character, or put in an emoji, in the place of what is selected.

        touch: where it was touched, in letter keys. by_finger: put the space that was left out after
        punctuation.
        """
        self._remove_selected()
        if character.isalpha() and len(character) == 1 and self.shift is not Shift.OFF:
            character = character.upper()
        if by_finger and self._lacks_space(character):
            starts = self.text[self.cursor - 1] in _SENTENCE_ENDS
            self._replace(self.cursor, self.cursor, " ")
            character = character.upper() if starts else character
        if character in _TIGHT:
            self._punctuate(character)
        else:
            self._replace(self.cursor, self.cursor, character, [touch] * len(character))
            self._ended = None
        if self.shift is Shift.ON and character.isalpha():
            self.shift = Shift.OFF
        self._after()

    def type_hardware(self, character: str) -> None:
        """Press a key of a hardware keyboard, which has a shift of its own."""
        if self.shift is Shift.OFF or not character.isalpha():
            shift, self.shift = self.shift, Shift.OFF
            self.press(character, by_finger=False)
            if shift is Shift.LOCK:
                self.shift = shift
            return
        self.press(character, by_finger=False)

    def space(self) -> None:
        """Press the space bar: it ends a word; twice in a row it makes a full stop."""
        self._remove_selected()
        before = self.text[: self.cursor]
        ended = self._ended
        if ended is not None and ended.spaced and self.cursor == ended.end and before[:-1][-1:].isalnum():
            self._replace(self.cursor - 1, self.cursor, ". ")
            self._ended = None
        else:
            self._end_word(None)
        self._after()

    def enter(self) -> None:
        """End the word and send the message."""
        if self._token()[2]:
            self._end_word(None)
        text = self.text.strip()
        if text:
            self.messages.append(Message(text, mine=True))
        self._clear()
        self._after()

    def backspace(self) -> None:
        """Give a correction back right after it was made, else take what is selected or one character."""
        ended = self._ended
        if self.selected is not None:
            self._remove_selected()
        elif ended is not None and ended.kept != ended.typed and self.cursor == ended.end:
            self._give_back(ended)
        elif self.cursor:
            self._replace(self.cursor - 1, self.cursor, "")
            self._ended = None
        self._after()

    def tap_shift(self) -> None:
        """Press shift: once for one capital, twice in a row for capitals until the next tap."""
        now = self.clock()
        if self.shift is Shift.OFF:
            self.shift = Shift.ON
        elif self.shift is Shift.ON and now - self._tapped < _DOUBLE_S:
            self.shift = Shift.LOCK
        else:
            self.shift = Shift.OFF
        self._tapped = now
        self.changed()

    def turn(self, page: Page) -> None:
        """Show another page of keys."""
        self.page = page
        self.changed()

    def move(self, cursor: int, *, selecting: bool = False) -> None:
        """Put the cursor before a character; selecting: and select what lies on the way."""
        before, self.cursor = self.cursor, min(max(cursor, 0), len(self.text))
        self.anchor = (before if self.anchor is None else self.anchor) if selecting else None
        self._ended = None
        self._after()

    # What is selected

    @property
    def selected(self) -> tuple[int, int] | None:
        """Where what is selected begins and ends; None if nothing is."""
        if self.anchor is None or self.anchor == self.cursor:
            return None
        return min(self.anchor, self.cursor), max(self.anchor, self.cursor)

    def select_word(self, cursor: int) -> None:
        """Select the word around a character."""
        self.cursor = min(max(cursor, 0), len(self.text))
        self._select(*self._token()[:2])

    def select_all(self) -> None:
        """Select the whole text."""
        self._select(0, len(self.text))

    def copy(self) -> str:
        """Return what is selected, "" if nothing is."""
        start, end = self.selected or (0, 0)
        return self.text[start:end]

    def cut(self) -> str:
        """Take out what is selected and return it."""
        taken = self.copy()
        self._remove_selected()
        self._after()
        return taken

    def paste(self, text: str) -> None:
        """Put a text in the place of what is selected; it is never learnt from."""
        self._remove_selected()
        line = "".join(character for character in text.replace("\n", " ") if character.isprintable())
        self._replace(self.cursor, self.cursor, line, [PASTED] * len(line))
        self._ended = None
        self._after()

    # The strip

    def choose(self, place: int) -> None:
        """End the word as one place of the strip says."""
        if place < len(self.strip):
            self._end_word(self.strip[place].text)
            self._after()

    def never_suggest(self, place: int) -> None:
        """Do not offer a word any more."""
        self._tell(
            lambda: self.keyboard.vocabulary.never_suggest(self.strip[place].text), "It is not offered again."
        )

    def never_correct(self, place: int) -> None:
        """Leave a word as it is typed from now on."""
        self._tell(
            lambda: self.keyboard.vocabulary.never_correct(self.strip[place].text), "It is left as typed."
        )

    def add_word(self, place: int) -> None:
        """Put a word into the personal dictionary."""
        self._tell(lambda: self.keyboard.vocabulary.add(self.strip[place].text), "It is in your dictionary.")

    # Learning

    def set_private(self, private: bool) -> None:
        """Learn nothing until switched back."""
        if private and not self.private:
            self._private.enter_context(self.keyboard.private())
        elif not private:
            self._private.close()
        self.private = private
        self.changed()

    def put_right(self, meant: str) -> None:
        """Replace the word that has just ended by what was meant, as a person does who sees a mistake."""
        ended = self._ended
        if ended is None:
            return
        if ended.receipt is not None:
            self.keyboard.undo(ended.receipt)
        self._replace(ended.start, ended.end, meant + " " * ended.spaced)
        context = self.text[: ended.start]
        receipt = self._record(context, ended.typed, meant, ended.touches)
        self._ended = Ended(ended.start, ended.typed, ended.touches, meant, receipt, ended.spaced)
        self.underlined = None
        self._after()

    def last_word(self) -> str:
        """Return the word that has just ended, as it is kept; "" if none has."""
        return self._ended.kept if self._ended is not None else ""

    def clear(self) -> None:
        """Empty the field; nothing is sent."""
        self._clear()
        self._after()

    def suggest(self) -> None:
        """Ask for the strip again, as when the model has changed."""
        start, end, token = self._token()
        touches = self._touches[start:end]
        shown = self.keyboard.suggest(
            self.text[:start], token, None if PASTED in touches else touches or None
        )
        best = "" if self._literal_at == start else shown.correction or ""
        self.strip = tuple(
            Choice(text, literal=bool(token) and text == token, best=text == (best or token) and bool(token))
            for text in shown.strip[:STRIP]
        )

    def _tell(self, action: Callable[[], None], done: str) -> None:
        try:
            action()
            self.notice = done
        except QuietkeysError as error:
            self.notice = str(error)
        self._after()

    def _token(self) -> tuple[int, int, str]:
        """Return the word that the cursor is in or behind: where it begins and ends, and itself."""
        start = end = self.cursor
        while start and not self.text[start - 1].isspace():
            start -= 1
        while end < len(self.text) and not self.text[end].isspace():
            end += 1
        return start, end, self.text[start:end]

    def _punctuate(self, character: str) -> None:
        ended = self._ended
        if ended is not None and ended.spaced and self.cursor == ended.end:  # it belongs to the word
            self._replace(self.cursor - 1, self.cursor, character + " ")
            self._ended = None
            return
        if self._token()[2] and self._token()[1] == self.cursor and self._token()[2].isalpha():
            self._end_word(None, spaced=False)
        self._replace(self.cursor, self.cursor, character)

    def _end_word(self, chosen: str | None, *, spaced: bool = True) -> None:
        start, end, token = self._token()
        context, touches = self.text[:start], tuple(self._touches[start:end])
        if chosen is None and (not token or PASTED in touches):
            self._replace(self.cursor, self.cursor, " " * spaced)
            self._ended = None
            return
        kept = chosen
        if kept is None:
            shown = self.keyboard.suggest(context, token, touches or None)
            kept = token if start == self._literal_at else shown.correction or token
        receipt = None
        if PASTED not in touches:
            receipt = self._record(context, token or kept, kept, touches if token else ())
        end += spaced and self.text[end : end + 1] == " "
        self._replace(start, end, kept + " " * spaced)
        self._ended = Ended(start, token, touches, kept, receipt, spaced)
        self.underlined = (start, start + len(kept)) if token and kept != token else None
        self._literal_at = -1

    def _record(
        self, context: str, typed: str, kept: str, touches: tuple[Touch | None, ...]
    ) -> UndoReceipt | None:
        try:
            return self.keyboard.record(context, typed, kept, touches or None)
        except QuietkeysError as error:
            self.notice = str(error)
            return None

    def _give_back(self, ended: Ended) -> None:
        if ended.receipt is not None:
            try:
                self.keyboard.undo(ended.receipt)
            except QuietkeysError as error:
                self.notice = str(error)
        self._replace(ended.start, ended.end, ended.typed, list(ended.touches))
        self._ended, self.underlined, self._literal_at = None, None, ended.start

    def _lacks_space(self, character: str) -> bool:
        """Return whether a letter would stand right behind the punctuation that ended a word."""
        before = self.text[: self.cursor]
        word = before.split()[-1].rstrip(_TIGHT) if before.split() else ""
        if not (character.isalpha() and len(character) == 1 and word.replace("'", "").isalpha()):
            return False
        if before[-1] == ".":  # else an address, or an abbreviation
            return character.isupper() and not word.isupper()
        return before[-1] in _SPACED

    def _select(self, start: int, end: int) -> None:
        self.anchor, self.cursor, self._ended = start, end, None
        self._after()

    def _remove_selected(self) -> None:
        if self.selected is not None:
            self._replace(*self.selected, "")
            self._ended = None
        self.anchor = None

    def _replace(self, start: int, end: int, text: str, touches: list[Touch | None] | None = None) -> None:
        self.text = self.text[:start] + text + self.text[end:]
        self._touches[start:end] = [None] * len(text) if touches is None else touches
        self.cursor, self.anchor = start + len(text), None
        if self.underlined is not None and start < self.underlined[1]:
            self.underlined = None

    def _clear(self) -> None:
        self.text, self.cursor, self.anchor, self._touches = "", 0, None, []
        self._ended, self.underlined, self._literal_at = None, None, -1

    def _after(self) -> None:
        before = self.text[: self.cursor].rstrip(" ")
        starts = not before or (before[-1] in _SENTENCE_ENDS and before != self.text[: self.cursor])
        if self.shift is not Shift.LOCK:
            self.shift = Shift.ON if starts else Shift.OFF
        self.suggest()
        self.changed()
