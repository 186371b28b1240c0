"""A process of devices that are all enrolled: `python -m quietkeys_bench.service.fleet_child`, told on stdin.

It has them enrolled, or looks which of them the trainer knows, or has them take turns until its time is over:
the next one uploads its keys, sends its report, fetches the update and deletes its keys again, so that a
trainer of any number of devices has the keys of those alone that are under way.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from quietkeys.environment import Environment
from quietkeys.remote.client import TrainerClient
from quietkeys.remote.http import RequestsTransport
from quietkeys.remote.identity import Identity
from quietkeys_bench.service.child import Clocked, Outcome, noted, train

Say = Callable[[Mapping[str, Any]], None]


def identity_of(seed: str, number: int) -> Identity:
    """Return the identity of a device of the bench, the same whenever its fleet goes on."""
    secret = hashlib.sha256(f"{seed}/{number}".encode()).digest()
    return Identity(Ed25519PrivateKey.from_private_bytes(secret))


class Devices:
    """What a process was told of its devices: `first` and `devices` of a fleet, `at_once` under way."""

    def __init__(self, told: Mapping[str, Any], say: Say) -> None:
        self._told, self._say, self._lock = told, say, threading.Lock()

    def enrol(self) -> None:
        """Have all devices enrol; say how many did."""
        self._each(lambda number, client: client.enrol())

    def look(self) -> None:
        """Look for all devices; say how many the trainer knows."""
        self._each(lambda number, client: client.device_exists())

    def serve(self) -> None:
        """Have devices take turns, from `begin` on, for `seconds`; say each outcome, then every request."""
        ends, turns, sets = time.monotonic() + self._told["seconds"], self._turns(), self._told["sets"]

        def line(clocked: Clocked) -> None:
            while time.monotonic() < ends:
                with self._lock:
                    number = next(turns)
                which, outcome = number % len(sets), Outcome()
                client = self._client(number, clocked)
                with noted(outcome):
                    train(client, sets[which], which, number // len(sets), outcome)
                    client.delete_keys(sets[which]["key_id"])
                self._tell(outcome.tree())

        lines = [Clocked(RequestsTransport(self._told["url"])) for _ in range(self._told["at_once"])]
        self._at_once(line, lines)
        self._tell({"requests": [row for clocked in lines for row in clocked.rows]})

    def _turns(self) -> Iterator[int]:
        first, devices, begin = (self._told[name] for name in ("first", "devices", "begin"))
        return (first + turn % devices for turn in itertools.count(begin))

    def _each(self, ask: Callable[[int, TrainerClient], object]) -> None:
        """Ask something for every device; say for how many the answer was one, and not False."""
        first, devices, at_once = (self._told[name] for name in ("first", "devices", "at_once"))

        def some(which: int) -> None:
            clocked, answered = Clocked(RequestsTransport(self._told["url"])), 0
            for number in range(first + which, first + devices, at_once):
                with noted(Outcome()):
                    answered += ask(number, self._client(number, clocked)) is not False
            self._tell({"answered": answered})

        self._at_once(some, range(at_once))

    def _at_once(self, work: Callable[[Any], None], on: Any) -> None:
        with ThreadPoolExecutor(self._told["at_once"]) as pool:
            for _ in pool.map(work, on):
                pass

    def _client(self, number: int, clocked: Clocked) -> TrainerClient:
        return TrainerClient(identity_of(self._told["seed"], number), clocked, Environment())

    def _tell(self, line: Mapping[str, Any]) -> None:
        with self._lock:
            self._say(line)


def main() -> None:
    """Do as told on standard input; one line of JSON for each thing that is to be said."""
    told = json.loads(sys.stdin.read())
    devices = Devices(told, lambda line: print(json.dumps(line), flush=True))
    {"enrol": devices.enrol, "look": devices.look, "serve": devices.serve}[told["task"]]()


if __name__ == "__main__":
    main()
