"""A host application during a sync: `python -m quietkeys_bench.sync.child PROFILE BUNDLE KEYS URL`.

On stdin comes one line for every word to type, `context`, tab, `word`. They are recorded, then typed at a
steady pace without a sync, during one, and without one again. Every key asks for suggestions and is timed.
All words are typed once before, so that what typing itself loads is there when memory is first read. A JSON
goes to standard output.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from quietkeys import Personalizer, Trainer
from quietkeys.sync.result import Progress
from quietkeys_bench.common.processes import children, resident_bytes

KEYS_PER_SECOND: Final = 25.0  # three times what fast fingers do
IDLE_S: Final = 15.0  # before the sync, and after it
WAIT_S: Final = 900.0  # for the trainer
HEAVY: Final = ("concrete", "torch")
_SAMPLE_S: Final = 0.02
_PEAK: Final = re.compile(r"VmHWM:\s+(\d+) kB")


class Host:
    """Types at a steady pace and times every key."""

    def __init__(self, keyboard: Personalizer, words: list[list[str]]) -> None:
        self._keyboard = keyboard
        keys = [(context, word[:end]) for context, word in words for end in range(len(word) + 1)]
        for context, typed in keys:
            keyboard.suggest(context, typed)
        self._keys: Iterator[tuple[str, str]] = itertools.cycle(keys)
        self.step = ""  # of the sync under way

    def type_until(self, done: threading.Event, seconds: float) -> list[tuple[str, float]]:
        """Type until an event or for some seconds; return (step of the sync, milliseconds) of every key."""
        found: list[tuple[str, float]] = []
        begin = time.monotonic()
        while not done.is_set() and time.monotonic() - begin < seconds:
            done.wait(max(0.0, begin + len(found) / KEYS_PER_SECOND - time.monotonic()))
            context, typed = next(self._keys)
            step, at = self.step, time.perf_counter()
            self._keyboard.suggest(context, typed)
            found.append((step, 1000.0 * (time.perf_counter() - at)))
        return found


class Memory:
    """The most memory that this process and its children had while it was watched, in bytes."""

    def __init__(self) -> None:
        self.own = self.children = 0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Memory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._end.wait(_SAMPLE_S):
            self.own = max(self.own, resident_bytes())
            self.children = max([self.children, *map(_peak, children(os.getpid()))])


def _peak(child: int) -> int:
    try:
        peak = _PEAK.search(Path(f"/proc/{child}/status").read_text())
    except OSError:
        return 0
    return 1024 * int(peak.group(1)) if peak else 0


def main(profile: str, bundle: str, keys: str, url: str) -> None:
    """Measure a keyboard on the bundle in a folder, signed by one of some keys (hex, commas between)."""
    trusted = [bytes.fromhex(key) for key in keys.split(",")]
    words = [line.rstrip("\n").split("\t") for line in sys.stdin]
    with Personalizer.open(
        profile, trainer=Trainer(url), bundle=Path(bundle), trusted_keys=trusted
    ) as keyboard:
        keyboard.consent.give("Encrypted counts of made-up typing go to a trainer on this machine.")
        for context, word in words:
            keyboard.record(context, word, word)
        host, never, done = Host(keyboard, words), threading.Event(), threading.Event()
        idle = host.type_until(never, IDLE_S)
        before = resident_bytes()
        said: dict[str, object] = {}

        def progress(now: Progress) -> None:
            host.step = now.step.value

        def sync() -> None:
            try:
                result = keyboard.sync(progress, WAIT_S)
                said.update(
                    outcome=result.outcome.value,
                    sent=dict(result.bytes_sent),
                    received=dict(result.bytes_received),
                    seconds={step.value: took for step, took in result.seconds.items()},
                )
            finally:
                done.set()

        with Memory() as memory:
            thread = threading.Thread(target=sync)
            thread.start()
            busy = host.type_until(done, WAIT_S)
            thread.join()
        host.step = ""
        idle += host.type_until(never, IDLE_S)
        heavy = sorted({name.partition(".")[0] for name in sys.modules}.intersection(HEAVY))
    json.dump(
        {
            "idle_ms": [took for _, took in idle],
            "busy": busy,
            "resident_before": before,
            "resident_peak": memory.own,
            "encryption_peak": memory.children,
            "heavy_modules": heavy,
            **said,
        },
        sys.stdout,
    )


if __name__ == "__main__":
    main(*sys.argv[1:5])
