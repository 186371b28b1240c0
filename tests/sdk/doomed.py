"""A device that kills itself at a point: `main`, run in a process of its own.

`work` is `sync`, `rotate` (asks for new keys, then syncs), or `record` with one word after the other,
touched where most people would. `point` is `request` (as the number-th request is to be sent), `answer` (as
its answer has come), `statement` (before the number-th statement that changes the database), `commit` (in the
number-th transaction, before it is committed), `committed` (right after), or `never`. Says a line for every
word whose record returned, and one at the end, if it gets there, of how often each point was passed.
"""

from __future__ import annotations

import json
import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np

from quietkeys import Personalizer, Trainer
from quietkeys.environment import Environment
from quietkeys.keyboard.layout import QWERTY
from quietkeys.profile.database import Database
from quietkeys.remote.http import Answer, Request, RequestsTransport
from quietkeys.testing import NoopCipher, open_profile
from tests.sdk import small
from tests.sdk.conftest import STATEMENT


def die() -> NoReturn:
    """End this process as nothing can catch."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("unreachable")


class Countdown:
    """Dies at the NUMBER-th passing of a point."""

    def __init__(self, point: str, number: int) -> None:
        self._point, self._number = point, number
        self.passed = Counter[str]()

    def passes(self, point: str) -> None:
        """Count a passing."""
        self.passed[point] += 1
        if point == self._point and self.passed[point] == self._number:
            die()


class DyingTransport:
    """Requests that may be the last."""

    def __init__(self, url: str, countdown: Countdown) -> None:
        self._inner, self._countdown = RequestsTransport(url), countdown

    def send(self, request: Request) -> Answer:
        """Send."""
        self._countdown.passes("request")
        answer = self._inner.send(request)
        self._countdown.passes("answer")
        return answer


class DyingDatabase(Database):
    """Transactions that may be the last."""

    countdown: Countdown

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Do all or nothing, and perhaps die."""
        with super().transaction():
            yield
            self.countdown.passes("commit")
        self.countdown.passes("committed")

    def run(self, statement: str, *values: object) -> None:
        """Run a statement, which may be the last not to be run."""
        self.countdown.passes("statement")
        super().run(statement, *values)


@dataclass(frozen=True, slots=True)
class Places:
    """Where a device finds things, and the file that it says its lines into."""

    profile: Path
    bundle: Path
    url: str
    said: Path

    def say(self, line: str) -> None:
        """Write a line that outlives this process."""
        with self.said.open("a") as file:
            print(line, file=file)


def sync(keyboard: Personalizer, places: Places) -> None:
    """Sync once, whatever comes of it."""
    keyboard.sync()


def record(keyboard: Personalizer, places: Places) -> None:
    """Record one word after the other."""
    for word in small.WORDS:
        keyboard.record("", word, word, small.aimed_at(QWERTY, word))
        places.say(word)


def rotate(keyboard: Personalizer, places: Places) -> None:
    """Ask for new keys, then sync."""
    keyboard.keys.rotate()
    keyboard.sync()


WORKS: dict[str, Callable[[Personalizer, Places], None]] = {
    "sync": sync,
    "record": record,
    "rotate": rotate,
}


def main(work: str, point: str, number: int, places: Places) -> None:
    """Work until the point is reached."""
    countdown = Countdown(point, number)
    with open_profile(
        places.profile,
        trainer=Trainer(places.url),
        bundle=places.bundle,
        trusted_keys=small.TRUSTED,
        protection=small.PROTECTION,
        cipher=NoopCipher,
        transport=DyingTransport(places.url, countdown),
        environment=Environment(rng=np.random.default_rng(0)),
    ) as keyboard:
        if keyboard.consent.given is None:
            keyboard.consent.give(STATEMENT)
        database = keyboard._profile.store.database
        DyingDatabase.countdown = countdown
        database.__class__ = DyingDatabase
        WORKS[work](keyboard, places)
        places.say(json.dumps(countdown.passed))
