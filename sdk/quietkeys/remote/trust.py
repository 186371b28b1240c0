"""What a device is willing to trust: a trainer's address and key, and receipts that were signed with it.

A trainer's key is trusted from the first enrolment on, or because the app gave it. A trust and a receipt
outlive a wipe: what is left to do afterwards, and what there is to show for it, rests on them.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from quietkeys.profile.settings import TRAINER_KEY, TRAINER_RECEIPTS, Setting
from quietkeys.profile.store import Store
from quietkeys_protocol.errors import ErrorCode, Refused, Untrusted, error_of
from quietkeys_protocol.messages import Receipt
from quietkeys_protocol.signing import deletion_string


@dataclass(frozen=True, slots=True)
class DeletionReceipt:
    """The trainer's signed word that it has deleted a device.

    It is evidence that the trainer said so, with the nonce of the request that asked for it, so that no
    receipt serves twice. It proves no deletion: what the user truly controls is the secret key.
    deleted_at: Unix seconds. signature: 64 bytes, over `signing.deletion_string`. trainer: its address.
    trainer_key: what the signature was verified with, 32 bytes.
    """

    device_id: str
    deleted_at: int
    nonce: str
    signature: bytes
    trainer: str
    trainer_key: bytes

    @classmethod
    def of(cls, receipt: Receipt, trainer: str, trainer_key: bytes) -> Self:
        """Return what a trainer answered, verified. Raises Untrusted (DELETION_UNPROVEN)."""
        made = cls(
            receipt.device_id, receipt.deleted_at, receipt.nonce, receipt.signature, trainer, trainer_key
        )
        if not made.is_signed_by(trainer_key):
            raise Untrusted(ErrorCode.DELETION_UNPROVEN, "the signature")
        return made

    def is_signed_by(self, trainer_key: bytes) -> bool:
        """Return whether the trainer with this Ed25519 public key (32 bytes) has signed it."""
        signed = deletion_string(self.device_id, self.deleted_at, self.nonce)
        try:
            Ed25519PublicKey.from_public_bytes(trainer_key).verify(self.signature, signed)
        except (InvalidSignature, ValueError):
            return False
        return True

    @classmethod
    def _stored(cls, fields: Mapping[str, str]) -> Self:
        return cls(
            fields["device_id"],
            int(fields["deleted_at"]),
            fields["nonce"],
            bytes.fromhex(fields["signature"]),
            fields["trainer"],
            bytes.fromhex(fields["trainer_key"]),
        )

    def _to_store(self) -> dict[str, str]:
        return {
            "device_id": self.device_id,
            "deleted_at": str(self.deleted_at),
            "nonce": self.nonce,
            "signature": self.signature.hex(),
            "trainer": self.trainer,
            "trainer_key": self.trainer_key.hex(),
        }


def trainer_address(url: str) -> str:
    """Return the address of a trainer in its one form: scheme, host and port, without a path.

    Raises Refused (ADDRESS_UNSAFE) unless it is https, or http on this very machine.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise Refused(ErrorCode.ADDRESS_UNSAFE) from error
    bare = not (parts.username or parts.password or parts.query or parts.fragment or parts.path.strip("/"))
    if not host or not bare or not (parts.scheme == "https" or (parts.scheme == "http" and _is_here(host))):
        raise Refused(ErrorCode.ADDRESS_UNSAFE)
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}" + (f":{port}" if port is not None else "")


def trusted_key(store: Store, trainer: str) -> bytes | None:
    """Return the key that is trusted of a trainer. Raises Untrusted (PROFILE_DAMAGED)."""
    return store.setting(_key_of(trainer))


def trust_key(store: Store, trainer: str, key: bytes) -> None:
    """Trust this key of a trainer, and no other, from now on."""
    store.set_setting(_key_of(trainer), key)


def check_key(store: Store, trainer: str, key: bytes) -> None:
    """Trust the first key that a trainer shows. Raises Untrusted (TRAINER_KEY_CHANGED) for another."""
    trusted = trusted_key(store, trainer)
    if trusted is None:
        trust_key(store, trainer, key)
    elif trusted != key:
        raise Untrusted(ErrorCode.TRAINER_KEY_CHANGED)


def receipts_in(store: Store) -> tuple[DeletionReceipt, ...]:
    """Return the receipts that were verified, oldest first. Raises Untrusted (PROFILE_DAMAGED)."""
    try:
        return tuple(DeletionReceipt._stored(fields) for fields in store.setting(TRAINER_RECEIPTS) or ())
    except (ValueError, TypeError, KeyError) as error:
        raise error_of(ErrorCode.PROFILE_DAMAGED, "a receipt") from error


def keep_receipt(store: Store, receipt: DeletionReceipt) -> None:
    """Keep a receipt that was verified. Within a transaction; raises as `receipts_in`."""
    kept = [*receipts_in(store), receipt]
    store.set_setting(TRAINER_RECEIPTS, [one._to_store() for one in kept])


def _key_of(trainer: str) -> Setting[bytes]:
    return TRAINER_KEY.of(hashlib.sha256(trainer.encode()).hexdigest())


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
