"""Training with the profile that the input method has open: what it says of a sync, as the steps of one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from quietkeys import ErrorCode, Outcome, Progress, Step
from quietkeys_keyboard.input_method import Value
from quietkeys_keyboard.presenters.course import Course, State
from quietkeys_keyboard.presenters.remote import PROGRESS, Line, Remote
from quietkeys_keyboard.presenters.training import ENDED, STATEMENT, failed_words
from quietkeys_keyboard.presenters.words import OUTCOMES, readiness_words, when

_KINDS: Final = {str(kind): words for kind, words in ENDED.items()}
_STEPS: Final = {step.value: step for step in Step}
_OUTCOMES: Final = {outcome.value: words for outcome, words in OUTCOMES.items()}


@dataclass(slots=True)
class RemoteTraining:
    """What became of the last training is said until the next one begins."""

    remote: Remote
    course: Course = field(default_factory=Course)
    headline: str = ""
    detail: str = ""
    offline: bool = False
    applied: bool = False
    stopping: bool = False

    def __post_init__(self) -> None:
        self.remote.followers.append(self._follow)

    @property
    def busy(self) -> bool:
        """Whether a sync is under way that somebody has asked for."""
        return self.remote.is_on("Syncing")

    def needs_trainer(self) -> bool:
        """Return whether there is none to train with."""
        return not self.remote.text("Trainer")

    def needs_consent(self) -> bool:
        """Return whether the user is to be asked first."""
        return not self.remote.is_on("Consent")

    def set_trainer(self, address: str) -> None:
        """Use another trainer from now on; "" for none."""
        self.remote.switch("Trainer", address.strip())

    def agree(self) -> None:
        """Record that the user has agreed to STATEMENT."""
        self.remote.ask("GiveConsent", STATEMENT)

    def start(self) -> None:
        """Begin a sync, unless one is under way."""
        self.remote.ask("Sync")

    def stop(self) -> None:
        """End the sync that is under way; the next one goes on."""
        self.stopping = True
        self.remote.ask("CancelSync")
        self.remote.changed()

    def roll_back(self) -> None:
        """Go back to the version before."""
        self.remote.ask("RollBack", then=self._rolled_back)

    def tick(self) -> None:
        """Let the step under way count its seconds; called a few times a second."""
        if self.busy and self.course.steps:
            self.course.tick()
            self.remote.changed()

    def left(self) -> str:
        """Return how long the sync under way will still take, "" if none is."""
        return self.course.left() if self.busy else ""

    def said(self) -> tuple[str, str]:
        """Return a headline and a sentence: of the sync under way, else of the last one, also of long ago."""
        if self.headline:
            return self.headline, self.detail
        last = next(iter(self.history()), None)
        if last is None:
            return "No training yet", ""
        return _KINDS[last.kind], f"{last.text} That was {when(last.time)}."

    def history(self) -> list[Line]:
        """Return what became of updates, newest first."""
        return [line for line in self.remote.ledger if line.kind in _KINDS]

    def meter(self) -> tuple[float, str]:
        """Return how much of the typing there is that a training needs, as a share and a sentence."""
        kept_aside, needed, words_left = self.remote.readiness
        if not needed:
            return 0.0, ""
        return min(kept_aside / needed, 1.0), readiness_words(kept_aside, needed, words_left)

    def _follow(self, before: Mapping[str, Value], now: Mapping[str, Value]) -> None:
        was, is_busy = before.get("Syncing") is True, now.get("Syncing") is True
        if is_busy and not was:
            self.offline = self.applied = self.stopping = False
            self.headline, self.detail = "Training", "You can go on typing, everywhere."
            self.course.begin()
        if is_busy and (not was or any(before.get(name) != now.get(name) for name in PROGRESS)):
            self._step(now)
        elif not is_busy and (was or (not before and now.get("LastSync"))):  # or before this window was there
            self._ended(now)
        elif not is_busy and now and before.get("LastSync") and not now.get("LastSync"):  # it was left
            self.course.begin()
            self.headline, self.detail, self.applied, self.offline = "", "", False, False

    def _step(self, now: Mapping[str, Value]) -> None:
        step = _STEPS.get(str(now.get("Step", "")))
        if step is not None:
            sent, received, done, blocks = (
                int(now.get(name, 0)) for name in ("BytesSent", "BytesReceived", "BlocksDone", "Blocks")
            )
            self.course.told(Progress(step, sent, received, blocks_done=done, blocks=blocks))

    def _ended(self, now: Mapping[str, Value]) -> None:
        outcome, _, reason = str(now.get("LastSync", "")).partition(": ")
        error = str(now.get("LastError", ""))
        self.stopping = False
        if outcome in _OUTCOMES:
            self.course.finish(State.DONE if outcome != Outcome.CANCELLED else State.FAILED)
            self.headline, self.detail = _OUTCOMES[outcome], reason
            self.applied = outcome == Outcome.APPLIED
            return
        self.course.finish(State.FAILED)
        if not now:
            self.headline = "The last training was interrupted"
            self.detail = "The input method ended meanwhile. Train, and it goes on from there."
        elif error in {code.value for code in ErrorCode}:
            self.offline = error == ErrorCode.TRAINER_UNREACHABLE
            self.headline, self.detail = failed_words(ErrorCode(error))
        else:
            self.headline, self.detail = "Not this time", reason

    def _rolled_back(self, version: int) -> None:
        where = f"update {version}" if version else "learning on this device alone"
        self.headline, self.detail, self.applied = f"Back to {where}", "", False
        self.remote.changed()
