"""`Editor`: a text with a cursor, what is selected and a shift key, for apps that have no text box."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Final

from quietkeys.api.input_field import InputField
from quietkeys.personalizer import Personalizer
from quietkeys.text.starts import capital_due
from quietkeys.text.typed_token import split_last
from quietkeys.typing import rules
from quietkeys.typing.capitals import Shift, recased
from quietkeys.typing.composing import Typing
from quietkeys.typing.edits import Choice, Edit, KeptWord, Surroundings
from quietkeys.typing.trail import Touch
from quietkeys.typing.words import PROSE
from quietkeys_protocol.errors import QuietkeysError

_UNDONE: Final = 100  # changes that can be taken back
_DOUBLE_S: Final = 0.5  # between two taps that belong together


class Editor:
    """A text that is typed with keys on a screen, with those of a hardware keyboard, or both. For one thread.

    What it holds is there to be shown; every method changes it and then calls `changed`. Private.
    """

    text: str
    """What was typed so far."""
    cursor: int
    """How many characters (code points) stand before the cursor."""
    anchor: int | None
    """The other end of what is selected; None if nothing is."""
    shift: Shift
    """What letters of keys on the screen come out as."""
    strip: tuple[Choice, ...]
    """At most three words to choose from."""
    underlined: tuple[int, int] | None
    """Where the word stands that was put right last: its first character, and the one behind it."""

    def __init__(
        self,
        keyboard: Personalizer,
        changed: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
        *,
        field: InputField = InputField.TEXT,
        app: str = "",
        told: Callable[[KeptWord], None] = lambda _: None,
    ) -> None:
        """keyboard, field, app, told: as for `Typing`. clock: seconds, for two taps in a row."""
        self._keyboard, self._changed, self._clock = keyboard, changed, clock
        self._field, self._app, self._told = field, app, told
        self._tapped = -math.inf  # when shift was tapped last
        self._original = ""  # of what is being recased
        self._restart()

    # Keys

    def press(self, character: str, touch: Touch | None = None) -> None:
        """Press a key on the screen with a character, or put in an emoji; touch: where, in letter keys."""
        shown = self.shift.applied(character) if len(character) == 1 else character
        self._press(shown, touch, by_finger=True)

    def type_hardware(self, character: str) -> None:
        """Press a key of a hardware keyboard, which has a shift of its own; a capital that is due is put."""
        if self.shift is Shift.ON and character.isalpha():
            character = self.shift.applied(character)
        self._press(character, None, by_finger=False)

    def space(self) -> None:
        """Press the space bar."""
        self._press(" ", None, by_finger=True)

    def finish(self) -> None:
        """End the word at the cursor, as before the text is sent."""
        self._apply(self._typing.finish(self._here()))
        self._after()

    def backspace(self) -> None:
        """Delete what is selected, or take back what the last key did by itself, or delete a character."""
        if self.selected is not None:
            self._delete_selected()
        else:
            self._apply(self._typing.backspace(self._here()))
        self._after()

    def tap_shift(self) -> None:
        """Press shift: once for one capital, twice in a row for all; it recases what is selected."""
        if self.selected is not None:
            self._recase()
            return
        now = self._clock()
        if self.shift is not Shift.LOCK and now - self._tapped < _DOUBLE_S:
            self.shift = Shift.LOCK  # also where a capital was due, which the first tap took away
        elif self.shift is Shift.OFF:
            self.shift = Shift.ON
        else:
            self.shift = Shift.OFF
        self._tapped = now
        self.suggest()
        self._changed()

    def move(self, cursor: int, *, selecting: bool = False) -> None:
        """Put the cursor before a character; selecting: and select what lies on the way."""
        before, self.cursor = self.cursor, min(max(cursor, 0), len(self.text))
        self.anchor = (before if self.anchor is None else self.anchor) if selecting else None
        self._after()

    # What is selected

    @property
    def selected(self) -> tuple[int, int] | None:
        """Where what is selected begins and ends; None if nothing is."""
        if self.anchor is None or self.anchor == self.cursor:
            return None
        return min(self.anchor, self.cursor), max(self.anchor, self.cursor)

    def select_word(self, cursor: int) -> None:
        """Select the word around a character, without brackets and stops."""
        start, end = rules.word_range(self.text, min(max(cursor, 0), len(self.text)))
        self._select(start, end)

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
        self._delete_selected()
        self._after()
        return taken

    def paste(self, text: str) -> None:
        """Put one line of text in place of what is selected; it is neither put right nor learnt."""
        self._delete_selected()
        line = "".join(character for character in text.replace("\n", " ") if character.isprintable())
        self._apply(Edit(0, 0, line))
        self._after()

    def undo(self) -> None:
        """Bring the text back as it was before the last change: a word that was typed, deleted or pasted.

        What comes back is neither put right nor learnt; what goes is un-learnt.
        """
        if not self._earlier:
            return
        text, cursor = self._earlier.pop()
        start = _alike(text, self.text)
        end = _alike(text[start:][::-1], self.text[start:][::-1])
        self.cursor, self.anchor = len(self.text) - end, None
        self._apply(self._typing.delete(self._here(), self.cursor - start))
        self._apply(Edit(0, 0, text[start : len(text) - end]))
        self.cursor, self._shown, self._typed = cursor, text, False
        self._after()

    # The strip

    def choose(self, place: int) -> None:
        """Put one place of the strip in place of the word at the cursor, or behind it."""
        if place < len(self.strip):
            choice = self.strip[place]
            self._delete_selected()
            self._apply(self._typing.choose(self._here(), choice))
            self._after()

    def suggest(self) -> None:
        """Ask for the strip again, as when the model has changed."""
        self.strip = tuple(map(self._shifted, self._typing.strip(self._here())))

    # Learning

    @property
    def problem(self) -> QuietkeysError | None:
        """What went wrong when the last word was to be learnt or un-learnt; None if nothing did."""
        return self._typing.problem

    def put_right(self, meant: str) -> None:
        """Replace the last word by what was meant, as a person does who sees a mistake, and learn that."""
        self._apply(self._typing.put_right(self._here(), meant))
        self.underlined = None
        self._after()

    def last_word(self) -> str:
        """Return the last token before the cursor, as it stands; "" if there is none."""
        return split_last(self.text[: self.cursor])[1]

    def clear(self) -> None:
        """Begin with an empty text, as after the last was sent; what was learnt of it stays."""
        self._restart()
        self._changed()

    def __repr__(self) -> str:
        return "Editor(...)"

    def _restart(self) -> None:
        self._typing = Typing(self._keyboard, field=self._field, app=self._app, told=self._told)
        self.text, self.cursor, self.anchor, self.underlined = "", 0, None, None
        self.shift = self._due()
        self._earlier: list[tuple[str, int]] = []  # texts with their cursors, for `undo`
        self._shown, self._stood, self._typed = "", 0, False
        self.suggest()

    def _here(self) -> Surroundings:
        return Surroundings(self.text[: self.cursor], self.text[self.cursor :])

    def _press(self, character: str, touch: Touch | None, *, by_finger: bool) -> None:
        self._tapped = -math.inf
        self._delete_selected()
        if character == " ":
            self.underlined = None
        self._apply(self._typing.press(self._here(), character, touch, by_finger=by_finger))
        self._after()

    def _apply(self, edit: Edit) -> None:
        start = self.cursor - edit.before
        self.text = self.text[:start] + edit.insert + self.text[self.cursor + edit.after :]
        self.cursor, self.anchor = start + len(edit.insert), None
        if edit.corrected is not None:
            first, last = edit.corrected
            self.underlined = (start + first, start + last)
        elif self.underlined is not None and start < self.underlined[1]:
            self.underlined = None

    def _delete_selected(self) -> None:
        if self.selected is not None:
            start, self.cursor = self.selected
            self._apply(self._typing.delete(self._here(), self.cursor - start))
        self.anchor = None

    def _recase(self) -> None:
        start, end = self.selected or (0, 0)
        old = self.text[start:end]
        if old.casefold() != self._original.casefold():
            self._original = old
        new = recased(old, self._original)
        self._delete_selected()
        self._apply(Edit(0, 0, new))
        self.suggest()
        self._select(start, start + len(new))

    def _select(self, start: int, end: int) -> None:
        self.anchor, self.cursor = start, end
        self._after()

    def _shifted(self, choice: Choice) -> Choice:
        # The next word comes out as shift says; a word that is being typed has its case.
        if not choice.comes_next:
            return choice
        return Choice(self.shift.applied(choice.text), comes_next=True)

    def _due(self) -> Shift:
        prose = self._field in PROSE
        return Shift.ON if prose and capital_due(self.text[: self.cursor]) else Shift.OFF

    def _note(self) -> None:
        # Keep the text before this change, unless it goes on with the word of the last one.
        if self.text != self._shown:
            goes_on = len(self.text) == len(self._shown) + 1 and self.text[self.cursor - 1 :][:1].isalnum()
            if not (goes_on and self._stood == self.cursor - 1 and self._earlier and self._typed):
                self._earlier = [*self._earlier[1 - _UNDONE :], (self._shown, self._stood)]
            self._typed = goes_on
        self._shown, self._stood = self.text, self.cursor

    def _after(self) -> None:
        self._note()
        if self.shift is not Shift.LOCK:
            self.shift = self._due()
        self.suggest()
        self._changed()


def _alike(first: str, second: str) -> int:
    # How many characters two texts begin with alike.
    pairs = enumerate(zip(first, second, strict=False))
    return next((place for place, (one, other) in pairs if one != other), min(len(first), len(second)))
