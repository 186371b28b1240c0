"""`Conversation`: what the keys and reports of one application at a time mean, with nothing of a desktop.

The rules, beside those of `quietkeys.typing`:

- A key that only types its character goes to the application at once. One that changes more is swallowed, and
  the change and its character are told together: to change text and let the key pass loses one of them.
- Nothing is deleted around a cursor that went somewhere, or beside what may be selected: only what was typed
  since, and came back in a report of the application, is known to be there.
- Suggestions are found aside. What is shown belongs to the text as it was; a newer key takes it away.
- A key that text needs takes no suggestion: Tab does while a word is under way, Alt with 1, 2 or 3 always.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

from quietkeys.typing import Choice, Edit, Mirror, Surroundings, Typing
from quietkeys_ibus.fields import SILENT, Field, field_of, program_of
from quietkeys_ibus.owner import Owner

_MODIFIERS: Final = ("Shift_", "Control_", "Alt_", "Meta_", "Super_", "Hyper_", "Caps_", "Num_", "ISO_L")
_LINE_ENDS: Final = frozenset(("Return", "KP_Enter", "ISO_Enter"))
_TAKES: Final = ("1", "2", "3")  # with Alt


@dataclass(frozen=True, slots=True)
class Key:
    """A key that was pressed. Private. character: "" for a key without; name: as X calls it."""

    name: str = field(repr=False)
    character: str = field(default="", repr=False)
    alt: bool = False
    commands: bool = False  # Control or Super is held: not for text


class Host(Protocol):
    """What an application can be told."""

    def apply(self, edit: Edit) -> None:
        """Delete around the cursor, and insert."""

    def show(self, choices: tuple[Choice, ...]) -> None:
        """Show a strip; none: hide it."""

    def mark(self, put: str) -> None:
        """Say for a moment that a word was put right; "": no longer."""


class Conversation:
    """One input context after the other, as the user goes from field to field. For one thread, but `ask`."""

    def __init__(
        self,
        owner: Owner,
        host: Host,
        post: Callable[[Callable[[], None]], None],
        later: Callable[[Callable[[], None]], None] = lambda action: action(),
    ) -> None:
        """post: runs something on the thread of the keys, from any. later: there, once a key has arrived."""
        self._owner, self._host, self._post, self._later = owner, host, post, later
        self._mirror = Mirror()
        self._client, self._purpose, self._hints, self._reports = "", 0, 0, False
        self._focused = self._resets = self._marked = False
        self._shown: tuple[Choice, ...] = ()
        self._turn = 0  # of what was asked last
        self._field: Field = SILENT
        self._typing: Typing | None = None  # none: keys are not looked at

    # What the desktop says

    def focus(self, client: str, purpose: int, hints: int) -> None:
        """Go to another field. purpose, hints: of the one before, until the new one says its own."""
        self._client, self._purpose, self._hints, self._focused = client, purpose, hints, True
        self._mirror = Mirror()
        self._begin()

    def blur(self) -> None:
        """Go to no field; the word at the cursor has ended."""
        self._leave()
        self._focused, self._typing = False, None

    def content(self, purpose: int, hints: int) -> None:
        """Take what the field says that it is for."""
        if (purpose, hints) != (self._purpose, self._hints):
            self._purpose, self._hints = purpose, hints
            self.refresh()

    def capable(self, reports: bool) -> None:
        """Take whether the application tells the text around its cursor."""
        if reports != self._reports:
            self._reports = reports
            self.refresh()

    def reset(self) -> None:
        """Know that the cursor was put elsewhere; toolkits say so of a click, and after a Backspace."""
        expected, self._resets = self._resets, False
        if not expected:
            self._elsewhere()

    def refresh(self) -> None:
        """Begin anew, as something was switched that changes what is done in a field."""
        if self._focused:
            self._begin()

    def told(self, text: str, cursor: int, anchor: int) -> None:
        """Take a report of the text. cursor, anchor: where it is, and the other end of what is selected."""
        typing = self._typing
        if typing is None or not self._reports:
            return
        if cursor != anchor:
            self._elsewhere()
            return
        here, deleted = Surroundings(text[:cursor], text[cursor:]), self._mirror.deletes
        again = self._mirror.told(here)
        if deleted and not self._mirror.deletes:  # it does not do what it is asked to
            self.refresh()
            return
        for character in again:
            self._typed_again(typing, character)
        if again:
            self._mirror.told(here)
            self._ask()

    # Keys

    def key(self, key: Key) -> bool:
        """Take a key that was pressed; return whether it is swallowed, else the application gets it."""
        if self._typing is None or key.name.startswith(_MODIFIERS):
            return False
        self._resets = False
        self._unmark()
        if key.alt and not key.commands and key.name in _TAKES[: len(self._shown)]:
            self.take(_TAKES.index(key.name))
            return True
        if key.alt or key.commands:
            self._elsewhere()
            return False
        if key.name == "BackSpace":
            return self._backspace(self._typing)
        if key.name == "Tab" and self._tab():
            return True
        if key.name in _LINE_ENDS or key.name == "Tab":
            self._leave()
            return False
        if len(key.character) == 1 and key.character.isprintable():
            return self._press(self._typing, key.character)
        self._elsewhere()
        return False

    def take(self, place: int) -> None:
        """Take a choice of the strip, if it is there and the text is known."""
        here, typing = self._mirror.here, self._typing
        if typing is None or place >= len(self._shown) or here is None or not self._may_edit():
            return
        chosen = self._shown[place]
        self._hide()  # it was about this word, which has ended
        self._do(typing.choose(here, chosen))
        self._ask()

    @property
    def shown(self) -> tuple[Choice, ...]:
        """What the strip shows now."""
        return self._shown

    def _press(self, typing: Typing, character: str) -> bool:
        here = self._mirror.here
        if here is None or not (_is_of_a_word(character) or self._may_edit()):
            self._unseen(character)
            return False
        if self._shown and _is_of_no_word(self._shown[0]) == character.isalnum():
            self._hide()  # it is about another word
        edit = typing.press(here, character, by_finger=False)
        swallowed = edit != Edit(insert=character)
        if swallowed:
            self._do(edit)
        else:
            self._did(edit)
        self._ask()
        return swallowed

    def _backspace(self, typing: Typing) -> bool:
        here = self._mirror.here
        if here is None or not self._may_edit():
            self._elsewhere()
            return False
        edit = typing.backspace(here)
        if edit.insert or edit.after:
            self._hide()  # it is about what follows the word that is given back
            self._do(edit)
        else:
            self._resets = True
            self._did(edit)
        self._ask()
        return bool(edit.insert or edit.after)

    def _tab(self) -> bool:
        if not self._owner.preferences.tab or self._field.untold:
            return False
        others = [n for n, one in enumerate(self._shown) if not one.literal and not _is_of_no_word(one)]
        best = [n for n in others if self._shown[n].best]
        if others:
            self.take((best or others)[0])
        return bool(others)

    # What is known of the text

    def _begin(self) -> None:
        # Find out what is done in a field, and forget the text of the one before.
        self._field = field_of(self._purpose, self._hints, self._client, reports=self._reports)
        self._typing = self._composing()
        self._elsewhere()

    def _composing(self) -> Typing | None:
        appends = not self._reports or not self._mirror.deletes
        return (
            None
            if self._field.silent
            else self._owner.typing(self._field, program_of(self._client), appends=appends)
        )

    def _elsewhere(self) -> None:
        self._mirror.clear()
        if self._typing is not None and not self._reports:
            self._mirror.begin()
        self._hide()

    def _leave(self) -> None:
        here = self._mirror.here
        if self._typing is not None and here is not None:
            self._typing.leave(here)
        self._elsewhere()
        self._unmark()

    def _may_edit(self) -> bool:
        # Whether what is to be deleted is there, or nothing will be.
        return not self._reports or not self._mirror.deletes or self._mirror.is_sure

    def _unseen(self, character: str) -> None:
        # A key whose effect is not known before it is reported.
        if self._mirror.here is not None:
            self._mirror.clear()
        self._mirror.typed(character)
        self._hide()

    def _typed_again(self, typing: Typing, character: str) -> None:
        # What the application has already, now that it is known where.
        here = self._mirror.here
        if here is not None and _is_of_a_word(character):
            typing.press(here, character, by_finger=False)
        self._mirror.did(Edit(insert=character))

    def _do(self, edit: Edit) -> None:
        self._did(edit)  # first: a report of it may come at once
        if edit != Edit():
            self._host.apply(edit)
        if edit.corrected is not None and self._owner.preferences.mark:
            first, last = edit.corrected
            self._marked = True
            self._host.mark(edit.insert[first:last])

    def _unmark(self) -> None:
        if self._marked:
            self._marked = False
            self._host.mark("")

    def _did(self, edit: Edit) -> None:
        self._mirror.did(edit)
        if not self._reports:
            self._mirror.settle()

    # The strip

    def _ask(self) -> None:
        # Not at once: what the key has to go through until it arrives needs the processor as well.
        self._turn += 1
        turn = self._turn
        self._later(lambda: self._ask_now(turn))

    def _ask_now(self, turn: int) -> None:
        here = self._mirror.here
        if turn != self._turn or self._typing is None or here is None:
            return

        def answer(choices: tuple[Choice, ...]) -> None:
            self._post(lambda: self._answered(turn, choices))

        self._typing.ask(here, answer)

    def _answered(self, turn: int, choices: tuple[Choice, ...]) -> None:
        if turn != self._turn or choices == self._shown or not self._owner.preferences.strip:
            return
        self._shown = () if all(one.literal for one in choices) else choices
        self._host.show(self._shown)

    def _hide(self) -> None:
        self._turn += 1
        if self._shown:
            self._shown = ()
            self._host.show(())


def _is_of_no_word(choice: Choice) -> bool:
    # Whether it is shown where no word is under way.
    return choice.comes_next or choice.belated


def _is_of_a_word(character: str) -> bool:
    # Whether it ends none, so that it only types itself.
    return character.isalnum() or character in "'’-"
