"""The tour: a made-up person types, her counts are trained on, a word comes out right, an answer is refused.

Everything is real but the person. Every sentence is made of what the keyboard, its record of what left, and
the training say at that moment.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Final

from quietkeys import Outcome, Personalizer, QuietkeysError
from quietkeys.typing import KeptWord
from quietkeys_keyboard.presenters.changes import Change
from quietkeys_keyboard.presenters.departures import arrived, total
from quietkeys_keyboard.presenters.meddling import Meddler
from quietkeys_keyboard.presenters.privacy import DELETIONS
from quietkeys_keyboard.presenters.sides import attempts
from quietkeys_keyboard.presenters.training import Post, TrainingPresenter
from quietkeys_keyboard.presenters.typing import Message, TypingPresenter
from quietkeys_keyboard.presenters.words import said

NAME: Final = "Marta"
MESSAGES: Final = Path(__file__).parent.parent / "assets" / "tour.txt"
KEY_S: Final = 0.05  # between two keys of the messages that are typed key by key
KEYED: Final = 2  # messages that are
FRAME_S: Final = 0.1  # of the others, as many words a frame as fit
AGAIN_S: Final = 2.0  # until a trainer that does not answer is asked again


class Stage(Enum):
    """Where the tour is: a name, the screen that it is on, and the seconds that its words take to read."""

    TYPES = ("types", "type", 0.0)
    ENOUGH = ("enough", "type", 3.0)
    TRAINS = ("trains", "train", 0.0)
    RECEIVED = ("received", "sides", 6.0)
    CHANGED = ("changed", "train", 5.0)
    REPLAYS = ("replays", "type", 0.0)
    MEDDLES = ("meddles", "train", 0.0)
    REFUSED = ("refused", "train", 8.0)
    LEAVES = ("leaves", "train", 0.0)
    DONE = ("done", "privacy", 0.0)

    @property
    def screen(self) -> str:
        """The name of the screen that is shown."""
        return self.value[1]

    @property
    def seconds(self) -> float:
        """How long it stays; 0.0: until something has happened."""
        return self.value[2]


@dataclass(frozen=True, slots=True)
class Typed:
    """A word of a message: as it is typed, and as it is meant."""

    typed: str
    meant: str


@dataclass(slots=True)
class TourPresenter:
    """keyboard, typing, training: of a profile made for this. meddler: on the way to the trainer.

    changed, post: as in `TrainingPresenter`. replay: shows a change on the keyboard, then calls back.
    """

    keyboard: Personalizer
    typing: TypingPresenter
    training: TrainingPresenter
    meddler: Meddler
    changed: Callable[[], None]
    post: Post
    replay: Callable[[Change, Callable[[], None]], None]
    stage: Stage = Stage.TYPES
    messages: list[list[Typed]] = field(default_factory=lambda: messages_in(MESSAGES.read_text("utf-8")))
    deleted: str = ""  # what became of her profile
    over: bool = False  # it was left, and nothing more happens
    _waited: float = 0.0
    _keys: Iterator[None] | None = None
    _words: Iterator[None] | None = None

    def tick(self, seconds: float) -> None:
        """Go on after some seconds."""
        self._waited += seconds
        match self.stage:
            case Stage.TYPES:
                self._type()
            case Stage.TRAINS | Stage.MEDDLES:
                self._trained()
            case Stage.REPLAYS | Stage.LEAVES | Stage.DONE:
                pass
            case _:
                if self._waited >= self.stage.seconds:
                    self._next()

    def title(self) -> str:
        """Return what happens now, in a few words."""
        match self.stage:
            case Stage.TYPES:
                return f"{NAME} types"
            case Stage.ENOUGH:
                return "Enough to learn from"
            case Stage.TRAINS:
                return "Trained on, and not read"
            case Stage.RECEIVED:
                return "All that the trainer has"
            case Stage.CHANGED | Stage.REPLAYS:
                return self.training.headline if self.stage is Stage.CHANGED else "The same keys again"
            case Stage.MEDDLES:
                return "Now somebody meddles"
            case Stage.REFUSED:
                return self.training.headline
            case _:
                return "That was the tour"

    def text(self) -> str:
        """Return what is true now, in a few sentences."""
        match self.stage:
            case Stage.TYPES:
                return (
                    f"{NAME} and her {len(self.messages)} messages are made up. She is in a hurry, leaves"
                    " letters out, and puts right what comes out wrong. She has a profile of her own; yours"
                    f" is not touched. {self._counted()}"
                )
            case Stage.ENOUGH:
                return f"{self._counted()} {total(self.keyboard)}"
            case Stage.TRAINS:
                return f"Her counts are encrypted here first. {self._under_way()}"
            case Stage.RECEIVED:
                return self._received()
            case Stage.CHANGED | Stage.REPLAYS:
                return self._change()
            case Stage.MEDDLES:
                return (
                    f"{NAME} trains once more, and one byte of the answer is changed on its way."
                    f" {self._under_way()}"
                )
            case Stage.REFUSED:
                return self._refusal()
            case Stage.LEAVES:
                return f"Everything of {NAME} is being deleted, here and at the trainer."
            case Stage.DONE:
                return f"This was {NAME}'s profile. {self.deleted}"

    def share(self) -> float:
        """Return how far typing has come to what a training takes, a share."""
        ready = self.keyboard.readiness()
        return min(ready.kept_aside / ready.needed, 1.0)

    def leave(self) -> str:
        """Delete everything of this person's, here and at the trainer; return what became of that."""
        self.keyboard.cancel()
        try:
            return DELETIONS[self.keyboard.forget()]
        except QuietkeysError as error:
            return said(error)

    def _go(self, stage: Stage) -> None:
        self.stage, self._waited = stage, 0.0
        self.changed()

    def _next(self) -> None:
        if self.over:
            return
        match self.stage:
            case Stage.TYPES:
                self._go(Stage.ENOUGH)
            case Stage.ENOUGH:
                self.training.agree()
                self.training.start()
                self._go(Stage.TRAINS)
            case Stage.TRAINS:
                self._go(Stage.RECEIVED)
            case Stage.RECEIVED:
                self._go(Stage.CHANGED)
            case Stage.CHANGED if self.training.changes:
                self._go(Stage.REPLAYS)
                self.replay(self.training.changes[0], self._next)
            case Stage.CHANGED | Stage.REPLAYS:
                self.meddler.meddle()
                self.training.start()
                self._go(Stage.MEDDLES)
            case Stage.MEDDLES:
                self._go(Stage.REFUSED)
            case _:
                self._go(Stage.LEAVES)
                threading.Thread(target=self._leave, name="quietkeys-tour", daemon=True).start()

    def _leave(self) -> None:
        deleted = self.leave()

        def done() -> None:
            self.deleted = deleted
            self._go(Stage.DONE)

        self.post(done)

    def _trained(self) -> None:
        if self.training.busy:
            return
        if not self.training.offline:
            self._next()
        elif self._waited >= AGAIN_S:
            self._waited = 0.0
            self.training.start()

    # What she types

    def _type(self) -> None:
        if self._keys is None:
            self._keys, self._words = self._keyed(self.messages[:KEYED]), self._told(self.messages[KEYED:])
        while self._waited >= KEY_S:
            self._waited -= KEY_S
            if next(self._keys, self) is self:
                break
        else:
            return
        self._waited = KEY_S
        until = self.typing.clock() + FRAME_S
        while self.typing.clock() < until:
            if next(self._words or iter(()), self) is self or self.keyboard.readiness().is_ready:
                self.typing.editor.clear()
                self._next()
                return

    def _keyed(self, messages: list[list[Typed]]) -> Iterator[None]:
        for message in messages:
            for place, word in enumerate(message):
                for character in word.typed:
                    self.typing.editor.press(character)
                    yield
                self.typing.editor.space()
                yield
                if self.typing.editor.last_word().lower() != word.meant.lower():
                    self.typing.editor.put_right(word.meant if place else word.meant.capitalize())
                    yield
            self.typing.send()
            yield

    def _told(self, messages: list[list[Typed]]) -> Iterator[None]:
        # As an editor does it, a word at a time.
        for message in messages:
            before = ""
            for word in message:
                self.keyboard.record(before, word.typed, word.meant)
                self.typing.told(KeptWord(before, word.typed, word.meant, ()))
                before += f"{word.meant} "
                yield
            self.typing.messages.append(Message(before.strip().capitalize(), mine=True))
            self.typing.changed()

    # What is said of it

    def _counted(self) -> str:
        ready, status = self.keyboard.readiness(), self.keyboard.status()
        return (
            f"{status.words_recorded:,} words counted, {ready.kept_aside} of the {ready.needed} that a"
            " training takes kept aside to check it."
        )

    def _under_way(self) -> str:
        if self.training.offline:
            return "The trainer on this machine is still starting."
        left = self.training.left()
        return total(self.keyboard) + (f" Still {left}." if left else "")

    def _received(self) -> str:
        sent = self.keyboard.sent()
        carried = [one for one in sent if one.size]
        came = arrived(self.keyboard)
        return f"{came} {attempts(carried[-1])[-1]}" if carried else came

    def _change(self) -> str:
        changes = self.training.changes
        if not changes:
            return self.training.moved or self.training.detail
        word = changes[0]
        return (
            f"{NAME} typed “{word.word.typed}”. Before the update, Space made it “{word.before}”; now it"
            f" makes it “{word.after}”."
        )

    def _refusal(self) -> str:
        byte = self.meddler.changed
        if byte is None or self.training.outcome is not Outcome.UNTRUSTED:
            return self.training.detail
        return (
            f"Byte {byte.place:,} of {byte.size:,} left the trainer as {byte.before:02x} and came as"
            f" {byte.after:02x}. This device computes for itself what her counts give, and what came decrypts"
            f" to something else. It was not used: update {self.training.version()} stays."
        )


def messages_in(text: str) -> list[list[Typed]]:
    """Return the messages in a text, one a line; a word that is typed otherwise stands as `typed=meant`."""
    found = []
    for line in text.splitlines():
        parts = [word.partition("=") for word in line.split()]
        found.append([Typed(typed, meant or typed) for typed, _, meant in parts])
    return [message for message in found if message]
