"""The device: suggest, record, sync, forget; the only place with secret keys and plaintext.

What an app may rely on is listed in `__all__` here, in `quietkeys.layouts`, `quietkeys.testing` and
`quietkeys.typing`, and nowhere else; CONTRIBUTING.md says what may change in which version.
The logger `quietkeys` tells steps of syncs, their outcomes and codes of errors, by name and nothing else; it
is silent until an app gives it a handler.
"""

from __future__ import annotations

import logging

from quietkeys.answers import Deletion, Hidden, Inspection, Leaving, Problem, Status, Stored, Suggestions
from quietkeys.api.app_profiles import AppProfiles
from quietkeys.api.circle import Circle, CircleMember
from quietkeys.api.consent import Consent
from quietkeys.api.input_field import InputField
from quietkeys.api.keys import Keys
from quietkeys.api.trainer import Trainer
from quietkeys.api.vocabulary import LearntWord, Vocabulary
from quietkeys.keyboard.layout import Layout
from quietkeys.keyboard.touch_model import Touches
from quietkeys.learning.recorder import UndoReceipt
from quietkeys.personalizer import Personalizer
from quietkeys.prediction.levels import Level
from quietkeys.prediction.preferences import AppProfile
from quietkeys.profile.ledger import LedgerKind, LedgerLine
from quietkeys.remote.trust import DeletionReceipt
from quietkeys.sync.circle.invitation import Invitation
from quietkeys.sync.consent_record import ConsentRecord
from quietkeys.sync.keys.life import KeyStatus
from quietkeys.sync.result import Outcome, Progress, ProgressCallback, Step, SyncResult
from quietkeys.sync.schedule import Conditions, Policy, Scheduler
from quietkeys.updates.gate import Verdict
from quietkeys.vault import CallerKey, KeyFile, OsKeyStore, Passphrase, Protection
from quietkeys.vault.human_code import RecoveryCode
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
    "LedgerKind",
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
    "ProgressCallback",
    "Protection",
    "QuietkeysError",
    "RecoveryCode",
    "Refused",
    "Scheduler",
    "StartOver",
    "Status",
    "Step",
    "Stored",
    "Suggestions",
    "SyncResult",
    "Touches",
    "Trainer",
    "TryAgain",
    "UndoReceipt",
    "Untrusted",
    "Verdict",
    "Vocabulary",
]

logging.getLogger(__name__).addHandler(logging.NullHandler())
