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


class Reason(StrEnum):
    """Why something that is typed is not learnt."""

    EMAIL = "an e-mail address"
    ADDRESS = "an address or a path"
    CARD = "a card number and what stands behind it"
    SECRET = "said to be a password or a code"  # noqa: S105 - a reason, no password
    CODE = "a code"
    NUMBER = "a number, digit by digit"
    RANDOM = "looks like a random string"
    APP = "what this app leaves out"


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A part of a text that is not learnt: its first character, the one behind it, and why."""

    start: int
    end: int
    why: Reason


@dataclass(frozen=True, slots=True)
class Readiness:
    """How far it is to the first update that can be judged.

    kept_aside: words of the user's that are kept aside to judge updates by. needed: how many there have to
    be; with fewer, a report is empty and nothing is applied. words_left: about how many more words have to be
    typed until then, by how it went so far; 0 if there are enough.
    """

    kept_aside: int
    needed: int
    words_left: int

    @property
    def is_ready(self) -> bool:
        """Whether a training can come to something."""
        return self.kept_aside >= self.needed


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


@dataclass(frozen=True, slots=True)
class Hidden:
    """What a ciphertext hides; private. count: integers. entropy: bits for each, of how often they occur."""

    count: int
    lowest: int
    highest: int
    not_zero: int
    entropy: float


@dataclass(frozen=True, slots=True)
class Leaving:
    """One thing that leaves the device.

    what: its name. when: in words. size: bytes. entropy: bits per byte of its payload; random bytes have
    close to 8, less the fewer there are. head: the first bytes of the payload. hides: what it is a ciphertext
    of, None for what anybody may read.
    """

    what: str
    when: str
    size: int
    entropy: float
    head: bytes
    hides: Hidden | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Stored:
    """Files or rows of a kind in the profile: how many, and the bytes of files; rows are in the database."""

    what: str
    count: int
    size: int


@dataclass(frozen=True, slots=True)
class Inspection:
    """All that leaves, all that is stored, and what was learnt: words with their counts, most used first.

    Private: to be shown to its user, never logged or sent. complete: False if there is no key yet or no
    encryption library, and then ciphertexts are missing from `leaves`.
    """

    leaves: tuple[Leaving, ...]
    complete: bool
    stored: tuple[Stored, ...]
    words: tuple[tuple[str, float], ...] = field(repr=False)
    own_words: tuple[str, ...] = field(repr=False)
