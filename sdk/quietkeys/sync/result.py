"""What a sync says while it runs and when it ends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from quietkeys.updates.gate import Verdict


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


class ProgressCallback(Protocol):
    """What an app gives to be told each step of a sync as it begins; called in the thread of the sync."""

    def __call__(self, progress: Progress, /) -> None:
        """Take note of a step. What it raises ends the sync."""
