"""The course of a sync: its steps as they are gone through, with seconds and bytes, and how long is left."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from quietkeys import Progress, Step
from quietkeys_keyboard.presenters.words import lasting

TITLES: Final = {
    Step.ENROL: "Introducing this device",
    Step.GENERATE_KEYS: "Making keys on this device",
    Step.UPLOAD_KEYS: "Sending keys to compute with",
    Step.ENCRYPT: "Encrypting your counts",
    Step.SEND: "Sending the encrypted report",
    Step.QUEUE: "Waiting for its turn at the trainer",
    Step.TRAIN: "Trained without being read",
    Step.FETCH: "Fetching the encrypted update",
    Step.DECRYPT: "Decrypting it here",
    Step.JUDGE: "Judging it on typing kept aside",
}
# Seconds that each step takes where no training of this device has told yet: 2 cores, the shipped plan.
FIRST_GUESS: Final = {
    Step.ENROL: 1.0,
    Step.GENERATE_KEYS: 2.0,
    Step.UPLOAD_KEYS: 2.0,
    Step.ENCRYPT: 1.0,
    Step.SEND: 1.0,
    Step.QUEUE: 1.0,
    Step.TRAIN: 12.0,
    Step.FETCH: 1.0,
    Step.DECRYPT: 2.0,
    Step.JUDGE: 2.0,
}


class State(StrEnum):
    """How far a step is."""

    WAITING = "waiting"
    ACTIVE = "active"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class StepLine:
    """One step as it is shown. seconds: it has taken so far. size: bytes that passed in it."""

    title: str
    state: State = State.WAITING
    seconds: float = 0.0
    size: int = 0


@dataclass(slots=True)
class Course:
    """took: seconds that each step takes, as last measured. steps: what is shown."""

    took: dict[Step, float] = field(default_factory=lambda: dict(FIRST_GUESS))
    steps: list[StepLine] = field(default_factory=list)
    _now: Step | None = None
    _began: float = 0.0
    _passed: int = 0  # bytes, before the step under way
    _block_s: float = 0.0  # of each block trained in this sync, 0.0 before the first
    _blocks_left: int = 0

    def begin(self) -> None:
        """Have gone through nothing."""
        self.steps, self._now, self._passed, self._block_s = [], None, 0, 0.0

    def told(self, now: Progress) -> None:
        """Go on to a step, or on in it."""
        if now.step is Step.TRAIN and now.blocks_done:
            self._block_s = (time.monotonic() - self._began) / now.blocks_done
        self._blocks_left = now.blocks - now.blocks_done
        if self._now is now.step:  # it goes on
            self.steps[-1] = replace(self.steps[-1], title=_title(now))
        else:
            passed = now.bytes_sent + now.bytes_received
            self.finish(State.DONE, passed)
            self.steps.append(StepLine(_title(now), State.ACTIVE))
            self._now = now.step
            self._began, self._passed = time.monotonic(), passed

    def tick(self) -> None:
        """Let the step under way count its seconds."""
        if self.steps:
            self.steps[-1] = replace(self.steps[-1], seconds=time.monotonic() - self._began)

    def finish(self, state: State, passed: int | None = None) -> None:
        """End the step under way. passed: bytes of the sync so far, None for none since it began."""
        if self.steps:
            took = time.monotonic() - self._began
            size = 0 if passed is None else passed - self._passed
            self.steps[-1] = replace(self.steps[-1], state=state, seconds=took, size=size)

    def measured(self, seconds: Mapping[Step, float]) -> None:
        """Take how long steps took for how long they will take."""
        self.took |= {step: took for step, took in seconds.items() if step in self.took}

    def left(self) -> str:
        """Return how long a sync under way will still take, "" before its first step."""
        if self._now is None:
            return ""
        steps = list(TITLES)
        later = sum(self.took[step] for step in steps[steps.index(self._now) + 1 :])
        passed = time.monotonic() - self._began
        if self._now is Step.TRAIN and self._block_s:
            return lasting(later + max(self._block_s * self._blocks_left - passed % self._block_s, 0.0))
        return lasting(later + max(self.took[self._now] - passed, 0.0))


def _title(now: Progress) -> str:
    if now.step is not Step.TRAIN or now.blocks_done >= now.blocks:
        return TITLES[now.step]
    return f"Training part {now.blocks_done + 1} of {now.blocks}"
