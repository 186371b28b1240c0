"""What a sync says while it runs and when it ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Protocol

from quietkeys.updates.gate import Verdict
from quietkeys_protocol.errors import ErrorCode

_CODES: Final = frozenset(code.value for code in ErrorCode)


class Step(StrEnum):
    """The steps of a sync, in order; a sync that resumes leaves out those that are done."""

    ENROL = "enrol"
    GENERATE_KEYS = "generate keys"
    UPLOAD_KEYS = "upload keys"
    ENCRYPT = "encrypt"
    SEND = "send"
    QUEUE = "queue"
    TRAIN = "train"
    FETCH = "fetch"
    DECRYPT = "decrypt"
    JUDGE = "judge"


class Outcome(StrEnum):
    """How a sync ended. Only PENDING and CANCELLED leave a report open."""

    APPLIED = "applied"  # a new adapter is in use
    KEPT_OLD = "kept_old"  # the gate found the update not clearly better
    ON_TRIAL = "on_trial"  # the update is better, and will be used if later typing says so too
    DUMMY = "dummy"  # there was too little typing for a report, and an empty one went the same way
    UNTRUSTED = "untrusted"  # the update cannot be what the plan computes
    UNDECRYPTABLE = "undecryptable"  # what came back could not be decrypted
    LOST = "lost"  # the trainer has no update for the report; the next sync sends another
    PENDING = "pending"  # the trainer has not finished; the next sync goes on
    DEFERRED = "deferred"  # keys cannot be uploaded or have not come yet; no report was sent
    CANCELLED = "cancelled"  # it was told to stop; the next sync goes on


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a sync is: the step that begins or goes on, and bytes of bodies sent and received so far.

    upload_bytes: what the step is about to upload, where that is much: the evaluation keys. blocks_done: how
    many of `blocks`, those of the plan, the trainer says it has trained; TRAIN is told anew with each.
    """

    step: Step
    bytes_sent: int
    bytes_received: int
    upload_bytes: int = 0
    blocks_done: int = 0
    blocks: int = 0


@dataclass(frozen=True, slots=True)
class SyncResult:
    """How a sync ended. Private: neither the outcome nor anything else of it is ever sent.

    reason: a sentence for the user. adapter_version: in use now, 0 for none. bytes_sent, bytes_received:
    bodies by what they were for ("evaluation_keys", "report", "update" and others), every attempt counted.
    seconds: by step. verdict: the gate's, if it judged.
    """

    outcome: Outcome
    reason: str
    adapter_version: int
    bytes_sent: Mapping[str, int]
    bytes_received: Mapping[str, int]
    seconds: Mapping[Step, float]
    verdict: Verdict | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class LastSync:
    """The sync that began last, as the profile has it on record. Private.

    began: Unix seconds. step: the last one that began, None for none. outcome: how it ended, error: what
    ended it; both None while it runs, and of one that the end of the program interrupted.
    """

    began: float
    step: Step | None
    outcome: Outcome | None = None
    error: ErrorCode | None = None

    def to_fields(self) -> tuple[str, str, str]:
        """Return the texts that `of_fields` reads."""
        ended = self.outcome.name if self.outcome else f"error:{self.error.value}" if self.error else "-"
        return f"{self.began:.0f}", self.step.name if self.step else "-", ended

    @classmethod
    def of_fields(cls, texts: Sequence[str] | None) -> LastSync | None:
        """Return the sync in these texts, None where there are none or other ones."""
        if texts is None or len(texts) != 3 or not texts[0].isdecimal():
            return None
        began, step, (kind, _, code) = (
            float(texts[0]),
            Step.__members__.get(texts[1]),
            texts[2].partition(":"),
        )
        error = ErrorCode(code) if kind == "error" and code in _CODES else None
        return cls(began, step, Outcome.__members__.get(kind), error)


class ProgressCallback(Protocol):
    """What an app gives to be told each step of a sync as it begins; called in the thread of the sync."""

    def __call__(self, progress: Progress, /) -> None:
        """Take note of a step. What it raises ends the sync."""
