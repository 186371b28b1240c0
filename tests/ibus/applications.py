"""An application in memory that a `Conversation` talks to, with the habits of toolkits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from quietkeys.typing import Choice, Edit, Surroundings
from quietkeys_ibus.conversation import Conversation, Key
from quietkeys_ibus.owner import Owner

_NAMES: Final = {" ": "space", "⌫": "BackSpace", "⏎": "Return", "⇥": "Tab", "⎋": "Escape", "←": "Left"}


@dataclass(slots=True)
class Application:
    """A text field. late: reports that are held back. deletes: whether it does so when asked to."""

    owner: Owner
    late: int = 0
    deletes: bool = True
    text: str = ""
    cursor: int = 0
    selected: int = 0  # characters before the cursor; never reported
    shown: tuple[Choice, ...] = ()
    marked: str = ""
    posted: list[Callable[[], None]] = field(default_factory=list)
    reports: list[tuple[str, int]] = field(default_factory=list)
    conversation: Conversation = field(init=False)
    deletions: int = 0
    _unreported: bool = False

    def __post_init__(self) -> None:
        self.conversation = Conversation(self.owner, self, self.posted.append)

    def enter(
        self, purpose: int = 0, hints: int = 0, client: str = "gtk3-im:editor", reports: bool = True
    ) -> None:
        """The field gets the cursor, as IBus says so: first with what the field before was for."""
        self.conversation.focus(client, 0, 0)
        self.conversation.capable(reports)
        self.conversation.content(purpose, hints)

    # A `Host`

    def apply(self, edit: Edit) -> None:
        """Do what the input method asks for."""
        self.deletions += bool(edit.before or edit.after)
        start = self.cursor - (edit.before if self.deletes else 0)
        end = self.cursor + (edit.after if self.deletes else 0)
        self.text = self.text[:start] + edit.insert + self.text[end:]
        self.cursor, self.selected = start + len(edit.insert), 0
        self.report()

    def show(self, choices: tuple[Choice, ...]) -> None:
        """Show a strip."""
        self.shown = choices

    def mark(self, put: str) -> None:
        """Show a mark."""
        self.marked = put

    # What a person does

    def keys(self, keys: str) -> Application:
        """Press keys; before each one the strip is there that belongs to the text."""
        for key in keys:
            self.settle()
            self._press(key)
        self.settle()
        return self

    def rattle(self, keys: str) -> None:
        """Press keys and wait for nothing."""
        for key in keys:
            self._press(key)

    def command(self, name: str, *, alt: bool = False, control: bool = False) -> bool:
        """Press a key with Alt or Control."""
        self.settle()
        swallowed = self.conversation.key(Key(name, name if len(name) == 1 else "", alt, control))
        self.settle()
        return swallowed

    def settle(self) -> None:
        """Wait until all was learnt and thought about, and what was posted is done."""
        self.owner.settle()
        while self.posted:
            self.posted.pop(0)()

    def report(self) -> None:
        """Report the text, once enough reports wait."""
        self.reports.append((self.text, self.cursor))
        while len(self.reports) > self.late:
            text, cursor = self.reports.pop(0)
            self.conversation.told(text, cursor, cursor)

    def texts(self) -> list[str]:
        """What the strip shows."""
        return [choice.text for choice in self.shown]

    def _press(self, key: str) -> None:
        if self._unreported:  # what GTK does not report until it has a key
            self._unreported = False
            self.report()
        name = _NAMES.get(key, key)
        character = key if key not in _NAMES or key == " " else ""
        if not self.conversation.key(Key(name, character)):
            self._does(key)

    def _does(self, key: str) -> None:
        # What a toolkit does with a key that it gets.
        here = Surroundings(self.text[: self.cursor - self.selected], self.text[self.cursor :])
        if key == "⌫":
            cut = here.before if self.selected else here.before[:-1]
            self.text, self.cursor, self.selected = cut + here.after, len(cut), 0
            self.conversation.reset()
            self._unreported = True
            return
        if key == "←":
            self.cursor, self.selected = max(self.cursor - 1, 0), 0
            self.conversation.reset()
            self.report()
            return
        if key == "⏎":
            self.text, self.cursor = "", 0  # as a message is sent
            return
        if key not in _NAMES or key == " ":
            self.text = here.before + key + here.after
            self.cursor, self.selected = len(here.before) + 1, 0
            self.report()
