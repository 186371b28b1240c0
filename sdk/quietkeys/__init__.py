"""The device: suggest, record, sync, forget; the only place with secret keys and plaintext.

What an app may rely on is listed in `__all__` here, in `quietkeys.layouts`, `quietkeys.testing` and
`quietkeys.typing`, and nowhere else; CONTRIBUTING.md says what may change in which version.
The logger `quietkeys` tells steps of syncs, their outcomes and codes of errors, by name and nothing else; it
is silent until an app gives it a handler.

Importing this costs next to nothing: a name is imported when it is first asked for (PEP 562), so that a
process that encrypts does not load what suggests, nor the other way round.
"""

from __future__ import annotations

import logging
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from quietkeys.answers import (
        Deletion,
        Hidden,
        Inspection,
        Leaving,
        LeftOut,
        Problem,
        Readiness,
        Reason,
        Status,
        Stored,
        Suggestions,
    )
    from quietkeys.api.app_profiles import AppProfiles
    from quietkeys.api.circle import Circle, CircleMember
    from quietkeys.api.consent import Consent
    from quietkeys.api.input_field import InputField
    from quietkeys.api.keys import Keys
    from quietkeys.api.trainer import Trainer
    from quietkeys.api.vocabulary import LearntWord, PendingWord, Vocabulary
    from quietkeys.keyboard.layout import Layout
    from quietkeys.keyboard.touch_model import Touches
    from quietkeys.learning.recorder import UndoReceipt
    from quietkeys.personalizer import Personalizer
    from quietkeys.prediction.levels import Level
    from quietkeys.prediction.preferences import AppProfile
    from quietkeys.profile.ledger import LedgerKind, LedgerLine
    from quietkeys.remote.sent import Sent
    from quietkeys.remote.trust import DeletionReceipt
    from quietkeys.sync.circle.invitation import Invitation
    from quietkeys.sync.consent_record import ConsentRecord
    from quietkeys.sync.keys.life import KeyStatus
    from quietkeys.sync.result import LastSync, Outcome, Progress, ProgressCallback, Step, SyncResult
    from quietkeys.sync.schedule import Conditions, Policy, Scheduler
    from quietkeys.updates.gate import Verdict
    from quietkeys.vault.human_code import RecoveryCode
    from quietkeys.vault.protection import CallerKey, KeyFile, OsKeyStore, Passphrase, Protection
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
    "LastSync",
    "Layout",
    "LearntWord",
    "Leaving",
    "LedgerKind",
    "LedgerLine",
    "LeftOut",
    "Level",
    "OsKeyStore",
    "Outcome",
    "Outdated",
    "Passphrase",
    "PendingWord",
    "Personalizer",
    "Policy",
    "Problem",
    "Progress",
    "ProgressCallback",
    "Protection",
    "QuietkeysError",
    "Readiness",
    "Reason",
    "RecoveryCode",
    "Refused",
    "Scheduler",
    "Sent",
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

_HOME: Final = {
    "AppProfile": "quietkeys.prediction.preferences",
    "AppProfiles": "quietkeys.api.app_profiles",
    "CallerKey": "quietkeys.vault.protection",
    "Circle": "quietkeys.api.circle",
    "CircleMember": "quietkeys.api.circle",
    "Conditions": "quietkeys.sync.schedule",
    "Consent": "quietkeys.api.consent",
    "ConsentRecord": "quietkeys.sync.consent_record",
    "Deletion": "quietkeys.answers",
    "DeletionReceipt": "quietkeys.remote.trust",
    "ErrorCode": "quietkeys_protocol.errors",
    "Hidden": "quietkeys.answers",
    "InputField": "quietkeys.api.input_field",
    "Inspection": "quietkeys.answers",
    "Invitation": "quietkeys.sync.circle.invitation",
    "KeyFile": "quietkeys.vault.protection",
    "KeyStatus": "quietkeys.sync.keys.life",
    "Keys": "quietkeys.api.keys",
    "LastSync": "quietkeys.sync.result",
    "Layout": "quietkeys.keyboard.layout",
    "LearntWord": "quietkeys.api.vocabulary",
    "Leaving": "quietkeys.answers",
    "LedgerKind": "quietkeys.profile.ledger",
    "LedgerLine": "quietkeys.profile.ledger",
    "LeftOut": "quietkeys.answers",
    "Level": "quietkeys.prediction.levels",
    "OsKeyStore": "quietkeys.vault.protection",
    "Outcome": "quietkeys.sync.result",
    "Outdated": "quietkeys_protocol.errors",
    "Passphrase": "quietkeys.vault.protection",
    "PendingWord": "quietkeys.api.vocabulary",
    "Personalizer": "quietkeys.personalizer",
    "Policy": "quietkeys.sync.schedule",
    "Problem": "quietkeys.answers",
    "Progress": "quietkeys.sync.result",
    "ProgressCallback": "quietkeys.sync.result",
    "Protection": "quietkeys.vault.protection",
    "QuietkeysError": "quietkeys_protocol.errors",
    "Readiness": "quietkeys.answers",
    "Reason": "quietkeys.answers",
    "RecoveryCode": "quietkeys.vault.human_code",
    "Refused": "quietkeys_protocol.errors",
    "Scheduler": "quietkeys.sync.schedule",
    "Sent": "quietkeys.remote.sent",
    "StartOver": "quietkeys_protocol.errors",
    "Status": "quietkeys.answers",
    "Step": "quietkeys.sync.result",
    "Stored": "quietkeys.answers",
    "Suggestions": "quietkeys.answers",
    "SyncResult": "quietkeys.sync.result",
    "Touches": "quietkeys.keyboard.touch_model",
    "Trainer": "quietkeys.api.trainer",
    "TryAgain": "quietkeys_protocol.errors",
    "UndoReceipt": "quietkeys.learning.recorder",
    "Untrusted": "quietkeys_protocol.errors",
    "Verdict": "quietkeys.updates.gate",
    "Vocabulary": "quietkeys.api.vocabulary",
}  # where each name is imported from when it is first asked for


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(_HOME[name]), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


logging.getLogger(__name__).addHandler(logging.NullHandler())
