"""The device: suggest, record, sync, forget; the only place with secret keys and plaintext."""

from __future__ import annotations

from quietkeys.answers import Deletion, Problem, Status, Suggestions
from quietkeys.fields import InputField
from quietkeys.keyboard import Layout
from quietkeys.levels import Level
from quietkeys.personalizer import Personalizer
from quietkeys.policy import Conditions, Policy
from quietkeys.recorder import Receipt
from quietkeys.scheduler import Scheduler
from quietkeys.store import LedgerLine
from quietkeys.sync_result import Outcome, Progress, Step, SyncResult
from quietkeys_protocol.errors import (
    ErrorCode,
    Outdated,
    QuietkeysError,
    Refused,
    StartOver,
    TryAgain,
    Untrusted,
)

__all__ = [
    "Conditions",
    "Deletion",
    "ErrorCode",
    "InputField",
    "Layout",
    "LedgerLine",
    "Level",
    "Outcome",
    "Outdated",
    "Personalizer",
    "Policy",
    "Problem",
    "Progress",
    "QuietkeysError",
    "Receipt",
    "Refused",
    "Scheduler",
    "StartOver",
    "Status",
    "Step",
    "Suggestions",
    "SyncResult",
    "TryAgain",
    "Untrusted",
]
