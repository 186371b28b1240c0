"""The device: suggest, record, sync, forget; the only place with secret keys and plaintext."""

from __future__ import annotations

from quietkeys.answers import Deletion, Hidden, Inspection, Leaving, Problem, Status, Stored, Suggestions
from quietkeys.apps import AppProfiles
from quietkeys.circle.invitation import Invitation
from quietkeys.circles import Circle, CircleMember
from quietkeys.consent import Consent, ConsentRecord
from quietkeys.contents import LedgerLine
from quietkeys.fields import InputField
from quietkeys.key_life import KeyStatus
from quietkeys.keyboard import Layout
from quietkeys.keys import Keys
from quietkeys.levels import Level
from quietkeys.personalizer import Personalizer
from quietkeys.policy import Conditions, Policy
from quietkeys.preferences import AppProfile
from quietkeys.receipts import DeletionReceipt
from quietkeys.recorder import Receipt
from quietkeys.recovery_code import RecoveryCode
from quietkeys.scheduler import Scheduler
from quietkeys.sync_result import Outcome, Progress, Step, SyncResult
from quietkeys.vault import CallerKey, KeyFile, OsKeyStore, Passphrase, Protection
from quietkeys.vocabulary import LearntWord, Vocabulary
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
    "AppProfile",
    "AppProfiles",
    "CallerKey",
    "Circle",
    "CircleMember",
    "Conditions",
    "Consent",
    "ConsentRecord",
    "Deletion",
    "DeletionReceipt",
    "ErrorCode",
    "Hidden",
    "InputField",
    "Inspection",
    "Invitation",
    "KeyFile",
    "KeyStatus",
    "Keys",
    "Layout",
    "LearntWord",
    "Leaving",
    "LedgerLine",
    "Level",
    "OsKeyStore",
    "Outcome",
    "Outdated",
    "Passphrase",
    "Personalizer",
    "Policy",
    "Problem",
    "Progress",
    "Protection",
    "QuietkeysError",
    "Receipt",
    "RecoveryCode",
    "Refused",
    "Scheduler",
    "StartOver",
    "Status",
    "Step",
    "Stored",
    "Suggestions",
    "SyncResult",
    "TryAgain",
    "Untrusted",
    "Vocabulary",
]
