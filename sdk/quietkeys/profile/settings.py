"""Every setting that a profile stores: its name, how its value is written, and what removes it.

`Store.setting` and `Store.set_setting` take a declaration, so nothing can be stored under a name that is not
here. What a value means is the business of the room that uses it; here it has a form, and bytes of another
form are damage.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, Generic, TypeVar

from quietkeys_protocol.errors import ErrorCode, error_of

Value = TypeVar("Value")
_DIGITS: Final = 18  # of a number that fits SQLite's integers


class Until(Enum):
    """What removes a setting."""

    KEYS_GO = "the keys are removed, or everything is wiped"
    WIPED = "everything is wiped"
    FOLDER_GOES = "the profile folder is removed"


@dataclass(frozen=True, slots=True)
class Codec(Generic[Value]):
    """How values of one form are written as text. `parse` raises ValueError, TypeError or RecursionError."""

    write: Callable[[Value], str]
    parse: Callable[[str], Value]


@dataclass(frozen=True, slots=True)
class Setting(Generic[Value]):
    """One setting. Made in this module alone."""

    name: str
    codec: Codec[Value]
    until: Until = Until.WIPED

    def of_bytes(self, content: bytes) -> Value:
        """Return the value in UTF-8 text that its codec wrote. Raises Untrusted (PROFILE_DAMAGED)."""
        try:
            return self.codec.parse(content.decode())
        except (ValueError, TypeError, RecursionError) as error:
            raise error_of(ErrorCode.PROFILE_DAMAGED, "a setting") from error


@dataclass(frozen=True, slots=True)
class Family(Generic[Value]):
    """Settings of one form whose names begin alike, one for each of something."""

    prefix: str
    codec: Codec[Value]
    until: Until = Until.WIPED

    def of(self, member: str) -> Setting[Value]:
        """Return the setting of one member."""
        return Setting(self.prefix + member, self.codec, self.until)


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= _DIGITS):
        raise ValueError("no number")
    return int(text)


def _flag(text: str) -> bool:
    if text != "1":
        raise ValueError("no flag")
    return True


def _texts(text: str) -> list[str]:
    listed = json.loads(text)
    if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
        raise ValueError("no texts")
    return listed


def _record(text: str) -> dict[str, Any]:
    tree = json.loads(text)
    if not isinstance(tree, dict):
        raise ValueError("no record")
    return tree


def _records(text: str) -> list[dict[str, Any]]:
    listed = json.loads(text)
    if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
        raise ValueError("no records")
    return listed


TEXT: Final[Codec[str]] = Codec(str, str)
FIELDS: Final[Codec[Sequence[str]]] = Codec(" ".join, str.split)  # texts without blanks
WHOLE: Final[Codec[int]] = Codec(str, _whole)  # a number that is not negative
BYTES: Final[Codec[bytes]] = Codec(bytes.hex, bytes.fromhex)
FLAG: Final[Codec[bool]] = Codec(lambda _: "1", _flag)  # there is one, or there is none
TEXTS: Final[Codec[Collection[str]]] = Codec(lambda texts: json.dumps(list(texts)), _texts)
RECORD: Final[Codec[Mapping[str, Any]]] = Codec(lambda record: json.dumps(dict(record)), _record)
RECORDS: Final[Codec[Sequence[Mapping[str, Any]]]] = Codec(lambda many: json.dumps(list(many)), _records)

# The profile itself.
PLAN: Final = Setting("plan", TEXT)  # the hash of the plan whose events are counted
BUNDLE_SEEN: Final = Family("bundle/", WHOLE, Until.FOLDER_GOES)  # by language: the newest version seen
BYTES_SENT: Final = Setting("bytes_sent", WHOLE)  # the bodies of all syncs
WIPING: Final = Setting("wiping", FLAG)  # from a wipe until its files are gone too

# What was learnt.
TICK: Final = Setting("tick", WHOLE)  # of local memory
WORDS: Final = Setting("words", WHOLE)  # that were recorded
SESSION: Final = Setting("session", WHOLE)  # the number of the last one in which something was recorded
PAUSED: Final = Setting("paused", FLAG)  # while learning is
EXAMPLES: Final = Setting("examples", TEXT)  # what an app keeps of its user's last words, for itself

# What the user chose.
CONSENT: Final = Setting("consent", RECORD)
LEVEL: Final = Setting("level", TEXT)
NEVER_CORRECT: Final = Setting("never_correct", TEXTS)
NEVER_SUGGEST: Final = Setting("never_suggest", TEXTS)
REPLACEMENTS: Final = Setting("replacements", RECORD)  # texts, by what is typed
APPS: Final = Setting("apps", RECORD)  # records, by the app's name

# Updates and syncs.
CANDIDATE: Final = Setting("candidate", FIELDS)  # an update on trial: plan, newest held-out event, weights
ADAPTER_BORN: Final = Setting("adapter_born", FIELDS)  # version in use, newest held-out event before it
LAST_SYNC: Final = Setting("last_sync", FIELDS)  # when it began, its last step, how it ended
SLOT_SECRET: Final = Setting("schedule_secret", BYTES)  # which slots are drawn from
SLOT_USED: Final = Setting("slot_used", FIELDS)  # period in seconds, number of the last one that was used

# Keys, and the circle that shares them.
KEYS_CREATED: Final = Setting("keys/created", FIELDS, Until.KEYS_GO)  # the key in use, and since when
KEYS_RETIRED: Final = Setting("keys/retired", TEXTS, Until.KEYS_GO)
KEYS_ANNOUNCED: Final = Setting("keys/announced", TEXT, Until.KEYS_GO)  # whose upload the ledger announced
MEMBERSHIP: Final = Setting("circle/membership", RECORD, Until.KEYS_GO)  # this device's part in a circle
JOINING: Final = Setting("circle/joining", TEXTS, Until.KEYS_GO)  # invitation, name; until it has joined
LEAVING: Final = Setting("circle/leaving", FLAG, Until.KEYS_GO)  # until the trainer has let go
CIRCLE: Final[tuple[Setting[Any], ...]] = (MEMBERSHIP, JOINING, LEAVING)  # a device in none has none of them

# Trainers. What is left to do after a wipe, and what there is to show for it, rests on these.
TRAINER_KEY: Final = Family("trainer_key/", BYTES, Until.FOLDER_GOES)  # by the SHA-256 of the address in hex
TRAINER_RECEIPTS: Final = Setting("trainer_receipts", RECORDS, Until.FOLDER_GOES)

SETTINGS: Final[tuple[Setting[Any], ...]] = (
    *(PLAN, BYTES_SENT, WIPING, TICK, WORDS, SESSION, PAUSED, EXAMPLES),
    *(CONSENT, LEVEL, NEVER_CORRECT, NEVER_SUGGEST, REPLACEMENTS, APPS),
    *(CANDIDATE, ADAPTER_BORN, LAST_SYNC, SLOT_SECRET, SLOT_USED),
    *(KEYS_CREATED, KEYS_RETIRED, KEYS_ANNOUNCED, TRAINER_RECEIPTS),
    *CIRCLE,
)
FAMILIES: Final[tuple[Family[Any], ...]] = (BUNDLE_SEEN, TRAINER_KEY)
_BY_NAME: Final = {setting.name: setting for setting in SETTINGS}


def setting_named(name: str) -> Setting[Any] | None:
    """Return the setting of a name that is stored, None if none is declared."""
    if name in _BY_NAME:
        return _BY_NAME[name]
    return next((one.of(name[len(one.prefix) :]) for one in FAMILIES if name.startswith(one.prefix)), None)
