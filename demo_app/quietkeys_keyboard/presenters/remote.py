"""The profile that the input method has open, as far as its interface on the session bus tells of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from quietkeys import ErrorCode
from quietkeys_keyboard.input_method import GONE, PROPERTIES, InputMethod, Presence, Value
from quietkeys_keyboard.presenters.words import said_of

LOOK_S: Final = 5.0  # between two looks at what is not announced: words that are learnt, syncs by themselves
INSTALL: Final = "quietkeys-ibus install"
NOT_SHOWN: Final = (
    "Which words these are, what an update changes of them and what left byte by byte is not shown here:"
    " every program of your desktop may ask the input method, so it never answers with what you typed."
)
PROGRESS: Final = frozenset({"Step", "BytesSent", "BytesReceived", "BlocksDone", "Blocks"})
_ABSENT: Final = (
    "The input method does not run",
    "Choose quietkeys among the input sources of your desktop. If it is not there, the command below puts it"
    " there; log out and in again then. This window goes on as soon as it runs.",
)
_SENTENCES: Final = {
    Presence.UNKNOWN: ("One moment", "The input method is looked for."),
    Presence.NO_BUS: (
        "There is no desktop session here",
        "The input method is asked over the session bus of your desktop, and there is none where this window"
        " was started. Start it from the desktop; where a bus comes up, this window goes on.",
    ),
    Presence.ABSENT: _ABSENT,
    Presence.OPENING: ("One moment", "The input method is opening your words."),
    Presence.READY: ("", ""),
}
_REFUSED: Final = {
    GONE: "The input method went away before it answered. Look at what holds now, and try again.",
    "not ready": "The input method is still opening your words. Try again in a moment.",
    "not a value of this property": "That is not one of the values there are. Nothing was changed.",
}
_OTHERWISE: Final = "The input method refuses that. Nothing was changed."


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the ledger: Unix seconds, kind, sentence."""

    time: float
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Program:
    """A program that differs. level: "" for as everywhere."""

    name: str
    learn: bool = True
    suggest: bool = True
    level: str = ""


@dataclass(slots=True)
class Remote:
    """method: answers by itself when it can. changed: called after anything has changed.

    followers: told the properties before and after a change. clock: seconds.
    """

    method: InputMethod
    changed: Callable[[], None]
    clock: Callable[[], float] = time.monotonic
    presence: Presence = Presence.UNKNOWN
    notice: str = ""  # what came of the last wish, until the next one
    ledger: list[Line] = field(default_factory=list)  # newest first
    programs: list[Program] = field(default_factory=list)
    readiness: tuple[int, int, int] = (0, 0, 0)  # words kept aside, needed, to be typed
    followers: list[Callable[[Mapping[str, Value], Mapping[str, Value]], None]] = field(default_factory=list)
    _found: Mapping[str, Value] = field(default_factory=dict)
    _looked: float = 0.0

    def begin(self) -> None:
        """Follow the input method from now on."""
        self.method.told = self.told
        self.method.start()

    def sentence(self) -> tuple[str, str]:
        """Return a title and a text for a window that has nothing else to show; empty where it has."""
        if self.presence is Presence.BROKEN:
            return "Your words cannot be opened", f"{self.text('Problem')} Keys pass as they are typed."
        return _SENTENCES[self.presence]

    def is_on(self, name: str) -> bool:
        """Return a property that is on or off."""
        return self._found.get(name, False) is True

    def text(self, name: str) -> str:
        """Return a property that is a text."""
        return str(self._found.get(name, ""))

    def number(self, name: str) -> int:
        """Return a property that is a number."""
        return int(self._found.get(name, 0))

    def told(self, presence: Presence, found: Mapping[str, Value]) -> None:
        """Take what holds now."""
        before, was = self._found, self.presence
        self.presence, self._found = presence, found
        if presence is Presence.READY:
            differ = {name for name in PROPERTIES if found.get(name) != before.get(name)}
            if was is not Presence.READY or not differ <= PROGRESS or not differ:
                self._read()
        for follow in self.followers:
            follow(before, found)
        self.changed()

    def tick(self) -> None:
        """Look at what is not announced, if it is time; called a few times a second."""
        if self.presence is Presence.READY and self.clock() - self._looked >= LOOK_S:
            self._looked = self.clock()
            self.method.look()

    def switch(self, name: str, value: Value) -> None:
        """Change a property; what is shown follows when it holds."""
        self.notice = ""
        self.method.change(name, value, self.refused)

    def ask(self, method: str, *values: Value, then: Callable[..., None] = lambda *_: None) -> None:
        """Call a method. then: told what it answers; what it refuses is said."""
        self.notice = ""
        self.method.call(method, *values, then=then, failed=self.refused)

    def say(self, notice: str) -> None:
        """Say something until the next wish."""
        self.notice = notice
        self.changed()

    def refused(self, reason: str) -> None:
        """Say why something was not done."""
        code = next((code for code in ErrorCode if code.value == reason), None)
        self.say(_REFUSED.get(reason) or (said_of(code) if code is not None else _OTHERWISE))

    def _read(self) -> None:
        # What an input method of an earlier version does not have stays as it is.
        self._looked = self.clock()
        for method, then in (
            ("Ledger", self._ledger),
            ("Apps", self._programs),
            ("Readiness", self._readiness),
        ):
            self.method.call(method, then=then, failed=lambda _: None)

    def _ledger(self, lines: list[tuple[float, str, str]]) -> None:
        self.ledger = [Line(*line) for line in reversed(lines)]
        self.changed()

    def _programs(self, programs: list[tuple[str, bool, bool, str]]) -> None:
        self.programs = [Program(*one) for one in programs]
        self.changed()

    def _readiness(self, kept_aside: int, needed: int, words_left: int) -> None:
        self.readiness = kept_aside, needed, words_left
        self.changed()
