"""The errors that device and service share, grouped by what the caller can do about them.

    QuietkeysError
    ├── TryAgain    the same call may succeed later; nothing was lost
    ├── StartOver   what the call builds on is not there (any longer): make it again
    ├── Refused     the call cannot succeed as it is: correct it
    ├── Outdated    this version is too old for its peer: upgrade
    └── Untrusted   what was received or read back must not be used

Catch a group to decide what to do, read `code` to know what happened. `detail` and everything else in
an error is public: sizes, field names, ids; never a key, typed text or a decrypted value.
"""

from __future__ import annotations

from typing import ClassVar, Final, assert_never

from quietkeys_protocol.codes import LOCAL, ErrorCode, Remedy


class QuietkeysError(Exception):
    """What every error of ours is; raised through the class of its remedy."""

    remedy: ClassVar[Remedy]  # of the subclass; the base itself cannot be raised

    def __init__(self, code: ErrorCode, detail: str = "") -> None:
        """`detail` is public and short: a size, a field's name."""
        if code.remedy is not self.remedy:
            raise TypeError(f"{code} is not raised as {type(self).__name__}")
        super().__init__(code, detail)
        self.code: Final = code
        self.detail: Final = detail

    @property
    def message(self) -> str:
        """What happened, for a person."""
        return f"{self.code.message}: {self.detail}" if self.detail else self.code.message

    @property
    def advice(self) -> str:
        """What to do about it, for a person."""
        return self.code.advice

    def __str__(self) -> str:
        return f"{self.message}. {self.advice}"


class TryAgain(QuietkeysError):  # noqa: N818 - read as "except TryAgain"
    """The same call may succeed later; nothing was lost."""

    remedy = Remedy.TRY_AGAIN


class StartOver(QuietkeysError):  # noqa: N818 - read as "except StartOver"
    """What the call builds on is not there (any longer): make it again."""

    remedy = Remedy.START_OVER


class Refused(QuietkeysError):  # noqa: N818 - read as "except Refused"
    """The call cannot succeed as it is: correct it."""

    remedy = Remedy.CORRECT


class Outdated(QuietkeysError):  # noqa: N818 - read as "except Outdated"
    """This version is too old for its peer: upgrade."""

    remedy = Remedy.UPGRADE


class Untrusted(QuietkeysError):  # noqa: N818 - read as "except Untrusted"
    """What was received or read back must not be used."""

    remedy = Remedy.DISTRUST


def error_of(code: ErrorCode, detail: str = "") -> QuietkeysError:
    """Return the error of a code, in the class of its remedy: for codes that came over the wire."""
    match code.remedy:
        case Remedy.TRY_AGAIN:
            return TryAgain(code, detail)
        case Remedy.START_OVER:
            return StartOver(code, detail)
        case Remedy.CORRECT:
            return Refused(code, detail)
        case Remedy.UPGRADE:
            return Outdated(code, detail)
        case Remedy.DISTRUST:
            return Untrusted(code, detail)
        case _:
            assert_never(code.remedy)


__all__ = [
    "LOCAL",
    "ErrorCode",
    "Outdated",
    "QuietkeysError",
    "Refused",
    "Remedy",
    "StartOver",
    "TryAgain",
    "Untrusted",
    "error_of",
]
