"""The training screen: one sync as a list of steps, what it was worth, and the updates so far."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from quietkeys import (
    ErrorCode,
    LedgerKind,
    LedgerLine,
    Outcome,
    Personalizer,
    Progress,
    QuietkeysError,
    Step,
    SyncResult,
)

Post = Callable[[Callable[[], None]], None]  # runs something on the thread of the screens

STATEMENT: Final = (
    "Counts of how you type may go to the trainer. They are encrypted on this device; the trainer computes"
    " on them without being able to read them, and sends an encrypted update back."
)
WAIT_S: Final = 900.0  # for the trainer
_TITLES: Final = {
    Step.ENROL: "Introducing this device",
    Step.GENERATE_KEYS: "Making keys on this device",
    Step.UPLOAD_KEYS: "Sending evaluation keys",
    Step.ENCRYPT: "Encrypting your counts",
    Step.SEND: "Sending the encrypted report",
    Step.QUEUE: "Queued at the trainer",
    Step.TRAIN: "Trained on ciphertexts",
    Step.FETCH: "Fetching the encrypted update",
    Step.DECRYPT: "Decrypting it here",
    Step.JUDGE: "Judging it on typing kept aside",
}
_HEADLINES: Final = {
    Outcome.APPLIED: "Applied",
    Outcome.CANCELLED: "Stopped",
    Outcome.DEFERRED: "Another time",
    Outcome.DUMMY: "Too little typing yet",
    Outcome.ON_TRIAL: "On trial",
    Outcome.PENDING: "The trainer is still at it",
}
_UPDATES: Final = (
    LedgerKind.UPDATE_FETCHED,
    LedgerKind.UPDATE_APPLIED,
    LedgerKind.UPDATE_KEPT_OLD,
    LedgerKind.UPDATE_ON_TRIAL,
    LedgerKind.UPDATE_DUMMY,
    LedgerKind.UPDATE_UNTRUSTED,
    LedgerKind.UPDATE_UNDECRYPTABLE,
    LedgerKind.ROLLED_BACK,
    LedgerKind.REPORT_LOST,
    LedgerKind.REPORT_DROPPED,
)


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


@dataclass(frozen=True, slots=True)
class Worth:
    """Word accuracy on typing kept aside, before and after an update: shares; None before there is any."""

    before: float
    after: float
    events: int


@dataclass(slots=True)
class TrainingPresenter:
    """changed: called on the screens' thread. post: runs something there, from any thread."""

    keyboard: Personalizer
    changed: Callable[[], None]
    post: Post
    steps: list[StepLine] = field(default_factory=list)
    busy: bool = False
    headline: str = ""
    detail: str = ""
    offline: bool = False
    applied: bool = False
    worths: list[Worth] = field(default_factory=list)
    _began: float = 0.0
    _passed: int = 0
    _now: Step | None = None

    def needs_consent(self) -> bool:
        """Return whether the user is to be asked first."""
        return self.keyboard.consent.given is None

    def agree(self) -> None:
        """Record that the user has agreed to STATEMENT."""
        self.keyboard.consent.give(STATEMENT)
        self.changed()

    def start(self) -> None:
        """Begin a sync, in a thread of its own; do nothing while one is under way."""
        if self.busy:
            return
        self.busy, self.offline, self.applied = True, False, False
        self.headline, self.detail = "Training", "You can go on typing."
        self.steps, self._now, self._passed = [], None, 0
        self.changed()
        threading.Thread(target=self._sync, name="quietkeys-train", daemon=True).start()

    def tick(self) -> None:
        """Let the step under way count its seconds; called a few times a second."""
        if self.busy and self.steps:
            self.steps[-1] = replace(self.steps[-1], seconds=time.monotonic() - self._began)
            self.changed()

    def roll_back(self) -> None:
        """Go back to the version before."""
        version = self.keyboard.rollback()
        self.headline = f"Back to version {version}" if version else "Back to learning on this device alone"
        self.detail = ""
        self.changed()

    def clear(self) -> None:
        """Show nothing of earlier trainings, as when the profile was wiped."""
        if not self.busy:
            self.steps, self.worths, self.headline, self.detail = [], [], "", ""
            self.offline = self.applied = False
            self.changed()

    def version(self) -> int:
        """Return the adapter version in use, 0 for none."""
        return self.keyboard.status().adapter_version

    def history(self) -> list[LedgerLine]:
        """Return what became of updates, newest first."""
        lines = [line for line in self.keyboard.ledger() if line.kind in _UPDATES]
        return lines[::-1]

    def _sync(self) -> None:
        try:
            result = self.keyboard.sync(lambda now: self.post(lambda: self._step(now)), WAIT_S)
        except QuietkeysError as error:
            failed = error
            self.post(lambda: self._failed(failed))
        else:
            self.post(lambda: self._ended(result))

    def _step(self, now: Progress) -> None:
        if self._now is now.step:  # it goes on
            self.steps[-1] = replace(self.steps[-1], title=_title(now))
        else:
            passed = now.bytes_sent + now.bytes_received
            self._finish(State.DONE, passed)
            self.steps.append(StepLine(_title(now), State.ACTIVE))
            self._now = now.step
            self._began, self._passed = time.monotonic(), passed
        self.changed()

    def _finish(self, state: State, passed: int) -> None:
        if self.steps:
            took = time.monotonic() - self._began
            self.steps[-1] = replace(self.steps[-1], state=state, seconds=took, size=passed - self._passed)

    def _ended(self, result: SyncResult) -> None:
        self._finish(State.DONE, sum(result.bytes_sent.values()) + sum(result.bytes_received.values()))
        self.busy, self.applied = False, result.outcome is Outcome.APPLIED
        self.headline = _HEADLINES.get(result.outcome, "Kept the old one")
        self.detail = result.reason
        verdict = result.verdict
        if verdict is not None and verdict.events:
            before = verdict.right / verdict.events
            change = (verdict.fixed - verdict.broken) / verdict.events
            self.worths.append(Worth(before, before + change, verdict.events))
        self.changed()

    def _failed(self, error: QuietkeysError) -> None:
        self._finish(State.FAILED, self._passed)
        self.busy = False
        self.offline = error.code is ErrorCode.TRAINER_UNREACHABLE
        self.headline = "Offline" if self.offline else "Not this time"
        self.detail = (
            "The trainer cannot be reached. Typing and learning go on here; the report waits for next time."
            if self.offline
            else str(error)
        )
        self.changed()


def _title(now: Progress) -> str:
    if now.step is not Step.TRAIN:
        return _TITLES[now.step]
    if now.blocks_done >= now.blocks:
        return _TITLES[now.step]
    return f"Training block {now.blocks_done + 1} of {now.blocks}"
