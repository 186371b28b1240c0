"""One language for people: what errors, updates and amounts are called on the screens."""

from __future__ import annotations

import time
from typing import Final

from quietkeys import ErrorCode, Level, Outcome, QuietkeysError

_SAID: Final = {
    ErrorCode.TRAINER_UNREACHABLE: "The trainer cannot be reached. Nothing is lost; try again later.",
    ErrorCode.TRAINER_BUSY: "The trainer is busy. Nothing is lost; try again in a few minutes.",
    ErrorCode.TRAINER_FULL: "The trainer is busy. Nothing is lost; try again in a few minutes.",
    ErrorCode.TOO_MANY_REQUESTS: "The trainer wants a pause. Nothing is lost; try again later.",
    ErrorCode.TRAINER_BROKEN: "The trainer made a mistake. Nothing is lost; try again later.",
    ErrorCode.TRAINER_GARBLED: "The trainer's answer makes no sense. Nothing was changed here.",
    ErrorCode.CONSENT_MISSING: "Nothing is sent before you agree to it. Train, and you are asked.",
    ErrorCode.ADDRESS_UNSAFE: "There is no trainer: its address begins with https://, or is on this machine.",
    ErrorCode.DISK_FULL: "The disk is full. Nothing was changed; free some space and try again.",
    ErrorCode.STORAGE_FAILED: "The folder of your words cannot be read or written. Nothing was changed.",
    ErrorCode.CIPHER_FAILED: "Encrypting ended early. Nothing is lost; try again, with less else open.",
    ErrorCode.KEY_STORE_FAILED: "The key store of this system is locked. Unlock it and try again.",
    ErrorCode.WORD_MALFORMED: "That is not one word.",
    ErrorCode.APP_UNNAMED: "A program has a name, of at most 200 characters.",
    ErrorCode.CLOCK_SKEWED: "The clock of this device is wrong. Set it and try again.",
    ErrorCode.ENROLMENT_REFUSED: "This trainer takes invited devices only.",
    ErrorCode.INVITATION_UNKNOWN: "This invitation is over: one lasts 15 minutes, for one device.",
    ErrorCode.INVITATION_REFUSED: "This is not the text of that invitation. Read it again.",
    ErrorCode.INVITATION_MALFORMED: "This is not an invitation. Enter all of what the other device shows.",
    ErrorCode.INVITATIONS_FULL: "There are too many open invitations. Wait until they are 15 minutes old.",
    ErrorCode.CIRCLE_FULL: "Your devices are as many as can share a key. Remove one first.",
    ErrorCode.CIRCLE_JOINED: "This device shares a key already.",
    ErrorCode.KEYS_STALE: "There is no key to share yet. Train once, then add the device.",
    ErrorCode.PROFILE_LOCKED: "Your words are open in another program. Close that first.",
    ErrorCode.PROFILE_SEALED: "Your words are protected with something that is not here.",
    ErrorCode.PROFILE_NEWER: "Your words were written by a newer version. Update this program.",
    ErrorCode.PROFILE_GONE: "The folder of your words was removed. Close this program.",
    ErrorCode.PROFILE_DAMAGED: "Something stored here is damaged, and was left alone.",
    ErrorCode.BUNDLE_UNTRUSTED: "The language model is not the one that was signed. Install it again.",
    ErrorCode.BACKUP_SEALED: "This code does not open this backup.",
    ErrorCode.BACKUP_DAMAGED: "This is no backup, or it is damaged.",
    ErrorCode.RECOVERY_CODE_MISTYPED: "There is a slip in this code. Compare it with what you wrote down.",
}
_OTHERWISE: Final = {  # by what can be done about an error
    "TRY_AGAIN": "That did not work now. Nothing is lost; try again later.",
    "START_OVER": "The trainer has lost something. The next training sends it again.",
    "CORRECT": "That cannot be done. Nothing was changed.",
    "UPGRADE": "This program is too old for that. Update it.",
    "DISTRUST": "What came cannot be trusted and was not used.",
}
LINES: Final = (  # of a curve
    "A point is a hundred words: grey as typed, dark as the model corrects that knows nobody, green with"
    " what was learned here, blue with updates as well and what may be chance around it. A dashed line is an"
    " update."
)
OUTCOMES: Final = {
    Outcome.APPLIED: "The update is in use",
    Outcome.KEPT_OLD: "No better than before, so not used",
    Outcome.ON_TRIAL: "Better, and on trial",
    Outcome.DUMMY: "Too little typing yet",
    Outcome.UNTRUSTED: "Refused",
    Outcome.UNDECRYPTABLE: "Refused",
    Outcome.LOST: "The trainer lost it",
    Outcome.PENDING: "The trainer is still at it",
    Outcome.DEFERRED: "Another time",
    Outcome.CANCELLED: "Stopped",
}
LEVELS: Final = {Level.OFF: "Off", Level.CAREFUL: "Careful", Level.NORMAL: "Normal", Level.EAGER: "Eager"}


def said(error: QuietkeysError) -> str:
    """Return an error as one sentence or two for people."""
    return said_of(error.code)


def said_of(code: ErrorCode) -> str:
    """Return an error's code as one sentence or two for people."""
    return _SAID.get(code) or _OTHERWISE[code.remedy.name]


def size(count: int) -> str:
    """Return a number of bytes, in units of 1000 from a thousand on."""
    if count >= 1_000_000:
        return f"{count / 1e6:.1f} MB"
    return f"{count / 1e3:.1f} KB" if count >= 1_000 else f"{count} bytes"


def times(count: float) -> str:
    """Return how often something was, older times counting less."""
    whole = round(count)
    return "once" if whole <= 1 else "twice" if whole == 2 else f"{whole} times"


def readiness_words(kept_aside: int, needed: int, words_left: int) -> str:
    """Return how much typing is missing until a training can come to something."""
    if kept_aside >= needed:
        return f"Enough typing to train on: {kept_aside} words kept aside to check an update."
    return (
        f"{kept_aside} of {needed} words kept aside to check an update. About {words_left} more words of"
        " typing, then a training can help."
    )


def kept_words(count: int) -> str:
    """Return what text of a user's lies on the device, in a sentence."""
    if not count:
        return "No text is kept."
    what = "word is" if count == 1 else f"{count} words are"
    return f"Of text, your last {what} kept, sealed and in no order, to show what an update changes."


def when(seconds: float, now: float | None = None) -> str:
    """Return a point in time as people say it."""
    ago = (time.time() if now is None else now) - seconds
    for unit, name in ((86_400.0, "day"), (3600.0, "hour"), (60.0, "minute")):
        if ago >= unit:
            count = int(ago // unit)
            return f"{count} {name}{'s' if count > 1 else ''} ago"
    return "just now"


def lasting(seconds: float) -> str:
    """Return how long something will take, roughly, as it is only guessed."""
    if seconds < 8.0:
        return "a few seconds"
    if seconds < 75.0:
        return f"about {max(round(seconds / 10.0), 1) * 10} seconds"
    minutes = round(seconds / 60.0)
    return "about a minute" if minutes <= 1 else f"about {minutes} minutes"
