"""What the facade answers with."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Suggestions:
    """What a keyboard shows for one token. Private.

    strip: up to three whole tokens, what was typed always among them; after a space, up to three words that
    may come next. correction: the token to put in place of what was typed when the word ends, None to leave
    it. merged: the token to put in place of the word before, the space and what was typed, if the space seems
    to have slipped in, else None.
    """

    strip: tuple[str, ...] = field(repr=False)
    correction: str | None = field(default=None, repr=False)
    merged: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that went wrong and what to do about it, in words for the user."""

    message: str
    advice: str


@dataclass(frozen=True, slots=True)
class Status:
    """A profile at a glance.

    words_recorded: all words so far but those taken back. words_known: different ones. own_words: those that
    the bundle lacks.
    adapter_version: in use, 0 for none. key_fingerprint: of the evaluation keys at the trainer, "" for none.
    open_report: how far the report under way is ("written", "sent", "fetched"), "" for none. bytes_sent:
    bodies of all syncs so far. consent_given: whether anything may be sent.
    """

    words_recorded: int
    words_known: int
    own_words: int
    adapter_version: int
    bundle_version: int
    key_fingerprint: str
    open_report: str
    bytes_sent: int
    consent_given: bool
    problems: tuple[Problem, ...]


class Deletion(StrEnum):
    """What became of the data at the trainers; here it is gone in every case, and so is the secret key.

    NOTHING_THERE: this device never enrolled. CONFIRMED: every trainer signed a receipt (see
    `Personalizer.receipts`) and no longer knows the device. PENDING: one did not answer; `forget`,
    `consent.withdraw` or `sync` asks again. UNPROVEN: what one answered proves nothing, as its key is not the
    one that is trusted, the receipt is not signed with it, or the device is still there.
    """

    NOTHING_THERE = "nothing there"
    CONFIRMED = "confirmed"
    PENDING = "pending"
    UNPROVEN = "unproven"
