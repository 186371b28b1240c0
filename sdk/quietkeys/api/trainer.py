"""The trainer that a profile syncs with, as an app names it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from quietkeys.remote.trust import trainer_address

KEY_BYTES: Final = 32  # of an Ed25519 public key (RFC 8032)


@dataclass(frozen=True, slots=True)
class Trainer:
    """Where a trainer is and how it is known to be the right one.

    url: https, or http on this machine; kept in its one form, without a path.
    key: its Ed25519 public key (32 bytes) if the app knows it, else the first one that it shows is trusted;
    any other is refused, and receipts of deletions are verified with it.
    enrolment_token: what whoever runs the trainer gives to those who may use it, where it asks for one.
    certificates: a PEM file of authorities to trust for its https, instead of the public ones.

    Raises Refused (ADDRESS_UNSAFE) for an address that nothing is sent to, ValueError for a key that is none.
    """

    url: str
    key: bytes | None = None
    enrolment_token: str = field(default="", repr=False)
    certificates: Path | None = None

    def __post_init__(self) -> None:
        if self.key is not None and len(self.key) != KEY_BYTES:
            raise ValueError(f"key: {KEY_BYTES} bytes")
        object.__setattr__(self, "url", trainer_address(self.url))
