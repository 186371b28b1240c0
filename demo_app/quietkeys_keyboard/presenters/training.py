"""The training screen: one sync as a list of steps, what it was worth, and the updates so far."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from quietkeys import (
    ErrorCode,
    LedgerKind,
    LedgerLine,
    Outcome,
    Personalizer,
    Progress,
    QuietkeysError,
    Readiness,
    Step,
    SyncResult,
    Verdict,
)
from quietkeys.typing import KeptWord
from quietkeys_keyboard.presenters.changes import Change, Words, changes, left_of, moved
from quietkeys_keyboard.presenters.course import TITLES, Course, State, StepLine
from quietkeys_keyboard.presenters.words import OUTCOMES, said, said_of, when

Post = Callable[[Callable[[], None]], None]  # runs something on the thread of the screens

STATEMENT: Final = (
    "Counts of how you type may go to the trainer. They are encrypted on this device; the trainer computes"
    " on them without being able to read them, and sends an encrypted update back."
)
WAIT_S: Final = 900.0  # for the trainer
_UNDER_WAY: Final = {  # an open report, by how far it is
    "written": "Your encrypted counts are ready and have not arrived yet. Train, and it goes on from there.",
    "sent": "Your encrypted counts are at the trainer. Train, and what came of them is fetched.",
    "fetched": "The encrypted update is here. Train, and it is judged.",
}
_JUDGED: Final = (
    *(Outcome.APPLIED, Outcome.KEPT_OLD, Outcome.ON_TRIAL),
    *(Outcome.DUMMY, Outcome.UNTRUSTED, Outcome.UNDECRYPTABLE),
)
ENDED: Final = {LedgerKind(f"update_{outcome.value}"): OUTCOMES[outcome] for outcome in _JUDGED} | {
    LedgerKind.UPDATE_FETCHED: "An encrypted update came",
    LedgerKind.ROLLED_BACK: "The last update was taken back",
    LedgerKind.REPORT_LOST: "The trainer lost it",
    LedgerKind.REPORT_DROPPED: "What was to be sent was dropped",
}


@dataclass(frozen=True, slots=True)
class Worth:
    """Word accuracy on typing kept aside, before and after an update: shares; None before there is any."""

    before: float
    after: float
    events: int

    def text(self) -> str:
        """Return it in words."""
        before, after = f"{self.before:.1%}", f"{self.after:.1%}"
        change = f"{before} to {after}" if before != after else f"{after}, as before,"
        return f"{change} of {self.events} words kept aside"


@dataclass(slots=True)
class TrainingPresenter:
    """changed: called on the screens' thread. post: runs something there, from any thread."""

    keyboard: Personalizer
    changed: Callable[[], None]
    post: Post
    course: Course = field(default_factory=Course)
    busy: bool = False
    headline: str = ""
    detail: str = ""
    offline: bool = False
    applied: bool = False
    outcome: Outcome | None = None  # of the last training, None while there is none
    updated: Callable[[], None] = lambda: None  # called when an update has come in use
    words: Words = field(default_factory=Words)  # the user's last, to show what an update changes
    changes: list[Change] = field(default_factory=list)  # of the last update
    moved: str = ""  # by it, where none of these words comes out otherwise
    worths: list[Worth] = field(default_factory=list)
    _looked_at: list[KeptWord] = field(default_factory=list)
    _before: list[str] = field(default_factory=list)  # what Space left of each, before the update

    def __post_init__(self) -> None:
        self.recall()

    @property
    def steps(self) -> list[StepLine]:
        """The steps of the last training, the one under way last."""
        return self.course.steps

    def recall(self) -> None:
        """Say what became of the last training, also when it was before the app was opened."""
        last, status = self.keyboard.last_sync(), self.keyboard.status()
        history = self.history()
        if last is not None and last.error is not None:
            self.headline, self.detail = "The last training was interrupted", said_of(last.error)
        elif status.open_report:
            self.headline, self.detail = "A training is not finished", _UNDER_WAY[status.open_report]
        elif last is not None and last.outcome is None and last.step is not None:
            self.headline = "The last training was interrupted"
            self.detail = f"It ended while it was at: {TITLES[last.step]}. Train, and it goes on from there."
        elif last is not None and last.outcome is Outcome.CANCELLED:
            self.headline = "The last training was stopped"
            self.detail = "The window was closed, or it was cancelled. Train, and it goes on from there."
        elif last is not None and last.outcome is not None and not history:
            self.headline, self.detail = OUTCOMES[last.outcome], ""
        elif history:
            self.headline = ENDED.get(history[0].kind, "The last training")
            self.detail = f"{history[0].text} That was {when(history[0].time)}."

    def readiness(self) -> Readiness:
        """Return how much typing is missing until a training can come to something."""
        return self.keyboard.readiness()

    def left(self) -> str:
        """Return how long the training under way will still take, "" if none is."""
        return self.course.left() if self.busy else ""

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
        self.busy, self.offline, self.applied, self.outcome = True, False, False, None
        self.headline, self.detail = "Training", "You can go on typing."
        self.course.begin()
        self._looked_at, self._before = [], []
        self.changed()
        threading.Thread(target=self._sync, name="quietkeys-train", daemon=True).start()

    def tick(self) -> None:
        """Let the step under way count its seconds; called a few times a second."""
        if self.busy and self.steps:
            self.course.tick()
            self.changed()

    def roll_back(self) -> None:
        """Go back to the version before."""
        try:
            version = self.keyboard.rollback()
        except QuietkeysError as error:
            self.headline, self.detail = "That did not work", said(error)
        else:
            self.headline = (
                f"Back to update {version}" if version else "Back to learning on this device alone"
            )
            self.detail, self.changes, self.moved = "", [], ""
        self.changed()

    def clear(self) -> None:
        """Show nothing of earlier trainings, as when the profile was wiped."""
        if not self.busy:
            self.course.begin()
            self.worths, self.headline, self.detail = [], "", ""
            self.changes, self.moved = [], ""
            self.offline = self.applied = False
            self.changed()

    def version(self) -> int:
        """Return the adapter version in use, 0 for none."""
        return self.keyboard.status().adapter_version

    def history(self) -> list[LedgerLine]:
        """Return what became of updates, newest first."""
        lines = [line for line in self.keyboard.ledger() if line.kind in ENDED]
        return lines[::-1]

    def _sync(self) -> None:
        try:
            result = self.keyboard.sync(self._told, WAIT_S)
        except QuietkeysError as error:
            failed = error
            self.post(lambda: self._failed(failed))
        else:
            applied = result.outcome is Outcome.APPLIED
            after = left_of(self.keyboard, self._looked_at) if applied else []
            self.post(lambda: self._ended(result, after))

    def _told(self, now: Progress) -> None:
        # In the thread of the sync: the last moment before an update is in use, so that nothing else differs.
        self.post(lambda: self._step(now))
        if now.step is Step.JUDGE:
            self._looked_at = self.words.all()
            self._before = left_of(self.keyboard, self._looked_at)

    def _step(self, now: Progress) -> None:
        self.course.told(now)
        self.changed()

    def _ended(self, result: SyncResult, after: list[str]) -> None:
        passed = sum(result.bytes_sent.values()) + sum(result.bytes_received.values())
        self.course.finish(State.DONE, passed)
        self.busy, self.applied = False, result.outcome is Outcome.APPLIED
        self.outcome, self.headline = result.outcome, OUTCOMES[result.outcome]
        self.detail = result.reason
        self.course.measured(result.seconds)
        verdict = result.verdict
        self.changes, self.moved = [], ""
        if self.applied:
            self.updated()
        if self.applied and verdict is not None:
            self.changes = changes(self._looked_at, self._before, after)
            self.moved = "" if self.changes else moved(verdict, len(self._looked_at))
            self.headline = worth_words(verdict)
        if verdict is not None and verdict.events:
            before = verdict.right / verdict.events
            change = (verdict.fixed - verdict.broken) / verdict.events
            self.worths.append(Worth(before, before + change, verdict.events))
        self.changed()

    def _failed(self, error: QuietkeysError) -> None:
        self.course.finish(State.FAILED)
        self.busy = False
        self.offline = error.code is ErrorCode.TRAINER_UNREACHABLE
        self.headline, self.detail = failed_words(error.code)
        self.changed()


def failed_words(code: ErrorCode) -> tuple[str, str]:
    """Return what is to be said of a training that failed: a headline and a sentence."""
    if code is ErrorCode.TRAINER_UNREACHABLE:
        again = "Typing and learning go on here; the next training goes on."
        return "Offline", f"The trainer cannot be reached. {again}"
    return "Not this time", said_of(code)


def worth_words(verdict: Verdict) -> str:
    """Return what an update that came in use is worth, as its own figures say."""
    more = verdict.fixed - verdict.broken
    if more > 0:
        words = "word" if more == 1 else "words"
        return f"Better: {more} more {words} right of {verdict.events}"
    return "In use: it guesses closer, and no more words come out right yet"
